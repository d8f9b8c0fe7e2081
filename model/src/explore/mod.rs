//! An explicit-state explorer of our own: level by level, shortest traces, exact, and explicit about what it has not
//! seen.
//!
//! A [`Space`] says what the states and steps are; [`explore`] visits them all and returns an [`Exploration`], whose
//! verdicts cannot mistake a run that was cut short for one that passed.

mod checkpoint;
mod chunk;
mod components;
mod crew;
mod edges;
mod graph;
mod intern;
mod liveness;
mod memo;
mod options;
mod outcome;
mod pace;
mod recent;
mod region;
mod round;
mod search;
mod space;
mod state_set;
mod stateright;
mod store;
mod tally;
mod trace;
mod visited;

pub use checkpoint::{CheckpointError, Checkpoints, Stopped, explore_with_checkpoints};
pub use graph::{Graph, NoGraph};
pub use intern::Interner;
pub use liveness::{FairClasses, Lasso, LeadsTo};
pub use memo::{Found, Memo, MemoIndex};
pub use options::{Options, Progress, StopAt};
pub use outcome::{Completeness, Cut, Exploration, Memory, Panicked, Reachability, Sighting, Verdict};
pub use recent::Recent;
pub use search::explore;
pub use space::{KINDS, PackedState, Space, Successor};
pub use state_set::StateSet;
pub use stateright::{Captions, Picture, StaterightAdapter};
pub use trace::{Trace, Unrepeatable};
