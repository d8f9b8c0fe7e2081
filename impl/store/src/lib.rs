//! The multi-version store on disk, and the logs of Raft groups.
//!
//! A [`GroupStore`] holds the rows of a group: live ones, staged ones, locks, and opaque records. What the group's log
//! does to it is collected in memory, over the last commit, and becomes durable as a whole together with the position in
//! the log: a crash goes back to the last durable commit, and the log brings what followed. A [`StoreView`] is a commit
//! that stays readable, on any thread, while the store goes on. A [`LogStore`] holds the logs of all groups of a node, so
//! that one sync makes them durable together.
//!
//! Everything stands on a [`Disk`]: real files, or a simulated disk that crashes. Every record has a checksum; one that
//! doesn't match is an error and never a guess. States are opaque bytes here.
//!
//! # Bounds
//!
//! A key has at most [`MAX_KEY_BYTES`], a value or a record [`MAX_VALUE_BYTES`]. A store keeps in memory what was put since
//! the last commit, the page cache that it was opened with, and at most [`RECENT_ENTRIES`] keys of recent writes.

mod disk;
mod engine;
mod error;
mod group;
mod log;
mod record;

pub use disk::{Disk, FileDisk, MemoryDisk};
pub use error::StoreError;
pub use group::{
    BracketSum, Checkpoint, Durability, GroupStore, RECENT_ENTRIES, Record, SnapshotChunks, SnapshotWriter, StoreView,
};
pub use log::{GroupLog, HardState, LogBatch, LogPosition, LogRecord, LogStore};

/// The longest key of a row, a lock or a record; a success marker has two user keys of up to 1 MiB in it.
pub const MAX_KEY_BYTES: usize = 4 << 20;
/// The largest value, record, log entry or stored state.
pub const MAX_VALUE_BYTES: usize = 64 << 20;
