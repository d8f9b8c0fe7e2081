//! Answers between nodes as messages.

use super::{Answer, BracketDigest, CallError, LeaderView};
use crate::convert::{
    Wire, ascending, guards_from_message, guards_message, messages, optional, present, required, row_key, value,
    values, voters,
};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, answer, call_error, txn_status};
use splitjob_core::catalog::{CatalogOutcome, CatalogRejection};
use splitjob_core::group::{GroupStatus, Outcome, ReadAnswer, Rejection, SeenRow, VoterReport};
use splitjob_core::id::{CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, NodeId};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnStatus;
use std::collections::BTreeMap;

/// The answer as a message.
pub(super) fn answer_message(answer: &Result<Answer, CallError>) -> answer::Answer {
    use answer::Answer as Message;
    match answer {
        Err(error) => Message::Error(error.to_message()),
        Ok(Answer::Applied(outcome)) => Message::Applied(outcome.to_message()),
        Ok(Answer::CatalogApplied(outcome)) => Message::CatalogApplied(outcome.to_message()),
        Ok(Answer::Rows { answer, read_ts }) => Message::Rows(rows_message(answer, *read_ts)),
        Ok(Answer::Newest(commit_ts)) => Message::Newest(pb::Newest { commit_ts: commit_ts.map(Timestamp::raw) }),
        Ok(Answer::Txn(status)) => Message::Txn(status.to_message()),
        Ok(Answer::Observed(view)) => Message::Observed(view_message(view)),
        Ok(Answer::Report(report)) => Message::Report(report.to_message()),
        Ok(Answer::Batches(batches)) => Message::Batches(pb::Batches { batches: messages(batches) }),
        Ok(Answer::Digests(digests)) => {
            Message::Digests(pb::Digests { digests: digests.iter().map(digest_message).collect() })
        }
        Ok(Answer::Done) => Message::Done(pb::Nothing {}),
    }
}

/// The answer in the message.
pub(super) fn answer(message: answer::Answer) -> Result<Result<Answer, CallError>, WireError> {
    use answer::Answer as Message;
    Ok(Ok(match message {
        Message::Error(error) => return Ok(Err(CallError::from_message(error)?)),
        Message::Applied(outcome) => Answer::Applied(Outcome::from_message(outcome)?),
        Message::CatalogApplied(outcome) => Answer::CatalogApplied(CatalogOutcome::from_message(outcome)?),
        Message::Rows(rows) => {
            let read_ts = Timestamp::from_raw(rows.read_ts);
            Answer::Rows { answer: read_answer(rows)?, read_ts }
        }
        Message::Newest(newest) => Answer::Newest(newest.commit_ts.map(Timestamp::from_raw)),
        Message::Txn(status) => Answer::Txn(TxnStatus::from_message(status)?),
        Message::Observed(view) => Answer::Observed(Box::new(leader_view(view)?)),
        Message::Report(report) => Answer::Report(VoterReport::from_message(report)?),
        Message::Batches(batches) => Answer::Batches(values(batches.batches)?),
        Message::Digests(digests) => Answer::Digests(digests_of(digests)?),
        Message::Done(pb::Nothing {}) => Answer::Done,
    }))
}

fn rows_message(answer: &ReadAnswer, read_ts: Timestamp) -> pb::Rows {
    let row = |row: &SeenRow| pb::SeenRow {
        key: row.key.as_bytes().to_vec(),
        commit_ts: row.commit_ts.raw(),
        value: row.value.clone(),
    };
    pb::Rows {
        rows: answer.rows.iter().map(row).collect(),
        next: answer.next.as_ref().map(|key| key.as_bytes().to_vec()),
        read_ts: read_ts.raw(),
    }
}

fn read_answer(message: pb::Rows) -> Result<ReadAnswer, WireError> {
    let row = |row: pb::SeenRow| {
        let commit_ts = Timestamp::from_raw(row.commit_ts);
        Ok::<_, WireError>(SeenRow { key: row_key(row.key)?, commit_ts, value: value(row.value)? })
    };
    Ok(ReadAnswer {
        rows: message.rows.into_iter().map(row).collect::<Result<_, _>>()?,
        next: message.next.map(row_key).transpose()?,
    })
}

fn view_message(view: &LeaderView) -> pb::LeaderView {
    pb::LeaderView {
        status: Some(view.status.to_message()),
        report: Some(view.report.to_message()),
        configuration: view.configuration.iter().map(|voter| voter.0).collect(),
    }
}

fn leader_view(message: pb::LeaderView) -> Result<LeaderView, WireError> {
    Ok(LeaderView {
        status: required(message.status, "the state of a group")?,
        report: required(message.report, "the report of a leader")?,
        configuration: voters(message.configuration)?,
    })
}

fn digest_message((bracket, digest): (&u64, &BracketDigest)) -> pb::BracketDigest {
    pb::BracketDigest { bracket: *bracket, rows: digest.rows, sum: digest.sum.to_vec() }
}

fn digests_of(message: pb::Digests) -> Result<BTreeMap<u64, BracketDigest>, WireError> {
    let digest = |digest: pb::BracketDigest| {
        let sum = <[u8; 32]>::try_from(digest.sum)
            .map_err(|sum| WireError::invalid("a digest", format!("it has {} bytes, not 32", sum.len())))?;
        Ok::<_, WireError>((digest.bracket, BracketDigest { rows: digest.rows, sum }))
    };
    let digests = message.digests.into_iter().map(digest).collect::<Result<_, _>>()?;
    ascending(digests, |(bracket, _)| *bracket, "the brackets of digests")
}

impl Wire for CallError {
    type Message = pb::CallError;

