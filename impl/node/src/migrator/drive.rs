//! One job on its way: looking, doing one step, looking again. What is kept here bounds waiting and saves asking twice;
//! a migrator that begins with nothing of it goes on all the same (J1).

use super::deed::{Deed, Proposal, Verdict};
use super::digests::{Comparison, Count};
use super::event::MigratorEventKind;
use super::fence;
use super::patience::Backoff;
use super::pipeline::Pipeline;
use super::progress::Counters;
use super::reports::ReportBook;
use super::round::Round;
use super::turn::Turn;
use super::words;
use crate::api::JobProgress;
use crate::desk::CallId;
use splitjob_core::group::Outcome;
use splitjob_core::id::{CopyRound, JobEpoch, JobId, Revision};
use splitjob_core::job::{Barrier, Phase, PhaseName, SplitJob, WaitingFor};
use splitjob_wire::peer::{Answer, CallError};

/// A job that this migrator drives.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) id: JobId,
    /// The attempt that this migrator holds (J4).
    pub(super) holder: Option<JobEpoch>,
    /// The revision that a step of this migrator made: the attempt that stands there is its own.
    gained: Option<Revision>,
    /// The revision of the record that all below is about.
    revision: Revision,
    pub(super) phase: PhaseName,
    pub(super) doing: Doing,
    pub(super) book: ReportBook,
    pub(super) count: Option<Count>,
    /// Imports of this attempt may still arrive that no pipeline knows of.
    pub(super) is_loose: bool,
    /// The last pass of which a pipeline has broken.
    pub(super) broken_round: Option<CopyRound>,
    /// Why the job is to fail, once its range is writable.
    pub(super) condemned: Option<String>,
    pub(super) backoff: Backoff,
    pub(super) waiting: Option<Waiting>,
    pub(super) counters: Counters,
    /// When the fence's budget is over, in milliseconds since the process began.
    overdue_at_ms: Option<u64>,
}

/// What is under way.
#[derive(Debug)]
pub(super) enum Doing {
    /// Nothing, until then; or until the record changes.
    Resting {
        until_ms: Option<u64>,
    },
    Observing(Round),
    Acting(Deed),
    Copying(Pipeline),
    Comparing(Comparison),
}

/// What is waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) on: Option<WaitingFor>,
    pub(super) text: String,
    pub(super) since_ms: u64,
}

impl Drive {
    /// Knows nothing of the job but what the record says, and holds no attempt.
    pub(super) fn new(job: &SplitJob, now_ms: u64) -> Drive {
        Drive {
            id: job.id,
            holder: None,
            gained: None,
            revision: job.revision,
            phase: job.phase.name(),
            doing: Doing::Resting { until_ms: Some(now_ms) },
            book: ReportBook::default(),
            count: None,
            is_loose: false,
            broken_round: None,
            condemned: None,
            backoff: Backoff::default(),
            waiting: None,
            counters: Counters::default(),
            overdue_at_ms: None,
        }
    }

    /// Time has passed, or the catalog has changed.
    pub(super) fn woken(&mut self, turn: &mut Turn<'_, '_>) {
        let Some(job) = self.look(turn) else { return };
        if let Some(count) = self.count.as_mut().filter(|_| matches!(job.phase, Phase::Backfill(_))) {
            count.turn(turn, job);
        }
        let now_ms = turn.now_ms();
        match &mut self.doing {
            Doing::Resting { until_ms: Some(until) } if *until <= now_ms => self.observe(turn, job),
            Doing::Resting { .. } => {}
            Doing::Observing(round) if round.give_up_ms() <= now_ms => self.give_up_round(turn, job),
            Doing::Observing(_) => self.consider(turn, job),
            Doing::Acting(deed) if deed.give_up_ms <= now_ms => {
                let why = format!("{}: no answer came", words::proposal(&deed.proposal));
                self.look_again(turn, why);
            }
            Doing::Acting(_) => {}
            Doing::Copying(_) => self.copy_on(turn, job),
            Doing::Comparing(_) => self.compare_on(turn, job),
        }
    }

    /// Whether the drive waits for the answer.
    pub(super) fn owns(&self, call: CallId) -> bool {
        let is_doing = match &self.doing {
            Doing::Resting { .. } => false,
            Doing::Observing(round) => round.owns(call),
            Doing::Acting(deed) => deed.call == call,
            Doing::Copying(pipeline) => pipeline.owns(call),
            Doing::Comparing(comparison) => comparison.owns(call),
        };
        is_doing || self.book.owns(call) || self.count.as_ref().is_some_and(|count| count.owns(call))
    }

