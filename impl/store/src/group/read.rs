//! Reading: of a commit alone, or with what was put since.

use super::key::{Bounds, TIMESTAMP_BYTES, decode_row_key, plain_bounds, row_bounds, row_key, version_bounds};
use super::overlay::{Merged, Overlay, Record};
use super::recent::WindowRows;
use super::snapshot::{Snapshot, Table};
use crate::error::StoreError;
use crate::record::{decode_content, decode_lock};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, Row};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Lock;
use splitjob_core::version::Version;
use std::sync::OnceLock;

/// A commit, and what lies over it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) overlay: Option<&'a Overlay>,
}

impl<'a> Reader<'a> {
    pub(super) fn newest_at(self, space: Keyspace, key: &RawKey, at: Timestamp) -> Result<Option<Version>, StoreError> {
        let table = Table::of(space);
        let bounds = version_bounds(key.as_bytes(), at);
        if self.overlay.is_some_and(|overlay| overlay.changes_within(table, &bounds)) {
            let mut versions = self.merged(table, &bounds, Direction::Forward)?;
            let Some((found, record)) = versions.next()? else { return Ok(None) };
            return self.row(table, found.bytes(), record.bytes()).map(|row| Some(row.version));
        }
        let sought = row_key(key.as_bytes(), at);
        let of_key = &sought[..sought.len() - TIMESTAMP_BYTES];
        let found = self.snapshot.seek(table, &sought, |found, record| {
            if !found.starts_with(of_key) {
                return Ok(None);
            }
            self.row(table, found, record).map(|row| Some(row.version))
        })?;
        Ok(found.flatten())
    }

    pub(super) fn version_at(
        self,
        space: Keyspace,
        key: &RawKey,
        commit_ts: Timestamp,
    ) -> Result<Option<Version>, StoreError> {
        self.version(Table::of(space), &row_key(key.as_bytes(), commit_ts), commit_ts)
    }

    fn version(self, table: Table, key: &[u8], commit_ts: Timestamp) -> Result<Option<Version>, StoreError> {
        let Some(record) = self.get(table, key)? else { return Ok(None) };
        match decode_content(key, record.bytes()) {
            Ok(content) => Ok(Some(Version { commit_ts, content })),
            Err(why) => Err(self.snapshot.corrupt(table, key, why)),
        }
    }

    pub(super) fn walk(
        self,
        space: Keyspace,
        interval: &RawInterval,
        direction: Direction,
    ) -> Result<Walk<'a>, StoreError> {
        let table = Table::of(space);
        let rows = self.merged(table, &row_bounds(interval), direction)?;
        Ok(Walk { reader: self, table, rows, direction, group: Vec::new(), ahead: None })
    }

    /// The rows of a window that lie in an interval; those that were removed meanwhile are left out.
    pub(super) fn walk_recent(self, rows: &WindowRows, interval: &RawInterval) -> RecentWalk<'a> {
        let at_or_above = |key: &RawKey| rows.partition_point(|(known, _)| **known < *key.as_bytes());
        let start = at_or_above(&interval.start);
        let end = interval.end.as_ref().map_or(rows.len(), at_or_above).max(start);
        RecentWalk { reader: self, rows: rows.clone(), next: start, end }
    }

    pub(super) fn lock(self, key: &RawKey) -> Result<Option<Lock>, StoreError> {
        let Some(record) = self.get(Table::Locks, key.as_bytes())? else { return Ok(None) };
        self.decode_lock(key.as_bytes(), &record).map(Some)
    }

    pub(super) fn locks(self, interval: &RawInterval) -> Result<Merged<'a>, StoreError> {
        self.merged(Table::Locks, &plain_bounds(interval), Direction::Forward)
    }

    pub(super) fn next_lock(self, locks: &mut Merged<'a>) -> Result<Option<(RawKey, Lock)>, StoreError> {
        let Some((key, record)) = locks.next()? else { return Ok(None) };
        let lock = self.decode_lock(key.bytes(), &record)?;
        Ok(Some((key.bytes().into(), lock)))
    }

    fn decode_lock(self, key: &[u8], record: &Record<'_>) -> Result<Lock, StoreError> {
        decode_lock(key, record.bytes()).map_err(|why| self.snapshot.corrupt(Table::Locks, key, why))
    }

    /// The record at exactly this key.
    pub(super) fn get(self, table: Table, key: &[u8]) -> Result<Option<Record<'a>>, StoreError> {
        match self.overlay {
            Some(overlay) => overlay.get(self.snapshot, table, key),
            None => Ok(self.snapshot.get(table, key)?.map(Record::Stored)),
        }
    }

    pub(super) fn merged(self, table: Table, bounds: &Bounds, direction: Direction) -> Result<Merged<'a>, StoreError> {
        Merged::new(self.snapshot, self.overlay, table, bounds, direction)
    }

    fn row(self, table: Table, key: &[u8], record: &[u8]) -> Result<Row, StoreError> {
        let corrupt = |why| self.snapshot.corrupt(table, key, why);
        let content = decode_content(key, record).map_err(corrupt)?;
        let (raw, commit_ts) = decode_row_key(key).map_err(corrupt)?;
        Ok(Row { key: raw, version: Version { commit_ts, content } })
    }
}

