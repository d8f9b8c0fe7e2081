//! The store that a group applies its log to.

use super::checkpoint::{Checkpoint, Meta, check_key, check_size};
use super::digest::{BracketSum, Watch};
use super::key::{decode_row_key, row_key};
use super::overlay::{Merged, Overlay};
use super::read::{Fault, Reader, RecentWalk, Walk};
use super::recent::Recent;
use super::snapshot::{Snapshot, Table};
use super::view::StoreView;
use super::write::write_changes;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::record::{self, decode_content, encode_content, encode_lock};
use crate::{MAX_VALUE_BYTES, engine};
use redb::Database;
use splitjob_core::group::Window;
use splitjob_core::key::{RawInterval, RawKey, route_key};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader, VersionStore};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Lock;
use splitjob_core::version::{Content, Version};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// An opaque record: its key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// What a crash does to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It may be taken back, together with all since the last durable one: the log is the write-ahead log.
    ///
    /// Pages of the last durable commit aren't used again until the next one, so that the file grows with what is
    /// rewritten between the two: whoever commits bounds that.
    Buffered,
    /// It stays, and so do those before it.
    Durable,
}

/// The rows, locks and records of a group.
///
/// Reads see everything that was put; nobody else does until [`GroupStore::commit`]. The traits of the core have no
/// channel for errors: the first one is kept, [`GroupStore::fault`] tells it, and reads answer nothing from then on. Whoever
/// applies an entry asks for the fault before anything is acknowledged.
///
/// A store that is dropped makes its buffered commits durable, as far as the disk lets it.
#[derive(Debug)]
pub struct GroupStore {
    // Before the database: a snapshot is to be gone when the file is closed.
    snapshot: Arc<Snapshot>,
    overlay: Overlay,
    recent: Recent,
    greatest_live_ts: Timestamp,
    watches: BTreeMap<u64, Watch>,
    /// Keys on disk from the first to the second are in no commit: imports ask for many that aren't there, in order.
    gap: Option<(Table, Vec<u8>, Bound<Vec<u8>>)>,
    fault: Fault,
    database: engine::File,
    name: Arc<str>,
}

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
        let database = engine::open(disk, name, cache_bytes)?;
        let meta = create_tables(&database, name)?;
        let name: Arc<str> = name.into();
        let recent = Recent::beginning_at(meta.greatest_live_ts);
        let snapshot = Arc::new(Snapshot::of(&database, &name, recent.clone())?);
        let store = GroupStore {
            snapshot,
            overlay: Overlay::default(),
            recent,
            greatest_live_ts: meta.greatest_live_ts,
            watches: BTreeMap::new(),
            gap: None,
            fault: Fault::default(),
            database,
            name,
        };
        Ok((store, meta.checkpoint))
    }

    /// Writes what was put since the last commit, and the checkpoint, as a whole.
    ///
    /// # Errors
    /// [`StoreError`]; also the fault that was kept. The store must be opened again after an error.
    pub fn commit(&mut self, checkpoint: &Checkpoint, durability: Durability) -> Result<(), StoreError> {
        if let Some(fault) = self.fault.get() {
            return Err(fault.clone());
        }
        let name = Arc::clone(&self.name);
        let committed = engine::unpanicked(&name, || self.try_commit(checkpoint, durability));
        if let Err(error) = &committed {
            self.fault.keep(error.clone());
        }
        committed
    }

    /// The first error that a read or a put met.
    #[must_use]
    pub fn fault(&self) -> Option<StoreError> {
        self.fault.get().cloned()
    }

    /// Stores an opaque record, or removes it.
    pub fn put_record(&mut self, key: &[u8], value: Option<&[u8]>) {
        let checked = check_key(key).and_then(|()| check_size("record", value.map_or(0, <[u8]>::len), MAX_VALUE_BYTES));
        if let Err(error) = checked {
            return self.fault.keep(error);
        }
        let record = value.map(|value| record::seal(key, [&record::begin(value.len())[..], value].concat()));
        self.overlay.set(Table::Records, key.to_vec(), record);
    }

    /// The record with the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(record) = self.reader().get(Table::Records, key)? else { return Ok(None) };
        self.record_body(key, record.bytes()).map(Some)
    }

    /// All records, keys ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn records(&self) -> Result<Vec<Record>, StoreError> {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let mut found = self.reader().merged(Table::Records, &everything, Direction::Forward)?;
        let mut records = Vec::new();
        while let Some((key, record)) = found.next()? {
            records.push((key.bytes().to_vec(), self.record_body(key.bytes(), record.bytes())?));
        }
        Ok(records)
    }

    /// The last commit, to be read for as long as it is kept; costs O(1).
    ///
    /// A view keeps the pages that it reads from being used again, so that the file grows while it lives: its owner bounds
    /// its age.
    ///
    /// # Errors
    /// The fault that was kept.
    pub fn view(&self) -> Result<StoreView, StoreError> {
        match self.fault.get() {
            Some(fault) => Err(fault.clone()),
            None => Ok(StoreView::new(Arc::clone(&self.snapshot))),
        }
    }

    /// Every live version with a greater commit timestamp is in the index of recent writes.
    ///
    /// The index isn't stored: after an opening it begins above everything that is there. It is the last copy under a fence
    /// that needs it (P4); a store that was opened since the copy began walks through the range instead.
    #[must_use]
    pub fn covers_after(&self) -> Timestamp {
        self.recent.covers_after()
    }

    /// Keeps sums of the rows of a keyspace that route into the range, until [`GroupStore::unwatch`].
    ///
    /// They count from the last commit: what was put since is in them, what the commit holds isn't. The sums of a view
    /// that is taken before the next commit are therefore exactly what is missing ([`StoreView::digest`]): those of the
    /// view, plus those of [`GroupStore::digest`] at any time, are the sums of what the store holds at that time.
    /// A watch of the same job begins anew. Watches are not stored.
    pub fn watch(&mut self, job: u64, range: KeyRange, side: Keyspace) {
        let mut watch = Watch::new(range, side);
        if let Err(error) = self.count_changes(&mut watch) {
            self.fault.keep(error);
        }
        self.watches.insert(job, watch);
    }

    /// Forgets a watch.
    pub fn unwatch(&mut self, job: u64) {
        self.watches.remove(&job);
    }

    /// What has changed since [`GroupStore::watch`], by the number of the bracket; brackets without change are left out.
    #[must_use]
    pub fn digest(&self, job: u64) -> BTreeMap<u64, BracketSum> {
        self.watches.get(&job).map(Watch::sums).unwrap_or_default()
    }

    fn try_commit(&mut self, checkpoint: &Checkpoint, durability: Durability) -> Result<(), StoreError> {
        let mut transaction = engine::begin_write(&self.database, &self.name)?;
        match durability {
            Durability::Buffered => engine::set_buffered(&mut transaction, &self.name)?,
            Durability::Durable => {}
        }
        for table in Table::ALL {
            write_changes(&transaction, &self.name, table, self.overlay.changes(table))?;
        }
        Meta::write(&transaction, &self.name, checkpoint, self.greatest_live_ts)?;
        engine::commit(transaction, &self.name)?;
        self.snapshot = Arc::new(Snapshot::of(&self.database, &self.name, self.recent.clone())?);
        self.overlay.clear();
        self.gap = None;
        Ok(())
    }

    fn reader(&self) -> Reader<'_> {
        Reader { snapshot: &self.snapshot, overlay: Some(&self.overlay) }
    }

    fn record_body(&self, key: &[u8], record: &[u8]) -> Result<Vec<u8>, StoreError> {
        let body = record::body(key, record).map_err(|why| self.snapshot.corrupt(Table::Records, key, why))?;
        Ok(body.to_vec())
    }

    /// Counts what was put since the last commit.
    fn count_changes(&self, watch: &mut Watch) -> Result<(), StoreError> {
        let table = Table::of(watch.side());
        for (at, change) in self.overlay.changes(table) {
            let corrupt = |why| self.snapshot.corrupt(table, at, why);
            let (key, commit_ts) = decode_row_key(at).map_err(corrupt)?;
            if !watch.counts(watch.side(), &route_key(&key)) {
                continue;
            }
            let stored = self.snapshot.get(table, at)?;
            let from = stored.map(|stored| decode_content(at, stored.value())).transpose().map_err(corrupt)?;
            let to = change.as_deref().map(|record| decode_content(at, record)).transpose().map_err(corrupt)?;
            watch.change(&key, commit_ts, from.as_ref(), to.as_ref());
        }
        Ok(())
    }

    /// Counts the change of a row that is about to be made.
    fn count_change(
        &mut self,
        space: Keyspace,
        key: &RawKey,
        commit_ts: Timestamp,
        at: &[u8],
        to: Option<&Content>,
    ) -> Result<(), StoreError> {
        if self.watches.values().all(|watch| watch.side() != space) {
            return Ok(());
        }
        let route = route_key(key);
        if !self.watches.values().any(|watch| watch.counts(space, &route)) {
            return Ok(());
        }
        let from = self.content_before(Table::of(space), at)?;
        for watch in self.watches.values_mut().filter(|watch| watch.counts(space, &route)) {
            watch.change(key, commit_ts, from.as_ref(), to);
        }
        Ok(())
    }

    /// What the row says before it is changed.
    fn content_before(&mut self, table: Table, at: &[u8]) -> Result<Option<Content>, StoreError> {
        if !self.overlay.changes(table).contains_key(at) && self.is_in_gap(table, at)? {
            return Ok(None);
        }
        let Some(record) = self.reader().get(table, at)? else { return Ok(None) };
        decode_content(at, record.bytes()).map(Some).map_err(|why| self.snapshot.corrupt(table, at, why))
    }

    /// Whether the last commit has no such row; remembers how far around it there is none.
    fn is_in_gap(&mut self, table: Table, at: &[u8]) -> Result<bool, StoreError> {
        if let Some((gap_table, from, to)) = &self.gap {
            let ends_above = match to {
                Bound::Excluded(to) => at < to.as_slice(),
                Bound::Included(_) | Bound::Unbounded => true,
            };
            if *gap_table == table && from.as_slice() <= at && ends_above {
                return Ok(true);
            }
        }
        let next = self.snapshot.seek(table, at, |next, _| Ok(next.to_vec()))?;
        if next.as_ref().is_some_and(|next| next == at) {
            return Ok(false);
        }
        let to = next.map_or(Bound::Unbounded, Bound::Excluded);
        self.gap = Some((table, at.to_vec(), to));
        Ok(true)
    }

    fn try_put(&mut self, space: Keyspace, key: &RawKey, version: &Version) -> Result<(), StoreError> {
        check_row(key, &version.content)?;
        let at = row_key(key.as_bytes(), version.commit_ts);
        self.count_change(space, key, version.commit_ts, &at, Some(&version.content))?;
        if space == Keyspace::Live {
            self.recent.put(key.as_bytes(), version.commit_ts);
            self.greatest_live_ts = self.greatest_live_ts.max(version.commit_ts);
        }
        let record = encode_content(&at, &version.content);
        self.overlay.set(Table::of(space), at, Some(record));
        Ok(())
    }

    fn try_remove(&mut self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> Result<bool, StoreError> {
        let table = Table::of(space);
        let at = row_key(key.as_bytes(), commit_ts);
        if self.reader().get(table, &at)?.is_none() {
            return Ok(false);
        }
        self.count_change(space, key, commit_ts, &at, None)?;
        if space == Keyspace::Live {
            self.recent.remove(key.as_bytes(), commit_ts);
        }
        self.overlay.set(table, at, None);
        Ok(true)
    }
}

