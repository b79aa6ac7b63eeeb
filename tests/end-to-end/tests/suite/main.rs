//! The end-to-end suite: real etcd, the real function binaries and the real boot script, on a hostile local
//! region. Every test starts a region with a group and addresses of its own, and ends it.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot run fails")]

mod address;
mod adoption;
mod adoption_refused;
mod api_faults;
mod chaos;
mod claimant;
mod contention;
mod corruption;
mod crash;
mod disk;
mod events;
mod failure;
mod formation;
mod frozen;
mod frozen_leader;
mod half_formed;
mod hands_off;
mod heal;
mod heartbeat;
mod input;
mod joiner;
mod killed_calls;
mod killed_rare;
mod last_words;
mod lifecycle;
mod night;
mod nospace;
mod others;
mod owner;
mod partition;
mod pool;
mod ports;
mod refresh;
mod refused;
mod runbook;
mod scale;
mod silence;
mod support;
mod tags;
mod termination;
mod together;
mod unreadable;
mod upgrade;
mod versions;
