//! The values of transaction rows, as an existing system writes them.
//!
//! This system keeps locks and records in forms of its own; these are for judging the rows of the other. Where its readers
//! pass over bits and bytes behind the end, so do these.

use super::reader::{Reader, put_bytes};
use crate::error::WireError;
use crate::limits::{MAX_ROW_KEY_BYTES, MAX_VALUE_BYTES};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;

/// The value of a lock row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRecord {
    /// When the transaction began.
    pub start_ts: Timestamp,
    /// From then on others may settle the lock.
    pub ttl_expire_at: Timestamp,
    /// The locked key is the primary.
    pub is_primary: bool,
    /// The raw key whose records decide the transaction.
    pub primary: RawKey,
}

impl LockRecord {
    /// The value's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut record = vec![ROW_VERSION];
        record.extend(self.start_ts.raw().to_be_bytes());
        record.extend(self.ttl_expire_at.raw().to_be_bytes());
        record.push(if self.is_primary { FLAG_PRIMARY } else { 0 });
        put_bytes(self.primary.as_bytes(), &mut record);
        record
    }

    /// The lock in the bytes.
    ///
    /// # Errors
    /// A [`WireError`] if they are too short or of another version.
    pub fn decode(bytes: &[u8]) -> Result<LockRecord, WireError> {
        let mut reader = versioned("a lock record", bytes)?;
        let (start_ts, ttl_expire_at) = (reader.take_u64()?, reader.take_u64()?);
        let flags = reader.take_u8()?;
        let primary = reader.take_bytes(MAX_ROW_KEY_BYTES)?;
        Ok(LockRecord {
            start_ts: Timestamp::from_raw(start_ts),
            ttl_expire_at: Timestamp::from_raw(ttl_expire_at),
            is_primary: flags & FLAG_PRIMARY != 0,
            primary: primary.into(),
        })
    }
}

/// The value of an intent row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentRecord {
    /// When the transaction began.
    pub start_ts: Timestamp,
    /// What will be written; absent: the key will be deleted.
    pub value: Option<Vec<u8>>,
}

impl IntentRecord {
    /// The value's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut record = vec![ROW_VERSION];
        record.extend(self.start_ts.raw().to_be_bytes());
        record.push(if self.value.is_some() { OP_PUT } else { OP_DELETE });
        put_bytes(self.value.as_deref().unwrap_or_default(), &mut record);
        record
    }

    /// The intent in the bytes.
    ///
    /// # Errors
    /// A [`WireError`] if they are too short, of another version, or ask for something unknown.
    pub fn decode(bytes: &[u8]) -> Result<IntentRecord, WireError> {
        let mut reader = versioned("an intent record", bytes)?;
        let start_ts = Timestamp::from_raw(reader.take_u64()?);
        let op = reader.take_u8()?;
        let value = reader.take_bytes(MAX_VALUE_BYTES)?;
        match op {
            OP_PUT => Ok(IntentRecord { start_ts, value: Some(value) }),
            OP_DELETE => Ok(IntentRecord { start_ts, value: None }),
            other => Err(WireError::UnknownNumber { what: "the operation of an intent", number: i64::from(other) }),
        }
    }
}

/// The value of a commit record.
pub fn encode_commit_record(commit_ts: Timestamp) -> Vec<u8> {
    let mut record = vec![ROW_VERSION];
    record.extend(commit_ts.raw().to_be_bytes());
    record
}

/// The commit timestamp in a commit record.
///
/// # Errors
/// A [`WireError`] if the bytes are too short or of another version.
pub fn decode_commit_record(bytes: &[u8]) -> Result<Timestamp, WireError> {
    versioned("a commit record", bytes)?.take_u64().map(Timestamp::from_raw)
}

/// The value of a rollback record.
pub fn encode_rollback_record() -> Vec<u8> {
    vec![ROW_VERSION]
}

/// Reads a rollback record, which says nothing but that it is there.
///
/// # Errors
/// A [`WireError`] if the bytes are none or of another version.
pub fn decode_rollback_record(bytes: &[u8]) -> Result<(), WireError> {
    versioned("a rollback record", bytes).map(|_| ())
}