    /// The answer to a call that the drive owns.
    pub(super) fn answered(&mut self, turn: &mut Turn<'_, '_>, call: CallId, answer: Result<Answer, CallError>) {
        let Some(job) = self.look(turn) else { return };
        let now_ms = turn.now_ms();
        if self.book.answered(now_ms, call, &answer) {
            self.consider(turn, job);
            return;
        }
        if let Some(count) = self.count.as_mut().filter(|count| count.owns(call)) {
            count.answered(now_ms, answer);
            return;
        }
        match &mut self.doing {
            Doing::Resting { .. } => {}
            Doing::Observing(round) => {
                round.answered(turn, job, &mut self.book, call, answer);
                self.consider(turn, job);
            }
            Doing::Acting(deed) if deed.call == call => {
                let verdict = deed.verdict(answer);
                self.done(turn, verdict);
            }
            Doing::Acting(_) => {}
            Doing::Copying(pipeline) => {
                if pipeline.owns(call) {
                    pipeline.answered(turn, job, &mut self.counters, call, answer);
                }
                self.copy_on(turn, job);
            }
            Doing::Comparing(comparison) => {
                if comparison.owns(call) {
                    comparison.answered(now_ms, call, answer);
                }
                self.compare_on(turn, job);
            }
        }
    }

    /// The catalog is at least as new as this read's asking.
    pub(super) fn catalog_read(&mut self, turn: &mut Turn<'_, '_>, read: u64) {
        let Some(job) = self.look(turn) else { return };
        if let Doing::Observing(round) = &mut self.doing
            && round.catalog_read(read)
        {
            self.consider(turn, job);
        }
    }

    /// When the drive wants to be woken, in milliseconds since the process began.
    pub(super) fn next_wake(&self, report_patience_ms: u64, now_ms: u64) -> Option<u64> {
        // J10: what goes on under the fence is looked at when its budget is over.
        let overdue = |due: Option<u64>| due.into_iter().chain(self.overdue_at_ms.filter(|at| *at > now_ms)).min();
        let doing = match &self.doing {
            Doing::Resting { until_ms } => *until_ms,
            Doing::Observing(round) => overdue(Some(round.next_wake(report_patience_ms, now_ms))),
            Doing::Acting(deed) => Some(deed.give_up_ms),
            Doing::Copying(pipeline) => overdue(pipeline.next_wake()),
            Doing::Comparing(comparison) => overdue(comparison.next_wake()),
        };
        let count = self.count.as_ref().filter(|_| self.phase == PhaseName::Backfill).and_then(Count::next_wake);
        doing.into_iter().chain(count).min()
    }

    /// What was counted of the job.
    pub(super) fn progress(&self, now_ms: u64) -> JobProgress {
        let expected = match (&self.doing, &self.count) {
            (Doing::Copying(pipeline), Some(count)) => count.rows(pipeline.order.window),
            (_, _) => None,
        };
        self.counters.progress(now_ms, expected)
    }

    /// What is under way, as the rest of a sentence about the job.
    pub(super) fn detail(&self) -> Option<String> {
        match &self.doing {
            Doing::Resting { .. } | Doing::Observing(_) => None,
            Doing::Acting(deed) => Some(format!("asks to {}", words::proposal(&deed.proposal))),
            Doing::Copying(pipeline) => Some(format!("has sent {} rows of the pass", pipeline.rows())),
            Doing::Comparing(comparison) => {
                let missing: Vec<String> = comparison.missing().map(|group| format!("group {group}")).collect();
                Some(format!("wants the digests of both sides, and lacks that of {}", missing.join(" and ")))
            }
        }
    }

    /// The record as this node knows it. If it has moved, what was under way for the one before is dropped.
    fn look<'d>(&mut self, turn: &mut Turn<'_, 'd>) -> Option<&'d SplitJob> {
        let catalog = turn.desk.catalog;
        let job = catalog.job(self.id)?;
        self.overdue_at_ms = fence::left_ms(job, turn.wall_ms()).map(|left| turn.now_ms() + left);
        self.settle_holder(job);
        let (from, to) = (self.phase, job.phase.name());
        if from != to {
            self.phase = to;
            turn.note(self.id, MigratorEventKind::PhaseChanged { from, to });
        }
        if job.revision != self.revision {
            self.moved(turn, job);
        }
        Some(job)
    }

    // J4: whoever wrote the revision knows the attempt that stands there. If others have written since, nobody does.
    fn settle_holder(&mut self, job: &SplitJob) {
        let Some(gained) = self.gained.filter(|gained| *gained <= job.revision) else { return };
        self.gained = None;
        if gained == job.revision && self.holder != Some(job.epoch) {
            self.holder = Some(job.epoch);
            self.is_loose = false;
        }
    }

    fn moved(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        self.revision = job.revision;
        self.book.forget();
        if matches!(job.phase, Phase::Failed(_)) {
            self.condemned = None;
        }
        // The answer to a step of the record tells whether it was this step that moved it.
        let is_own = matches!(&self.doing, Doing::Acting(Deed { proposal: Proposal::Advance(_), .. }));
        if !is_own {
            self.observe(turn, job);
        }
    }

    /// Begins to look; what was under way is dropped. A job that has failed is left to its operator (J7).
    pub(super) fn observe(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        self.drop_copy();
        if matches!(job.phase, Phase::Failed(_)) {
            self.wait(turn, Some(WaitingFor::Operator), words::waiting(&WaitingFor::Operator), None);
            return;
        }
        let is_held = self.holder == Some(job.epoch);
        self.doing = Doing::Observing(Round::begin(turn, job, &mut self.book, is_held));
    }

