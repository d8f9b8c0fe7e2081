//! Half-open intervals of routing keys.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key::RoutingKey;

/// A non-empty half-open interval `[start, end)` of routing keys; no end means +∞, the empty start is the least key.
///
/// Ordered by start, then by end, +∞ last.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct KeyRange {
    start: RoutingKey,
    end: Option<RoutingKey>,
}

impl KeyRange {
    /// The interval `[start, end)`; an absent or empty `end` is +∞.
    ///
    /// # Errors
    ///
    /// [`RangeError`] if no key would be in it.
    pub fn new(start: RoutingKey, end: Option<RoutingKey>) -> Result<Self, RangeError> {
        let end = end.filter(|end| !end.is_empty());
        match &end {
            Some(end) if *end == start => Err(RangeError::Empty { key: start }),
            Some(end) if *end < start => Err(RangeError::Inverted { start, end: end.clone() }),
            Some(_) | None => Ok(Self { start, end }),
        }
    }

    /// Exactly this key.
    pub fn point(key: &RoutingKey) -> Self {
        let mut after = key.as_bytes().to_vec();
        after.push(0);
        Self { start: key.clone(), end: Some(RoutingKey::from(after)) }
    }

    /// The whole key space.
    #[must_use]
    pub fn all() -> Self {
        Self { start: RoutingKey::default(), end: None }
    }

    /// The least key of the range.
    #[must_use]
    pub fn start(&self) -> &RoutingKey {
        &self.start
    }

    /// The least key above the range, or `None` for +∞.
    #[must_use]
    pub fn end(&self) -> Option<&RoutingKey> {
        self.end.as_ref()
    }

    /// Whether `key` is in the range.
    #[must_use]
    pub fn contains(&self, key: &RoutingKey) -> bool {
        self.start <= *key && self.is_above(key)
    }

    /// Whether every key of `other` is in the range.
    #[must_use]
    pub fn contains_range(&self, other: &Self) -> bool {
        self.start <= other.start && compare_ends(other.end(), self.end()) != Ordering::Greater
    }

    /// Whether some key is in both ranges.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.is_above(&other.start) && other.is_above(&self.start)
    }

    /// The keys that are in both ranges, or `None` if there are none.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        if !self.intersects(other) {
            return None;
        }
        let start = self.start.clone().max(other.start.clone());
        let nearer = if compare_ends(self.end(), other.end()) == Ordering::Greater { other } else { self };
        Some(Self { start, end: nearer.end.clone() })
    }

    /// The parts below `key` and from `key` on, or `None` if one of them would be empty.
    #[must_use]
    pub fn split_at(&self, key: &RoutingKey) -> Option<(Self, Self)> {
        if self.start < *key && self.is_above(key) {
            let left = Self { start: self.start.clone(), end: Some(key.clone()) };
            let right = Self { start: key.clone(), end: self.end.clone() };
            Some((left, right))
        } else {
            None
        }
    }

    /// Whether one range begins exactly where the other ends.
    #[must_use]
    pub fn is_adjacent_to(&self, other: &Self) -> bool {
        self.end() == Some(&other.start) || other.end() == Some(&self.start)
    }

    /// Whether the range ends above `key`.
    fn is_above(&self, key: &RoutingKey) -> bool {
        self.end.as_ref().is_none_or(|end| key < end)
    }
}

impl Ord for KeyRange {
    fn cmp(&self, other: &Self) -> Ordering {
        self.start.cmp(&other.start).then_with(|| compare_ends(self.end(), other.end()))
    }
}

impl PartialOrd for KeyRange {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            Some(end) => write!(f, "[{:?}, {end:?})", self.start),
            None => write!(f, "[{:?}, +∞)", self.start),
        }
    }
}

/// Why two bounds don't make a range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    /// The end is the start: no key is in it.
    #[error("the range [{key:?}, {key:?}) is empty; its end must be above its start, or absent for +∞")]
    Empty {
        /// Both bounds.
        key: RoutingKey,
    },
    /// The end is below the start.
    #[error("the range [{start:?}, {end:?}) ends before it starts; were its bounds swapped?")]
    Inverted {
        /// The given start.
        start: RoutingKey,
        /// The given end, below the start.
        end: RoutingKey,
    },
}

