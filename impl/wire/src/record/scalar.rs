//! Scalars of the catalog: a version byte, then one number.

use super::reader::Reader;
use crate::error::WireError;

/// The record of a number: `01 ‖ u64`.
pub fn encode_scalar(number: u64) -> Vec<u8> {
    let mut record = vec![SCALAR_VERSION];
    record.extend(number.to_be_bytes());
    record
}

/// The number in a record.
///
/// # Errors
/// A [`WireError`] if it is of another version or has another length.
pub fn decode_scalar(record: &[u8]) -> Result<u64, WireError> {
    let mut reader = Reader::new(SCALAR, record);
    match reader.take_u8()? {
        SCALAR_VERSION => {}
        version => return Err(WireError::UnknownVersion { what: SCALAR, version }),
    }
    let number = reader.take_u64()?;
    reader.end()?;
    Ok(number)
}

const SCALAR: &str = "a scalar record";
const SCALAR_VERSION: u8 = 1;
