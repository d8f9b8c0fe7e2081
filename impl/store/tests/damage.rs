//! What rots on the disk is told, and never read as something else.

mod harness;

use harness::{CACHE_BYTES, Contents, checkpoint, contents, ts};
use redb::{Database, ReadableTable, TableDefinition};
use splitjob_core::key::RawKey;
use splitjob_core::store::{Keyspace, VersionStore};
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::Version;
use splitjob_store::{
    Checkpoint, Disk, Durability, FileDisk, GroupStore, HardState, LogPosition, LogRecord, LogStore, MemoryDisk,
    StoreError,
};
use std::path::Path;

type Found = (Contents, Vec<(Vec<u8>, Vec<u8>)>, Option<Checkpoint>);

fn fill(disk: &dyn Disk) {
    let (mut store, _) = GroupStore::open(disk, ROWS, CACHE_BYTES).expect("a new store opens");
    for number in 0..200u64 {
        let key = RawKey::from(format!("key {number:03}").as_str());
        store.put(Keyspace::Live, &key, &Version::put(ts(number + 1), vec![number as u8; 50]));
        store.put(Keyspace::Staged, &key, &Version::tombstone(ts(number + 1)));
    }
    let content = Version::put_until(ts(5), "intent", ts(9)).content;
    let txn = TxnId { primary: "p".into(), start_ts: ts(4) };
    store.put_lock(&"key".into(), &Lock { txn, commit_ts: ts(5), expires_at_ms: 6, content });
    store.put_record(b"route 1", Some(b"a route"));
    store.commit(&checkpoint(1), Durability::Durable).expect("the disk is well");
}

fn found(disk: &dyn Disk) -> Result<Found, StoreError> {
    let (store, found) = GroupStore::open(disk, ROWS, CACHE_BYTES)?;
    let held = contents(&store);
    let records = store.records()?;
    store.fault().map_or(Ok((held, records, found)), Err)
}

fn fill_log(disk: &dyn Disk) {
    let logs = LogStore::open(disk).expect("new logs open");
    let mut batch = logs.batch();
    batch.create(1, LogPosition { index: 3, term: 1 });
    let record = |index| LogRecord { index, term: 2, kind: 1, data: vec![3; 9], context: vec![4] };
    batch.append(1, (4..9).map(record).collect());
    batch.set_hard_state(1, HardState { term: 2, vote: 1, commit: 5 });
    logs.commit(batch).expect("the disk is well");
}

fn found_log(disk: &dyn Disk) -> Result<Vec<LogRecord>, StoreError> {
    LogStore::open(disk)?.entries(1, 4, 9, u64::MAX)
}

/// Flips a bit in the middle of a table's first record, as if it had rotted before its page was summed up.
fn rot(path: &Path, table: &str, key: Option<&[u8]>) {
    let database = Database::open(path).expect("the file is well");
    let transaction = database.begin_write().expect("nobody else writes");
    let definition: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
    let mut open = transaction.open_table(definition).expect("there is such a table");
    let (key, mut record) = {
        let (first, record) = match key {
            Some(key) => (key.to_vec(), open.get(key).expect("it can be read").expect("it is there").value().to_vec()),
            None => {
                let (first, record) = open.first().expect("it can be read").expect("it isn't empty");
                (first.value().to_vec(), record.value().to_vec())
            }
        };
        (first, record)
    };
    let middle = record.len() / 2;
    record[middle] ^= 1;
    open.insert(key.as_slice(), record.as_slice()).expect("it can be written");
    drop(open);
    transaction.commit().expect("it can be written");
}

fn table_of<T: std::fmt::Debug>(found: Result<T, StoreError>) -> &'static str {
    match found {
        Err(StoreError::Corrupt { table, .. }) => table,
        other => panic!("the damage isn't told: {other:?}"),
    }
}

#[test]
fn a_damaged_record_of_any_kind_is_told_with_its_table() {
    let tables = [("live", None), ("staged", None), ("locks", None), ("records", None), ("meta", Some(CHECKPOINT))];
    for (table, key) in tables {
        let dir = tempfile::tempdir().expect("there is room for a directory");
        let disk = FileDisk::new(dir.path()).expect("the directory is there");
        fill(&disk);
        assert!(found(&disk).is_ok());
        rot(&dir.path().join(ROWS), table, key);
        assert_eq!(table_of(found(&disk)), table);
    }
}

#[test]
fn a_damaged_record_of_a_log_is_told_with_its_table() {
    let head = 1u64.to_be_bytes();
    for (table, key) in [("entries", None), ("heads", Some(&head[..]))] {
        let dir = tempfile::tempdir().expect("there is room for a directory");
        let disk = FileDisk::new(dir.path()).expect("the directory is there");
        fill_log(&disk);
        assert!(found_log(&disk).is_ok());
        rot(&dir.path().join(LOGS), table, key);
        assert_eq!(table_of(found_log(&disk)), table);
    }
}

#[test]
fn a_file_of_another_format_is_refused_with_both_numbers() {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let disk = FileDisk::new(dir.path()).expect("the directory is there");
    fill(&disk);
    rot(&dir.path().join(ROWS), "meta", Some(b"format"));
    // The record's middle is the first byte of the number, and its checksum tells the change.
    assert_eq!(table_of(found(&disk)), "meta");
}

#[test]
fn a_byte_that_rots_anywhere_is_told_or_changes_nothing() {
    let disk = MemoryDisk::new();
    fill(&disk);
    let whole = found(&disk).expect("nothing is damaged");
    let bytes = disk.contents(ROWS).expect("the file is there");
    let used = (0..bytes.len()).filter(|at| bytes[*at] != 0 || *at < 512);
    let mut told = 0;
    for at in used.step_by(STRIDE) {
        let disk = MemoryDisk::new();
        fill(&disk);
        assert!(disk.corrupt(ROWS, at as u64));
        match found(&disk) {
            Ok(found) => assert_eq!(found, whole, "byte {at}"),
            Err(StoreError::Corrupt { .. }) => told += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn a_page_that_rots_under_an_open_store_makes_no_row_another() {
    let disk = MemoryDisk::new();
    fill(&disk);
    let (whole, ..) = found(&disk).expect("nothing is damaged");
    let bytes = disk.contents(ROWS).expect("the file is there");
    for at in (4096..bytes.len()).filter(|at| bytes[*at] != 0).step_by(7 * STRIDE) {
        let disk = MemoryDisk::new();
        fill(&disk);
        // Nothing stays in a cache of this size.
        let (store, _) = GroupStore::open(&disk, ROWS, 0).expect("nothing is damaged yet");
        assert!(disk.corrupt(ROWS, at as u64));
        let held = contents(&store);
        let is_known = held.live.iter().all(|row| whole.live.contains(row));
        assert!(is_known && held.staged.iter().all(|row| whole.staged.contains(row)), "byte {at}");
    }
}

const ROWS: &str = "rows.redb";
const LOGS: &str = "raft-logs.redb";
const CHECKPOINT: &[u8] = b"checkpoint";
/// Every so many bytes are tried.
const STRIDE: usize = 61;
