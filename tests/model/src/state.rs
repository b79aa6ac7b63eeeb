//! One state of the world, in small numbers; texts and documents are indices into the tables.

/// The most instances at once, including those that EC2 still lists as terminated.
pub const HOSTS: usize = 7;
/// The most members of one cluster.
pub const MEMBERS: usize = 6;
/// The most clusters at once, including past ones whose data is still on a disk.
pub const CLUSTERS: usize = 2;
/// The most invocations at once.
pub const RUNS: usize = 2;
/// The most calls in flight at once.
pub const MOST_IN_FLIGHT: usize = 2;

/// One state of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The instances; instance `i-1` has index 0.
    pub hosts: [Host; HOSTS],
    /// The etcd clusters, in the order of their tokens.
    pub clusters: [Cluster; CLUSTERS],
    /// The env of each instance: an index of texts, 0 for none.
    pub envs: [u32; HOSTS],
    /// A bit for each address whose client URL `endpoints` names; `None` while the parameter does not exist.
    pub endpoints: Option<u8>,
    /// The ledger: an index of ledgers, 0 while there is no ledger.
    pub ledger: u32,
    /// The invocations that are under way.
    pub runs: [Run; RUNS],
    /// The calls in flight whose callers no longer wait.
    pub in_flight: [InFlight; MOST_IN_FLIGHT],
    /// The deployment whose ledger it is. Another deployment that writes a ledger breaks I2 or I10.
    pub holder: u8,
    /// The ledger that the other deployment has, and may not write: an index of ledgers, 0 for none.
    pub other: u32,
    /// The record of the group's owner, in a world with two deployments.
    pub owner: Option<Record>,
    /// The group's desired capacity.
    pub desired: u8,
    /// While the group is emptied: the desired capacity that it gets again. Its maximum size is 0 then.
    pub emptied: Option<u8>,
    /// The generation that the tag `etcd-asg:end` names, 0 for none.
    pub end: u8,
    /// Whether the alarm CORRUPT stands.
    pub corrupt: bool,
    /// How often each fault may still happen.
    pub faults: Faults,
    /// The invariant that the last step broke.
    pub broken: Option<Invariant>,
    /// A cluster lost its majority at the moment at which the ledger said that it formed. Nothing is promised for it
    /// (docs/decisions/0003).
    pub stillborn: bool,
}

/// What must never break (`docs/SAFETY.md`). A dead end breaks I9. I11 holds here by itself: each decision is computed
/// once and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
    I8,
    I10,
    I12,
}

/// The record of the group's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The deployment that it names.
    pub deployment: u8,
    /// Whether it was written without a ledger.
    pub without_ledger: bool,
    /// How old it is, in the steps that the rules distinguish (`owners.rs`).
    pub age: u8,
}

/// The lifecycle state that Auto Scaling gives, as far as the rules distinguish it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Life {
    /// There is no such instance.
    #[default]
    Nowhere,
    /// `Pending:Wait`.
    Pending,
    /// `InService`.
    InService,
    /// `Terminating:Wait`.
    Leaving,
    /// `ReplacingRootVolume`.
    Replacing,
    /// `Terminating:Retained`: its machine runs on.
    Retained,
    /// On its way back into the warm pool (`Warmed:Pending:Wait`): the terminate hook waits.
    Pooling,
    /// Stopped in the warm pool, with its disk.
    Pooled,
    /// The group no longer lists the instance; EC2 still does.
    Out,
}

/// The state that EC2 gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Machine {
    #[default]
    Running,
    Stopping,
    Terminated,
}

/// Whether an instance answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It answers its peers and the functions.
    #[default]
    Well,
    /// It does nothing, and what is sent to it waits in its socket.
    Frozen,
    /// It answers its peers but not the functions.
    Deaf,
}

/// The etcd of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Etcd {
    /// The boot script waits for an env that lets it start.
    #[default]
    Booting,
    /// etcd runs.
    Running,
    /// The boot script refused to start etcd, or its member was removed: it does not start again.
    Stopped,
}

