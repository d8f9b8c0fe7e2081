//! What the nodes of a cluster say to one another.
//!
//! A [`PeerMessage`] may get lost, come twice, late or out of order (A2): nothing relies on the transport but that a
//! message arrives whole or not at all.

mod answer;
mod call;
mod codec;

use serde::{Deserialize, Serialize};
use splitjob_core::catalog::{CatalogCommand, CatalogOutcome, CatalogRejection};
use splitjob_core::group::{
    BracketBatch, GroupCommand, GroupStatus, ImportProgress, LatestRequest, Outcome, ReadAnswer, ReadRequest,
    Rejection, VoterReport, Window,
};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, VoterId};
use splitjob_core::job::JobOptions;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{TxnId, TxnStatus};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// One message from a node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// A message between two replicas of a Raft group.
    Raft {
        /// The group.
        group: GroupId,
        /// The message.
        message: RaftMessage,
    },
    /// A part of a snapshot, from a leader to a replica that lags too far.
    SnapshotPart(SnapshotPart),
    /// How far the receiver of a snapshot has come.
    SnapshotAck(SnapshotAck),
    /// A question to the node, which answers with the same number.
    Call {
        /// Chosen by the asker, never used twice by one process.
        id: u64,
        /// The question.
        call: Call,
    },
    /// The answer to a question.
    Answer {
        /// The question's number.
        id: u64,
        /// The answer.
        answer: Result<Answer, CallError>,
    },
    /// The node is there, and what it can do (V1).
    Heartbeat {
        /// Whether its binary can run the whole protocol (`migration_v2`).
        is_capable: bool,
    },
}

/// A message of Raft, field by field as the algorithm has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftMessage {
    /// The number of its kind, as the Raft library numbers them.
    pub kind: u32,
    /// The replica it is for.
    pub to: VoterId,
    /// The replica that sent it.
    pub from: VoterId,
    /// The sender's term.
    pub term: u64,
    /// The term of the entry at `index`.
    pub log_term: u64,
    /// The position that the message speaks of.
    pub index: u64,
    /// Entries that follow it.
    pub entries: Vec<LogEntry>,
    /// The sender's commit index.
    pub commit: u64,
    /// The term of the entry there.
    pub commit_term: u64,
    /// What the snapshot reaches to, if the message announces one; its contents come as [`SnapshotPart`]s.
    pub snapshot: Option<SnapshotMeta>,
    /// The least position that a requested snapshot must reach.
    pub request_snapshot: u64,
    /// Whether the receiver of an earlier message refused it.
    pub reject: bool,
    /// Where the refusing log may agree.
    pub reject_hint: u64,
    /// Bytes that come back in the answer.
    pub context: Vec<u8>,
    /// The candidate's priority.
    pub priority: i64,
}

/// An entry of a Raft log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    /// The number of its kind, as the Raft library numbers them: 0 normal, 1 and 2 changes of configuration.
    pub kind: u32,
    /// The term it was proposed in.
    pub term: u64,
    /// Its position.
    pub index: u64,
    /// The command, or the change of configuration.
    pub data: Vec<u8>,
    /// Where the change of configuration comes from; empty for commands.
    pub context: Vec<u8>,
}

/// What a snapshot reaches to, and who has a vote there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The position of the last entry in it.
    pub index: u64,
    /// The term of that entry.
    pub term: u64,
    /// The configuration at that position.
    pub configuration: Configuration,
}

/// The members of a Raft group at a position of its log (A5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The voters.
    pub voters: BTreeSet<VoterId>,
    /// Replicas that follow without a vote.
    pub learners: BTreeSet<VoterId>,
    /// The voters that are leaving, during a joint change.
    pub voters_outgoing: BTreeSet<VoterId>,
    /// The voters that will be learners when the joint change ends.
    pub learners_next: BTreeSet<VoterId>,
    /// Whether the joint change ends by itself.
    pub auto_leave: bool,
}

/// A bounded part of a group's snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPart {
    /// The group.
    pub group: GroupId,
    /// The snapshot's reach: it names the snapshot.
    pub index: u64,
    /// The term there.
    pub term: u64,
    /// The position of the part, from 0.
    pub seq: u64,
    /// Encoded rows, as the store cuts them; at most about a megabyte.
    pub rows: Vec<u8>,
    /// The group's state without its rows, and the announcing message: present in the last part only.
    pub last: Option<SnapshotEnd>,
}

/// What ends a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// The group's encoded state.
    pub state: Vec<u8>,
    /// The Raft message that announces the snapshot.
    pub message: RaftMessage,
}

/// How far the receiver of a snapshot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotAck {
    /// The group.
    pub group: GroupId,
    /// The snapshot.
    pub index: u64,
    /// The part that it wants next; a sender of an older snapshot that sees it starts anew.
    pub next_seq: u64,
    /// It has everything and will install it, or has given up.
    pub outcome: SnapshotOutcome,
}

/// What became of a snapshot on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// The next part is wanted.
    Going,
    /// It is complete.
    Complete,
    /// It can't be taken; the leader may try another.
    Failed,
}

