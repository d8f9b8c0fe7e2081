//! The whole graph of a complete exploration, and what can be asked of it only then.

use super::edges::Edges;
use super::outcome::{Completeness, Cut, Exploration};
use super::space::{PackedState, Successor};
use super::state_set::StateSet;
use super::trace::Trace;

/// All states and all transitions: the ground on which liveness can be judged.
#[derive(Clone, Copy)]
pub struct Graph<'a, S> {
    exploration: &'a Exploration<S>,
    edges: &'a Edges,
}

/// Why liveness can't be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGraph {
    /// Not all states were visited: a missing way out would look like a trap, a missing loop like progress.
    #[error("the exploration is partial ({0:?})")]
    Partial(Cut),
    /// The exploration was not asked to keep them.
    #[error("the exploration has not kept its edges")]
    NoEdges,
}

impl<S: PackedState> Exploration<S> {
    /// The whole graph.
    ///
    /// # Errors
    ///
    /// If the exploration is partial or was not asked to keep edges.
    pub fn graph(&self) -> Result<Graph<'_, S>, NoGraph> {
        match (self.completeness(), &self.edges) {
            (Completeness::Partial(cut), _) => Err(NoGraph::Partial(cut)),
            (Completeness::Complete, None) => Err(NoGraph::NoEdges),
            (Completeness::Complete, Some(edges)) => Ok(Graph { exploration: self, edges }),
        }
    }
}

impl<'a, S: PackedState> Graph<'a, S> {
    /// How many states there are.
    pub fn states(&self) -> u32 {
        self.exploration.unique() as u32
    }

    /// The state with this index.
    pub fn state(&self, index: u32) -> &'a S {
        self.exploration.state(index)
    }

    /// Steps from the initial states.
    pub fn depth_of(&self, state: u32) -> u32 {
        self.exploration.depth_of(state)
    }

    /// The steps that leave a state: label and state after.
    #[inline]
    pub fn steps(&self, from: u32) -> impl Iterator<Item = (u32, u32)> + use<'a, S> {
        let (to, labels) = self.edges.row(from);
        labels.iter().copied().zip(to.iter().copied())
    }

    /// A shortest path to a state, as [`Exploration::trace_to`] gives it.
    pub fn trace_to(&self, state: u32) -> Trace<S> {
        let mut trace = Trace { initial: None, steps: Vec::new() };
        let mut at = state;
        while let Some(parent) = self.exploration.store.parent(at) {
            trace.steps.push(self.step(parent, at));
            at = parent;
        }
        trace.steps.reverse();
        trace.initial = Some(*self.state(at));
        trace
    }

    /// The first step from one state to the other.
    pub(super) fn step(&self, from: u32, to: u32) -> Successor<S> {
        let step = self.steps(from).find(|(_, end)| *end == to);
        let (label, _) = step.expect("paths are made of steps of the graph");
        Successor { label, state: *self.state(to) }
    }

    /// The states from which no state of `goal` can be reached, not even by luck. If it is not empty, its first state
    /// is the nearest trap.
    pub fn cannot_reach(&self, goal: &StateSet) -> StateSet {
        assert_eq!(goal.states(), self.states(), "the set is of another exploration");
        let backwards = Backwards::of(self);
        let mut can = goal.clone();
        let mut pending: Vec<u32> = goal.iter().collect();
        while let Some(state) = pending.pop() {
            pending.extend(backwards.before(state).iter().filter(|before| can.insert(**before)));
        }
        can.complement()
    }
}

/// For each state, the states that have a step to it.
struct Backwards {
    ends: Vec<usize>,
    from: Vec<u32>,
}

impl Backwards {
    fn of<S: PackedState>(graph: &Graph<'_, S>) -> Self {
        let states = graph.states();
        let steps = || (0..states).flat_map(|from| graph.edges.row(from).0.iter().map(move |to| (from, *to as usize)));
        let mut places = vec![0; states as usize + 1];
        steps().for_each(|(_, to)| places[to + 1] += 1);
        (0..states as usize).for_each(|state| places[state + 1] += places[state]);
        let mut from = vec![0; graph.edges.len()];
        for (before, to) in steps() {
            from[places[to]] = before;
            places[to] += 1;
        }
        Backwards { ends: places, from }
    }

    fn before(&self, state: u32) -> &[u32] {
        let start = state.checked_sub(1).map_or(0, |previous| self.ends[previous as usize]);
        &self.from[start..self.ends[state as usize]]
    }
}
