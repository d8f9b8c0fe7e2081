//! One observation on its way: the catalog, both leaders and their voters are asked at once, and answer when they do.
//!
//! The job's record stands at one revision from the moment of asking until the decision, or the round begins anew: so the
//! parts, read at different moments, are those of one and the same step of the job (`specs/observation.md`).

use super::reports::ReportBook;
use super::turn::Turn;
use crate::desk::{CallId, Desk, Destination, Owner};
use splitjob_core::id::{GroupId, Revision, VoterId};
use splitjob_core::job::{Observed, ObservedGroup, SplitJob, WaitingFor};
use splitjob_wire::peer::{Answer, Call, CallError, LeaderView};

/// An observation on its way.
#[derive(Debug)]
pub(super) struct Round {
    /// The record's revision when the questions were asked.
    pub(super) revision: Revision,
    read: u64,
    is_read: bool,
    source: Side,
    target: Side,
    give_up_ms: u64,
}

#[derive(Debug)]
enum Side {
    Asked(CallId),
    Heard { view: Box<LeaderView>, at_ms: u64 },
    Silent,
}

impl Round {
    /// Asks for the catalog, and for the groups if the decision can look at them: a migrator that doesn't hold the job
    /// takes it over, whatever they say.
    pub(super) fn begin(turn: &mut Turn<'_, '_>, job: &SplitJob, book: &mut ReportBook, is_held: bool) -> Round {
        let patience = turn.settings.observe_patience_ms;
        let read = turn.reads.want();
        let mut ask = |group: GroupId| {
            if !is_held {
                return Side::Silent;
            }
            let call = Call::Observe { group, job: job.id, range: job.range.clone() };
            let id = turn.desk.ask(Owner::Migrator, Destination::Leader(group), call, patience);
            book.ask(turn, job, group);
            Side::Asked(id)
        };
        let (source, target) = (ask(job.source), ask(job.target));
        let give_up_ms = turn.now_ms() + patience + GRACE_MS;
        Round { revision: job.revision, read, is_read: false, source, target, give_up_ms }
    }

    /// Whether the call is one of the round's.
    pub(super) fn owns(&self, call: CallId) -> bool {
        [&self.source, &self.target].into_iter().any(|side| matches!(side, Side::Asked(id) if *id == call))
    }

    /// The catalog is at least as new as the questions, if the read is this round's.
    pub(super) fn catalog_read(&mut self, read: u64) -> bool {
        self.is_read |= read == self.read;
        read == self.read
    }

    /// Takes a leader's answer in.
    pub(super) fn answered(
        &mut self,
        turn: &mut Turn<'_, '_>,
        job: &SplitJob,
        book: &mut ReportBook,
        call: CallId,
        answer: Result<Answer, CallError>,
    ) {
        for (side, group) in [(&mut self.source, job.source), (&mut self.target, job.target)] {
            if !matches!(side, Side::Asked(id) if *id == call) {
                continue;
            }
            *side = match answer {
                Ok(Answer::Observed(view)) => {
                    book.configured(turn, job, group, &view.configuration);
                    // T2: the next snapshot is chosen by this clock, and should not lie below what is there.
                    turn.desk.observe(view.status.last_commit_ts);
                    Side::Heard { view, at_ms: turn.now_ms() }
                }
                Ok(_) | Err(_) => Side::Silent,
            };
            return;
        }
    }

    /// Whether the catalog has confirmed the record: nothing is decided before.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// What is known by now; a leader that has not answered yet is as one that doesn't.
    ///
    /// A decision that needs what isn't known is a wait, and any other would be the same if it were known.
    pub(super) fn observed<'d>(&self, desk: &mut Desk<'d>, job: &SplitJob, book: &ReportBook) -> Observed<'d> {
        let catalog = desk.catalog;
        let now_ms = desk.now.wall.get();
        let group = |side: &Side, group: GroupId| match side {
            Side::Heard { view, .. } => Some(ObservedGroup {
                group,
                status: view.status.clone(),
                leader: view.report.clone(),
                configuration: view.configuration.clone(),
                reports: book.of(group),
            }),
            Side::Asked(_) | Side::Silent => None,
        };
        Observed {
            routes: catalog.routes(),
            oldest_live_job: catalog.oldest_live_job(),
            lacking: catalog.lacking(now_ms),
            clock: desk.next_ts(),
            now_ms,
            source: group(&self.source, job.source),
            target: group(&self.target, job.target),
        }
    }

    /// Whether nothing that may still come in this round can end the wait.
    pub(super) fn is_final(
        &self,
        turn: &Turn<'_, '_>,
        job: &SplitJob,
        book: &ReportBook,
        waiting: &WaitingFor,
    ) -> bool {
        match waiting {
            WaitingFor::Answer { group } => !matches!(self.side(job, *group), Side::Asked(_)),
            WaitingFor::Voters { group, pending, .. } => {
                let is_asked = |voter: &VoterId| book.is_asked(*group, *voter);
                !pending.iter().any(is_asked) || self.reports_due_ms(turn, job, *group) <= turn.now_ms()
            }
            WaitingFor::Lock { .. } | WaitingFor::Capability { .. } | WaitingFor::Operator => true,
        }
    }

    /// What has not come by now counts as silent.
    pub(super) fn give_up(&mut self) {
        for side in [&mut self.source, &mut self.target] {
            if matches!(side, Side::Asked(_)) {
                *side = Side::Silent;
            }
        }
    }

    /// When nothing more is waited for.
    pub(super) fn give_up_ms(&self) -> u64 {
        self.give_up_ms
    }

    /// When something may have to be decided without another answer.
    pub(super) fn next_wake(&self, report_patience_ms: u64, now_ms: u64) -> u64 {
        let due = [&self.source, &self.target].into_iter().filter_map(|side| match side {
            Side::Heard { at_ms, .. } => Some(at_ms + report_patience_ms),
            Side::Asked(_) | Side::Silent => None,
        });
        due.filter(|due| *due > now_ms).chain([self.give_up_ms]).min().unwrap_or(self.give_up_ms)
    }

    /// The target as its leader saw it in this round.
    pub(super) fn target(&self) -> Option<&LeaderView> {
        match &self.target {
            Side::Heard { view, .. } => Some(view),
            Side::Asked(_) | Side::Silent => None,
        }
    }

    fn side(&self, job: &SplitJob, group: GroupId) -> &Side {
        if group == job.source { &self.source } else { &self.target }
    }

    fn reports_due_ms(&self, turn: &Turn<'_, '_>, job: &SplitJob, group: GroupId) -> u64 {
        match self.side(job, group) {
            Side::Heard { at_ms, .. } => at_ms + turn.settings.report_patience_ms,
            Side::Asked(_) | Side::Silent => self.give_up_ms,
        }
    }
}

/// What a call may be late after its own time is over.
pub(super) const GRACE_MS: u64 = 50;
