//! Figures. `cargo nextest run --release -p splitjob-store --run-ignored only --no-capture` prints them.

mod harness;

use harness::{Random, checkpoint, ts};
use splitjob_core::group::Window;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, VersionReader, VersionStore};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Version;
use splitjob_store::{Durability, FileDisk, GroupStore, LogPosition, LogRecord, LogStore, SnapshotWriter};
use std::io::Write;
use std::time::{Duration, Instant};

const ROWS: u64 = 1_000_000;
/// The rows of one entry of an import.
const BATCH: u64 = 8192;
const CACHE_BYTES: usize = 512 << 20;

fn told(what: &str, count: u64, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    let micros = took.as_secs_f64() * 1e6 / count as f64;
    let line =
        format!("{what:50} {count:>9} in {:>9.3} ms {rate:>12.0}/s {micros:>9.3} µs\n", took.as_secs_f64() * 1e3);
    std::io::stdout().write_all(line.as_bytes()).expect("the test can print");
}

/// Now and then a commit is durable, as a node's are: until then the pages of the last durable one aren't used again.
fn durability(commit: u64) -> Durability {
    if commit % 40 == 39 { Durability::Durable } else { Durability::Buffered }
}

fn row_key(number: u64) -> RawKey {
    format!("user/{number:016}/profile/0123456789").into_bytes().into()
}

fn row(number: u64) -> Version {
    Version::put(ts(1000 + number), vec![number as u8; 100])
}

fn import(store: &mut GroupStore, space: Keyspace, what: &str) {
    let started = Instant::now();
    for first in (0..ROWS).step_by(BATCH as usize) {
        for number in first..(first + BATCH).min(ROWS) {
            store.put(space, &row_key(number), &row(number));
        }
        store.commit(&checkpoint(first), durability(first / BATCH)).expect("the disk is well");
    }
    told(what, ROWS, started.elapsed());
    let started = Instant::now();
    store.commit(&checkpoint(ROWS), Durability::Durable).expect("the disk is well");
    told("  the durable commit after it", 1, started.elapsed());
}

#[test]
#[ignore = "measures for a minute"]
fn rows_a_second() {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let disk = FileDisk::new(dir.path()).expect("the directory is there");
    let (mut store, _) = GroupStore::open(&disk, "rows.redb", CACHE_BYTES).expect("a new store opens");
    let started = Instant::now();
    for number in 0..ROWS {
        std::hint::black_box((row_key(number), row(number)));
    }
    told("making the rows, for comparison", ROWS, started.elapsed());
    import(&mut store, Keyspace::Staged, "import in order, staged");
    store.watch(1, KeyRange::all(), Keyspace::Staged);
    import(&mut store, Keyspace::Staged, "the same again, watched");
    import(&mut store, Keyspace::Live, "import in order, live");
    random_writes(&mut store);
    reads(&store);
    window(&mut store);
    removals(&mut store);
    let size = std::fs::metadata(dir.path().join("rows.redb")).expect("the file is there").len();
    told("bytes of the file, a row", ROWS, Duration::from_nanos(size));
    transfer(&disk, &store);
    drop(store);
    let started = Instant::now();
    let (store, _) = GroupStore::open(&disk, "rows.redb", CACHE_BYTES).expect("it opens again");
    told("opening", 1, started.elapsed());
    drop(store);
}

fn random_writes(store: &mut GroupStore) {
    let mut random = Random(3);
    let started = Instant::now();
    for commit in 0..400 {
        for _ in 0..256 {
            let number = random.below(ROWS);
            store.put(Keyspace::Live, &row_key(number), &row(ROWS + number));
        }
        store.commit(&checkpoint(commit), durability(commit)).expect("the disk is well");
    }
    told("writes anywhere, 256 a commit", 400 * 256, started.elapsed());
}

