//! The rows of a group: what was committed, and what was put since.

mod digest;

pub use digest::BracketSum;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::log::LogPosition;
use splitjob_core::group::Window;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader, VersionStore};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Lock;
use splitjob_core::version::Version;
use std::collections::BTreeMap;

/// Where a store stands in its group's log, and what the group is besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry whose effects are in the rows.
    pub applied: LogPosition,
    /// The group's state without its rows, opaque.
    pub state: Vec<u8>,
    /// The group's members, opaque.
    pub configuration: Vec<u8>,
}

/// What a crash does to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It may be taken back, together with all since the last durable one: the log is the write-ahead log.
    Buffered,
    /// It stays, and so do those before it.
    Durable,
}

/// The rows, locks and records of a group.
///
/// Reads see everything that was put; nobody else does until [`GroupStore::commit`]. The traits of the core have no
/// channel for errors: the first one is kept, [`GroupStore::fault`] tells it, and reads answer nothing from then on. Whoever
/// applies an entry asks for the fault before anything is acknowledged.
#[derive(Debug)]
pub struct GroupStore {}

impl GroupStore {
    /// Opens the file, or begins one that has no checkpoint. `cache_bytes` bounds the page cache.
    ///
    /// The whole file is read and its checksums are checked, so that damage is found here and not by a read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(
        disk: &dyn Disk,
        name: &str,
        cache_bytes: usize,
    ) -> Result<(GroupStore, Option<Checkpoint>), StoreError> {
        unwritten()
    }

    /// Writes what was put since the last commit, and the checkpoint, as a whole.
    ///
    /// # Errors
    /// [`StoreError`]; also the fault that was kept. The store must be opened again after an error.
    pub fn commit(&mut self, checkpoint: &Checkpoint, durability: Durability) -> Result<(), StoreError> {
        unwritten()
    }

    /// The first error that a read or a put met.
    #[must_use]
    pub fn fault(&self) -> Option<StoreError> {
        unwritten()
    }

    /// Stores an opaque record, or removes it.
    pub fn put_record(&mut self, key: &[u8], value: Option<&[u8]>) {
        unwritten()
    }

    /// The record with the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        unwritten()
    }

    /// All records, keys ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn records(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        unwritten()
    }

    /// The last commit, to be read for as long as it is kept; costs O(1).
    ///
    /// A view keeps the pages that it reads from being used again, so that the file grows while it lives: its owner bounds
    /// its age.
    ///
    /// # Errors
    /// The fault that was kept.
    pub fn view(&self) -> Result<StoreView, StoreError> {
        unwritten()
    }

    /// Every live version with a greater commit timestamp is in the index of recent writes.
    #[must_use]
    pub fn covers_after(&self) -> Timestamp {
        unwritten()
    }

    /// Keeps sums of the rows of a keyspace that route into the range, until [`GroupStore::unwatch`].
    ///
    /// They count from the last commit: what was put since is in them, what the commit holds isn't. The sums of a view
    /// that is taken before the next commit are therefore exactly what is missing ([`StoreView::digest`]): those of the
    /// view, plus those of [`GroupStore::digest`] at any time, are the sums of what the store holds at that time.
    /// A watch of the same job begins anew. Watches are not stored.
    pub fn watch(&mut self, job: u64, range: KeyRange, side: Keyspace) {
        unwritten()
    }

    /// Forgets a watch.
    pub fn unwatch(&mut self, job: u64) {
        unwritten()
    }

    /// What has changed since [`GroupStore::watch`], by the number of the bracket; brackets without change are left out.
    #[must_use]
    pub fn digest(&self, job: u64) -> BTreeMap<u64, BracketSum> {
        unwritten()
    }
}

/// A commit of a store, which stays as it is.
///
/// Owned, cheap to clone, and readable on any thread. Errors are kept as by [`GroupStore::fault`].
#[derive(Clone, Debug)]
pub struct StoreView {}

impl StoreView {
    /// The first error that a read met.
    #[must_use]
    pub fn fault(&self) -> Option<StoreError> {
        unwritten()
    }

    /// The sums of the rows up to `through` that route into the range, by the number of the bracket, by a scan.
    ///
    /// [`GroupStore::watch`] says how they go together with what changes meanwhile; `through` must then be at or above
    /// every version of the range, as [`Timestamp::MAX`] is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn digest(
        &self,
        range: &KeyRange,
        side: Keyspace,
        through: Timestamp,
    ) -> Result<BTreeMap<u64, BracketSum>, StoreError> {
        unwritten()
    }

    /// Everything but the checkpoint, in parts of about `max_bytes`, for a [`SnapshotWriter`].
    #[must_use]
    pub fn snapshot_chunks(&self, max_bytes: usize) -> SnapshotChunks {
        unwritten()
    }
}

/// The contents of a view in parts; see [`StoreView::snapshot_chunks`].
#[derive(Debug)]
pub struct SnapshotChunks {}

impl Iterator for SnapshotChunks {
    type Item = Result<Vec<u8>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        unwritten()
    }
}

/// Stores the parts of a snapshot in a file of its own.
///
/// Nothing points to the file until the log is reset to it ([`crate::LogBatch::reset`]); one that was not finished has no
/// checkpoint and is removed by whoever finds it.
#[derive(Debug)]
pub struct SnapshotWriter {}

impl SnapshotWriter {
    /// Begins a file; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create(disk: &dyn Disk, name: &str) -> Result<SnapshotWriter, StoreError> {
        unwritten()
    }

    /// Takes the next part; an empty one is nothing.
    ///
    /// # Errors
    /// [`StoreError::Snapshot`] if it isn't the next one or is damaged; another [`StoreError`] if it can't be stored.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        unwritten()
    }

    /// Makes the file durable, with the checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Snapshot`] if parts are missing; another [`StoreError`] if it can't be stored.
    pub fn finish(self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        unwritten()
    }
}

macro_rules! reads {
    ($reader:ty) => {
        impl VersionReader for $reader {
            fn newest_at(&self, space: Keyspace, key: &RawKey, at: Timestamp) -> Option<Version> {
                unwritten()
            }

            fn walk<'a>(
                &'a self,
                space: Keyspace,
                interval: &RawInterval,
                direction: Direction,
            ) -> Box<dyn Iterator<Item = Row> + 'a> {
                unwritten()
            }

            fn walk_window<'a>(&'a self, interval: &RawInterval, window: Window) -> Box<dyn Iterator<Item = Row> + 'a> {
                unwritten()
            }

            fn lock(&self, key: &RawKey) -> Option<Lock> {
                unwritten()
            }

            fn locks<'a>(&'a self, interval: &RawInterval) -> Box<dyn Iterator<Item = (RawKey, Lock)> + 'a> {
                unwritten()
            }
        }
    };
}

reads!(GroupStore);
reads!(StoreView);

impl VersionStore for GroupStore {
    fn put(&mut self, space: Keyspace, key: &RawKey, version: &Version) {
        unwritten()
    }

    fn remove(&mut self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> bool {
        unwritten()
    }

    fn put_lock(&mut self, key: &RawKey, lock: &Lock) {
        unwritten()
    }

    fn remove_lock(&mut self, key: &RawKey) -> bool {
        unwritten()
    }
}

fn unwritten<T>() -> T {
    panic!("only the signatures are there")
}

/// How many recent writes the index knows.
pub const RECENT_ENTRIES: usize = 1 << 18;
