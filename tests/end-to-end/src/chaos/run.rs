//! One run: a cluster forms, the plan is carried out, everything is healed, and the cluster must settle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use region::Options;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::clients::Clients;
use super::fault::Step;
use super::injector::{Cure, Injector};
use super::plan::Plan;
use super::report::{Report, Tally};
use super::verdict::judge;
use crate::account::Account;
use crate::cluster::{Cluster, LIMIT};
use crate::load::{AbortOnDrop, Endpoints, Load, Pace, follow};
use crate::narrator::{Narrator, say};
use crate::stage::may_mount;
use crate::wait::until;

/// Short, so that what lasts long is replaced: most faults are over before.
const SETTINGS: [(&str, &str); 2] = [("unproven-grace", "10s"), ("join-patience", "60s")];
/// Two preallocated logs of 64 MB, and room to run.
const DISK_MIB: u32 = 320;
/// An instance refresh of every node, beside whatever else has to be mended.
const REFRESH_LIMIT: Duration = Duration::from_secs(900);

/// Several instances may have to be given up and replaced, one after the other, and a busy machine takes its time.
const SETTLE_LIMIT: Duration = Duration::from_secs(600);

/// How a run is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// When it began.
    pub begun: Instant,
    /// Whether it is also told what the group and the functions do.
    pub closely: bool,
}

/// The region that chaos wants: brisk functions, and disks that can be filled where that is possible.
pub fn arrange(options: &mut Options, seed: u64) {
    options.seed = seed;
    options.function_timeout = Duration::from_secs(20);
    options.tick = Some(Duration::from_secs(3));
    options.disk_mib = may_mount().then_some(DISK_MIB);
}

/// Carries a plan out on a new cluster and says what came of it. What breaks a promise stands in the report; an error
/// is one of the surroundings.
pub async fn run(account: &Account, plan: &Plan, watch: Watch) -> Result<Report> {
    let size = i32::try_from(plan.size)?;
    say(watch.begun, &format!("CREATE a group of {size}"));
    let cluster = Cluster::create(account.clone(), "chaos", size, &SETTINGS).await?;
    let narrator = watch.closely.then(|| Narrator::start(cluster.clone(), watch.begun));
    cluster.settles_within(plan.size, SETTLE_LIMIT).await?;
    let endpoints = Endpoints::default();
    let follower = AbortOnDrop(tokio::spawn(follow(cluster.clone(), endpoints.clone())));
    let clients = Clients::start(Arc::clone(&endpoints), plan.seed)?;
    let load = Load::paced(endpoints, "load", Pace::GENTLE)?;
    let acts = Acts { injector: Injector::new(&cluster, plan.size)?, watch, tally: Arc::default() };
    let began = Instant::now();
    say(watch.begun, &format!("CHAOS: {} faults from seed {}", plan.steps.len(), plan.seed));
    acts.all(plan).await?;
    say(watch.begun, "HEAL everything, and wait until it settles");
    let chaos = began.elapsed();
    heal_all(&cluster, size).await?;
    let settled = settles(&cluster, plan.size, &clients).await;
    let settling = began.elapsed() - chaos;
    if let Some(narrator) = narrator {
        narrator.end().await;
    }
    let mut report = Report { chaos, settling, tally: acts.tally(), ..Report::new(plan) };
    if let Err(error) = settled {
        report.violations.push(format!("it did not settle once the faults had stopped: {error:#}"));
    }
    say(watch.begun, "READ everything back, and check");
    judge(&mut report, &cluster, clients, load).await;
    drop(follower);
    Ok(report)
}

/// The plan's steps, as they are carried out.
struct Acts {
    injector: Injector,
    watch: Watch,
    tally: Arc<Mutex<Tally>>,
}

impl Acts {
    /// One after another at their times; what the plan has healed before a step is healed before it. Where one takes
    /// longer, all that follow are later.
    async fn all(&self, plan: &Plan) -> Result<()> {
        let mut lasting: BTreeMap<usize, JoinHandle<Result<()>>> = BTreeMap::new();
        let mut base = Instant::now();
        for (number, step) in plan.steps.iter().enumerate() {
            tokio::time::sleep_until((base + step.start).into()).await;
            let over = |n: &usize| plan.steps[*n].end() <= step.start;
            for n in lasting.keys().copied().filter(over).collect::<Vec<_>>() {
                if let Some(task) = lasting.remove(&n) {
                    task.await??;
                }
            }
            if let Some(cure) = self.begin(number, step).await {
                lasting.insert(number, self.end_later(number, step, cure));
            }
            base += Instant::now().saturating_duration_since(base + step.start);
        }
        for task in lasting.into_values() {
            task.await??;
        }
        Ok(())
    }

    async fn begin(&self, number: usize, step: &Step) -> Option<Cure> {
        let kind = step.fault.kind();
        match self.injector.inject(&step.fault).await {
            Ok(done) => {
                self.say(number, &format!("{:<38} {}", step.fault.to_string(), done.target));
                self.note(|tally| tally.entry(kind).or_default().0 += 1);
                Some(done.cure)
            }
            Err(error) => {
                self.say(number, &format!("{:<38} not now: {error:#}", step.fault.to_string()));
                self.note(|tally| tally.entry(kind).or_default().1 += 1);
                None
            }
        }
    }

    fn end_later(&self, number: usize, step: &Step, cure: Cure) -> JoinHandle<Result<()>> {
        let (injector, watch, step) = (self.injector.clone(), self.watch, step.clone());
        tokio::spawn(async move {
            tokio::time::sleep(step.lasts).await;
            let told = !matches!(cure, Cure::None);
            injector.heal(cure).await?;
            if told {
                say(watch.begun, &format!("{:>4}    healed: {}", number + 1, step.fault.kind().name()));
            }
            Ok(())
        })
    }

    fn say(&self, number: usize, text: &str) {
        say(self.watch.begun, &format!("{:>4}  {text}", number + 1));
    }

    fn note(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Whatever is left of any fault ends here.
async fn heal_all(cluster: &Cluster, size: i32) -> Result<()> {
    let region = json!([{"fault": "clear"}, {"fault": "schedule", "enabled": true}]);
    cluster.account.fault(region).await?;
    for machine in machines(cluster).await? {
        // One of them may just be going.
        let _gone = cluster.account.resume(&machine).await;
    }
    cluster.scale(size).await
}

async fn machines(cluster: &Cluster) -> Result<Vec<String>> {
    let machines = cluster.account.state().await?["machines"].as_array().cloned().unwrap_or_default();
    Ok(machines.iter().filter_map(|m: &Value| m["instance"].as_str().map(str::to_owned)).collect())
}

/// The refresh is over, the cluster is settled, and the clients are served.
async fn settles(cluster: &Cluster, size: usize, clients: &Clients) -> Result<()> {
    until("the refresh is over", REFRESH_LIMIT, || async {
        let Ok(refresh) = cluster.last_refresh().await else { return Ok(()) };
        let status = refresh.status().map(|s| s.as_str().to_owned()).unwrap_or_default();
        ensure!(!["Pending", "InProgress", "Cancelling"].contains(&status.as_str()), "it is {status}");
        Ok(())
    })
    .await?;
    cluster.settles_within(size, SETTLE_LIMIT).await?;
    let before = clients.answered();
    until("the clients are served", LIMIT, || async {
        ensure!(clients.answered() >= before + 50, "{} answers", clients.answered() - before);
        Ok(())
    })
    .await
}