/// One instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Host {
    pub life: Life,
    pub machine: Machine,
    pub condition: Condition,
    pub etcd: Etcd,
    /// Whether the group takes the instance for healthy.
    pub healthy: bool,
    /// The instance's place in the order of launches.
    pub order: u8,
    pub address: u8,
    /// The generation of the boot script's stamp, 0 for none.
    pub stamp: u8,
    /// The data on the disk: a cluster's token and a member ID, both 0 for an empty disk.
    pub cluster: u8,
    pub member: u8,
    /// Whether the log on the disk holds every acknowledged write.
    pub full: bool,
}

/// A cluster, identified by the number of its token; 0 is no cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Cluster {
    pub token: u8,
    /// Whether the ledger says that the cluster formed.
    pub formed: bool,
    /// The member that leads or led last, 0 for none.
    pub leader: u8,
    /// The leader's term, one more with each election. Terms are only compared, so the number wraps around.
    pub term: u8,
    /// The members in the order of their IDs; free places last.
    pub members: [Listed; MEMBERS],
}

/// A listed member. The ID is the address × 8 plus a number that differs from those of earlier members at this
/// address. ID 0 is a free place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Listed {
    pub id: u8,
    pub address: u8,
    /// The index of the instance that is the member's name, plus one; 0 while the member has no name.
    pub name: u8,
    pub learner: bool,
    /// Whether an etcd was ever started as this member.
    pub started: bool,
    /// The index of the instance for which the member was added, plus one; 0 for a founder.
    pub meant: u8,
    /// Whether an add that arrived late created this member.
    pub late: bool,
}

/// One invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Run {
    /// What the invocation does next; `None` if there is no invocation.
    pub stage: Option<Stage>,
    /// The real [`membership::invocation::Invocation`]: an index of invocations.
    pub invocation: u32,
    /// The last look: an index of observations.
    pub seen: u32,
    /// The number in the invocation's nonces.
    pub nonce: u8,
    /// Whether the invocation has lived through a step of time.
    pub old: bool,
    /// The change of the membership that was claimed last: an index of changes, 0 for none.
    pub change: u32,
    /// The world at the last look.
    pub basis: Basis,
}

/// The world at the look on which a call rests: an invariant judges the call by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Basis {
    /// A bit for each instance whose etcd took part at some moment since the look.
    pub well: u8,
    /// A bit for each instance that answered in the look.
    pub answered: u8,
    /// The desired capacity in the look.
    pub desired: u8,
    /// Whether the alarm CORRUPT stood in the look.
    pub corrupt: bool,
    /// Whether the invocation's deployment owned the group in the look.
    pub owns: bool,
    /// Whether the call arrived late, which is no fault of the look: on another path of the same world it arrives at
    /// once. An invocation that acts meanwhile has to count the call.
    pub late: bool,
}

/// What an invocation is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It looks again.
    Look,
    /// It writes this ledger (an index); `fresh` while no other write came since the ledger was read.
    #[allow(missing_docs)]
    Write { ledger: u32, fresh: bool },
    /// It makes these calls: an index of effects.
    Perform(u32),
    /// It makes this call under its claim: an index of effects.
    Ask(u32),
}

/// A call in flight whose caller no longer waits. Without a place, there is no call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct InFlight {
    pub place: Option<Place>,
    /// The member to which the call was handed on; 0 while it goes where it was sent.
    pub to: u8,
    pub effect: u32,
    /// The change of the membership that the call asks for: an index of changes, 0 for none.
    pub change: u32,
    pub cluster: u8,
    pub basis: Basis,
}

/// Where a call in flight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On the network: the call arrives within this many steps of time, or is lost.
    Flying(u8),
    /// In the socket of this frozen member.
    Socket(u8),
    /// In the log of this leader, which has no quorum.
    Log(u8),
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// How often each fault may still happen.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Faults {
            $($(#[doc = $doc])+ pub $name: u8,)+
        }

        impl Faults {
            /// How many faults may still happen in all.
            pub fn left(&self) -> u32 {
                0 $(+ u32::from(self.$name))+
            }

            /// The faults that may happen, by name and number.
            pub fn budget(&self) -> String {
                let all = [$((stringify!($name), self.$name)),+];
                let some = all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}"));
                some.collect::<Vec<_>>().join(", ")
            }
        }
    };
}

