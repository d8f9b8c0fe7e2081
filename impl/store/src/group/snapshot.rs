//! A commit of a store, as redb's read transactions keep it.

use super::key::{Bounds, as_slices};
use super::recent::Recent;
use crate::engine;
use crate::error::StoreError;
use redb::{
    AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError,
    TableDefinition,
};
use splitjob_core::store::{Direction, Keyspace};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// The tables with what is in a store; the checkpoint has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Live,
    Staged,
    Locks,
    Records,
}

pub(super) type Bytes = &'static [u8];
pub(super) type StoredRange = Range<'static, Bytes, Bytes>;
pub(super) type StoredGuard = AccessGuard<'static, Bytes>;

impl Table {
    /// All, in the order in which they are sent.
    pub(super) const ALL: [Table; 4] = [Table::Live, Table::Staged, Table::Locks, Table::Records];

    pub(super) fn of(space: Keyspace) -> Table {
        match space {
            Keyspace::Live => Table::Live,
            Keyspace::Staged => Table::Staged,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Table::Live => "live",
            Table::Staged => "staged",
            Table::Locks => "locks",
            Table::Records => "records",
        }
    }

    pub(super) const fn definition(self) -> TableDefinition<'static, Bytes, Bytes> {
        TableDefinition::new(self.name())
    }

    /// Its number in a part of a snapshot, and its place in [`Table::ALL`].
    pub(super) const fn number(self) -> usize {
        self as usize
    }
}

/// The tables as they were at a commit, and the recent writes as they were known then.
pub(super) struct Snapshot {
    pub(super) name: Arc<str>,
    tables: [Stored; 4],
    pub(super) recent: Recent,
}

struct Stored {
    table: ReadOnlyTable<Bytes, Bytes>,
    /// Most groups have no staged row and no lock most of the time: they need not be looked for.
    is_empty: bool,
}

impl Snapshot {
    /// The last commit.
    pub(super) fn of(database: &Database, name: &Arc<str>, recent: Recent) -> Result<Snapshot, StoreError> {
        let transaction = database.begin_read().map_err(|error| engine::failed("read", name, error))?;
        let open = |table: Table| -> Result<Stored, StoreError> {
            let table =
                transaction.open_table(table.definition()).map_err(|error| engine::failed("read", name, error))?;
            let is_empty = table.is_empty().map_err(|error| engine::failed("read", name, error))?;
            Ok(Stored { table, is_empty })
        };
        let [live, staged, locks, records] = Table::ALL;
        let tables = [open(live)?, open(staged)?, open(locks)?, open(records)?];
        Ok(Snapshot { name: Arc::clone(name), tables, recent })
    }

    /// The record at exactly this key.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<StoredGuard>, StoreError> {
        let stored = self.stored(table);
        if stored.is_empty {
            return Ok(None);
        }
        engine::unpanicked(&self.name, || {
            let found = stored.table.get(key).map_err(|error| self.failed(error))?;
            Ok(found.inspect(|record| {
                let _ = record.value();
            }))
        })
    }

    /// The records within the bounds; `None` if there can't be any.
    pub(super) fn range(&self, table: Table, bounds: &Bounds) -> Result<Option<StoredRange>, StoreError> {
        let stored = self.stored(table);
        if stored.is_empty {
            return Ok(None);
        }
        let bounds = as_slices(bounds);
        engine::unpanicked(&self.name, || {
            stored.table.range::<&[u8]>(bounds).map(Some).map_err(|error| self.failed(error))
        })
    }

    /// The next record of a range.
    pub(super) fn next(
        &self,
        range: &mut StoredRange,
        direction: Direction,
    ) -> Result<Option<(StoredGuard, StoredGuard)>, StoreError> {
        engine::unpanicked(&self.name, || {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Reverse => range.next_back(),
            };
            let next = next.transpose().map_err(|error| self.failed(error))?;
            Ok(next.inspect(|(key, record)| {
                let _ = (key.value(), record.value());
            }))
        })
    }

    /// What is read of the first record at or after a key, if there is one.
    pub(super) fn seek<T>(
        &self,
        table: Table,
        key: &[u8],
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let stored = self.stored(table);
        if stored.is_empty {
            return Ok(None);
        }
        engine::unpanicked(&self.name, || {
            let mut cursor = stored.table.lower_bound(Bound::Included(key)).map_err(|error| self.failed(error))?;
            match cursor.next().map_err(|error| self.failed(error))? {
                Some((key, record)) => read(key.value(), record.value()).map(Some),
                None => Ok(None),
            }
        })
    }

    /// What is wrong with a record of a table.
    pub(super) fn corrupt(&self, table: Table, key: &[u8], why: &str) -> StoreError {
        corrupt(&self.name, table.name(), key, why)
    }

    fn failed(&self, error: StorageError) -> StoreError {
        engine::failed("read", &self.name, error)
    }

    /// How many records a table has.
    pub(super) fn count(&self, table: Table) -> Result<u64, StoreError> {
        self.stored(table).table.len().map_err(|error| self.failed(error))
    }

    fn stored(&self, table: Table) -> &Stored {
        &self.tables[table.number()]
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is wrong with a record of a table of a file.
pub(super) fn corrupt(name: &str, table: &'static str, key: &[u8], why: &str) -> StoreError {
    let key = splitjob_core::key::text::encode(&key[..key.len().min(SHOWN_BYTES)]);
    StoreError::Corrupt { name: name.to_owned(), table, key, why: why.to_owned() }
}

/// So much of a damaged record's key is told.
const SHOWN_BYTES: usize = 200;
