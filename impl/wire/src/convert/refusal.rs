//! What groups and the catalog refuse.

use super::{Wire, phase_from_number, phase_number, present, required, routing_key, row_key};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, catalog_rejection as catalog, rejection as group};
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::Rejection;
use splitjob_core::id::{BatchSeq, CatalogVersion, GroupId, JobEpoch, JobId, NodeId, Revision, RouteId};
use splitjob_core::key::{BracketId, RawKey};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};

impl Wire for Rejection {
    type Message = pb::Rejection;

    fn to_message(&self) -> pb::Rejection {
        pb::Rejection { rejection: Some(rejection_message(self)) }
    }

    fn from_message(message: pb::Rejection) -> Result<Rejection, WireError> {
        rejection(present(message.rejection, "a refusal")?)
    }
}

fn rejection_message(rejection: &Rejection) -> group::Rejection {
    use group::Rejection as Message;
    let nothing = pb::Nothing {};
    let bytes = |key: &RawKey| key.as_bytes().to_vec();
    match rejection {
        Rejection::RouteWriteFenced => Message::RouteWriteFenced(nothing),
        Rejection::RouteMoved { version, to } => Message::RouteMoved(pb::RouteMoved { version: version.0, to: to.0 }),
        Rejection::CutoverPending { expected } => Message::CutoverPending(expected.0),
        Rejection::OwnershipUnknown => Message::OwnershipUnknown(nothing),
        Rejection::TimestampTooLow { floor } => Message::TimestampTooLow(floor.raw()),
        Rejection::TimestampTooHigh { ceiling } => Message::TimestampTooHigh(ceiling.get()),
        Rejection::RoutedTooEarly { owned_since } => Message::RoutedTooEarly(owned_since.0),
        Rejection::KeyLocked { key, lock } => {
            Message::KeyLocked(pb::KeyLocked { key: bytes(key), lock: Some(lock.to_message()) })
        }
        Rejection::WriteConflict { key, newest } => {
            Message::WriteConflict(pb::WriteConflict { key: bytes(key), newest: newest.raw() })
        }
        Rejection::TxnRolledBack => Message::TxnRolledBack(nothing),
        Rejection::TxnCommitted { commit_ts } => Message::TxnCommitted(commit_ts.raw()),
        Rejection::CommitTimestampChanged { prepared } => Message::CommitTimestampChanged(prepared.raw()),
        Rejection::NoProof { key } => Message::NoProof(bytes(key)),
        Rejection::CommitBeforeStart { start_ts } => Message::CommitBeforeStart(start_ts.raw()),
        Rejection::PrimaryMissing { primary } => Message::PrimaryMissing(bytes(primary)),
        Rejection::StagedRowsLeft => Message::StagedRowsLeft(nothing),
        Rejection::TimestampTaken => Message::TimestampTaken(nothing),
        Rejection::ReadNotBound { read_bound } => Message::ReadNotBound(read_bound.raw()),
        Rejection::ReadTooOld { horizon } => Message::ReadTooOld(horizon.raw()),
        Rejection::NotStamped => Message::NotStamped(nothing),
        Rejection::ControlNamespace { key } => Message::ControlNamespace(bytes(key)),
        Rejection::StaleCatalog { applied } => Message::StaleCatalog(applied.0),
        Rejection::StaleEpoch { newest } => Message::StaleEpoch(newest.0),
        Rejection::JobClosed { job } => Message::JobClosed(job.0),
        Rejection::ConflictingGuard => Message::ConflictingGuard(nothing),
        Rejection::ImportBatchGap { bracket, high, seq } => {
            Message::ImportBatchGap(pb::ImportBatchGap { bracket: bracket.0, high: high.0, seq: seq.0 })
        }
        Rejection::ForeignRow { key } => Message::ForeignRow(bytes(key)),
        Rejection::WrongOwnership => Message::WrongOwnership(nothing),
    }
}

