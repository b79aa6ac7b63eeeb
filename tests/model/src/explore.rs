//! Explores a model wholly, or to a bound: breadth first, so that the first broken state has the shortest story; then
//! backwards from the settled states, to find the states that cannot reach a settled state.
//!
//! For each state the search keeps its fingerprint, its parent and the steps that lead to it. stateright's own checker
//! does not keep the steps, which the search for dead ends needs.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use stateright::Model;

/// What the search asks of a model beyond stateright's trait.
pub trait Explored: Model {
    /// The invariant that is broken in this state, if any.
    fn broken(&self, state: &Self::State) -> Option<String>;
    /// Whether all is as it should be and nothing is left to do.
    fn settled(&self, state: &Self::State) -> bool;
    /// Whether the step between these states is a fault.
    fn fault(&self, before: &Self::State, after: &Self::State) -> bool;
    /// The story of a step: the action, then what followed from it.
    fn sentences(&self, before: &Self::State, action: Self::Action) -> Vec<String>;
}

/// When the search stops.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most states to keep; further states are left out.
    pub states: usize,
    /// Whether to stop at the first settled state.
    pub until_settled: bool,
}

/// What the search found.
#[derive(Debug)]
pub struct Found<S> {
    /// How many states there are.
    pub states: usize,
    /// How many steps there are between these states.
    pub edges: usize,
    /// How many steps the state takes to reach that is furthest from the start.
    pub depth: usize,
    /// How many states are settled.
    pub settled: usize,
    /// Whether no state was left out.
    pub exhausted: bool,
    /// The first broken invariant, and the story of how it broke.
    pub broken: Option<(String, Vec<String>)>,
    /// How many states can reach no settled state without a further fault.
    pub dead_ends: usize,
    /// The story of the first of these dead ends.
    pub dead_end: Option<Vec<String>>,
    /// The first settled state.
    pub first_settled: Option<S>,
}

struct Graph {
    numbers: HashMap<u64, u32>,
    parents: Vec<u32>,
    depths: Vec<u16>,
    /// The steps that are no faults: the state that the step leads to, then the state that it starts from.
    calm: Vec<(u32, u32)>,
    settled: Vec<u32>,
}

/// The parent of an initial state.
const NO_PARENT: u32 = u32::MAX;

/// Explores the model from its initial states.
pub fn explore<M: Explored>(model: &M, bounds: Bounds) -> Found<M::State>
where
    M::State: Hash + Clone + PartialEq,
    M::Action: Clone,
{
    let hasher = RandomState::new();
    let mut graph =
        Graph { numbers: HashMap::new(), parents: vec![], depths: vec![], calm: vec![], settled: vec![] };
    let mut found = Found {
        states: 0,
        edges: 0,
        depth: 0,
        settled: 0,
        exhausted: true,
        broken: None,
        dead_ends: 0,
        dead_end: None,
        first_settled: None,
    };
    let mut layer: Vec<(u32, M::State)> = Vec::new();
    for state in model.init_states() {
        let number = graph.add(hasher.hash_one(&state), NO_PARENT);
        layer.push((number, state));
    }
    let mut actions = Vec::new();
    'search: while !layer.is_empty() {
        let mut next = Vec::new();
        for (number, state) in layer.drain(..) {
            found.depth = found.depth.max(graph.depths[number as usize].into());
            if let Some(broken) = model.broken(&state) {
                found.broken = Some((broken, graph.story(model, number, &hasher)));
                break 'search;
            }
            if model.settled(&state) {
                graph.settled.push(number);
                if bounds.until_settled {
                    found.first_settled = Some(state);
                    break 'search;
                }
                found.first_settled.get_or_insert(state.clone());
            }
            actions.clear();
            model.actions(&state, &mut actions);
            for action in actions.drain(..) {
                let Some(after) = model.next_state(&state, action) else { continue };
                if after == state {
                    continue;
                }
                found.edges += 1;
                let fingerprint = hasher.hash_one(&after);
                let calm = !model.fault(&state, &after);
                let to = match graph.numbers.get(&fingerprint) {
                    Some(to) => *to,
                    None if graph.parents.len() >= bounds.states => {
                        found.exhausted = false;
                        continue;
                    }
                    None => {
                        let to = graph.add(fingerprint, number);
                        next.push((to, after));
                        to
                    }
                };
                if calm {
                    graph.calm.push((to, number));
                }
            }
        }
        layer = next;
    }
    (found.states, found.settled) = (graph.parents.len(), graph.settled.len());
    if found.exhausted && found.broken.is_none() && !bounds.until_settled {
        let lost = graph.dead_ends();
        found.dead_ends = lost.len();
        found.dead_end = lost.first().map(|number| graph.story(model, *number, &hasher));
    }
    found
}

impl Graph {
    fn add(&mut self, fingerprint: u64, parent: u32) -> u32 {
        let number = self.parents.len() as u32;
        self.numbers.insert(fingerprint, number);
        self.parents.push(parent);
        let depth = if parent == NO_PARENT { 0 } else { self.depths[parent as usize] + 1 };
        self.depths.push(depth);
        number
    }

    /// The states from which no settled state is reached without a fault, those nearest the start first.
    fn dead_ends(&mut self) -> Vec<u32> {
        self.calm.sort_unstable();
        let mut alive = vec![false; self.parents.len()];
        let mut open = self.settled.clone();
        for settled in &open {
            alive[*settled as usize] = true;
        }
        while let Some(state) = open.pop() {
            let first = self.calm.partition_point(|(to, _)| *to < state);
            for (_, from) in self.calm[first..].iter().take_while(|(to, _)| *to == state) {
                if !alive[*from as usize] {
                    alive[*from as usize] = true;
                    open.push(*from);
                }
            }
        }
        (0..self.parents.len() as u32).filter(|s| !alive[*s as usize]).collect()
    }

    /// The story of the shortest way to this state, a line for each step.
    fn story<M: Explored>(&self, model: &M, to: u32, hasher: &RandomState) -> Vec<String>
    where
        M::State: Hash + Clone + PartialEq,
        M::Action: Clone,
    {
        let mut way = vec![to];
        while let Some(parent) = way.last().map(|s| self.parents[*s as usize]).filter(|p| *p != NO_PARENT) {
            way.push(parent);
        }
        way.reverse();
        let number = |s: &M::State| self.numbers.get(&hasher.hash_one(s)).copied();
        let start = model.init_states().into_iter().find(|s| number(s) == way.first().copied());
        let Some(mut state) = start else { return Vec::new() };
        let mut story = Vec::new();
        for to in &way[1..] {
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            let taken = actions.into_iter().find_map(|action| {
                let after = model.next_state(&state, action.clone())?;
                (number(&after) == Some(*to)).then_some((action, after))
            });
            let Some((action, after)) = taken else { return story };
            let sentences = model.sentences(&state, action);
            let (what, so) = (&sentences[..1], &sentences[1..]);
            let line = [what.concat(), so.join("; ")].join(if so.is_empty() { "" } else { ": " });
            story.push(format!("{:>3}. {line}", story.len() + 1));
            state = after;
        }
        story
    }
}
