//! Holds a call of a function back, so that a test can act between the function's look and its change.

use anyhow::{Context, Result, ensure};
use membership::change::Change;
use serde_json::{Value, json};

use crate::account::Account;
use crate::cluster::{Cluster, LIMIT};
use crate::wait::until;

/// A fault of the region that holds calls back.
pub struct Hold {
    account: Account,
    id: u64,
}

impl Hold {
    /// Holds the next call of a function to this operation of etcd back for this long. The call goes on only
    /// if the function still waits for its answer: for a change it waits 4 s.
    pub async fn etcd(account: &Account, operation: &str, millis: u64) -> Result<Self> {
        let fault = json!({"fault": "api", "service": "etcd", "operation": operation, "caller": "function",
            "effect": "delay", "millis": millis, "count": 1});
        Self::on(account, fault).await
    }

    /// Holds the answer to each claim of this change back for this long, until the hold is lifted. Such a
    /// claim is in the ledger, so no other invocation makes the change; its claimant has not looked again
    /// yet. A function waits 5 s for an answer of S3.
    pub async fn claim(account: &Account, change: &str, millis: u64) -> Result<Self> {
        let fault = json!({"fault": "api", "service": "s3", "operation": "PutObject", "caller": "function",
            "body_contains": format!("\"change\": \"{change}\""), "effect": "delay-answer", "millis": millis});
        Self::on(account, fault).await
    }

    /// Holds calls back by this `api` fault.
    pub async fn on(account: &Account, fault: Value) -> Result<Self> {
        Ok(Self { account: account.clone(), id: account.lasting_fault(fault).await? })
    }

    /// Waits until the ledger has a claim of a change that is wanted.
    pub async fn is_claimed(&self, cluster: &Cluster, is_wanted: impl Fn(&Change) -> bool) -> Result<()> {
        until("the change is claimed", LIMIT, || async {
            let claim = cluster.ledger().await?.claim.context("the ledger has no claim")?;
            let change = claim.proposal.change;
            ensure!(is_wanted(&change), "the ledger has another claim: {change}");
            Ok(())
        })
        .await
    }

    /// Holds no further call. A call that is held already stays held for its time.
    pub async fn lift(self) -> Result<()> {
        self.account.fault(json!({"fault": "clear", "id": self.id})).await
    }

    /// Waits until a call is held. Returns the call's target: a member's address and port, a parameter's
    /// name, or a key.
    pub async fn caught(&self) -> Result<String> {
        until("a call is held", LIMIT, || async {
            let faults: Vec<Value> = serde_json::from_str(&self.account.page("faults").await?)?;
            let fault = faults.iter().find(|f| f["id"] == self.id).context("the fault was cleared")?;
            Ok(fault["last"].as_str().context("no such call was made yet")?.to_owned())
        })
        .await
    }
}
