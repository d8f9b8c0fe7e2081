//! FENCE: the range takes no new writes, and what was under way ends (P3).
//!
//! *Promises:* the catalog names the right part as a route of its own, WriteFenced. *Moves on* when every voter of the
//! source has applied the write fence and no transaction holds a lock in the range; the window of the delta is read after
//! that, never before: the fence comes before the wait, and the wait before the reading.

use super::decide::{Barrier, Context, First, Step, WaitingFor};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::JobAction;
use crate::id::{CatalogVersion, CopyRound};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What FENCE knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The way back to copying.
    pub way_back: WayBack,
    /// The catalog version in which the right part became a fenced route.
    pub fence_catalog_version: CatalogVersion,
}

/// What a job whose range is fenced must know to give it back and to go on copying (J10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WayBack {
    /// The last complete pass.
    pub round: CopyRound,
    /// Everything up to here was staged by it and those before, but for what the tracker knows.
    pub staged_through: Timestamp,
    /// How often the range was fenced before.
    pub fence_attempts: u64,
    /// When it was fenced, in Unix milliseconds.
    pub fenced_at_ms: u64,
}

impl WayBack {
    /// Whether writers have waited as long as they may.
    pub(super) fn is_budget_spent(&self, at: &Context<'_>) -> bool {
        at.observed.now_ms.saturating_sub(self.fenced_at_ms) >= at.job.options.fence_budget_ms
    }
}

impl Fence {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        let source = at.source()?;
        if !at.gates.stands(Gate::FenceBeforeDrain) {
            at.behind(Gate::DrainBeforeDelta, self.drained(at))?;
        }
        let fenced = at.armed(source, Barrier::WriteFence, JobAction::ArmWriteFence, |report| report.write_fence);
        at.behind(Gate::FenceBeforeDelta, fenced)?;
        at.behind(Gate::DrainBeforeDelta, self.drained(at))?;
        let staged_through = self.way_back.staged_through;
        let delta_floor = if at.gates.stands(Gate::DeltaFloorFromTracker) {
            at.below_tracked(staged_through)?
        } else {
            staged_through
        };
        Ok(Step::Advance(Advance::BeginDeltaCopy { delta_floor, fence_ts: source.status.last_commit_ts }))
    }

    // P3: a lock may still become a version, at a timestamp that was fixed before the fence.
    fn drained(&self, at: &Context<'_>) -> First {
        let source = at.source()?;
        match &source.status.first_locked {
            Some(key) => Err(Step::Wait(WaitingFor::Lock { group: source.group, key: key.clone() })),
            None => Ok(()),
        }
    }
}
