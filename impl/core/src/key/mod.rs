//! Keys as rows carry them and keys as routes see them (K1–K5).
//!
//! A *raw key* is where a row is stored; its *routing key* is where it belongs. Internal rows sort elsewhere in storage
//! than the key that owns them, so the two are different types and only [`route_key`] leads from one to the other.

mod bracket;
mod encoding;
mod family;
mod route;
pub mod text;
mod txn;

pub(crate) use bracket::clip_control_rows;
pub use bracket::{
    Bracket, BracketId, bracket_ids, clip_prefix_delete, export_plan, prefix_footprint, protected_namespace,
    reserved_namespace_conflict, targets_control_namespace,
};
pub use encoding::{
    DecodeError, Decoded, decode_f64s, decode_i64s, decode_len32, decode_seg01, decode_uvarint, encode_f64s,
    encode_i64s, encode_len32, encode_seg01, encode_uvarint,
};
pub use family::{Handling, KeyFamily};
pub use route::{route_key, split_boundary};
pub use txn::{TxnKey, is_txn_internal};

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key a row is stored under.
///
/// Any bytes, the empty key included. Prints and serializes readably, see [`text`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawKey(Vec<u8>);

/// The key a row belongs under: what routes and ranges are made of (K1).
///
/// Any bytes, the empty key included. Prints and serializes readably, see [`text`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingKey(Vec<u8>);

/// What both newtypes can do; nothing here leads from one to the other.
macro_rules! key_bytes {
    ($key:ty) => {
        impl $key {
            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The bytes, taken out.
            #[must_use]
            pub fn into_bytes(self) -> Vec<u8> {
                self.0
            }

            /// Whether it is the empty key, the least of all.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $key {
            fn from(bytes: &str) -> Self {
                Self(bytes.as_bytes().to_vec())
            }
        }

        impl From<&[u8]> for $key {
            fn from(bytes: &[u8]) -> Self {
                Self(bytes.to_vec())
            }
        }

        impl From<Vec<u8>> for $key {
            fn from(bytes: Vec<u8>) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text::write(&self.0, f)
            }
        }

        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // A key that prints as nothing would vanish inside a larger value.
                if self.0.is_empty() { f.write_str("\"\"") } else { text::write(&self.0, f) }
            }
        }

        impl Serialize for $key {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                text::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $key {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::deserialize(deserializer).map(Self)
            }
        }
    };
}

key_bytes!(RawKey);
key_bytes!(RoutingKey);

/// An interval `[start, end)` of raw keys; no end means +∞.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RawInterval {
    /// The least raw key of the interval.
    pub start: RawKey,
    /// The least raw key above the interval, or `None` for +∞.
    pub end: Option<RawKey>,
}

impl RawInterval {
    /// Every raw key.
    #[must_use]
    pub fn all() -> Self {
        Self { start: RawKey::default(), end: None }
    }

    /// Exactly this key.
    #[must_use]
    pub fn point(key: &RawKey) -> Self {
        let mut after = key.as_bytes().to_vec();
        after.push(0);
        Self { start: key.clone(), end: Some(RawKey(after)) }
    }

    /// Whether no key can lie in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// All raw keys that begin with `prefix`.
    #[must_use]
    pub fn of_prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.into(), end: prefix_end(prefix).map(RawKey) }
    }

    /// Whether `key` is in the interval.
    #[must_use]
    pub fn contains(&self, key: &RawKey) -> bool {
        self.start <= *key && self.ends_above(key)
    }

    /// Whether some key is in both intervals, neither being empty.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.ends_above(&other.start) && other.ends_above(&self.start)
    }

    fn ends_above(&self, key: &RawKey) -> bool {
        self.end.as_ref().is_none_or(|end| key < end)
    }
}

/// The least byte string above everything that begins with `prefix`, or `None` if there is none.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_below_the_next_prefix_of_its_length() {
        assert_eq!(prefix_end(b"a"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"\xff\xff"), None);
        assert_eq!(prefix_end(b""), None);
    }

    #[test]
    fn a_prefix_interval_holds_exactly_what_begins_with_it() {
        let interval = RawInterval::of_prefix(b"a\xff");
        assert!(interval.contains(&b"a\xff"[..].into()) && interval.contains(&b"a\xff\xff\xff"[..].into()));
        assert!(!interval.contains(&"a".into()) && !interval.contains(&"b".into()));
        assert!(!interval.is_empty() && !RawInterval::all().is_empty());
        assert_eq!(RawInterval::of_prefix(b""), RawInterval::all());
        assert!(RawInterval { start: "b".into(), end: Some("b".into()) }.is_empty());
    }
}
