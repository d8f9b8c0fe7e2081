//! The service: each key a chain of versions, in one of two groups.

use crate::history::operation::{Answer, Bytes, Call, Row, Seen, TransactionRead, TransactionWrite};
use std::collections::BTreeMap;

/// The versions of a key, by timestamp.
type Chain = BTreeMap<u64, Option<Bytes>>;

/// Two groups; a key belongs to one by its last byte.
#[derive(Default)]
pub(super) struct Service {
    chains: BTreeMap<Bytes, Chain>,
    clocks: [u64; 2],
    bounds: [u64; 2],
    /// The transaction that holds a key, and its commit timestamp.
    pub(super) locks: BTreeMap<Bytes, (usize, u64)>,
}

impl Service {
    /// Takes a part of a call; nothing if it is refused.
    pub(super) fn take(&mut self, call: &mut Call, part: u32, operation: usize, at: &mut u64) -> Option<Answer> {
        match call {
            Call::Put { key, value, commit_ts } => self.write(key, Some(value.clone()), *commit_ts),
            Call::Delete { key, commit_ts } => self.write(key, None, *commit_ts),
            Call::DeletePrefix { prefix } => self.delete_prefix(prefix, part, at),
            Call::Get { key, read_ts } => {
                let read_ts = read_ts.unwrap_or(self.clocks[group(key)]);
                self.bind(group(key), read_ts);
                self.check_unlocked(key, read_ts)?;
                Some(Answer::Value { seen: self.seen(key, read_ts), read_ts: Some(read_ts) })
            }
            Call::Latest { key } => {
                self.check_unlocked(key, u64::MAX)?;
                let newest = self.chains.get(key).and_then(|chain| chain.keys().next_back());
                Some(Answer::Newest(newest.copied()))
            }
            Call::Scan { start, end, limit, reverse, read_ts } => {
                if part == 0 {
                    *at = read_ts.unwrap_or(self.newest_clock());
                }
                self.scan_part(start, end.as_deref(), *limit, *reverse, *at, part)
            }
            Call::Transaction { start_ts, reads, writes } => match part {
                0 => {
                    *start_ts = self.newest_clock();
                    self.read(*start_ts, reads)
                }
                1 => self.prepare(*start_ts, writes, operation, at),
                _ => self.commit(writes, operation, *at),
            },
        }
    }

    /// The greatest timestamp that either group knows.
    pub(super) fn newest_clock(&self) -> u64 {
        self.clocks[0].max(self.clocks[1])
    }

    /// From here on the group admits nothing at or below this timestamp.
    fn bind(&mut self, group: usize, at: u64) {
        self.bounds[group] = self.bounds[group].max(at);
        self.clocks[group] = self.clocks[group].max(at);
    }

    fn check_unlocked(&self, key: &[u8], at: u64) -> Option<()> {
        if self.locks.get(key).is_some_and(|(_, lock_at)| *lock_at <= at) { None } else { Some(()) }
    }

    fn seen(&self, key: &[u8], at: u64) -> Option<Seen> {
        let (commit_ts, value) = self.chains.get(key)?.range(..=at).next_back()?;
        value.as_ref().map(|value| Seen { value: value.clone(), commit_ts: Some(*commit_ts) })
    }

    fn add(&mut self, key: &[u8], at: u64, value: Option<Bytes>) {
        self.clocks[group(key)] = self.clocks[group(key)].max(at);
        let twin = self.chains.entry(key.to_vec()).or_default().insert(at, value);
        assert!(twin.is_none(), "two versions at {at}");
    }

    fn write(&mut self, key: &[u8], value: Option<Bytes>, chosen: Option<u64>) -> Option<Answer> {
        if self.locks.contains_key(key) {
            return None;
        }
        let group = group(key);
        let at = chosen.unwrap_or(self.clocks[group] + 1);
        let is_taken = self.chains.get(key).is_some_and(|chain| chain.contains_key(&at));
        if at <= self.bounds[group] || is_taken {
            return None;
        }
        self.add(key, at, value);
        Some(Answer::Written { commit_ts: Some(at) })
    }

