//! One pass of the copy, or a part of it: exports from the source, imports on the target, several under way (P2, P4).
//!
//! The target tells batches apart by bracket and number (G6). Two exports may cut the batch of one number at different
//! rows, because a version was added in between. So batches of two pipelines must not mix on the target: it might take
//! number 5 of the one and number 6 of the other, and the rows between would be lost. Two rules keep them apart:
//!
//! - As long as the target doesn't know the attempt, one import goes alone, and the target is looked at again. Once it is
//!   applied, imports of older attempts are refused (J4).
//! - A pipeline that breaks may have left imports that still arrive. Then copying goes on in a new attempt only.

use super::deed;
use super::fence;
use super::progress::{self, Counters};
use super::round::GRACE_MS;
use super::turn::Turn;
use crate::desk::{CallId, Destination, Owner};
use splitjob_core::group::{BracketBatch, ImportProgress, JobAction, JobGuards, Outcome};
use splitjob_core::job::{CopyOrder, Phase, SplitJob};
use splitjob_wire::peer::{Answer, Call, CallError, ExportCall, LeaderView};

/// A copy on its way.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) order: CopyOrder,
    /// One import goes alone, to make the attempt known.
    is_alone: bool,
    /// Imports that may be under way at once.
    width: usize,
    progress: ImportProgress,
    export: Export,
    /// In the order in which they were proposed, which is that of their batches.
    imports: Vec<Import>,
    broken: Option<Broken>,
}

#[derive(Debug)]
enum Export {
    Due { at_ms: u64 },
    Asked { call: CallId, give_up_ms: u64 },
    Held(Vec<BracketBatch>),
    Ended,
}

#[derive(Debug)]
struct Import {
    call: CallId,
    rows: u64,
    bytes: u64,
    give_up_ms: u64,
}

/// Why a copy ended before its time.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// What was said.
    pub(super) error: CallError,
    /// An import that was not applied may still be.
    pub(super) is_loose: bool,
}

/// How a copy stands.
#[derive(Debug)]
pub(super) enum Flow {
    Going,
    /// Everything that was exported is imported.
    Ended,
    Broken(Broken),
}

impl Pipeline {
    /// From where the target stands.
    ///
    /// `has_broken`: one of the pass's pipelines has broken before. A network that loses or reorders messages breaks every
    /// one that is wider than a single import.
    pub(super) fn begin(
        turn: &Turn<'_, '_>,
        job: &SplitJob,
        order: CopyOrder,
        target: &LeaderView,
        has_broken: bool,
    ) -> Pipeline {
        let imported = target.status.guards.as_ref().and_then(JobGuards::target).map(|guards| guards.imported.clone());
        Pipeline {
            order,
            is_alone: target.report.epoch != Some(job.epoch),
            width: if has_broken { 1 } else { turn.settings.imports_in_flight.max(1) },
            progress: imported.unwrap_or_default().within(order.round),
            export: Export::Due { at_ms: turn.now_ms() },
            imports: Vec::new(),
            broken: None,
        }
    }

    /// Rows of the pass that the target has, those under way included.
    pub(super) fn rows(&self) -> u64 {
        self.progress.rows
    }

    /// Whether the call is one of the pipeline's.
    pub(super) fn owns(&self, call: CallId) -> bool {
        matches!(self.export, Export::Asked { call: asked, .. } if asked == call)
            || self.imports.iter().any(|import| import.call == call)
    }

    /// Whether imports are under way.
    pub(super) fn has_imports(&self) -> bool {
        !self.imports.is_empty()
    }

    /// Takes an answer in.
    pub(super) fn answered(
        &mut self,
        turn: &mut Turn<'_, '_>,
        job: &SplitJob,
        counters: &mut Counters,
        call: CallId,
        answer: Result<Answer, CallError>,
    ) {
        if let Some(at) = self.imports.iter().position(|import| import.call == call) {
            let import = self.imports.remove(at);
            self.imported(turn.now_ms(), counters, &import, answer);
        } else {
            self.exported(turn, job, answer);
        }
    }

    /// Does what is due, and says how it stands.
    pub(super) fn turn(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) -> Flow {
        self.give_up(turn.now_ms());
        if self.imports.len() < self.width
            && let Export::Held(batches) = &mut self.export
        {
            let batches = std::mem::take(batches);
            self.import(turn, job, batches);
        }
        if matches!(self.export, Export::Due { at_ms } if at_ms <= turn.now_ms()) {
            self.ask_export(turn, job);
        }
        match (&self.export, &self.broken) {
            (Export::Ended, _) if !self.imports.is_empty() => Flow::Going,
            (Export::Ended, Some(broken)) => Flow::Broken(broken.clone()),
            (Export::Ended, None) => Flow::Ended,
            (Export::Due { .. } | Export::Asked { .. } | Export::Held(_), _) => Flow::Going,
        }
    }

