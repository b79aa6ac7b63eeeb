//! The gate: the functions' calls to a member are recorded, failed, delayed or lost, and a function's process
//! is killed at a call.
#![allow(clippy::unwrap_used, reason = "a test ends where its surroundings fail")]

mod parts_support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use parts_support::{Bench, until};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// A member that answers every request, and records the requests.
struct Member {
    address: SocketAddr,
    reached: Arc<Mutex<Vec<String>>>,
}

impl Member {
    async fn start(bench: &Bench) -> Self {
        let listener = TcpListener::bind((bench.region.network().address(240), 2379)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::<Mutex<Vec<String>>>::default();
        let router = Router::new().fallback(remember).with_state(Arc::clone(&reached));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, reached }
    }

    fn reached(&self) -> Vec<String> {
        self.reached.lock().unwrap().clone()
    }

    fn name(&self) -> String {
        self.address.to_string()
    }
}

async fn remember(State(reached): State<Arc<Mutex<Vec<String>>>>, request: Request) -> String {
    let path = request.uri().path().to_owned();
    let proxied = request.headers().keys().any(|name| name.as_str().starts_with("proxy-"));
    reached.lock().unwrap().push(path.clone());
    format!("{{\"path\":\"{path}\",\"proxied\":{proxied}}}")
}

const LIST: &str = "/v3/cluster/member/list";
const ADD: &str = "/v3/cluster/member/add";
const STATUS: &str = "/v3/maintenance/status";