impl VersionReader for GroupStore {
    fn newest_at(&self, space: Keyspace, key: &RawKey, at: Timestamp) -> Option<Version> {
        self.fault.read(|| self.reader().newest_at(space, key, at))
    }

    fn version_at(&self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> Option<Version> {
        self.fault.read(|| self.reader().version_at(space, key, commit_ts))
    }

    fn walk<'a>(
        &'a self,
        space: Keyspace,
        interval: &RawInterval,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.fault.read_all(|| self.reader().walk(space, interval, direction), Walk::next)
    }

    fn walk_window<'a>(&'a self, interval: &RawInterval, window: Window) -> Box<dyn Iterator<Item = Row> + 'a> {
        match self.recent.window(window) {
            Some(rows) => self.fault.read_all(|| Ok(self.reader().walk_recent(&rows, interval)), RecentWalk::next),
            None => self.walk(Keyspace::Live, interval, Direction::Forward),
        }
    }

    fn lock(&self, key: &RawKey) -> Option<Lock> {
        self.fault.read(|| self.reader().lock(key))
    }

    fn locks<'a>(&'a self, interval: &RawInterval) -> Box<dyn Iterator<Item = (RawKey, Lock)> + 'a> {
        let reader = self.reader();
        self.fault.read_all(|| reader.locks(interval), move |locks: &mut Merged<'a>| reader.next_lock(locks))
    }
}

