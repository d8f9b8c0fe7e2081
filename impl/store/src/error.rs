//! Why the store can't do what it was asked.

use std::io;
use thiserror::Error;

/// Why the store can't do what it was asked.
///
/// Cloneable, because the first error that a reader meets is kept and told to everybody who asks later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The disk failed.
    #[error("{what} {name}: {why}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        name: String,
        /// What the disk said.
        why: String,
    },
    /// The disk is full. What was durable before can still be read.
    #[error("{what} {name}: the disk is full; what was durable before is still there")]
    Full {
        /// What was being done.
        what: &'static str,
        /// To which file.
        name: String,
    },
    /// A record is not what was written.
    #[error("{table} of {name}: the record at {key} is damaged: {why}; restore the replica from another one")]
    Corrupt {
        /// The file.
        name: String,
        /// The table, or the part of the file.
        table: &'static str,
        /// The record's key, readable.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file was written by something that knows another format.
    #[error("{name} has format {found}; this build reads format {known} only")]
    Version {
        /// The file.
        name: String,
        /// The format that it has.
        found: u32,
        /// The format that is known here.
        known: u32,
    },
    /// Another process, or another handle of this one, has the file open.
    #[error("{name} is open elsewhere; only one process may use it at a time")]
    Busy {
        /// The file.
        name: String,
    },
    /// A key or a value exceeds what is stored in one piece.
    #[error("a {what} of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// What would be stored.
        limit: usize,
    },
    /// A snapshot's parts don't fit together.
    #[error("the parts of a snapshot for {name} don't fit together: {why}; begin again")]
    Snapshot {
        /// The file that it was to be stored in.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl StoreError {
    /// The error of an operation on a file.
    pub(crate) fn io(what: &'static str, name: &str, error: &io::Error) -> StoreError {
        let name = name.to_owned();
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return StoreError::Full { what, name };
        }
        StoreError::Io { what, name, why: error.to_string() }
    }
}
