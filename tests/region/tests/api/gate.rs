//! Every call passes the gate: the gate counts it, and a fault can answer it in the service's own format.

use serde_json::json;

use crate::support::{Fixture, options, until, what};

async fn fault(fixture: &Fixture, fault: serde_json::Value) {
    let url = format!("{}/_region/faults", fixture.region.endpoint());
    let answer =
        reqwest::Client::new().post(url).body(fault.to_string()).header("content-type", "application/json");
    let answer = answer.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
}

#[tokio::test]
async fn a_failed_call_has_each_services_own_error_form() {
    let fixture = Fixture::start(options()).await;
    for service in ["autoscaling", "ec2", "ssm"] {
        fault(
            &fixture,
            json!({"fault": "api", "service": service, "operation": "*", "effect": "fail", "status": 500,
                   "code": "ResourceContention", "message": "busy", "count": 1}),
        )
        .await;
    }
    let expected = ("ResourceContention".to_owned(), "busy".to_owned());
    let error = fixture.autoscaling.describe_auto_scaling_groups().send().await.expect_err("failed");
    assert_eq!(what(&error), expected);
    let error = fixture.ec2.describe_instances().send().await.expect_err("failed");
    assert_eq!(what(&error), expected);
    let error = fixture.ssm.get_parameter().name("/a").send().await.expect_err("failed");
    assert_eq!(what(&error), expected);
    fixture.ec2.describe_instances().send().await.expect("once only");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_lost_answer_still_took_effect() {
    let fixture = Fixture::start(options()).await;
    let lose = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "effect": "lose-answer", "count": 1});
    fault(&fixture, lose).await;
    let put = fixture.ssm.put_parameter().name("/a").value("1").r#type("String".into());
    put.send().await.expect_err("no answer comes");
    let got = fixture.ssm.get_parameter().name("/a").send().await.expect("it was written");
    assert_eq!(got.parameter().and_then(|one| one.value()), Some("1"));
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_delayed_call_takes_effect_although_its_client_has_gone() {
    let fixture = Fixture::start(options()).await;
    let delay = json!({"fault": "api", "service": "ssm", "operation": "PutParameter", "effect": "delay", "millis": 500, "count": 1});
    fault(&fixture, delay).await;
    let put = fixture.ssm.put_parameter().name("/a").value("1").r#type("String".into()).send();
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(100), put).await;
    assert!(given_up.is_err(), "the client gives up first");
    until("the write lands all the same", async || fixture.ssm.get_parameter().name("/a").send().await.ok())
        .await;
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn the_state_page_counts_calls_and_tells_what_happened() {
    let fixture = Fixture::start(options()).await;
    fixture.group(1, &[]).await;
    let instance = fixture.wait_for(1, "InService").await.remove(0);
    let state = fixture.state().await;
    assert_eq!(state["instances"][&instance]["lifecycle"], "InService");
    assert_eq!(state["instances"][&instance]["ec2"], "running");
    assert!(state["calls"].to_string().contains("CreateAutoScalingGroup"), "{}", state["calls"]);
    let told = state["timeline"].as_array().expect("a timeline").iter();
    let told: Vec<_> = told.filter(|entry| entry["who"] == instance.as_str()).collect();
    assert!(told.iter().any(|entry| entry["text"] == "InService"), "{told:?}");
    fixture.region.shutdown().await;
}

#[tokio::test]
async fn a_request_without_a_signature_is_told_so() {
    let fixture = Fixture::start(options()).await;
    let answer = reqwest::get(fixture.region.endpoint()).await.expect("an answer");
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.expect("a text").contains("MissingAuthenticationToken"));
    fixture.region.shutdown().await;
}
