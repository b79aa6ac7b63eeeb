//! Two deployments that see one group: the record of the group's owner, and which ledger each of them has.
//!
//! A record has one of the ages that the rules distinguish: written in this step of time; settled; too old to be taken
//! back; old enough for an adoption. A step of time makes it one older, so it may also be older than the steps tell.
//! While it is new, a second creator takes its place: the Parameter Store's create-if-absent promises nothing to two
//! creators at one moment.

use membership::ids::{ClusterName, Timestamp};
use membership::ledger::Ledger;
use membership::observation::Seen;
use membership::owner::{Owner, OwnerRecord, Ownership, SETTLES};

use crate::clock::NOW;
use crate::state::{HOSTS, Invariant, Record};
use crate::step::Step;
use crate::world::Second;

/// What is hidden from a look where the owner's record is, in the place of an instance.
pub const RECORD: u8 = HOSTS as u8;
/// The ages of a record, in the times that a new record takes to settle.
const AGES: [u32; 4] = [0, 1, 10, 20];

impl Step<'_> {
    /// The deployment of this invocation. In a world with two deployments each has one invocation.
    pub fn deployment(&self, run: usize) -> u8 {
        if self.world.second == Second::None { 0 } else { run as u8 }
    }

    /// The index of the ledger that this deployment has.
    pub fn ledger_of(&self, deployment: u8) -> u32 {
        if deployment == self.s.holder { self.s.ledger } else { self.s.other }
    }

    /// The cluster that the group's tag names to this deployment.
    pub fn cluster_of(&self, deployment: u8) -> ClusterName {
        if self.world.second == Second::Renamed && deployment == 1 { "d".into() } else { "c".into() }
    }

    /// The record as a look of this deployment sees it. A sole deployment has owned the group since long ago.
    pub fn ownership(&self, deployment: u8, hidden: Option<u8>) -> Seen<Ownership> {
        let me = self.me(deployment);
        let sole = Record { deployment: 0, without_ledger: false, age: 3 };
        let record = if self.world.second == Second::None { Some(sole) } else { self.s.owner };
        let record = record.filter(|_| hidden != Some(RECORD)).map(|r| OwnerRecord {
            owner: Owner { without_ledger: r.without_ledger, ..self.me(r.deployment) },
            written: written(r.age),
        });
        Seen::Known(Ownership { me, record, settles: SETTLES })
    }

    fn me(&self, deployment: u8) -> Owner {
        let place = if self.world.second == Second::Renamed { 0 } else { deployment };
        Owner {
            bucket: format!("b{place}"),
            ledger_prefix: "l".into(),
            parameter_prefix: "/p".into(),
            vpc: String::new(),
            deployment: format!("d{place}"),
            cluster: self.cluster_of(deployment),
            without_ledger: false,
        }
    }

    /// Whether this deployment owns the group, under a record that has settled.
    pub fn owns(&self, deployment: u8) -> bool {
        self.s.owner.is_some_and(|record| record.deployment == deployment && record.age > 0)
    }

    /// The record is created: where there is none, or at the moment at which another is created.
    pub fn create_owner(&mut self, owner: &Owner) {
        if self.s.owner.is_none_or(|record| record.age == 0) {
            self.take_owner(owner);
        }
    }

    pub fn take_owner(&mut self, owner: &Owner) {
        if self.world.second == Second::None {
            return;
        }
        let deployment = u8::from(*owner != Owner { without_ledger: owner.without_ledger, ..self.me(0) });
        self.s.owner = Some(Record { deployment, without_ledger: owner.without_ledger, age: 0 });
    }

    pub fn record_grows_older(&mut self) {
        if let Some(record) = &mut self.s.owner {
            record.age = (record.age + 1).min(AGES.len() as u8 - 1);
        }
    }

    /// Notes whose ledger is written. Checks I2 and I10: no two deployments act on the group, each with a ledger of
    /// its own. Where the record is deleted before a cluster forms, another deployment may take the group over, under
    /// its own record that has settled.
    pub fn check_one_ledger(&mut self, run: usize) {
        let deployment = self.deployment(run);
        if self.s.ledger == 0 {
            self.s.holder = deployment;
        }
        if deployment == self.s.holder {
            return;
        }
        let formed = self.s.clusters.iter().any(|c| c.formed);
        if !formed && self.s.runs[run].basis.owns {
            (self.s.ledger, self.s.other) = (self.s.other, self.s.ledger);
            self.s.holder = deployment;
            return;
        }
        let which = match self.world.second {
            Second::Moved | Second::Stranger => Invariant::I10,
            Second::None | Second::Bare | Second::Renamed => Invariant::I2,
        };
        self.broken(which, || format!("deployment {} acts with a ledger of its own", deployment + 1));
    }
}

fn written(age: u8) -> Timestamp {
    NOW.minus(SETTLES * AGES[usize::from(age)])
}

/// The ledger of the second deployment, made of the ledger of the first.
pub fn second_ledger(second: Second, ledger: &Ledger) -> Option<Ledger> {
    let mut other = ledger.clone();
    match second {
        Second::None | Second::Bare | Second::Renamed => return None,
        Second::Moved => other.moved_to = Some("s3://b0/l".to_owned()),
        Second::Stranger => {
            if let Some(identity) = &mut other.generation.identity {
                identity.cluster = membership::ids::ClusterId(199);
            }
        }
    }
    Some(other)
}
