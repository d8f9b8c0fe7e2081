//! BACKFILL: history is copied while writes flow (P2).
//!
//! *Promises:* the range is served by the source as ever. *Moves on* when everything up to the snapshot is staged.
//! What is written below the snapshot after it was chosen is not lost: the tracker, armed before, remembers the least
//! of it, and the delta starts below (P4).

use super::decide::{Barrier, Context, CopyOrder, First, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, Window};
use crate::id::CopyRound;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What BACKFILL knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Backfill {
    /// The greatest commit timestamp that the backfill carries, once it is chosen.
    pub snapshot_ts: Option<Timestamp>,
}

/// The first pass over the range.
const BACKFILL_ROUND: CopyRound = CopyRound(1);

impl Backfill {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        match self.snapshot_ts {
            None => choose_snapshot(at),
            Some(_) => self.copy(at),
        }
    }

    /// The versions that the backfill carries, once the snapshot is chosen (P2).
    pub(super) fn window(&self) -> Option<Window> {
        self.snapshot_ts.map(|through| Window { after: Timestamp::ZERO, through })
    }

    fn copy(&self, at: &Context<'_>) -> Result<Step, Step> {
        if at.gates.stands(Gate::TrackerBeforeCopy) {
            tracker_armed(at)?;
        }
        if let Some(window) = self.window().filter(|_| at.gates.stands(Gate::BackfillBeforeFence)) {
            at.copied(CopyOrder { round: BACKFILL_ROUND, window })?;
        }
        tracker_armed(at)?;
        Ok(Step::Advance(Advance::BeginFence))
    }
}

// P2: tracker and pin first, on every voter; only then the snapshot.
fn choose_snapshot(at: &Context<'_>) -> Result<Step, Step> {
    if at.gates.stands(Gate::TrackerBeforeCopy) {
        tracker_armed(at)?;
    }
    let snapshot_ts = at.below_tracked(at.observed.clock)?;
    Ok(Step::Advance(Advance::ChooseSnapshot { snapshot_ts }))
}

fn tracker_armed(at: &Context<'_>) -> First {
    at.armed(at.source()?, Barrier::Tracker, JobAction::ArmTracker, |report| report.tracker)
}
