//! The ordinary AWS clients, pointed at the region.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use serde::Deserialize;
use serde_json::{Value, json};

/// One thing that happened in the region.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// RFC 3339 with milliseconds, UTC: sorts as it stands.
    pub at: String,
    /// What sort of thing.
    pub kind: String,
    /// Whom it concerns.
    pub who: String,
    /// A readable sentence.
    pub text: String,
}

/// The clients of one account, and the region's own pages.
#[derive(Clone, Debug)]
pub struct Account {
    /// Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// SSM.
    pub ssm: aws_sdk_ssm::Client,
    endpoint: String,
    http: reqwest::Client,
}

impl Account {
    /// The account whose APIs answer at this endpoint.
    pub async fn at(endpoint: &str) -> Result<Self> {
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(endpoint)
            .timeout_config(timeouts)
            .test_credentials()
            .load()
            .await;
        Ok(Self {
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            endpoint: endpoint.to_owned(),
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(90)).build()?,
        })
    }

    /// One of the region's own pages, as text.
    pub async fn page(&self, path: &str) -> Result<String> {
        let answer = self.http.get(format!("{}/_region/{path}", self.endpoint)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// The region's state.
    pub async fn state(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.page("state").await?)?)
    }

    /// What happened in the region so far, oldest first.
    pub async fn timeline(&self) -> Result<Vec<Entry>> {
        Ok(serde_json::from_value(self.state().await?["timeline"].take())?)
    }

    /// How often the functions called this operation of this service.
    pub async fn function_calls(&self, service: &str, operation: &str) -> Result<u64> {
        Ok(self.state().await?["calls"]["function"][service][operation].as_u64().unwrap_or(0))
    }

    /// Freezes every process of an instance.
    pub async fn pause(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "pause", "instance": instance})).await
    }

    /// Thaws a frozen instance.
    pub async fn resume(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "resume", "instance": instance})).await
    }

    /// Cuts an instance's power; returns when all its processes are dead.
    pub async fn cut_power(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "kill-instance", "instance": instance})).await
    }

    /// Sets one fault that stays in force; answers its ID.
    pub async fn rule(&self, fault: Value) -> Result<u64> {
        let answer = self.set(&fault).await?;
        answer["id"].as_u64().with_context(|| format!("the fault {fault} does not stay in force"))
    }

    /// Sets faults.
    pub async fn fault(&self, fault: Value) -> Result<()> {
        self.set(&fault).await.map(drop)
    }

    async fn set(&self, fault: &Value) -> Result<Value> {
        let answer = self.http.post(format!("{}/_region/faults", self.endpoint)).json(fault).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "the fault {fault} was refused: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Sets faults; false where this machine does not allow them, which is said on standard output.
    pub async fn fault_where_possible(&self, fault: Value) -> Result<bool> {
        let answer = self.http.post(format!("{}/_region/faults", self.endpoint)).json(&fault).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status == reqwest::StatusCode::NOT_IMPLEMENTED {
            println!("{fault} is not possible here: {text}");
            return Ok(false);
        }
        anyhow::ensure!(status.is_success(), "the fault {fault} was refused: {text}");
        Ok(true)
    }

    /// Invokes a function with these bytes and waits for its answer.
    pub async fn invoke(&self, function: &str, event: Vec<u8>) -> Result<Value> {
        let url = format!("{}/_region/invoke/{function}", self.endpoint);
        let answer = self.http.post(url).body(event).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{function} failed: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{function} answered {text:?}"))
    }

    /// What the functions logged.
    pub async fn logs(&self) -> Result<String> {
        self.page("functions/log").await
    }
}