faults! {
    /// A machine dies.
    kills,
    /// An instance freezes, until it thaws.
    freezes,
    /// An instance answers its peers but not the functions, until it recovers.
    deaf,
    /// An etcd crashes, and the boot script starts it again.
    crashes,
    /// A root volume is replaced.
    disks,
    /// The group, or an operator, terminates an instance in order.
    terminations,
    /// An answer is lost.
    answers,
    /// An invocation gives up its call, and the call arrives later.
    late,
    /// An invocation dies.
    deaths,
    /// Time passes although a machine, the group or an invocation has something to do at once.
    delays,
    /// EC2 and the group do not list an instance in one look.
    hidden,
    /// A hook times out.
    timeouts,
    /// A long wait is over at once: the leave patience, a joiner's hook, a stalled launch.
    patience,
    /// A launch gets the address of an instance that is terminated.
    reuse,
    /// The desired capacity changes by one.
    scales,
    /// The group's size is 0 for a while, and nobody means the end of the cluster.
    nights,
    /// The group's size is 0, and its tag means the end of the cluster.
    ends,
    /// The alarm CORRUPT is raised. An operator disarms it.
    alarms,
    /// Somebody deletes the record of the group's owner.
    deletions,
    /// A look does not see yet a record of the owner that was just written.
    stale,
}

impl State {
    /// A world with nothing in it.
    pub fn empty(desired: u8, faults: Faults) -> Self {
        Self {
            hosts: Default::default(),
            clusters: Default::default(),
            envs: Default::default(),
            endpoints: None,
            ledger: 0,
            runs: Default::default(),
            in_flight: Default::default(),
            holder: 0,
            other: 0,
            owner: None,
            desired,
            emptied: None,
            end: 0,
            corrupt: false,
            faults,
            broken: None,
            stillborn: false,
        }
    }

    /// The cluster with this token.
    pub fn cluster(&self, token: u8) -> Option<&Cluster> {
        self.clusters.iter().find(|c| token != 0 && c.token == token)
    }

    /// The index of the instance whose disk holds this member's data.
    pub fn host_of(&self, token: u8, member: u8) -> Option<usize> {
        self.hosts.iter().position(|h| h.cluster == token && h.member == member && member != 0)
    }

    /// A bit for each instance that `which` selects.
    pub fn mask(&self, which: impl Fn(&Host) -> bool) -> u8 {
        self.hosts.iter().enumerate().filter(|(_, h)| which(h)).fold(0, |mask, (i, _)| mask | 1 << i)
    }

    /// Whether any invocation is under way.
    pub fn busy(&self) -> bool {
        self.runs.iter().any(|r| r.stage.is_some())
    }
}

impl Host {
    /// Whether the machine runs.
    pub fn runs(&self) -> bool {
        self.life != Life::Nowhere && self.machine == Machine::Running
    }

    /// Whether the instance's etcd takes part in its cluster.
    pub fn well(&self) -> bool {
        self.runs() && self.etcd == Etcd::Running && self.condition != Condition::Frozen
    }

    /// Whether the instance's etcd answers the functions.
    pub fn answers(&self) -> bool {
        self.well() && self.condition == Condition::Well
    }

    /// Whether the instance counts towards the desired capacity.
    pub fn stays(&self) -> bool {
        matches!(self.life, Life::Pending | Life::InService | Life::Replacing)
    }
}

impl Cluster {
    /// All members.
    pub fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.members.iter().filter(|m| m.id != 0)
    }

    /// All voters.
    pub fn voters(&self) -> impl Iterator<Item = &Listed> {
        self.listed().filter(|m| !m.learner)
    }

    /// The member with this ID.
    pub fn member(&self, id: u8) -> Option<&Listed> {
        self.listed().find(|m| m.id == id)
    }

    /// The member with this ID, mutably.
    pub fn member_mut(&mut self, id: u8) -> Option<&mut Listed> {
        self.members.iter_mut().find(|m| m.id == id && id != 0)
    }

    /// Adds a member. Returns false if this model has no room for it.
    pub fn insert(&mut self, new: Listed) -> bool {
        let Some(room) = self.members.iter_mut().find(|m| m.id == 0) else { return false };
        *room = new;
        self.in_order();
        true
    }

    /// Removes a member.
    pub fn remove(&mut self, id: u8) {
        if let Some(member) = self.member_mut(id) {
            *member = Listed::default();
        }
        self.in_order();
    }

    fn in_order(&mut self) {
        self.members.sort_by_key(|m| (m.id == 0, m.id));
    }
}
