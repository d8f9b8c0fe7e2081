//! The split job: the durable record that decides everything, and what its phases know (J1, J2).

mod abandon;
mod backfill;
mod cleanup;
mod cutover;
mod decide;
mod delta_copy;
mod fence;
mod planned;

pub use abandon::{Abandoned, Abandoning};
pub use backfill::{Backfill, FailReason, Failed};
pub use cleanup::{Cleanup, Done};
pub use cutover::Cutover;
pub use decide::{Barrier, CopyOrder, Observed, ObservedGroup, Step, WaitingFor, decide};
pub use delta_copy::DeltaCopy;
pub use fence::{Fence, WayBack};
pub use planned::Planned;

use crate::group::Window;
use crate::id::{GroupId, JobEpoch, JobId, Revision, RouteId, Token};
use crate::range::KeyRange;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a job copies; every number bounds one entry of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobOptions {
    /// Bytes of keys and values that one import carries at most; one row is always carried.
    pub chunk_bytes: u64,
    /// Rows that one import carries at most.
    pub chunk_rows: u64,
    /// Rows that one export looks at, at most, whether it takes them or not.
    pub scan_rows: u64,
    /// Rows that one promotion or deletion touches at most.
    pub sweep_rows: u64,
    /// What may be left for the copy under the fence, in rows: a pass that carried more is followed by another (P2).
    pub delta_rows: u64,
    /// Passes before the fence at most; a range that needs more is reported (P2).
    pub max_rounds: u64,
    /// How long writers of the range may wait for one cutover, in milliseconds (J10).
    pub fence_budget_ms: u64,
    /// How often the range may be fenced before the job fails (J10).
    pub max_fence_attempts: u64,
}

impl JobOptions {
    /// The option that would let a job carry nothing or wait for nothing, if there is one (P1).
    pub fn without_effect(&self) -> Option<&'static str> {
        let numbers = [
            ("chunk_bytes", self.chunk_bytes),
            ("chunk_rows", self.chunk_rows),
            ("scan_rows", self.scan_rows),
            ("sweep_rows", self.sweep_rows),
            ("max_rounds", self.max_rounds),
            ("fence_budget_ms", self.fence_budget_ms),
            ("max_fence_attempts", self.max_fence_attempts),
        ];
        numbers.into_iter().find(|(_, number)| *number == 0).map(|(name, _)| name)
    }
}

impl Default for JobOptions {
    fn default() -> Self {
        JobOptions {
            chunk_bytes: 1 << 20,
            chunk_rows: 16 * 1024,
            scan_rows: 64 * 1024,
            sweep_rows: 4096,
            delta_rows: 4096,
            max_rounds: 16,
            fence_budget_ms: 10_000,
            max_fence_attempts: 3,
        }
    }
}

/// The durable record of a split job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SplitJob {
    /// Its identifier, never used twice.
    pub id: JobId,
    /// The attempt; 0 before any migrator has taken it up (J4).
    pub epoch: JobEpoch,
    /// The version of this record (J3).
    pub revision: Revision,
    /// The route whose right part moves, as it was when the job was planned.
    pub source_route: RouteId,
    /// The group that the range leaves.
    pub source: GroupId,
    /// The group that the range moves to.
    pub target: GroupId,
    /// The range that moves: the right part of the route.
    pub range: KeyRange,
    /// How it copies.
    pub options: JobOptions,
    /// Where it stands, and what it knows there.
    pub phase: Phase,
    /// When it was created, in Unix milliseconds.
    pub started_at_ms: u64,
    /// When the record was last written, in Unix milliseconds.
    pub updated_at_ms: u64,
}

impl SplitJob {
    /// The versions that the pass of the job's phase carries; absent where the phase copies nothing.
    pub fn copy_window(&self) -> Option<Window> {
        match &self.phase {
            Phase::Backfill(phase) => phase.window,
            Phase::DeltaCopy(phase) => Some(phase.window()),
            Phase::Planned(_)
            | Phase::Fence(_)
            | Phase::Cutover(_)
            | Phase::Cleanup(_)
            | Phase::Done(_)
            | Phase::Failed(_)
            | Phase::Abandoning(_)
            | Phase::Abandoned(_) => None,
        }
    }

    /// What a command of the job's current attempt carries (J4).
    pub fn token(&self) -> Token {
        Token { job: self.id, epoch: self.epoch }
    }
}

/// Where a job stands; a field exists in the phases where it means something (J2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Validated; no side effects yet (P1).
    Planned(Planned),
    /// Copying history while writes flow (P2).
    Backfill(Backfill),
    /// The route is fenced; existing work drains (P3).
    Fence(Fence),
    /// Copying what was written since the snapshot (P4).
    DeltaCopy(DeltaCopy),
    /// Handing the range over (P5).
    Cutover(Cutover),
    /// The target owns the range; what the job left behind is removed (P7, P8).
    Cleanup(Cleanup),
    /// Ended: the range has moved and nothing of the job is left (S9).
    Done(Done),
    /// Stopped, with the range writable, until an operator retries it or gives it up (J7).
    Failed(Failed),
    /// Given up; what it left is being removed (J8).
    Abandoning(Abandoning),
    /// Ended: nothing of the job is left, and the range is where it was (J8, S9).
    Abandoned(Abandoned),
}

/// The name of a phase, as protocol and commands spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhaseName {
    /// See [`Phase::Planned`].
    Planned,
    /// See [`Phase::Backfill`].
    Backfill,
    /// See [`Phase::Fence`].
    Fence,
    /// See [`Phase::DeltaCopy`].
    DeltaCopy,
    /// See [`Phase::Cutover`].
    Cutover,
    /// See [`Phase::Cleanup`].
    Cleanup,
    /// See [`Phase::Done`].
    Done,
    /// See [`Phase::Failed`].
    Failed,
    /// See [`Phase::Abandoning`].
    Abandoning,
    /// See [`Phase::Abandoned`].
    Abandoned,
}

impl Phase {
    /// The phase without what it knows.
    pub fn name(&self) -> PhaseName {
        match self {
            Phase::Planned(_) => PhaseName::Planned,
            Phase::Backfill(_) => PhaseName::Backfill,
            Phase::Fence(_) => PhaseName::Fence,
            Phase::DeltaCopy(_) => PhaseName::DeltaCopy,
            Phase::Cutover(_) => PhaseName::Cutover,
            Phase::Cleanup(_) => PhaseName::Cleanup,
            Phase::Done(_) => PhaseName::Done,
            Phase::Failed(_) => PhaseName::Failed,
            Phase::Abandoning(_) => PhaseName::Abandoning,
            Phase::Abandoned(_) => PhaseName::Abandoned,
        }
    }

    /// Whether the job has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Phase::Done(_) | Phase::Abandoned(_))
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PhaseName::Planned => "PLANNED",
            PhaseName::Backfill => "BACKFILL",
            PhaseName::Fence => "FENCE",
            PhaseName::DeltaCopy => "DELTA_COPY",
            PhaseName::Cutover => "CUTOVER",
            PhaseName::Cleanup => "CLEANUP",
            PhaseName::Done => "DONE",
            PhaseName::Failed => "FAILED",
            PhaseName::Abandoning => "ABANDONING",
            PhaseName::Abandoned => "ABANDONED",
        })
    }
}
