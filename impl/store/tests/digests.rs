//! Sums that are kept as rows change are those of a scan.

mod harness;

use harness::{CACHE_BYTES, Op, apply, checkpoint, key, op, space, ts};
use proptest::prelude::*;
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Keyspace, VersionStore};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Version;
use splitjob_store::{BracketSum, Durability, GroupStore, MemoryDisk};
use std::collections::BTreeMap;

fn new_store() -> GroupStore {
    GroupStore::open(&MemoryDisk::new(), "rows", CACHE_BYTES).expect("a new store opens").0
}

fn range() -> impl Strategy<Value = KeyRange> {
    let bounds = (key(), proptest::option::of(key()));
    let range = |(start, end): (Vec<u8>, Option<Vec<u8>>)| KeyRange::new(start.into(), end.map(RoutingKey::from)).ok();
    prop_oneof![1 => Just(KeyRange::all()), 3 => bounds.prop_filter_map("a range has keys", range)]
}

/// Changes, with a commit now and then.
fn change(store: &mut GroupStore, ops: &[Op]) {
    for (index, op) in ops.iter().enumerate() {
        apply(store, op);
        if index % 7 == 6 {
            commit(store);
        }
    }
}

fn commit(store: &mut GroupStore) {
    store.commit(&checkpoint(1), Durability::Buffered).expect("the disk is well");
}

fn scanned(store: &GroupStore, range: &KeyRange, side: Keyspace) -> BTreeMap<u64, BracketSum> {
    let sums = store.view().expect("no fault").digest(range, side, Timestamp::MAX).expect("nothing is damaged");
    sums.into_iter().filter(|(_, sum)| !sum.is_zero()).collect()
}

proptest! {
    #[test]
    fn a_scan_and_what_changed_since_are_the_sums_of_what_is_there(
        before in proptest::collection::vec(op(), 0..40),
        after in proptest::collection::vec(op(), 0..40),
        range in range(),
        side in space(),
    ) {
        let mut store = new_store();
        change(&mut store, &before);
        store.watch(3, range.clone(), side);
        let mut sums = scanned(&store, &range, side);
        change(&mut store, &after);
        for (bracket, changed) in store.digest(3) {
            sums.entry(bracket).or_default().add(&changed);
        }
        sums.retain(|_, sum| !sum.is_zero());
        commit(&mut store);
        prop_assert_eq!(sums, scanned(&store, &range, side));
    }
}

#[test]
fn a_row_that_is_replaced_by_an_equal_one_changes_nothing() {
    let mut store = new_store();
    store.watch(1, KeyRange::all(), Keyspace::Staged);
    let put =
        |store: &mut GroupStore, value: &str| store.put(Keyspace::Staged, &"k".into(), &Version::put(ts(1), value));
    put(&mut store, "v");
    let once = store.digest(1);
    put(&mut store, "v");
    commit(&mut store);
    put(&mut store, "v");
    assert_eq!((store.digest(1), once[&1].rows), (once, 1));
    put(&mut store, "other");
    assert_ne!(store.digest(1)[&1].sum, [0; 32]);
    assert!(store.remove(Keyspace::Staged, &"k".into(), ts(1)));
    assert_eq!(store.digest(1), BTreeMap::new());
}

#[test]
fn versions_above_a_bound_are_left_out_of_a_scan() {
    let mut store = new_store();
    for at in 1..=5 {
        store.put(Keyspace::Live, &"k".into(), &Version::tombstone(ts(at)));
    }
    commit(&mut store);
    let view = store.view().expect("no fault");
    let rows =
        |through| view.digest(&KeyRange::all(), Keyspace::Live, ts(through)).expect("nothing is damaged")[&1].rows;
    assert_eq!([rows(1), rows(3), rows(9)], [1, 3, 5]);
}

#[test]
fn each_part_of_a_row_counts() {
    let rows = [
        ("ab", Version::put(ts(1), "c")),
        ("a", Version::put(ts(1), "bc")),
        ("ab", Version::put(ts(2), "c")),
        ("ab", Version::put_until(ts(1), "c", ts(2))),
        ("ab", Version::put(ts(1), "")),
        ("ab", Version::tombstone(ts(1))),
    ];
    let sums: std::collections::BTreeSet<[u8; 32]> = rows
        .iter()
        .map(|(key, version)| {
            let mut store = new_store();
            store.watch(1, KeyRange::all(), Keyspace::Live);
            store.put(Keyspace::Live, &(*key).into(), version);
            store.digest(1)[&1].sum
        })
        .collect();
    assert_eq!(sums.len(), rows.len());
}
