//! Mutations, and what became of transactions.

use super::{expire_at_ms, garbled, invalid, put};
use crate::api::NodeError;
use splitjob_core::group::Mutation;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnStatus;
use splitjob_core::version::Content;
use splitjob_wire::proto;

/// What becomes of one key.
///
/// # Errors
/// [`NodeError::Invalid`] for a tombstone with a value or an expiry.
pub(crate) fn mutation(message: proto::KeyMutation) -> Result<Mutation, NodeError> {
    let key = RawKey::from(message.key);
    let content = match message.tombstone {
        true if !message.value.is_empty() || message.expire_at_ms != 0 => {
            return Err(invalid(format!("key {key} is deleted, and has a value or an expiry: leave them out")));
        }
        true => Content::Tombstone,
        false => put(message.value, message.expire_at_ms)?,
    };
    Ok(Mutation { key, content })
}

/// What becomes of several keys.
///
/// # Errors
/// As [`mutation`].
pub(crate) fn mutations(messages: Vec<proto::KeyMutation>) -> Result<Vec<Mutation>, NodeError> {
    messages.into_iter().map(mutation).collect()
}

/// What becomes of one key, as a message.
///
/// # Errors
/// [`NodeError::Invalid`] for an expiry within a millisecond.
pub(crate) fn mutation_message(mutation: &Mutation) -> Result<proto::KeyMutation, NodeError> {
    let key = mutation.key.as_bytes().to_vec();
    Ok(match &mutation.content {
        Content::Put { value, expire_at } => {
            proto::KeyMutation { key, value: value.clone(), tombstone: false, expire_at_ms: expire_at_ms(*expire_at)? }
        }
        Content::Tombstone => proto::KeyMutation { key, tombstone: true, ..proto::KeyMutation::default() },
    })
}

/// What became of a transaction, as a message.
pub(crate) fn txn_state_message(status: &TxnStatus) -> proto::TxnStatusResponse {
    let (state, commit_ts, expires_at_ms) = match status {
        TxnStatus::Committed { commit_ts } => (proto::TxnState::Committed, commit_ts.raw(), 0),
        TxnStatus::RolledBack => (proto::TxnState::RolledBack, 0, 0),
        TxnStatus::Prepared { commit_ts, expires_at_ms } => {
            (proto::TxnState::Prepared, commit_ts.raw(), *expires_at_ms)
        }
        TxnStatus::Unknown => (proto::TxnState::Unknown, 0, 0),
    };
    proto::TxnStatusResponse { state: state.into(), commit_ts, expires_at_ms }
}

/// What became of a transaction.
///
/// # Errors
/// [`NodeError::Unknown`] for an answer without a state.
pub(crate) fn txn_state(message: &proto::TxnStatusResponse) -> Result<TxnStatus, NodeError> {
    let commit_ts = Timestamp::from_raw(message.commit_ts);
    Ok(match message.state() {
        proto::TxnState::Committed => TxnStatus::Committed { commit_ts },
        proto::TxnState::RolledBack => TxnStatus::RolledBack,
        proto::TxnState::Prepared => TxnStatus::Prepared { commit_ts, expires_at_ms: message.expires_at_ms },
        proto::TxnState::Unknown => TxnStatus::Unknown,
        proto::TxnState::Unspecified => return Err(garbled("it doesn't say what became of the transaction")),
    })
}