impl VersionStore for GroupStore {
    fn put(&mut self, space: Keyspace, key: &RawKey, version: &Version) {
        if let Err(error) = self.try_put(space, key, version) {
            self.fault.keep(error);
        }
    }

    fn remove(&mut self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> bool {
        self.try_remove(space, key, commit_ts).unwrap_or_else(|error| {
            self.fault.keep(error);
            false
        })
    }

    fn put_lock(&mut self, key: &RawKey, lock: &Lock) {
        if let Err(error) = check_row(key, &lock.content).and_then(|()| check_key(lock.txn.primary.as_bytes())) {
            return self.fault.keep(error);
        }
        let record = encode_lock(key.as_bytes(), lock);
        self.overlay.set(Table::Locks, key.as_bytes().to_vec(), Some(record));
    }

    fn remove_lock(&mut self, key: &RawKey) -> bool {
        let found = self.fault.read(|| Ok(self.reader().get(Table::Locks, key.as_bytes())?.is_some()));
        if found {
            self.overlay.set(Table::Locks, key.as_bytes().to_vec(), None);
        }
        found
    }
}

/// Creates the tables if they aren't there, and says what the checkpoint is if there is one.
pub(super) fn create_tables(database: &Database, name: &str) -> Result<Meta, StoreError> {
    let transaction = engine::begin_write(database, name)?;
    let meta = Meta::begin(&transaction, name)?;
    for table in Table::ALL {
        let opened = transaction.open_table(table.definition());
        opened.map(drop).map_err(|error| engine::failed("open", name, error))?;
    }
    engine::commit(transaction, name)?;
    Ok(meta)
}

fn check_row(key: &RawKey, content: &Content) -> Result<(), StoreError> {
    check_key(key.as_bytes())?;
    match content {
        Content::Put { value, .. } => check_size("value", value.len(), MAX_VALUE_BYTES),
        Content::Tombstone => Ok(()),
    }
}
