//! The store beside the one in memory: whatever is done to both, they answer alike.

mod harness;

use harness::{CACHE_BYTES, Model, Op, apply, checkpoint, contents, interval, key, op, space, ts};
use proptest::prelude::*;
use splitjob_core::group::Window;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader, VersionStore};
use splitjob_core::version::Version;
use splitjob_store::{Durability, FileDisk, GroupStore, MAX_KEY_BYTES, MemoryDisk, StoreError, StoreView};

/// What is done to a store from outside.
#[derive(Clone, Debug)]
enum Step {
    Change(Op),
    Commit(Durability),
    View,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => op().prop_map(Step::Change),
        2 => Just(Step::Commit(Durability::Buffered)),
        1 => Just(Step::Commit(Durability::Durable)),
        1 => Just(Step::View),
        1 => Just(Step::Reopen),
    ]
}

/// A store, what it should hold, what was committed of that, and views with what they should hold.
struct Pair {
    disk: MemoryDisk,
    store: GroupStore,
    model: Model,
    committed: Model,
    index: u64,
    views: Vec<(StoreView, Model)>,
}

impl Pair {
    fn new() -> Pair {
        let disk = MemoryDisk::new();
        let (store, _) = GroupStore::open(&disk, "rows", CACHE_BYTES).expect("a new store opens");
        Pair { disk, store, model: Model::default(), committed: Model::default(), index: 0, views: Vec::new() }
    }

    fn step(self, step: &Step) -> Pair {
        let mut pair = self;
        match step {
            Step::Change(op) => assert_eq!(apply(&mut pair.store, op), pair.model.apply(op), "{op:?}"),
            Step::Commit(durability) => {
                pair.index += 1;
                pair.store.commit(&checkpoint(pair.index), *durability).expect("the disk is well");
                pair.committed = pair.model.clone();
            }
            Step::View => pair.views.push((pair.store.view().expect("no fault"), pair.committed.clone())),
            Step::Reopen => {
                pair.views.clear();
                drop(pair.store);
                let (store, found) = GroupStore::open(&pair.disk, "rows", CACHE_BYTES).expect("it opens again");
                assert_eq!(found, (pair.index > 0).then(|| checkpoint(pair.index)));
                pair.model = pair.committed.clone();
                pair.store = store;
            }
        }
        pair
    }
}

fn run(steps: &[Step]) -> Pair {
    steps.iter().fold(Pair::new(), Pair::step)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..80)
}

fn rows(reader: &impl VersionReader, space: Keyspace, interval: &RawInterval, direction: Direction) -> Vec<Row> {
    reader.walk(space, interval, direction).collect()
}

fn assert_alike(
    store: &impl VersionReader,
    model: &Model,
    space: Keyspace,
    interval: &RawInterval,
    key: &RawKey,
    at: u64,
) {
    assert_eq!(contents(store), contents(&model.rows));
    for direction in [Direction::Forward, Direction::Reverse] {
        assert_eq!(rows(store, space, interval, direction), rows(&model.rows, space, interval, direction));
    }
    assert_eq!(store.newest_at(space, key, ts(at)), model.rows.newest_at(space, key, ts(at)));
    assert_eq!(store.version_at(space, key, ts(at)), model.rows.version_at(space, key, ts(at)));
    assert_eq!(store.lock(key), model.rows.lock(key));
    let locks = |reader: &dyn Fn() -> Vec<_>| reader();
    assert_eq!(locks(&|| store.locks(interval).collect()), locks(&|| model.rows.locks(interval).collect()));
}

proptest! {
    #[test]
    fn a_store_answers_like_the_one_in_memory(
        steps in steps(), space in space(), interval in interval(), key in key(), at in 0..40u64
    ) {
        let pair = run(&steps);
        assert_alike(&pair.store, &pair.model, space, &interval, &key.into(), at);
        let records: Vec<_> = pair.model.records.clone().into_iter().collect();
        prop_assert_eq!(pair.store.records(), Ok(records));
        prop_assert_eq!(pair.store.fault(), None);
    }

    #[test]
    fn a_view_stays_as_the_commit_was(
        steps in steps(), space in space(), interval in interval(), key in key(), at in 0..40u64
    ) {
        let pair = run(&steps);
        for (view, committed) in &pair.views {
            assert_alike(view, committed, space, &interval, &key.clone().into(), at);
            prop_assert_eq!(view.fault(), None);
        }
    }

    #[test]
    fn a_window_has_the_rows_that_a_plain_walk_has(
        steps in steps(), interval in interval(), after in 0..30u64, through in 0..35u64
    ) {
        let pair = run(&steps);
        let window = Window { after: ts(after), through: ts(through) };
        let within = |row: &Row| window.after < row.version.commit_ts && row.version.commit_ts <= window.through;
        let wanted = |model: &Model| -> Vec<Row> {
            model.rows.walk(Keyspace::Live, &interval, Direction::Forward).filter(within).collect()
        };
        let found: Vec<Row> = pair.store.walk_window(&interval, window).filter(within).collect();
        prop_assert_eq!(found, wanted(&pair.model));
        for (view, committed) in &pair.views {
            let found: Vec<Row> = view.walk_window(&interval, window).filter(within).collect();
            prop_assert_eq!(found, wanted(committed));
        }
    }
}

