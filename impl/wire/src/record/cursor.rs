//! Export cursors: where an export goes on.

use crate::convert::row_key;
use crate::error::WireError;
use splitjob_core::group::{Cursor, CursorTag};
use splitjob_core::key::{decode_uvarint, encode_uvarint};
use splitjob_core::timestamp::Timestamp;

/// The cursor as bytes: `uvarint length ‖ raw key ‖ uvarint commit_ts ‖ u8 tag`; empty where there is none.
pub fn encode_cursor(cursor: Option<&Cursor>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(Cursor { key, commit_ts, tag }) = cursor {
        encode_uvarint(key.as_bytes().len() as u64, &mut bytes);
        bytes.extend(key.as_bytes());
        encode_uvarint(commit_ts.raw(), &mut bytes);
        bytes.push(match tag {
            CursorTag::Emitted => 0,
            CursorTag::Scanned => 1,
        });
    }
    bytes
}

/// The cursor in the bytes; none in no bytes: an export from the start.
///
/// # Errors
/// A [`WireError`] if they are no cursor, or one that would be written differently.
pub fn decode_cursor(bytes: &[u8]) -> Result<Option<Cursor>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let truncated = WireError::Truncated { what: CURSOR };
    let (length, rest) = decode_uvarint(bytes)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (key, rest) = rest.split_at_checked(length).ok_or(truncated.clone())?;
    let (commit_ts, rest) = decode_uvarint(rest)?;
    let (tag, rest) = rest.split_first().ok_or(truncated)?;
    if !rest.is_empty() {
        return Err(WireError::Trailing { what: CURSOR, bytes: rest.len() });
    }
    let tag = match tag {
        0 => CursorTag::Emitted,
        1 => CursorTag::Scanned,
        other => return Err(WireError::UnknownNumber { what: "the tag of a cursor", number: i64::from(*other) }),
    };
    Ok(Some(Cursor { key: row_key(key.to_vec())?, commit_ts: Timestamp::from_raw(commit_ts), tag }))
}

const CURSOR: &str = "an export cursor";
