//! A cluster that ran before etcd-asg came: something else created it and starts its members; there is no ledger.

use membership::ids::InstanceId;
use membership::instance::Lifecycle;

use super::etcd::Listed;
use super::host::{Data, Etcd};
use super::rng::hash;
use super::{START, World};

impl World {
    /// Creates the cluster: as many members as desired, on instances in service.
    pub fn found_elsewhere(&mut self) {
        let id = hash("a cluster of somebody else");
        for number in 0..self.group.desired {
            let before: Vec<InstanceId> = self.hosts.keys().cloned().collect();
            self.launch();
            let Some(host) = self.hosts.keys().find(|h| !before.contains(h)).cloned() else { continue };
            let (url, client) = match self.hosts.get(&host) {
                Some(h) => (h.peer_url(), h.client_url()),
                None => continue,
            };
            let member = hash(&format!("{url} somebody else's"));
            if number == 0 {
                self.new_cluster(id, member, "somebody else's", &url);
            }
            self.edit(&host, |h| {
                (h.foreign, h.etcd, h.lifecycle) = (true, Etcd::Running, Some(Lifecycle::InService));
                h.data = Some(Data { cluster: id, member, log: 1, wrong: false });
            });
            if let Some(cluster) = self.clusters.get_mut(&id) {
                let name = format!("etcd-{number}");
                cluster.members.insert(member, Listed { url, client, name, learner: false });
                cluster.voted.insert(member);
                cluster.started.insert(member);
                // Clients rely on this cluster: no other may be founded beside it, and no write may be lost.
                cluster.formed = true;
            }
        }
        self.group.next_launch = START;
        self.tell("a cluster that something else created runs, and there is no ledger".to_owned());
    }

    /// Whether the cluster waits for its adoption. Until then the world does no damage that an operator would have to
    /// repair by hand.
    pub fn awaits_adoption(&self) -> bool {
        self.store().is_none() && self.hosts.values().any(|h| h.foreign)
    }
}
