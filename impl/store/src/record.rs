//! Records as bytes: a checksum over key and body, then the body, all numbers little-endian.

use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::Content;

/// Begins a record: room for its checksum.
pub(crate) fn begin(body_bytes: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(CHECKSUM + body_bytes);
    record.extend_from_slice(&[0; CHECKSUM]);
    record
}

/// Ends a record: its checksum covers the key that it is stored under.
pub(crate) fn seal(key: &[u8], mut record: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &record[CHECKSUM..]);
    record[..CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    record
}

/// The body of a record, if it is what was written.
pub(crate) fn body<'a>(key: &[u8], record: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (stored, body) = record.split_first_chunk::<CHECKSUM>().ok_or("it is too short for a checksum")?;
    if u32::from_le_bytes(*stored) == checksum(key, body) { Ok(body) } else { Err("its checksum doesn't match") }
}

/// The checksum of a body under a key.
pub(crate) fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

/// The record of a row's version, stored under the row's key.
pub(crate) fn encode_content(key: &[u8], content: &Content) -> Vec<u8> {
    let mut record = begin(content_bytes(content));
    write_content(&mut record, content);
    seal(key, record)
}

/// What a row's record says.
pub(crate) fn decode_content(key: &[u8], record: &[u8]) -> Result<Content, &'static str> {
    let mut body = Fields(body(key, record)?);
    body.content()
}

/// The record of a lock, stored under the key that it locks.
pub(crate) fn encode_lock(key: &[u8], lock: &Lock) -> Vec<u8> {
    let primary = lock.txn.primary.as_bytes();
    let mut record = begin(primary.len() + 4 + 3 * 8 + content_bytes(&lock.content));
    write_bytes(&mut record, primary);
    for number in [lock.txn.start_ts.raw(), lock.commit_ts.raw(), lock.expires_at_ms] {
        record.extend_from_slice(&number.to_le_bytes());
    }
    write_content(&mut record, &lock.content);
    seal(key, record)
}

/// The lock that a record holds.
pub(crate) fn decode_lock(key: &[u8], record: &[u8]) -> Result<Lock, &'static str> {
    let mut body = Fields(body(key, record)?);
    let primary = body.bytes()?.into();
    let start_ts = Timestamp::from_raw(body.number()?);
    let commit_ts = Timestamp::from_raw(body.number()?);
    let expires_at_ms = body.number()?;
    Ok(Lock { txn: TxnId { primary, start_ts }, commit_ts, expires_at_ms, content: body.content()? })
}

/// Writes bytes with their length before them.
pub(crate) fn write_bytes(record: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("what is stored is bounded far below 4 GiB");
    record.extend_from_slice(&len.to_le_bytes());
    record.extend_from_slice(bytes);
}

/// A body that is read from its beginning.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn number(&mut self) -> Result<u64, &'static str> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    pub(crate) fn small(&mut self) -> Result<u32, &'static str> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*number))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, &'static str> {
        let (byte, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], &'static str> {
        let len = self.small()? as usize;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A version's content, which takes the rest.
    fn content(&mut self) -> Result<Content, &'static str> {
        let expire_at = match self.byte()? {
            TOMBSTONE => return Ok(Content::Tombstone),
            PUT => Timestamp::ZERO,
            PUT_UNTIL => Timestamp::from_raw(self.number()?),
            _ => return Err("it is of a kind that isn't known"),
        };
        Ok(Content::Put { value: std::mem::take(&mut self.0).to_vec(), expire_at })
    }
}

fn content_bytes(content: &Content) -> usize {
    match content {
        Content::Put { value, .. } => 1 + 8 + value.len(),
        Content::Tombstone => 1,
    }
}

fn write_content(record: &mut Vec<u8>, content: &Content) {
    match content {
        Content::Tombstone => record.push(TOMBSTONE),
        Content::Put { value, expire_at } if *expire_at == Timestamp::ZERO => {
            record.push(PUT);
            record.extend_from_slice(value);
        }
        Content::Put { value, expire_at } => {
            record.push(PUT_UNTIL);
            record.extend_from_slice(&expire_at.raw().to_le_bytes());
            record.extend_from_slice(value);
        }
    }
}

const CHECKSUM: usize = 4;
const TOMBSTONE: u8 = 0;
const PUT: u8 = 1;
const PUT_UNTIL: u8 = 2;
const SHORT: &str = "it ends too early";