    fn to_message(&self) -> pb::CallError {
        use call_error::Error as Message;
        let error = match self {
            CallError::Rejected(rejection) => Message::Rejected(rejection.to_message()),
            CallError::CatalogRejected(rejection) => Message::CatalogRejected(rejection.to_message()),
            CallError::NotLeader { leader } => Message::NotLeader(pb::NotLeader { leader: leader.map(|node| node.0) }),
            CallError::NoReplica { group } => Message::NoReplica(group.0),
            CallError::Busy { what, retry_after_ms } => {
                Message::Busy(pb::Busy { what: what.clone(), retry_after_ms: *retry_after_ms })
            }
            CallError::Unknown { why } => Message::Unknown(why.clone()),
            CallError::Stopped { why } => Message::Stopped(why.clone()),
        };
        pb::CallError { error: Some(error) }
    }

    fn from_message(message: pb::CallError) -> Result<CallError, WireError> {
        use call_error::Error as Message;
        Ok(match present(message.error, "why a question has no answer")? {
            Message::Rejected(rejection) => CallError::from(Rejection::from_message(rejection)?),
            Message::CatalogRejected(rejection) => CallError::from(CatalogRejection::from_message(rejection)?),
            Message::NotLeader(not) => CallError::NotLeader { leader: not.leader.map(NodeId) },
            Message::NoReplica(group) => CallError::NoReplica { group: GroupId(group) },
            Message::Busy(busy) => CallError::Busy { what: busy.what, retry_after_ms: busy.retry_after_ms },
            Message::Unknown(why) => CallError::Unknown { why },
            Message::Stopped(why) => CallError::Stopped { why },
        })
    }
}

impl Wire for TxnStatus {
    type Message = pb::TxnStatus;

    fn to_message(&self) -> pb::TxnStatus {
        use txn_status::Status as Message;
        let status = match self {
            TxnStatus::Committed { commit_ts } => Message::Committed(commit_ts.raw()),
            TxnStatus::RolledBack => Message::RolledBack(pb::Nothing {}),
            TxnStatus::Prepared { commit_ts, expires_at_ms } => {
                Message::Prepared(pb::TxnPrepared { commit_ts: commit_ts.raw(), expires_at_ms: *expires_at_ms })
            }
            TxnStatus::Unknown => Message::Unknown(pb::Nothing {}),
        };
        pb::TxnStatus { status: Some(status) }
    }

    fn from_message(message: pb::TxnStatus) -> Result<TxnStatus, WireError> {
        use txn_status::Status as Message;
        let ts = Timestamp::from_raw;
        Ok(match present(message.status, "what became of a transaction")? {
            Message::Committed(commit_ts) => TxnStatus::Committed { commit_ts: ts(commit_ts) },
            Message::RolledBack(pb::Nothing {}) => TxnStatus::RolledBack,
            Message::Prepared(prepared) => {
                TxnStatus::Prepared { commit_ts: ts(prepared.commit_ts), expires_at_ms: prepared.expires_at_ms }
            }
            Message::Unknown(pb::Nothing {}) => TxnStatus::Unknown,
        })
    }
}

impl Wire for GroupStatus {
    type Message = pb::GroupStatus;

    fn to_message(&self) -> pb::GroupStatus {
        pb::GroupStatus {
            applied_catalog_version: self.applied_catalog_version.0,
            last_commit_ts: self.last_commit_ts.raw(),
            read_bound: self.read_bound.raw(),
            // The question names the job.
            guards: self.guards.as_ref().map(|guards| guards_message(JobId(0), guards)),
            is_closed: self.is_closed,
            serves_range: self.serves_range,
            is_fenced: self.is_fenced,
            first_row: self.first_row.as_ref().map(Wire::to_message),
            first_staged: self.first_staged.as_ref().map(Wire::to_message),
            first_locked: self.first_locked.as_ref().map(|key| key.as_bytes().to_vec()),
            least_locked: self.least_locked.map(Timestamp::raw),
        }
    }

    fn from_message(message: pb::GroupStatus) -> Result<GroupStatus, WireError> {
        let guards = message.guards.map(guards_from_message).transpose()?;
        Ok(GroupStatus {
            applied_catalog_version: CatalogVersion(message.applied_catalog_version),
            last_commit_ts: Timestamp::from_raw(message.last_commit_ts),
            read_bound: Timestamp::from_raw(message.read_bound),
            guards: guards.map(|(_, guards)| guards),
            is_closed: message.is_closed,
            serves_range: message.serves_range,
            is_fenced: message.is_fenced,
            first_row: optional(message.first_row)?,
            first_staged: optional(message.first_staged)?,
            first_locked: message.first_locked.map(row_key).transpose()?,
            least_locked: message.least_locked.map(Timestamp::from_raw),
        })
    }
}

impl Wire for VoterReport {
    type Message = pb::VoterReport;

    fn to_message(&self) -> pb::VoterReport {
        pb::VoterReport {
            applied_catalog_version: self.applied_catalog_version.0,
            epoch: self.epoch.map(|epoch| epoch.0),
            tracker: self.tracker.map(|round| round.0),
            write_fence: self.write_fence,
            read_fence: self.read_fence.map(|version| version.0),
            readiness: self.readiness,
            serves_range: self.serves_range,
            is_closed: self.is_closed,
            running_reads: self.running_reads,
        }
    }

    fn from_message(message: pb::VoterReport) -> Result<VoterReport, WireError> {
        Ok(VoterReport {
            applied_catalog_version: CatalogVersion(message.applied_catalog_version),
            epoch: message.epoch.map(JobEpoch),
            tracker: message.tracker.map(CopyRound),
            write_fence: message.write_fence,
            read_fence: message.read_fence.map(CatalogVersion),
            readiness: message.readiness,
            serves_range: message.serves_range,
            is_closed: message.is_closed,
            running_reads: message.running_reads,
        })
    }
}
