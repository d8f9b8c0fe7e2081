//! Files in a directory of the operating system.

use super::Disk;
use crate::error::StoreError;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A directory of real files.
///
/// An open file is locked as a whole for this process (redb asks its backend to); opening it a second time, from here or
/// from another process, is [`StoreError::Busy`]. That holds on systems with file locks and local file systems.
#[derive(Clone, Debug)]
pub struct FileDisk {
    dir: PathBuf,
}

impl FileDisk {
    /// The directory `dir`, which is created if it isn't there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn new(dir: impl AsRef<Path>) -> Result<FileDisk, StoreError> {
        let dir = dir.as_ref().to_path_buf();
        fs::create_dir_all(&dir).map_err(|error| StoreError::io("create", &dir.display().to_string(), &error))?;
        Ok(FileDisk { dir })
    }

    fn path(&self, what: &'static str, name: &str) -> Result<PathBuf, StoreError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            let why = "a file's name has letters, digits, '-', '_' and '.' only".to_owned();
            return Err(StoreError::Io { what, name: name.to_owned(), why });
        }
        Ok(self.dir.join(name))
    }

    /// A file that was created or removed is so for good only when its directory is durable.
    fn sync_dir(&self, what: &'static str, name: &str) -> Result<(), StoreError> {
        let synced = if cfg!(unix) { File::open(&self.dir).and_then(|dir| dir.sync_all()) } else { Ok(()) };
        synced.map_err(|error| StoreError::io(what, name, &error))
    }
}

impl Disk for FileDisk {
    fn open(&self, name: &str) -> Result<Box<dyn StorageBackend>, StoreError> {
        let path = self.path("open", name)?;
        let was_there = path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| StoreError::io("open", name, &error))?;
        if !was_there {
            self.sync_dir("create", name)?;
        }
        let backend = FileBackend::new(file).map_err(|error| crate::engine::failed("open", name, error))?;
        Ok(Box::new(backend))
    }

    fn exists(&self, name: &str) -> Result<bool, StoreError> {
        self.path("look for", name)?.try_exists().map_err(|error| StoreError::io("look for", name, &error))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path("remove", name)?) {
            Ok(()) => self.sync_dir("remove", name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("remove", name, &error)),
        }
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let failed = |error: io::Error| StoreError::io("list", &self.dir.display().to_string(), &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}
