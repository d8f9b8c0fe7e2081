//! A store's contents on their way to another replica, in parts.
//!
//! A part is a checksum, its number, and records: table, key, value, as they are stored, each value with the checksum that
//! covers its key. The last record of the last part says how many there were.

use super::checkpoint::{Checkpoint, Meta, check_key, check_size};
use super::key::{decode_row_key, split_row_key};
use super::overlay::Changes;
use super::snapshot::{Snapshot, StoredGuard, StoredRange, Table};
use super::store::create_tables;
use super::write::write_changes;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::record::{self, Fields, decode_content, decode_lock, write_bytes};
use crate::{MAX_VALUE_BYTES, engine};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// The contents of a view in parts; see [`crate::StoreView::snapshot_chunks`].
pub struct SnapshotChunks {
    snapshot: Arc<Snapshot>,
    max_bytes: usize,
    /// The tables that are left, the current one first.
    tables: &'static [Table],
    range: Option<StoredRange>,
    /// A record that didn't fit the part before.
    ahead: Option<(StoredGuard, StoredGuard)>,
    part: u64,
    records: u64,
    is_over: bool,
}

impl SnapshotChunks {
    pub(super) fn new(snapshot: Arc<Snapshot>, max_bytes: usize) -> SnapshotChunks {
        SnapshotChunks {
            snapshot,
            max_bytes,
            tables: &Table::ALL,
            range: None,
            ahead: None,
            part: 0,
            records: 0,
            is_over: false,
        }
    }

    fn next_part(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut part = record::begin(self.max_bytes.min(MAX_PART_ROOM));
        part.extend_from_slice(&self.part.to_le_bytes());
        let empty = part.len();
        while let Some((table, key, value)) = self.next_record()? {
            let bytes = 1 + 4 + key.value().len() + 4 + value.value().len();
            if part.len() > empty && part.len() + bytes > self.max_bytes {
                self.ahead = Some((key, value));
                self.part += 1;
                return Ok(record::seal(PART, part));
            }
            part.push(number(table));
            write_bytes(&mut part, key.value());
            write_bytes(&mut part, value.value());
            self.records += 1;
        }
        part.push(END);
        part.extend_from_slice(&self.records.to_le_bytes());
        self.is_over = true;
        Ok(record::seal(PART, part))
    }

    fn next_record(&mut self) -> Result<Option<(Table, StoredGuard, StoredGuard)>, StoreError> {
        while let Some((table, later)) = self.tables.split_first() {
            if let Some((key, value)) = self.ahead.take() {
                return Ok(Some((*table, key, value)));
            }
            if self.range.is_none() {
                self.range = self.snapshot.range(*table, &(Bound::Unbounded, Bound::Unbounded))?;
            }
            if let Some(range) = &mut self.range
                && let Some((key, value)) = self.snapshot.next(range, Direction::Forward)?
            {
                return Ok(Some((*table, key, value)));
            }
            self.range = None;
            self.tables = later;
        }
        Ok(None)
    }
}

impl Iterator for SnapshotChunks {
    type Item = Result<Vec<u8>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let part = self.next_part();
        self.is_over |= part.is_err();
        Some(part)
    }
}

impl fmt::Debug for SnapshotChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotChunks").field("of", &self.snapshot).field("part", &self.part).finish_non_exhaustive()
    }
}

/// Stores the parts of a snapshot in a file of its own.
///
/// Nothing points to the file until the log is reset to it ([`crate::LogBatch::reset`]); one that was not finished has no
/// checkpoint and is removed by whoever finds it.
#[derive(Debug)]
pub struct SnapshotWriter {
    database: engine::File,
    name: String,
    next_part: u64,
    records: u64,
    greatest_live_ts: Timestamp,
    is_complete: bool,
}

