//! What a state names by number: each document, text and invocation once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use membership::change::{Change, Effect};
use membership::invocation::Invocation;
use membership::ledger::Ledger;
use membership::observation::Observation;

use crate::invoke::Then;
use crate::state::{Cluster, HOSTS, Host};

/// Each value once, with a number that stays.
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
    /// The number of this value.
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

    /// The value of this number.
    pub fn get(&self, number: u32) -> Arc<T> {
        Arc::clone(&self.values[number as usize])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// What an observation is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct Sight {
    pub hosts: [Host; HOSTS],
    pub clusters: [Cluster; crate::state::CLUSTERS],
    pub envs: [u32; HOSTS],
    pub endpoints: Option<u8>,
    pub ledger: u32,
    pub desired: u8,
    pub hidden: Option<u8>,
}

/// All tables, and what was worked out already.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Tables {
    pub ledgers: Table<Option<Ledger>>,
    pub invocations: Table<Invocation>,
    pub observations: Table<Observation>,
    pub texts: Table<String>,
    pub effects: Table<Vec<Effect>>,
    pub changes: Table<Option<Change>>,
    pub sights: HashMap<Sight, u32>,
    /// By invocation, observation and nonce.
    pub looks: HashMap<(u32, u32, u8), (u32, Then)>,
    pub settled: HashMap<u32, bool>,
    /// Of each table, the number of the same value one step of time later.
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
