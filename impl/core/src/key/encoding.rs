//! The order-preserving and length-prefixed encodings that keys are made of.
//!
//! Encoders append to a buffer; decoders return the value and the rest of the input, never panic, and refuse every form
//! that the encoder wouldn't have written.

use thiserror::Error;

/// Why bytes are not the encoding they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input ends inside the encoding.
    #[error("the input ends too early")]
    Truncated,
    /// A zero byte is followed by neither its escape nor the terminator.
    #[error("a zero byte is followed by {found:#04x}, which neither escapes it nor ends the segment")]
    BadEscape {
        /// The byte after the zero.
        found: u8,
    },
    /// The number needs more than 64 bits.
    #[error("the number needs more than 64 bits")]
    Overflow,
    /// The encoder would have written the value differently.
    #[error("the value has another, canonical encoding")]
    NotCanonical,
}

/// A decoded value and the input behind it.
pub type Decoded<'a, T> = Result<(T, &'a [u8]), DecodeError>;

/// Appends `bytes` as a segment that sorts like the bytes: each `00` becomes `00 FF`, then `00 01`.
pub fn encode_seg01(bytes: &[u8], out: &mut Vec<u8>) {
    encode_segment(bytes, END_SEG01, out);
}

/// Reads a segment that [`encode_seg01`] wrote.
///
/// # Errors
///
/// [`DecodeError::Truncated`] without a terminator, [`DecodeError::BadEscape`].
pub fn decode_seg01(input: &[u8]) -> Decoded<'_, Vec<u8>> {
    decode_segment(input, END_SEG01)
}

/// Appends `u32 length ‖ bytes`.
///
/// # Panics
///
/// If there are 2^32 bytes or more, far above every limit on keys.
pub fn encode_len32(bytes: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(bytes.len()).expect("keys are limited to far less than 2^32 bytes");
    out.extend(len.to_be_bytes());
    out.extend(bytes);
}

/// Reads what [`encode_len32`] wrote.
///
/// # Errors
///
/// [`DecodeError::Truncated`], also if the length reaches beyond the input.
pub fn decode_len32(input: &[u8]) -> Decoded<'_, &[u8]> {
    let (len, rest) = input.split_first_chunk().ok_or(DecodeError::Truncated)?;
    split_len(rest, u64::from(u32::from_be_bytes(*len)))
}

/// Appends a number, seven bits a byte, the least significant first.
pub fn encode_uvarint(mut number: u64, out: &mut Vec<u8>) {
    while number >= u64::from(CONTINUES) {
        out.push(number as u8 | CONTINUES);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number that [`encode_uvarint`] wrote.
///
/// # Errors
///
/// [`DecodeError::Truncated`], [`DecodeError::Overflow`], [`DecodeError::NotCanonical`] if it has leading zeros.
pub fn decode_uvarint(input: &[u8]) -> Decoded<'_, u64> {
    let mut number = 0;
    for (index, byte) in input.iter().copied().enumerate() {
        let bits = u64::from(byte & !CONTINUES);
        let shift = 7 * index as u32;
        if shift >= u64::BITS || (bits << shift) >> shift != bits {
            return Err(DecodeError::Overflow);
        }
        number |= bits << shift;
        if byte & CONTINUES == 0 {
            let canonical = index == 0 || byte != 0;
            return if canonical { Ok((number, &input[index + 1..])) } else { Err(DecodeError::NotCanonical) };
        }
    }
    Err(DecodeError::Truncated)
}

/// Appends a signed number so that the bytes sort like the numbers.
pub fn encode_i64s(number: i64, out: &mut Vec<u8>) {
    out.extend((number as u64 ^ SIGN).to_be_bytes());
}

/// Reads what [`encode_i64s`] wrote.
///
/// # Errors
///
/// [`DecodeError::Truncated`].
pub fn decode_i64s(input: &[u8]) -> Decoded<'_, i64> {
    let (bits, rest) = decode_u64(input)?;
    Ok(((bits ^ SIGN) as i64, rest))
}

/// Appends a floating point number so that the bytes sort like the numbers; −0 is written as +0.
pub fn encode_f64s(number: f64, out: &mut Vec<u8>) {
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    let sortable = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    out.extend(sortable.to_be_bytes());
}

/// Reads what [`encode_f64s`] wrote.
///
/// # Errors
///
/// [`DecodeError::Truncated`], [`DecodeError::NotCanonical`] for −0.
pub fn decode_f64s(input: &[u8]) -> Decoded<'_, f64> {
    let (sortable, rest) = decode_u64(input)?;
    let bits = if sortable & SIGN == 0 { !sortable } else { sortable ^ SIGN };
    if bits == SIGN { Err(DecodeError::NotCanonical) } else { Ok((f64::from_bits(bits), rest)) }
}

/// Reads a big-endian `u64`.
pub(super) fn decode_u64(input: &[u8]) -> Decoded<'_, u64> {
    let (bytes, rest) = input.split_first_chunk().ok_or(DecodeError::Truncated)?;
    Ok((u64::from_be_bytes(*bytes), rest))
}

/// Reads `uvarint length ‖ bytes`.
pub(super) fn decode_len_uvarint(input: &[u8]) -> Decoded<'_, &[u8]> {
    let (len, rest) = decode_uvarint(input)?;
    split_len(rest, len)
}

