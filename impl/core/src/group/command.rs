//! What a data group's log may ask, what it answers, and what it refuses.

use super::copy::BracketBatch;
use super::ownership::Adoption;
use crate::id::{BatchSeq, CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, Token};
use crate::key::{BracketId, RawKey};
use crate::range::KeyRange;
use crate::store::Row;
use crate::timestamp::Timestamp;
use crate::version::Content;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One command of a data group's log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GroupCommand {
    /// Writes versions (§11).
    Write(WriteRequest),
    /// Lets reads at a timestamp be served: nothing at or below it is admitted afterwards (T5).
    BindRead(BindRead),
    /// Adopts what the catalog says about this group (O1).
    Adopt(Adoption),
    /// Collects versions that no read at or above the timestamp can see.
    Collect {
        /// Reads below it are refused afterwards.
        through: Timestamp,
    },
    /// A step of a split job (J4).
    Job(JobCommand),
}

/// A write of one or more keys at one commit timestamp.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WriteRequest {
    /// What becomes of each key.
    pub mutations: Vec<Mutation>,
    /// The commit timestamp, chosen by the coordinator or by the caller.
    pub commit_ts: Timestamp,
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mutation {
    /// The raw key.
    pub key: RawKey,
    /// The version's content.
    pub content: Content,
}

/// The promise that a read needs before it can be served (T5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BindRead {
    /// The routing keys that the read covers.
    pub footprint: KeyRange,
    /// The timestamp it reads at.
    pub read_ts: Timestamp,
    /// The catalog version that it was routed by.
    pub routed_by: Option<CatalogVersion>,
}

/// A command of a split job to one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobCommand {
    /// Which job, which attempt (J4).
    pub token: Token,
    /// The range that the job moves.
    pub range: KeyRange,
    /// What is to be done.
    pub action: JobAction,
}

/// What a split job asks of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JobAction {
    /// Source: track the least admitted timestamp and keep every version from now on (G1, G2).
    ArmTracker,
    /// Source: refuse new writes (G3).
    ArmWriteFence,
    /// Source: refuse reads that were routed before this version (G4).
    ArmReadFence {
        /// The version that the cutover will make.
        expected_cutover_version: CatalogVersion,
    },
    /// Source: delete rows of the range that has moved away (P8).
    DeleteMoved {
        /// The first row to delete: if another is, the command has been applied before.
        from: RowPosition,
        /// The most rows to delete.
        limit: u64,
    },
    /// Target: stage these rows (G6, G7).
    Import {
        /// Which pass over the range they belong to.
        round: CopyRound,
        /// One batch for each bracket that has one.
        batches: Vec<BracketBatch>,
    },
    /// Target: be ready to serve the staged range (G5).
    ArmReadiness {
        /// The floor for commit timestamps.
        floor: Timestamp,
    },
    /// Target: move staged rows to where live rows are (P7, G8).
    Promote {
        /// The last row that was moved: if another was, the command has been applied before.
        after: Option<RowPosition>,
        /// The most rows to move.
        limit: u64,
    },
    /// Either side: forget everything about the job, and refuse its late commands (G10).
    Close {
        /// Every job below it has ended.
        oldest_live_job: JobId,
    },
}

/// The place of a row among the rows of a keyspace: keys ascending, the versions of a key newest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowPosition {
    /// The raw key.
    pub key: RawKey,
    /// The commit timestamp.
    pub commit_ts: Timestamp,
}

impl RowPosition {
    /// Where the row is.
    pub fn of(row: &Row) -> RowPosition {
        RowPosition { key: row.key.clone(), commit_ts: row.version.commit_ts }
    }

