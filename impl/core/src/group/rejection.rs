//! What a data group refuses, and what would be right instead (§11).

use crate::id::{BatchSeq, CatalogVersion, GroupId, JobEpoch, JobId};
use crate::key::{BracketId, RawKey};
use crate::timestamp::{PhysicalMs, Timestamp};
use crate::txn::Lock;
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
    /// The timestamp is above what the group may persist now (T3).
    #[error("timestamps up to {ceiling} ms can be used now: choose one, or wait until the clock is there")]
    TimestampTooHigh {
        /// The last physical millisecond that may be used.
        ceiling: PhysicalMs,
    },
    /// The request was routed before the group owned the range (§11).
    #[error(
        "the group owns the range since catalog version {owned_since}, and the request was routed before: route again"
    )]
    RoutedTooEarly {
        /// The version in which the group became the owner.
        owned_since: CatalogVersion,
    },
    /// A transaction holds the key (X5).
    #[error("key {key} is locked by a transaction: wait for it, or settle it at its primary {}", .lock.txn.primary)]
    KeyLocked {
        /// The raw key.
        key: RawKey,
        /// What is held.
        lock: Box<Lock>,
    },
    /// Another transaction committed the key first (X6).
    #[error("key {key} was written at {newest}, after the transaction began: start it anew")]
    WriteConflict {
        /// The raw key.
        key: RawKey,
        /// The timestamp of its newest version.
        newest: Timestamp,
    },
    /// The transaction has been rolled back (X2).
    #[error("the transaction has been rolled back: start it anew")]
    TxnRolledBack,
    /// The transaction has committed (X2).
    #[error("the transaction has committed at {commit_ts}")]
    TxnCommitted {
        /// Its commit timestamp.
        commit_ts: Timestamp,
    },
    /// The transaction is locked, or would be recorded, with another commit timestamp (X1).
    #[error("the transaction was prepared for {prepared}, which is the only timestamp that it can commit at")]
    CommitTimestampChanged {
        /// The timestamp of its locks.
        prepared: Timestamp,
    },
    /// There is neither a lock nor a record of the transaction here (X3).
    #[error("nothing here tells of the transaction's write of {key}: ask its primary what became of it")]
    NoProof {
        /// The raw key.
        key: RawKey,
    },
    /// The commit timestamp is not above the transaction's start (X1).
    #[error("a transaction that starts at {start_ts} must commit above it")]
    CommitBeforeStart {
        /// When the transaction began.
        start_ts: Timestamp,
    },
    /// The primary of a one-phase transaction is not among its keys (X2).
    #[error("the primary {primary} is not among the keys of the request: name one of them")]
    PrimaryMissing {
        /// The raw key.
        primary: RawKey,
    },
    /// Staged rows of the job are left (J8).
    #[error("staged rows of the job are left: discard them first")]
    StagedRowsLeft,
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
    /// A user write touches a namespace that isn't for users (K5).
    #[error("key {key} lies in a namespace of control or transaction rows, which users can't write")]
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
            | Rejection::TimestampTooHigh { .. }
            | Rejection::RoutedTooEarly { .. }
            | Rejection::KeyLocked { .. }
            | Rejection::WriteConflict { .. }
            | Rejection::TxnRolledBack
            | Rejection::TxnCommitted { .. }
            | Rejection::CommitTimestampChanged { .. }
            | Rejection::NoProof { .. }
            | Rejection::CommitBeforeStart { .. }
            | Rejection::PrimaryMissing { .. }
            | Rejection::StagedRowsLeft
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
