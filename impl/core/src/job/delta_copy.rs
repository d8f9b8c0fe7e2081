//! DELTA_COPY: what was written since the snapshot is copied, while the range is fenced (P4).
//!
//! *Promises:* every version of the range is at or below `fence_ts`, and none will be added on the source. *Moves on*
//! when the window is staged.

use super::decide::{Barrier, Context, CopyOrder, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, Window};
use crate::id::CopyRound;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What DELTA_COPY knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeltaCopy {
    /// Everything at or below it was staged by the backfill.
    pub delta_floor: Timestamp,
    /// The source's last commit timestamp, read after the fence.
    pub fence_ts: Timestamp,
}

/// The pass that follows the backfill.
const DELTA_ROUND: CopyRound = CopyRound(2);

impl DeltaCopy {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        at.armed(at.source()?, Barrier::WriteFence, JobAction::ArmWriteFence, |report| report.write_fence)?;
        if at.gates.stands(Gate::DeltaBeforeCutover) {
            at.copied(CopyOrder { round: DELTA_ROUND, window: self.window() })?;
        }
        Ok(Step::Advance(Advance::ArmCutover))
    }

    /// The versions that the delta carries (P4).
    pub(super) fn window(&self) -> Window {
        Window { after: self.delta_floor, through: self.fence_ts }
    }
}
