//! The keys of transaction rows: built, parsed, told apart.

use super::encoding::{DecodeError, decode_len_uvarint, decode_u64, encode_len_uvarint};
use super::{KeyFamily, RawKey};
use crate::timestamp::Timestamp;

/// The key of a transaction row, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TxnKey {
    /// The lock that a prepared transaction holds on `key`.
    Lock {
        /// The locked raw key.
        key: RawKey,
    },
    /// The value that a prepared transaction will write to `key`.
    Intent {
        /// The raw key to be written.
        key: RawKey,
    },
    /// The record that the transaction committed (X2).
    Commit {
        /// The raw key whose records decide the transaction.
        primary: RawKey,
        /// When the transaction began.
        start_ts: Timestamp,
    },
    /// The record that the transaction rolled back (X2).
    Rollback {
        /// The raw key whose records decide the transaction.
        primary: RawKey,
        /// When the transaction began.
        start_ts: Timestamp,
    },
    /// The proof that the transaction's write of `key` was committed here (X2).
    SuccessMarker {
        /// The raw key that was written.
        key: RawKey,
        /// The raw key whose records decide the transaction.
        primary: RawKey,
        /// When the transaction began.
        start_ts: Timestamp,
        /// When it committed.
        commit_ts: Timestamp,
    },
}

impl TxnKey {
    /// The raw key under which the row is stored.
    #[must_use]
    pub fn to_raw(&self) -> RawKey {
        let mut raw = self.family().prefix().to_vec();
        match self {
            Self::Lock { key } | Self::Intent { key } => raw.extend(key.as_bytes()),
            Self::Commit { primary, start_ts } | Self::Rollback { primary, start_ts } => {
                raw.extend(primary.as_bytes());
                raw.extend(start_ts.raw().to_be_bytes());
            }
            Self::SuccessMarker { key, primary, start_ts, commit_ts } => {
                raw.push(MARKER_VERSION);
                encode_len_uvarint(key.as_bytes(), &mut raw);
                raw.extend(start_ts.raw().to_be_bytes());
                raw.extend(commit_ts.raw().to_be_bytes());
                encode_len_uvarint(primary.as_bytes(), &mut raw);
            }
        }
        raw.into()
    }

    /// The transaction row stored under `raw`, or `None` if it is no well-formed key of one.
    #[must_use]
    pub fn parse(raw: &RawKey) -> Option<Self> {
        match Borrowed::parse(raw.as_bytes())? {
            Borrowed::Lock { key } => Some(Self::Lock { key: key.into() }),
            Borrowed::Intent { key } => Some(Self::Intent { key: key.into() }),
            Borrowed::Commit { primary, start_ts } => Some(Self::Commit { primary: primary.into(), start_ts }),
            Borrowed::Rollback { primary, start_ts } => Some(Self::Rollback { primary: primary.into(), start_ts }),
            Borrowed::SuccessMarker { key, primary, start_ts, commit_ts } => {
                Some(Self::SuccessMarker { key: key.into(), primary: primary.into(), start_ts, commit_ts })
            }
        }
    }

    /// The family of the row.
    #[must_use]
    pub fn family(&self) -> KeyFamily {
        match self {
            Self::Lock { .. } => KeyFamily::TxnLock,
            Self::Intent { .. } => KeyFamily::TxnIntent,
            Self::Commit { .. } => KeyFamily::TxnCommit,
            Self::Rollback { .. } => KeyFamily::TxnRollback,
            Self::SuccessMarker { .. } => KeyFamily::TxnSuccess,
        }
    }
}

/// Whether `raw` belongs to the transaction machinery and not to a user.
///
/// The prefix decides for every kind but success markers: what only resembles one is a user's row (K1).
#[must_use]
pub fn is_txn_internal(raw: &RawKey) -> bool {
    let bytes = raw.as_bytes();
    INTERNAL_PREFIXES.iter().any(|prefix| bytes.starts_with(prefix)) || Borrowed::parse(bytes).is_some()
}

/// The raw key that the transaction row stored under `raw` is about, or `None` if it is no transaction row (K1).
pub(super) fn embedded_key(raw: &[u8]) -> Option<&[u8]> {
    match Borrowed::parse(raw)? {
        Borrowed::Lock { key } | Borrowed::Intent { key } | Borrowed::SuccessMarker { key, .. } => Some(key),
        Borrowed::Commit { primary, .. } | Borrowed::Rollback { primary, .. } => Some(primary),
    }
}

