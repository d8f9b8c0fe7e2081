//! The kinds of errors, and the gRPC code of each.

use crate::proto::ErrorKind;
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::Rejection;
use tonic::Code;

/// The gRPC code of an error of this kind.
pub fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::RouteWriteFenced
        | ErrorKind::KeyLocked
        | ErrorKind::WriteConflict
        | ErrorKind::TxnRolledBack
        | ErrorKind::VersionMoved
        | ErrorKind::RevisionMoved
        | ErrorKind::CutoverVersionMoved => Code::Aborted,
        ErrorKind::RouteMoved
        | ErrorKind::CutoverPending
        | ErrorKind::OwnershipUnknown
        | ErrorKind::TimestampTooLow
        | ErrorKind::RoutedTooEarly
        | ErrorKind::TxnCommitted
        | ErrorKind::CommitTimestampChanged
        | ErrorKind::NoProof
        | ErrorKind::StagedRowsLeft
        | ErrorKind::StaleCatalog
        | ErrorKind::StaleEpoch
        | ErrorKind::JobClosed
        | ErrorKind::ConflictingGuard
        | ErrorKind::ImportBatchGap
        | ErrorKind::WrongOwnership
        | ErrorKind::NodeNotCapable
        | ErrorKind::RouteNotAtRest
        | ErrorKind::TooLateToAbandon
        | ErrorKind::WrongPhase => Code::FailedPrecondition,
        ErrorKind::CommitBeforeStart
        | ErrorKind::PrimaryMissing
        | ErrorKind::NotStamped
        | ErrorKind::ControlNamespace
        | ErrorKind::ForeignRow
        | ErrorKind::SplitKeyOutside
        | ErrorKind::SplitJobOverlap
        | ErrorKind::OptionWithoutEffect
        | ErrorKind::ReservedRange
        | ErrorKind::TargetIsSource
        | ErrorKind::Invalid => Code::InvalidArgument,
        ErrorKind::TimestampTooHigh | ErrorKind::ReadTooOld => Code::OutOfRange,
        ErrorKind::TimestampTaken => Code::AlreadyExists,
        ErrorKind::TooManyJobs => Code::ResourceExhausted,
        ErrorKind::NoSuchRoute | ErrorKind::NoSuchGroup | ErrorKind::NoLiveJob | ErrorKind::NotFound => Code::NotFound,
        ErrorKind::ReadNotBound
        | ErrorKind::VersionNotReached
        | ErrorKind::NotLeader
        | ErrorKind::NoReplica
        | ErrorKind::Busy => Code::Unavailable,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Stopped => Code::Internal,
        ErrorKind::OutcomeUnknown | ErrorKind::Unspecified => Code::Unknown,
    }
}

pub(super) fn rejection_kind(rejection: &Rejection) -> ErrorKind {
    match rejection {
        Rejection::RouteWriteFenced => ErrorKind::RouteWriteFenced,
        Rejection::RouteMoved { .. } => ErrorKind::RouteMoved,
        Rejection::CutoverPending { .. } => ErrorKind::CutoverPending,
        Rejection::OwnershipUnknown => ErrorKind::OwnershipUnknown,
        Rejection::TimestampTooLow { .. } => ErrorKind::TimestampTooLow,
        Rejection::TimestampTooHigh { .. } => ErrorKind::TimestampTooHigh,
        Rejection::RoutedTooEarly { .. } => ErrorKind::RoutedTooEarly,
        Rejection::KeyLocked { .. } => ErrorKind::KeyLocked,
        Rejection::WriteConflict { .. } => ErrorKind::WriteConflict,
        Rejection::TxnRolledBack => ErrorKind::TxnRolledBack,
        Rejection::TxnCommitted { .. } => ErrorKind::TxnCommitted,
        Rejection::CommitTimestampChanged { .. } => ErrorKind::CommitTimestampChanged,
        Rejection::NoProof { .. } => ErrorKind::NoProof,
        Rejection::CommitBeforeStart { .. } => ErrorKind::CommitBeforeStart,
        Rejection::PrimaryMissing { .. } => ErrorKind::PrimaryMissing,
        Rejection::StagedRowsLeft => ErrorKind::StagedRowsLeft,
        Rejection::TimestampTaken => ErrorKind::TimestampTaken,
        Rejection::ReadNotBound { .. } => ErrorKind::ReadNotBound,
        Rejection::ReadTooOld { .. } => ErrorKind::ReadTooOld,
        Rejection::NotStamped => ErrorKind::NotStamped,
        Rejection::ControlNamespace { .. } => ErrorKind::ControlNamespace,
        Rejection::StaleCatalog { .. } => ErrorKind::StaleCatalog,
        Rejection::StaleEpoch { .. } => ErrorKind::StaleEpoch,
        Rejection::JobClosed { .. } => ErrorKind::JobClosed,
        Rejection::ConflictingGuard => ErrorKind::ConflictingGuard,
        Rejection::ImportBatchGap { .. } => ErrorKind::ImportBatchGap,
        Rejection::ForeignRow { .. } => ErrorKind::ForeignRow,
        Rejection::WrongOwnership => ErrorKind::WrongOwnership,
    }
}

pub(super) fn catalog_kind(rejection: &CatalogRejection) -> ErrorKind {
    match rejection {
        CatalogRejection::VersionMoved { .. } => ErrorKind::VersionMoved,
        CatalogRejection::RevisionMoved { .. } => ErrorKind::RevisionMoved,
        CatalogRejection::VersionNotReached { .. } => ErrorKind::VersionNotReached,
        CatalogRejection::NoSuchRoute { .. } => ErrorKind::NoSuchRoute,
        CatalogRejection::SplitKeyOutside { .. } => ErrorKind::SplitKeyOutside,
        CatalogRejection::SplitJobOverlap { .. } => ErrorKind::SplitJobOverlap,
        CatalogRejection::OptionWithoutEffect { .. } => ErrorKind::OptionWithoutEffect,
        CatalogRejection::ReservedRange { .. } => ErrorKind::ReservedRange,
        CatalogRejection::NoSuchGroup { .. } => ErrorKind::NoSuchGroup,
        CatalogRejection::TargetIsSource { .. } => ErrorKind::TargetIsSource,
        CatalogRejection::RouteNotAtRest { .. } => ErrorKind::RouteNotAtRest,
        CatalogRejection::TooManyJobs { .. } => ErrorKind::TooManyJobs,
        CatalogRejection::NoLiveJob { .. } => ErrorKind::NoLiveJob,
        CatalogRejection::NodeNotCapable { .. } => ErrorKind::NodeNotCapable,
        CatalogRejection::TooLateToAbandon { .. } => ErrorKind::TooLateToAbandon,
        CatalogRejection::WrongPhase { .. } => ErrorKind::WrongPhase,
        CatalogRejection::CutoverVersionMoved { .. } => ErrorKind::CutoverVersionMoved,
    }
}
