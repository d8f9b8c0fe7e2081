//! CUTOVER: the range is handed over (P5).
//!
//! *Promises:* the record names the catalog version that the cutover will make, before any guard is armed for it.
//! *In order:* the source refuses reads that were routed before that version, on every voter; what it has served until
//! then is known, so the target's floor can be put above it; the target is ready, on every voter; then one catalog
//! command. *Moves on* by that command alone. When the version moved under it, everything is armed anew, as a new
//! attempt.

use super::WayBack;
use super::decide::{Barrier, Context, ObservedGroup, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, JobGuards};
use crate::id::CatalogVersion;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What CUTOVER knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cutover {
    /// The way back to copying.
    pub way_back: WayBack,
    /// The source's last commit timestamp, read after the fence.
    pub fence_ts: Timestamp,
    /// The catalog version that the cutover will make.
    pub expected_cutover_version: CatalogVersion,
}

impl Cutover {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        let (source, target) = (at.source()?, at.target()?);
        let expected = self.expected_cutover_version;
        if !at.gates.passes(Gate::CutoverVersionMatches, expected == at.observed.routes.version.successor()) {
            return Ok(Step::Advance(Advance::ArmCutover));
        }
        let action = JobAction::ArmReadFence { expected_cutover_version: expected };
        let fenced = at.armed(source, Barrier::ReadFence, action, |report| report.read_fence == Some(expected));
        at.behind(Gate::ReadFenceBeforeCutover, fenced)?;
        let floor = self.floor(at, source, target);
        let ready = at.armed(target, Barrier::Readiness, JobAction::ArmReadiness { floor }, |report| report.readiness);
        at.behind(Gate::ReadinessBeforeCutover, ready)?;
        Ok(Step::Advance(Advance::CommitCutover { min_write_ts_exclusive: floor, min_read_ts: horizon(at, source) }))
    }

    /// No commit timestamp at or below it may be admitted on the target: everything imported, everything the source
    /// had fenced, and everything that it has served reads at (G7, P5, T5).
    fn floor(&self, at: &Context<'_>, source: &ObservedGroup, target: &ObservedGroup) -> Timestamp {
        let imported = target.status.guards.as_ref().and_then(JobGuards::target);
        let mut floor = imported.map_or(Timestamp::ZERO, |target| target.max_imported_ts);
        if at.gates.stands(Gate::FloorCoversFence) {
            floor = floor.max(self.fence_ts);
        }
        if at.gates.stands(Gate::FloorCoversReads) {
            let fence = source.status.guards.as_ref().and_then(JobGuards::source).and_then(|s| s.read_fence.as_ref());
            floor = floor.max(fence.map_or(source.status.read_bound, |fence| fence.read_bound));
        }
        // G7: two commits of one millisecond differ in the logical half alone.
        if at.gates.stands(Gate::FloorIsExact) { floor } else { Timestamp::from_parts(floor.physical(), 0) }
    }
}

/// Reads below it can't be answered by the target: the source had collected their versions before the pin stood.
fn horizon(at: &Context<'_>, source: &ObservedGroup) -> Timestamp {
    let guards = source.status.guards.as_ref().and_then(JobGuards::source);
    let tracker = guards.and_then(|source| source.tracker.as_ref());
    match tracker {
        Some(tracker) if at.gates.stands(Gate::HorizonMoves) => tracker.horizon,
        Some(_) | None => Timestamp::ZERO,
    }
}
