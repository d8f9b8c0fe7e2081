//! What an exploration has found, and how far its word can be taken.

use super::edges::Edges;
use super::options::StopAt;
use super::space::{KINDS, PackedState};
use super::store::Store;
use super::tally::Tally;
use super::trace::Trace;
use std::fmt;

/// Everything an exploration knows. States are named by their index in canonical breadth-first order, counted from
/// zero: by distance from the initial states, then by parent, then by the order of the parent's successors.
pub struct Exploration<S> {
    pub(super) completeness: Completeness,
    pub(super) stop: StopAt,
    pub(super) store: Store<S>,
    pub(super) edges: Option<Edges>,
    pub(super) tally: Tally,
    /// Index of the first state of each level, and the number of states at the end.
    pub(super) level_starts: Vec<u32>,
    pub(super) expanded: u32,
    pub(super) seconds: f64,
    pub(super) memory: Memory,
}

/// Whether all reachable states were visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every reachable state was visited, checked and expanded.
    Complete,
    /// Some were not. What was not seen may hold anything.
    Partial(Cut),
}

/// Why an exploration ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The violation that was asked for was found.
    ViolationFound,
    /// [`Options::max_states`](super::Options::max_states)
    States,
    /// [`Options::max_depth`](super::Options::max_depth)
    Depth,
    /// [`Options::max_memory_bytes`](super::Options::max_memory_bytes)
    Memory,
    /// [`Options::max_time`](super::Options::max_time)
    Time,
    /// [`Options::cancel`](super::Options::cancel)
    Cancelled,
    /// More than four thousand million states.
    Indexes,
}

/// What an exploration says about an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All reachable states were visited and none violates it.
    Holds,
    /// This state violates it, and no state closer to the initial ones does.
    Violated(Sighting),
    /// No violation was seen, and not all states were. Never counts as passing.
    Incomplete(Cut),
}

/// What an exploration says about a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// This state reaches it, and no state closer to the initial ones does.
    Reached(Sighting),
    /// All reachable states were visited and none reaches it.
    Unreachable,
    /// It was not seen, and not all states were.
    Incomplete(Cut),
}

/// A state where something was seen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Index of the state.
    pub state: u32,
    /// Steps from an initial state.
    pub depth: u32,
}

/// Bytes allocated by the explorer at the end of the run, as capacities of its tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The states themselves.
    pub states: usize,
    /// The parent of each state.
    pub parents: usize,
    /// The visited set.
    pub visited: usize,
    /// The transitions, if kept.
    pub edges: usize,
    /// Buffers of the rounds: they grow with the fan-out and the number of threads, not with the number of states.
    pub buffers: usize,
}

impl Memory {
    /// All bytes.
    pub fn total(&self) -> usize {
        self.states + self.parents + self.visited + self.edges + self.buffers
    }
}

/// The panic of a world during an exploration. Nothing it found counts.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the world panicked after {} steps: {message}", trace.steps.len())]
pub struct Panicked<S> {
    /// What the panic said.
    pub message: String,
    /// The way to the state that the world was looking at; empty if it was not looking at any.
    pub trace: Trace<S>,
}

impl<S: PackedState> fmt::Debug for Exploration<S> {
    /// The counts; the states are too many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("completeness", &self.completeness)
            .field("unique", &self.unique())
            .field("generated", &self.generated())
            .field("depth", &self.depth())
            .field("seconds", &self.seconds)
            .finish_non_exhaustive()
    }
}

impl<S: PackedState> Exploration<S> {
    /// Whether all reachable states were visited.
    pub fn completeness(&self) -> Completeness {
        self.completeness
    }

    /// Whether the invariant with this number, below 64, holds. Violations count however little was visited; holding
    /// needs all.
    pub fn verdict(&self, invariant: u32) -> Verdict {
        match (self.first_violation(invariant), self.completeness) {
            (Some(sighting), _) => Verdict::Violated(sighting),
            (None, Completeness::Complete) => Verdict::Holds,
            (None, Completeness::Partial(cut)) => Verdict::Incomplete(cut),
        }
    }