#[test]
fn a_window_that_the_index_covers_is_answered_without_the_rest() {
    let Pair { mut store, .. } = Pair::new();
    for at in 1..=9 {
        store.put(Keyspace::Live, &RawKey::from("k"), &Version::put(ts(at), "v"));
    }
    let window = Window { after: ts(3), through: ts(5) };
    let found: Vec<u64> =
        store.walk_window(&RawInterval::all(), window).map(|row| row.version.commit_ts.raw()).collect();
    assert_eq!(found, [5, 4]);
}

#[test]
fn the_index_of_a_store_that_was_opened_begins_above_its_rows() {
    let Pair { disk, mut store, .. } = Pair::new();
    store.put(Keyspace::Live, &RawKey::from("k"), &Version::put(ts(7), "v"));
    store.put(Keyspace::Staged, &RawKey::from("k"), &Version::put(ts(9), "v"));
    store.commit(&checkpoint(1), Durability::Durable).expect("the disk is well");
    assert_eq!(store.covers_after(), ts(0));
    drop(store);
    let (store, _) = GroupStore::open(&disk, "rows", CACHE_BYTES).expect("it opens again");
    assert_eq!(store.covers_after(), ts(7));
}

#[test]
fn a_key_that_is_too_long_is_a_fault_and_is_not_stored() {
    let Pair { mut store, .. } = Pair::new();
    let key = RawKey::from(vec![b'k'; MAX_KEY_BYTES + 1]);
    store.put(Keyspace::Live, &key, &Version::put(ts(1), "v"));
    let fault = StoreError::TooLarge { what: "key", bytes: MAX_KEY_BYTES + 1, limit: MAX_KEY_BYTES };
    assert_eq!(store.fault(), Some(fault.clone()));
    assert_eq!(store.commit(&checkpoint(1), Durability::Durable), Err(fault));
}

#[test]
fn a_store_on_real_files_is_found_again_and_is_opened_once() {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let disk = FileDisk::new(dir.path()).expect("the directory is there");
    let (mut store, found) = GroupStore::open(&disk, "rows.redb", CACHE_BYTES).expect("a new store opens");
    assert_eq!(found, None);
    store.put(Keyspace::Live, &RawKey::from("k"), &Version::put(ts(1), "v"));
    store.commit(&checkpoint(1), Durability::Durable).expect("the disk is well");
    let second = GroupStore::open(&disk, "rows.redb", CACHE_BYTES).map(|(_, found)| found);
    assert_eq!(second, Err(StoreError::Busy { name: "rows.redb".to_owned() }));
    let before = contents(&store);
    drop(store);
    let (store, found) = GroupStore::open(&disk, "rows.redb", CACHE_BYTES).expect("it opens again");
    assert_eq!((contents(&store), found), (before, Some(checkpoint(1))));
}

#[test]
fn a_file_is_listed_until_it_is_removed_and_odd_names_are_refused() {
    use splitjob_store::Disk as _;
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let disk = FileDisk::new(dir.path()).expect("the directory is there");
    drop(disk.open("a.redb").expect("a file can be created"));
    assert_eq!(disk.list(), Ok(vec!["a.redb".to_owned()]));
    disk.remove("a.redb").expect("it can be removed");
    disk.remove("a.redb").expect("removing nothing is no error");
    assert_eq!((disk.list(), disk.exists("a.redb")), (Ok(Vec::new()), Ok(false)));
    for name in ["", "../a", ".a", "a/b", "a\\b"] {
        assert!(matches!(disk.open(name), Err(StoreError::Io { .. })), "{name}");
    }
}
