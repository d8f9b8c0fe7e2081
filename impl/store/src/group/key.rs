//! The keys of rows on disk: ordered as (raw key ascending, commit timestamp descending) for all byte strings.
//!
//! A zero byte is written as `00 ff`, the end of the key as `00 00`, the timestamp inverted after it. So no key is a prefix
//! of another one's beginning, and comparing bytes is all that is needed: cheaper than a pair, whose parts would have to be
//! taken apart for every comparison.

use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::timestamp::Timestamp;
use std::ops::Bound;

/// Where the version of a key is stored.
pub(super) fn row_key(key: &[u8], commit_ts: Timestamp) -> Vec<u8> {
    let mut encoded = first_key(key, TIMESTAMP_BYTES);
    encoded.extend_from_slice(&(!commit_ts.raw()).to_be_bytes());
    encoded
}

/// The key and the timestamp of a row, if it is a row's key.
pub(super) fn decode_row_key(encoded: &[u8]) -> Result<(RawKey, Timestamp), &'static str> {
    let (escaped, commit_ts) = split_row_key(encoded)?;
    Ok((unescape(escaped)?.into(), commit_ts))
}

/// A row's key as it is escaped, and its timestamp.
pub(super) fn split_row_key(encoded: &[u8]) -> Result<(&[u8], Timestamp), &'static str> {
    let (rest, inverted) = encoded.split_last_chunk::<TIMESTAMP_BYTES>().ok_or("its key has no timestamp")?;
    let escaped = rest.strip_suffix(&END).ok_or("its key has no end")?;
    Ok((escaped, Timestamp::from_raw(!u64::from_be_bytes(*inverted))))
}

/// The bounds of the rows of an interval of raw keys.
pub(super) fn row_bounds(interval: &RawInterval) -> Bounds {
    let end = interval.end.as_ref().map(|end| first_key(end.as_bytes(), 0));
    (Bound::Included(first_key(interval.start.as_bytes(), 0)), end.map_or(Bound::Unbounded, Bound::Excluded))
}

/// The bounds of the versions of a key at or below a timestamp.
pub(super) fn version_bounds(key: &[u8], at: Timestamp) -> Bounds {
    (Bound::Included(row_key(key, at)), Bound::Included(row_key(key, Timestamp::ZERO)))
}

/// The bounds of the plain keys of an interval, as locks and records have.
pub(super) fn plain_bounds(interval: &RawInterval) -> Bounds {
    let end = interval.end.as_ref().map(|end| end.as_bytes().to_vec());
    (Bound::Included(interval.start.as_bytes().to_vec()), end.map_or(Bound::Unbounded, Bound::Excluded))
}

/// From a key on disk to another.
pub(super) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The same bounds, borrowed.
pub(super) fn as_slices(bounds: &Bounds) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (bounds.0.as_ref().map(Vec::as_slice), bounds.1.as_ref().map(Vec::as_slice))
}

/// What the rows of a key begin with.
fn first_key(key: &[u8], more: usize) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(key.len() + END.len() + more);
    let mut rest = key;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        encoded.extend_from_slice(&rest[..at]);
        encoded.extend_from_slice(&ZERO);
        rest = &rest[at + 1..];
    }
    encoded.extend_from_slice(rest);
    encoded.extend_from_slice(&END);
    encoded
}

fn unescape(escaped: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut key = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        key.extend_from_slice(&rest[..=at]);
        rest = rest[at..].strip_prefix(&ZERO).ok_or("its key has a zero that isn't escaped")?;
    }
    key.extend_from_slice(rest);
    Ok(key)
}

/// What a row's key ends with.
pub(super) const TIMESTAMP_BYTES: usize = 8;
const ZERO: [u8; 2] = [0, 0xff];
const END: [u8; 2] = [0, 0];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key_bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0xff), Just(b'a')], 0..6)
    }

    proptest! {
        #[test]
        fn rows_are_ordered_by_key_and_then_newest_first(
            left in key_bytes(), right in key_bytes(), ts in any::<[u8; 2]>()
        ) {
            let ts = ts.map(|ts| Timestamp::from_raw(u64::from(ts)));
            let on_disk = row_key(&left, ts[0]).cmp(&row_key(&right, ts[1]));
            prop_assert_eq!(on_disk, left.cmp(&right).then(ts[1].cmp(&ts[0])));
        }

        #[test]
        fn a_key_reads_back(key in key_bytes(), ts in any::<u64>()) {
            let ts = Timestamp::from_raw(ts);
            prop_assert_eq!(decode_row_key(&row_key(&key, ts)), Ok((RawKey::from(key), ts)));
        }

        #[test]
        fn the_rows_of_an_interval_lie_within_its_bounds(
            key in key_bytes(), start in key_bytes(), end in proptest::option::of(key_bytes()), ts in any::<u64>()
        ) {
            let interval = RawInterval { start: start.into(), end: end.map(RawKey::from) };
            let (low, high) = row_bounds(&interval);
            let row = row_key(&key, Timestamp::from_raw(ts));
            let is_within = match (low, high) {
                (Bound::Included(low), Bound::Excluded(high)) => low <= row && row < high,
                (Bound::Included(low), Bound::Unbounded) => low <= row,
                other => panic!("bounds are made so: {other:?}"),
            };
            prop_assert_eq!(is_within, interval.contains(&key.into()));
        }
    }
}
