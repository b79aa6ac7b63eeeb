//! The group as the core knows it, from the answers of Auto Scaling and EC2.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use membership::ids::{InstanceId, Timestamp};
use membership::instance::{Ec2State, Instance, Transition};
use membership::ledger::{GroupIdentity, Ledger};
use membership::observation::{END_TAG, Group, Hook, SHORTEST_HEARTBEAT, Unseen};
use membership::settings::Settings;

use crate::adapters::autoscaling::DescribedGroup;
use crate::adapters::ec2::Machine;
use crate::adapters::hooks::{GroupHook, choose_hook};

/// What the services said of one group.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The group, by Auto Scaling.
    pub group: DescribedGroup,
    /// The group's machines, by EC2, or why EC2 did not tell them.
    pub machines: Result<Vec<Machine>, Unseen>,
    /// The group's lifecycle hooks, whosever they are, or why Auto Scaling did not tell them.
    pub hooks: Result<Vec<GroupHook>, Unseen>,
    /// The settings, from the group's tags and the environment.
    pub settings: Settings,
}

impl Parts {
    /// The instances that the group or the ledger names and EC2 has not listed.
    pub fn unlisted(&self, machines: &[Machine], ledger: Option<&Ledger>) -> Vec<InstanceId> {
        let listed: BTreeSet<&InstanceId> = machines.iter().map(|m| &m.id).collect();
        let named = self.group.instances.iter().map(|i| &i.id);
        let recorded = ledger.into_iter().flat_map(|l| l.instances.keys());
        let all: BTreeSet<&InstanceId> = named.chain(recorded).collect();
        all.difference(&listed).copied().cloned().collect()
    }

    /// Every instance that the group or these machines list, in the order of their IDs.
    ///
    /// The ledger tells which of several hooks are ours. Where the hooks could not be read, the ledger's are taken, as
    /// short as a hook may be: that is enough for heartbeats.
    pub fn assemble(self, machines: Vec<Machine>, ledger: Option<&Ledger>) -> Group {
        let hook = |t| {
            let remembered = ledger.and_then(|l| l.hooks.of(t));
            match &self.hooks {
                Ok(hooks) => choose_hook(hooks, t, remembered),
                Err(unseen) => remembered.map(of_the_ledger).ok_or_else(|| unseen.to_string()),
            }
        };
        let (launch_hook, terminate_hook) = (hook(Transition::Launch), hook(Transition::Terminate));
        let vpc = machines.iter().filter_map(|m| m.vpc.clone()).min().unwrap_or_default();
        let mut instances: BTreeMap<InstanceId, Instance> =
            machines.into_iter().map(|m| (m.id.clone(), unlisted_by_the_group(m))).collect();
        for listed in self.group.instances {
            let instance = instances.entry(listed.id.clone()).or_insert_with(|| unknown_to_ec2(listed.id));
            instance.lifecycle = Some(listed.lifecycle);
            instance.healthy = listed.healthy;
            let parts =
                [listed.launched_from, Some(mem::take(&mut instance.origin)).filter(|o| !o.is_empty())];
            instance.origin = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        }
        Group {
            identity: GroupIdentity { name: self.group.name, arn: self.group.arn, vpc },
            desired: self.group.desired,
            max: self.group.max,
            end: self.group.tags.get(END_TAG).cloned(),
            launch_hook,
            terminate_hook,
            retains: self.group.retains,
            reuses: self.group.reuses,
            units: self.group.units,
            weights: self.group.weights,
            instances: instances.into_values().collect(),
            settings: self.settings,
        }
    }
}

fn of_the_ledger(name: &str) -> Hook {
    Hook { name: name.to_owned(), heartbeat: SHORTEST_HEARTBEAT }
}

fn unlisted_by_the_group(machine: Machine) -> Instance {
    Instance {
        id: machine.id,
        lifecycle: None,
        ec2_state: machine.ec2_state,
        address: machine.address,
        launched_at: machine.launched_at,
        healthy: true,
        origin: machine.image.unwrap_or_default(),
    }
}

/// EC2 does not list it, so its launch time is not known. It counts as launched last.
fn unknown_to_ec2(id: InstanceId) -> Instance {
    let launched_at = Timestamp(u64::MAX);
    Instance {
        id,
        lifecycle: None,
        ec2_state: Ec2State::Absent,
        address: None,
        launched_at,
        healthy: true,
        origin: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use membership::instance::{InstanceState, Lifecycle};

    use super::*;
    use crate::adapters::autoscaling::ListedInstance;

    fn parts() -> Parts {
        let listed = |id: &str, lifecycle| ListedInstance {
            id: id.into(),
            lifecycle,
            healthy: true,
            launched_from: Some("lt-1:3".to_owned()),
        };
        let machine = |id: &str, ec2_state| Machine {
            id: id.into(),
            ec2_state,
            address: Some("127.0.0.9".to_owned()),
            vpc: Some("vpc-1".to_owned()),
            group: Some("g".to_owned()),
            launched_at: Timestamp(5),
            image: Some("ami-1".to_owned()),
        };
        Parts {
            group: DescribedGroup {
                name: "g".to_owned(),
                arn: "arn".to_owned(),
                desired: 2,
                max: 3,
                retains: false,
                reuses: false,
                units: None,
                weights: BTreeMap::new(),
                tags: BTreeMap::new(),
                instances: vec![
                    listed("i-aaaaaaaa", Lifecycle::InService),
                    listed("i-bbbbbbbb", Lifecycle::Pending),
                ],
            },
            machines: Ok(vec![
                machine("i-aaaaaaaa", Ec2State::Running),
                machine("i-cccccccc", Ec2State::Terminated),
            ]),
            hooks: Ok(Vec::new()),
            settings: Settings::default(),
        }
    }

    #[test]
    fn an_instance_that_either_service_lists_is_there() {
        let parts = parts();
        let machines = parts.machines.clone().unwrap();
        let group = parts.assemble(machines, None);
        let states: Vec<_> = group.instances.iter().map(|i| (i.id.as_str(), i.state())).collect();
        let expected = [
            ("i-aaaaaaaa", InstanceState::InService),
            ("i-bbbbbbbb", InstanceState::Launching),
            ("i-cccccccc", InstanceState::Missing),
        ];
        assert_eq!(states, expected);
        assert_eq!(group.identity.vpc, "vpc-1");
        let origins: Vec<_> = group.instances.iter().map(|i| i.origin.as_str()).collect();
        assert_eq!(origins, ["lt-1:3 ami-1", "lt-1:3", "ami-1"]);
    }

    #[test]
    fn an_instance_that_ec2_did_not_list_under_the_group_is_asked_for_by_id() {
        let machines = parts().machines.unwrap();
        assert_eq!(parts().unlisted(&machines, None), ["i-bbbbbbbb".into()]);
    }
}
