//! The Auto Scaling Group: launches, hooks, terminations, replacement, address reuse.

use crate::state::{Condition, Etcd, Host, Life, Machine};
use crate::step::{Step, spend};

impl Step<'_> {
    fn staying(&self) -> usize {
        self.s.hosts.iter().filter(|h| h.stays()).count()
    }

    /// Launches an instance if the group has fewer than desired: at a free address, or at that of the terminated
    /// instance `reuse`.
    pub fn launch(&mut self, reuse: Option<usize>) -> bool {
        let wanted = self.staying() < usize::from(self.s.desired);
        let Some(slot) = self.s.hosts.iter().position(|h| h.life == Life::Nowhere).filter(|_| wanted) else {
            return false;
        };
        let listed = |a: u8| self.s.clusters.iter().flat_map(|c| c.listed()).any(|m| m.address == a);
        let taken = |a: u8| self.s.hosts.iter().any(|h| h.life != Life::Nowhere && h.address == a);
        let free = (1..8).find(|a| !taken(*a) && !listed(*a));
        let address = match reuse {
            None => free,
            Some(old) => self.address_of_terminated(old),
        };
        let Some(address) = address else { return false };
        if reuse.is_some() && !spend(&mut self.s.faults.reuse) {
            return false;
        }
        let order = self.s.hosts.iter().map(|h| h.order).max().unwrap_or(0) + 1;
        self.s.hosts[slot] = Host { life: Life::Pending, healthy: true, order, address, ..Host::default() };
        self.tell(|| format!("i-{} is launched at 10.0.0.{address}", slot + 1));
        true
    }

    fn address_of_terminated(&self, old: usize) -> Option<u8> {
        let gone = self.s.hosts[old];
        let alone =
            self.s.hosts.iter().filter(|h| h.life != Life::Nowhere && h.address == gone.address).count();
        (gone.machine == Machine::Terminated && alone == 1).then_some(gone.address)
    }

    /// Terminates an instance if the group has more than desired.
    pub fn scale_in(&mut self, host: usize) -> bool {
        let may = self.staying() > usize::from(self.s.desired) && self.s.hosts[host].stays();
        may && if self.world.reuses { self.goes_to_the_pool(host) } else { self.leaves(host) }
    }

    fn goes_to_the_pool(&mut self, host: usize) -> bool {
        self.s.hosts[host].life = Life::Pooling;
        true
    }

    /// An instance of the warm pool is launched again, with the disk that it had.
    pub fn leaves_the_pool(&mut self, host: usize) -> bool {
        if self.s.hosts[host].life != Life::Pooled || self.staying() >= usize::from(self.s.desired) {
            return false;
        }
        let order = self.s.hosts.iter().map(|h| h.order).max().unwrap_or(0) + 1;
        let h = &mut self.s.hosts[host];
        (h.life, h.machine, h.etcd, h.order) = (Life::Pending, Machine::Running, Etcd::Booting, order);
        true
    }

    /// The group wants no instance, for a while or for good.
    pub fn empty(&mut self, meant: bool) -> bool {
        let generation = (*self.ledger()).as_ref().map_or(0, |l| l.generation.number as u8);
        if self.s.emptied.is_some() || generation == 0 {
            return false;
        }
        self.s.emptied = Some(self.s.desired);
        self.s.desired = 0;
        if meant {
            self.s.end = generation;
        }
        true
    }

    /// The group gets its size again; the tag stays, and names what it named.
    pub fn morning(&mut self) -> bool {
        let Some(desired) = self.s.emptied.take() else { return false };
        self.s.desired = desired;
        true
    }

    /// The termination is abandoned in a group that retains.
    pub fn retain(&mut self, host: usize) -> bool {
        let may = self.s.hosts[host].life == Life::Leaving;
        if may {
            self.s.hosts[host].life = Life::Retained;
        }
        may
    }

    /// The operator ends a retained instance whose member is out.
    pub fn end_retained(&mut self, host: usize) -> bool {
        let h = self.s.hosts[host];
        let listed = self.s.cluster(h.cluster).is_some_and(|c| c.formed && c.member(h.member).is_some());
        if h.life != Life::Retained || listed {
            return false;
        }
        self.s.hosts[host].life = Life::Out;
        self.machine_ends(host);
        true
    }

    fn leaves(&mut self, host: usize) -> bool {
        self.s.hosts[host].life = Life::Leaving;
        true
    }

    /// Terminates an instance in order: its terminate hook waits.
    pub fn terminate(&mut self, host: usize) -> bool {
        matches!(self.s.hosts[host].life, Life::InService | Life::Pending) && self.leaves(host)
    }

    /// The group replaces an instance that is dead or was set unhealthy.
    pub fn notice(&mut self, host: usize) -> bool {
        let h = self.s.hosts[host];
        h.stays() && (!h.healthy || h.machine != Machine::Running) && self.leaves(host)
    }

    /// EC2 says that the instance is terminated.
    pub fn terminated(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let may = !matches!(h.life, Life::Nowhere | Life::Pooled) && h.machine == Machine::Stopping;
        h.machine = Machine::Terminated;
        may
    }

    /// The launch hook is completed with CONTINUE.
    pub fn continue_launch(&mut self, host: usize, who: &str) -> bool {
        if self.s.hosts[host].life != Life::Pending {
            return false;
        }
        self.check_continue_launch(host, who);
        self.s.hosts[host].life = Life::InService;
        true
    }

    /// The launch hook is completed with ABANDON: the group ends the machine without a terminate hook.
    pub fn abandon_launch(&mut self, host: usize) -> bool {
        if self.s.hosts[host].life != Life::Pending {
            return false;
        }
        self.s.hosts[host].life = Life::Out;
        self.machine_ends(host);
        true
    }

    /// The terminate hook is completed.
    pub fn continue_termination(&mut self, host: usize) -> bool {
        let life = self.s.hosts[host].life;
        if !matches!(life, Life::Leaving | Life::Pooling) {
            return false;
        }
        self.check_continue_termination(host);
        if life == Life::Pooling {
            return self.is_stopped_in_the_pool(host);
        }
        self.s.hosts[host].life = Life::Out;
        self.machine_ends(host);
        true
    }

    /// The pool stops the machine and keeps its disk. A machine that died meanwhile is replaced in the pool.
    fn is_stopped_in_the_pool(&mut self, host: usize) -> bool {
        let h = &mut self.s.hosts[host];
        let lives = h.machine == Machine::Running;
        h.life = if lives { Life::Pooled } else { Life::Out };
        (h.machine, h.condition, h.etcd) = (Machine::Stopping, Condition::Well, Etcd::Booting);
        true
    }

    /// A hook times out, unless the promise excludes the loss of this disk.
    pub fn hook_timeout(&mut self, host: usize) -> bool {
        if !self.may_be_lost(host) {
            return false;
        }
        match self.s.hosts[host].life {
            Life::Pending => self.abandon_launch(host),
            Life::Leaving => {
                self.s.hosts[host].life = Life::Out;
                self.machine_ends(host);
                true
            }
            Life::Pooling => self.is_stopped_in_the_pool(host),
            _ => false,
        }
    }
}
