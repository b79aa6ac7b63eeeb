//! The end-to-end suite: real etcd, the real function binaries, the real boot script, on a hostile region. Every
//! test has a region, a group and addresses of its own, and ends them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where its surroundings fail")]

mod address;
mod adoption;
mod api_faults;
mod chaos;
mod claimant;
mod contention;
mod crash;
mod disk;
mod events;
mod failure;
mod formation;
mod frozen;
mod frozen_leader;
mod half_formed;
mod heal;
mod input;
mod joiner;
mod killed_calls;
mod killed_rare;
mod lifecycle;
mod partition;
mod refresh;
mod scale;
mod silence;
mod support;
mod termination;
mod together;
mod upgrade;
mod versions;
