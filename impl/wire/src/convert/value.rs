//! Keys, ranges, versions, rows, locks.

use super::{Wire, required};
use crate::error::WireError;
use crate::limits::{MAX_KEY_BYTES, MAX_ROW_KEY_BYTES, MAX_VALUE_BYTES, check_len};
use crate::proto::splitjob as pb;
use splitjob_core::group::{Mutation, RowPosition};
use splitjob_core::id::{JobEpoch, JobId, Token};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::Row;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::{Content, Version};

/// A raw key that a user named.
pub(crate) fn user_key(bytes: Vec<u8>) -> Result<RawKey, WireError> {
    check_len("a key", &bytes, MAX_KEY_BYTES)?;
    Ok(bytes.into())
}

/// The raw key of a row, or a bound of raw keys.
pub(crate) fn row_key(bytes: Vec<u8>) -> Result<RawKey, WireError> {
    check_len("a row's key", &bytes, MAX_ROW_KEY_BYTES)?;
    Ok(bytes.into())
}

/// A routing key.
pub(crate) fn routing_key(bytes: Vec<u8>) -> Result<RoutingKey, WireError> {
    check_len("a routing key", &bytes, MAX_ROW_KEY_BYTES)?;
    Ok(bytes.into())
}

/// A value.
pub(crate) fn value(bytes: Vec<u8>) -> Result<Vec<u8>, WireError> {
    check_len("a value", &bytes, MAX_VALUE_BYTES)?;
    Ok(bytes)
}

/// A version's content as the fields of three messages have it.
struct Parts {
    tombstone: bool,
    value: Vec<u8>,
    expire_at: u64,
}

impl Parts {
    fn of(content: &Content) -> Parts {
        match content {
            Content::Put { value, expire_at } => {
                Parts { tombstone: false, value: value.clone(), expire_at: expire_at.raw() }
            }
            Content::Tombstone => Parts { tombstone: true, value: Vec::new(), expire_at: 0 },
        }
    }

    fn content(self) -> Result<Content, WireError> {
        if !self.tombstone {
            return Ok(Content::Put { value: value(self.value)?, expire_at: Timestamp::from_raw(self.expire_at) });
        }
        if !self.value.is_empty() || self.expire_at != 0 {
            return Err(WireError::invalid("a version", "a tombstone has neither a value nor an expiry"));
        }
        Ok(Content::Tombstone)
    }
}

impl Wire for KeyRange {
    type Message = pb::KeyRange;

    fn to_message(&self) -> pb::KeyRange {
        pb::KeyRange { start: self.start().as_bytes().to_vec(), end: self.end().map(|end| end.as_bytes().to_vec()) }
    }

    fn from_message(message: pb::KeyRange) -> Result<KeyRange, WireError> {
        let end = message.end.map(routing_key).transpose()?;
        if end.as_ref().is_some_and(RoutingKey::is_empty) {
            return Err(WireError::invalid("a range", "its end is empty; leave it out for +∞"));
        }
        Ok(KeyRange::new(routing_key(message.start)?, end)?)
    }
}

impl Wire for RawInterval {
    type Message = pb::RawInterval;

    fn to_message(&self) -> pb::RawInterval {
        pb::RawInterval {
            start: self.start.as_bytes().to_vec(),
            end: self.end.as_ref().map(|end| end.as_bytes().to_vec()),
        }
    }

    fn from_message(message: pb::RawInterval) -> Result<RawInterval, WireError> {
        Ok(RawInterval { start: row_key(message.start)?, end: message.end.map(row_key).transpose()? })
    }
}

impl Wire for Row {
    type Message = pb::Row;

    fn to_message(&self) -> pb::Row {
        let Parts { tombstone, value, expire_at } = Parts::of(&self.version.content);
        let commit_ts = self.version.commit_ts.raw();
        pb::Row { key: self.key.as_bytes().to_vec(), commit_ts, tombstone, value, expire_at }
    }

    fn from_message(message: pb::Row) -> Result<Row, WireError> {
        let pb::Row { key, commit_ts, tombstone, value, expire_at } = message;
        let content = Parts { tombstone, value, expire_at }.content()?;
        Ok(Row { key: row_key(key)?, version: Version { commit_ts: Timestamp::from_raw(commit_ts), content } })
    }
}

impl Wire for Mutation {
    type Message = pb::Mutation;

    fn to_message(&self) -> pb::Mutation {
        let Parts { tombstone, value, expire_at } = Parts::of(&self.content);
        pb::Mutation { key: self.key.as_bytes().to_vec(), tombstone, value, expire_at }
    }

    fn from_message(message: pb::Mutation) -> Result<Mutation, WireError> {
        let pb::Mutation { key, tombstone, value, expire_at } = message;
        Ok(Mutation { key: user_key(key)?, content: Parts { tombstone, value, expire_at }.content()? })
    }
}

impl Wire for RowPosition {
    type Message = pb::RowPosition;

    fn to_message(&self) -> pb::RowPosition {
        pb::RowPosition { key: self.key.as_bytes().to_vec(), commit_ts: self.commit_ts.raw() }
    }

    fn from_message(message: pb::RowPosition) -> Result<RowPosition, WireError> {
        Ok(RowPosition { key: row_key(message.key)?, commit_ts: Timestamp::from_raw(message.commit_ts) })
    }
}

impl Wire for TxnId {
    type Message = pb::TxnId;

    fn to_message(&self) -> pb::TxnId {
        pb::TxnId { primary: self.primary.as_bytes().to_vec(), start_ts: self.start_ts.raw() }
    }

    fn from_message(message: pb::TxnId) -> Result<TxnId, WireError> {
        Ok(TxnId { primary: user_key(message.primary)?, start_ts: Timestamp::from_raw(message.start_ts) })
    }
}

impl Wire for Lock {
    type Message = pb::Lock;

    fn to_message(&self) -> pb::Lock {
        let Parts { tombstone, value, expire_at } = Parts::of(&self.content);
        pb::Lock {
            txn: Some(self.txn.to_message()),
            commit_ts: self.commit_ts.raw(),
            expires_at_ms: self.expires_at_ms,
            tombstone,
            value,
            expire_at,
        }
    }

    fn from_message(message: pb::Lock) -> Result<Lock, WireError> {
        let pb::Lock { txn, commit_ts, expires_at_ms, tombstone, value, expire_at } = message;
        Ok(Lock {
            txn: required(txn, "the transaction of a lock")?,
            commit_ts: Timestamp::from_raw(commit_ts),
            expires_at_ms,
            content: Parts { tombstone, value, expire_at }.content()?,
        })
    }
}

impl Wire for Token {
    type Message = pb::Token;

    fn to_message(&self) -> pb::Token {
        pb::Token { job: self.job.0, epoch: self.epoch.0 }
    }

    fn from_message(message: pb::Token) -> Result<Token, WireError> {
        Ok(Token { job: JobId(message.job), epoch: JobEpoch(message.epoch) })
    }
}
