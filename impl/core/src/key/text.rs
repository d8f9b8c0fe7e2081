//! Byte strings as text: readable where that is unambiguous, else hexadecimal.
//!
//! Printable ASCII that doesn't begin with `0x` stands for itself; everything else is `0x` and its bytes in lower-case
//! hexadecimal. Every byte string has one written form. Use it on a field with `#[serde(with = "splitjob_core::key::text")]`;
//! formats that aren't human-readable get the bytes.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};
use thiserror::Error;

/// The text form of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    write(bytes, &mut text).expect("writing to a string never fails");
    text
}

/// The bytes of a text form; hexadecimal is also read where plain text would have done.
///
/// # Errors
///
/// [`TextError`] if `text` is no text form of any bytes.
pub fn decode(text: &str) -> Result<Vec<u8>, TextError> {
    match text.strip_prefix(HEX_PREFIX) {
        Some(digits) => decode_hex(digits.as_bytes()),
        None if text.bytes().all(is_printable) => Ok(text.as_bytes().to_vec()),
        None => Err(TextError::NotPrintable),
    }
}

/// Why a text stands for no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// A character that is not printable ASCII.
    #[error("only printable ASCII stands for itself; write other bytes as 0x and hexadecimal digits")]
    NotPrintable,
    /// `0x` followed by something else than pairs of hexadecimal digits.
    #[error("0x must be followed by pairs of hexadecimal digits")]
    NotHex,
}

/// Serializes bytes as text, or as bytes if the format isn't human-readable.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&Text(bytes))
    } else {
        serializer.serialize_bytes(bytes)
    }
}

/// Deserializes what [`serialize`] wrote.
///
/// # Errors
///
/// Those of the deserializer, and [`TextError`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(BytesVisitor)
    } else {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

pub(super) fn write(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let plain =
        std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(is_printable) && !text.starts_with(HEX_PREFIX));
    match plain {
        Some(text) => out.write_str(text),
        None => {
            out.write_str(HEX_PREFIX)?;
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
    }
}

fn decode_hex(digits: &[u8]) -> Result<Vec<u8>, TextError> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(TextError::NotHex);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(TextError::NotHex);
    pairs.iter().map(|[high, low]| Ok((digit(*high)? * 16 + digit(*low)?) as u8)).collect()
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Borrowed bytes that display as text.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("printable ASCII, or 0x and hexadecimal digits, or bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        decode(text).map_err(E::custom)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

const HEX_PREFIX: &str = "0x";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::RawKey;

    #[test]
    fn printable_keys_stand_for_themselves_and_others_are_hexadecimal() {
        let written: Vec<String> =
            [&b"a b|c"[..], b"", b"\x00\xff", b"0x61", b"caf\xc3\xa9"].iter().map(|bytes| encode(bytes)).collect();
        assert_eq!(written, ["a b|c", "", "0x00ff", "0x30783631", "0x636166c3a9"]);
    }

    #[test]
    fn every_byte_string_reads_back_from_its_text() {
        for first in 0..=u8::MAX {
            for bytes in [vec![first], vec![b'0', first], vec![b'0', b'x', first]] {
                assert_eq!(decode(&encode(&bytes)), Ok(bytes));
            }
        }
    }

    #[test]
    fn text_that_stands_for_no_bytes_is_refused() {
        assert_eq!(decode("0x6"), Err(TextError::NotHex));
        assert_eq!(decode("0x6g"), Err(TextError::NotHex));
        assert_eq!(decode("café"), Err(TextError::NotPrintable));
        assert!(serde_json::from_str::<RawKey>(r#""0x0""#).is_err());
    }

    #[test]
    fn keys_are_strings_in_json_also_as_names_of_members() {
        let key = RawKey::from(&[0, 1][..]);
        let map = std::collections::BTreeMap::from([(key.clone(), key)]);
        let json = serde_json::to_string(&map).expect("keys serialize as strings");
        assert_eq!(json, r#"{"0x0001":"0x0001"}"#);
        let read: std::collections::BTreeMap<RawKey, RawKey> = serde_json::from_str(&json).expect("its own json");
        assert_eq!(read, map);
    }
}
