//! Questions between nodes as messages.

use super::{Call, DigestCall, ExportCall, VoterChange};
use crate::convert::{Wire, present, required, user_key};
use crate::entry::{decode_catalog_command, decode_group_command, encode_catalog_command, encode_group_command};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, call, change_voters, read_request};
use splitjob_core::group::{LatestRequest, ReadRequest, ReadShape};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, VoterId};
use splitjob_core::range::KeyRange;
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;

/// The question as a message. A proposal carries the bytes of its entry, so that the log and the wire refuse alike (V2).
pub(super) fn call_message(question: &Call) -> call::Call {
    use call::Call as Message;
    match question {
        Call::Propose { group, command, stamped } => {
            Message::Propose(pb::Propose { group: group.0, entry: encode_group_command(command), stamped: *stamped })
        }
        Call::ProposeCatalog { command } => Message::ProposeCatalog(encode_catalog_command(command)),
        Call::Read { group, request, latest } => {
            Message::Read(pb::ReadCall { group: group.0, request: Some(request.to_message()), latest: *latest })
        }
        Call::Latest { group, request } => Message::Latest(pb::LatestCall {
            group: group.0,
            key: request.key.as_bytes().to_vec(),
            routed_by: request.routed_by.map(|version| version.0),
        }),
        Call::TxnStatus { group, txn, routed_by } => Message::TxnStatus(pb::TxnStatusCall {
            group: group.0,
            txn: Some(txn.to_message()),
            routed_by: routed_by.map(|version| version.0),
        }),
        Call::Observe { group, job, range } => Message::Observe(about_job(*group, *job, range)),
        Call::Report { group, job, range } => Message::Report(about_job(*group, *job, range)),
        Call::Export(export) => Message::Export(export_message(export)),
        Call::Digest(digest) => Message::Digest(pb::DigestCall {
            group: digest.group.0,
            job: digest.job.0,
            range: Some(digest.range.to_message()),
            through: digest.through.raw(),
            staged: digest.staged,
        }),
        Call::ChangeVoters { group, change } => {
            Message::ChangeVoters(pb::ChangeVoters { group: group.0, change: Some(change_message(*change)) })
        }
        Call::TransferLeader { group, to } => Message::TransferLeader(pb::TransferLeader { group: group.0, to: to.0 }),
    }
}

/// The question in the message.
pub(super) fn call(message: call::Call) -> Result<Call, WireError> {
    use call::Call as Message;
    Ok(match message {
        Message::Propose(propose) => Call::Propose {
            group: GroupId(propose.group),
            command: decode_group_command(&propose.entry)?,
            stamped: propose.stamped,
        },
        Message::ProposeCatalog(entry) => Call::ProposeCatalog { command: decode_catalog_command(&entry)? },
        Message::Read(read) => Call::Read {
            group: GroupId(read.group),
            request: required(read.request, "what a read asks for")?,
            latest: read.latest,
        },
        Message::Latest(latest) => Call::Latest {
            group: GroupId(latest.group),
            request: LatestRequest { key: user_key(latest.key)?, routed_by: latest.routed_by.map(CatalogVersion) },
        },
        Message::TxnStatus(status) => Call::TxnStatus {
            group: GroupId(status.group),
            txn: required(status.txn, "the name of a transaction")?,
            routed_by: status.routed_by.map(CatalogVersion),
        },
        Message::Observe(about) => {
            Call::Observe { group: GroupId(about.group), job: JobId(about.job), range: range(about.range)? }
        }
        Message::Report(about) => {
            Call::Report { group: GroupId(about.group), job: JobId(about.job), range: range(about.range)? }
        }
        Message::Export(export) => Call::Export(export_call(export)?),
        Message::Digest(digest) => Call::Digest(DigestCall {
            group: GroupId(digest.group),
            job: JobId(digest.job),
            range: range(digest.range)?,
            through: Timestamp::from_raw(digest.through),
            staged: digest.staged,
        }),
        Message::ChangeVoters(change) => Call::ChangeVoters {
            group: GroupId(change.group),
            change: voter_change(&present(change.change, "a change of voters")?),
        },
        Message::TransferLeader(transfer) => {
            Call::TransferLeader { group: GroupId(transfer.group), to: VoterId(transfer.to) }
        }
    })
}

fn range(message: Option<pb::KeyRange>) -> Result<KeyRange, WireError> {
    required(message, "the range of a question")
}

fn about_job(group: GroupId, job: JobId, range: &KeyRange) -> pb::JobQuestion {
    pb::JobQuestion { group: group.0, job: job.0, range: Some(range.to_message()) }
}

fn export_message(export: &ExportCall) -> pb::ExportCall {
    pb::ExportCall {
        group: export.group.0,
        range: Some(export.range.to_message()),
        window: Some(export.window.to_message()),
        progress: Some(export.progress.to_message()),
        options: Some(export.options.to_message()),
    }
}

fn export_call(message: pb::ExportCall) -> Result<ExportCall, WireError> {
    Ok(ExportCall {
        group: GroupId(message.group),
        range: range(message.range)?,
        window: required(message.window, "the window of an export")?,
        progress: required(message.progress, "how far the target has come")?,
        options: required(message.options, "the bounds of an export")?,
    })
}

fn change_message(change: VoterChange) -> change_voters::Change {
    match change {
        VoterChange::AddLearner(voter) => change_voters::Change::AddLearner(voter.0),
        VoterChange::AddVoter(voter) => change_voters::Change::AddVoter(voter.0),
        VoterChange::Remove(voter) => change_voters::Change::Remove(voter.0),
    }
}

fn voter_change(message: &change_voters::Change) -> VoterChange {
    match message {
        change_voters::Change::AddLearner(voter) => VoterChange::AddLearner(VoterId(*voter)),
        change_voters::Change::AddVoter(voter) => VoterChange::AddVoter(VoterId(*voter)),
        change_voters::Change::Remove(voter) => VoterChange::Remove(VoterId(*voter)),
    }
}

impl Wire for ReadRequest {
    type Message = pb::ReadRequest;

    fn to_message(&self) -> pb::ReadRequest {
        let shape = match &self.shape {
            ReadShape::Point { key } => read_request::Shape::Point(key.as_bytes().to_vec()),
            ReadShape::Scan { interval, range, direction, limit } => read_request::Shape::Scan(pb::Scan {
                interval: Some(interval.to_message()),
                range: Some(range.to_message()),
                reverse: match direction {
                    Direction::Forward => false,
                    Direction::Reverse => true,
                },
                limit: *limit,
            }),
        };
        pb::ReadRequest {
            read_ts: self.read_ts.raw(),
            routed_by: self.routed_by.map(|version| version.0),
            shape: Some(shape),
        }
    }

    fn from_message(message: pb::ReadRequest) -> Result<ReadRequest, WireError> {
        let shape = match present(message.shape, "what a read wants to see")? {
            read_request::Shape::Point(key) => ReadShape::Point { key: user_key(key)? },
            read_request::Shape::Scan(scan) => ReadShape::Scan {
                interval: required(scan.interval, "the interval of a scan")?,
                range: required(scan.range, "the range of a scan")?,
                direction: if scan.reverse { Direction::Reverse } else { Direction::Forward },
                limit: scan.limit,
            },
        };
        Ok(ReadRequest {
            shape,
            read_ts: Timestamp::from_raw(message.read_ts),
            routed_by: message.routed_by.map(CatalogVersion),
        })
    }
}
