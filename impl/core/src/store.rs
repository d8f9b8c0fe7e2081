//! What a data group asks of the store that holds its versions, and the smallest store that answers.

use crate::group::Window;
use crate::key::{RawInterval, RawKey};
use crate::timestamp::Timestamp;
use crate::txn::Lock;
use crate::version::{Content, Version};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The two keyspaces of a group: what it serves, and what is being moved to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Keyspace {
    /// Versions that the group owns.
    Live,
    /// Versions imported by a job and not promoted yet.
    Staged,
}

/// The order of a walk over keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// From the least key to the greatest.
    Forward,
    /// From the greatest key to the least.
    Reverse,
}

/// One stored version and the key it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The raw key.
    pub key: RawKey,
    /// The version.
    pub version: Version,
}

/// What can be read of a group's store: versions by keyspace, raw key and commit timestamp.
///
/// The order of keys is that of their bytes, also where one is a prefix of another; the versions of a key are adjacent.
/// A snapshot of a store can be read while the store goes on changing: exports are made from one.
pub trait VersionReader {
    /// The newest version of the key with `commit_ts <= at`.
    fn newest_at(&self, space: Keyspace, key: &RawKey, at: Timestamp) -> Option<Version>;

    /// The version of the key with exactly this commit timestamp.
    fn version_at(&self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> Option<Version> {
        self.newest_at(space, key, commit_ts).filter(|version| version.commit_ts == commit_ts)
    }

    /// The rows whose keys lie in the interval, keys in the given direction, the versions of a key newest first.
    fn walk<'a>(
        &'a self,
        space: Keyspace,
        interval: &RawInterval,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Row> + 'a>;

    /// As [`VersionReader::walk`] over live rows, keys ascending; rows outside the window may be left out.
    ///
    /// A store that knows what was written lately answers without looking at the rest, so that the last copy of a range
    /// costs what it carries, however large the range is (P4).
    fn walk_window<'a>(&'a self, interval: &RawInterval, _window: Window) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.walk(Keyspace::Live, interval, Direction::Forward)
    }

    /// The lock on the key.
    fn lock(&self, key: &RawKey) -> Option<Lock>;

    /// The locks on keys of the interval, keys ascending.
    ///
    /// A lock is stored under the raw key that it locks, which may sort far from where it routes (K2).
    fn locks<'a>(&'a self, interval: &RawInterval) -> Box<dyn Iterator<Item = (RawKey, Lock)> + 'a>;
}

/// The store of a group, as `apply` changes it.
pub trait VersionStore: VersionReader {
    /// Stores the version; a version of the same key and timestamp is replaced.
    fn put(&mut self, space: Keyspace, key: &RawKey, version: &Version);

    /// Removes the version physically; says whether it was there.
    fn remove(&mut self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> bool;

    /// Locks the key; a lock that stands on it is replaced.
    fn put_lock(&mut self, key: &RawKey, lock: &Lock);

    /// Releases the lock on the key; says whether there was one.
    fn remove_lock(&mut self, key: &RawKey) -> bool;
}

type Versions = BTreeMap<Reverse<Timestamp>, Content>;

/// A store in memory: small, ordered, equal when its rows are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryStore {
    live: BTreeMap<RawKey, Versions>,
    staged: BTreeMap<RawKey, Versions>,
    locks: BTreeMap<RawKey, Lock>,
}

impl MemoryStore {
    fn space(&self, space: Keyspace) -> &BTreeMap<RawKey, Versions> {
        match space {
            Keyspace::Live => &self.live,
            Keyspace::Staged => &self.staged,
        }
    }

    fn space_mut(&mut self, space: Keyspace) -> &mut BTreeMap<RawKey, Versions> {
        match space {
            Keyspace::Live => &mut self.live,
            Keyspace::Staged => &mut self.staged,
        }
    }
}

fn bounds(interval: &RawInterval) -> (Bound<RawKey>, Bound<RawKey>) {
    (Bound::Included(interval.start.clone()), interval.end.clone().map_or(Bound::Unbounded, Bound::Excluded))
}

