//! Snapshots on their way: what arrives is what was sent, or nothing.

mod harness;

use harness::{CACHE_BYTES, Op, apply, checkpoint, contents, op, ts};
use proptest::prelude::*;
use splitjob_core::key::RawKey;
use splitjob_core::store::{Keyspace, VersionStore};
use splitjob_core::version::Version;
use splitjob_store::{Durability, GroupStore, MemoryDisk, SnapshotWriter, StoreError};

fn filled(ops: &[Op]) -> GroupStore {
    let disk = MemoryDisk::new();
    let (mut store, _) = GroupStore::open(&disk, "rows", CACHE_BYTES).expect("a new store opens");
    for op in ops {
        apply(&mut store, op);
    }
    store.commit(&checkpoint(4), Durability::Buffered).expect("the disk is well");
    store
}

fn parts(store: &GroupStore, max_bytes: usize) -> Vec<Vec<u8>> {
    let parts = store.view().expect("no fault").snapshot_chunks(max_bytes);
    parts.collect::<Result<_, _>>().expect("nothing is damaged")
}

fn some_parts() -> Vec<Vec<u8>> {
    let put = |number: u8| Op::Put(Keyspace::Live, RawKey::from(vec![number]), Version::put(ts(9), vec![number; 99]));
    let parts = parts(&filled(&(0..20).map(put).collect::<Vec<_>>()), 500);
    assert!(parts.len() > 3);
    parts
}

fn writer() -> (MemoryDisk, SnapshotWriter) {
    let disk = MemoryDisk::new();
    let writer = SnapshotWriter::create(&disk, "copy").expect("a file can be created");
    (disk, writer)
}

proptest! {
    #[test]
    fn what_arrives_is_what_was_sent(ops in proptest::collection::vec(op(), 0..60), max_bytes in 1..3000usize) {
        let store = filled(&ops);
        let (disk, mut writer) = writer();
        for part in parts(&store, max_bytes) {
            writer.push(&part).expect("it is the next one");
        }
        writer.push(&[]).expect("nothing is taken for nothing");
        writer.finish(&checkpoint(7)).expect("nothing is missing");
        disk.crash(1);
        let (copy, found) = GroupStore::open(&disk, "copy", CACHE_BYTES).expect("it opens");
        prop_assert_eq!(found, Some(checkpoint(7)));
        prop_assert_eq!(contents(&copy), contents(&store));
        prop_assert_eq!(copy.records(), store.records());
    }
}

#[test]
fn a_part_keeps_to_its_size() {
    assert!(some_parts().iter().all(|part| part.len() <= 500));
}

#[test]
fn parts_that_are_damaged_missing_or_doubled_are_refused() {
    let parts = some_parts();
    let refused = |parts: &[&[u8]]| {
        let (_, mut writer) = writer();
        let last = parts.iter().map(|part| writer.push(part)).find(Result::is_err);
        matches!(last, Some(Err(StoreError::Snapshot { .. })))
    };
    let mut damaged = parts[0].clone();
    damaged[100] ^= 1;
    assert!(refused(&[&damaged]));
    assert!(refused(&[&parts[1]]));
    assert!(refused(&[&parts[0], &parts[0]]));
    assert!(refused(&[&parts[0], &parts[2]]));
    assert!(refused(&[b"?"]));
}

#[test]
fn a_snapshot_without_its_last_part_is_not_finished() {
    let parts = some_parts();
    let (disk, mut writer) = writer();
    for part in &parts[..parts.len() - 1] {
        writer.push(part).expect("it is the next one");
    }
    assert!(matches!(writer.finish(&checkpoint(1)), Err(StoreError::Snapshot { .. })));
    let (_, found) = GroupStore::open(&disk, "copy", CACHE_BYTES).expect("it opens");
    assert_eq!(found, None);
}

#[test]
fn a_file_that_was_not_finished_is_replaced() {
    let (disk, mut writer) = writer();
    writer.push(&some_parts()[0]).expect("it is the next one");
    drop(writer);
    let mut writer = SnapshotWriter::create(&disk, "copy").expect("a file can be created");
    for part in parts(&filled(&[]), 100) {
        writer.push(&part).expect("it is the next one");
    }
    writer.finish(&checkpoint(2)).expect("nothing is missing");
    let (copy, found) = GroupStore::open(&disk, "copy", CACHE_BYTES).expect("it opens");
    assert_eq!((contents(&copy).live, found), (Vec::new(), Some(checkpoint(2))));
}

#[test]
fn the_index_of_a_copy_begins_above_its_rows() {
    let (disk, mut writer) = writer();
    for part in some_parts() {
        writer.push(&part).expect("it is the next one");
    }
    writer.finish(&checkpoint(1)).expect("nothing is missing");
    let (mut copy, _) = GroupStore::open(&disk, "copy", CACHE_BYTES).expect("it opens");
    assert_eq!(copy.covers_after(), ts(9));
    copy.put(Keyspace::Live, &"k".into(), &Version::tombstone(ts(12)));
    assert_eq!(copy.covers_after(), ts(9));
}
