//! Entries and heads of logs as records.

use super::{GroupLog, HardState, LogPosition, LogRecord};
use crate::record::{self, Fields, write_bytes};

/// Where an entry is stored: by group, then by index.
pub(super) fn entry_key(group: u64, index: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&group.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

pub(super) fn encode_entry(key: &[u8; 16], entry: &LogRecord) -> Vec<u8> {
    let mut encoded = record::begin(8 + 4 + 4 + entry.data.len() + 4 + entry.context.len());
    encoded.extend_from_slice(&entry.term.to_le_bytes());
    encoded.extend_from_slice(&entry.kind.to_le_bytes());
    write_bytes(&mut encoded, &entry.data);
    write_bytes(&mut encoded, &entry.context);
    record::seal(key, encoded)
}

pub(super) fn decode_entry(key: &[u8; 16], encoded: &[u8]) -> Result<LogRecord, &'static str> {
    let mut body = Fields(record::body(key, encoded)?);
    let (term, kind) = (body.number()?, body.small()?);
    let (data, context) = (body.bytes()?.to_vec(), body.bytes()?.to_vec());
    let (_, index) = key.split_last_chunk::<8>().ok_or("its key is too short")?;
    Ok(LogRecord { index: u64::from_be_bytes(*index), term, kind, data, context })
}

/// Where the head of a group's log is stored.
pub(super) fn head_key(group: u64) -> [u8; 8] {
    group.to_be_bytes()
}

/// The head: all but the last index, which the entries tell.
pub(super) fn encode_head(group: u64, log: &GroupLog) -> Vec<u8> {
    let HardState { term, vote, commit } = log.hard_state;
    let LogPosition { index, term: truncated_term } = log.truncated;
    let mut encoded = record::begin(6 * 8);
    for number in [term, vote, commit, index, truncated_term, log.generation] {
        encoded.extend_from_slice(&number.to_le_bytes());
    }
    record::seal(&head_key(group), encoded)
}

/// The log without entries that a head tells of.
pub(super) fn decode_head(group: u64, encoded: &[u8]) -> Result<GroupLog, &'static str> {
    let mut body = Fields(record::body(&head_key(group), encoded)?);
    let hard_state = HardState { term: body.number()?, vote: body.number()?, commit: body.number()? };
    let truncated = LogPosition { index: body.number()?, term: body.number()? };
    Ok(GroupLog { hard_state, truncated, last_index: truncated.index, generation: body.number()? })
}
