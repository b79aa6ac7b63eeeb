//! One state of the world, in small numbers; whatever is text or a document is an index into the tables.

/// The most instances at once, those that EC2 still lists as terminated among them.
pub const HOSTS: usize = 7;
/// The most members of one cluster.
pub const MEMBERS: usize = 6;
/// The most clusters of which anything is left.
pub const CLUSTERS: usize = 2;
/// The most invocations at once.
pub const RUNS: usize = 2;
/// The most calls on their way that nobody waits for any more.
pub const MOST_IN_FLIGHT: usize = 2;

/// All of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The instances, by the number in their name less one.
    pub hosts: [Host; HOSTS],
    /// etcd, a cluster each.
    pub clusters: [Cluster; CLUSTERS],
    /// The env of each instance: an index of texts, 0 for none.
    pub envs: [u32; HOSTS],
    /// The addresses whose client URLs stand in `endpoints`, a bit each; none while it does not exist.
    pub endpoints: Option<u8>,
    /// The ledger: an index of ledgers; the first is that there is none.
    pub ledger: u32,
    /// Invocations.
    pub runs: [Run; RUNS],
    /// Calls on their way.
    pub in_flight: [InFlight; MOST_IN_FLIGHT],
    /// The group's desired capacity.
    pub desired: u8,
    /// How often each fault may still come.
    pub faults: Faults,
    /// The invariant that the last step broke.
    pub broken: Option<Invariant>,
    /// It died in the moment in which it was written down as formed (docs/decisions/0003): nothing is promised.
    pub stillborn: bool,
}

/// What must never break. I9 is the dead ends; I11 is that each look is worked out once and kept.
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

/// Where Auto Scaling says that an instance stands, as far as the rules tell it apart.
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
    /// The group lists it no more; EC2 still does.
    Out,
}

/// What EC2 says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Machine {
    #[default]
    Running,
    Stopping,
    Terminated,
}

/// Who hears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Everybody.
    #[default]
    Well,
    /// Nobody: it does nothing, and what is sent to it waits in its socket.
    Frozen,
    /// Its peers, not the functions.
    Deaf,
}

/// Its etcd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Etcd {
    /// The boot script waits for an env that lets it start.
    #[default]
    Booting,
    /// It runs.
    Running,
    /// It ended for good.
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
    /// The group counts it as healthy.
    pub healthy: bool,
    /// Its place in the order of launches.
    pub order: u8,
    pub address: u8,
    /// The generation of the boot script's stamp, 0 for none.
    pub stamp: u8,
    /// Whose data its disk holds: a cluster's token and a member, both 0 for an empty disk.
    pub cluster: u8,
    pub member: u8,
    /// Its log holds every acknowledged write.
    pub full: bool,
}

/// A cluster, known by the number of its token. 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Cluster {
    pub token: u8,
    /// The ledger said that it formed.
    pub formed: bool,
    /// The member that leads, or last led; 0 for none.
    pub leader: u8,
    /// Of its leader: one more with each election. It is only ever compared, so it begins anew after some.
    pub term: u8,
    /// Ordered by ID, the empty ones last.
    pub members: [Listed; MEMBERS],
}

/// A member. ID 0 is none; the ID is its address × 8, and a number that no other member of that address has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Listed {
    pub id: u8,
    pub address: u8,
    /// The instance whose name it published, plus one; 0 while it has none.
    pub name: u8,
    pub learner: bool,
    /// It was started once.
    pub started: bool,
    /// The instance that it was added for, plus one; 0 for a founder.
    pub meant: u8,
    /// It is what an add came to that had waited somewhere.
    pub late: bool,
}

/// One invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Run {
    /// What comes next; none where there is no invocation.
    pub stage: Option<Stage>,
    /// The real thing: an index of invocations.
    pub invocation: u32,
    /// What it saw last: an index of observations.
    pub seen: u32,
    /// Which nonce is its own.
    pub nonce: u8,
    /// It has lived through a step of time.
    pub old: bool,
    /// What it claimed last, if that is a change of the membership: an index of changes, 0 for none.
    pub change: u32,
    /// What its last look rests on.
    pub basis: Basis,
}

/// What a step rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Basis {
    /// The instances whose etcd took part at some moment since the look, a bit each.
    pub well: u8,
    /// Those that answered in the look.
    pub answered: u8,
    /// The desired capacity of then.
    pub desired: u8,
    /// The call waits somewhere: that it lands late is no fault of the look. Its invocation might as well have made it
    /// at once, which is another path of the same world; whoever acts meanwhile has to count it.
    pub late: bool,
}

