//! The moment between a function's look and its act: a call is held back, and a test acts meanwhile.

use anyhow::{Context, Result, ensure};
use membership::change::Change;
use serde_json::{Value, json};

use crate::account::Account;
use crate::cluster::{Cluster, LIMIT};
use crate::wait::until;

/// A fault that waits for its call.
pub struct Hold {
    account: Account,
    id: u64,
}

impl Hold {
    /// Holds the next call of a function to this operation of etcd back for so long. It goes on only if its caller
    /// still waits for it: a function waits 4 s for the answer to a change.
    pub async fn etcd(account: &Account, operation: &str, millis: u64) -> Result<Self> {
        let fault = json!({"fault": "api", "service": "etcd", "operation": operation, "caller": "function",
            "effect": "delay", "millis": millis, "count": 1});
        Self::on(account, fault).await
    }

    /// Holds the answer to each claim of this change back for so long, until the hold is lifted: such a claim stands,
    /// so nobody else makes the change, and its claimant has yet to take its second look. A function waits 5 s for
    /// the ledger.
    pub async fn claim(account: &Account, change: &str, millis: u64) -> Result<Self> {
        let fault = json!({"fault": "api", "service": "s3", "operation": "PutObject", "caller": "function",
            "body_contains": format!("\"change\": \"{change}\""), "effect": "delay-answer", "millis": millis});
        Self::on(account, fault).await
    }

    /// Sets this `api` fault.
    pub async fn on(account: &Account, fault: Value) -> Result<Self> {
        Ok(Self { account: account.clone(), id: account.rule(fault).await? })
    }

    /// Waits until this claim stands in the cluster's ledger.
    pub async fn stands(&self, cluster: &Cluster, is_it: impl Fn(&Change) -> bool) -> Result<()> {
        until("the claim stands", LIMIT, || async {
            let claim = cluster.ledger().await?.claim.context("there is none yet")?;
            ensure!(is_it(&claim.proposal.change), "another one stands: {}", claim.proposal.change);
            Ok(())
        })
        .await
    }

    /// Holds no further call; one that is held already stays so.
    pub async fn lift(self) -> Result<()> {
        self.account.fault(json!({"fault": "clear", "id": self.id})).await
    }

    /// Waits until a call met the fault; answers its target: a member's address and port, a parameter, a key.
    pub async fn caught(&self) -> Result<String> {
        until("a call is held", LIMIT, || async {
            let rules: Vec<Value> = serde_json::from_str(&self.account.page("faults").await?)?;
            let rule = rules.iter().find(|r| r["id"] == self.id).context("the fault was cleared")?;
            Ok(rule["last"].as_str().context("none was made yet")?.to_owned())
        })
        .await
    }
}
