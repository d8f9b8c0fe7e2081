//! Errors of a node, and statuses.

use super::garbled;
use crate::api::NodeError;
use splitjob_core::group::Rejection;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::Content;
use splitjob_wire::WireError;
use splitjob_wire::proto::{ErrorDetail, ErrorKind};
use splitjob_wire::rpc;
use tonic::{Code, Status};

/// The status that an error becomes.
pub(crate) fn status_of(error: &NodeError) -> Status {
    match error {
        NodeError::Rejected(rejection) => rpc::status_of(rejection.as_ref()),
        NodeError::CatalogRejected(rejection) => rpc::status_of(rejection.as_ref()),
        NodeError::Unavailable { what, retry_after_ms } => rpc::status_of_kind(ErrorKind::Busy, what, *retry_after_ms),
        NodeError::Unknown { why } => rpc::status_of_kind(ErrorKind::OutcomeUnknown, why, 0),
        NodeError::Invalid { what } => rpc::status_of_kind(ErrorKind::Invalid, what, 0),
        NodeError::NotFound { what } => rpc::status_of_kind(ErrorKind::NotFound, what, 0),
    }
}

/// What a status tells.
pub(crate) enum Told {
    /// The node refused, or says what is wrong.
    Error(NodeError),
    /// No node has answered: the connection is at fault.
    Nothing,
}

/// What a status tells.
pub(crate) fn told(status: &Status) -> Told {
    match rpc::detail_of(status) {
        Some(detail) => Told::Error(error(detail)),
        None => without_detail(status),
    }
}

fn error(detail: ErrorDetail) -> NodeError {
    let (kind, retry_after_ms) = (detail.kind(), detail.retry_after_ms);
    let message = detail.message.clone();
    let is_one_of = |kinds: &[ErrorKind]| kinds.contains(&kind);
    if is_one_of(&[ErrorKind::Busy, ErrorKind::NotLeader, ErrorKind::NoReplica, ErrorKind::Stopped]) {
        NodeError::Unavailable { what: message, retry_after_ms }
    } else if is_one_of(&[ErrorKind::OutcomeUnknown, ErrorKind::Unspecified]) {
        NodeError::Unknown { why: message }
    } else if is_one_of(&[ErrorKind::Invalid, ErrorKind::Unauthenticated]) {
        NodeError::Invalid { what: message }
    } else if kind == ErrorKind::NotFound {
        NodeError::NotFound { what: message }
    } else if kind == ErrorKind::KeyLocked {
        NodeError::Rejected(Box::new(key_locked(detail)))
    } else {
        refusal(detail).unwrap_or_else(|error| garbled(&format!("{kind:?}: {error}")))
    }
}

/// The exact refusal. One that was too long for a trailer is told by its text alone; it changed nothing either.
fn refusal(detail: ErrorDetail) -> Result<NodeError, WireError> {
    let message = detail.message.clone();
    if let Some(rejection) = rpc::rejection_of(detail.clone())? {
        return Ok(NodeError::Rejected(Box::new(rejection)));
    }
    Ok(match rpc::catalog_rejection_of(detail)? {
        Some(rejection) => NodeError::CatalogRejected(Box::new(rejection)),
        None => NodeError::Invalid { what: message },
    })
}

/// What the transaction is about to write is not told to others: the lock is shown as if it were a deletion.
fn key_locked(detail: ErrorDetail) -> Rejection {
    let primary = RawKey::from(detail.txn_primary.unwrap_or_default());
    Rejection::KeyLocked {
        key: RawKey::from(detail.key.unwrap_or_default()),
        lock: Box::new(Lock {
            txn: TxnId { primary, start_ts: Timestamp::from_raw(detail.txn_start_ts) },
            commit_ts: Timestamp::from_raw(detail.txn_commit_ts),
            expires_at_ms: 0,
            content: Content::Tombstone,
        }),
    }
}

/// A status that a server's gRPC library made up, or the client's own.
fn without_detail(status: &Status) -> Told {
    let what = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::ResourceExhausted => Told::Error(NodeError::Invalid { what }),
        Code::NotFound => Told::Error(NodeError::NotFound { what }),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use splitjob_core::catalog::CatalogRejection;
    use splitjob_core::id::JobId;

    fn round_trip(error: &NodeError) -> NodeError {
        match told(&status_of(error)) {
            Told::Error(error) => error,
            Told::Nothing => panic!("{error} was not told"),
        }
    }

    #[test]
    fn every_kind_of_error_comes_back_as_it_was() {
        let errors = [
            NodeError::Rejected(Box::new(Rejection::TimestampTooLow { floor: Timestamp::from_raw(7) })),
            NodeError::CatalogRejected(Box::new(CatalogRejection::NoLiveJob { job: JobId(3) })),
            NodeError::Unavailable { what: "a leader".to_owned(), retry_after_ms: 50 },
            NodeError::Unknown { why: "the leader was lost".to_owned() },
            NodeError::Invalid { what: "the key".to_owned() },
            NodeError::NotFound { what: "job 3".to_owned() },
        ];
        errors.iter().for_each(|error| assert_eq!(round_trip(error), *error));
    }

    #[test]
    fn a_locked_key_names_its_transaction_and_not_what_that_writes() {
        let txn = TxnId { primary: "p".into(), start_ts: Timestamp::from_raw(5) };
        let content = Content::Put { value: b"secret".to_vec(), expire_at: Timestamp::ZERO };
        let lock = Lock { txn: txn.clone(), commit_ts: Timestamp::from_raw(9), expires_at_ms: 100, content };
        let locked = Rejection::KeyLocked { key: "k".into(), lock: Box::new(lock) };
        let told = round_trip(&NodeError::Rejected(Box::new(locked)));
        let NodeError::Rejected(rejection) = &told else { panic!("it was told as {told}") };
        let Rejection::KeyLocked { key, lock } = &**rejection else { panic!("it was told as {rejection}") };
        assert_eq!((key, &lock.txn, &lock.content), (&RawKey::from("k"), &txn, &Content::Tombstone));
    }
}
