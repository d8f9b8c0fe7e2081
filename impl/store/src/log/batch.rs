//! Changes of logs that become durable together.

use super::{GroupLog, HardState, LogPosition, LogRecord};

/// Changes of logs, in their order.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    pub(super) changes: Vec<(u64, Change)>,
}

/// A change of one log.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Create { after: LogPosition },
    Append(Vec<LogRecord>),
    HardState(HardState),
    TruncatePrefix { through: LogPosition },
    Reset { at: LogPosition, generation: u64 },
}

impl LogBatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Begins a group's log after a position; does nothing if it has one.
    pub fn create(&mut self, group: u64, after: LogPosition) {
        self.changes.push((group, Change::Create { after }));
    }

    /// Appends entries, which follow one another; what the log has from the first one's index on is dropped.
    pub fn append(&mut self, group: u64, records: Vec<LogRecord>) {
        if !records.is_empty() {
            self.changes.push((group, Change::Append(records)));
        }
    }

    /// Replaces what the replica must not forget.
    pub fn set_hard_state(&mut self, group: u64, hard_state: HardState) {
        self.changes.push((group, Change::HardState(hard_state)));
    }

    /// Drops the entries up to a position, which is in the log.
    pub fn truncate_prefix(&mut self, group: u64, through: LogPosition) {
        self.changes.push((group, Change::TruncatePrefix { through }));
    }

    /// Empties the log and lets it begin after `at`, whose rows are in the file of this generation.
    ///
    /// The committed index and the term rise to it if they are below.
    pub fn reset(&mut self, group: u64, at: LogPosition, generation: u64) {
        self.changes.push((group, Change::Reset { at, generation }));
    }
}

impl GroupLog {
    /// A log that begins after a position.
    pub(super) fn after(at: LogPosition) -> GroupLog {
        let hard_state = HardState { term: at.term, vote: 0, commit: at.index };
        GroupLog { hard_state, truncated: at, last_index: at.index, generation: 0 }
    }

    /// The log after a change. Says which entries it loses, as an interval that includes its end.
    ///
    /// # Panics
    /// If the change doesn't follow on the log: whoever drives it has lost track, and going on would tear the log.
    pub(super) fn change(&mut self, group: u64, change: &Change) -> Option<(u64, u64)> {
        let (first, last) = (self.truncated.index + 1, self.last_index);
        match change {
            Change::Create { .. } => None,
            Change::Append(records) => {
                let from = records.first().map_or(last + 1, |record| record.index);
                let follows = (from..).zip(records).all(|(index, record)| record.index == index);
                assert!(
                    follows && first <= from && from <= last + 1,
                    "entries from {from} on don't follow on the log {first}..={last} of group {group}"
                );
                self.last_index = from + records.len() as u64 - 1;
                (from <= last).then_some((from, last))
            }
            Change::HardState(hard_state) => {
                self.hard_state = *hard_state;
                None
            }
            Change::TruncatePrefix { through } => {
                assert!(
                    first <= through.index && through.index <= last,
                    "the log {first}..={last} of group {group} can't be truncated through {}",
                    through.index
                );
                self.truncated = *through;
                Some((first, through.index))
            }
            Change::Reset { at, generation } => {
                self.hard_state.term = self.hard_state.term.max(at.term);
                self.hard_state.commit = self.hard_state.commit.max(at.index);
                self.truncated = *at;
                self.last_index = at.index;
                self.generation = *generation;
                (first <= last).then_some((first, last))
            }
        }
    }
}
