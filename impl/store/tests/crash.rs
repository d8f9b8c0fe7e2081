//! The power fails at every write of a workload, with torn sectors: what is found again is a durable commit, as a whole.

mod harness;

use harness::{CACHE_BYTES, Contents, Random, apply, checkpoint, contents};
use splitjob_store::{
    Checkpoint, Durability, GroupLog, GroupStore, HardState, LogPosition, LogRecord, LogStore, MemoryDisk, StoreError,
};

/// What a store held at its commits, by their number; before the first one nothing.
type Commits = Vec<Contents>;

/// Runs the same workload on every disk, until the disk fails; says what was committed, and the last durable commit.
fn run_rows(disk: &MemoryDisk) -> (Commits, u64, Option<GroupStore>) {
    let nothing = Contents { live: Vec::new(), staged: Vec::new(), locks: Vec::new() };
    let (mut commits, mut durable) = (vec![nothing], 0);
    let Ok((mut store, _)) = GroupStore::open(disk, "rows", CACHE_BYTES) else { return (commits, durable, None) };
    let mut random = Random(7);
    for index in 1..=COMMITS {
        for _ in 0..random.below(12) {
            apply(&mut store, &random.op());
        }
        let held = contents(&store);
        if store.fault().is_some() {
            break;
        }
        commits.push(held);
        let durability = if index % 3 == 0 { Durability::Durable } else { Durability::Buffered };
        if store.commit(&checkpoint(index), durability).is_err() {
            break;
        }
        if durability == Durability::Durable {
            durable = index;
        }
    }
    (commits, durable, Some(store))
}

fn reopened_rows(disk: &MemoryDisk) -> Result<(Contents, Option<Checkpoint>), StoreError> {
    let (store, found) = GroupStore::open(disk, "rows", CACHE_BYTES)?;
    let held = contents(&store);
    store.fault().map_or(Ok((held, found)), Err)
}

#[test]
fn rows_and_checkpoint_are_those_of_a_durable_commit_wherever_the_power_fails() {
    let disk = MemoryDisk::new();
    let (_, _, store) = run_rows(&disk);
    let writes = disk.writes();
    drop(store);
    for (at, seed) in (1..=writes).flat_map(|at| (0..SEEDS).map(move |seed| (at, seed))) {
        let disk = MemoryDisk::new();
        disk.fail_after(at);
        let (commits, durable, store) = run_rows(&disk);
        disk.crash(at * 1000 + seed);
        drop(store);
        let (held, found) = reopened_rows(&disk).unwrap_or_else(|error| panic!("write {at}, seed {seed}: {error}"));
        let index = found.as_ref().map_or(0, |found| found.applied.index);
        assert!(index >= durable, "write {at}, seed {seed}: commit {index} after {durable} was durable");
        assert_eq!(found, (index > 0).then(|| checkpoint(index)), "write {at}, seed {seed}");
        assert_eq!(held, commits[index as usize], "write {at}, seed {seed}, commit {index}");
    }
}

