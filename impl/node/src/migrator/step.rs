//! From what is observed to what is done: asks the core, and does what it says (J1).

use super::deed::{self, Deed, Proposal};
use super::digests::{Compared, Comparison, Count};
use super::drive::{Doing, Drive};
use super::fence;
use super::pipeline::{Broken, Flow, Pipeline};
use super::round::Round;
use super::turn::Turn;
use super::words;
use splitjob_core::catalog::Advance;
use splitjob_core::gate::Gates;
use splitjob_core::group::JobAction;
use splitjob_core::job::{Backfill, CopyOrder, FailReason, Phase, SplitJob, Step, WaitingFor, decide};
use splitjob_wire::peer::CallError;

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
            Step::Advance(advance) => match (&job.phase, &advance) {
                (_, Advance::BeginFence) => self.doing = Doing::Comparing(Comparison::before_fence(turn, job)),
                (Phase::DeltaCopy(phase), Advance::ArmCutover) => {
                    self.doing = Doing::Comparing(Comparison::before_cutover(turn, job, phase.fence_ts));
                }
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
        let has_broken = self.broken_round == Some(order.round);
        let pipeline = Pipeline::begin(turn, job, order, target, has_broken);
        self.counters.begin_pass(pipeline.rows());
        self.doing = Doing::Copying(pipeline);
        self.copy_on(turn, job);
    }

    /// Goes on copying, unless the fence's budget is over.
    pub(super) fn copy_on(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        if fence::is_overdue(job, turn.wall_ms()) {
            self.observe(turn, job);
            return;
        }
        let Doing::Copying(pipeline) = &mut self.doing else { return };
        match pipeline.turn(turn, job) {
            Flow::Going => {}
            Flow::Ended => {
                self.backoff.reset();
                self.waiting = None;
                self.observe(turn, job);
            }
            Flow::Broken(Broken { error, is_loose }) => {
                self.is_loose |= is_loose;
                self.broken_round = Some(pipeline.order.round);
                let why = format!("copying from group {} to group {}: {error}", job.source, job.target);
                match error {
                    CallError::Rejected(rejection) if deed::is_hopeless(&rejection) => self.condemn(turn, why),
                    CallError::Rejected(_)
                    | CallError::CatalogRejected(_)
                    | CallError::NotLeader { .. }
                    | CallError::NoReplica { .. }
                    | CallError::Busy { .. }
                    | CallError::Unknown { .. }
                    | CallError::Stopped { .. } => self.look_again(turn, why),
                }
            }
        }
    }

    /// Does what was decided once the digests allow it. The record has not moved since, or they would have been dropped.
    pub(super) fn compare_on(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        let Doing::Comparing(comparison) = &mut self.doing else { return };
        if fence::is_overdue(job, turn.wall_ms()) || !comparison.is_of(job) {
            self.observe(turn, job);
            return;
        }
        match comparison.turn(turn, job) {
            Compared::Going => {}
            Compared::Counted => self.act(turn, job, Proposal::Advance(Advance::BeginFence)),
            Compared::Equal => self.act(turn, job, Proposal::Advance(Advance::ArmCutover)),
            Compared::Different(why) => self.condemn(turn, why),
        }
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
