//! Injects a fault into the cluster, and heals it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::fault::{Effect, Fault, Role};
use super::roles::{Roles, can_be_lost};
use crate::cluster::Cluster;
use crate::wait::until;

/// A setting with a value that nobody can read.
const UNREADABLE: (&str, &str) = ("paused", "perhaps");
/// The group's maximum size.
pub const MAX: i32 = 9;

/// How long a fault that loses data waits for a moment at which the cluster can lose it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A fault that was injected, and how it is healed.
pub struct Injected {
    /// What it hit, in words; empty where it hit no instance.
    pub target: String,
    /// How it is healed.
    pub cure: Cure,
}

/// How a fault is healed.
pub enum Cure {
    /// There is nothing to heal.
    None,
    /// Healing faults to set in the region, each with its instances, which may be gone by then.
    Faults(Vec<(Vec<String>, Value)>),
    /// A setting of the region.
    Region(Value),
    /// The desired capacity to set.
    Scale(i32),
    /// The desired capacity to set, with room to grow, after a night at size 0.
    Morning(i32),
    /// The group's setting to take away.
    Untag(&'static str),
}

/// Injects faults into one cluster.
#[derive(Clone)]
pub struct Injector {
    cluster: Cluster,
    size: i32,
}

impl Injector {
    /// An injector for this cluster, whose desired capacity is `size`.
    pub fn new(cluster: &Cluster, size: usize) -> Result<Self> {
        Ok(Self { cluster: cluster.clone(), size: i32::try_from(size)? })
    }

    /// Injects a fault.
    ///
    /// # Errors
    /// If there is no instance to hit, or if the cluster cannot lose the instance.
    pub async fn inject(&self, fault: &Fault) -> Result<Injected> {
        match *fault {
            Fault::KillEtcd(role) => self.at(role, |id| json!({"fault": "kill-etcd", "instance": id})).await,
            Fault::Pause(role) => {
                let id = self.instance(role).await?;
                self.pause(&[id]).await
            }
            Fault::FreezeMajority => {
                let roles = Roles::now(&self.cluster).await?;
                let all: Vec<String> = roles.all().cloned().collect();
                self.pause(&all[..all.len().min(all.len() / 2 + 1)]).await
            }
            Fault::CutLink { from, to, one_way } => self.cut(from, to, one_way).await,
            Fault::Isolate(role) => {
                let id = self.instance(role).await?;
                self.or_pause(json!({"fault": "isolate", "instance": id}), &id, "rejoin").await
            }
            Fault::Hide(role) => {
                let id = self.instance(role).await?;
                let hide = json!({"fault": "isolate", "instance": id, "peers": false, "functions": true});
                self.or_pause(hide, &id, "rejoin").await
            }
            Fault::SlowDisk(role, millis) => {
                let id = self.instance(role).await?;
                let slow = json!({"fault": "slow-disk", "instance": id, "millis": millis});
                self.or_pause(slow, &id, "mend-disk").await
            }
            Fault::FillDisk(role) => {
                let id = self.instance(role).await?;
                self.or_pause(json!({"fault": "fill-disk", "instance": id}), &id, "free-disk").await
            }
            Fault::CutPower(role) => self.lose(role, "kill-instance").await,
            Fault::WipeDisk(role) => self.lose(role, "wipe-disk").await,
            Fault::EndOutright(role) => self.lose(role, "").await,
            Fault::Terminate(role) => {
                let id = self.instance(role).await?;
                self.cluster.terminate(&id).await?;
                Ok(Injected { target: id, cure: Cure::None })
            }
            Fault::Scale(more) => {
                self.cluster.scale(self.size + more).await?;
                Ok(Injected { target: format!("{} desired", self.size + more), cure: Cure::Scale(self.size) })
            }
            Fault::Refresh { launch_first } => self.refresh(launch_first).await,
            Fault::Night => {
                self.cluster.resize(0, 0).await?;
                Ok(Injected { target: "0 wanted".to_owned(), cure: Cure::Morning(self.size) })
            }
            Fault::Unreadable => {
                self.cluster.tag(UNREADABLE.0, UNREADABLE.1).await?;
                let target = format!("{}={}", UNREADABLE.0, UNREADABLE.1);
                Ok(Injected { target, cure: Cure::Untag(UNREADABLE.0) })
            }
            Fault::Events(_) | Fault::StopSchedule | Fault::KillFunctions { .. } | Fault::Api { .. } => {
                self.disturb_functions(fault).await
            }
        }
    }

    /// Heals a fault. An instance that is gone needs no healing, and neither does a link to it.
    pub async fn heal(&self, cure: Cure) -> Result<()> {
        match cure {
            Cure::None => Ok(()),
            Cure::Region(fault) => self.cluster.account.fault(fault).await,
            Cure::Scale(to) => self.cluster.scale(to).await,
            Cure::Morning(to) => self.cluster.resize(MAX, to).await,
            Cure::Untag(setting) => self.cluster.untag(&format!("etcd-asg:{setting}")).await,
            Cure::Faults(faults) => {
                for (instances, fault) in faults {
                    if let Err(error) = self.cluster.account.fault(fault).await
                        && self.run(&instances).await?
                    {
                        return Err(error);
                    }
                }
                Ok(())
            }
        }
    }