fn reads(store: &GroupStore) {
    let mut random = Random(4);
    let view = store.view().expect("no fault");
    let started = Instant::now();
    for _ in 0..200_000 {
        let found = store.newest_at(Keyspace::Live, &row_key(random.below(ROWS)), Timestamp::MAX);
        assert!(found.is_some());
    }
    told("newest_at", 200_000, started.elapsed());
    let started = Instant::now();
    let found = store.walk(Keyspace::Live, &RawInterval::all(), Direction::Forward).count();
    told("walk forward", found as u64, started.elapsed());
    let started = Instant::now();
    let found = view.walk(Keyspace::Live, &RawInterval::all(), Direction::Reverse).count();
    told("walk backward, in a view", found as u64, started.elapsed());
    let started = Instant::now();
    let sums = view.digest(&KeyRange::all(), Keyspace::Live, Timestamp::MAX).expect("nothing is damaged");
    told("digest by a scan", sums.values().map(|sum| sum.rows).sum(), started.elapsed());
}

fn window(store: &mut GroupStore) {
    let after = ts(10 * ROWS);
    let mut random = Random(5);
    for number in 0..1000 {
        let version = Version::put(ts(10 * ROWS + 1 + number), vec![1; 100]);
        store.put(Keyspace::Live, &row_key(random.below(ROWS)), &version);
    }
    store.commit(&checkpoint(1), Durability::Buffered).expect("the disk is well");
    let window = Window { after, through: Timestamp::MAX };
    let view = store.view().expect("no fault");
    for what in ["walk_window of 1,000, all of it", "  again, in the same view"] {
        let started = Instant::now();
        let found = view.walk_window(&RawInterval::all(), window).count();
        told(what, 1, started.elapsed());
        assert_eq!(found, 1000);
    }
    let started = Instant::now();
    for family in 0..50u8 {
        let interval = RawInterval::of_prefix(&[b'!', family]);
        assert_eq!(view.walk_window(&interval, window).count(), 0);
    }
    told("  50 intervals without a row of it", 1, started.elapsed());
}

fn removals(store: &mut GroupStore) {
    let started = Instant::now();
    for first in (0..ROWS).step_by(BATCH as usize) {
        for number in first..(first + BATCH).min(ROWS) {
            assert!(store.remove(Keyspace::Staged, &row_key(number), ts(1000 + number)));
        }
        store.commit(&checkpoint(first), durability(first / BATCH)).expect("the disk is well");
    }
    told("removals in order", ROWS, started.elapsed());
}

fn transfer(disk: &FileDisk, store: &GroupStore) {
    let view = store.view().expect("no fault");
    let started = Instant::now();
    let chunks: Result<Vec<Vec<u8>>, _> = view.snapshot_chunks(1 << 20).collect();
    told("a snapshot made", ROWS, started.elapsed());
    let started = Instant::now();
    let mut writer = SnapshotWriter::create(disk, "copy.redb").expect("a file can be created");
    for chunk in chunks.expect("nothing is damaged") {
        writer.push(&chunk).expect("it is the next one");
    }
    writer.finish(&checkpoint(9)).expect("the disk is well");
    told("a snapshot stored", ROWS, started.elapsed());
    let started = Instant::now();
    drop(GroupStore::open(disk, "copy.redb", CACHE_BYTES).expect("it opens"));
    told("  and opened", 1, started.elapsed());
}

#[test]
#[ignore = "measures for a minute"]
fn log_entries_a_second() {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let disk = FileDisk::new(dir.path()).expect("the directory is there");
    let logs = LogStore::open(&disk).expect("new logs open");
    let mut batch = logs.batch();
    batch.create(1, LogPosition::default());
    logs.commit(batch).expect("the disk is well");
    for (commits, entries, bytes) in [(1000u64, 1u64, 200usize), (1000, 64, 200), (100, 1, 1 << 20)] {
        let started = Instant::now();
        for _ in 0..commits {
            let first = logs.load(1).expect("it is there").expect("it was created").last_index + 1;
            let record = |index| LogRecord { index, term: 1, kind: 0, data: vec![7; bytes], context: Vec::new() };
            let mut batch = logs.batch();
            batch.append(1, (first..first + entries).map(record).collect());
            if first > 10_000 {
                batch.truncate_prefix(1, LogPosition { index: first - 5_000, term: 1 });
            }
            logs.commit(batch).expect("the disk is well");
        }
        told(&format!("log entries of {bytes} bytes, {entries} a commit"), commits * entries, started.elapsed());
    }
}
