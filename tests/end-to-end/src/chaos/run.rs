//! One run: a cluster forms, the plan's faults are injected, everything is healed, and the cluster must
//! settle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use region::Options;
use serde_json::json;
use tokio::task::JoinHandle;

use super::clients::Clients;
use super::fault::Step;
use super::injector::{Cure, Injector, MAX};
use super::plan::Plan;
use super::report::{Report, Tally};
use super::verdict::judge;
use crate::account::Account;
use crate::cluster::{Cluster, LIMIT};
use crate::load::{AbortOnDrop, Endpoints, Load, Pace, follow};
use crate::narrator::{Narrator, say};
use crate::stage::may_mount;
use crate::wait::until;

/// Short patience, so that an instance with a long fault is replaced. Most faults end before it.
const SETTINGS: [(&str, &str); 2] = [("unproven-grace", "10s"), ("join-patience", "60s")];
/// The disk of an instance, in MiB: room for etcd's two preallocated log files of 64 MB, and for its data.
const DISK_MIB: u32 = 320;
/// How long an instance refresh of every node may take while other instances have to be replaced, too.
const REFRESH_LIMIT: Duration = Duration::from_secs(900);

/// How long the cluster may take to settle: several instances may have to be given up and replaced one after
/// the other, on a busy machine.
const SETTLE_LIMIT: Duration = Duration::from_secs(600);

/// The name of a second deployment, and of its bucket.
const SECOND: &str = "second";

/// What a run prints.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// When the run began.
    pub begun: Instant,
    /// Whether it also prints what the group and the functions do.
    pub closely: bool,
}

/// Sets the region up for chaos: a short function timeout, a fast schedule, and disks that can be filled,
/// where this machine allows it.
pub fn arrange(options: &mut Options, seed: u64) {
    options.seed = seed;
    options.function_timeout = Duration::from_secs(20);
    options.tick = Some(Duration::from_secs(3));
    options.disk_mib = may_mount().then_some(DISK_MIB);
}

/// Runs a plan on a new cluster. The report has every promise that did not hold.
///
/// # Errors
/// If the run itself fails, for example because the region cannot inject a fault.
pub async fn run(account: &Account, plan: &Plan, watch: Watch) -> Result<Report> {
    let size = i32::try_from(plan.size)?;
    say(watch.begun, &format!("CREATE a group of {size}, and wait until it has formed a cluster"));
    let cluster = Cluster::create(account.clone(), "chaos", size, &SETTINGS).await?;
    let narrator = watch.closely.then(|| Narrator::start(cluster.clone(), watch.begun));
    cluster.settles_within(plan.size, SETTLE_LIMIT).await?;
    // Another deployment tries the group all the while. The record of the owner keeps it away.
    account.deploy(SECOND, &json!({ "ETCD_ASG_BUCKET": SECOND, "ETCD_ASG_DEPLOYMENT": SECOND })).await?;
    let endpoints = Endpoints::default();
    let follower = AbortOnDrop(tokio::spawn(follow(cluster.clone(), endpoints.clone())));
    let clients = Clients::start(Arc::clone(&endpoints), plan.seed)?;
    let load = Load::paced(endpoints, "load", Pace::GENTLE)?;
    let execution = Execution { injector: Injector::new(&cluster, plan.size)?, watch, tally: Arc::default() };
    let began = Instant::now();
    say(watch.begun, &format!("INJECT {} faults from seed {}", plan.steps.len(), plan.seed));
    execution.all(plan).await?;
    say(watch.begun, "HEAL all faults, and wait until the cluster settles");
    let chaos = began.elapsed();
    heal_all(&cluster, size).await?;
    let settled = settles(&cluster, plan.size, &clients).await;
    let settling = began.elapsed() - chaos;
    if let Some(narrator) = narrator {
        narrator.end().await;
    }
    let mut report = Report { chaos, settling, tally: execution.tally(), ..Report::new(plan) };
    if let Err(error) = settled {
        report.violations.push(format!("the cluster did not settle after the faults were healed: {error:#}"));
    }
    say(watch.begun, "READ everything back, and check every promise");
    judge(&mut report, &cluster, clients, load).await;
    if let Err(error) = other_stayed_away(account).await {
        report.violations.push(format!("the second deployment: {error:#}"));
    }
    drop(follower);
    Ok(report)
}

/// Succeeds if the second deployment refuses the group, and has no ledger of it.
async fn other_stayed_away(account: &Account) -> Result<()> {
    let event = json!({"cluster": "chaos", "dryRun": true}).to_string();
    let told = account.invoke(&format!("{SECOND}--reconcile"), event.into_bytes()).await?;
    let (notes, ledger) = (told["decision"]["notes"].to_string(), told["observation"]["ledger"].to_string());
    ensure!(notes.contains("other-owner"), "it does not refuse the group: {notes}");
    ensure!(!ledger.contains("generation"), "it has a ledger: {ledger}");
    Ok(())
}

/// A plan in execution.
struct Execution {
    injector: Injector,
    watch: Watch,
    tally: Arc<Mutex<Tally>>,
}

impl Execution {
    /// Injects the faults at their times. A fault that the plan heals before another begins is healed before
    /// that. If an injection takes longer than planned, all later faults are delayed by as much.
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
            Ok(injected) => {
                self.say(number, &format!("{:<38} {}", step.fault.to_string(), injected.target));
                self.note(|tally| tally.entry(kind).or_default().0 += 1);
                Some(injected.cure)
            }
            Err(error) => {
                self.say(number, &format!("{:<38} skipped: {error:#}", step.fault.to_string()));
                self.note(|tally| tally.entry(kind).or_default().1 += 1);
                None
            }
        }
    }

    fn end_later(&self, number: usize, step: &Step, cure: Cure) -> JoinHandle<Result<()>> {
        let (injector, watch, step) = (self.injector.clone(), self.watch, step.clone());
        tokio::spawn(async move {
            tokio::time::sleep(step.lasts).await;
            let heals = !matches!(cure, Cure::None);
            injector.heal(cure).await?;
            if heals {
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

/// Ends whatever is left of any fault.
async fn heal_all(cluster: &Cluster, size: i32) -> Result<()> {
    let region = json!([{"fault": "clear"}, {"fault": "schedule", "enabled": true}]);
    cluster.account.fault(region).await?;
    for machine in cluster.account.machines().await? {
        // An instance may be leaving at this moment, and then cannot be resumed.
        let _gone = cluster.account.resume(&machine).await;
    }
    cluster.resize(MAX, size).await
}

/// Waits until the instance refresh is over, the cluster is settled, and the clients get answers.
async fn settles(cluster: &Cluster, size: usize, clients: &Clients) -> Result<()> {
    until("the instance refresh is over", REFRESH_LIMIT, || async {
        let Ok(refresh) = cluster.last_refresh().await else { return Ok(()) };
        let status = refresh.status().map(|s| s.as_str().to_owned()).unwrap_or_default();
        ensure!(!["Pending", "InProgress", "Cancelling"].contains(&status.as_str()), "it is {status}");
        Ok(())
    })
    .await?;
    cluster.settles_within(size, SETTLE_LIMIT).await?;
    let before = clients.answered();
    until("the clients get answers", LIMIT, || async {
        ensure!(clients.answered() >= before + 50, "{} answers", clients.answered() - before);
        Ok(())
    })
    .await
}
