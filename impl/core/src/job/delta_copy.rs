//! DELTA_COPY: what was written since the last pass is copied, while the range is fenced (P4).
//!
//! *Promises:* every version of the range is at or below `fence_ts`, and none will be added on the source. *Moves on*
//! when the window is staged.

use super::WayBack;
use super::decide::{Barrier, Context, CopyOrder, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, Window};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What DELTA_COPY knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeltaCopy {
    /// The way back to copying.
    pub way_back: WayBack,
    /// Everything at or below it was staged by the passes before.
    pub delta_floor: Timestamp,
    /// The source's last commit timestamp, read after the fence.
    pub fence_ts: Timestamp,
}

impl DeltaCopy {
    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        at.armed(at.source()?, Barrier::WriteFence, JobAction::ArmWriteFence, |report| report.write_fence)?;
        at.behind(Gate::DeltaBeforeCutover, at.copied(self.order()))?;
        Ok(Step::Advance(Advance::ArmCutover))
    }

    fn order(&self) -> CopyOrder {
        CopyOrder { round: self.way_back.round.successor(), window: self.window() }
    }

    /// The versions that the delta carries (P4).
    pub(super) fn window(&self) -> Window {
        Window { after: self.delta_floor, through: self.fence_ts }
    }
}
