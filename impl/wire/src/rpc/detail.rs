//! What each refusal tells a client in plain fields.

use super::kind::{catalog_kind, rejection_kind};
use crate::convert::Wire;
use crate::peer::CallError;
use crate::proto::error_detail::Cause;
use crate::proto::{ErrorDetail, ErrorKind};
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::Rejection;
use splitjob_core::key::RawKey;
use splitjob_core::txn::Lock;

/// An error that has something to say beyond its text.
pub trait Detailed {
    /// What a client is told.
    fn detail(&self) -> ErrorDetail;
}

impl Detailed for Rejection {
    fn detail(&self) -> ErrorDetail {
        let mut detail = plain(rejection_kind(self), self.to_string());
        match self {
            Rejection::RouteMoved { version, to } => {
                detail.version = version.0;
                detail.group = to.0;
            }
            Rejection::CutoverPending { expected: version }
            | Rejection::RoutedTooEarly { owned_since: version }
            | Rejection::StaleCatalog { applied: version } => detail.version = version.0,
            Rejection::TimestampTooLow { floor: bound }
            | Rejection::ReadNotBound { read_bound: bound }
            | Rejection::ReadTooOld { horizon: bound }
            | Rejection::CommitBeforeStart { start_ts: bound } => detail.floor = bound.raw(),
            Rejection::TimestampTooHigh { ceiling } => detail.ceiling_ms = ceiling.get(),
            Rejection::KeyLocked { key, lock } => tell_lock(&mut detail, key, lock),
            Rejection::WriteConflict { key, newest } => {
                detail.key = Some(key.as_bytes().to_vec());
                detail.floor = newest.raw();
            }
            Rejection::TxnCommitted { commit_ts } | Rejection::CommitTimestampChanged { prepared: commit_ts } => {
                detail.txn_commit_ts = commit_ts.raw();
            }
            Rejection::NoProof { key }
            | Rejection::PrimaryMissing { primary: key }
            | Rejection::ControlNamespace { key }
            | Rejection::ForeignRow { key } => detail.key = Some(key.as_bytes().to_vec()),
            Rejection::JobClosed { job } => detail.job_id = job.0,
            Rejection::RouteWriteFenced
            | Rejection::OwnershipUnknown
            | Rejection::TxnRolledBack
            | Rejection::StagedRowsLeft
            | Rejection::TimestampTaken
            | Rejection::NotStamped
            | Rejection::StaleEpoch { .. }
            | Rejection::ConflictingGuard
            | Rejection::ImportBatchGap { .. }
            | Rejection::WrongOwnership => {}
        }
        detail.cause = cause(self);
        detail
    }
}

fn tell_lock(detail: &mut ErrorDetail, key: &RawKey, lock: &Lock) {
    detail.key = Some(key.as_bytes().to_vec());
    detail.txn_primary = Some(lock.txn.primary.as_bytes().to_vec());
    detail.txn_start_ts = lock.txn.start_ts.raw();
    detail.txn_commit_ts = lock.commit_ts.raw();
}

/// The exact refusal, but for what another transaction is about to write.
fn cause(rejection: &Rejection) -> Option<Cause> {
    let holds_intent = matches!(rejection, Rejection::KeyLocked { .. });
    (!holds_intent).then(|| Cause::Rejection(rejection.to_message()))
}

impl Detailed for CatalogRejection {
    fn detail(&self) -> ErrorDetail {
        let mut detail = plain(catalog_kind(self), self.to_string());
        match self {
            CatalogRejection::VersionMoved { current: version, .. }
            | CatalogRejection::VersionNotReached { current: version, .. } => detail.version = version.0,
            CatalogRejection::CutoverVersionMoved { job, next, .. } => {
                detail.version = next.0;
                detail.job_id = job.0;
            }
            CatalogRejection::NoSuchRoute { route } | CatalogRejection::RouteNotAtRest { route } => {
                detail.route_id = route.0;
            }
            CatalogRejection::SplitKeyOutside { route, at } => {
                detail.route_id = route.0;
                detail.key = Some(at.as_bytes().to_vec());
            }
            CatalogRejection::ReservedRange { prefix } => detail.key = Some(prefix.as_bytes().to_vec()),
            CatalogRejection::NoSuchGroup { group } | CatalogRejection::TargetIsSource { group } => {
                detail.group = group.0;
            }
            CatalogRejection::RevisionMoved { job, .. }
            | CatalogRejection::SplitJobOverlap { job }
            | CatalogRejection::NoLiveJob { job }
            | CatalogRejection::TooLateToAbandon { job }
            | CatalogRejection::WrongPhase { job, .. } => detail.job_id = job.0,
            CatalogRejection::NodeNotCapable { node } => detail.node_id = node.0,
            CatalogRejection::OptionWithoutEffect { .. } | CatalogRejection::TooManyJobs { .. } => {}
        }
        detail.cause = Some(Cause::CatalogRejection(self.to_message()));
        detail
    }
}

impl Detailed for CallError {
    fn detail(&self) -> ErrorDetail {
        let told = |kind| plain(kind, self.to_string());
        match self {
            CallError::Rejected(rejection) => rejection.detail(),
            CallError::CatalogRejected(rejection) => rejection.detail(),
            CallError::NotLeader { leader } => {
                ErrorDetail { node_id: leader.unwrap_or_default().0, ..told(ErrorKind::NotLeader) }
            }
            CallError::NoReplica { group } => ErrorDetail { group: group.0, ..told(ErrorKind::NoReplica) },
            CallError::Busy { retry_after_ms, .. } => {
                ErrorDetail { retry_after_ms: *retry_after_ms, ..told(ErrorKind::Busy) }
            }
            CallError::Unknown { .. } => told(ErrorKind::OutcomeUnknown),
            CallError::Stopped { .. } => told(ErrorKind::Stopped),
        }
    }
}

/// A detail of the kind; when to ask again, where that helps, is the first wait of a coordinator.
fn plain(kind: ErrorKind, message: String) -> ErrorDetail {
    let passes = [
        ErrorKind::RouteWriteFenced,
        ErrorKind::CutoverPending,
        ErrorKind::OwnershipUnknown,
        ErrorKind::KeyLocked,
        ErrorKind::ReadNotBound,
        ErrorKind::VersionNotReached,
        ErrorKind::NotLeader,
        ErrorKind::NoReplica,
    ];
    let retry_after_ms = if passes.contains(&kind) { RETRY_MS } else { 0 };
    ErrorDetail { kind: kind.into(), message, retry_after_ms, ..ErrorDetail::default() }
}

const RETRY_MS: u64 = 5;
