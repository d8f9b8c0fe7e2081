//! Versions of a key: what a read sees, how staged and live rows merge, what compaction may collect.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::text;
use crate::timestamp::Timestamp;

/// One version of one raw key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// When it was committed; unique among the versions of its key.
    pub commit_ts: Timestamp,
    /// What it says.
    pub content: Content,
}

/// What a version says about its key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Content {
    /// The key has this value until it expires.
    Put {
        /// The value, any bytes.
        #[serde(with = "text")]
        value: Vec<u8>,
        /// The first read timestamp at which the value is gone; zero is never.
        expire_at: Timestamp,
    },
    /// The key is deleted.
    Tombstone,
}

impl Version {
    /// A value that never expires.
    #[must_use]
    pub fn put(commit_ts: Timestamp, value: impl Into<Vec<u8>>) -> Self {
        Self::put_until(commit_ts, value, Timestamp::ZERO)
    }

    /// A value that reads at `expire_at` and later don't see; zero is never.
    #[must_use]
    pub fn put_until(commit_ts: Timestamp, value: impl Into<Vec<u8>>, expire_at: Timestamp) -> Self {
        Self { commit_ts, content: Content::Put { value: value.into(), expire_at } }
    }

    /// A deletion.
    #[must_use]
    pub fn tombstone(commit_ts: Timestamp) -> Self {
        Self { commit_ts, content: Content::Tombstone }
    }

    /// Whether it is a deletion.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        match self.content {
            Content::Tombstone => true,
            Content::Put { .. } => false,
        }
    }

    /// The first read timestamp at which the value is gone; zero, also of a tombstone, is never.
    #[must_use]
    pub fn expire_at(&self) -> Timestamp {
        match self.content {
            Content::Put { expire_at, .. } => expire_at,
            Content::Tombstone => Timestamp::ZERO,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { value, expire_at } => {
                write!(f, "Put({}", text::encode(value))?;
                if *expire_at != Timestamp::ZERO {
                    write!(f, " until {expire_at}")?;
                }
                f.write_str(")")
            }
            Self::Tombstone => f.write_str("Tombstone"),
        }
    }
}

/// The value that a read at `read_ts` returns, given the newest version at or below `read_ts`, or `None` if absent.
///
/// A candidate above `read_ts` is not one and counts as absent: a caller that picked it wrongly must not show the future.
#[must_use]
pub fn visible_at(candidate: Option<&Version>, read_ts: Timestamp) -> Option<&[u8]> {
    let version = candidate.filter(|version| version.commit_ts <= read_ts)?;
    match &version.content {
        Content::Put { value, expire_at } if *expire_at == Timestamp::ZERO || read_ts < *expire_at => Some(value),
        Content::Put { .. } | Content::Tombstone => None,
    }
}

/// The newest of `versions`, in any order, at or below `read_ts`: a candidate, before tombstones and expiry apply.
#[must_use]
pub fn newest_at<'a>(versions: impl IntoIterator<Item = &'a Version>, read_ts: Timestamp) -> Option<&'a Version> {
    versions
        .into_iter()
        .filter(|version| version.commit_ts <= read_ts)
        .fold(None, |newest, version| newest_of(newest, Some(version)))
}

/// The newer of two candidates, one from the staged rows and one from the live ones (P6).
///
/// It must be applied to raw candidates, and [`visible_at`] to its result: merging what is already filtered lets a
/// promoted tombstone uncover an older staged value. Promotion leaves the same version on both sides for a while; of
/// equally new ones the first is returned.
#[must_use]
pub fn newest_of<'a>(left: Option<&'a Version>, right: Option<&'a Version>) -> Option<&'a Version> {
    match (left, right) {
        (Some(left), Some(right)) if left.commit_ts < right.commit_ts => Some(right),
        (Some(left), _) => Some(left),
        (None, right) => right,
    }
}

/// The index of the oldest version that reads at `min_ts` and later can still see, or `None` if it has nothing below it
/// to collect.
///
/// `commit_timestamps` are those of one key, strictly ascending. Tombstones and expired versions are kept like any
/// other: another copy of the key may hold what they hide.
#[must_use]
pub fn keep_index(commit_timestamps: &[Timestamp], min_ts: Timestamp) -> Option<usize> {
    debug_assert!(commit_timestamps.is_sorted_by(|older, newer| older < newer), "not ascending: {commit_timestamps:?}");
    let at_or_below = commit_timestamps.partition_point(|commit_ts| *commit_ts <= min_ts);
    at_or_below.checked_sub(1).filter(|index| *index > 0)
}

/// The versions of one key, oldest first, that no read at `min_ts` or later can see.
///
/// `min_ts` is the caller's: the oldest read still running, and below every retention pin (G2).
#[must_use]
pub fn collectable(oldest_first: &[Version], min_ts: Timestamp) -> &[Version] {
    let commit_timestamps: Vec<Timestamp> = oldest_first.iter().map(|version| version.commit_ts).collect();
    &oldest_first[..keep_index(&commit_timestamps, min_ts).unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(raw: u64) -> Timestamp {
        Timestamp::from_raw(raw)
    }

    #[test]
    fn an_expired_newest_version_does_not_uncover_an_older_one() {
        let versions = [Version::put(ts(10), "a"), Version::put_until(ts(20), "b", ts(25))];
        let read = |read_ts| visible_at(newest_at(&versions, read_ts), read_ts);
        assert_eq!(read(ts(24)), Some(&b"b"[..]));
        assert_eq!(read(ts(25)), None);
    }

    #[test]
    fn a_live_tombstone_hides_an_older_staged_value() {
        let (staged, live) = (Version::put(ts(10), "staged"), Version::tombstone(ts(20)));
        let merged = newest_of(newest_at([&staged], ts(30)), newest_at([&live], ts(30)));
        assert_eq!(merged, Some(&live));
        assert_eq!(visible_at(merged, ts(30)), None);
        assert_eq!(newest_of(Some(&live), Some(&staged)), merged, "the order of the two sides doesn't matter");
    }

    #[test]
    fn a_candidate_from_the_future_is_not_shown() {
        assert_eq!(visible_at(Some(&Version::put(ts(11), "a")), ts(10)), None);
    }

    #[test]
    fn only_what_the_kept_version_shadows_is_collectable() {
        let versions = [10, 20, 30, 40].map(|at| Version::tombstone(ts(at)));
        assert_eq!(collectable(&versions, ts(30)), &versions[..2]);
        assert_eq!(collectable(&versions, ts(15)), []);
        assert_eq!(collectable(&[], ts(15)), []);
    }

    #[test]
    fn a_version_prints_its_value_readably() {
        let versions = [Version::put_until(ts(1), "v", ts(9)), Version::put(ts(2), [0xff]), Version::tombstone(ts(3))];
        let printed = versions.map(|version| format!("{:?}", version.content));
        assert_eq!(printed, ["Put(v until 9)", "Put(0xff)", "Tombstone"]);
    }
}