#[test]
fn what_a_crash_leaves_can_be_crashed_again() {
    let disk = MemoryDisk::new();
    let (_, _, store) = run_rows(&disk);
    disk.crash(1);
    drop(store);
    let before = disk.clone();
    let opening = {
        let at = before.writes();
        reopened_rows(&before).expect("it opens after a crash");
        before.writes() - at
    };
    for at in 0..opening {
        let disk = MemoryDisk::new();
        let (commits, durable, store) = run_rows(&disk);
        disk.crash(1);
        drop(store);
        disk.fail_after(at);
        // It fails while it repairs what the first crash left.
        drop(reopened_rows(&disk));
        disk.crash(at);
        let (held, found) = reopened_rows(&disk).unwrap_or_else(|error| panic!("write {at}: {error}"));
        let index = found.map_or(0, |found| found.applied.index);
        assert!(index >= durable);
        assert_eq!(held, commits[index as usize], "write {at}");
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_durable() {
    let disk = MemoryDisk::new();
    let (commits, _, store) = run_rows(&disk);
    drop(store);
    let (mut store, _) = GroupStore::open(&disk, "rows", CACHE_BYTES).expect("it opens again");
    disk.limit_bytes(disk.used_bytes());
    let mut random = Random(9);
    let full = (COMMITS + 1..COMMITS + 5000).find_map(|index| {
        for _ in 0..50 {
            apply(&mut store, &random.op());
        }
        let put = harness::Op::Record(index.to_le_bytes().to_vec(), Some(vec![7; 4000]));
        apply(&mut store, &put);
        store.commit(&checkpoint(index), Durability::Durable).err()
    });
    assert!(matches!(full, Some(StoreError::Full { .. })), "{full:?}");
    assert_eq!(store.fault(), full);
    drop(store);
    disk.heal();
    let (store, found) = GroupStore::open(&disk, "rows", CACHE_BYTES).expect("it opens again");
    let index = found.map_or(0, |found| found.applied.index);
    assert!(index >= COMMITS, "commit {index}");
    if index == COMMITS {
        assert_eq!(Some(&contents(&store)), commits.last());
    }
}

#[test]
fn a_store_that_is_closed_keeps_its_buffered_commits() {
    let disk = MemoryDisk::new();
    let (commits, durable, store) = run_rows(&disk);
    assert!(durable < COMMITS, "the last commit is a buffered one");
    drop(store);
    disk.crash(3);
    let (held, found) = reopened_rows(&disk).expect("it opens again");
    assert_eq!((Some(&held), found), (commits.last(), Some(checkpoint(COMMITS))));
}

#[test]
fn the_same_workload_makes_the_same_file() {
    let files = [(), ()].map(|()| {
        let disk = MemoryDisk::new();
        let (_, _, store) = run_rows(&disk);
        disk.crash(5);
        drop(store);
        disk.contents("rows")
    });
    assert_eq!(files[0], files[1]);
}

/// What the logs held at their commits.
type Logs = Vec<Vec<(u64, GroupLog, Vec<LogRecord>)>>;

/// Runs the same workload of logs on every disk, until it fails.
fn run_logs(disk: &MemoryDisk) -> (Logs, usize, Option<LogStore>) {
    let (mut states, mut durable) = (vec![Vec::new()], 0);
    let Ok(logs) = LogStore::open(disk) else { return (states, durable, None) };
    let mut model = LogModel::default();
    let mut random = Random(11);
    for step in 1..=LOG_COMMITS {
        let mut batch = logs.batch();
        (0..=random.below(3)).for_each(|_| model.change(&mut random, &mut batch));
        states.push(model.state());
        if logs.commit(batch).is_err() {
            break;
        }
        durable = step;
    }
    (states, durable, Some(logs))
}

/// Logs in memory.
#[derive(Default)]
struct LogModel(std::collections::BTreeMap<u64, (GroupLog, Vec<LogRecord>)>);

impl LogModel {
    fn state(&self) -> Vec<(u64, GroupLog, Vec<LogRecord>)> {
        self.0.iter().map(|(group, (log, records))| (*group, *log, records.clone())).collect()
    }

    fn change(&mut self, random: &mut Random, batch: &mut splitjob_store::LogBatch) {
        let group = random.below(2);
        let after = LogPosition { index: group, term: group };
        let (log, records) = self.0.entry(group).or_insert_with(|| {
            batch.create(group, after);
            let hard_state = HardState { term: after.term, vote: 0, commit: after.index };
            (GroupLog { hard_state, truncated: after, last_index: after.index, generation: 0 }, Vec::new())
        });
        match random.below(8) {
            0..5 => {
                let back = random.below(3).min(records.len() as u64);
                let from = log.last_index + 1 - back;
                let record = |index| LogRecord {
                    index,
                    term: random.below(9),
                    kind: 3,
                    data: vec![index as u8; random.below(700) as usize],
                    context: vec![1, 2],
                };
                let more: Vec<LogRecord> = (from..=from + 2).map(record).collect();
                records.retain(|record| record.index < from);
                records.extend(more.clone());
                log.last_index = from + 2;
                batch.append(group, more);
            }
            5 => {
                log.hard_state = HardState { term: 9, vote: random.below(4), commit: log.last_index };
                batch.set_hard_state(group, log.hard_state);
            }
            6 if records.len() > 2 => {
                let through = LogPosition { index: records[1].index, term: records[1].term };
                records.drain(..2);
                log.truncated = through;
                batch.truncate_prefix(group, through);
            }
            _ => {
                let at = LogPosition { index: log.last_index + 5, term: 9 };
                records.clear();
                let generation = log.generation + 1;
                let commit = log.hard_state.commit.max(at.index);
                let hard_state = HardState { term: log.hard_state.term.max(9), commit, ..log.hard_state };
                *log = GroupLog { hard_state, truncated: at, last_index: at.index, generation };
                batch.reset(group, at, generation);
            }
        }
    }
}

fn held_logs(logs: &LogStore) -> Result<Vec<(u64, GroupLog, Vec<LogRecord>)>, StoreError> {
    let mut held = Vec::new();
    for group in logs.groups() {
        let log = logs.load(group)?.expect("a listed log is there");
        held.push((group, log, logs.entries(group, 0, u64::MAX, u64::MAX)?));
    }
    Ok(held)
}

#[test]
fn logs_are_those_of_the_last_commit_wherever_the_power_fails() {
    let disk = MemoryDisk::new();
    let (states, _, logs) = run_logs(&disk);
    let logs = logs.expect("the disk is well");
    assert_eq!(held_logs(&logs).as_ref(), Ok(states.last().expect("there was a commit")));
    let writes = disk.writes();
    for (at, seed) in (1..=writes).flat_map(|at| (0..SEEDS).map(move |seed| (at, seed))) {
        let disk = MemoryDisk::new();
        disk.fail_after(at);
        let (states, durable, logs) = run_logs(&disk);
        disk.crash(at * 1000 + seed);
        drop(logs);
        let held = LogStore::open(&disk).and_then(|logs| held_logs(&logs));
        let held = held.unwrap_or_else(|error| panic!("write {at}, seed {seed}: {error}"));
        // The commit that the power failed in may have made it.
        let is_one = states[durable..].contains(&held);
        assert!(is_one, "write {at}, seed {seed}: neither commit {durable} nor the next one: {held:?}");
    }
}

const COMMITS: u64 = 20;
const LOG_COMMITS: usize = 30;
const SEEDS: u64 = 3;