    /// When something is due without an answer.
    pub(super) fn next_wake(&self) -> Option<u64> {
        let export = match &self.export {
            Export::Due { at_ms } => Some(*at_ms),
            Export::Asked { give_up_ms, .. } => Some(*give_up_ms),
            Export::Held(_) | Export::Ended => None,
        };
        self.imports.iter().map(|import| import.give_up_ms).chain(export).min()
    }

    fn ask_export(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        let call = Call::Export(ExportCall {
            group: job.source,
            range: job.range.clone(),
            window: self.order.window,
            progress: self.progress.clone(),
            options: job.options.clone(),
        });
        let patience = fence::patience_ms(job, turn.wall_ms(), turn.settings.export_patience_ms);
        let call = turn.desk.ask(Owner::Migrator, Destination::Leader(job.source), call, patience);
        self.export = Export::Asked { call, give_up_ms: turn.now_ms() + patience + GRACE_MS };
    }

    fn exported(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, answer: Result<Answer, CallError>) {
        match answer {
            Ok(Answer::Batches(batches)) if batches.is_empty() => self.export = Export::Ended,
            Ok(Answer::Batches(batches)) => self.export = Export::Held(batches),
            // The snapshot to export from isn't there yet: nothing is broken by that.
            Err(CallError::Busy { retry_after_ms, .. }) => {
                let rest = fence::patience_ms(job, turn.wall_ms(), retry_after_ms.clamp(1, LONGEST_REST_MS));
                self.export = Export::Due { at_ms: turn.now_ms() + rest };
            }
            Ok(other) => self.break_off(answered_else(&other), false),
            Err(error) => self.break_off(error, false),
        }
    }

    fn import(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, batches: Vec<BracketBatch>) {
        self.progress = self.progress.after(self.order.round, &batches);
        let (rows, bytes) = progress::size(&batches);
        let call = deed::command(job, job.target, JobAction::Import { round: self.order.round, batches });
        let patience = fence::patience_ms(job, turn.wall_ms(), turn.settings.propose_patience_ms);
        let call = turn.desk.ask(Owner::Migrator, Destination::Leader(job.target), call, patience);
        let now_ms = turn.now_ms();
        self.imports.push(Import { call, rows, bytes, give_up_ms: now_ms + patience + GRACE_MS });
        self.export = match self.is_alone {
            true => Export::Ended,
            false => Export::Due { at_ms: now_ms + pace_ms(turn, job) },
        };
    }

    fn imported(&mut self, now_ms: u64, counters: &mut Counters, import: &Import, answer: Result<Answer, CallError>) {
        match answer {
            Ok(Answer::Applied(Outcome::Unchanged)) => {}
            Ok(Answer::Applied(_)) => counters.imported(now_ms, import.rows, import.bytes),
            Ok(other) => self.break_off(answered_else(&other), true),
            // Also one that was refused: a copy of it may be on its way, and meet a target that takes it (A2).
            Err(error) => self.break_off(error, true),
        }
    }

    /// No more is exported; what is under way is waited for, so that no more chunks are held than ever.
    fn break_off(&mut self, error: CallError, is_loose: bool) {
        let is_loose = is_loose || self.broken.as_ref().is_some_and(|broken| broken.is_loose);
        let error = self.broken.take().map_or(error, |broken| broken.error);
        self.broken = Some(Broken { error, is_loose });
        self.export = Export::Ended;
    }

    fn give_up(&mut self, now_ms: u64) {
        let before = self.imports.len();
        self.imports.retain(|import| import.give_up_ms > now_ms);
        if self.imports.len() < before {
            self.break_off(CallError::Unknown { why: "an import was not answered in time".to_owned() }, true);
        }
        if matches!(self.export, Export::Asked { give_up_ms, .. } if give_up_ms <= now_ms) {
            self.break_off(CallError::Unknown { why: "an export was not answered in time".to_owned() }, false);
        }
    }
}

/// The rest between two exports: writes flow in BACKFILL, and wait in DELTA_COPY.
fn pace_ms(turn: &Turn<'_, '_>, job: &SplitJob) -> u64 {
    if matches!(job.phase, Phase::Backfill(_)) { turn.settings.pace_ms } else { 0 }
}

fn answered_else(answer: &Answer) -> CallError {
    CallError::Unknown { why: format!("something else was answered: {answer:?}") }
}

/// The longest rest that a busy source can ask for, in milliseconds.
const LONGEST_REST_MS: u64 = 1_000;