impl SnapshotWriter {
    /// Begins a file; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create(disk: &dyn Disk, name: &str) -> Result<SnapshotWriter, StoreError> {
        disk.remove(name)?;
        let database = engine::open(disk, name, CACHE_BYTES)?;
        create_tables(&database, name)?;
        Ok(SnapshotWriter {
            database,
            name: name.to_owned(),
            next_part: 0,
            records: 0,
            greatest_live_ts: Timestamp::ZERO,
            is_complete: false,
        })
    }

    /// Takes the next part; an empty one is nothing.
    ///
    /// # Errors
    /// [`StoreError::Snapshot`] if it isn't the next one or is damaged; another [`StoreError`] if it can't be stored.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut changes: [Changes; 4] = Default::default();
        let taken = self.take(chunk, &mut changes);
        taken.map_err(|why| self.misfit(format!("part {}: {why}", self.next_part)))?;
        let mut transaction = engine::begin_write(&self.database, &self.name)?;
        engine::set_buffered(&mut transaction, &self.name)?;
        for (table, changes) in Table::ALL.into_iter().zip(&changes) {
            write_changes(&transaction, &self.name, table, changes)?;
        }
        engine::commit(transaction, &self.name)?;
        self.next_part += 1;
        Ok(())
    }

    /// Makes the file durable, with the checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Snapshot`] if parts are missing; another [`StoreError`] if it can't be stored.
    pub fn finish(self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        if !self.is_complete {
            return Err(self.misfit(format!("part {} and what follows is missing", self.next_part)));
        }
        let transaction = engine::begin_write(&self.database, &self.name)?;
        Meta::write(&transaction, &self.name, checkpoint, self.greatest_live_ts)?;
        engine::commit(transaction, &self.name)?;
        self.database.close(&self.name)
    }

    fn take(&mut self, chunk: &[u8], changes: &mut [Changes; 4]) -> Result<(), String> {
        let mut fields = Fields(record::body(PART, chunk)?);
        let part = fields.number()?;
        if part != self.next_part || self.is_complete {
            return Err(format!("part {part} came instead"));
        }
        while !fields.0.is_empty() {
            let tag = fields.byte()?;
            if tag == END {
                let records = fields.number()?;
                if records != self.records || !fields.0.is_empty() {
                    return Err(format!("{records} records were sent, and {} came", self.records));
                }
                self.is_complete = true;
                return Ok(());
            }
            let table = Table::ALL.into_iter().find(|table| number(*table) == tag);
            let table = table.ok_or("it has a table that isn't known")?;
            let (key, value) = (fields.bytes()?, fields.bytes()?);
            self.check(table, key, value)?;
            changes[table.number()].insert(key.to_vec(), Some(value.to_vec()));
            self.records += 1;
        }
        Ok(())
    }

    /// A record that is damaged must not become one that counts.
    fn check(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), String> {
        check_key(key).map_err(|error| error.to_string())?;
        check_size("record", value.len(), MAX_VALUE_BYTES + ROOM).map_err(|error| error.to_string())?;
        match table {
            Table::Live | Table::Staged => {
                decode_content(key, value)?;
                decode_row_key(key)?;
            }
            Table::Locks => drop(decode_lock(key, value)?),
            Table::Records => drop(record::body(key, value)?),
        }
        if table == Table::Live {
            self.greatest_live_ts = self.greatest_live_ts.max(split_row_key(key)?.1);
        }
        Ok(())
    }

    fn misfit(&self, why: String) -> StoreError {
        StoreError::Snapshot { name: self.name.clone(), why }
    }
}

/// A table in a part.
fn number(table: Table) -> u8 {
    match table {
        Table::Live => 1,
        Table::Staged => 2,
        Table::Locks => 3,
        Table::Records => 4,
    }
}

/// What a part's checksum covers besides it.
const PART: &[u8] = b"part";
/// Instead of a table: the number of all records follows, and nothing else.
const END: u8 = 0;
/// A writer reads nothing: the cache is for the pages that are being filled.
const CACHE_BYTES: usize = 16 << 20;
/// No more is set aside for a part before it is known to be needed.
const MAX_PART_ROOM: usize = 1 << 20;
/// What a record has besides its value.
const ROOM: usize = 1 << 10;
