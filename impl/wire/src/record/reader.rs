//! Reading fixed-width big-endian values off the front of a record.

use crate::error::WireError;

/// What is left of a record.
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { what, rest: bytes }
    }

    pub(super) fn take_u8(&mut self) -> Result<u8, WireError> {
        let [byte] = self.take_array()?;
        Ok(byte)
    }

    pub(super) fn take_u64(&mut self) -> Result<u64, WireError> {
        self.take_array().map(u64::from_be_bytes)
    }

    /// A flag, which is 0 or 1.
    pub(super) fn take_flag(&mut self) -> Result<bool, WireError> {
        match self.take_u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(WireError::UnknownNumber { what: self.what, number: i64::from(other) }),
        }
    }

    /// `u64 length ‖ bytes`; nothing is allocated before the bytes are known to be there.
    pub(super) fn take_bytes(&mut self, limit: usize) -> Result<Vec<u8>, WireError> {
        let what = self.what;
        let bytes = usize::try_from(self.take_u64()?).unwrap_or(usize::MAX);
        if bytes > limit {
            return Err(WireError::TooLong { what, bytes, limit });
        }
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(WireError::Truncated { what })?;
        self.rest = rest;
        Ok(taken.to_vec())
    }

    /// The end: nothing may be left.
    pub(super) fn end(self) -> Result<(), WireError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(WireError::Trailing { what: self.what, bytes: self.rest.len() })
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated { what: self.what })?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Appends `u64 length ‖ bytes`.
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}
