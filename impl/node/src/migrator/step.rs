//! From what is observed to what is done: asks the core, and does what it says (J1).

use super::deed::{Deed, Proposal};
use super::digests::{Comparison, Count};
use super::drive::{Doing, Drive};
use super::pipeline::Pipeline;
use super::round::Round;
use super::turn::Turn;
use super::words;
use splitjob_core::catalog::Advance;
use splitjob_core::gate::Gates;
use splitjob_core::group::JobAction;
use splitjob_core::job::{Backfill, CopyOrder, DeltaCopy, FailReason, Phase, SplitJob, Step, WaitingFor, decide};

impl Drive {
    /// Something of the round has come: decides, and acts unless the rest of the round may say more.
    ///
    /// A round whose record has moved is not asked: looking at the record has begun another by then.
    pub(super) fn consider(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        let round = match std::mem::replace(&mut self.doing, Doing::Resting { until_ms: None }) {
            Doing::Observing(round) => round,
            other @ (Doing::Resting { .. } | Doing::Acting(_) | Doing::Copying(_) | Doing::Comparing(_)) => {
                self.doing = other;
                return;
            }
        };
        if !round.is_read() {
            self.doing = Doing::Observing(round);
            return;
        }
        assert_eq!(round.revision, job.revision, "job {} is decided by a round of another record", job.id);
        let observed = round.observed(turn.desk, job, &self.book);
        let step = decide(job, self.holder, &observed, Gates::all());
        let step = self.overrule(job, step);
        match &step {
            Step::Wait(waiting) if !round.is_final(turn, job, &self.book, waiting) => {
                self.doing = Doing::Observing(round);
            }
            Step::Advance(_)
            | Step::Command { .. }
            | Step::Adopt { .. }
            | Step::Copy(_)
            | Step::Wait(_)
            | Step::StandDown => self.take(turn, job, step, &round),
        }
    }

    /// A job that is condemned goes back instead of on: first its range becomes writable, then it fails (J7).
    fn overrule(&mut self, job: &SplitJob, step: Step) -> Step {
        if self.holder != Some(job.epoch) {
            return step;
        }
        let Some(message) = self.condemned.clone() else { return step };
        match &job.phase {
            Phase::Fence(_) | Phase::DeltaCopy(_) | Phase::Cutover(_) => Step::Advance(Advance::Unfence),
            Phase::Backfill(backfill) if lifts(job, backfill, &step) => step,
            Phase::Backfill(_) => Step::Advance(Advance::Fail { reason: FailReason::Refused { message } }),
            Phase::Planned(_)
            | Phase::Cleanup(_)
            | Phase::Done(_)
            | Phase::Failed(_)
            | Phase::Abandoning(_)
            | Phase::Abandoned(_) => {
                self.condemned = None;
                step
            }
        }
    }

    fn take(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, step: Step, round: &Round) {
        match step {
            Step::Advance(Advance::BeginFence) if self.is_counting(turn) => {
                let text = format!("group {} counts the range for its digest", job.source);
                let until_ms = turn.now_ms() + COUNT_REST_MS;
                self.wait(turn, None, text, Some(until_ms));
            }
            Step::Advance(advance) => match (&job.phase, &advance) {
                (Phase::DeltaCopy(phase), Advance::ArmCutover) => self.compare(turn, job, phase),
                (_, _) => self.act(turn, job, Proposal::Advance(advance)),
            },
            Step::Command { group, action } => self.act(turn, job, Proposal::Command { group, action }),
            Step::Adopt { group } => self.act(turn, job, Proposal::Adopt { group }),
            // J4: what is loose of this attempt must not mix with what is sent next.
            Step::Copy(_) if self.is_loose => self.act(turn, job, Proposal::Advance(Advance::TakeOver)),
            Step::Copy(order) => self.copy(turn, job, order, round),
            Step::Wait(waiting) => {
                let until_ms = self.backoff.waiting_ms(&waiting).map(|rest| turn.now_ms() + rest);
                let text = words::waiting(&waiting);
                self.wait(turn, Some(waiting), text, until_ms);
            }
            Step::StandDown => {
                // An operator, or another migrator, has begun a new attempt. While this node leads, it goes on.
                self.holder = None;
                let until_ms = turn.now_ms() + self.backoff.next_ms(1, 200);
                self.doing = Doing::Resting { until_ms: Some(until_ms) };
            }
        }
    }

    fn act(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, proposal: Proposal) {
        self.doing = Doing::Acting(Deed::propose(turn, job, proposal));
    }

    fn copy(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, order: CopyOrder, round: &Round) {
        if self.count.is_none() && matches!(job.phase, Phase::Backfill(_)) {
            self.count = Some(Count::begin(turn, job, order.window));
        }
        let target = round.target().expect("whether a pass is complete is decided from what the target says");
        let pipeline = Pipeline::begin(turn, job, order, target);
        self.counters.begin_pass(pipeline.rows());
        self.doing = Doing::Copying(pipeline);
        self.copy_on(turn, job);
    }

    fn compare(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, phase: &DeltaCopy) {
        self.doing = Doing::Comparing(Comparison::begin(turn, job, phase));
    }

    /// Both sides hold the same: what was decided before they were asked is done. The record has not moved since.
    pub(super) fn arm_cutover(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        self.act(turn, job, Proposal::Advance(Advance::ArmCutover));
    }

    fn is_counting(&self, turn: &Turn<'_, '_>) -> bool {
        self.count.as_ref().is_some_and(|count| count.holds_off(turn))
    }
}

/// Whether the step belongs to lifting the fence of an attempt that was given back, or its end can't be seen yet.
fn lifts(job: &SplitJob, backfill: &Backfill, step: &Step) -> bool {
    let is_lifting = match step {
        Step::Adopt { group } => *group == job.source,
        Step::Command { action, .. } => *action == JobAction::Unfence,
        Step::Wait(WaitingFor::Answer { group }) => *group == job.source,
        Step::Wait(WaitingFor::Capability { .. }) => true,
        Step::Wait(WaitingFor::Lock { .. } | WaitingFor::Operator | WaitingFor::Voters { .. })
        | Step::Advance(_)
        | Step::Copy(_)
        | Step::StandDown => false,
    };
    backfill.was_fenced && is_lifting
}

/// The rest after which the source's count is looked for again, in milliseconds.
const COUNT_REST_MS: u64 = 50;
