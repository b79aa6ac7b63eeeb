//! The record of the group's owner, and in a contested world the second deployment that wants the group.
//!
//! Both deployments see the same group and the same parameters. Each has a ledger of its own, so nothing but the
//! record keeps them apart.

use membership::decision::{Decision, Note, Verdict};
use membership::ids::Timestamp;
use membership::instance::Lifecycle;
use membership::ledger::Ledger;
use membership::owner::{Owner, OwnerRecord, Ownership, SETTLES};

use super::World;
use super::invocations::Run;

/// The name of the record in the Parameter Store.
pub const OWNER: &str = "owner";
const BUCKETS: [&str; 2] = ["b", "b2"];

/// The ledgers of the deployments, and how they contend.
#[derive(Default)]
pub struct Deployments {
    /// Whether there is a second deployment.
    pub contested: bool,
    /// The deployment whose ledger the invariants are checked against: the last that wrote one.
    current: usize,
    ledgers: [Option<Ledger>; 2],
}

impl Deployments {
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledgers[self.current].as_ref()
    }

    pub fn ledger_of(&self, deployment: usize) -> Option<&Ledger> {
        self.ledgers[deployment].as_ref()
    }
}

impl World {
    /// The ledger of the cluster.
    pub fn store(&self) -> Option<&Ledger> {
        self.deployments.ledger()
    }

    /// Checks I2: no two deployments act on the group, each with a ledger of its own.
    pub fn check_one_ledger(&mut self, deployment: usize) {
        if self.deployments.ledgers[1 - deployment].is_some() {
            self.broken("I2", format!("deployment {deployment} writes a second ledger of the group"));
        }
    }

    pub fn set_store(&mut self, deployment: usize, ledger: Ledger) {
        self.deployments.current = deployment;
        self.deployments.ledgers[deployment] = Some(ledger);
    }

    /// The record as this invocation sees it. Where there is one deployment, it has owned the group since long ago.
    pub fn see_owner(&mut self, run: &mut Run) -> Ownership {
        let (now, me) = (self.now, owner(run.deployment));
        if let Some(settled) = &run.owner {
            return settled.clone();
        }
        let record = if self.deployments.contested {
            self.ssm.read_dated(OWNER, now, &mut self.rng).and_then(|(written, text)| {
                let owner = serde_json::from_str(&text).ok()?;
                Some(OwnerRecord { owner, written: Timestamp(written) })
            })
        } else {
            Some(OwnerRecord { owner: me.clone(), written: Timestamp(0) })
        };
        let ownership = Ownership { me, record, settles: SETTLES };
        // As the functions do: a record that has settled is read once in each invocation.
        run.owner = ownership.is_certain(Timestamp(now)).then(|| ownership.clone());
        ownership
    }

    /// The schedules of both deployments, in any order. At times an operator deletes the record, in the belief that
    /// nobody needs it.
    pub fn contested_schedule(&mut self) {
        let first = usize::from(self.rng.chance(500));
        for deployment in [first, 1 - first] {
            let running = self.runs.values().filter(|r| r.deployment == deployment).count();
            if self.hostile() || running < 2 {
                self.invoke_of(deployment);
            }
        }
        // Before the cluster serves, no ledger can bear out whose it is.
        let serves = self.hosts.values().any(|h| h.lifecycle == Some(Lifecycle::InService));
        if self.hostile() && serves && self.rng.chance(200) {
            self.tell("somebody deletes the record of the owner".to_owned());
            self.ssm.delete(OWNER, self.now);
        }
    }

    /// Whether the decision refuses the group as a whole. The functions end such an invocation.
    pub fn is_refused(&self, decision: &Decision) -> bool {
        let refused = |note: &Note| matches!(note.verdict, Verdict::Refused(_));
        let idle = decision.proposal.is_none() && decision.effects.is_empty();
        self.deployments.contested && idle && !decision.notes.is_empty() && decision.notes.iter().all(refused)
    }
}

fn owner(deployment: usize) -> Owner {
    Owner {
        bucket: BUCKETS[deployment].to_owned(),
        ledger_prefix: "l".into(),
        parameter_prefix: "/p".into(),
        vpc: String::new(),
        deployment: format!("d{deployment}"),
        cluster: "c".into(),
        without_ledger: false,
    }
}
