//! CLEANUP: the target owns the range; staged rows become live ones, and what the job left behind goes (P7, P8).
//!
//! *Promises:* the catalog names the target. *In order:* the target learns it and promotes; readers need no staged rows
//! any more, and every target voter knows; the target forgets; every source voter knows that the range has moved and
//! has no read of it running; the source deletes, then forgets. *Moves on* when both have forgotten.

use super::decide::{Barrier, Context, First, ObservedGroup, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, JobGuards, VoterReport};
use crate::id::CatalogVersion;
use serde::{Deserialize, Serialize};

/// What CLEANUP knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cleanup {
    /// The catalog version in which the target became the owner.
    pub cutover_version: CatalogVersion,
    /// The catalog version since which no reader merges staged rows.
    pub cleared_version: Option<CatalogVersion>,
}

/// What DONE remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Done {
    /// The catalog version in which the target became the owner.
    pub cutover_version: CatalogVersion,
}

impl Cleanup {
    /// The target follows the cutover.
    pub(super) fn handed_over(&self, at: &Context<'_>) -> First {
        follows(at.target()?, self.cutover_version)
    }

    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        let (source, target) = (at.source()?, at.target()?);
        if !at.gates.stands(Gate::CutoverReadFromCatalog) && source.leader.write_fence {
            return Ok(Step::Command { group: source.group, action: JobAction::Unfence });
        }
        follows(target, self.cutover_version)?;
        let Some(cleared_version) = self.cleared_version else {
            promoted(at, target)?;
            return Ok(Step::Advance(Advance::ClearStaged));
        };
        target_forgets(at, target, cleared_version)?;
        source_forgets(at, source, self.cutover_version)?;
        Ok(Step::Advance(Advance::Finish))
    }
}

fn follows(at: &ObservedGroup, version: CatalogVersion) -> First {
    if at.status.applied_catalog_version < version { Err(Step::Adopt { group: at.group }) } else { Ok(()) }
}

// P7, G8
fn promoted(at: &Context<'_>, target: &ObservedGroup) -> First {
    let guards = target.status.guards.as_ref().and_then(JobGuards::target);
    let is_done = guards.is_some_and(|guards| guards.promotion.done);
    let after = guards.and_then(|guards| guards.promotion.after.clone());
    let action = JobAction::Promote { after, limit: at.job.options.sweep_rows };
    let promoted = if is_done { Ok(()) } else { Err(Step::Command { group: target.group, action }) };
    at.behind(Gate::PromotionBeforeClear, promoted)
}

// P8: a voter that still merges needs the descriptor.
fn target_forgets(at: &Context<'_>, target: &ObservedGroup, cleared_version: CatalogVersion) -> First {
    if target.status.is_closed {
        return Ok(());
    }
    at.behind(Gate::ClearedBeforeClose, follows(target, cleared_version))?;
    let cleared = |report: &VoterReport| report.applied_catalog_version >= cleared_version;
    at.behind(Gate::ClearedBeforeClose, at.applied_by_all(target, Barrier::StagedCleared, cleared))?;
    Err(at.close(target))
}

// G9: a voter that is new has nothing yet, so it serves nothing, and will serve the range on its way to the cutover.
fn knows_moved(at: &Context<'_>, source: &ObservedGroup, cutover_version: CatalogVersion) -> First {
    if source.status.serves_range {
        return Err(Step::Adopt { group: source.group });
    }
    let follows = |report: &VoterReport| report.applied_catalog_version >= cutover_version && !report.serves_range;
    at.applied_by_all(source, Barrier::ReadDrain, follows)
}

// P8: drained reads, not grace time; G9: the group itself knows that it doesn't own the range before its fences go.
fn source_forgets(at: &Context<'_>, source: &ObservedGroup, cutover_version: CatalogVersion) -> First {
    if source.status.is_closed {
        return Ok(());
    }
    at.behind(Gate::MovedBeforeClear, knows_moved(at, source, cutover_version))?;
    let is_drained = |report: &VoterReport| report.running_reads == 0;
    at.behind(Gate::ReadDrain, at.applied_by_all(source, Barrier::ReadDrain, is_drained))?;
    if let Some(from) = source.status.first_row.clone() {
        let action = JobAction::DeleteMoved { from, limit: at.job.options.sweep_rows };
        return Err(Step::Command { group: source.group, action });
    }
    Err(at.close(source))
}
