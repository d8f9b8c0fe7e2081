//! Commands of a data group's log, and what they did.

use super::{Wire, messages, optional, present, required, row_key, user_key, values};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, group_command, job_command, outcome, txn_command};
use splitjob_core::group::{
    Adoption, BindRead, DeletePrefix, GroupCommand, JobAction, JobCommand, Outcome, RowPosition, TxnAction, TxnCommand,
    WriteRequest,
};
use splitjob_core::id::{CatalogVersion, CopyRound, JobId};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};

impl Wire for GroupCommand {
    type Message = pb::GroupCommand;

    fn to_message(&self) -> pb::GroupCommand {
        use group_command::Command as Message;
        let command = match self {
            GroupCommand::Write(write) => Message::Write(write.to_message()),
            GroupCommand::DeletePrefix(delete) => Message::DeletePrefix(delete.to_message()),
            GroupCommand::Txn(txn) => Message::Txn(txn.to_message()),
            GroupCommand::BindRead(bind) => Message::BindRead(bind.to_message()),
            GroupCommand::Adopt(adoption) => Message::Adopt(adoption.to_message()),
            GroupCommand::Collect { through, from, limit } => {
                Message::Collect(pb::Collect { through: through.raw(), from: from.as_bytes().to_vec(), limit: *limit })
            }
            GroupCommand::RaiseCeiling { ceiling } => Message::RaiseCeiling(ceiling.get()),
            GroupCommand::Job(job) => Message::Job(job.to_message()),
        };
        pb::GroupCommand { command: Some(command) }
    }

    fn from_message(message: pb::GroupCommand) -> Result<GroupCommand, WireError> {
        use group_command::Command as Message;
        Ok(match present(message.command, "a group's command")? {
            Message::Write(write) => GroupCommand::Write(WriteRequest::from_message(write)?),
            Message::DeletePrefix(delete) => GroupCommand::DeletePrefix(DeletePrefix::from_message(delete)?),
            Message::Txn(txn) => GroupCommand::Txn(TxnCommand::from_message(txn)?),
            Message::BindRead(bind) => GroupCommand::BindRead(BindRead::from_message(bind)?),
            Message::Adopt(adoption) => GroupCommand::Adopt(Adoption::from_message(adoption)?),
            Message::Collect(collect) => GroupCommand::Collect {
                through: Timestamp::from_raw(collect.through),
                from: row_key(collect.from)?,
                limit: collect.limit,
            },
            Message::RaiseCeiling(ceiling) => GroupCommand::RaiseCeiling { ceiling: PhysicalMs::new(ceiling)? },
            Message::Job(job) => GroupCommand::Job(JobCommand::from_message(job)?),
        })
    }
}

impl Wire for WriteRequest {
    type Message = pb::WriteRequest;

    fn to_message(&self) -> pb::WriteRequest {
        pb::WriteRequest {
            mutations: messages(&self.mutations),
            commit_ts: self.commit_ts.raw(),
            routed_by: self.routed_by.map(|version| version.0),
        }
    }

    fn from_message(message: pb::WriteRequest) -> Result<WriteRequest, WireError> {
        Ok(WriteRequest {
            mutations: values(message.mutations)?,
            commit_ts: Timestamp::from_raw(message.commit_ts),
            routed_by: message.routed_by.map(CatalogVersion),
        })
    }
}

impl Wire for DeletePrefix {
    type Message = pb::DeletePrefix;

    fn to_message(&self) -> pb::DeletePrefix {
        pb::DeletePrefix {
            prefix: self.prefix.as_bytes().to_vec(),
            part: Some(self.part.to_message()),
            commit_ts: self.commit_ts.raw(),
            routed_by: self.routed_by.map(|version| version.0),
        }
    }

    fn from_message(message: pb::DeletePrefix) -> Result<DeletePrefix, WireError> {
        Ok(DeletePrefix {
            prefix: user_key(message.prefix)?,
            part: required(message.part, "the part of a prefix delete")?,
            commit_ts: Timestamp::from_raw(message.commit_ts),
            routed_by: message.routed_by.map(CatalogVersion),
        })
    }
}

impl Wire for TxnCommand {
    type Message = pb::TxnCommand;