    fn drop_copy(&mut self) {
        if let Doing::Copying(pipeline) = &self.doing {
            self.is_loose |= pipeline.has_imports();
        }
    }

    fn give_up_round(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        if let Doing::Observing(round) = &mut self.doing
            && round.is_read()
        {
            round.give_up();
            self.consider(turn, job);
        } else {
            let text = "the default group doesn't confirm that this node leads it".to_owned();
            let until_ms = turn.now_ms() + self.backoff.next_ms(20, 200);
            self.wait(turn, None, text, Some(until_ms));
        }
    }

    fn done(&mut self, turn: &mut Turn<'_, '_>, verdict: Verdict) {
        let Doing::Acting(deed) = &self.doing else { return };
        let text = words::proposal(&deed.proposal);
        match verdict {
            Verdict::Advanced(revision) => {
                self.gained = Some(revision);
                self.step_taken(turn, text, false);
            }
            Verdict::Applied(outcome) => {
                self.counters.swept(&outcome);
                self.step_taken(turn, text, outcome == Outcome::Unchanged);
            }
            Verdict::LookAgain { why } => self.look_again(turn, why),
            Verdict::Hopeless { why } => self.condemn(turn, why),
        }
    }

    // A step that changed nothing is not followed at once: if it is decided on for ever, it is for ever in vain.
    fn step_taken(&mut self, turn: &mut Turn<'_, '_>, text: String, is_in_vain: bool) {
        let now_ms = turn.now_ms();
        if is_in_vain {
            self.doing = Doing::Resting { until_ms: Some(now_ms + self.backoff.next_ms(1, 100)) };
            return;
        }
        self.backoff.reset();
        self.waiting = None;
        turn.note(self.id, MigratorEventKind::StepTaken { text });
        self.doing = Doing::Resting { until_ms: Some(now_ms) };
        if let Some(job) = self.look(turn)
            && matches!(self.doing, Doing::Resting { .. })
        {
            self.observe(turn, job);
        }
    }

    pub(super) fn look_again(&mut self, turn: &mut Turn<'_, '_>, why: String) {
        let until_ms = turn.now_ms() + self.backoff.next_ms(2, 200);
        self.wait(turn, None, why, Some(until_ms));
    }

    /// The job can't go on: its range is given back, then the job fails (J7). Behind the cutover, and where it is being
    /// given up, there is only forward (J8, J9): there it is tried again.
    pub(super) fn condemn(&mut self, turn: &mut Turn<'_, '_>, why: String) {
        let can_fail = match self.phase {
            PhaseName::Backfill | PhaseName::Fence | PhaseName::DeltaCopy | PhaseName::Cutover => true,
            PhaseName::Planned
            | PhaseName::Cleanup
            | PhaseName::Done
            | PhaseName::Failed
            | PhaseName::Abandoning
            | PhaseName::Abandoned => false,
        };
        if !can_fail || self.condemned.is_some() {
            let until_ms = turn.now_ms() + self.backoff.next_ms(50, 1_000);
            self.wait(turn, None, why, Some(until_ms));
            return;
        }
        turn.note(self.id, MigratorEventKind::Condemned { why: why.clone() });
        self.condemned = Some(why);
        if let Some(job) = self.look(turn) {
            self.observe(turn, job);
        }
    }

    /// Waits until then, or until the record changes.
    pub(super) fn wait(
        &mut self,
        turn: &mut Turn<'_, '_>,
        on: Option<WaitingFor>,
        text: String,
        until_ms: Option<u64>,
    ) {
        self.drop_copy();
        self.doing = Doing::Resting { until_ms };
        let since_ms = match &self.waiting {
            Some(waiting) if waiting.text == text || is_same(waiting.on.as_ref(), on.as_ref()) => waiting.since_ms,
            Some(_) | None => turn.now_ms(),
        };
        if self.waiting.as_ref().is_none_or(|waiting| waiting.text != text) {
            turn.note(self.id, MigratorEventKind::Waiting { text: text.clone() });
        }
        self.waiting = Some(Waiting { on, text, since_ms });
    }
}

/// Whether one wait goes on as the other: fewer voters may be pending.
fn is_same(left: Option<&WaitingFor>, right: Option<&WaitingFor>) -> bool {
    let barrier = |waiting: Option<&WaitingFor>| match waiting {
        Some(WaitingFor::Voters { group, barrier, .. }) => Some((*group, *barrier)),
        Some(
            WaitingFor::Answer { .. } | WaitingFor::Lock { .. } | WaitingFor::Capability { .. } | WaitingFor::Operator,
        )
        | None => None,
    };
    let left_barrier: Option<(_, Barrier)> = barrier(left);
    (left_barrier.is_some() && left_barrier == barrier(right)) || (left.is_some() && left == right)
}