/// [`TxnKey`] without copies: routing looks into the key of every row.
enum Borrowed<'a> {
    Lock { key: &'a [u8] },
    Intent { key: &'a [u8] },
    Commit { primary: &'a [u8], start_ts: Timestamp },
    Rollback { primary: &'a [u8], start_ts: Timestamp },
    SuccessMarker { key: &'a [u8], primary: &'a [u8], start_ts: Timestamp, commit_ts: Timestamp },
}

impl<'a> Borrowed<'a> {
    fn parse(raw: &'a [u8]) -> Option<Self> {
        let rest = |family: KeyFamily| raw.strip_prefix(family.prefix());
        if let Some(key) = rest(KeyFamily::TxnLock) {
            Some(Self::Lock { key })
        } else if let Some(key) = rest(KeyFamily::TxnIntent) {
            Some(Self::Intent { key })
        } else if let Some(rest) = rest(KeyFamily::TxnCommit) {
            let (primary, start_ts) = split_start_ts(rest)?;
            Some(Self::Commit { primary, start_ts })
        } else if let Some(rest) = rest(KeyFamily::TxnRollback) {
            let (primary, start_ts) = split_start_ts(rest)?;
            Some(Self::Rollback { primary, start_ts })
        } else {
            parse_marker(rest(KeyFamily::TxnSuccess)?).ok()
        }
    }
}

fn split_start_ts(rest: &[u8]) -> Option<(&[u8], Timestamp)> {
    let (primary, start_ts) = rest.split_last_chunk()?;
    Some((primary, Timestamp::from_raw(u64::from_be_bytes(*start_ts))))
}

fn parse_marker(rest: &[u8]) -> Result<Borrowed<'_>, DecodeError> {
    let rest = rest.strip_prefix(&[MARKER_VERSION]).ok_or(DecodeError::NotCanonical)?;
    let (key, rest) = decode_len_uvarint(rest)?;
    let (start_ts, rest) = decode_u64(rest)?;
    let (commit_ts, rest) = decode_u64(rest)?;
    let (primary, rest) = decode_len_uvarint(rest)?;
    let (start_ts, commit_ts) = (Timestamp::from_raw(start_ts), Timestamp::from_raw(commit_ts));
    if rest.is_empty() {
        Ok(Borrowed::SuccessMarker { key, primary, start_ts, commit_ts })
    } else {
        Err(DecodeError::NotCanonical)
    }
}

const MARKER_VERSION: u8 = 1;
/// Under the last one a request carries its transaction's parameters; such a row is never stored, so it has no family.
const INTERNAL_PREFIXES: [&[u8]; 5] = [
    KeyFamily::TxnLock.prefix(),
    KeyFamily::TxnIntent.prefix(),
    KeyFamily::TxnCommit.prefix(),
    KeyFamily::TxnRollback.prefix(),
    b"!txn|meta|",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> [TxnKey; 5] {
        let (key, primary) = (RawKey::from(&b"k\0"[..]), RawKey::from("p"));
        let (start_ts, commit_ts) = (Timestamp::from_raw(258), Timestamp::from_raw(u64::MAX - 1));
        [
            TxnKey::Lock { key: key.clone() },
            TxnKey::Intent { key: key.clone() },
            TxnKey::Commit { primary: primary.clone(), start_ts },
            TxnKey::Rollback { primary: primary.clone(), start_ts },
            TxnKey::SuccessMarker { key, primary, start_ts, commit_ts },
        ]
    }

    #[test]
    fn every_kind_of_key_parses_back_and_is_internal() {
        for key in every_kind() {
            assert_eq!(TxnKey::parse(&key.to_raw()), Some(key.clone()));
            assert_eq!(KeyFamily::of(&key.to_raw()), key.family());
            assert!(is_txn_internal(&key.to_raw()));
        }
    }

    #[test]
    fn a_marker_with_anything_missing_or_left_over_is_none() {
        let marker = every_kind()[4].to_raw().into_bytes();
        let prefix = KeyFamily::TxnSuccess.prefix().len();
        for len in prefix..marker.len() {
            assert_eq!(TxnKey::parse(&marker[..len].into()), None, "{len} bytes");
        }
        assert_eq!(TxnKey::parse(&[&marker[..], b"x"].concat().into()), None);
    }

    #[test]
    fn a_record_without_room_for_its_timestamp_is_none() {
        assert_eq!(TxnKey::parse(&"!txn|cmt|1234567".into()), None);
        assert_eq!(TxnKey::parse(&"!txn|rb|".into()), None);
        assert!(TxnKey::parse(&"!txn|cmt|12345678".into()).is_some());
    }
}
