//! Everything that can happen in a world, and the sentence that tells it.

use std::fmt;

use crate::owners::RECORD;
use crate::state::{Faults, HOSTS, MOST_IN_FLIGHT, RUNS, State};

/// An action. Its numbers are indices of invocations, calls in flight and hosts in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An invocation begins and looks. An instance, or the owner's record, may be hidden from this look.
    Begin(u8, Option<u8>),
    /// An invocation looks again.
    Look(u8, Option<u8>),
    /// An invocation's next write or call happens, and the invocation hears the answer.
    Land(u8),
    /// An invocation's next write or call happens, and the answer is lost.
    Unheard(u8),
    /// An invocation gives up its call; the call arrives later or never.
    Late(u8),
    /// An invocation dies before its next write or call.
    Die(u8),
    /// An invocation dies after its call was sent.
    DieSent(u8),
    /// A call in flight arrives.
    Deliver(u8),
    /// A boot script looks at its env, and starts etcd if the env lets it.
    Boot(u8),
    /// An instance that `endpoints` names completes its own launch.
    Ready(u8),
    /// The group notices that an instance is dead, or was set unhealthy.
    Notice(u8),
    /// EC2 says `terminated`.
    Terminated(u8),
    /// An instance has its new root volume.
    Return(u8),
    /// The group launches an instance, at a free address or at that of a terminated instance.
    Launch(Option<u8>),
    /// The group has more instances than desired and terminates this one.
    ScaleIn(u8),
    /// A frozen or deaf instance is heard again.
    Recover(u8),
    /// One step of time passes.
    Wait,
    Kill(u8),
    Freeze(u8),
    Deafen(u8),
    Crash(u8),
    LoseDisk(u8),
    Terminate(u8),
    HookTimeout(u8),
    /// A wait that is longer than any step of time is over: the leave patience, or a launch hook's time.
    PatienceOver(u8),
    /// Nothing has launched for ten minutes.
    Stalled,
    /// The desired capacity grows by one.
    DesireMore,
    /// The desired capacity shrinks by one.
    DesireLess,
    /// The group's size becomes 0; the end of the cluster may be meant.
    Empty(bool),
    /// The group gets its size again.
    Morning,
    /// The operator ends a retained instance whose member is out.
    EndRetained(u8),
    /// The group takes an instance out of its warm pool.
    FromPool(u8),
    /// The alarm CORRUPT is raised.
    Alarm,
    /// An operator disarms the alarm.
    Disarm,
    /// Somebody deletes the record of the group's owner.
    DeleteOwner,
}

/// Every action, also those that cannot happen in this state: [`crate::step::Step::take`] tells which can.
pub fn all(s: &State) -> Vec<Action> {
    let mut all = Vec::with_capacity(64);
    let Faults { hidden, stale, .. } = s.faults;
    let hosts = if hidden == 0 { 0 } else { HOSTS as u8 };
    let record = (stale > 0).then_some(RECORD);
    let hidden: Vec<Option<u8>> = std::iter::once(None).chain((0..hosts).chain(record).map(Some)).collect();
    for run in 0..RUNS as u8 {
        all.extend(hidden.iter().flat_map(|h| [Action::Begin(run, *h), Action::Look(run, *h)]));
        all.extend(
            [Action::Land, Action::Unheard, Action::Late, Action::Die, Action::DieSent].map(|a| a(run)),
        );
    }
    all.extend((0..MOST_IN_FLIGHT as u8).map(Action::Deliver));
    all.push(Action::Launch(None));
    for host in (0..HOSTS).filter(|h| s.hosts[*h].life != crate::state::Life::Nowhere).map(|h| h as u8) {
        let of_host = [
            Action::Boot,
            Action::Ready,
            Action::Notice,
            Action::Terminated,
            Action::Return,
            Action::ScaleIn,
            Action::Recover,
            Action::Kill,
            Action::Freeze,
            Action::Deafen,
            Action::Crash,
            Action::LoseDisk,
            Action::Terminate,
            Action::HookTimeout,
            Action::PatienceOver,
            Action::EndRetained,
            Action::FromPool,
        ];
        all.extend(of_host.map(|a| a(host)));
        all.push(Action::Launch(Some(host)));
    }
    all.extend([Action::Wait, Action::Stalled, Action::DesireMore, Action::DesireLess]);
    all.extend([Action::Empty(false), Action::Empty(true), Action::Morning]);
    all.extend([Action::Alarm, Action::Disarm, Action::DeleteOwner]);
    all
}