#[tokio::test]
async fn calls_to_a_member_pass_unchanged_and_are_counted_and_listed() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    let (failed, answer) = bench.calls(&member.name(), &[LIST, STATUS, LIST]).await;
    assert!(!failed, "{answer}");
    assert_eq!(answer["calls"][0]["status"], 200);
    assert_eq!(answer["calls"][0]["body"], format!("{{\"path\":\"{LIST}\",\"proxied\":false}}"));
    assert_eq!(member.reached(), [LIST, STATUS, LIST]);
    let counts = bench.region.parts().faults.counts();
    assert_eq!(counts["function"]["etcd"]["cluster/member/list"], 2);
    assert_eq!(counts["function"]["etcd"]["maintenance/status"], 1);
    let invocations = bench.invocations().clone();
    let calls = invocations[0]["calls"].as_array().unwrap();
    assert_eq!(invocations[0]["outcome"]["result"], "answered");
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[1]["operation"], "maintenance/status");
    assert_eq!(calls[1]["target"], member.name());
    assert!(calls.iter().all(|call| call["end"].as_f64() >= call["start"].as_f64()), "{calls:?}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_member_that_is_not_there_gives_no_answer() {
    let bench = Bench::without_instances(|_| {}).await;
    let nobody = format!("{}:2379", bench.region.network().address(241));
    let (failed, answer) = bench.calls(&nobody, &[LIST]).await;
    assert!(!failed, "{answer}");
    assert!(answer["calls"][0]["error"].is_string(), "{answer}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_member_sees_that_its_caller_has_given_up() {
    let bench = Bench::without_instances(|_| {}).await;
    let listener = TcpListener::bind((bench.region.network().address(240), 2379)).await.unwrap();
    let url = format!("http://{}{ADD}", listener.local_addr().unwrap());
    let silent = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        connection.read_to_string(&mut request).await.unwrap();
        request
    };
    let event = json!({ "calls": [url], "timeout_ms": 300 });
    let (request, (failed, answer)) = tokio::join!(silent, bench.invoke("reconcile", &event));
    assert!(request.starts_with("POST /v3/cluster/member/add HTTP/1.1"), "{request}");
    assert!(!failed && answer["calls"][0]["error"].is_string(), "{answer}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn an_encrypted_call_goes_through_a_tunnel_that_is_counted() {
    let bench = Bench::without_instances(|_| {}).await;
    let listener = TcpListener::bind((bench.region.network().address(240), 2379)).await.unwrap();
    let member = listener.local_addr().unwrap().to_string();
    let hello = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.read_u8().await.unwrap()
    };
    let event = json!({ "calls": [format!("https://{member}{LIST}")] });
    let (first_byte, (failed, answer)) = tokio::join!(hello, bench.invoke("reconcile", &event));
    assert_eq!(first_byte, 22, "a TLS handshake record (RFC 8446, 5.1)");
    assert!(!failed && answer["calls"][0]["error"].is_string(), "{answer}");
    let call = bench.invocations()[0]["calls"][0].clone();
    assert_eq!((&call["operation"], &call["target"]), (&json!("CONNECT"), &json!(member)));
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_failed_call_never_reaches_the_member_and_a_lost_answer_does() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    let faults = json!([
        { "fault": "api", "service": "etcd", "operation": "cluster/member/list", "effect": "fail", "status": 503,
          "code": "14", "message": "etcdserver: no leader", "count": 1 },
        { "fault": "api", "service": "etcd", "operation": "cluster/member/add", "effect": "lose-answer" },
        { "fault": "api", "service": "*", "target": "127.0.0.1:1", "effect": "hang" }
    ]);
    bench.set(faults).await;
    let (_, answer) = bench.calls(&member.name(), &[LIST, LIST, ADD]).await;
    let calls = &answer["calls"];
    assert_eq!(calls[0]["status"], 503, "{answer}");
    assert_eq!(calls[0]["body"], r#"{"code":14,"details":[],"message":"etcdserver: no leader"}"#);
    assert_eq!(calls[1]["status"], 200, "it was to happen once");
    assert!(calls[2]["error"].is_string(), "{answer}");
    assert_eq!(member.reached(), [LIST, ADD]);
    let state = bench.region.parts().faults.state();
    let fired: Vec<u64> = state.as_array().unwrap().iter().filter_map(|f| f["fired"].as_u64()).collect();
    assert_eq!(fired, [1, 1, 0]);
    bench.set(json!({ "fault": "clear" })).await;
    let (_, answer) = bench.calls(&member.name(), &[ADD]).await;
    assert_eq!(answer["calls"][0]["status"], 200, "nothing happens after the faults were cleared");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn one_rule_is_cleared_and_the_others_stay() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    let fail = |operation: &str| json!({ "fault": "api", "service": "etcd", "operation": operation, "effect": "fail" });
    let (_, first) = bench.fault(&fail("cluster/member/list")).await;
    bench.set(fail("cluster/member/add")).await;
    bench.set(json!({ "fault": "clear", "id": first["id"] })).await;
    let (_, answer) = bench.calls(&member.name(), &[LIST, ADD]).await;
    assert_eq!(answer["calls"][0]["status"], 200, "{answer}");
    assert_ne!(answer["calls"][1]["status"], 200, "{answer}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_hanging_call_ends_with_the_functions_time() {
    let bench =
        Bench::without_instances(|options| options.function_timeout = std::time::Duration::from_secs(1))
            .await;
    let member = Member::start(&bench).await;
    bench.set(json!({ "fault": "api", "service": "etcd", "caller": "function", "effect": "hang" })).await;
    let (failed, error) = bench.calls(&member.name(), &[LIST]).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(member.reached().is_empty());
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_delay_happens_before_the_call() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    bench.set(json!({ "fault": "api", "service": "etcd", "effect": "delay", "millis": 200 })).await;
    let (failed, answer) = bench.calls(&member.name(), &[LIST]).await;
    assert!(!failed, "{answer}");
    let call = bench.invocations()[0]["calls"][0].clone();
    assert!(call["end"].as_f64().unwrap() - call["start"].as_f64().unwrap() >= 200.0, "{call}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_late_call_arrives_also_when_its_caller_is_dead_and_a_delayed_one_does_not() {
    let bench =
        Bench::without_instances(|options| options.function_timeout = std::time::Duration::from_secs(1))
            .await;
    let member = Member::start(&bench).await;
    let faults = json!([
        { "fault": "api", "service": "etcd", "operation": "cluster/member/list", "effect": "delay", "millis": 1500,
          "count": 1 },
        { "fault": "api", "service": "etcd", "operation": "cluster/member/add", "effect": "late", "millis": 2000 }
    ]);
    bench.set(faults).await;
    for path in [LIST, ADD] {
        let (failed, error) = bench.calls(&member.name(), &[path]).await;
        assert!(failed);
        assert_eq!(error["errorType"], "Sandbox.Timedout");
        assert!(member.reached().is_empty(), "it has not arrived yet");
    }
    until("the late call arrives", || !member.reached().is_empty()).await;
    assert_eq!(member.reached(), [ADD]);
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_call_whose_answer_is_delayed_takes_effect_at_once() {
    let bench =
        Bench::without_instances(|options| options.function_timeout = std::time::Duration::from_secs(1))
            .await;
    let member = Member::start(&bench).await;
    let fault = |millis: u64| json!({ "fault": "api", "service": "etcd", "effect": "delay-answer", "millis": millis });
    bench.set(fault(200)).await;
    let (failed, answer) = bench.calls(&member.name(), &[LIST]).await;
    assert!(!failed, "{answer}");
    let call = bench.invocations()[0]["calls"][0].clone();
    assert!(call["end"].as_f64().unwrap() - call["start"].as_f64().unwrap() >= 200.0, "{call}");
    bench.set(fault(60_000)).await;
    let (failed, error) = bench.calls(&member.name(), &[ADD]).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert_eq!(member.reached(), [LIST, ADD], "both took effect");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn an_effect_can_wait_for_what_a_call_says() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    let fault =
        |part: &str| json!({ "fault": "api", "service": "etcd", "body_contains": part, "effect": "fail" });
    bench.set(json!([fault("nobody says this"), fault("")])).await;
    bench.calls(&member.name(), &[LIST]).await;
    let state = bench.region.parts().faults.state();
    let fired: Vec<u64> = state.as_array().unwrap().iter().filter_map(|f| f["fired"].as_u64()).collect();
    assert_eq!(fired, [0, 1]);
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_function_is_killed_before_its_nth_call_takes_effect() {
    assert_eq!(reached_when_killed_at_the_second("before").await, [LIST]);
}

#[tokio::test]
async fn a_function_is_killed_after_its_nth_call_took_effect() {
    assert_eq!(reached_when_killed_at_the_second("after").await, [LIST, STATUS]);
}

async fn reached_when_killed_at_the_second(when: &str) -> Vec<String> {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    bench.set(json!({ "fault": "kill-function", "function": "reconcile", "call": 2, "when": when })).await;
    let (failed, error) = bench.calls(&member.name(), &[LIST, STATUS, ADD]).await;
    assert!(failed, "{error}");
    assert!(error["errorMessage"].as_str().unwrap().ends_with("signal: killed"), "{error}");
    let reached = member.reached();
    let (failed, answer) = bench.calls(&member.name(), &[LIST, STATUS, ADD]).await;
    assert!(!failed, "it was to happen once: {answer}");
    bench.region.shutdown().await;
    reached
}

#[tokio::test]
async fn the_calls_are_counted_from_the_first_that_matches() {
    let bench = Bench::without_instances(|_| {}).await;
    let member = Member::start(&bench).await;
    let from =
        json!({ "service": "etcd", "operation": "maintenance/status", "body_contains": "linearizable" });
    bench.set(json!({ "fault": "kill-function", "call": 1, "when": "before", "from": from })).await;
    let (failed, _) = bench.calls(&member.name(), &[LIST, LIST, ADD]).await;
    assert!(!failed, "nothing matched");
    let (failed, _) = bench.calls(&member.name(), &[LIST, STATUS, ADD, LIST]).await;
    assert!(failed);
    assert_eq!(
        member.reached(),
        [LIST, LIST, ADD, LIST, STATUS],
        "killed at the call after the one that matched"
    );
    bench.region.shutdown().await;
}

#[tokio::test]
async fn calls_to_the_region_itself_pass_the_same_gate() {
    let bench = Bench::without_instances(|_| {}).await;
    let parameter = json!({ "Name": "/etcd-asg/demo/x", "Value": "1", "Type": "String" });
    let put = || {
        bench
            .http
            .post(bench.region.endpoint())
            .header("x-amz-target", "AmazonSSM.PutParameter")
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDOUTSIDE/20261122/us-west-2/ssm/aws4_request",
            )
            .body(parameter.to_string())
            .send()
    };
    bench.set(json!({ "fault": "api", "service": "ssm", "caller": "outside", "effect": "throttle", "count": 1 })).await;
    let throttled = put().await.unwrap();
    assert_eq!(throttled.status(), 400);
    assert!(throttled.text().await.unwrap().contains("ThrottlingException"));
    bench.set(json!({ "fault": "api", "service": "ssm", "effect": "lose-answer", "count": 1 })).await;
    put().await.unwrap_err();
    let again = put().await.unwrap();
    assert!(again.text().await.unwrap().contains("ParameterAlreadyExists"), "the lost one took effect");
    assert_eq!(bench.region.parts().faults.counts()["outside"]["ssm"]["PutParameter"], 3);
    bench.region.shutdown().await;
}

#[tokio::test]
async fn a_fault_that_is_not_understood_is_refused_with_a_sentence() {
    let bench = Bench::without_instances(|_| {}).await;
    for (fault, part) in [
        (json!({ "fault": "earthquake" }), "unknown variant"),
        (json!({ "fault": "clear", "now": true }), "unknown field"),
        (json!({ "fault": "api", "service": "ssm", "effect": "fail", "colour": "red" }), "unknown field"),
        (json!({ "fault": "api", "service": "sqs", "effect": "fail" }), "no service `sqs`"),
        (json!({ "fault": "api", "service": "ssm", "effect": "delay" }), "need `millis`"),
        (json!({ "fault": "kill-function", "call": 0, "when": "before" }), "number 1"),
        (json!({ "fault": "kill-instance", "instance": "i-0" }), "no instance i-0"),
        (json!({ "fault": "reuse-address", "address": "10.0.0.1" }), "no free address"),
        (json!([{ "fault": "clear" }, { "fault": "pause" }]), "missing field"),
    ] {
        let (status, answer) = bench.fault(&fault).await;
        assert_eq!(status, 400, "{fault}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn events_reach_their_functions_as_the_delivery_says() {
    let bench = Bench::without_instances(|options| {
        options.event_delay = std::time::Duration::from_secs(1);
    })
    .await;
    let events = &bench.region.parts().events;
    let launch = |n: u32| {
        let detail = json!({ "EC2InstanceId": format!("i-{n:017x}"), "AutoScalingGroupName": "demo" });
        events.lifecycle("EC2 Instance-launch Lifecycle Action", vec!["arn".to_owned()], detail);
    };
    let answered = |n: u64| bench.functions()["asynchronous"]["answered"] == n;
    launch(1);
    until("it came once", || answered(1)).await;
    let event = answer_of(&bench.invocations()[0])["event"].clone();
    assert_eq!(event["source"], "aws.autoscaling");
    assert_eq!(event["detail-type"], "EC2 Instance-launch Lifecycle Action");
    assert_eq!(event["resources"], json!(["arn"]));
    assert_eq!(event["detail"]["EC2InstanceId"], "i-00000000000000001");

    bench.set(json!({ "fault": "events", "delivery": "twice" })).await;
    launch(2);
    until("it came twice", || answered(3)).await;

    bench.set(json!({ "fault": "events", "delivery": "never" })).await;
    launch(3);
    bench.set(json!({ "fault": "events", "delivery": "reordered" })).await;
    launch(4);
    launch(5);
    until("both came", || answered(5)).await;
    let functions = bench.invocations();
    let instances: Vec<Value> = functions
        .as_array()
        .unwrap()
        .iter()
        .map(|invocation| answer_of(invocation)["event"]["detail"]["EC2InstanceId"].clone())
        .collect();
    let lost = json!("i-00000000000000003");
    assert!(!instances.contains(&lost), "{instances:?}");
    let [fourth, fifth] =
        [4, 5].map(|n| instances.iter().position(|instance| *instance == json!(format!("i-{n:017x}"))));
    assert!(fifth.is_some() && fifth < fourth, "the fifth overtook the fourth: {instances:?}");

    bench.set(json!({ "fault": "events", "delivery": "late" })).await;
    events.state_change("i-00000000000000001", "terminated");
    until("the state change came", || answered(6)).await;
    events.tick();
    until("the schedule ticked", || answered(7)).await;
    let functions = bench.invocations();
    let invocations = functions.as_array().unwrap();
    let [change, tick] = [5, 6].map(|at| answer_of(&invocations[at])["event"].clone());
    assert_eq!(change["source"], "aws.ec2");
    assert_eq!(change["detail"], json!({ "instance-id": "i-00000000000000001", "state": "terminated" }));
    assert_eq!(tick["detail-type"], "Scheduled Event");
    assert_eq!(tick["source"], "aws.events");
    assert_eq!(tick["detail"], json!({}));
    bench.region.shutdown().await;
}

fn answer_of(invocation: &Value) -> Value {
    serde_json::from_str(invocation["outcome"]["answer"].as_str().unwrap()).unwrap()
}
