//! Steps of a transaction whose client drives it: locks, commits and releases on keys of several groups.

use super::errand::{End, Failure};
use super::lead::Means;
use super::plan::{Ended, Expiry, Moves, Plan, failure, misfit};
use super::question::Question;
use super::txn_part::{Stamp, TxnPart, keys_of};
use crate::api::{ClientResponse, NodeError};
use splitjob_core::group::{Mutation, Outcome, TxnAction};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_wire::peer::Answer;

/// The plan of one step on some keys.
///
/// Where keys are committed or released in several groups, the primary's comes first: its record decides, and what it
/// refuses must not have happened elsewhere (X2).
#[derive(Debug)]
pub(super) struct Steps {
    step: Option<TxnPart>,
    later: Vec<Question>,
    parts_done: usize,
    failure: Option<Failure>,
}

impl Steps {
    /// Locks keys until `ttl_ms` from now; without a timestamp of the client's, one is chosen.
    pub(super) fn prepare(
        txn: TxnId,
        commit_ts: Option<Timestamp>,
        mutations: Vec<Mutation>,
        ttl_ms: u64,
        means: &mut Means<'_, '_>,
    ) -> Steps {
        let expires_at_ms = means.desk.now.wall.get().saturating_add(ttl_ms);
        let action = TxnAction::Prepare { mutations, expires_at_ms };
        match commit_ts {
            Some(commit_ts) => Steps::new(txn, commit_ts, action, Stamp::Callers),
            None => {
                let commit_ts = means.stamp_above(txn.start_ts);
                Steps::new(txn, commit_ts, action, Stamp::Replaceable)
            }
        }
    }

    pub(super) fn commit(txn: TxnId, commit_ts: Timestamp, keys: Vec<RawKey>) -> Steps {
        Steps::new(txn, commit_ts, TxnAction::Commit { keys }, Stamp::Callers)
    }

    pub(super) fn abort(txn: TxnId, commit_ts: Timestamp, keys: Vec<RawKey>) -> Steps {
        Steps::new(txn, commit_ts, TxnAction::Abort { keys }, Stamp::Callers)
    }

    fn new(txn: TxnId, commit_ts: Timestamp, action: TxnAction, stamp: Stamp) -> Steps {
        let step = TxnPart { txn, commit_ts, action, stamp, gives_way: false };
        Steps { step: Some(step), later: Vec::new(), parts_done: 0, failure: None }
    }

    fn done(&mut self, part: &TxnPart, outcome: &Outcome, open: usize) -> Moves {
        let Some(response) = response(part, outcome) else { return Moves::reply(Err(misfit())) };
        self.parts_done += 1;
        if !self.later.is_empty() {
            return Moves { ask: std::mem::take(&mut self.later), ..Moves::default() };
        }
        if open > 0 { Moves::none() } else { Moves::reply(self.reply(response)) }
    }

    fn reply(&mut self, response: ClientResponse) -> Result<ClientResponse, NodeError> {
        self.failure.take().map_or(Ok(response), |failure| Err(failure.into()))
    }
}

impl Plan for Steps {
    fn begin(&mut self, _means: &mut Means<'_, '_>) -> Moves {
        let step = self.step.take().expect("a plan begins once");
        Moves::ask(Question::Txn(step))
    }

    fn parted(&mut self, _means: &mut Means<'_, '_>, mut parts: Vec<Question>) -> Vec<Question> {
        let is_of_primary = |part: &Question| match part {
            Question::Txn(part) => decides(&part.action) && keys_of(&part.action).contains(&&part.txn.primary),
            Question::Write { .. }
            | Question::DeletePrefix { .. }
            | Question::Read { .. }
            | Question::Latest { .. }
            | Question::Status { .. }
            | Question::Catalog(_)
            | Question::Order { .. }
            | Question::Unfenced { .. }
            | Question::Version { .. }
            | Question::Pause { .. } => false,
        };
        if let Some(at) = parts.iter().position(is_of_primary) {
            let first = parts.remove(at);
            self.later.append(&mut parts);
            return vec![first];
        }
        parts
    }

    fn ended(&mut self, _means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        match (ended.question, ended.end) {
            (Question::Txn(part), End::Done(Answer::Applied(outcome))) => self.done(&part, &outcome, ended.open),
            (_, end) => {
                self.later.clear();
                let failure = self.failure.take().unwrap_or_else(|| failure(end));
                if ended.open == 0 {
                    return Moves::reply(Err(failure.into()));
                }
                self.failure = Some(failure);
                Moves::none()
            }
        }
    }

    fn expired(&mut self, _means: &mut Means<'_, '_>, expiry: Expiry) -> Moves {
        let in_doubt = expiry.in_doubt || self.parts_done > 0;
        Moves::reply(Err(Expiry { in_doubt, ..expiry }.error()))
    }
}

/// Whether the step ends the transaction where its primary is among the keys.
fn decides(action: &TxnAction) -> bool {
    match action {
        TxnAction::Commit { .. } | TxnAction::Abort { .. } => true,
        TxnAction::OnePhase { .. } | TxnAction::Prepare { .. } => false,
    }
}

fn response(part: &TxnPart, outcome: &Outcome) -> Option<ClientResponse> {
    if *outcome == Outcome::Prepared {
        Some(ClientResponse::Prepared { commit_ts: part.commit_ts })
    } else if let Outcome::Committed { commit_ts } = outcome {
        Some(ClientResponse::Committed { commit_ts: *commit_ts })
    } else if *outcome == Outcome::Aborted {
        Some(ClientResponse::Aborted)
    } else {
        None
    }
}