    fn to_message(&self) -> pb::TxnCommand {
        use txn_command::Action as Message;
        let action = match &self.action {
            TxnAction::OnePhase { mutations } => Message::OnePhase(pb::Mutations { mutations: messages(mutations) }),
            TxnAction::Prepare { mutations, expires_at_ms } => {
                Message::Prepare(pb::TxnPrepare { mutations: messages(mutations), expires_at_ms: *expires_at_ms })
            }
            TxnAction::Commit { keys } => Message::Commit(keys_message(keys)),
            TxnAction::Abort { keys } => Message::Abort(keys_message(keys)),
        };
        pb::TxnCommand {
            txn: Some(self.txn.to_message()),
            commit_ts: self.commit_ts.raw(),
            routed_by: self.routed_by.map(|version| version.0),
            action: Some(action),
        }
    }

    fn from_message(message: pb::TxnCommand) -> Result<TxnCommand, WireError> {
        use txn_command::Action as Message;
        let action = match present(message.action, "the step of a transaction")? {
            Message::OnePhase(all) => TxnAction::OnePhase { mutations: values(all.mutations)? },
            Message::Prepare(prepare) => {
                TxnAction::Prepare { mutations: values(prepare.mutations)?, expires_at_ms: prepare.expires_at_ms }
            }
            Message::Commit(keys) => TxnAction::Commit { keys: keys_of(keys)? },
            Message::Abort(keys) => TxnAction::Abort { keys: keys_of(keys)? },
        };
        Ok(TxnCommand {
            txn: required(message.txn, "the name of a transaction")?,
            commit_ts: Timestamp::from_raw(message.commit_ts),
            routed_by: message.routed_by.map(CatalogVersion),
            action,
        })
    }
}

fn keys_message(keys: &[RawKey]) -> pb::Keys {
    pb::Keys { keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect() }
}

fn keys_of(message: pb::Keys) -> Result<Vec<RawKey>, WireError> {
    message.keys.into_iter().map(user_key).collect()
}

impl Wire for BindRead {
    type Message = pb::BindRead;

    fn to_message(&self) -> pb::BindRead {
        pb::BindRead {
            footprint: Some(self.footprint.to_message()),
            read_ts: self.read_ts.raw(),
            routed_by: self.routed_by.map(|version| version.0),
        }
    }

    fn from_message(message: pb::BindRead) -> Result<BindRead, WireError> {
        Ok(BindRead {
            footprint: required(message.footprint, "the footprint of a read")?,
            read_ts: Timestamp::from_raw(message.read_ts),
            routed_by: message.routed_by.map(CatalogVersion),
        })
    }
}

impl Wire for JobCommand {
    type Message = pb::JobCommand;

    fn to_message(&self) -> pb::JobCommand {
        pb::JobCommand {
            token: Some(self.token.to_message()),
            range: Some(self.range.to_message()),
            action: Some(action_message(&self.action)),
        }
    }

    fn from_message(message: pb::JobCommand) -> Result<JobCommand, WireError> {
        Ok(JobCommand {
            token: required(message.token, "the token of a job's command")?,
            range: required(message.range, "the range of a job's command")?,
            action: action(present(message.action, "the step of a job")?)?,
        })
    }
}

fn action_message(action: &JobAction) -> job_command::Action {
    use job_command::Action as Message;
    match action {
        JobAction::ArmTracker { round } => Message::ArmTracker(round.0),
        JobAction::ArmWriteFence => Message::ArmWriteFence(pb::Nothing {}),
        JobAction::ArmReadFence { expected_cutover_version } => Message::ArmReadFence(expected_cutover_version.0),
        JobAction::Unfence => Message::Unfence(pb::Nothing {}),
        JobAction::DeleteMoved { from, limit } => {
            Message::DeleteMoved(pb::DeleteMoved { from: Some(from.to_message()), limit: *limit })
        }
        JobAction::Import { round, batches } => {
            Message::Import(pb::Import { round: round.0, batches: messages(batches) })
        }
        JobAction::ArmReadiness { floor } => Message::ArmReadiness(floor.raw()),
        JobAction::Promote { after, limit } => Message::Promote(sweep(after.as_ref(), *limit)),
        JobAction::DiscardStaged { from, limit } => Message::DiscardStaged(sweep(from.as_ref(), *limit)),
        JobAction::Close { oldest_live_job } => Message::Close(oldest_live_job.0),
    }
}

fn sweep(at: Option<&RowPosition>, limit: u64) -> pb::Sweep {
    pb::Sweep { at: at.map(Wire::to_message), limit }
}