/// A question of a node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Asks the group's leader to put the command into the log, and what became of it.
    Propose {
        /// The group.
        group: GroupId,
        /// The command. Where `stamped` is false the leader fills in its commit timestamp.
        command: GroupCommand,
        /// Whether the command carries the timestamp that it is to have.
        stamped: bool,
    },
    /// The same of the default group.
    ProposeCatalog {
        /// The command.
        command: CatalogCommand,
    },
    /// Asks for rows at a timestamp, of any voter that is bound so far; or at the newest one, of the leader.
    Read {
        /// The group.
        group: GroupId,
        /// The read. Where `latest` is set the leader chooses its timestamp, above all that has been acknowledged.
        request: ReadRequest,
        /// Whether the leader chooses.
        latest: bool,
    },
    /// Asks the leader for the newest commit timestamp of a key.
    Latest {
        /// The group.
        group: GroupId,
        /// The question.
        request: LatestRequest,
    },
    /// Asks the group of a transaction's primary what became of it.
    TxnStatus {
        /// The group.
        group: GroupId,
        /// The transaction.
        txn: TxnId,
        /// The catalog version that the question was routed by.
        routed_by: Option<CatalogVersion>,
    },
    /// Asks the group's leader for its state concerning a job: a linearizable read.
    Observe {
        /// The group.
        group: GroupId,
        /// The job.
        job: JobId,
        /// The range that it moves.
        range: KeyRange,
    },
    /// Asks a voter what it has applied of a job.
    Report {
        /// The group.
        group: GroupId,
        /// The job.
        job: JobId,
        /// The range that it moves.
        range: KeyRange,
    },
    /// Asks the source's leader for the next batches of a pass.
    Export(ExportCall),
    /// Asks either side for the digests of what it holds of the range.
    Digest(DigestCall),
    /// Asks the group's leader to change who has a vote.
    ChangeVoters {
        /// The group.
        group: GroupId,
        /// The change.
        change: VoterChange,
    },
    /// Asks the group's leader to hand its office to another voter.
    TransferLeader {
        /// The group.
        group: GroupId,
        /// The voter.
        to: VoterId,
    },
}

/// The next batches of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportCall {
    /// The source.
    pub group: GroupId,
    /// The range that moves.
    pub range: KeyRange,
    /// The versions that the pass carries.
    pub window: Window,
    /// How far the target has come.
    pub progress: ImportProgress,
    /// The bounds of one batch.
    pub options: JobOptions,
}

/// The digests of what a group holds of a job's range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestCall {
    /// The group.
    pub group: GroupId,
    /// The job.
    pub job: JobId,
    /// The range.
    pub range: KeyRange,
    /// The versions that count: those at or below it.
    pub through: Timestamp,
    /// Whether the group is the job's target: its staged rows count, not its live ones.
    pub staged: bool,
}

/// A change of a group's voters, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoterChange {
    /// The node gets a replica that follows without a vote.
    AddLearner(VoterId),
    /// The node's replica gets a vote.
    AddVoter(VoterId),
    /// The node's replica goes.
    Remove(VoterId),
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `Propose`: what the command did.
    Applied(Outcome),
    /// To `ProposeCatalog`: what the command did.
    CatalogApplied(CatalogOutcome),
    /// To `Read`.
    Rows {
        /// The rows.
        answer: ReadAnswer,
        /// The timestamp that was read at.
        read_ts: Timestamp,
    },
    /// To `Latest`.
    Newest(Option<Timestamp>),
    /// To `TxnStatus`.
    Txn(TxnStatus),
    /// To `Observe`.
    Observed(Box<LeaderView>),
    /// To `Report`.
    Report(VoterReport),
    /// To `Export`.
    Batches(Vec<BracketBatch>),
    /// To `Digest`: by bracket, in order; absent for a bracket without rows.
    Digests(BTreeMap<u64, BracketDigest>),
    /// To `ChangeVoters` and `TransferLeader`.
    Done,
}

/// What a leader sees of itself at one position of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderView {
    /// Its state concerning the job.
    pub status: GroupStatus,
    /// Its own report, of the same position.
    pub report: VoterReport,
    /// The voters of the configuration that stands there (B1).
    pub configuration: BTreeSet<VoterId>,
}

/// What a bracket holds, in a form that doesn't depend on the order in which it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BracketDigest {
    /// How many versions.
    pub rows: u64,
    /// The sum of their hashes, modulo 2^256, little-endian.
    pub sum: [u8; 32],
}

/// Why a call got no answer, or none that it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The group refused; nothing was changed.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// The catalog refused; nothing was changed.
    #[error(transparent)]
    CatalogRejected(Box<CatalogRejection>),
    /// The node doesn't lead the group; nothing was changed.
    #[error("this node doesn't lead the group{}", hint_text(.leader))]
    NotLeader {
        /// Who does, as far as it knows.
        leader: Option<NodeId>,
    },
    /// The node has no replica of the group; nothing was changed.
    #[error("this node has no replica of group {group}")]
    NoReplica {
        /// The group.
        group: GroupId,
    },
    /// The node can't do it now; nothing was changed.
    #[error("busy: {what}; retry after {retry_after_ms} ms")]
    Busy {
        /// What there is too much of, or what isn't there yet.
        what: String,
        /// When to ask again.
        retry_after_ms: u64,
    },
    /// It is not known whether the command was applied, or will be.
    #[error("the outcome is unknown: {why}")]
    Unknown {
        /// What happened.
        why: String,
    },
    /// The replica has stopped for good, and says why; nothing was changed.
    #[error("the replica has stopped: {why}")]
    Stopped {
        /// What happened.
        why: String,
    },
}

fn hint_text(leader: &Option<NodeId>) -> String {
    leader.map_or_else(String::new, |node| format!("; node {node} does"))
}

impl From<Rejection> for CallError {
    fn from(rejection: Rejection) -> Self {
        CallError::Rejected(Box::new(rejection))
    }
}

impl From<CatalogRejection> for CallError {
    fn from(rejection: CatalogRejection) -> Self {
        CallError::CatalogRejected(Box::new(rejection))
    }
}
