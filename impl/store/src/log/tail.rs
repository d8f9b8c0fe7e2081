//! The last entries of a log, kept in memory: those that are replicated and applied next.

use super::LogRecord;
use std::collections::VecDeque;

/// The last entries of a log, without gaps, within bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    records: VecDeque<LogRecord>,
    bytes: usize,
}

impl Tail {
    /// The index of the first entry that is kept.
    pub(super) fn first_index(&self) -> Option<u64> {
        self.records.front().map(|record| record.index)
    }

    pub(super) fn get(&self, index: u64) -> Option<&LogRecord> {
        let place = usize::try_from(index.checked_sub(self.first_index()?)?).ok()?;
        self.records.get(place)
    }

    /// Takes entries that follow on the log, or replace its end; forgets the oldest ones beyond the bounds.
    pub(super) fn append(&mut self, records: Vec<LogRecord>) {
        let Some(from) = records.first().map(|record| record.index) else { return };
        while self.records.back().is_some_and(|last| last.index >= from) {
            self.pop(VecDeque::pop_back);
        }
        if self.records.back().is_some_and(|last| last.index + 1 != from) {
            self.clear();
        }
        for record in records {
            self.bytes += record.bytes();
            self.records.push_back(record);
        }
        while self.records.len() > TAIL_RECORDS || self.bytes > TAIL_BYTES {
            self.pop(VecDeque::pop_front);
        }
    }

    /// Forgets the entries up to an index.
    pub(super) fn forget_through(&mut self, index: u64) {
        while self.records.front().is_some_and(|first| first.index <= index) {
            self.pop(VecDeque::pop_front);
        }
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    fn pop(&mut self, end: fn(&mut VecDeque<LogRecord>) -> Option<LogRecord>) {
        if let Some(record) = end(&mut self.records) {
            self.bytes -= record.bytes();
        }
    }
}

/// So many entries of each log are kept in memory, at most.
const TAIL_RECORDS: usize = 8192;
/// And so many bytes.
const TAIL_BYTES: usize = 8 << 20;
