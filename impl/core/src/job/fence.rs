//! FENCE: the range takes no new writes, and what was under way ends (P3).
//!
//! *Promises:* the catalog names the right part as a route of its own, WriteFenced. *Moves on* when every voter of the
//! source has applied the write fence and nothing is under way; the window of the delta is read after that, never
//! before: the fence comes before the wait, and the wait before the reading.

use super::decide::{Barrier, Context, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::JobAction;
use crate::id::CatalogVersion;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What FENCE knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The greatest commit timestamp that the backfill carried.
    pub snapshot_ts: Timestamp,
    /// The catalog version in which the right part became a fenced route.
    pub fence_catalog_version: CatalogVersion,
}

impl Fence {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        let source = at.source()?;
        if at.gates.stands(Gate::FenceBeforeDelta) {
            at.armed(source, Barrier::WriteFence, JobAction::ArmWriteFence, |report| report.write_fence)?;
        }
        let delta_floor = if at.gates.stands(Gate::DeltaFloorFromTracker) {
            at.below_tracked(self.snapshot_ts)?
        } else {
            self.snapshot_ts
        };
        Ok(Step::Advance(Advance::BeginDeltaCopy { delta_floor, fence_ts: source.status.last_commit_ts }))
    }
}
