//! A commit that stays readable while the store goes on.

use super::digest::{BracketSum, bracket_of, of_row};
use super::overlay::Merged;
use super::read::{Fault, Reader, RecentWalk, Walk};
use super::recent::WindowRows;
use super::snapshot::{Snapshot, Table};
use super::transfer::SnapshotChunks;
use crate::error::StoreError;
use splitjob_core::group::Window;
use splitjob_core::key::{RawInterval, RawKey, route_key};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Lock;
use splitjob_core::version::Version;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A commit of a store, which stays as it is.
///
/// Owned, cheap to clone, and readable on any thread. Errors are kept as by [`crate::GroupStore::fault`]; clones share
/// theirs. While it lives, the file's pages that it reads from aren't used again: its owner bounds its age.
#[derive(Clone, Debug)]
pub struct StoreView(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    snapshot: Arc<Snapshot>,
    fault: Fault,
    /// The window that was asked for last: a copy asks for the same one, bracket by bracket.
    window: Mutex<Option<(Window, Option<WindowRows>)>>,
}

impl StoreView {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> StoreView {
        StoreView(Arc::new(Shared { snapshot, fault: Fault::default(), window: Mutex::default() }))
    }

    /// The first error that a read met.
    #[must_use]
    pub fn fault(&self) -> Option<StoreError> {
        self.0.fault.get().cloned()
    }

    /// The sums of the rows up to `through` that route into the range, by the number of the bracket, by a scan.
    ///
    /// [`crate::GroupStore::watch`] says how they go together with what changes meanwhile; `through` must then be at or
    /// above every version of the range, as [`Timestamp::MAX`] is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn digest(
        &self,
        range: &KeyRange,
        side: Keyspace,
        through: Timestamp,
    ) -> Result<BTreeMap<u64, BracketSum>, StoreError> {
        let mut sums: BTreeMap<u64, BracketSum> = BTreeMap::new();
        for span in spans(range) {
            let mut rows = self.reader().walk(side, &span, Direction::Forward)?;
            while let Some(Row { key, version }) = rows.next()? {
                if version.commit_ts <= through && range.contains(&route_key(&key)) {
                    let row = of_row(&key, version.commit_ts, &version.content);
                    sums.entry(bracket_of(&key)).or_default().add(&row);
                }
            }
        }
        Ok(sums)
    }

    /// How many rows a keyspace has: a look at the table's head, however many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count(&self, space: Keyspace) -> Result<u64, StoreError> {
        self.0.snapshot.count(Table::of(space))
    }

    /// Everything but the checkpoint, in parts of about `max_bytes`, for a [`crate::SnapshotWriter`].
    ///
    /// A part has at least one record, however large that is. The parts keep the view.
    #[must_use]
    pub fn snapshot_chunks(&self, max_bytes: usize) -> SnapshotChunks {
        SnapshotChunks::new(Arc::clone(&self.0.snapshot), max_bytes)
    }

    fn reader(&self) -> Reader<'_> {
        Reader { snapshot: &self.0.snapshot, overlay: None }
    }

    fn recent(&self, window: Window) -> Option<WindowRows> {
        let mut last = self.0.window.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((known, rows)) if *known == window => rows.clone(),
            Some(_) | None => {
                let rows = self.0.snapshot.recent.window(window);
                *last = Some((window, rows.clone()));
                rows
            }
        }
    }
}

impl VersionReader for StoreView {
    fn newest_at(&self, space: Keyspace, key: &RawKey, at: Timestamp) -> Option<Version> {
        self.0.fault.read(|| self.reader().newest_at(space, key, at))
    }

    fn version_at(&self, space: Keyspace, key: &RawKey, commit_ts: Timestamp) -> Option<Version> {
        self.0.fault.read(|| self.reader().version_at(space, key, commit_ts))
    }

    fn walk<'a>(
        &'a self,
        space: Keyspace,
        interval: &RawInterval,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Row> + 'a> {
        self.0.fault.read_all(|| self.reader().walk(space, interval, direction), Walk::next)
    }

    fn walk_window<'a>(&'a self, interval: &RawInterval, window: Window) -> Box<dyn Iterator<Item = Row> + 'a> {
        match self.recent(window) {
            Some(rows) => self.0.fault.read_all(|| Ok(self.reader().walk_recent(&rows, interval)), RecentWalk::next),
            None => self.walk(Keyspace::Live, interval, Direction::Forward),
        }
    }

    fn lock(&self, key: &RawKey) -> Option<Lock> {
        self.0.fault.read(|| self.reader().lock(key))
    }

    fn locks<'a>(&'a self, interval: &RawInterval) -> Box<dyn Iterator<Item = (RawKey, Lock)> + 'a> {
        let reader = self.reader();
        self.0.fault.read_all(|| reader.locks(interval), move |locks: &mut Merged<'a>| reader.next_lock(locks))
    }
}

/// The intervals that hold every row that routes into a range: plain rows route as themselves, and all others have keys
/// that begin with the same sign (K1, K2).
fn spans(range: &KeyRange) -> Vec<RawInterval> {
    let sign = RawInterval::of_prefix(SIGN);
    let sign_end = sign.end.clone().expect("something sorts above the sign");
    let start = RawKey::from(range.start().as_bytes());
    let end = range.end().map(|end| RawKey::from(end.as_bytes()));
    let below = end.clone().map_or_else(|| sign.start.clone(), |end| end.min(sign.start.clone()));
    let above = start.clone().max(sign_end);
    let mut spans = vec![RawInterval { start, end: Some(below) }, sign, RawInterval { start: above, end }];
    spans.retain(|span| !span.is_empty());
    spans
}

/// What the keys of every family but the user's begin with.
const SIGN: &[u8] = b"!";
