//! Faults are dealt from a shuffled deck that has every kind, so that chance leaves no kind out.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::fault::{Effect, Fault, Role};
use super::kind::Kind;

/// The kinds that a deck has twice: the product exists for instances that end.
const TWICE: [Kind; 3] = [Kind::EtcdKilled, Kind::PowerCut, Kind::Terminated];

/// Every kind, shuffled.
pub fn deck(chance: &mut ChaCha8Rng) -> Vec<Kind> {
    let mut cards: Vec<_> = Kind::ALL.into_iter().chain(TWICE).collect();
    for place in (1..cards.len()).rev() {
        cards.swap(place, usize::try_from(below(chance, place as u64 + 1)).unwrap_or_default());
    }
    cards
}

/// A fault of this kind, and how long it lasts.
pub fn draw(kind: Kind, chance: &mut ChaCha8Rng) -> (Fault, Duration) {
    let role = role(chance);
    match kind {
        Kind::EtcdKilled => (Fault::KillEtcd(role), millis(chance, 500, 2_000)),
        Kind::Paused => (Fault::Pause(role), duration(chance)),
        Kind::MajorityFrozen => (Fault::FreezeMajority, duration(chance)),
        Kind::LinkCut => {
            let one_way = below(chance, 3) == 0;
            (Fault::CutLink { from: role, to: Role::Follower(digit(chance)), one_way }, duration(chance))
        }
        Kind::Isolated => (Fault::Isolate(role), duration(chance)),
        Kind::Hidden => (Fault::Hide(role), duration(chance)),
        Kind::SlowDisk => (Fault::SlowDisk(role, 20 << below(chance, 5)), duration(chance)),
        Kind::FullDisk => (Fault::FillDisk(role), duration(chance)),
        Kind::PowerCut => (Fault::CutPower(role), millis(chance, 2_000, 6_000)),
        Kind::DiskLost => (Fault::WipeDisk(role), millis(chance, 2_000, 6_000)),
        Kind::EndedOutright => (Fault::EndOutright(role), millis(chance, 2_000, 6_000)),
        Kind::Terminated => (Fault::Terminate(role), millis(chance, 100, 1_000)),
        Kind::Scaled => (Fault::Scale(1 + i32::from(below(chance, 2) == 1)), millis(chance, 8_000, 30_000)),
        Kind::Refreshed => {
            (Fault::Refresh { launch_first: below(chance, 3) > 0 }, millis(chance, 20_000, 40_000))
        }
        Kind::Night => (Fault::Night, millis(chance, 5_000, 20_000)),
        Kind::Unreadable => (Fault::Unreadable, millis(chance, 5_000, 20_000)),
        Kind::EventsDisturbed
        | Kind::ScheduleStopped
        | Kind::FunctionsKilled
        | Kind::Throttled
        | Kind::Failing
        | Kind::Slow
        | Kind::Hanging
        | Kind::AnswersLost => (of_the_functions(kind, chance), millis(chance, 3_000, 15_000)),
    }
}

/// The faults that touch no member: those of the functions' events, processes and calls.
fn of_the_functions(kind: Kind, chance: &mut ChaCha8Rng) -> Fault {
    match kind {
        Kind::EventsDisturbed => Fault::Events(pick(chance, &["twice", "late", "reordered", "never"])),
        Kind::ScheduleStopped => Fault::StopSchedule,
        Kind::FunctionsKilled => Fault::KillFunctions {
            call: 1 + below(chance, 45),
            when: pick(chance, &["before", "after"]),
            times: 1 + below(chance, 3),
        },
        Kind::Throttled => api(Effect::Throttle, chance),
        Kind::Failing => api(Effect::Fail, chance),
        Kind::Slow => api(Effect::Delay(500 << below(chance, 4)), chance),
        Kind::Hanging => api(Effect::Hang, chance),
        _ => api(Effect::LoseAnswer, chance),
    }
}

fn api(effect: Effect, chance: &mut ChaCha8Rng) -> Fault {
    let service = pick(chance, &["autoscaling", "ec2", "ssm", "s3", "etcd", "*"]);
    Fault::Api { service, effect, percent: pick(chance, &[10, 30, 100]) }
}

/// How long a member is disturbed. Four of five disturbances end before the member is replaced; the rest last
/// longer than the grace period.
fn duration(chance: &mut ChaCha8Rng) -> Duration {
    if below(chance, 5) == 0 { millis(chance, 11_000, 18_000) } else { millis(chance, 800, 4_500) }
}

fn role(chance: &mut ChaCha8Rng) -> Role {
    match below(chance, 6) {
        0 | 1 => Role::Leader,
        2 => Role::InTransition(digit(chance)),
        _ => Role::Follower(digit(chance)),
    }
}

fn digit(chance: &mut ChaCha8Rng) -> usize {
    usize::try_from(below(chance, 10)).unwrap_or_default()
}

fn pick<T: Copy>(chance: &mut ChaCha8Rng, from: &[T]) -> T {
    from[usize::try_from(below(chance, from.len() as u64)).unwrap_or_default()]
}

/// A duration between these two, in milliseconds.
pub fn millis(chance: &mut ChaCha8Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(from + below(chance, to - from + 1))
}

/// Takes the generator's raw numbers: its documentation promises that their stream never changes, so a seed
/// stays good.
fn below(chance: &mut ChaCha8Rng, bound: u64) -> u64 {
    chance.next_u64() % bound
}
