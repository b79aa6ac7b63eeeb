//! A world to explore: where it begins, what may go wrong, and which guards hold.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use membership::guard::Guards;
use membership::settings::Settings;
use stateright::{Model, Property};

use crate::action::{self, Action};
use crate::state::{Invariant, Life, State};
use crate::step::Step;
use crate::tables::Tables;

/// The second deployment that sees the group. Each of the two invocations of such a world is another deployment's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Second {
    /// There is none.
    #[default]
    None,
    /// It has no ledger, and would found or adopt a cluster.
    Bare,
    /// It has the ledger as it was before the ledger was moved to the first deployment.
    Moved,
    /// It has a ledger of this group about another cluster.
    Stranger,
    /// It is the same deployment, to which the group's tag names another cluster at times.
    Renamed,
}

/// A world, bounded by how often each fault may happen in it.
#[derive(Debug)]
pub struct World {
    start: State,
    /// The most invocations at once.
    pub runs: usize,
    pub guards: Guards,
    pub settings: Settings,
    /// The second deployment that sees the group.
    pub second: Second,
    /// Whether the group retains an instance whose termination is abandoned.
    pub retains: bool,
    /// Whether the group takes instances back into its warm pool on scale-in.
    pub reuses: bool,
    tables: Mutex<Tables>,
}

impl World {
    /// A world that begins in `start`, whose indices refer to these tables.
    pub fn new(start: State, runs: usize, guards: Guards, tables: Tables) -> Self {
        let patience = crate::clock::STEP;
        let settings = Settings {
            formation_patience: patience,
            join_patience: patience,
            unproven_grace: patience,
            leave_patience: Duration::from_secs(1800),
            ..Settings::default()
        };
        let second = Second::None;
        let tables = Mutex::new(tables);
        Self { start, runs, guards, settings, second, retains: false, reuses: false, tables }
    }

    /// The tables, for one user at a time.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The state after an action, if the action can happen. The sentences of the step are added to `story`.
    fn follow(&self, state: &State, action: Action, story: Option<&mut Vec<String>>) -> Option<State> {
        if state.broken.is_some() || state.stillborn {
            return None;
        }
        let mut tables = self.tables();
        let mut step = Step { world: self, t: &mut tables, s: *state, story };
        let happened = step.take(action) && (step.s != *state || step.s.broken.is_some());
        happened.then_some(step.s)
    }

    /// `desired` instances whose launch hooks wait, and nothing else.
    pub fn launching(desired: u8) -> State {
        let mut state = State::empty(desired, crate::state::Faults::default());
        for (number, host) in state.hosts.iter_mut().enumerate().take(usize::from(desired)) {
            host.life = Life::Pending;
            host.healthy = true;
            (host.order, host.address) = (number as u8 + 1, number as u8 + 1);
        }
        state
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.start]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(action::all(state));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        self.follow(last, action, None)
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1", |_, s: &State| s.broken != Some(Invariant::I1)),
            Property::always("I2", |_, s: &State| s.broken != Some(Invariant::I2)),
            Property::always("I3", |_, s: &State| s.broken != Some(Invariant::I3)),
            Property::always("I4", |_, s: &State| s.broken != Some(Invariant::I4)),
            Property::always("I5", |_, s: &State| s.broken != Some(Invariant::I5)),
            Property::always("I6", |_, s: &State| s.broken != Some(Invariant::I6)),
            Property::always("I7", |_, s: &State| s.broken != Some(Invariant::I7)),
            Property::always("I8", |_, s: &State| s.broken != Some(Invariant::I8)),
            Property::always("I10", |_, s: &State| s.broken != Some(Invariant::I10)),
            Property::always("I12", |_, s: &State| s.broken != Some(Invariant::I12)),
        ]
    }
}

impl crate::explore::Explored for World {
    fn broken(&self, state: &State) -> Option<String> {
        state.broken.map(|invariant| format!("{invariant:?}"))
    }

    fn settled(&self, state: &State) -> bool {
        let mut tables = self.tables();
        state.stillborn || Step { world: self, t: &mut tables, s: *state, story: None }.settled()
    }

    fn fault(&self, before: &State, after: &State) -> bool {
        after.faults.left() < before.faults.left()
    }

    fn sentences(&self, before: &State, action: Action) -> Vec<String> {
        let mut sentences = vec![action.to_string()];
        self.follow(before, action, Some(&mut sentences));
        sentences
    }
}