/// The instance ID of a host.
fn name(host: u8) -> String {
    if host == RECORD { "the owner's record".to_owned() } else { format!("i-{}", host + 1) }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = |r: &u8| format!("invocation {}", r + 1);
        let without = |h: &Option<u8>| h.map_or(String::new(), |h| format!(", {} hidden from it", name(h)));
        match self {
            Action::Begin(r, hidden) => write!(f, "{} begins and looks{}", run(r), without(hidden)),
            Action::Look(r, hidden) => write!(f, "{} looks again{}", run(r), without(hidden)),
            Action::Land(r) => write!(f, "{} goes on", run(r)),
            Action::Unheard(r) => write!(f, "{} goes on, and the answer is lost", run(r)),
            Action::Late(r) => write!(f, "{} gives up its call, which is still on its way", run(r)),
            Action::Die(r) => write!(f, "{} dies", run(r)),
            Action::DieSent(r) => write!(f, "{} dies, its call on its way", run(r)),
            Action::Deliver(_) => f.write_str("an earlier call arrives"),
            Action::Boot(h) => write!(f, "{} boots", name(*h)),
            Action::Ready(h) => write!(f, "{} completes its own launch", name(*h)),
            Action::Notice(h) => write!(f, "the group replaces {}", name(*h)),
            Action::Terminated(h) => write!(f, "EC2 says that {} is terminated", name(*h)),
            Action::Return(h) => write!(f, "{} has its new root volume", name(*h)),
            Action::Launch(None) => f.write_str("the group launches an instance"),
            Action::Launch(Some(h)) => {
                write!(f, "the group launches an instance at the address of {}", name(*h))
            }
            Action::ScaleIn(h) => write!(f, "the group scales in: {} terminates", name(*h)),
            Action::Recover(h) => write!(f, "{} is heard again", name(*h)),
            Action::Wait => f.write_str("ten seconds pass"),
            Action::Kill(h) => write!(f, "the machine of {} dies", name(*h)),
            Action::Freeze(h) => write!(f, "{} freezes", name(*h)),
            Action::Deafen(h) => write!(f, "{} no longer answers the functions", name(*h)),
            Action::Crash(h) => write!(f, "the etcd of {} ends and starts again", name(*h)),
            Action::LoseDisk(h) => write!(f, "the root volume of {} is replaced", name(*h)),
            Action::Terminate(h) => write!(f, "{} terminates", name(*h)),
            Action::HookTimeout(h) => write!(f, "the hook of {} times out", name(*h)),
            Action::PatienceOver(h) => write!(f, "the long wait for {} is over", name(*h)),
            Action::Stalled => f.write_str("nothing has launched for ten minutes"),
            Action::DesireMore => f.write_str("the desired capacity grows by one"),
            Action::DesireLess => f.write_str("the desired capacity shrinks by one"),
            Action::Empty(false) => f.write_str("the group's size is 0"),
            Action::Empty(true) => f.write_str("the group's size is 0, and its tag means the end"),
            Action::Morning => f.write_str("the group gets its size again"),
            Action::EndRetained(h) => write!(f, "the operator ends {}, which was retained", name(*h)),
            Action::FromPool(h) => write!(f, "the group takes {} out of its pool", name(*h)),
            Action::Alarm => f.write_str("the alarm CORRUPT is raised"),
            Action::Disarm => f.write_str("the operator disarms the alarm"),
            Action::DeleteOwner => f.write_str("somebody deletes the record of the owner"),
        }
    }
}