/// Orders ends of intervals: +∞ is above every key, which `Option`'s own order has the other way round.
fn compare_ends(left: Option<&RoutingKey>, right: Option<&RoutingKey>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => left.cmp(right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// A range as it is written down: any two bounds, checked when read back.
#[derive(Serialize, Deserialize)]
struct Bounds {
    start: RoutingKey,
    #[serde(default)]
    end: Option<RoutingKey>,
}

impl TryFrom<Bounds> for KeyRange {
    type Error = RangeError;

    fn try_from(bounds: Bounds) -> Result<Self, RangeError> {
        Self::new(bounds.start, bounds.end)
    }
}

impl From<KeyRange> for Bounds {
    fn from(range: KeyRange) -> Self {
        Self { start: range.start, end: range.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> KeyRange {
        KeyRange::new(start.into(), Some(end.into())).expect("the test's bounds are in order")
    }

    #[test]
    fn an_empty_end_is_infinity() {
        assert_eq!(range("m", ""), KeyRange::new("m".into(), None).expect("no end is never below the start"));
        assert_eq!(range("", ""), KeyRange::all());
        assert!(range("m", "").contains(&RoutingKey::from(&[0xff_u8; 64][..])));
        assert!(KeyRange::all().contains(&RoutingKey::default()));
    }

    #[test]
    fn ranges_without_a_key_are_refused() {
        assert_eq!(KeyRange::new("a".into(), Some("a".into())), Err(RangeError::Empty { key: "a".into() }));
        let inverted = RangeError::Inverted { start: "b".into(), end: "a".into() };
        assert_eq!(KeyRange::new("b".into(), Some("a".into())), Err(inverted));
        assert!(serde_json::from_str::<KeyRange>(r#"{"start":"b","end":"a"}"#).is_err());
    }

    #[test]
    fn the_start_is_inside_and_the_end_is_outside() {
        let range = range("b", "d");
        assert!(range.contains(&"b".into()) && range.contains(&"c\u{7f}".into()));
        assert!(!range.contains(&"d".into()) && !range.contains(&"a".into()));
    }

    #[test]
    fn neighbours_are_adjacent_and_share_no_key() {
        let (left, right) = KeyRange::all().split_at(&"m".into()).expect("m is inside");
        assert!(left.is_adjacent_to(&right) && right.is_adjacent_to(&left));
        assert!(!left.intersects(&right) && left.intersection(&right).is_none());
        assert!(!right.is_adjacent_to(&right), "+∞ is no key, so nothing begins there");
    }

    #[test]
    fn a_split_at_a_bound_or_outside_is_none() {
        let range = range("b", "d");
        for key in ["", "a", "b", "d", "e"] {
            assert_eq!(range.split_at(&key.into()), None, "{key}");
        }
        assert_eq!(KeyRange::all().split_at(&"".into()), None);
    }

    #[test]
    fn infinity_is_the_greatest_end() {
        assert!(range("b", "") > range("b", "z"));
        assert!(range("a", "").contains_range(&range("b", "")));
        assert!(!range("b", "z").contains_range(&range("b", "")));
        assert_eq!(range("a", "").intersection(&range("", "m")), Some(range("a", "m")));
    }

    #[test]
    fn a_range_prints_and_reads_back() {
        let printed: Vec<String> =
            [range("a", "b"), KeyRange::all()].iter().map(|range| format!("{range:?}")).collect();
        assert_eq!(printed, ["[a, b)", "[\"\", +∞)"]);
        for range in [range("a", "b"), KeyRange::all(), range("m", "")] {
            let json = serde_json::to_string(&range).expect("a range serializes");
            assert_eq!(serde_json::from_str::<KeyRange>(&json).expect("its own json reads back"), range);
        }
    }
}