    /// Whether the goal with this number, below 64, is reached.
    pub fn reachability(&self, goal: u32) -> Reachability {
        match (self.first_reaching(goal), self.completeness) {
            (Some(sighting), _) => Reachability::Reached(sighting),
            (None, Completeness::Complete) => Reachability::Unreachable,
            (None, Completeness::Partial(cut)) => Reachability::Incomplete(cut),
        }
    }

    /// The first state, in canonical order, that violates the invariant with this number, as far as was seen.
    pub fn first_violation(&self, invariant: u32) -> Option<Sighting> {
        self.tally.violations.get(invariant).map(|state| self.sighting(state))
    }

    /// The first state, in canonical order, that reaches the goal with this number, as far as was seen.
    pub fn first_reaching(&self, goal: u32) -> Option<Sighting> {
        self.tally.goals.get(goal).map(|state| self.sighting(state))
    }

    /// The first state, in canonical order, that violated one of the invariants it was to stop at.
    pub fn stopped_at(&self) -> Option<Sighting> {
        self.tally.violations.first_of(self.stop.mask()).map(|state| self.sighting(state))
    }

    /// Bit `i` is set when invariant `i` was violated somewhere.
    pub fn violated(&self) -> u64 {
        self.tally.violations.seen()
    }

    /// Bit `i` is set when goal `i` was reached somewhere.
    pub fn reached(&self) -> u64 {
        self.tally.goals.seen()
    }

    /// Unique states.
    pub fn unique(&self) -> usize {
        self.store.len() as usize
    }

    /// Unique states that were checked and whose successors are among the unique ones: all of them if complete.
    pub fn expanded(&self) -> usize {
        self.expanded as usize
    }

    /// Initial states plus all successors of all expanded states, duplicates included.
    ///
    /// This is what stateright's breadth-first `state_count` counts. The two are equal when the exploration is
    /// complete, the initial states differ from each other, and stateright was kept from stopping early.
    pub fn generated(&self) -> u64 {
        self.tally.generated
    }

    /// Successors of all expanded states, duplicates included, by [`Space::kind`](super::Space::kind).
    pub fn steps_by_kind(&self) -> &[u64; KINDS] {
        &self.tally.steps_by_kind
    }

    /// Transitions kept; zero if edges were not asked for.
    pub fn transitions_kept(&self) -> usize {
        self.edges.as_ref().map_or(0, Edges::len)
    }

    /// Distance from the initial states to the farthest states known: stateright's `max_depth` less one.
    pub fn depth(&self) -> u32 {
        (self.level_starts.len() as u32).saturating_sub(2)
    }

    /// Unique states at each distance from the initial ones.
    pub fn level_sizes(&self) -> Vec<usize> {
        self.level_starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect()
    }

    /// Steps from the initial states to the state with this index.
    pub fn depth_of(&self, state: u32) -> u32 {
        self.level_starts.partition_point(|start| *start <= state) as u32 - 1
    }

    /// Expanded states without a successor.
    pub fn terminals(&self) -> u64 {
        self.tally.terminals
    }

    /// The first state without a successor.
    pub fn first_terminal(&self) -> Option<Sighting> {
        self.tally.first_terminal.map(|state| self.sighting(state))
    }

    /// The state with this index.
    pub fn state(&self, index: u32) -> &S {
        self.store.state(index)
    }

    /// All states, in canonical order.
    pub fn states(&self) -> impl Iterator<Item = &S> {
        self.store.states()
    }

    /// Wall-clock seconds.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Unique states a second.
    pub fn states_per_second(&self) -> f64 {
        self.unique() as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Bytes allocated at the end.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Bytes a state, of all tables. Buffers are counted too, so small explorations look expensive.
    pub fn bytes_per_state(&self) -> f64 {
        self.memory.total() as f64 / self.unique().max(1) as f64
    }

    fn sighting(&self, state: u32) -> Sighting {
        Sighting { state, depth: self.depth_of(state) }
    }
}
