//! Carries a fault out, and heals it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::cast::{Cast, can_be_lost};
use super::fault::{Effect, Fault, Who};
use crate::cluster::Cluster;
use crate::wait::until;

/// How long a loss is put off until the cluster can bear it.
const PATIENCE: Duration = Duration::from_secs(90);

/// What was done, and how it is undone.
pub struct Done {
    /// To whom, in words; empty where no instance is meant.
    pub target: String,
    /// What heals it.
    pub cure: Cure,
}

/// How a fault is undone.
pub enum Cure {
    /// There is nothing to undo.
    None,
    /// Faults to set, each for its instances, which may be gone by then.
    Faults(Vec<(Vec<String>, Value)>),
    /// Rules and manners of the region.
    Region(Value),
    /// The desired capacity.
    Scale(i32),
}

/// Carries faults out on one cluster.
#[derive(Clone)]
pub struct Injector {
    cluster: Cluster,
    size: i32,
}

impl Injector {
    /// For this cluster, of this desired capacity.
    pub fn new(cluster: &Cluster, size: usize) -> Result<Self> {
        Ok(Self { cluster: cluster.clone(), size: i32::try_from(size)? })
    }

    /// Carries a fault out. An error says why it could not be: for want of a target, or of a majority without it.
    pub async fn inject(&self, fault: &Fault) -> Result<Done> {
        match *fault {
            Fault::KillEtcd(who) => self.at(who, |id| json!({"fault": "kill-etcd", "instance": id})).await,
            Fault::Pause(who) => {
                let id = self.play(who).await?;
                self.pause(&[id]).await
            }
            Fault::FreezeMajority => {
                let cast = Cast::now(&self.cluster).await?;
                let all: Vec<String> = cast.all().cloned().collect();
                self.pause(&all[..all.len().min(all.len() / 2 + 1)]).await
            }
            Fault::CutLink { from, to, one_way } => self.cut(from, to, one_way).await,
            Fault::Isolate(who) => {
                let id = self.play(who).await?;
                self.or_pause(json!({"fault": "isolate", "instance": id}), &id, "rejoin").await
            }
            Fault::Hide(who) => {
                let id = self.play(who).await?;
                let hide = json!({"fault": "isolate", "instance": id, "peers": false, "functions": true});
                self.or_pause(hide, &id, "rejoin").await
            }
            Fault::SlowDisk(who, millis) => {
                let id = self.play(who).await?;
                let slow = json!({"fault": "slow-disk", "instance": id, "millis": millis});
                self.or_pause(slow, &id, "mend-disk").await
            }
            Fault::FillDisk(who) => {
                let id = self.play(who).await?;
                self.or_pause(json!({"fault": "fill-disk", "instance": id}), &id, "free-disk").await
            }
            Fault::CutPower(who) => self.lose(who, "kill-instance").await,
            Fault::WipeDisk(who) => self.lose(who, "wipe-disk").await,
            Fault::EndOutright(who) => self.lose(who, "").await,
            Fault::Terminate(who) => {
                let id = self.play(who).await?;
                self.cluster.terminate(&id).await?;
                Ok(Done { target: id, cure: Cure::None })
            }
            Fault::Scale(more) => {
                self.cluster.scale(self.size + more).await?;
                Ok(Done { target: format!("{} wanted", self.size + more), cure: Cure::Scale(self.size) })
            }
            Fault::Refresh { launch_first } => self.refresh(launch_first).await,
            Fault::Events(_) | Fault::StopSchedule | Fault::KillFunctions { .. } | Fault::Api { .. } => {
                self.region(fault).await
            }
        }
    }

    /// Undoes it. An instance that is gone has nothing left to be healed, nor has a link to it.
    pub async fn heal(&self, cure: Cure) -> Result<()> {
        match cure {
            Cure::None => Ok(()),
            Cure::Region(fault) => self.cluster.account.fault(fault).await,
            Cure::Scale(to) => self.cluster.scale(to).await,
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

    async fn play(&self, who: Who) -> Result<String> {
        Cast::now(&self.cluster).await?.play(who)
    }

    async fn at(&self, who: Who, fault: impl Fn(&str) -> Value) -> Result<Done> {
        let id = self.play(who).await?;
        self.cluster.account.fault(fault(&id)).await?;
        Ok(Done { target: id, cure: Cure::None })
    }

    async fn pause(&self, instances: &[String]) -> Result<Done> {
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
        Ok(Done { target: instances.join(", "), cure })
    }

    /// What this machine does not allow is replaced by a pause, which is said.
    async fn or_pause(&self, fault: Value, id: &str, cure: &str) -> Result<Done> {
        if !self.cluster.account.fault_where_possible(fault).await? {
            println!("{id} is paused instead");
            return self.pause(&[id.to_owned()]).await;
        }
        let cure = json!({"fault": cure, "instance": id});
        Ok(Done { target: id.to_owned(), cure: Cure::Faults(vec![(vec![id.to_owned()], cure)]) })
    }

    async fn cut(&self, from: Who, to: Who, one_way: bool) -> Result<Done> {
        let cast = Cast::now(&self.cluster).await?;
        let (from, mut to) = (cast.play(from)?, cast.play(to)?);
        if from == to {
            to = cast.all().find(|id| **id != from).context("nobody is at the other end")?.clone();
        }
        let cut = json!({"fault": "cut-link", "from": from, "to": to, "one_way": one_way});
        if !self.cluster.account.fault_where_possible(cut).await? {
            println!("{from} is paused instead");
            return self.pause(&[from]).await;
        }
        let mend = json!({"fault": "mend-link", "from": from, "to": to});
        let target = format!("{from} → {to}");
        Ok(Done { target, cure: Cure::Faults(vec![(vec![from, to], mend)]) })
    }

    /// A loss waits until the cluster can bear it; `kind` is the region's fault, or empty for EC2's own call.
    async fn lose(&self, who: Who, kind: &str) -> Result<Done> {
        let lost = until("the cluster can bear a loss", PATIENCE, || async {
            let id = self.play(who).await?;
            can_be_lost(&self.cluster, &id).await?;
            match kind {
                "" => self.cluster.kill(&id).await?,
                kind => self.cluster.account.fault(json!({"fault": kind, "instance": id})).await?,
            }
            Ok(id)
        });
        Ok(Done { target: lost.await?, cure: Cure::None })
    }

    async fn refresh(&self, launch_first: bool) -> Result<Done> {
        let (min, max) = if launch_first { (100, 150) } else { (66, 100) };
        self.cluster.refresh_within(min, max).await?;
        Ok(Done { target: format!("{min} % to {max} %"), cure: Cure::None })
    }

    async fn region(&self, fault: &Fault) -> Result<Done> {
        let set = |fault: Value| self.cluster.account.fault(fault);
        let rule = async |fault: Value| -> Result<Cure> {
            let id = self.cluster.account.rule(fault).await?;
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
                rule(json!({"fault": "kill-function", "call": call, "when": when, "count": times})).await?
            }
            Fault::Api { service, effect, percent } => rule(api(service, effect, percent)).await?,
            _ => bail!("{fault} is no fault of the region's own"),
        };
        Ok(Done { target: String::new(), cure })
    }

    /// Whether all of them run.
    async fn run(&self, instances: &[String]) -> Result<bool> {
        let machines = self.cluster.account.state().await?["machines"].take();
        let runs = |id: &String| {
            machines.as_array().into_iter().flatten().any(|machine| machine["instance"] == **id)
        };
        Ok(instances.iter().all(runs))
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