fn action(message: job_command::Action) -> Result<JobAction, WireError> {
    use job_command::Action as Message;
    Ok(match message {
        Message::ArmTracker(round) => JobAction::ArmTracker { round: CopyRound(round) },
        Message::ArmWriteFence(pb::Nothing {}) => JobAction::ArmWriteFence,
        Message::ArmReadFence(version) => JobAction::ArmReadFence { expected_cutover_version: CatalogVersion(version) },
        Message::Unfence(pb::Nothing {}) => JobAction::Unfence,
        Message::DeleteMoved(delete) => {
            JobAction::DeleteMoved { from: required(delete.from, "the first row of a deletion")?, limit: delete.limit }
        }
        Message::Import(import) => {
            JobAction::Import { round: CopyRound(import.round), batches: values(import.batches)? }
        }
        Message::ArmReadiness(floor) => JobAction::ArmReadiness { floor: Timestamp::from_raw(floor) },
        Message::Promote(sweep) => JobAction::Promote { after: optional(sweep.at)?, limit: sweep.limit },
        Message::DiscardStaged(sweep) => JobAction::DiscardStaged { from: optional(sweep.at)?, limit: sweep.limit },
        Message::Close(job) => JobAction::Close { oldest_live_job: JobId(job) },
    })
}

impl Wire for Outcome {
    type Message = pb::Outcome;

    fn to_message(&self) -> pb::Outcome {
        use outcome::Outcome as Message;
        let nothing = pb::Nothing {};
        let outcome = match self {
            Outcome::Unchanged => Message::Unchanged(nothing),
            Outcome::Written { commit_ts } => Message::Written(commit_ts.raw()),
            Outcome::Prepared => Message::Prepared(nothing),
            Outcome::Committed { commit_ts } => Message::Committed(commit_ts.raw()),
            Outcome::Aborted => Message::Aborted(nothing),
            Outcome::PrefixDeleted { rows } => Message::PrefixDeleted(*rows),
            Outcome::CeilingRaised { ceiling } => Message::CeilingRaised(ceiling.get()),
            Outcome::Bound { read_bound } => Message::Bound(read_bound.raw()),
            Outcome::Adopted { version } => Message::Adopted(version.0),
            Outcome::Collected { removed, next } => Message::Collected(pb::Collected {
                removed: *removed,
                next: next.as_ref().map(|key| key.as_bytes().to_vec()),
            }),
            Outcome::Armed => Message::Armed(nothing),
            Outcome::Imported { rows } => Message::Imported(*rows),
            Outcome::Promoted { rows } => Message::Promoted(*rows),
            Outcome::Deleted { rows } => Message::Deleted(*rows),
            Outcome::Closed => Message::Closed(nothing),
        };
        pb::Outcome { outcome: Some(outcome) }
    }

    fn from_message(message: pb::Outcome) -> Result<Outcome, WireError> {
        use outcome::Outcome as Message;
        let ts = Timestamp::from_raw;
        Ok(match present(message.outcome, "what a command did")? {
            Message::Unchanged(pb::Nothing {}) => Outcome::Unchanged,
            Message::Written(commit_ts) => Outcome::Written { commit_ts: ts(commit_ts) },
            Message::Prepared(pb::Nothing {}) => Outcome::Prepared,
            Message::Committed(commit_ts) => Outcome::Committed { commit_ts: ts(commit_ts) },
            Message::Aborted(pb::Nothing {}) => Outcome::Aborted,
            Message::PrefixDeleted(rows) => Outcome::PrefixDeleted { rows },
            Message::CeilingRaised(ceiling) => Outcome::CeilingRaised { ceiling: PhysicalMs::new(ceiling)? },
            Message::Bound(read_bound) => Outcome::Bound { read_bound: ts(read_bound) },
            Message::Adopted(version) => Outcome::Adopted { version: CatalogVersion(version) },
            Message::Collected(collected) => {
                Outcome::Collected { removed: collected.removed, next: collected.next.map(row_key).transpose()? }
            }
            Message::Armed(pb::Nothing {}) => Outcome::Armed,
            Message::Imported(rows) => Outcome::Imported { rows },
            Message::Promoted(rows) => Outcome::Promoted { rows },
            Message::Deleted(rows) => Outcome::Deleted { rows },
            Message::Closed(pb::Nothing {}) => Outcome::Closed,
        })
    }
}