/// A walk over the rows of an interval.
pub(super) struct Walk<'a> {
    reader: Reader<'a>,
    table: Table,
    rows: Merged<'a>,
    direction: Direction,
    /// Backwards the versions of a key come oldest first: they are gathered, to be taken from the end.
    group: Vec<Row>,
    /// The first version of the next key.
    ahead: Option<Row>,
}

impl Walk<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row>, StoreError> {
        match self.direction {
            Direction::Forward => self.pull(),
            Direction::Reverse => self.next_back(),
        }
    }

    fn next_back(&mut self) -> Result<Option<Row>, StoreError> {
        if self.group.is_empty() {
            let first = match self.ahead.take() {
                Some(row) => Some(row),
                None => self.pull()?,
            };
            self.group.extend(first);
            while let Some(row) = self.pull()? {
                if self.group.last().is_some_and(|newest| newest.key == row.key) {
                    self.group.push(row);
                } else {
                    self.ahead = Some(row);
                    break;
                }
            }
        }
        Ok(self.group.pop())
    }

    fn pull(&mut self) -> Result<Option<Row>, StoreError> {
        match self.rows.next()? {
            Some((key, record)) => self.reader.row(self.table, key.bytes(), record.bytes()).map(Some),
            None => Ok(None),
        }
    }
}

/// A walk over rows of which key and timestamp are known.
pub(super) struct RecentWalk<'a> {
    reader: Reader<'a>,
    rows: WindowRows,
    next: usize,
    end: usize,
}

impl RecentWalk<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Row>, StoreError> {
        while self.next < self.end {
            let (key, commit_ts) = &self.rows[self.next];
            self.next += 1;
            let found = self.reader.version(Table::Live, &row_key(key, commit_ts.0), commit_ts.0)?;
            if let Some(version) = found {
                return Ok(Some(Row { key: RawKey::from(&**key), version }));
            }
        }
        Ok(None)
    }
}

/// The first error that somebody met; nothing is read after it.
#[derive(Debug, Default)]
pub(super) struct Fault(OnceLock<StoreError>);

impl Fault {
    pub(super) fn get(&self) -> Option<&StoreError> {
        self.0.get()
    }

    pub(super) fn keep(&self, error: StoreError) {
        // One that came before is the one to be told.
        let _ = self.0.set(error);
    }

    /// What was read, or the default after an error, which is kept.
    pub(super) fn read<T: Default>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> T {
        if self.get().is_some() {
            return T::default();
        }
        read().unwrap_or_else(|error| {
            self.keep(error);
            T::default()
        })
    }

    /// What comes one by one, up to the first error, which is kept.
    pub(super) fn read_all<'a, W: 'a, T: 'a>(
        &'a self,
        walk: impl FnOnce() -> Result<W, StoreError>,
        mut next: impl FnMut(&mut W) -> Result<Option<T>, StoreError> + 'a,
    ) -> Box<dyn Iterator<Item = T> + 'a> {
        match self.read(|| walk().map(Some)) {
            Some(mut walk) => Box::new(std::iter::from_fn(move || self.read(|| next(&mut walk)))),
            None => Box::new(std::iter::empty()),
        }
    }
}
