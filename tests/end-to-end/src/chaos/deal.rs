//! Faults are dealt from a shuffled deck that has every kind, so that none is forgotten by chance.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::fault::{Effect, Fault, Who};
use super::kind::Kind;

/// The kinds that a deck has twice: ends of instances are what the product is for.
const TWICE: [Kind; 3] = [Kind::EtcdKilled, Kind::PowerCut, Kind::Terminated];

/// Every kind, in an order of chance.
pub fn deck(chance: &mut ChaCha8Rng) -> Vec<Kind> {
    let mut cards: Vec<_> = Kind::ALL.into_iter().chain(TWICE).collect();
    for place in (1..cards.len()).rev() {
        cards.swap(place, usize::try_from(below(chance, place as u64 + 1)).unwrap_or_default());
    }
    cards
}

/// A fault of this kind, and how long it lasts.
pub fn draw(kind: Kind, chance: &mut ChaCha8Rng) -> (Fault, Duration) {
    let who = who(chance);
    match kind {
        Kind::EtcdKilled => (Fault::KillEtcd(who), millis(chance, 500, 2_000)),
        Kind::Paused => (Fault::Pause(who), spell(chance)),
        Kind::MajorityFrozen => (Fault::FreezeMajority, spell(chance)),
        Kind::LinkCut => {
            let one_way = below(chance, 3) == 0;
            (Fault::CutLink { from: who, to: Who::Follower(digit(chance)), one_way }, spell(chance))
        }
        Kind::Isolated => (Fault::Isolate(who), spell(chance)),
        Kind::Hidden => (Fault::Hide(who), spell(chance)),
        Kind::SlowDisk => (Fault::SlowDisk(who, 20 << below(chance, 5)), spell(chance)),
        Kind::FullDisk => (Fault::FillDisk(who), spell(chance)),
        Kind::PowerCut => (Fault::CutPower(who), millis(chance, 2_000, 6_000)),
        Kind::DiskLost => (Fault::WipeDisk(who), millis(chance, 2_000, 6_000)),
        Kind::EndedOutright => (Fault::EndOutright(who), millis(chance, 2_000, 6_000)),
        Kind::Terminated => (Fault::Terminate(who), millis(chance, 100, 1_000)),
        Kind::Scaled => (Fault::Scale(1 + i32::from(below(chance, 2) == 1)), millis(chance, 8_000, 30_000)),
        Kind::Refreshed => {
            (Fault::Refresh { launch_first: below(chance, 3) > 0 }, millis(chance, 20_000, 40_000))
        }
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

/// The faults that concern no member: what the functions are told, and what becomes of their calls.
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

/// Four of five are over before anybody is replaced for them; the rest last longer than the grace.
fn spell(chance: &mut ChaCha8Rng) -> Duration {
    if below(chance, 5) == 0 { millis(chance, 11_000, 18_000) } else { millis(chance, 800, 4_500) }
}

fn who(chance: &mut ChaCha8Rng) -> Who {
    match below(chance, 6) {
        0 | 1 => Who::Leader,
        2 => Who::Passing(digit(chance)),
        _ => Who::Follower(digit(chance)),
    }
}

fn digit(chance: &mut ChaCha8Rng) -> usize {
    usize::try_from(below(chance, 10)).unwrap_or_default()
}

fn pick<T: Copy>(chance: &mut ChaCha8Rng, from: &[T]) -> T {
    from[usize::try_from(below(chance, from.len() as u64)).unwrap_or_default()]
}

/// Between these, in milliseconds.
pub fn millis(chance: &mut ChaCha8Rng, from: u64, to: u64) -> Duration {
    Duration::from_millis(from + below(chance, to - from + 1))
}

/// Of the generator's own stream, which its documents keep the same for good.
fn below(chance: &mut ChaCha8Rng, bound: u64) -> u64 {
    chance.next_u64() % bound
}