/// Appends `uvarint length ‖ bytes`.
pub(super) fn encode_len_uvarint(bytes: &[u8], out: &mut Vec<u8>) {
    encode_uvarint(bytes.len() as u64, out);
    out.extend(bytes);
}

/// Splits off one segment as it is encoded, terminator included.
pub(super) fn split_segment(input: &[u8], end: u8) -> Decoded<'_, &[u8]> {
    let mut at = 0;
    while let Some(zero) = input[at..].iter().position(|byte| *byte == 0) {
        at += zero + 1;
        let found = *input.get(at).ok_or(DecodeError::Truncated)?;
        at += 1;
        if found == end {
            return Ok(input.split_at(at));
        }
        if found != ESCAPE {
            return Err(DecodeError::BadEscape { found });
        }
    }
    Err(DecodeError::Truncated)
}

/// Appends one segment that ends with `00` and `end`.
pub(super) fn encode_segment(bytes: &[u8], end: u8, out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(ESCAPE);
        }
    }
    out.extend([0, end]);
}

/// Reads one segment that ends with `00` and `end`.
pub(super) fn decode_segment(input: &[u8], end: u8) -> Decoded<'_, Vec<u8>> {
    let (encoded, rest) = split_segment(input, end)?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut escaped = encoded[..encoded.len() - TERMINATOR_LEN].iter();
    while let Some(byte) = escaped.next() {
        bytes.push(*byte);
        if *byte == 0 {
            escaped.next();
        }
    }
    Ok((bytes, rest))
}

/// Splits off `len` bytes; 64 bits, so that no length wraps into a small one.
fn split_len(input: &[u8], len: u64) -> Decoded<'_, &[u8]> {
    let len = usize::try_from(len).map_err(|_| DecodeError::Truncated)?;
    input.split_at_checked(len).ok_or(DecodeError::Truncated)
}

/// Ends a segment of most keys.
pub(super) const END_SEG01: u8 = 0x01;
/// Ends a segment of filesystem keys.
pub(super) const END_SEG00: u8 = 0x00;
const ESCAPE: u8 = 0xff;
const TERMINATOR_LEN: usize = 2;
const CONTINUES: u8 = 0x80;
const SIGN: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out);
        out
    }

    #[test]
    fn a_segment_escapes_zeros_and_ends_with_zero_one() {
        assert_eq!(encoded(|out| encode_seg01(b"a\0b", out)), b"a\x00\xffb\x00\x01");
        assert_eq!(decode_seg01(b"a\x00\xffb\x00\x01rest"), Ok((b"a\0b".to_vec(), &b"rest"[..])));
        assert_eq!(decode_seg01(b"a\x00"), Err(DecodeError::Truncated));
        assert_eq!(decode_seg01(b"a"), Err(DecodeError::Truncated));
        assert_eq!(decode_seg01(b"a\x00\x02"), Err(DecodeError::BadEscape { found: 2 }));
    }

    #[test]
    fn a_length_beyond_the_input_is_truncated_even_at_its_greatest() {
        assert_eq!(decode_len32(b"\0\0\0\x02abc"), Ok((&b"ab"[..], &b"c"[..])));
        assert_eq!(decode_len32(b"\xff\xff\xff\xffabc"), Err(DecodeError::Truncated));
        assert_eq!(decode_len32(b"\0\0\0"), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_uvarint_has_one_form() {
        assert_eq!(encoded(|out| encode_uvarint(300, out)), [0xac, 0x02]);
        assert_eq!(decode_uvarint(&[0xac, 0x02, 9]), Ok((300, &[9][..])));
        assert_eq!(decode_uvarint(&[0x80, 0x00]), Err(DecodeError::NotCanonical));
        assert_eq!(decode_uvarint(&[0xff; 9]), Err(DecodeError::Truncated));
        assert_eq!(decode_uvarint(&[0xff; 11]), Err(DecodeError::Overflow));
        assert_eq!(decode_uvarint(&[&[0xff; 9][..], &[0x02]].concat()), Err(DecodeError::Overflow));
        let greatest = encoded(|out| encode_uvarint(u64::MAX, out));
        assert_eq!(decode_uvarint(&greatest), Ok((u64::MAX, &[][..])));
    }

    #[test]
    fn minus_zero_is_written_as_zero_and_never_read() {
        assert_eq!(encoded(|out| encode_f64s(-0.0, out)), encoded(|out| encode_f64s(0.0, out)));
        assert_eq!(decode_f64s(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(DecodeError::NotCanonical));
    }

    #[test]
    fn signed_numbers_sort_like_their_bytes() {
        let integers: Vec<Vec<u8>> =
            [i64::MIN, -1, 0, 1, i64::MAX].iter().map(|number| encoded(|out| encode_i64s(*number, out))).collect();
        let floats: Vec<Vec<u8>> = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 2.5, f64::INFINITY]
            .iter()
            .map(|number| encoded(|out| encode_f64s(*number, out)))
            .collect();
        assert!(integers.is_sorted_by(|left, right| left < right));
        assert!(floats.is_sorted_by(|left, right| left < right));
    }
}
