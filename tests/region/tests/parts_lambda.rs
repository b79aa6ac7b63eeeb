//! Lambda: the real runtime against the region's runtime API, and every way in which an invocation can end.

mod parts_support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use parts_support::{Bench, lines, process_state, until};
use serde_json::{Value, json};

#[tokio::test]
async fn an_invocation_is_answered_and_its_process_is_frozen_and_used_again() {
    let bench = Bench::without_instances(|_| {}).await;
    let (failed, first) = bench.invoke("reconcile", &json!({ "n": 1 })).await;
    assert!(!failed, "{first}");
    assert_eq!(first["event"], json!({ "n": 1 }));
    let pid = first["pid"].as_i64().unwrap();
    until("it is frozen", || process_state(pid) == Some('T')).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let deadline = u128::from(first["deadline"].as_u64().unwrap());
    assert!(deadline > now && deadline <= now + 60_000, "{deadline} lies within the timeout from {now}");

    let (_, second) = bench.invoke("reconcile", &json!({ "n": 2 })).await;
    assert_eq!(second["pid"].as_i64(), Some(pid), "the idle process is used again");
    assert_ne!(second["request"], first["request"]);
    assert_eq!(bench.functions()["started"], 1);

    let log = bench.region.parts().functions.log();
    let line = log.lines().find(|line| line.contains("probe got {\"n\":2}")).unwrap();
    assert!(line.contains(second["request"].as_str().unwrap()), "{line}");
    bench.region.shutdown().await;
    until("it is gone", || matches!(process_state(pid), None | Some('Z'))).await;
}

#[tokio::test]
async fn concurrent_invocations_have_a_process_each_and_another_function_too() {
    let bench = Bench::without_instances(|_| {}).await;
    let event = json!({});
    let (a, b, c) = tokio::join!(
        bench.invoke("reconcile", &event),
        bench.invoke("reconcile", &event),
        bench.invoke("instance-launch", &event)
    );
    let mut pids = [&a.1, &b.1, &c.1].map(|answer| answer["pid"].as_i64().unwrap());
    pids.sort_unstable();
    assert!(pids[0] != pids[1] && pids[1] != pids[2], "{pids:?}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn bursts_of_invocations_are_all_answered_by_processes_that_freeze_and_thaw() {
    let bench = Bench::without_instances(|_| {}).await;
    for burst in 0..10_u64 {
        let events: Vec<Value> = (0..12_u64).map(|n| json!({ "n": burst * 100 + n })).collect();
        let answers = join_all(events.iter().map(|event| bench.invoke("reconcile", event))).await;
        for (event, (failed, answer)) in events.iter().zip(answers) {
            assert!(!failed, "{answer}");
            assert_eq!(answer["event"], *event);
        }
    }
    let started = bench.functions()["started"].as_u64().unwrap();
    assert!(started <= 24, "{started} processes for bursts of 12: they are used again");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn every_bad_end_is_told_as_lambda_tells_it() {
    let bench = Bench::without_instances(|options| options.function_timeout = Duration::from_secs(2)).await;
    let (failed, error) = bench.invoke("reconcile", &json!({ "fail": "as asked" })).await;
    assert!(failed);
    assert_eq!(error["errorMessage"], "as asked");

    let (failed, error) = bench.invoke("reconcile", &json!({ "exit": 3 })).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().ends_with("exit status 3"), "{error}");

    let (failed, error) = bench.invoke("reconcile", &json!({ "hang": true })).await;
    assert!(failed);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(error["errorMessage"].as_str().unwrap().contains("timed out after 2.00 seconds"), "{error}");
    until("its process is killed", || bench.functions()["processes"].as_array().unwrap().is_empty()).await;

    let (failed, _) = bench.invoke("reconcile", &json!({})).await;
    assert!(!failed, "a new process takes the next one");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn what_is_no_function_is_said_to_be_none() {
    let bench = Bench::without_instances(|_| {}).await;
    for name in ["no-such-function", "..%2Freconcile"] {
        let url = format!("{}/_region/invoke/{name}", bench.region.endpoint());
        let answer = bench.http.post(url).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 404);
        let sentence: Value = answer.json().await.unwrap();
        assert!(sentence["error"].as_str().unwrap().contains("there is no function"), "{sentence}");
    }
    bench.region.shutdown().await;
}

#[tokio::test]
async fn an_asynchronous_failure_is_tried_twice_more_under_the_same_request_id() {
    let bench = Bench::without_instances(quick_retries).await;
    let file = bench.folder.path().join("attempts");
    let functions = &bench.region.parts().functions;
    functions.invoke_later("reconcile", json!({ "count_in": file, "fail_first": 2 }).to_string().into());
    until("it is answered", || bench.functions()["asynchronous"]["answered"] == 1).await;
    let attempts = std::fs::read_to_string(&file).unwrap();
    let requests: Vec<&str> = attempts.lines().collect();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| *request == requests[0]), "{requests:?}");
    bench.region.shutdown().await;
}

#[tokio::test]
async fn after_three_attempts_an_event_is_dead_lettered() {
    let bench = Bench::without_instances(quick_retries).await;
    let file = bench.folder.path().join("attempts");
    let functions = &bench.region.parts().functions;
    functions.invoke_later("reconcile", json!({ "count_in": file, "fail_first": 9 }).to_string().into());
    until("it is given up", || bench.functions()["asynchronous"]["deadLettered"] == 1).await;
    assert_eq!(lines(&file), 3);
    assert_eq!(bench.functions()["asynchronous"]["answered"], 0);
    bench.region.shutdown().await;
}

fn quick_retries(options: &mut region::Options) {
    options.function_retries = [Duration::from_millis(10), Duration::from_millis(20)];
}
