//! What the indices in a state refer to: each document, text and invocation is kept once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use membership::change::{Change, Effect};
use membership::invocation::Invocation;
use membership::ledger::Ledger;
use membership::observation::Observation;

use crate::invoke::Then;
use crate::state::{Cluster, HOSTS, Host};

/// Keeps each value once, under an index that never changes.
#[derive(Clone, Debug)]
pub struct Table<T> {
    values: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Eq + Hash> Table<T> {
    /// The index of this value; a new value is added.
    pub fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = self.values.len() as u32;
        let value = Arc::new(value);
        self.values.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        number
    }

    /// The value with this index.
    pub fn get(&self, number: u32) -> Arc<T> {
        Arc::clone(&self.values[number as usize])
    }
}

/// The parts of a state that decide what an invocation observes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sight {
    pub hosts: [Host; HOSTS],
    pub clusters: [Cluster; crate::state::CLUSTERS],
    pub envs: [u32; HOSTS],
    pub endpoints: Option<u8>,
    /// The deployment that looks, and its ledger.
    pub deployment: u8,
    pub ledger: u32,
    pub owner: Option<crate::state::Record>,
    pub desired: u8,
    pub max_zero: bool,
    pub end: u8,
    pub corrupt: bool,
    pub hidden: Option<u8>,
}

/// All tables, and what was computed already.
#[derive(Clone, Debug)]
pub struct Tables {
    pub ledgers: Table<Option<Ledger>>,
    pub invocations: Table<Invocation>,
    pub observations: Table<Observation>,
    pub texts: Table<String>,
    pub effects: Table<Vec<Effect>>,
    pub changes: Table<Option<Change>>,
    pub sights: HashMap<Sight, u32>,
    /// What an invocation does after a look, by invocation, observation and nonce.
    pub looks: HashMap<(u32, u32, u8), (u32, Then)>,
    /// Whether the decision about an observation is settled.
    pub settled: HashMap<u32, bool>,
    /// The index of the same value one step of time later.
    pub older_ledgers: HashMap<u32, u32>,
    pub older_invocations: HashMap<u32, u32>,
    pub older_observations: HashMap<u32, u32>,
}

impl Default for Tables {
    fn default() -> Self {
        let mut tables = Self {
            ledgers: Table::default(),
            invocations: Table::default(),
            observations: Table::default(),
            texts: Table::default(),
            effects: Table::default(),
            changes: Table::default(),
            sights: HashMap::new(),
            looks: HashMap::new(),
            settled: HashMap::new(),
            older_ledgers: HashMap::new(),
            older_invocations: HashMap::new(),
            older_observations: HashMap::new(),
        };
        tables.ledgers.number(None);
        tables.texts.number(String::new());
        tables.changes.number(None);
        tables
    }
}
