//! Where files are: a directory, or a simulated disk that can crash.

mod file;
mod memory;

pub use file::FileDisk;
pub use memory::MemoryDisk;

use crate::error::StoreError;
use redb::StorageBackend;

/// A flat directory of files that a node keeps its stores and logs in.
///
/// A name has letters, digits, `-`, `_` and `.` only, and doesn't begin with a dot.
pub trait Disk: Send + Sync {
    /// Opens the file; creates it if it isn't there.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Full`].
    fn open(&self, name: &str) -> Result<Box<dyn StorageBackend>, StoreError>;

    /// Whether there is such a file.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn exists(&self, name: &str) -> Result<bool, StoreError>;

    /// Removes the file; nothing happens if there is none. Whoever has it open can go on reading it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// The names of all files, ascending.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn list(&self) -> Result<Vec<String>, StoreError>;
}
