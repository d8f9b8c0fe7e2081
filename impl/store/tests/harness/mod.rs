//! What the tests share: small rows from a small world, and a model of the store to compare with.

#![allow(dead_code, reason = "each test uses a part of it")]

use proptest::prelude::*;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, MemoryStore, Row, VersionReader, VersionStore};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::Version;
use splitjob_store::{Checkpoint, GroupStore, LogPosition};
use std::collections::BTreeMap;

/// Small enough that pages leave the cache.
pub(crate) const CACHE_BYTES: usize = 1 << 16;

/// A change of a store.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Put(Keyspace, RawKey, Version),
    Remove(Keyspace, RawKey, Timestamp),
    Lock(RawKey, Lock),
    Unlock(RawKey),
    Record(Vec<u8>, Option<Vec<u8>>),
}

/// What a store should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) rows: MemoryStore,
    pub(crate) records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    /// Does the same to the model and, where the core's trait tells something, says what.
    pub(crate) fn apply(&mut self, op: &Op) -> Option<bool> {
        apply_rows(&mut self.rows, op, |key, value| {
            match value {
                Some(value) => self.records.insert(key.to_vec(), value.to_vec()),
                None => self.records.remove(key),
            };
        })
    }
}

/// Does it to the store.
pub(crate) fn apply(store: &mut GroupStore, op: &Op) -> Option<bool> {
    if let Op::Record(key, value) = op {
        store.put_record(key, value.as_deref());
        return None;
    }
    apply_rows(store, op, |_, _| {})
}

fn apply_rows(store: &mut impl VersionStore, op: &Op, record: impl FnOnce(&[u8], Option<&[u8]>)) -> Option<bool> {
    match op {
        Op::Put(space, key, version) => store.put(*space, key, version),
        Op::Remove(space, key, commit_ts) => return Some(store.remove(*space, key, *commit_ts)),
        Op::Lock(key, lock) => store.put_lock(key, lock),
        Op::Unlock(key) => return Some(store.remove_lock(key)),
        Op::Record(key, value) => record(key, value.as_deref()),
    }
    None
}

/// Everything that a reader has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contents {
    pub(crate) live: Vec<Row>,
    pub(crate) staged: Vec<Row>,
    pub(crate) locks: Vec<(RawKey, Lock)>,
}

pub(crate) fn contents(reader: &impl VersionReader) -> Contents {
    let all = RawInterval::all();
    Contents {
        live: reader.walk(Keyspace::Live, &all, Direction::Forward).collect(),
        staged: reader.walk(Keyspace::Staged, &all, Direction::Forward).collect(),
        locks: reader.locks(&all).collect(),
    }
}

pub(crate) fn checkpoint(index: u64) -> Checkpoint {
    Checkpoint {
        applied: LogPosition { index, term: 1 + index / 10 },
        state: format!("state {index}").into_bytes(),
        configuration: format!("members {index}").into_bytes(),
    }
}

pub(crate) fn ts(raw: u64) -> Timestamp {
    Timestamp::from_raw(raw)
}

/// Keys that are prefixes of one another, with bytes that encodings stumble over.
pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(1), Just(0xfe), Just(0xff), Just(b'a'), Just(b'!')];
    let list = Just(b"!lst|meta|a".to_vec());
    prop_oneof![9 => proptest::collection::vec(byte, 0..4), 1 => list]
}

pub(crate) fn space() -> impl Strategy<Value = Keyspace> {
    prop_oneof![Just(Keyspace::Live), Just(Keyspace::Staged)]
}

pub(crate) fn version() -> impl Strategy<Value = Version> {
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (1..30u64, value.clone()).prop_map(|(at, value)| Version::put(ts(at), value)),
        (1..30u64, value, 1..99u64).prop_map(|(at, value, until)| Version::put_until(ts(at), value, ts(until))),
        (1..30u64).prop_map(|at| Version::tombstone(ts(at))),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let lock = (key(), version(), 1..30u64, any::<u64>()).prop_map(|(primary, version, start, expires_at_ms)| Lock {
        txn: TxnId { primary: primary.into(), start_ts: ts(start) },
        commit_ts: version.commit_ts,
        expires_at_ms,
        content: version.content,
    });
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
    prop_oneof![
        6 => (space(), key(), version()).prop_map(|(space, key, version)| Op::Put(space, key.into(), version)),
        3 => (space(), key(), 1..30u64).prop_map(|(space, key, at)| Op::Remove(space, key.into(), ts(at))),
        1 => (key(), lock).prop_map(|(key, lock)| Op::Lock(key.into(), lock)),
        1 => key().prop_map(|key| Op::Unlock(key.into())),
        1 => (key(), value).prop_map(|(key, value)| Op::Record(key, value)),
    ]
}

pub(crate) fn interval() -> impl Strategy<Value = RawInterval> {
    (key(), proptest::option::of(key()))
        .prop_map(|(start, end)| RawInterval { start: start.into(), end: end.map(RawKey::from) })
}

/// SplitMix64, for workloads that are the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A change of a store with few keys.
    pub(crate) fn op(&mut self) -> Op {
        let key = [&b"k"[..], &vec![0; self.below(3) as usize], &[b'a' + self.below(20) as u8]].concat();
        let space = if self.below(3) == 0 { Keyspace::Staged } else { Keyspace::Live };
        let at = 1 + self.below(50);
        match self.below(10) {
            0..6 => {
                let value = vec![self.below(256) as u8; self.below(600) as usize];
                Op::Put(space, key.into(), Version::put(ts(at), value))
            }
            6 => Op::Put(space, key.into(), Version::tombstone(ts(at))),
            7 => Op::Remove(space, key.into(), ts(at)),
            8 => {
                let txn = TxnId { primary: "p".into(), start_ts: ts(at) };
                let version = Version::put(ts(at + 1), "intent");
                Op::Lock(key.into(), Lock { txn, commit_ts: ts(at + 1), expires_at_ms: 9, content: version.content })
            }
            _ => Op::Record(key, Some(at.to_le_bytes().to_vec())),
        }
    }
}