/// What an invocation is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Look again.
    Look,
    /// Write this ledger; `fresh` while nobody has written since it was read.
    #[allow(missing_docs)]
    Write { ledger: u32, fresh: bool },
    /// Make these calls.
    Perform(u32),
    /// Make this call under the claim.
    Ask(u32),
}

/// A call on its way that nobody waits for any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct InFlight {
    pub place: Option<Place>,
    /// The member that it was handed on to; 0 while it goes where it was sent.
    pub to: u8,
    pub effect: u32,
    /// The change of the membership that it asks for: an index of changes, 0 for none.
    pub change: u32,
    pub cluster: u8,
    pub basis: Basis,
}

/// Where a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On the network: it arrives, or is lost, within so many steps of time.
    Flying(u8),
    /// In the socket of a frozen member.
    Socket(u8),
    /// In the log of a leader without a quorum.
    Log(u8),
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// How often each thing may still go wrong.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Faults {
            $($(#[doc = $doc])+ pub $name: u8,)+
        }

        impl Faults {
            /// All of them together.
            pub fn left(&self) -> u32 {
                0 $(+ u32::from(self.$name))+
            }

            /// Those that there are.
            pub fn told(&self) -> String {
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
    /// An instance answers its peers and not the functions, until it does again.
    deaf,
    /// An etcd ends and is started again.
    crashes,
    /// A root volume is replaced.
    disks,
    /// The group, or an operator, terminates an instance in order.
    terminations,
    /// An answer is lost.
    answers,
    /// A call is given up by whoever made it, and arrives later.
    late,
    /// An invocation dies.
    deaths,
    /// Time passes although somebody has something to do at once.
    delays,
    /// An instance is missing from EC2 and the group for one look.
    hidden,
    /// A hook times out.
    timeouts,
    /// A long wait is over at once: of a leaving voter, a joiner's hook, a stalled launch.
    patience,
    /// A launch gets the address of an instance that is terminated.
    reuse,
    /// The desired capacity changes by one.
    scales,
}

impl State {
    /// A world without anything in it.
    pub fn empty(desired: u8, faults: Faults) -> Self {
        Self {
            hosts: Default::default(),
            clusters: Default::default(),
            envs: Default::default(),
            endpoints: None,
            ledger: 0,
            runs: Default::default(),
            in_flight: Default::default(),
            desired,
            faults,
            broken: None,
            stillborn: false,
        }
    }

    /// The cluster with this token.
    pub fn cluster(&self, token: u8) -> Option<&Cluster> {
        self.clusters.iter().find(|c| token != 0 && c.token == token)
    }

    /// The number of the instance whose disk holds this member's data.
    pub fn host_of(&self, token: u8, member: u8) -> Option<usize> {
        self.hosts.iter().position(|h| h.cluster == token && h.member == member && member != 0)
    }

    /// A bit for each instance for which this holds.
    pub fn mask(&self, which: impl Fn(&Host) -> bool) -> u8 {
        self.hosts.iter().enumerate().filter(|(_, h)| which(h)).fold(0, |mask, (i, _)| mask | 1 << i)
    }

    /// Whether any invocation is under way.
    pub fn busy(&self) -> bool {
        self.runs.iter().any(|r| r.stage.is_some())
    }
}

impl Host {
    /// The machine runs.
    pub fn runs(&self) -> bool {
        self.life != Life::Nowhere && self.machine == Machine::Running
    }

    /// Its etcd takes part in its cluster.
    pub fn well(&self) -> bool {
        self.runs() && self.etcd == Etcd::Running && self.condition != Condition::Frozen
    }

    /// Its etcd answers the functions.
    pub fn answers(&self) -> bool {
        self.well() && self.condition == Condition::Well
    }

    /// It counts towards the desired capacity.
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

    /// The same, to be changed.
    pub fn member_mut(&mut self, id: u8) -> Option<&mut Listed> {
        self.members.iter_mut().find(|m| m.id == id && id != 0)
    }

    /// One member more; false where there is no room in this model.
    pub fn insert(&mut self, new: Listed) -> bool {
        let Some(room) = self.members.iter_mut().find(|m| m.id == 0) else { return false };
        *room = new;
        self.in_order();
        true
    }

    /// One member less.
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
