//! How long things may be; what is longer is refused before it is looked at.

use crate::error::WireError;

pub(crate) fn check_len(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), WireError> {
    if bytes.len() > limit {
        return Err(WireError::TooLong { what, bytes: bytes.len(), limit });
    }
    Ok(())
}

/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// The longest key that a user may name, in bytes.
pub const MAX_KEY_BYTES: usize = 1 << 20;
/// The longest raw or routing key of a row, in bytes: a success marker holds two of users' keys, its prefix and its numbers.
pub const MAX_ROW_KEY_BYTES: usize = 2 * MAX_KEY_BYTES + 64;
/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 16 << 20;
