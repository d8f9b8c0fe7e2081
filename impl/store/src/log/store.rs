//! The logs as they are stored and read.

use super::batch::{Change, LogBatch};
use super::plan::{ENTRIES, Entries, FILE, HEADS, Plan, failed};
use super::record::{decode_entry, decode_head, entry_key};
use super::tail::Tail;
use super::{GroupLog, LogRecord};
use crate::disk::Disk;
use crate::engine;
use crate::error::StoreError;
use crate::record::{self, Fields};
use redb::{ReadableDatabase, ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The logs of all groups of a node.
///
/// One write makes the changes of all of them durable. The last entries of each are kept in memory, within bounds, so
/// that what is replicated and applied next isn't read from the disk.
#[derive(Debug)]
pub struct LogStore {
    database: engine::File,
    logs: Mutex<BTreeMap<u64, Known>>,
}

/// A log, and its last entries.
#[derive(Clone, Debug)]
struct Known {
    log: GroupLog,
    tail: Tail,
}

impl LogStore {
    /// Opens the logs of a disk, or begins them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(disk: &dyn Disk) -> Result<LogStore, StoreError> {
        let database = engine::open(disk, FILE, CACHE_BYTES)?;
        let transaction = engine::begin_write(&database, FILE)?;
        let logs = begin(&transaction)?;
        engine::commit(transaction, FILE)?;
        let known = |(group, log)| (group, Known { log, tail: Tail::default() });
        Ok(LogStore { database, logs: Mutex::new(logs.into_iter().map(known).collect()) })
    }

    /// The groups that have a log, ascending.
    #[must_use]
    pub fn groups(&self) -> Vec<u64> {
        self.logs().keys().copied().collect()
    }

    /// A group's log, without its entries; `None` if it was never created.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, group: u64) -> Result<Option<GroupLog>, StoreError> {
        Ok(self.logs().get(&group).map(|known| known.log))
    }

    /// The entries `low..high` that are there, ascending, up to `max_bytes` of data, but at least one.
    ///
    /// # Errors
    /// [`StoreError`]; one that should be there and isn't is [`StoreError::Corrupt`].
    pub fn entries(&self, group: u64, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogRecord>, StoreError> {
        let logs = self.logs();
        let Some(known) = logs.get(&group) else { return Ok(Vec::new()) };
        let low = low.max(known.log.truncated.index + 1);
        let high = high.min(known.log.last_index + 1);
        let mut taken = Taken { records: Vec::new(), bytes: 0, max_bytes };
        let in_memory = known.tail.first_index().unwrap_or(high).clamp(low, high.max(low));
        if low < in_memory && !self.read_stored(group, low, in_memory, &mut taken)? {
            return Ok(taken.records);
        }
        for index in in_memory..high {
            let record = known.tail.get(index).expect("the tail reaches to the end of the log");
            if !taken.take(|| record.clone(), record.data.len()) {
                break;
            }
        }
        Ok(taken.records)
    }

    /// The term of an entry, or of the last one that isn't there any more; `None` outside of that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn term(&self, group: u64, index: u64) -> Result<Option<u64>, StoreError> {
        let logs = self.logs();
        let Some(known) = logs.get(&group) else { return Ok(None) };
        let GroupLog { truncated, last_index, .. } = known.log;
        if index == truncated.index {
            return Ok(Some(truncated.term));
        }
        if index < truncated.index || index > last_index {
            return Ok(None);
        }
        if let Some(record) = known.tail.get(index) {
            return Ok(Some(record.term));
        }
        let mut taken = Taken { records: Vec::new(), bytes: 0, max_bytes: u64::MAX };
        self.read_stored(group, index, index + 1, &mut taken)?;
        Ok(taken.records.first().map(|record| record.term))
    }

    /// An empty batch of changes.
    #[must_use]
    pub fn batch(&self) -> LogBatch {
        LogBatch::default()
    }

    /// Makes a batch durable, as a whole.
    ///
    /// # Errors
    /// [`StoreError`]; the store must be opened again after one.
    ///
    /// # Panics
    /// If an entry doesn't follow on its log, or the log was never created.
    pub fn commit(&self, batch: LogBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut logs = self.logs();
        let plan = Plan::of(&batch, |group| logs.get(&group).map(|known| known.log));
        engine::unpanicked(FILE, || {
            let transaction = engine::begin_write(&self.database, FILE)?;
            plan.write(&transaction, &batch)?;
            engine::commit(transaction, FILE)
        })?;
        for (group, log) in plan.logs {
            logs.entry(group).or_insert_with(|| Known { log, tail: Tail::default() }).log = log;
        }
        for (group, change) in batch.changes {
            let tail = &mut logs.get_mut(&group).expect("a changed log is known").tail;
            match change {
                Change::Append(records) => tail.append(records),
                Change::TruncatePrefix { through } => tail.forget_through(through.index),
                Change::Reset { .. } => tail.clear(),
                Change::Create { .. } | Change::HardState(_) => {}
            }
        }
        Ok(())
    }

    /// Reads entries from the disk; says whether there is room for more.
    fn read_stored(&self, group: u64, low: u64, high: u64, taken: &mut Taken) -> Result<bool, StoreError> {
        let transaction = self.database.begin_read().map_err(|error| engine::failed("read", FILE, error))?;
        let table = transaction.open_table(ENTRIES).map_err(|error| engine::failed("read", FILE, error))?;
        let (from, to) = (entry_key(group, low), entry_key(group, high));
        let mut stored = engine::unpanicked(FILE, || table.range::<&[u8]>(&from[..]..&to[..]).map_err(failed))?;
        for index in low..high {
            let key = entry_key(group, index);
            let record = engine::unpanicked(FILE, || {
                let next = stored.next().transpose().map_err(failed)?;
                let Some((_, value)) = next.filter(|(found, _)| found.value() == key) else {
                    return Err(corrupt("entries", &key, "it isn't there"));
                };
                decode_entry(&key, value.value()).map_err(|why| corrupt("entries", &key, why))
            })?;
            let bytes = record.data.len();
            if !taken.take(|| record, bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        // What is known changes only after it is durable, in one go that can't fail.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries, up to a bound.
struct Taken {
    records: Vec<LogRecord>,
    bytes: u64,
    max_bytes: u64,
}

impl Taken {
    /// Takes one, if there is room or none was taken before.
    fn take(&mut self, record: impl FnOnce() -> LogRecord, bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(bytes as u64);
        if !self.records.is_empty() && bytes > self.max_bytes {
            return false;
        }
        self.bytes = bytes;
        self.records.push(record());
        true
    }
}

/// Creates the tables if they aren't there, and reads the heads of the logs.
fn begin(transaction: &WriteTransaction) -> Result<BTreeMap<u64, GroupLog>, StoreError> {
    let table_error = |error| engine::failed("open", FILE, error);
    let mut heads = transaction.open_table(HEADS).map_err(table_error)?;
    check_format(&mut heads)?;
    let entries = transaction.open_table(ENTRIES).map_err(table_error)?;
    let mut logs = BTreeMap::new();
    for head in heads.iter().map_err(failed)? {
        let (key, value) = head.map_err(failed)?;
        if key.value() == FORMAT_KEY {
            continue;
        }
        let group = key.value().try_into().map(u64::from_be_bytes);
        let group = group.map_err(|_| corrupt("heads", key.value(), "its key is no group's number"))?;
        let mut log = decode_head(group, value.value()).map_err(|why| corrupt("heads", key.value(), why))?;
        let within = entry_key(group, 0)..=entry_key(group, u64::MAX);
        let within = &within.start()[..]..=&within.end()[..];
        let mut stored = entries.range::<&[u8]>(within).map_err(failed)?;
        let index = |key: &[u8]| key.last_chunk().map_or(0, |index| u64::from_be_bytes(*index));
        if let Some((first, _)) = stored.next().transpose().map_err(failed)? {
            if index(first.value()) != log.truncated.index + 1 {
                return Err(corrupt("heads", key.value(), "the log's first entry isn't the one that it tells of"));
            }
            let last = stored.next_back().transpose().map_err(failed)?;
            log.last_index = last.map_or(index(first.value()), |(last, _)| index(last.value()));
        }
        logs.insert(group, log);
    }
    Ok(logs)
}

fn check_format(heads: &mut Entries<'_>) -> Result<(), StoreError> {
    let Some(format) = heads.get(FORMAT_KEY).map_err(failed)?.map(|found| found.value().to_vec()) else {
        let known = record::seal(FORMAT_KEY, [&record::begin(4)[..], &FORMAT.to_le_bytes()].concat());
        return heads.insert(FORMAT_KEY, known.as_slice()).map(drop).map_err(failed);
    };
    let found = record::body(FORMAT_KEY, &format).and_then(|body| Fields(body).small());
    let found = found.map_err(|why| corrupt("heads", FORMAT_KEY, why))?;
    if found != FORMAT {
        return Err(StoreError::Version { name: FILE.to_owned(), found, known: FORMAT });
    }
    Ok(())
}

fn corrupt(table: &'static str, key: &[u8], why: &str) -> StoreError {
    let key = splitjob_core::key::text::encode(key);
    StoreError::Corrupt { name: FILE.to_owned(), table, key, why: why.to_owned() }
}

const FORMAT_KEY: &[u8] = b"format";
/// Of the file: its tables, keys and records.
const FORMAT: u32 = 1;
/// Entries that are read from the disk are old ones, for a replica that lags: they needn't stay in memory.
const CACHE_BYTES: usize = 16 << 20;
