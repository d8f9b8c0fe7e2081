//! The one place that opens redb and reads its errors.

use crate::error::StoreError;
use redb::{BackendError, Builder, Database, Error, StorageBackend, WriteTransaction};
use std::io;
use std::ops::{Bound, Deref};

/// Opens a file, or makes it one of redb's if it is empty.
///
/// The whole file is checked: redb trusts pages that it didn't just write, so a damaged branch would hide rows and a
/// damaged page could make it panic. That takes time in proportion to the file.
pub(crate) fn open(disk: &dyn crate::Disk, name: &str, cache_bytes: usize) -> Result<File, StoreError> {
    let backend = Shared(disk.open(name)?);
    empty_unfinished(&backend, name)?;
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes).set_check_integrity_on_open(true);
    let opened = unpanicked(name, || builder.create_with_backend(backend).map_err(|error| failed("open", name, error)));
    opened.map(|database| File(Some(database)))
}

/// An open file of redb.
///
/// Closing it makes durable what was buffered, and follows its pages for that: one that has rotted must not take the
/// process down.
#[derive(Debug)]
pub(crate) struct File(Option<Database>);

impl File {
    /// Closes it; what was buffered is durable.
    pub(crate) fn close(mut self, name: &str) -> Result<(), StoreError> {
        let Some(database) = self.0.take() else { return Ok(()) };
        unpanicked(name, || database.close().map_err(|error| failed("close", name, error)))
    }
}

impl Deref for File {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect("only closing takes it")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let database = self.0.take();
        // Nobody can be told any more; the next opening checks everything.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(database)));
    }
}

/// Empties a file whose creation the power failed in.
///
/// redb writes its magic number last and refuses a file without it. Such a file has nothing but a beginning of a header:
/// one that has more was a store, and its damage is told.
fn empty_unfinished(backend: &Shared, name: &str) -> Result<(), StoreError> {
    let io_failed = |error: io::Error| StoreError::io("open", name, &error);
    let whole_file = (Bound::Unbounded, Bound::Unbounded);
    let is_locked = match backend.try_lock_range(whole_file.0, whole_file.1) {
        Ok(true) => true,
        Ok(false) => return Err(StoreError::Busy { name: name.to_owned() }),
        Err(BackendError::Unsupported) => false,
        Err(error) => return Err(io_failed(error.into())),
    };
    if is_unfinished(backend).map_err(io_failed)? {
        backend.set_len(0).and_then(|()| backend.sync_data()).map_err(io_failed)?;
    }
    if is_locked {
        backend.unlock_range(whole_file.0, whole_file.1).map_err(|error| io_failed(error.into()))?;
    }
    Ok(())
}

fn is_unfinished(backend: &Shared) -> io::Result<bool> {
    let len = backend.len()?;
    let mut magic = [0; MAGIC.len()];
    let seen = usize::try_from(len).map_or(magic.len(), |len| len.min(magic.len()));
    backend.read(0, &mut magic[..seen])?;
    let written = magic.iter().zip(MAGIC).take_while(|(found, wanted)| found == wanted).count();
    if len == 0 || written == MAGIC.len() || magic[written..].iter().any(|byte| *byte != 0) {
        return Ok(false);
    }
    let mut page = [0; PAGE_BYTES];
    let mut at = PAGE_BYTES as u64;
    while at < len {
        let part = &mut page[..usize::try_from(len - at).map_or(PAGE_BYTES, |rest| rest.min(PAGE_BYTES))];
        backend.read(at, part)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += PAGE_BYTES as u64;
    }
    Ok(true)
}

/// An error of redb, of whatever kind.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is redb's, and open")]
pub(crate) fn failed(what: &'static str, name: &str, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        Error::DatabaseAlreadyOpen => StoreError::Busy { name: name.to_owned() },
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => damaged(name, error.to_string()),
        Error::Io(error) => StoreError::io(what, name, &error),
        Error::Corrupted(why) => damaged(name, why),
        Error::ValueTooLarge(bytes) => StoreError::TooLarge { what: "record", bytes, limit: crate::MAX_VALUE_BYTES },
        error @ (Error::TableTypeMismatch { .. } | Error::TableIsMultimap(_) | Error::TypeDefinitionChanged { .. }) => {
            damaged(name, error.to_string())
        }
        error => StoreError::Io { what, name: name.to_owned(), why: error.to_string() },
    }
}

pub(crate) fn damaged(name: &str, why: String) -> StoreError {
    StoreError::Corrupt { name: name.to_owned(), table: "pages", key: "(unknown)".to_owned(), why }
}

/// What comes of work with redb; a panic of it is damage too.
///
/// It checks its pages when a file is opened and trusts them from then on: one that rots later can lead it anywhere. A
/// voter must stop for that, and not the process with its other groups. What is read is looked at within `work`: redb finds
/// out as late as that.
pub(crate) fn unpanicked<T>(name: &str, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(_) => Err(damaged(name, "following them panicked".to_owned())),
    }
}

/// A disk's backend, as redb takes it. Everything is passed on, locks too: their defaults would leave the file unlocked.
#[derive(Debug)]
struct Shared(Box<dyn StorageBackend>);

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

/// Begins to write.
pub(crate) fn begin_write(database: &Database, name: &str) -> Result<WriteTransaction, StoreError> {
    database.begin_write().map_err(|error| failed("write", name, error))
}

/// Lets a crash take the transaction back, unless a durable one follows.
pub(crate) fn set_buffered(transaction: &mut WriteTransaction, name: &str) -> Result<(), StoreError> {
    transaction.set_durability(redb::Durability::None).map_err(|error| failed("write", name, error))
}

/// Ends to write.
pub(crate) fn commit(transaction: WriteTransaction, name: &str) -> Result<(), StoreError> {
    transaction.commit().map_err(|error| failed("commit", name, error))
}

/// What a file of redb begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// The size of redb's pages; the first one has the header.
const PAGE_BYTES: usize = 4096;
