//! The ordinary AWS clients, pointed at the local region, and the region's own pages: its state, its faults,
//! its logs.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use serde::Deserialize;
use serde_json::{Value, json};

/// One entry of the region's timeline.
#[derive(Clone, Debug, Deserialize)]
pub struct TimelineEntry {
    /// When it happened, by the region's clock: RFC 3339 with milliseconds, in UTC, so that strings sort by
    /// time.
    pub at: String,
    /// The part of the region that it happened in, such as `ec2`, `instance` or `function`.
    pub kind: String,
    /// The instance, group, function or other object that it happened to.
    pub who: String,
    /// What happened, as a sentence.
    pub text: String,
}

/// The clients of one AWS account, and the region's own pages.
#[derive(Clone, Debug)]
pub struct Account {
    /// The client of EC2 Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// The client of EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// The client of SSM.
    pub ssm: aws_sdk_ssm::Client,
    endpoint: String,
    http: reqwest::Client,
}

impl Account {
    /// Builds the clients of the region that answers at this endpoint.
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

    /// Reads one of the region's own pages, as text.
    pub async fn page(&self, path: &str) -> Result<String> {
        let answer = self.http.get(format!("{}/_region/{path}", self.endpoint)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Reads the region's whole state.
    pub async fn state(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.page("state").await?)?)
    }

    /// Reads what has happened in the region so far, oldest first.
    pub async fn timeline(&self) -> Result<Vec<TimelineEntry>> {
        Ok(serde_json::from_value(self.state().await?["timeline"].take())?)
    }

    /// Counts the calls that the functions have made to this operation of this service.
    pub async fn function_calls(&self, service: &str, operation: &str) -> Result<u64> {
        Ok(self.state().await?["calls"]["function"][service][operation].as_u64().unwrap_or(0))
    }

    /// Lists the IDs of the instances whose machines run.
    pub async fn machines(&self) -> Result<Vec<String>> {
        let machines = self.state().await?["machines"].take();
        let ids = machines.as_array().into_iter().flatten().filter_map(|m| m["instance"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Counts how often each fault that is set has happened, in the order in which the faults were set.
    pub async fn fired(&self) -> Result<Vec<u64>> {
        let faults = self.state().await?["faults"].take();
        Ok(faults.as_array().into_iter().flatten().filter_map(|fault| fault["fired"].as_u64()).collect())
    }

    /// Freezes every process of an instance.
    pub async fn pause(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "pause", "instance": instance})).await
    }

    /// Thaws a frozen instance.
    pub async fn resume(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "resume", "instance": instance})).await
    }

    /// Lets through so many KiB a second of what one instance sends to another.
    pub async fn slow_link(&self, from: &str, to: &str, kib: u32) -> Result<()> {
        self.fault(json!({"fault": "slow-link", "from": from, "to": to, "kib_per_second": kib})).await
    }

    /// Mends the link between two instances.
    pub async fn mend_link(&self, from: &str, to: &str) -> Result<()> {
        self.fault(json!({"fault": "mend-link", "from": from, "to": to})).await
    }

    /// Cuts an instance's power; returns when all its processes are dead.
    pub async fn cut_power(&self, instance: &str) -> Result<()> {
        self.fault(json!({"fault": "kill-instance", "instance": instance})).await
    }

    /// Sets one fault that stays set until it is cleared. Returns its ID, which clears it.
    pub async fn lasting_fault(&self, fault: Value) -> Result<u64> {
        let answer = self.set(&fault).await?;
        answer["id"].as_u64().with_context(|| format!("the region gave no ID for the fault {fault}"))
    }

    /// Sets one fault, or an array of faults.
    pub async fn fault(&self, fault: Value) -> Result<()> {
        self.set(&fault).await.map(drop)
    }

    async fn set(&self, fault: &Value) -> Result<Value> {
        let answer = self.http.post(format!("{}/_region/faults", self.endpoint)).json(fault).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "the fault {fault} was refused: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Sets one fault, or an array of faults. Where this machine does not allow them, says so on standard
    /// output and returns false.
    pub async fn fault_where_possible(&self, fault: Value) -> Result<bool> {
        let answer = self.http.post(format!("{}/_region/faults", self.endpoint)).json(&fault).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status == reqwest::StatusCode::NOT_IMPLEMENTED {
            crate::outln!("This machine does not allow the fault {fault}: {text}");
            return Ok(false);
        }
        anyhow::ensure!(status.is_success(), "the fault {fault} was refused: {text}");
        Ok(true)
    }

    /// Invokes a function with this event, and waits for its answer.
    pub async fn invoke(&self, function: &str, event: Vec<u8>) -> Result<Value> {
        let url = format!("{}/_region/invoke/{function}", self.endpoint);
        let answer = self.http.post(url).body(event).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{function} failed: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{function} answered {text:?}"))
    }

    /// Registers a deployment of the functions with these variables, or gives it these variables. `first` is the
    /// deployment that is there from the start.
    pub async fn deploy(&self, name: &str, variables: &Value) -> Result<()> {
        let url = format!("{}/_region/deployments/{name}", self.endpoint);
        self.http.post(url).json(variables).send().await?.error_for_status()?;
        Ok(())
    }

    /// Reads what the functions have logged so far.
    pub async fn logs(&self) -> Result<String> {
        self.page("functions/log").await
    }
}
