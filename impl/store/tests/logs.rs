//! Logs: what was appended is read, from memory or from the disk, within what is asked for.

use splitjob_store::{GroupLog, HardState, LogPosition, LogRecord, LogStore, MemoryDisk};

fn record(index: u64, term: u64) -> LogRecord {
    LogRecord { index, term, kind: 2, data: vec![index as u8; 10], context: b"context".to_vec() }
}

/// A log with the entries 4..=9 of term 2, after entry 3 of term 1.
fn some_log(disk: &MemoryDisk) -> LogStore {
    let logs = LogStore::open(disk).expect("new logs open");
    let mut batch = logs.batch();
    batch.create(1, LogPosition { index: 3, term: 1 });
    batch.append(1, (4..=9).map(|index| record(index, 2)).collect());
    logs.commit(batch).expect("the disk is well");
    logs
}

/// The same log, with its entries in memory and on the disk only.
fn both_ways() -> [LogStore; 2] {
    let disk = MemoryDisk::new();
    drop(some_log(&disk));
    [some_log(&MemoryDisk::new()), LogStore::open(&disk).expect("they open again")]
}

fn indexes(logs: &LogStore, low: u64, high: u64, max_bytes: u64) -> Vec<u64> {
    let entries = logs.entries(1, low, high, max_bytes).expect("nothing is damaged");
    entries.iter().map(|record| record.index).collect()
}

#[test]
fn entries_are_read_within_bounds_and_at_least_one() {
    for logs in both_ways() {
        assert_eq!(logs.entries(1, 5, 7, u64::MAX), Ok(vec![record(5, 2), record(6, 2)]));
        assert_eq!(indexes(&logs, 0, 99, u64::MAX), [4, 5, 6, 7, 8, 9]);
        assert_eq!(indexes(&logs, 4, 9, 25), [4, 5]);
        assert_eq!(indexes(&logs, 4, 9, 0), [4]);
        assert_eq!(indexes(&logs, 8, 6, 0), [0u64; 0]);
        assert_eq!(indexes(&logs, 10, 12, 0), [0u64; 0]);
        assert_eq!(logs.entries(7, 0, 9, 0), Ok(Vec::new()));
    }
}

#[test]
fn the_term_of_an_entry_is_known_from_the_last_truncated_one_on() {
    for logs in both_ways() {
        let terms: Vec<_> = [2, 3, 4, 9, 10].map(|index| logs.term(1, index).expect("nothing is damaged")).into();
        assert_eq!(terms, [None, Some(1), Some(2), Some(2), None]);
    }
}

#[test]
fn entries_that_conflict_take_the_place_of_the_end() {
    for logs in both_ways() {
        let mut batch = logs.batch();
        batch.append(1, vec![record(6, 3), record(7, 3)]);
        logs.commit(batch).expect("the disk is well");
        assert_eq!(indexes(&logs, 0, 99, u64::MAX), [4, 5, 6, 7]);
        assert_eq!((logs.term(1, 5), logs.term(1, 6)), (Ok(Some(2)), Ok(Some(3))));
    }
}

#[test]
fn a_truncated_log_begins_later() {
    for logs in both_ways() {
        let mut batch = logs.batch();
        batch.truncate_prefix(1, LogPosition { index: 6, term: 2 });
        logs.commit(batch).expect("the disk is well");
        assert_eq!(indexes(&logs, 0, 99, u64::MAX), [7, 8, 9]);
        assert_eq!((logs.term(1, 5), logs.term(1, 6)), (Ok(None), Ok(Some(2))));
    }
}

#[test]
fn a_reset_log_is_empty_and_names_another_file_of_rows() {
    for logs in both_ways() {
        let mut batch = logs.batch();
        batch.set_hard_state(1, HardState { term: 2, vote: 5, commit: 8 });
        batch.reset(1, LogPosition { index: 20, term: 4 }, 3);
        batch.append(1, vec![record(21, 4)]);
        logs.commit(batch).expect("the disk is well");
        let hard_state = HardState { term: 4, vote: 5, commit: 20 };
        let truncated = LogPosition { index: 20, term: 4 };
        let wanted = GroupLog { hard_state, truncated, last_index: 21, generation: 3 };
        assert_eq!((logs.load(1), indexes(&logs, 0, 99, 0)), (Ok(Some(wanted)), vec![21]));
    }
}

#[test]
fn a_log_that_is_there_is_not_created_again() {
    for logs in both_ways() {
        let before = logs.load(1);
        let mut batch = logs.batch();
        batch.create(1, LogPosition { index: 50, term: 9 });
        logs.commit(batch).expect("the disk is well");
        assert_eq!((logs.load(1), logs.groups()), (before, vec![1]));
    }
}

#[test]
fn more_entries_than_are_kept_in_memory_are_read() {
    let logs = some_log(&MemoryDisk::new());
    let mut batch = logs.batch();
    batch.append(1, (10..=20_000).map(|index| record(index, 2)).collect());
    logs.commit(batch).expect("the disk is well");
    let read = logs.entries(1, 4, 20_001, u64::MAX).expect("nothing is damaged");
    assert!(read.into_iter().eq((4..=20_000).map(|index| record(index, 2))));
}

#[test]
#[should_panic(expected = "don't follow on the log 4..=9 of group 1")]
fn a_gap_in_a_log_is_refused() {
    let logs = some_log(&MemoryDisk::new());
    let mut batch = logs.batch();
    batch.append(1, vec![record(11, 2)]);
    drop(logs.commit(batch));
}
