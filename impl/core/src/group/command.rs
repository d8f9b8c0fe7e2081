//! What a data group's log may ask, and what it answers.

use super::copy::BracketBatch;
use super::ownership::Adoption;
use crate::id::{CatalogVersion, CopyRound, JobId, Token};
use crate::key::RawKey;
use crate::range::KeyRange;
use crate::store::Row;
use crate::timestamp::{PhysicalMs, Timestamp};
use crate::txn::TxnId;
use crate::version::Content;
use serde::{Deserialize, Serialize};

/// One command of a data group's log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GroupCommand {
    /// Writes versions (§11).
    Write(WriteRequest),
    /// Deletes what lies under a prefix (§11).
    DeletePrefix(DeletePrefix),
    /// A step of a transaction (X1–X4).
    Txn(TxnCommand),
    /// Lets reads at a timestamp be served: nothing at or below it is admitted afterwards (T5).
    BindRead(BindRead),
    /// Adopts what the catalog says about this group (O1).
    Adopt(Adoption),
    /// Collects versions that no read at or above the timestamp can see, in bounded entries.
    Collect {
        /// Reads below it are refused afterwards.
        through: Timestamp,
        /// The least raw key to look at: where the entry before left off.
        from: RawKey,
        /// The most rows to look at; the versions of a key are never torn apart.
        limit: u64,
    },
    /// Lets timestamps up to a physical time be written and bound (T3).
    RaiseCeiling {
        /// The last millisecond of them.
        ceiling: PhysicalMs,
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
    /// The catalog version that it was routed by, if the client observes one.
    pub routed_by: Option<CatalogVersion>,
}

/// A deletion of every visible row under a raw prefix, as far as one group owns them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeletePrefix {
    /// The raw prefix.
    pub prefix: RawKey,
    /// The routing keys that this group is asked for: its part of what the prefix can reach.
    pub part: KeyRange,
    /// The commit timestamp of the tombstones.
    pub commit_ts: Timestamp,
    /// The catalog version that it was routed by, if the client observes one.
    pub routed_by: Option<CatalogVersion>,
}

/// A step of a transaction on the keys that one group owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxnCommand {
    /// The transaction.
    pub txn: TxnId,
    /// The timestamp of its versions, fixed when it is prepared (X1).
    pub commit_ts: Timestamp,
    /// The catalog version that it was routed by, if the client observes one.
    pub routed_by: Option<CatalogVersion>,
    /// What is to be done.
    pub action: TxnAction,
}

/// What a transaction asks of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TxnAction {
    /// All keys are the group's: check, write and decide in one entry.
    OnePhase {
        /// What becomes of each key; the primary is one of them.
        mutations: Vec<Mutation>,
    },
    /// Lock the keys.
    Prepare {
        /// What becomes of each key if the transaction commits.
        mutations: Vec<Mutation>,
        /// From then on others may settle the locks, in Unix milliseconds.
        expires_at_ms: u64,
    },
    /// Write the versions of locked keys.
    Commit {
        /// The raw keys.
        keys: Vec<RawKey>,
    },
    /// Release the locks; where the primary is among the keys, roll the transaction back.
    Abort {
        /// The raw keys.
        keys: Vec<RawKey>,
    },
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
    ArmTracker {
        /// The pass that the tracking is for: a later one starts a register of its own (P2).
        round: CopyRound,
    },
    /// Source: refuse new writes (G3).
    ArmWriteFence,
    /// Source: refuse reads that were routed before this version (G4).
    ArmReadFence {
        /// The version that the cutover will make.
        expected_cutover_version: CatalogVersion,
    },
    /// Source: take writes and reads again; copying goes on (J10).
    Unfence,
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
    /// Target: delete staged rows of a job that is abandoned (J8).
    DiscardStaged {
        /// The first row to delete: if another is, the command has been applied before. Absent if there is none, to make
        /// the attempt known.
        from: Option<RowPosition>,
        /// The most rows to delete.
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
    /// The transaction holds its locks here.
    Prepared,
    /// The transaction has committed here, now or before.
    Committed {
        /// Its commit timestamp.
        commit_ts: Timestamp,
    },
    /// The transaction's locks are released here.
    Aborted,
    /// Tombstones are stored.
    PrefixDeleted {
        /// How many.
        rows: u64,
    },
    /// Timestamps up to here can be written and bound.
    CeilingRaised {
        /// The last millisecond of them.
        ceiling: PhysicalMs,
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
        /// Where the next entry goes on; absent when everything was looked at.
        next: Option<RawKey>,
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
