//! What can happen, each in a sentence.

use std::fmt;

use crate::state::{Faults, HOSTS, MOST_IN_FLIGHT, RUNS, State};

/// One thing that happens. Hosts, invocations and in_flight are named by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    /// An invocation begins and looks; an instance may be hidden from it.
    Begin(u8, Option<u8>),
    /// It looks again.
    Look(u8, Option<u8>),
    /// What it is about to do happens, and it hears so.
    Land(u8),
    /// It happens, and the answer is lost.
    Unheard(u8),
    /// It gives the call up, which arrives later or never.
    Late(u8),
    /// It dies before it does it.
    Die(u8),
    /// It dies having sent it.
    DieSent(u8),
    /// A letter arrives.
    Deliver(u8),
    Boot(u8),
    /// An instance that `endpoints` names completes its own launch.
    Ready(u8),
    /// The group notices that an instance is dead, or was set unhealthy.
    Notice(u8),
    /// EC2 says `terminated`.
    Terminated(u8),
    /// A replaced root volume is there.
    Return(u8),
    /// The group launches an instance, at the address of another that is gone, if one is named.
    Launch(Option<u8>),
    ScaleIn(u8),
    /// It does everything again.
    Recover(u8),
    /// A few seconds pass.
    Wait,
    Kill(u8),
    Freeze(u8),
    Deafen(u8),
    Crash(u8),
    LoseDisk(u8),
    Terminate(u8),
    HookTimeout(u8),
    PatienceOver(u8),
    Stalled,
    Scale(bool),
}

/// Everything that can happen at all; what cannot in this state is tried and found out.
pub fn all(s: &State) -> Vec<Action> {
    let mut all = Vec::with_capacity(64);
    let Faults { hidden, .. } = s.faults;
    let hidden: Vec<Option<u8>> = match hidden {
        0 => vec![None],
        _ => std::iter::once(None).chain((0..HOSTS as u8).map(Some)).collect(),
    };
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
        ];
        all.extend(of_host.map(|a| a(host)));
        all.push(Action::Launch(Some(host)));
    }
    all.extend([Action::Wait, Action::Stalled, Action::Scale(true), Action::Scale(false)]);
    all
}

/// An instance's name.
pub fn name(host: u8) -> String {
    format!("i-{}", host + 1)
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
            Action::Deliver(_) => f.write_str("a call of before arrives"),
            Action::Boot(h) => write!(f, "{} boots", name(*h)),
            Action::Ready(h) => write!(f, "{} completes its own launch", name(*h)),
            Action::Notice(h) => write!(f, "the group replaces {}", name(*h)),
            Action::Terminated(h) => write!(f, "EC2 says that {} is terminated", name(*h)),
            Action::Return(h) => write!(f, "{} has its new root volume", name(*h)),
            Action::Launch(None) => f.write_str("the group launches an instance"),
            Action::Launch(Some(h)) => {
                write!(f, "the group launches an instance at the address of {}", name(*h))
            }
            Action::ScaleIn(h) => write!(f, "the group scales in: {} is to terminate", name(*h)),
            Action::Recover(h) => write!(f, "{} is heard again", name(*h)),
            Action::Wait => f.write_str("ten seconds pass"),
            Action::Kill(h) => write!(f, "the machine of {} dies", name(*h)),
            Action::Freeze(h) => write!(f, "{} freezes", name(*h)),
            Action::Deafen(h) => write!(f, "{} does not answer the functions any more", name(*h)),
            Action::Crash(h) => write!(f, "the etcd of {} ends and starts again", name(*h)),
            Action::LoseDisk(h) => write!(f, "the root volume of {} is replaced", name(*h)),
            Action::Terminate(h) => write!(f, "{} is to terminate", name(*h)),
            Action::HookTimeout(h) => write!(f, "the hook of {} times out", name(*h)),
            Action::PatienceOver(h) => write!(f, "the long wait of {} is over", name(*h)),
            Action::Stalled => f.write_str("launching has stalled for ten minutes"),
            Action::Scale(up) => {
                write!(f, "the desired capacity is one {}", if *up { "more" } else { "less" })
            }
        }
    }
}