/// What an entry of the existing system's log says of its transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnMeta {
    /// The raw key whose records decide the transaction.
    pub primary: RawKey,
    /// How long locks stand, in milliseconds; zero: not said.
    pub lock_ttl_ms: u64,
    /// The commit timestamp; zero: not said.
    pub commit_ts: Timestamp,
    /// The commit timestamp of an earlier try; zero: there was none.
    pub prev_commit_ts: Timestamp,
}

impl TxnMeta {
    /// The bytes: version 1, or version 2 where there was an earlier try.
    pub fn encode(&self) -> Vec<u8> {
        if self.prev_commit_ts == Timestamp::ZERO { self.encode_v1() } else { self.encode_v2() }
    }

    /// The bytes in version 2, which leaves out what is zero.
    pub fn encode_v2(&self) -> Vec<u8> {
        let optional = self.optional();
        let flags = optional.iter().filter(|(_, number)| *number != 0).fold(0, |flags, (flag, _)| flags | flag);
        let mut meta = vec![META_V2, flags];
        put_bytes(self.primary.as_bytes(), &mut meta);
        for (_, number) in optional.iter().filter(|(_, number)| *number != 0) {
            meta.extend(number.to_be_bytes());
        }
        meta
    }

    fn encode_v1(&self) -> Vec<u8> {
        let mut meta = vec![META_V1];
        meta.extend(self.lock_ttl_ms.to_be_bytes());
        meta.extend(self.commit_ts.raw().to_be_bytes());
        put_bytes(self.primary.as_bytes(), &mut meta);
        meta
    }

    fn optional(&self) -> [(u8, u64); 3] {
        [
            (META_LOCK_TTL, self.lock_ttl_ms),
            (META_COMMIT_TS, self.commit_ts.raw()),
            (META_PREV_COMMIT_TS, self.prev_commit_ts.raw()),
        ]
    }

    /// What the bytes say, in either version.
    ///
    /// # Errors
    /// A [`WireError`] if they are too short, of a newer version, or in version 2 have unknown flags or too many bytes.
    pub fn decode(bytes: &[u8]) -> Result<TxnMeta, WireError> {
        let mut reader = Reader::new(META, bytes);
        match reader.take_u8()? {
            META_V1 => decode_v1(reader),
            META_V2 => decode_v2(reader),
            version => Err(WireError::UnknownVersion { what: META, version }),
        }
    }
}

fn decode_v1(mut reader: Reader<'_>) -> Result<TxnMeta, WireError> {
    let (lock_ttl_ms, commit_ts) = (reader.take_u64()?, Timestamp::from_raw(reader.take_u64()?));
    let primary = reader.take_bytes(MAX_ROW_KEY_BYTES)?.into();
    Ok(TxnMeta { primary, lock_ttl_ms, commit_ts, prev_commit_ts: Timestamp::ZERO })
}

fn decode_v2(mut reader: Reader<'_>) -> Result<TxnMeta, WireError> {
    let flags = reader.take_u8()?;
    if flags & !(META_LOCK_TTL | META_COMMIT_TS | META_PREV_COMMIT_TS) != 0 {
        return Err(WireError::UnknownNumber { what: "the flags of a transaction", number: i64::from(flags) });
    }
    let primary = reader.take_bytes(MAX_ROW_KEY_BYTES)?.into();
    let mut optional = |flag: u8| if flags & flag != 0 { reader.take_u64() } else { Ok(0) };
    let meta = TxnMeta {
        primary,
        lock_ttl_ms: optional(META_LOCK_TTL)?,
        commit_ts: Timestamp::from_raw(optional(META_COMMIT_TS)?),
        prev_commit_ts: Timestamp::from_raw(optional(META_PREV_COMMIT_TS)?),
    };
    reader.end()?;
    Ok(meta)
}

fn versioned<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Reader<'a>, WireError> {
    let mut reader = Reader::new(what, bytes);
    match reader.take_u8()? {
        ROW_VERSION => Ok(reader),
        version => Err(WireError::UnknownVersion { what, version }),
    }
}

const META: &str = "what an entry says of its transaction";
const ROW_VERSION: u8 = 1;
const FLAG_PRIMARY: u8 = 1;
const OP_PUT: u8 = 0;
const OP_DELETE: u8 = 1;
const META_V1: u8 = 1;
const META_V2: u8 = 2;
const META_LOCK_TTL: u8 = 1;
const META_COMMIT_TS: u8 = 2;
const META_PREV_COMMIT_TS: u8 = 4;
