//! The rule `report_strangers`: servers of another cluster, servers that are alive and unreadable, and instances in
//! an unknown state are reported, whatever else is decided.

use crate::decision::{Decision, Refusal, Wait};
use crate::etcd::Probe;
use crate::instance::InstanceState;
use crate::view::View;

pub fn report_strangers(v: View<'_>, d: &mut Decision) {
    for instance in &v.group.instances {
        match v.probe_at(instance) {
            Some(Probe::AuthenticationNeeded) => d.refuse(&instance.id, Refusal::AuthenticationNeeded),
            Some(Probe::Answered(s)) if v.ledger.cluster_id() != Some(s.cluster) => {
                d.refuse(&instance.id, Refusal::OtherCluster(s.cluster));
            }
            Some(Probe::Unreadable { what, why, .. }) if what.is_unready() => {
                d.wait(&instance.id, Wait::NotReady(why.clone()));
            }
            Some(Probe::Unreadable { what, why, .. }) => {
                d.refuse(&instance.id, Refusal::Unreadable { what: what.clone(), why: why.clone() });
            }
            Some(Probe::Answered(_) | Probe::Silent { .. }) | None => {}
        }
        if instance.state() == InstanceState::Unclear {
            d.refuse(&instance.id, Refusal::UnclearState);
        }
    }
}