    fn delete_prefix(&mut self, prefix: &[u8], part: u32, at: &mut u64) -> Option<Answer> {
        if part == 0 {
            *at = self.newest_clock() + 5;
        }
        let part = part as usize;
        let under = |key: &Bytes| key.starts_with(prefix) && group(key) == part;
        if *at <= self.clocks[part] || self.locks.keys().any(under) {
            return None;
        }
        let is_hidden = |key: &&Bytes| under(key) && self.seen(key, *at).is_some();
        let hidden: Vec<Bytes> = self.chains.keys().filter(is_hidden).cloned().collect();
        hidden.iter().for_each(|key| self.add(key, *at, None));
        self.clocks[part] = self.clocks[part].max(*at);
        Some(Answer::Written { commit_ts: Some(*at) })
    }

    /// Binds one group; when both are bound, what they hold at the timestamp doesn't change any more.
    fn scan_part(
        &mut self,
        start: &[u8],
        end: Option<&[u8]>,
        limit: u64,
        reverse: bool,
        at: u64,
        part: u32,
    ) -> Option<Answer> {
        self.bind(part as usize, at);
        let is_met = |key: &[u8]| key >= start && end.is_none_or(|end| key < end) && group(key) == part as usize;
        if self.locks.iter().any(|(key, (_, lock_at))| is_met(key) && *lock_at <= at) {
            return None;
        }
        let rows = if part == 0 { Vec::new() } else { self.scan(start, end, limit, reverse, at) };
        Some(Answer::Rows { rows, read_ts: Some(at), next: None })
    }

    /// The rows of an interval at a timestamp.
    pub(super) fn scan(&self, start: &[u8], end: Option<&[u8]>, limit: u64, reverse: bool, at: u64) -> Vec<Row> {
        let is_met = |key: &&Bytes| key.as_slice() >= start && end.is_none_or(|end| key.as_slice() < end);
        let row = |key: &Bytes| {
            self.seen(key, at).map(|seen| Row { key: key.clone(), value: seen.value, commit_ts: seen.commit_ts })
        };
        let mut rows: Vec<Row> = self.chains.keys().filter(is_met).filter_map(row).collect();
        if reverse {
            rows.reverse();
        }
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        rows
    }

    fn read(&mut self, at: u64, reads: &mut Vec<TransactionRead>) -> Option<Answer> {
        let is_locked = reads.iter().any(|read| self.check_unlocked(&read.key, at).is_none());
        if is_locked {
            reads.clear();
            return None;
        }
        for read in reads {
            self.bind(group(&read.key), at);
            read.seen = self.seen(&read.key, at);
        }
        Some(Answer::Written { commit_ts: None })
    }

    fn prepare(
        &mut self,
        start_ts: u64,
        writes: &[TransactionWrite],
        operation: usize,
        at: &mut u64,
    ) -> Option<Answer> {
        let newest = |key: &Bytes| self.chains.get(key).and_then(|chain| chain.keys().next_back()).copied();
        let conflicts = |write: &TransactionWrite| newest(&write.key) > Some(start_ts);
        if writes.iter().any(|write| self.locks.contains_key(&write.key) || conflicts(write)) {
            return None;
        }
        *at = self.newest_clock() + 1;
        for write in writes {
            self.clocks[group(&write.key)] = *at;
            self.locks.insert(write.key.clone(), (operation, *at));
        }
        Some(Answer::Written { commit_ts: None })
    }

    fn commit(&mut self, writes: &[TransactionWrite], operation: usize, at: u64) -> Option<Answer> {
        for write in writes {
            let (holder, _) = self.locks.remove(&write.key)?;
            assert_eq!(holder, operation, "a lock is held until its transaction ends");
            self.add(&write.key, at, write.value.clone());
        }
        Some(Answer::Written { commit_ts: Some(at) })
    }
}

fn group(key: &[u8]) -> usize {
    usize::from(key.last().copied().unwrap_or(0) % 2)
}