    async fn instance(&self, role: Role) -> Result<String> {
        Roles::now(&self.cluster).await?.instance(role)
    }

    async fn at(&self, role: Role, fault: impl Fn(&str) -> Value) -> Result<Injected> {
        let id = self.instance(role).await?;
        self.cluster.account.fault(fault(&id)).await?;
        Ok(Injected { target: id, cure: Cure::None })
    }

    async fn pause(&self, instances: &[String]) -> Result<Injected> {
        let each = |fault: &str| -> Vec<_> {
            instances.iter().map(|id| (vec![id.clone()], json!({"fault": fault, "instance": id}))).collect()
        };
        let cure = Cure::Faults(each("resume"));
        for (_, fault) in each("pause") {
            if let Err(error) = self.cluster.account.fault(fault).await {
                self.heal(cure).await?;
                return Err(error);
            }
        }
        Ok(Injected { target: instances.join(", "), cure })
    }

    /// Sets a fault, or pauses the instance where this machine does not allow the fault, and says so.
    async fn or_pause(&self, fault: Value, id: &str, cure: &str) -> Result<Injected> {
        if !self.cluster.account.fault_where_possible(fault).await? {
            crate::outln!("{id} is paused instead.");
            return self.pause(&[id.to_owned()]).await;
        }
        let cure = json!({"fault": cure, "instance": id});
        Ok(Injected { target: id.to_owned(), cure: Cure::Faults(vec![(vec![id.to_owned()], cure)]) })
    }

    async fn cut(&self, from: Role, to: Role, one_way: bool) -> Result<Injected> {
        let roles = Roles::now(&self.cluster).await?;
        let (from, mut to) = (roles.instance(from)?, roles.instance(to)?);
        if from == to {
            to = roles
                .all()
                .find(|id| **id != from)
                .context("there is no other instance to cut it from")?
                .clone();
        }
        let cut = json!({"fault": "cut-link", "from": from, "to": to, "one_way": one_way});
        if !self.cluster.account.fault_where_possible(cut).await? {
            crate::outln!("{from} is paused instead.");
            return self.pause(&[from]).await;
        }
        let mend = json!({"fault": "mend-link", "from": from, "to": to});
        let target = format!("{from} → {to}");
        Ok(Injected { target, cure: Cure::Faults(vec![(vec![from, to], mend)]) })
    }

    /// Ends an instance and loses its disk, once the cluster can lose it. `kind` is the region's fault, or
    /// empty for EC2's own TerminateInstances.
    async fn lose(&self, role: Role, kind: &str) -> Result<Injected> {
        let lost = until("the cluster can lose an instance", PATIENCE, || async {
            let id = self.instance(role).await?;
            can_be_lost(&self.cluster, &id).await?;
            match kind {
                "" => self.cluster.kill(&id).await?,
                kind => self.cluster.account.fault(json!({"fault": kind, "instance": id})).await?,
            }
            Ok(id)
        });
        Ok(Injected { target: lost.await?, cure: Cure::None })
    }

    async fn refresh(&self, launch_first: bool) -> Result<Injected> {
        let (min, max) = if launch_first { (100, 150) } else { (66, 100) };
        self.cluster.refresh_within(min, max).await?;
        Ok(Injected { target: format!("{min} % to {max} %"), cure: Cure::None })
    }

    async fn disturb_functions(&self, fault: &Fault) -> Result<Injected> {
        let set = |fault: Value| self.cluster.account.fault(fault);
        let lasting = async |fault: Value| -> Result<Cure> {
            let id = self.cluster.account.lasting_fault(fault).await?;
            Ok(Cure::Region(json!({"fault": "clear", "id": id})))
        };
        let cure = match *fault {
            Fault::Events(delivery) => {
                set(json!({"fault": "events", "delivery": delivery})).await?;
                Cure::Region(json!({"fault": "events", "delivery": "hostile"}))
            }
            Fault::StopSchedule => {
                set(json!({"fault": "schedule", "enabled": false})).await?;
                Cure::Region(json!({"fault": "schedule", "enabled": true}))
            }
            Fault::KillFunctions { call, when, times } => {
                lasting(json!({"fault": "kill-function", "call": call, "when": when, "count": times})).await?
            }
            Fault::Api { service, effect, percent } => lasting(api(service, effect, percent)).await?,
            _ => bail!("{fault} is not a fault of the functions, their events or their calls"),
        };
        Ok(Injected { target: String::new(), cure })
    }

    /// Whether the machines of all these instances run.
    async fn run(&self, instances: &[String]) -> Result<bool> {
        let machines = self.cluster.account.machines().await?;
        Ok(instances.iter().all(|id| machines.contains(id)))
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most a hundred")]
fn api(service: &str, effect: Effect, percent: u64) -> Value {
    let mut fault = json!({"fault": "api", "service": service, "caller": "function",
        "probability": percent as f64 / 100.0});
    fault["effect"] = match effect {
        Effect::Throttle => json!("throttle"),
        Effect::Fail => json!("fail"),
        Effect::Delay(_) => json!("delay"),
        Effect::Hang => json!("hang"),
        Effect::LoseAnswer => json!("lose-answer"),
    };
    if let Effect::Delay(millis) = effect {
        fault["millis"] = json!(millis);
    }
    fault
}
