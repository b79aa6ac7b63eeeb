//! A Lambda function that does what its event says, to test the region's Lambda with the real runtime.
//!
//! `{"calls": [url, …], "timeout_ms": n}` posts to each in turn; `{"fail": text}`, `{"exit": code}` and
//! `{"hang": true}` end badly; `{"fail_first": n, "count_in": file}` fails until the file has more than n
//! lines, and adds one each time.

use std::io::Write;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = reqwest::Client::new();
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handle(client.clone(), event))).await
}

async fn handle(client: reqwest::Client, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    eprintln!("probe got {event}");
    if event["hang"] == true {
        std::future::pending::<()>().await;
    }
    if let Some(code) = event["exit"].as_i64() {
        std::process::exit(i32::try_from(code)?);
    }
    if let Some(text) = event["fail"].as_str() {
        return Err(text.into());
    }
    if let Some(file) = event["count_in"].as_str() {
        let mut counted = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(counted, "{}", context.request_id)?;
        let attempts = std::fs::read_to_string(file)?.lines().count();
        if u64::try_from(attempts)? <= event["fail_first"].as_u64().unwrap_or_default() {
            return Err("not yet".into());
        }
    }
    let timeout = Duration::from_millis(event["timeout_ms"].as_u64().unwrap_or(60_000));
    let mut calls = Vec::new();
    for url in event["calls"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        calls.push(post(&client, url, timeout).await);
    }
    Ok(json!({
        "event": event,
        "calls": calls,
        "pid": std::process::id(),
        "request": context.request_id,
        "deadline": context.deadline,
    }))
}

async fn post(client: &reqwest::Client, url: &str, timeout: Duration) -> Value {
    match client.post(url).timeout(timeout).body("{\"linearizable\":true}").send().await {
        Ok(answer) => {
            json!({ "status": answer.status().as_u16(), "body": answer.text().await.unwrap_or_default() })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}
