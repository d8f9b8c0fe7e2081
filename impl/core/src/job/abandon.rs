//! ABANDONING: the job is given up, and what it left goes (J8).
//!
//! *Promises:* the record says so before anything is removed; the route takes writes again; only forward from here. *In
//! order:* the source takes writes again, whoever else is there; the target learns the new attempt and discards its staged
//! rows, then forgets; the source forgets. *Moves on* when both have forgotten, those included that never heard of the job: its late messages find
//! it closed.

use super::decide::{Context, First, ObservedGroup, Step};
use super::{Phase, PhaseName, SplitJob};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::JobAction;
use serde::{Deserialize, Serialize};

/// What ABANDONING knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Abandoning {
    /// The phase that the job was given up in.
    pub from: PhaseName,
}

/// What ABANDONED remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Abandoned {
    /// The phase that the job was given up in.
    pub from: PhaseName,
}

impl Abandoning {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        let source = at.source()?;
        if at.gates.stands(Gate::AbandonUnfencesRoute) && !source.status.is_closed {
            at.lifted(true)?;
        }
        target_forgets(at, at.target()?)?;
        source_forgets(at, source)?;
        Ok(Step::Advance(Advance::FinishAbandon))
    }
}

// J8: the attempt is made known first, so that no import of an earlier one comes behind the discarding.
fn target_forgets(at: &Context<'_>, target: &ObservedGroup) -> First {
    if target.status.is_closed {
        return Ok(());
    }
    let knows_attempt = target.leader.epoch >= Some(at.job.epoch) || !at.gates.stands(Gate::AbandonRaisesEpoch);
    let from = target.status.first_staged.clone();
    if from.is_some() || !knows_attempt {
        let action = JobAction::DiscardStaged { from, limit: at.job.options.sweep_rows };
        return Err(Step::Command { group: target.group, action });
    }
    Err(at.close(target))
}

fn source_forgets(at: &Context<'_>, source: &ObservedGroup) -> First {
    if source.status.is_closed { Ok(()) } else { Err(at.close(source)) }
}

impl SplitJob {
    /// Whether the job can be given up: the cutover has not been committed (J8).
    pub fn can_be_abandoned(&self) -> bool {
        match self.phase {
            Phase::Planned(_)
            | Phase::Backfill(_)
            | Phase::Fence(_)
            | Phase::DeltaCopy(_)
            | Phase::Cutover(_)
            | Phase::Failed(_) => true,
            Phase::Cleanup(_) | Phase::Done(_) | Phase::Abandoning(_) | Phase::Abandoned(_) => false,
        }
    }

    /// Whether the catalog fences the range for the job.
    pub fn holds_fence(&self) -> bool {
        self.way_back().is_some()
    }

    pub(crate) fn way_back(&self) -> Option<&super::WayBack> {
        match &self.phase {
            Phase::Fence(phase) => Some(&phase.way_back),
            Phase::DeltaCopy(phase) => Some(&phase.way_back),
            Phase::Cutover(phase) => Some(&phase.way_back),
            Phase::Planned(_)
            | Phase::Backfill(_)
            | Phase::Cleanup(_)
            | Phase::Done(_)
            | Phase::Failed(_)
            | Phase::Abandoning(_)
            | Phase::Abandoned(_) => None,
        }
    }
}
