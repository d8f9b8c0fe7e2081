//! What voters have said of themselves, and who is still asked (B1, B2).
//!
//! A report counts while the job's record stands as it stood when the voter was asked: what a barrier looks for doesn't
//! go away again meanwhile. `specs/observation.md` has the argument, barrier by barrier.

use super::turn::Turn;
use crate::desk::{CallId, Destination, Owner};
use splitjob_core::group::VoterReport;
use splitjob_core::id::{GroupId, NodeId, VoterId};
use splitjob_core::job::SplitJob;
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::{BTreeMap, BTreeSet};

/// The reports of both groups' voters on one job.
#[derive(Debug, Default)]
pub(super) struct ReportBook {
    voters: BTreeMap<GroupId, BTreeSet<VoterId>>,
    asked: BTreeMap<CallId, (GroupId, VoterId)>,
    heard: BTreeMap<(GroupId, VoterId), Heard>,
}

#[derive(Debug)]
struct Heard {
    /// The question that it answers: questions are numbered in the order in which they were asked.
    call: CallId,
    at_ms: u64,
    word: Result<VoterReport, String>,
}

impl ReportBook {
    /// The record has moved: what was asked before proves nothing about it. Who the voters are is only a guess whom to
    /// ask, and is kept.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
        self.heard.clear();
    }

    /// Asks every voter of the group that is known.
    pub(super) fn ask(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, group: GroupId) {
        for voter in self.voters.get(&group).cloned().unwrap_or_default() {
            self.ask_voter(turn, job, group, voter);
        }
    }

    /// The configuration that a leader's view names: voters that are new in it are asked, those that have left it count
    /// no more (B2).
    pub(super) fn configured(
        &mut self,
        turn: &mut Turn<'_, '_>,
        job: &SplitJob,
        group: GroupId,
        configuration: &BTreeSet<VoterId>,
    ) {
        let known = self.voters.insert(group, configuration.clone()).unwrap_or_default();
        self.heard.retain(|(of, voter), _| *of != group || configuration.contains(voter));
        for voter in configuration.difference(&known) {
            self.ask_voter(turn, job, group, *voter);
        }
    }

    // A voter is asked in every round, also while an older question is out: the answer to that may be from before a
    // guard was armed. Questions to one that never answers are few.
    fn ask_voter(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob, group: GroupId, voter: VoterId) {
        if self.asked.values().filter(|asked| **asked == (group, voter)).count() >= MOST_QUESTIONS {
            return;
        }
        let call = Call::Report { group, job: job.id, range: job.range.clone() };
        let patience = turn.settings.observe_patience_ms;
        let id = turn.desk.ask(Owner::Migrator, Destination::Node(NodeId(voter.0)), call, patience);
        self.asked.insert(id, (group, voter));
    }

    /// Takes an answer in; false if the question wasn't one of these.
    pub(super) fn answered(&mut self, now_ms: u64, call: CallId, answer: &Result<Answer, CallError>) -> bool {
        let Some(of) = self.asked.remove(&call) else { return false };
        if self.heard.get(&of).is_some_and(|heard| heard.call > call) {
            return true;
        }
        let word = match answer {
            Ok(Answer::Report(report)) => Ok(report.clone()),
            Ok(other) => Err(format!("it answered something else: {other:?}")),
            Err(CallError::Unknown { .. } | CallError::Busy { .. }) => return true,
            Err(error) => Err(error.to_string()),
        };
        self.heard.insert(of, Heard { call, at_ms: now_ms, word });
        true
    }

    /// Whether the question is one of these.
    pub(super) fn owns(&self, call: CallId) -> bool {
        self.asked.contains_key(&call)
    }

    /// The reports of the group's voters.
    pub(super) fn of(&self, group: GroupId) -> BTreeMap<VoterId, VoterReport> {
        let of_group = self.heard.iter().filter(|((of, _), _)| *of == group);
        of_group.filter_map(|((_, voter), heard)| Some((*voter, heard.word.clone().ok()?))).collect()
    }

    /// Whether an answer of the voter may still come.
    pub(super) fn is_asked(&self, group: GroupId, voter: VoterId) -> bool {
        self.asked.values().any(|asked| *asked == (group, voter))
    }

    /// When the voter was last heard here, in milliseconds since the process began.
    pub(super) fn heard_at_ms(&self, group: GroupId, voter: VoterId) -> Option<u64> {
        self.heard.get(&(group, voter)).map(|heard| heard.at_ms)
    }

    /// Why the voter gives no report, in its node's words.
    pub(super) fn refusal(&self, group: GroupId, voter: VoterId) -> Option<&str> {
        self.heard.get(&(group, voter)).and_then(|heard| heard.word.as_ref().err()).map(String::as_str)
    }
}

/// Questions to one voter that may be out at once.
const MOST_QUESTIONS: usize = 8;