fn rejection(message: group::Rejection) -> Result<Rejection, WireError> {
    use group::Rejection as Message;
    let ts = Timestamp::from_raw;
    Ok(match message {
        Message::RouteWriteFenced(pb::Nothing {}) => Rejection::RouteWriteFenced,
        Message::RouteMoved(moved) => {
            Rejection::RouteMoved { version: CatalogVersion(moved.version), to: GroupId(moved.to) }
        }
        Message::CutoverPending(expected) => Rejection::CutoverPending { expected: CatalogVersion(expected) },
        Message::OwnershipUnknown(pb::Nothing {}) => Rejection::OwnershipUnknown,
        Message::TimestampTooLow(floor) => Rejection::TimestampTooLow { floor: ts(floor) },
        Message::TimestampTooHigh(ceiling) => Rejection::TimestampTooHigh { ceiling: PhysicalMs::new(ceiling)? },
        Message::RoutedTooEarly(version) => Rejection::RoutedTooEarly { owned_since: CatalogVersion(version) },
        Message::KeyLocked(locked) => Rejection::KeyLocked {
            key: row_key(locked.key)?,
            lock: Box::new(required(locked.lock, "the lock on a key")?),
        },
        Message::WriteConflict(conflict) => {
            Rejection::WriteConflict { key: row_key(conflict.key)?, newest: ts(conflict.newest) }
        }
        Message::TxnRolledBack(pb::Nothing {}) => Rejection::TxnRolledBack,
        Message::TxnCommitted(commit_ts) => Rejection::TxnCommitted { commit_ts: ts(commit_ts) },
        Message::CommitTimestampChanged(prepared) => Rejection::CommitTimestampChanged { prepared: ts(prepared) },
        Message::NoProof(key) => Rejection::NoProof { key: row_key(key)? },
        Message::CommitBeforeStart(start_ts) => Rejection::CommitBeforeStart { start_ts: ts(start_ts) },
        Message::PrimaryMissing(primary) => Rejection::PrimaryMissing { primary: row_key(primary)? },
        Message::StagedRowsLeft(pb::Nothing {}) => Rejection::StagedRowsLeft,
        Message::TimestampTaken(pb::Nothing {}) => Rejection::TimestampTaken,
        Message::ReadNotBound(read_bound) => Rejection::ReadNotBound { read_bound: ts(read_bound) },
        Message::ReadTooOld(horizon) => Rejection::ReadTooOld { horizon: ts(horizon) },
        Message::NotStamped(pb::Nothing {}) => Rejection::NotStamped,
        Message::ControlNamespace(key) => Rejection::ControlNamespace { key: row_key(key)? },
        Message::StaleCatalog(applied) => Rejection::StaleCatalog { applied: CatalogVersion(applied) },
        Message::StaleEpoch(newest) => Rejection::StaleEpoch { newest: JobEpoch(newest) },
        Message::JobClosed(job) => Rejection::JobClosed { job: JobId(job) },
        Message::ConflictingGuard(pb::Nothing {}) => Rejection::ConflictingGuard,
        Message::ImportBatchGap(gap) => Rejection::ImportBatchGap {
            bracket: BracketId(gap.bracket),
            high: BatchSeq(gap.high),
            seq: BatchSeq(gap.seq),
        },
        Message::ForeignRow(key) => Rejection::ForeignRow { key: row_key(key)? },
        Message::WrongOwnership(pb::Nothing {}) => Rejection::WrongOwnership,
    })
}

impl Wire for CatalogRejection {
    type Message = pb::CatalogRejection;

    fn to_message(&self) -> pb::CatalogRejection {
        pb::CatalogRejection { rejection: Some(catalog_message(self)) }
    }

    fn from_message(message: pb::CatalogRejection) -> Result<CatalogRejection, WireError> {
        catalog_rejection(present(message.rejection, "a refusal of the catalog")?)
    }
}