fn rows_of<'a>(key: &'a RawKey, versions: &'a Versions) -> impl Iterator<Item = Row> + 'a {
    versions.iter().map(|(Reverse(commit_ts), content)| Row {
        key: key.clone(),
        version: Version { commit_ts: *commit_ts, content: content.clone() },
    })
}

impl VersionReader for MemoryStore {
    fn newest_at(&self, space: Keyspace, key: &RawKey, at: Timestamp) -> Option<Version> {
        let (Reverse(commit_ts), content) = self.space(space).get(key)?.range(Reverse(at)..).next()?;
        Some(Version { commit_ts: *commit_ts, content: content.clone() })
    }

    fn walk<'a>(
        &'a self,
        space: Keyspace,
        interval: &RawInterval,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Row> + 'a> {
        if interval.is_empty() {
            return Box::new(std::iter::empty());
        }
        let keys = self.space(space).range(bounds(interval));
        match direction {
            Direction::Forward => Box::new(keys.flat_map(|(key, versions)| rows_of(key, versions))),
            Direction::Reverse => Box::new(keys.rev().flat_map(|(key, versions)| rows_of(key, versions))),
        }
    }

    fn lock(&self, key: &RawKey) -> Option<Lock> {
        self.locks.get(key).cloned()
    }

    fn locks<'a>(&'a self, interval: &RawInterval) -> Box<dyn Iterator<Item = (RawKey, Lock)> + 'a> {
        if interval.is_empty() {
            return Box::new(std::iter::empty());
        }
        Box::new(self.locks.range(bounds(interval)).map(|(key, lock)| (key.clone(), lock.clone())))
    }
}

impl VersionStore for MemoryStore {
    fn put(&mut self, space: Keyspace, key: &RawKey, version: &Version) {
        let versions = self.space_mut(space).entry(key.clone()).or_default();
        versions.insert(Reverse(version.commit_ts), version.content.clone());
    }

    fn remove(&mut self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> bool {
        let keys = self.space_mut(space);
        let Some(versions) = keys.get_mut(key) else { return false };
        let removed = versions.remove(&Reverse(commit_ts)).is_some();
        if versions.is_empty() {
            keys.remove(key);
        }
        removed
    }

    fn put_lock(&mut self, key: &RawKey, lock: &Lock) {
        self.locks.insert(key.clone(), lock.clone());
    }

    fn remove_lock(&mut self, key: &RawKey) -> bool {
        self.locks.remove(key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(commit_ts: u64, value: &str) -> Version {
        Version::put(Timestamp::from_raw(commit_ts), value.as_bytes().to_vec())
    }

    #[test]
    fn the_newest_version_at_or_below_is_found_between_versions() {
        let mut store = MemoryStore::default();
        store.put(Keyspace::Live, &RawKey::from("a"), &version(3, "x"));
        store.put(Keyspace::Live, &RawKey::from("a"), &version(5, "y"));
        let found = store.newest_at(Keyspace::Live, &RawKey::from("a"), Timestamp::from_raw(4));
        assert_eq!(found, Some(version(3, "x")));
    }

    #[test]
    fn a_key_that_extends_another_sorts_after_all_its_versions() {
        let mut store = MemoryStore::default();
        for (key, ts) in [("a", 1), ("ab", 9), ("a", 7)] {
            store.put(Keyspace::Live, &RawKey::from(key), &version(ts, key));
        }
        let walked: Vec<_> = store
            .walk(Keyspace::Live, &RawInterval::all(), Direction::Forward)
            .map(|row| (row.key, row.version.commit_ts.raw()))
            .collect();
        assert_eq!(walked, [(RawKey::from("a"), 7), (RawKey::from("a"), 1), (RawKey::from("ab"), 9)]);
    }

    #[test]
    fn the_last_version_of_a_key_takes_the_key_with_it() {
        let mut store = MemoryStore::default();
        store.put(Keyspace::Staged, &RawKey::from("a"), &version(1, "x"));
        assert!(store.remove(Keyspace::Staged, &RawKey::from("a"), Timestamp::from_raw(1)));
        assert_eq!(store, MemoryStore::default());
    }
}
