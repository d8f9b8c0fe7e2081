//! The Raft logs of all groups of a node, in one file.

mod batch;
mod plan;
mod record;
mod store;
mod tail;

pub use batch::LogBatch;
pub use store::LogStore;

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

impl LogRecord {
    /// Its size in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.context.len() + RECORD_BYTES
    }
}

/// What a record takes besides what it carries.
const RECORD_BYTES: usize = 72;