    /// Whether the row comes strictly after it.
    pub fn precedes(&self, row: &Row) -> bool {
        row.key > self.key || (row.key == self.key && row.version.commit_ts < self.commit_ts)
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The state is as it was: the command had been applied before, or asks for nothing.
    Unchanged,
    /// The versions are stored.
    Written {
        /// Their commit timestamp.
        commit_ts: Timestamp,
    },
    /// Reads up to here can be served by every voter that has applied this.
    Bound {
        /// The bound.
        read_bound: Timestamp,
    },
    /// The group follows this catalog version.
    Adopted {
        /// The version.
        version: CatalogVersion,
    },
    /// Versions were collected.
    Collected {
        /// How many.
        removed: u64,
    },
    /// The guard stands.
    Armed,
    /// The batches are staged.
    Imported {
        /// Rows stored by this command.
        rows: u64,
    },
    /// Staged rows were promoted.
    Promoted {
        /// How many this command moved.
        rows: u64,
    },
    /// Rows were deleted.
    Deleted {
        /// How many.
        rows: u64,
    },
    /// The job is forgotten here.
    Closed,
}

/// Why a group refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error)]
pub enum Rejection {
    /// A job is moving the range: writes wait (G3, O2).
    #[error("the range is fenced for writes while it moves: retry")]
    RouteWriteFenced,
    /// The range belongs to another group now (O2).
    #[error("the range moved to group {to} in catalog version {version}: route again")]
    RouteMoved {
        /// The version in which it moved.
        version: CatalogVersion,
        /// The group that owns it.
        to: GroupId,
    },
    /// The range is being handed over; the reader must learn the newest routes first (G4).
    #[error("the range is being handed over in catalog version {expected}: refresh the routes and retry")]
    CutoverPending {
        /// The version that the cutover will make.
        expected: CatalogVersion,
    },
    /// The group doesn't know yet that it owns the range, or doesn't own it (O2, G5).
    #[error("this group cannot tell that it owns the range: refresh the routes and retry")]
    OwnershipUnknown,
    /// The commit timestamp is at or below a floor (G5, C3, T5).
    #[error("commit timestamp must be above {floor}: observe it and retry")]
    TimestampTooLow {
        /// The greatest timestamp that is too low.
        floor: Timestamp,
    },
    /// Another version of the key has this commit timestamp.
    #[error("another version of the key has this commit timestamp: choose a greater one")]
    TimestampTaken,
    /// The read needs a promise first (T5).
    #[error("reads are bound up to {read_bound} only: bind the read, then retry")]
    ReadNotBound {
        /// The bound.
        read_bound: Timestamp,
    },
    /// The versions that the read needs were collected.
    #[error("versions below {horizon} have been collected: read at it or above")]
    ReadTooOld {
        /// The least timestamp that can be read at.
        horizon: Timestamp,
    },
    /// The request carries no catalog version (§11).
    #[error("the request carries no catalog version: the first server must stamp it")]
    NotStamped,
    /// A user write touches a control namespace (K5).
    #[error("key {key} lies in a control namespace, which users can't write")]
    ControlNamespace {
        /// The key.
        key: RawKey,
    },
    /// The adoption is older than what the group follows (O1).
    #[error("the group follows catalog version {applied} already")]
    StaleCatalog {
        /// The version that it follows.
        applied: CatalogVersion,
    },
    /// The command belongs to an attempt that is over (J4).
    #[error("the job's newest attempt here is {newest}: this command is of an older one")]
    StaleEpoch {
        /// The newest epoch applied.
        newest: JobEpoch,
    },
    /// The job has ended on this group (G10).
    #[error("job {job} is closed on this group")]
    JobClosed {
        /// The job.
        job: JobId,
    },
    /// The guard stands with other parameters, or the group has the other role in the job (§8).
    #[error("the guard stands with other parameters in the same attempt of the job")]
    ConflictingGuard,
    /// A batch is missing before this one (G6).
    #[error("bracket {bracket:?} has batches up to {high} and can't take {seq}: send those between first")]
    ImportBatchGap {
        /// The bracket.
        bracket: BracketId,
        /// The highest batch that is staged.
        high: BatchSeq,
        /// The batch that came.
        seq: BatchSeq,
    },
    /// A row of the batch doesn't route into the range (K3).
    #[error("row {key} does not route into the range of the job")]
    ForeignRow {
        /// The raw key.
        key: RawKey,
    },
    /// The step needs the range to belong to this group, or no longer to it (P7, P8).
    #[error("the group's ownership of the range doesn't allow this step of the job")]
    WrongOwnership,
}

impl Rejection {
    /// Whether only a job can be the reason: what S11 forbids outside the moving range.
    pub fn is_caused_by_a_job(&self) -> bool {
        match self {
            Rejection::RouteWriteFenced | Rejection::RouteMoved { .. } | Rejection::CutoverPending { .. } => true,
            Rejection::OwnershipUnknown
            | Rejection::TimestampTooLow { .. }
            | Rejection::TimestampTaken
            | Rejection::ReadNotBound { .. }
            | Rejection::ReadTooOld { .. }
            | Rejection::NotStamped
            | Rejection::ControlNamespace { .. }
            | Rejection::StaleCatalog { .. }
            | Rejection::StaleEpoch { .. }
            | Rejection::JobClosed { .. }
            | Rejection::ConflictingGuard
            | Rejection::ImportBatchGap { .. }
            | Rejection::ForeignRow { .. }
            | Rejection::WrongOwnership => false,
        }
    }
}