fn catalog_message(rejection: &CatalogRejection) -> catalog::Rejection {
    use catalog::Rejection as Message;
    match rejection {
        CatalogRejection::VersionMoved { expected, current } => {
            Message::VersionMoved(pb::VersionMoved { expected: expected.0, current: current.0 })
        }
        CatalogRejection::RevisionMoved { job, expected, current } => {
            Message::RevisionMoved(pb::RevisionMoved { job: job.0, expected: expected.0, current: current.0 })
        }
        CatalogRejection::VersionNotReached { wanted, current } => {
            Message::VersionNotReached(pb::VersionNotReached { wanted: wanted.0, current: current.0 })
        }
        CatalogRejection::NoSuchRoute { route } => Message::NoSuchRoute(route.0),
        CatalogRejection::SplitKeyOutside { route, at } => {
            Message::SplitKeyOutside(pb::SplitKeyOutside { route: route.0, at: at.as_bytes().to_vec() })
        }
        CatalogRejection::SplitJobOverlap { job } => Message::SplitJobOverlap(job.0),
        CatalogRejection::OptionWithoutEffect { option } => Message::OptionWithoutEffect(option.clone()),
        CatalogRejection::ReservedRange { prefix } => Message::ReservedRange(prefix.as_bytes().to_vec()),
        CatalogRejection::NoSuchGroup { group } => Message::NoSuchGroup(group.0),
        CatalogRejection::TargetIsSource { group } => Message::TargetIsSource(group.0),
        CatalogRejection::RouteNotAtRest { route } => Message::RouteNotAtRest(route.0),
        CatalogRejection::TooManyJobs { live, limit } => {
            Message::TooManyJobs(pb::TooManyJobs { live: *live, limit: *limit })
        }
        CatalogRejection::NoLiveJob { job } => Message::NoLiveJob(job.0),
        CatalogRejection::NodeNotCapable { node } => Message::NodeNotCapable(node.0),
        CatalogRejection::TooLateToAbandon { job } => Message::TooLateToAbandon(job.0),
        CatalogRejection::WrongPhase { job, phase } => {
            Message::WrongPhase(pb::WrongPhase { job: job.0, phase: phase_number(*phase).into() })
        }
        CatalogRejection::CutoverVersionMoved { job, armed, next } => {
            Message::CutoverVersionMoved(pb::CutoverVersionMoved { job: job.0, armed: armed.0, next: next.0 })
        }
    }
}

fn catalog_rejection(message: catalog::Rejection) -> Result<CatalogRejection, WireError> {
    use catalog::Rejection as Message;
    let version = CatalogVersion;
    Ok(match message {
        Message::VersionMoved(moved) => {
            CatalogRejection::VersionMoved { expected: version(moved.expected), current: version(moved.current) }
        }
        Message::RevisionMoved(moved) => CatalogRejection::RevisionMoved {
            job: JobId(moved.job),
            expected: Revision(moved.expected),
            current: Revision(moved.current),
        },
        Message::VersionNotReached(at) => {
            CatalogRejection::VersionNotReached { wanted: version(at.wanted), current: version(at.current) }
        }
        Message::NoSuchRoute(route) => CatalogRejection::NoSuchRoute { route: RouteId(route) },
        Message::SplitKeyOutside(outside) => {
            CatalogRejection::SplitKeyOutside { route: RouteId(outside.route), at: routing_key(outside.at)? }
        }
        Message::SplitJobOverlap(job) => CatalogRejection::SplitJobOverlap { job: JobId(job) },
        Message::OptionWithoutEffect(option) => CatalogRejection::OptionWithoutEffect { option },
        Message::ReservedRange(prefix) => CatalogRejection::ReservedRange { prefix: routing_key(prefix)? },
        Message::NoSuchGroup(group) => CatalogRejection::NoSuchGroup { group: GroupId(group) },
        Message::TargetIsSource(group) => CatalogRejection::TargetIsSource { group: GroupId(group) },
        Message::RouteNotAtRest(route) => CatalogRejection::RouteNotAtRest { route: RouteId(route) },
        Message::TooManyJobs(jobs) => CatalogRejection::TooManyJobs { live: jobs.live, limit: jobs.limit },
        Message::NoLiveJob(job) => CatalogRejection::NoLiveJob { job: JobId(job) },
        Message::NodeNotCapable(node) => CatalogRejection::NodeNotCapable { node: NodeId(node) },
        Message::TooLateToAbandon(job) => CatalogRejection::TooLateToAbandon { job: JobId(job) },
        Message::WrongPhase(wrong) => {
            CatalogRejection::WrongPhase { job: JobId(wrong.job), phase: phase_from_number(wrong.phase)? }
        }
        Message::CutoverVersionMoved(moved) => CatalogRejection::CutoverVersionMoved {
            job: JobId(moved.job),
            armed: version(moved.armed),
            next: version(moved.next),
        },
    })
}
