//! What to explore, how far, and whom to tell.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How to run an exploration. The default explores everything, with one thread and without edges.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Worker threads; zero counts as one. The result does not depend on it.
    pub threads: usize,
    /// When to stop, apart from limits.
    pub stop: StopAt,
    /// Whether to keep all transitions, which liveness needs: 8 bytes a transition and 4 bytes a state.
    pub edges: bool,
    /// Stops when this many unique states are known.
    pub max_states: Option<usize>,
    /// Expands no state farther than this from the initial ones.
    pub max_depth: Option<u32>,
    /// Stops when the explorer's own tables take this many bytes. The world's own tables do not count.
    pub max_memory_bytes: Option<usize>,
    /// Stops after this long.
    pub max_time: Option<Duration>,
    /// Stops when somebody sets it.
    pub cancel: Option<&'a AtomicBool>,
    /// How many unique states there should be, if that is known from before: for an estimate of what is left and nothing
    /// else.
    pub expected_states: Option<usize>,
    /// Told after every round, on the calling thread. A round is about a hundred thousand successors; limits are looked at
    /// between rounds, too.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

/// When an exploration has seen enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopAt {
    /// When no state is left to expand.
    #[default]
    Exhausted,
    /// At the first state, in canonical order, that violates one of these invariants.
    FirstViolation {
        /// Bit `i` for invariant `i`.
        mask: u64,
    },
}

impl StopAt {
    /// The invariants whose violation ends the exploration.
    pub(super) fn mask(self) -> u64 {
        match self {
            StopAt::Exhausted => 0,
            StopAt::FirstViolation { mask } => mask,
        }
    }
}

/// How far an exploration has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Distance from the initial states to those being expanded.
    pub depth: u32,
    /// Unique states so far.
    pub unique: usize,
    /// Unique states whose successors are known.
    pub expanded: usize,
    /// Unique states whose successors are not known yet.
    pub frontier: usize,
    /// Initial states and successors so far, duplicates included.
    pub generated: u64,
    /// Seconds since the start, those before a checkpoint included.
    pub seconds: f64,
    /// States expanded a second, of late.
    pub states_per_second: f64,
    /// About how many seconds are left, as far as can be told: from the number of states that are expected, else from how
    /// fast the levels shrink. Nothing while they grow.
    pub seconds_left: Option<f64>,
    /// Bytes allocated by the explorer.
    pub bytes: usize,
}
