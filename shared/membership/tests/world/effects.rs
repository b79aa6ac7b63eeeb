//! What each call does to the world. Some calls are made twice, to check that they may be repeated (I7).

use membership::change::{Change, Effect};
use membership::env;
use membership::ids::{InstanceId, Timestamp};
use membership::invocation::Answer;

use super::World;
use super::group::ActionResult;
use super::in_flight::{Basis, Reply};
use super::invocations::{CLOCKS_APART, LONGEST_CHANGE};
use super::owners::OWNER;

impl World {
    pub fn execute(&mut self, run: u64, effect: &Effect, call: Option<u64>, basis: &Basis) -> Option<Answer> {
        let twice = self.hostile() && self.rng.chance(100);
        let again = call.and_then(|c| self.calls.get(&c).cloned());
        let answer = self.execute_once(run, effect, call, basis);
        if twice && matches!(answer, Some(Answer::Done | Answer::Added(..))) {
            let before = self.fingerprint();
            let call = again.map(|call| {
                self.ids += 1;
                self.calls.insert(self.ids, call);
                self.ids
            });
            let rng = self.rng.clone();
            self.execute_once(run, effect, call, basis);
            if let Some(call) = call {
                self.calls.remove(&call);
            }
            self.rng = rng;
            if self.fingerprint() != before {
                self.broken("I7", format!("made twice, the call changes more: {effect}"));
            }
        }
        answer
    }

    /// All that effects can change, as text.
    fn fingerprint(&self) -> String {
        let members: Vec<_> = self.clusters.values().map(|c| (&c.id, &c.members, c.leader)).collect();
        let hosts: Vec<_> = self.hosts.values().map(|h| (&h.id, &h.lifecycle, h.healthy)).collect();
        let names = self.ssm.names();
        let values: Vec<_> = names.iter().map(|n| self.ssm.at(n, self.now)).collect();
        format!("{members:?} {hosts:?} {values:?}")
    }

    fn execute_once(
        &mut self,
        run: u64,
        effect: &Effect,
        call: Option<u64>,
        basis: &Basis,
    ) -> Option<Answer> {
        let now = self.now;
        match effect {
            Effect::CreateEnv { instance, env } => {
                if self.ssm.create(&format!("instances/{instance}"), env, now, &mut self.rng) {
                    self.env_written(run, instance.as_str(), env);
                }
            }
            Effect::OverwriteEnv { instance, env } => {
                self.ssm.put(&format!("instances/{instance}"), env, now);
                self.env_written(run, instance.as_str(), env);
            }
            Effect::AddLearner { via, .. }
            | Effect::Promote { via, .. }
            | Effect::RemoveMember { via, .. } => {
                let reply = self.arrive(call?, via);
                return self.answer(reply);
            }
            // A lease is an entry for a learner that waits for one; no learner of this world does.
            Effect::GrantLease { .. } => {}
            Effect::MoveLeader { via, to } => self.move_leader(via, to.0),
            Effect::ContinueLaunch(id) => {
                self.complete_launch(id, ActionResult::Continue, "the controller", basis.since);
            }
            Effect::AbandonLaunch(id) => {
                self.check_kill(id, effect, basis);
                self.complete_launch(id, ActionResult::Abandon, &format!("r{run}"), basis.since);
            }
            Effect::AbandonTerminate(id) if self.group.retains => self.retain(id),
            Effect::ContinueTerminate(id) | Effect::AbandonTerminate(id) => {
                self.check_continue_terminate(id);
                self.complete_termination(id);
            }
            Effect::SetUnhealthy(id) => {
                self.check_kill(id, effect, basis);
                self.tell(format!("r{run} sets {id} unhealthy"));
                self.edit(id, |h| h.healthy = false);
            }
            Effect::PutInitialCluster(value) => self.ssm.put("initial-cluster", value, now),
            Effect::PutEndpoints(urls) => self.ssm.put("endpoints", &urls.join(","), now),
            Effect::DeletePublished => {
                self.ssm.delete("endpoints", now);
                self.ssm.delete("initial-cluster", now);
            }
            Effect::CreateOwner(owner) => {
                let text = serde_json::json!(owner).to_string();
                if self.ssm.create(OWNER, &text, now, &mut self.rng) {
                    self.tell(format!("r{run} records the owner: {owner}"));
                }
            }
            Effect::TakeOwner(owner) => {
                self.ssm.put(OWNER, &serde_json::json!(owner).to_string(), now);
                self.tell(format!("r{run} takes the group back: {owner}"));
            }
            Effect::DeleteEnv(id) => self.ssm.delete(&format!("instances/{id}"), now),
        }
        Some(Answer::Done)
    }

    fn env_written(&mut self, run: u64, instance: &str, env: &str) {
        let state = if env::is_sealed(env) { "sealed" } else { "open" };
        self.tell(format!("r{run} writes the {state} env of {instance}"));
        self.tried(&InstanceId::from(instance));
        self.check_env(instance, env);
    }

    fn answer(&mut self, reply: Reply) -> Option<Answer> {
        match reply {
            Reply::Done => Some(Answer::Done),
            Reply::Added(member, list) => Some(Answer::Added(member, list)),
            Reply::Refused(why, retry) => {
                self.tell(format!("etcd refuses: {why}"));
                Some(Answer::Refused { why: why.to_owned(), retry })
            }
            Reply::Silence if self.rng.chance(300) => {
                // As the functions do: a reset connection does not tell whether the server still makes the change.
                let deadline = Timestamp(self.now).plus(LONGEST_CHANGE + CLOCKS_APART);
                Some(Answer::Unanswered { why: "connection reset".to_owned(), deadline })
            }
            Reply::Silence => None,
        }
    }

    /// The changes that may still happen: those in the ledger and on the network.
    pub fn possible_changes(&self) -> Vec<Change> {
        let ledger = self.store();
        let unanswered = ledger.iter().flat_map(|l| l.unanswered.iter().map(|m| m.change.clone()));
        let claimed = ledger.and_then(|l| l.claim.as_ref()).map(|c| c.proposal.change.clone());
        let calls = self.calls.values().map(|c| c.change.clone());
        unanswered.chain(claimed).chain(calls).filter(Change::changes_membership).collect()
    }
}
