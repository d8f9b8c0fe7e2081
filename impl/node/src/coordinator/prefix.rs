//! Prefix deletes: one timestamp for every part, and no part before none is fenced (§11).

use super::errand::{End, Failure};
use super::lead::Means;
use super::plan::{Ended, Expiry, Moves, Plan, failure};
use super::question::Question;
use crate::api::{ClientResponse, NodeError};
use splitjob_core::group::Outcome;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::peer::Answer;

/// The plan of a prefix delete.
#[derive(Debug)]
pub(super) struct PrefixDelete {
    prefix: RawKey,
    commit_ts: Option<Timestamp>,
    rows: u64,
    parts_done: usize,
    failure: Option<Failure>,
}

impl PrefixDelete {
    pub(super) fn new(prefix: RawKey) -> PrefixDelete {
        PrefixDelete { prefix, commit_ts: None, rows: 0, parts_done: 0, failure: None }
    }

    // Parts that are done stay done: the client must not hear that nothing was changed.
    fn reply(&mut self) -> Result<ClientResponse, NodeError> {
        match self.failure.take() {
            None => Ok(ClientResponse::PrefixDeleted { rows: self.rows }),
            Some(failure) if self.parts_done == 0 => Err(failure.into()),
            Some(failure) => Err(self.in_part(&NodeError::from(failure).to_string())),
        }
    }

    fn in_part(&self, why: &str) -> NodeError {
        let (rows, prefix) = (self.rows, &self.prefix);
        NodeError::Unknown { why: format!("{rows} rows under {prefix} were deleted, others may not have been: {why}") }
    }
}

impl Plan for PrefixDelete {
    fn begin(&mut self, _means: &mut Means<'_, '_>) -> Moves {
        let prefix = self.prefix.clone();
        Moves::ask(Question::DeletePrefix { prefix, part: None, commit_ts: Timestamp::ZERO })
    }

    fn parted(&mut self, means: &mut Means<'_, '_>, mut parts: Vec<Question>) -> Vec<Question> {
        if self.commit_ts.is_none() {
            let chosen = means.desk.next_ts();
            self.commit_ts = Some(chosen);
            for part in &mut parts {
                if let Question::DeletePrefix { commit_ts, .. } = part {
                    *commit_ts = chosen;
                }
            }
        }
        parts
    }

    fn ended(&mut self, _means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        match ended.end {
            End::Done(Answer::Applied(Outcome::PrefixDeleted { rows })) => {
                self.rows += rows;
                self.parts_done += 1;
            }
            end @ (End::Done(_) | End::Failed(_) | End::Divided) => {
                let failure = failure(end);
                let is_worse = self.failure.is_none() || matches!(failure, Failure::Unknown(_));
                if is_worse {
                    self.failure = Some(failure);
                }
            }
        }
        if ended.open > 0 { Moves::none() } else { Moves::reply(self.reply()) }
    }

    fn expired(&mut self, _means: &mut Means<'_, '_>, expiry: Expiry) -> Moves {
        Moves::reply(Err(if self.parts_done > 0 { self.in_part(&expiry.trouble) } else { expiry.error() }))
    }
}
