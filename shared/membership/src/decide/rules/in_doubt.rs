//! The rule `in_doubt`: while the voters' copies differ, or etcd says so, nobody can tell from here which copy is right.
//! An operator can. Until then every copy is kept.
//!
//! The alarm's own word is not enough: etcd accuses whoever differs from the leader, 3.4 and 3.5 name nobody, a
//! joiner's copy comes from the leader, and a majority may agree on the wrong data.

use std::time::Duration;

use crate::change::Effect;
use crate::compare;
use crate::decide::hooks::keep_every_hook_alive;
use crate::decide::propose::propose_removal;
use crate::decide::rules::hold::retain_before_the_end;
use crate::decide::rules::{leave, publish, seal, without_list};
use crate::decision::{Decision, Refusal, Subject, Wait};
use crate::etcd::{Member, MemberList};
use crate::guard::Guard;
use crate::ids::InstanceId;
use crate::instance::Instance;
use crate::ledger::ConditionKey;
use crate::view::View;

/// Whether the copies are in doubt. Then it says so, and decides what may be done all the same: the member of an
/// instance that is gone is removed, an instance without a member goes, and every hook is kept alive.
pub fn in_doubt(v: View<'_>, d: &mut Decision) -> bool {
    let Some(why) = why(v) else { return false };
    d.refuse(Subject::Cluster, why);
    if v.allows(Guard::CopiesAgree, false) {
        return false;
    }
    match v.list() {
        None => without_list::without_list(v, d),
        Some(list) => {
            seal::seal(v, d);
            remove_gone(v, d, list);
            v.group.instances.iter().for_each(|i| leaving(v, d, i));
            publish::publish(v, d);
        }
    }
    keep_every_hook_alive(v.group, d);
    let done =
        |id: &InstanceId| d.effects.iter().any(|e| matches!(e, Effect::ContinueTerminate(i) if i == id));
    let needless: Vec<InstanceId> =
        v.group.instances.iter().map(|i| i.id.clone()).filter(|id| done(id)).collect();
    d.keep_alive.retain(|k| !needless.contains(&k.instance));
    true
}

fn why(v: View<'_>) -> Option<Refusal> {
    let hashes = || compare::told(v);
    if compare::corrupt_alarm(v) {
        return Some(Refusal::Corrupt { hashes: hashes() });
    }
    v.holds(&ConditionKey::HashesDiffer).then(|| Refusal::HashesDiffer { hashes: hashes() })
}

/// Whoever is gone has no copy any more. Its member only stands in the way.
fn remove_gone(v: View<'_>, d: &mut Decision, list: &MemberList) {
    let owner = |m: &Member| if m.learner { v.learner_owner(m) } else { v.owner(m) };
    for member in &list.members {
        match owner(member) {
            Some(id) if v.long_gone(&id) => propose_removal(v, d, &id, member),
            Some(id) if v.missing(&id) => d.wait(&id, Wait::Gone),
            Some(_) | None => {}
        }
    }
}

fn leaving(v: View<'_>, d: &mut Decision, instance: &Instance) {
    let id = &instance.id;
    if !instance.terminate_hook_waits() || leave::complete_if_out(v, d, instance) {
        return;
    }
    if v.member(id).is_none() && v.unowned_voter(instance).is_none() {
        return;
    }
    // A warm pool stops an instance with its disk. A new root volume takes the old one's place under any policy.
    if instance.comes_back() || instance.may_be_retained() && !v.group.retains {
        d.refuse(id, Refusal::DiesInDoubt { at: v.termination_ends(id) });
    }
    retain_before_the_end(v, d, instance, Duration::ZERO);
}
