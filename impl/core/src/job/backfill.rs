//! BACKFILL: the range is copied while writes flow, in as many passes as it takes (P2).
//!
//! *Promises:* the range is served by the source as ever. *In order:* where a fence was lifted, both groups know it; the
//! tracker begins the pass on every voter; the pass's window is chosen; the window is copied. *Moves on* when a pass
//! carried so little that what is written meanwhile can be carried under the fence. A pass that carried more is followed
//! by another; a range that doesn't come to rest so is reported, not fenced.
//!
//! What is written below a pass's snapshot after it was chosen is not lost: the tracker, begun before, remembers the
//! least of it, and the next pass, or the delta, starts below (P4).

use super::decide::{Barrier, Context, CopyOrder, First, Step};
use crate::catalog::Advance;
use crate::gate::Gate;
use crate::group::{JobAction, JobGuards, Window};
use crate::id::CopyRound;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// What BACKFILL knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Backfill {
    /// The pass under way.
    pub round: CopyRound,
    /// The versions that it carries, once they are chosen.
    pub window: Option<Window>,
    /// Everything up to here was staged by the passes before, but for what the tracker knows.
    pub staged_through: Timestamp,
    /// Passes that are complete since the job began, was given back, or was retried (P2).
    pub passes: u64,
    /// How often the range has been fenced and given back since the job began or was retried (J10).
    pub fence_attempts: u64,
    /// Guards of an attempt that has been given back may still stand on the groups (J10).
    pub was_fenced: bool,
}

/// Why a job has failed; its range takes reads and writes (J7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailReason {
    /// Every pass leaves more to the next than the pause for writers allows (P2).
    NotConverging,
    /// The range was fenced as often as the options allow, and the cutover never came within its budget (J10).
    FenceAttemptsExhausted,
    /// A group refused a step for good; the words are the refusal's.
    Refused {
        /// What it said.
        message: String,
    },
}

/// What FAILED knows (J7).
///
/// Only BACKFILL fails: a fenced range is given back first (J10), and behind the cutover the one way is on (J9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Failed {
    /// Where a retry goes on, undoing nothing.
    pub retry: Backfill,
    /// Why it failed.
    pub reason: FailReason,
}

impl Backfill {
    /// Before the first pass.
    pub(crate) fn first() -> Backfill {
        Backfill {
            round: CopyRound(1),
            window: None,
            staged_through: Timestamp::ZERO,
            passes: 0,
            fence_attempts: 0,
            was_fenced: false,
        }
    }

    /// The next pass, which starts where this one ends.
    pub(crate) fn next_round(&self, window: Window) -> Backfill {
        Backfill {
            round: self.round.successor(),
            window: None,
            staged_through: window.through,
            passes: self.passes + 1,
            ..self.clone()
        }
    }

    /// The source holds no fence that the record has given back.
    pub(super) fn given_back(&self, at: &Context<'_>) -> First {
        if !self.was_fenced {
            return Ok(());
        }
        // A late command of the attempt before would fence the range again (J4).
        let knows_attempt = at.source()?.leader.epoch >= Some(at.job.epoch);
        at.lifted(knows_attempt || !at.gates.stands(Gate::UnfenceBeforeCopy))
    }

    pub(super) fn step(&self, at: &Context<'_>) -> Result<Step, Step> {
        self.given_back(at)?;
        if self.fence_attempts >= at.job.options.max_fence_attempts {
            return Ok(Step::Advance(Advance::Fail { reason: FailReason::FenceAttemptsExhausted }));
        }
        let Some(window) = self.window else {
            return self.choose_window(at);
        };
        at.behind(Gate::TrackerBeforeCopy, self.tracked(at))?;
        at.behind(Gate::BackfillBeforeFence, at.copied(CopyOrder { round: self.round, window }))?;
        self.tracked(at)?;
        let next = self.after_pass(at);
        // J1: a guard that stands before the record says so is nobody's to take back.
        if next == Advance::BeginFence && !at.gates.stands(Gate::IntentBeforeGuards) && !at.source()?.leader.write_fence
        {
            return Ok(Step::Command { group: at.job.source, action: JobAction::ArmWriteFence });
        }
        Ok(Step::Advance(next))
    }

    // P2: as much as this pass carried was written while the one before ran; as much is left for the next.
    fn after_pass(&self, at: &Context<'_>) -> Advance {
        let options = &at.job.options;
        let imported = at.observed.target.as_ref().and_then(|target| target.status.guards.as_ref());
        let carried = imported.and_then(JobGuards::target).map_or(0, |target| target.imported.within(self.round).rows);
        if carried <= options.delta_rows {
            return Advance::BeginFence;
        }
        if self.passes + 1 >= options.max_rounds {
            Advance::Fail { reason: FailReason::NotConverging }
        } else {
            Advance::NextRound
        }
    }

    // P2: tracker and pin first, on every voter; only then the window.
    fn choose_window(&self, at: &Context<'_>) -> Result<Step, Step> {
        at.behind(Gate::TrackerBeforeCopy, self.tracked(at))?;
        let through = at.below_unsettled(at.observed.clock)?;
        let after = match self.round {
            CopyRound(1) => Timestamp::ZERO,
            _ if at.gates.stands(Gate::CatchUpFromTracker) => at.below_tracked_before(self.staged_through)?,
            _ => self.staged_through,
        };
        Ok(Step::Advance(Advance::ChooseWindow { window: Window { after, through } }))
    }

    fn tracked(&self, at: &Context<'_>) -> First {
        let round = self.round;
        let action = JobAction::ArmTracker { round };
        at.armed(at.source()?, Barrier::Tracker, action, |report| report.tracker >= Some(round))
    }
}
