//! The Raft logs of all groups of a node, in one file.

use crate::disk::Disk;
use crate::error::StoreError;

/// A place in a group's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// The index of the entry.
    pub index: u64,
    /// Its term.
    pub term: u64,
}

/// What a replica must not forget besides its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The current term.
    pub term: u64,
    /// Whom it voted for in the term; zero is nobody.
    pub vote: u64,
    /// The highest index known to be committed.
    pub commit: u64,
}

/// A group's log, without its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupLog {
    /// What the replica must not forget.
    pub hard_state: HardState,
    /// The last entry that isn't in the log any more.
    pub truncated: LogPosition,
    /// The index of the last entry; that of `truncated` if there is none.
    pub last_index: u64,
    /// Which of the group's files has its rows.
    pub generation: u64,
}

/// An entry of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRecord {
    /// Its index.
    pub index: u64,
    /// Its term.
    pub term: u64,
    /// Its kind, opaque.
    pub kind: u32,
    /// What it carries, opaque.
    pub data: Vec<u8>,
    /// What goes with it, opaque.
    pub context: Vec<u8>,
}

/// The logs of all groups of a node.
#[derive(Debug)]
pub struct LogStore {}

impl LogStore {
    /// Opens the logs of a disk, or begins them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(disk: &dyn Disk) -> Result<LogStore, StoreError> {
        unwritten()
    }

    /// The groups that have a log, ascending.
    #[must_use]
    pub fn groups(&self) -> Vec<u64> {
        unwritten()
    }

    /// A group's log, without its entries; `None` if it was never created.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&self, group: u64) -> Result<Option<GroupLog>, StoreError> {
        unwritten()
    }

    /// The entries `low..high` that are there, ascending, up to `max_bytes` of data, but at least one.
    ///
    /// # Errors
    /// [`StoreError`]; one that should be there and isn't is [`StoreError::Corrupt`].
    pub fn entries(&self, group: u64, low: u64, high: u64, max_bytes: u64) -> Result<Vec<LogRecord>, StoreError> {
        unwritten()
    }

    /// The term of an entry, or of the last one that isn't there any more; `None` outside of that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn term(&self, group: u64, index: u64) -> Result<Option<u64>, StoreError> {
        unwritten()
    }

    /// An empty batch of changes.
    #[must_use]
    pub fn batch(&self) -> LogBatch {
        LogBatch::default()
    }

    /// Makes a batch durable, as a whole.
    ///
    /// # Errors
    /// [`StoreError`]; the store must be opened again after one.
    ///
    /// # Panics
    /// If an entry doesn't follow on its log, or the log was never created.
    pub fn commit(&self, batch: LogBatch) -> Result<(), StoreError> {
        unwritten()
    }
}

/// Changes of logs, in their order.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {}

impl LogBatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        unwritten()
    }

    /// Begins a group's log after a position; does nothing if it has one.
    pub fn create(&mut self, group: u64, after: LogPosition) {
        unwritten()
    }

    /// Appends entries, which follow one another; what the log has from the first one's index on is dropped.
    pub fn append(&mut self, group: u64, records: Vec<LogRecord>) {
        unwritten()
    }

    /// Replaces what the replica must not forget.
    pub fn set_hard_state(&mut self, group: u64, hard_state: HardState) {
        unwritten()
    }

    /// Drops the entries up to a position, which is in the log.
    pub fn truncate_prefix(&mut self, group: u64, through: LogPosition) {
        unwritten()
    }

    /// Empties the log and lets it begin after `at`, whose rows are in the file of this generation.
    ///
    /// The committed index and the term rise to it if they are below.
    pub fn reset(&mut self, group: u64, at: LogPosition, generation: u64) {
        unwritten()
    }
}

fn unwritten<T>() -> T {
    panic!("only the signatures are there")
}
