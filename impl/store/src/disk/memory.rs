//! A simulated disk: it forgets and tears what wasn't made durable, fails, fills up, and rots, all by its seed.

use super::Disk;
use crate::error::StoreError;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory. A clone is a handle to the same disk.
///
/// What isn't synced is kept apart from what is, by sectors of 512 bytes, and only a crash tells them apart. Creating and
/// removing a file is durable at once.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<File>>>,
    /// The handles of an earlier life write to nothing.
    life: u64,
    writes: u64,
    /// From this number of writes on, everything fails.
    fails_at: Option<u64>,
    limit_bytes: Option<u64>,
    used_bytes: u64,
}

#[derive(Default)]
struct File {
    /// What is read.
    contents: Vec<u8>,
    /// What the sectors held at the last sync that were written since; `None` for one beyond the end of the file.
    durable: BTreeMap<u64, Option<Box<[u8]>>>,
    durable_len: u64,
    is_locked: bool,
    is_removed: bool,
}

impl MemoryDisk {
    /// An empty disk that doesn't fail.
    #[must_use]
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// The power fails: of what wasn't synced, each sector may be lost, written, or torn, as the seed says.
    ///
    /// Whatever was open is dead and can't write any more: crash first, then drop what runs on the disk, since a store that is
    /// dropped makes what it holds durable. Failures that were asked for are over; a limit stands.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        let mut random = Random(seed);
        state.life += 1;
        state.fails_at = None;
        for file in state.files.values() {
            lock(file).crash(&mut random);
        }
        state.used_bytes = state.files.values().map(|file| lock(file).contents.len() as u64).sum();
    }

    /// Everything fails after so many more writes, until [`MemoryDisk::heal`].
    pub fn fail_after(&self, writes: u64) {
        let mut state = self.state();
        state.fails_at = Some(state.writes + writes);
    }

    /// Nothing fails any more, and the disk has room without limit.
    pub fn heal(&self) {
        let mut state = self.state();
        state.fails_at = None;
        state.limit_bytes = None;
    }

    /// The disk holds so many bytes and no more.
    pub fn limit_bytes(&self, bytes: u64) {
        self.state().limit_bytes = Some(bytes);
    }

    /// Flips the bits of one byte of a file, also in what is durable; says whether there is such a byte.
    pub fn corrupt(&self, name: &str, offset: u64) -> bool {
        let state = self.state();
        let Some(file) = state.files.get(name) else { return false };
        let mut file = lock(file);
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(byte) = file.contents.get_mut(at) else { return false };
        *byte ^= u8::MAX;
        true
    }

    /// The bytes of a file as they are read, if there is one.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        self.state().files.get(name).map(|file| lock(file).contents.clone())
    }

    /// How many writes, syncs and changes of length there were.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// The bytes of all files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, name: &str) -> Result<Box<dyn StorageBackend>, StoreError> {
        let mut state = self.state();
        state.check().map_err(|error| StoreError::io("open", name, &error))?;
        let file = Arc::clone(state.files.entry(name.to_owned()).or_default());
        Ok(Box::new(Handle { disk: self.clone(), life: state.life, file }))
    }

    fn exists(&self, name: &str) -> Result<bool, StoreError> {
        let state = self.state();
        state.check().map_err(|error| StoreError::io("look for", name, &error))?;
        Ok(state.files.contains_key(name))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.check().map_err(|error| StoreError::io("remove", name, &error))?;
        if let Some(file) = state.files.remove(name) {
            let mut file = lock(&file);
            file.is_removed = true;
            state.used_bytes -= file.contents.len() as u64;
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, StoreError> {
        let state = self.state();
        state.check().map_err(|error| StoreError::io("list", "the disk", &error))?;
        Ok(state.files.keys().cloned().collect())
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        match self.fails_at {
            Some(at) if self.writes >= at => Err(io::Error::other("the simulated disk fails")),
            Some(_) | None => Ok(()),
        }
    }

    fn count_write(&mut self) -> io::Result<()> {
        self.check()?;
        self.writes += 1;
        Ok(())
    }
}

impl File {
    fn set_len(&mut self, len: usize) {
        let kept = len.min(self.contents.len());
        for sector in sectors(kept as u64, self.contents.len().max(len) as u64) {
            self.keep_durable(sector);
        }
        self.contents.resize(len, 0);
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        for sector in sectors(offset as u64, (offset + bytes.len()) as u64) {
            self.keep_durable(sector);
        }
        self.contents[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn sync(&mut self) {
        self.durable.clear();
        self.durable_len = self.contents.len() as u64;
    }

    /// Remembers what a sector holds that is about to change for the first time since the last sync.
    fn keep_durable(&mut self, sector: u64) {
        if self.durable.contains_key(&sector) {
            return;
        }
        let start = (sector * SECTOR) as usize;
        let end = (start + SECTOR as usize).min(self.durable_len as usize);
        let held = (start < end).then(|| self.contents[start..end].into());
        self.durable.insert(sector, held);
    }

    fn crash(&mut self, random: &mut Random) {
        self.is_locked = false;
        // The length is changed by the directory, on its own: the file may have kept any of the two.
        let len = if random.next().is_multiple_of(2) { self.durable_len } else { self.contents.len() as u64 };
        for (sector, held) in std::mem::take(&mut self.durable) {
            let start = (sector * SECTOR) as usize;
            let end = (start + SECTOR as usize).min(self.contents.len());
            if start >= end {
                continue;
            }
            // How many bytes of the sector made it to the disk.
            let written = match random.next() % 4 {
                0 => 0,
                1 => (random.next() % SECTOR) as usize,
                _ => end - start,
            };
            let held = held.unwrap_or_default();
            for at in (start + written.min(end - start))..end {
                self.contents[at] = held.get(at - start).copied().unwrap_or(0);
            }
        }
        self.contents.resize(len as usize, 0);
        self.durable_len = len;
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("len", &self.contents.len()).field("unsynced", &self.durable.len()).finish()
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: MemoryDisk,
    life: u64,
    file: Arc<Mutex<File>>,
}

impl Handle {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life != self.life {
            return Err(io::Error::other("the power failed while the file was open"));
        }
        state.check()?;
        Ok(state)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        let _state = self.alive()?;
        Ok(lock(&self.file).contents.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let _state = self.alive()?;
        let file = lock(&self.file);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(out.len()).and_then(|end| file.contents.get(start..end));
        out.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        state.count_write()?;
        let mut file = lock(&self.file);
        if !file.is_removed {
            let used = state.used_bytes - file.contents.len() as u64 + len;
            if len > file.contents.len() as u64 && state.limit_bytes.is_some_and(|limit| used > limit) {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            state.used_bytes = used;
        }
        file.set_len(usize::try_from(len).map_err(io::Error::other)?);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.alive()?.count_write()?;
        lock(&self.file).sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.alive()?.count_write()?;
        let mut file = lock(&self.file);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if start.checked_add(data.len()).is_none_or(|end| end > file.contents.len()) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        file.write(start, data);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        let state = self.disk.state();
        if state.life == self.life {
            lock(&self.file).is_locked = false;
        }
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if !is_whole_file(start, end) {
            return Err(BackendError::Unsupported);
        }
        Ok(!std::mem::replace(&mut lock(&self.file).is_locked, true))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if !is_whole_file(start, end) {
            return Err(BackendError::Unsupported);
        }
        let state = self.disk.state();
        if state.life == self.life {
            lock(&self.file).is_locked = false;
        }
        Ok(())
    }
}

fn is_whole_file(start: Bound<u64>, end: Bound<u64>) -> bool {
    matches!(start, Bound::Unbounded | Bound::Included(0)) && end == Bound::Unbounded
}

/// The sectors that a span of bytes touches.
fn sectors(start: u64, end: u64) -> std::ops::Range<u64> {
    if start < end { start / SECTOR..(end - 1) / SECTOR + 1 } else { 0..0 }
}

/// A panic elsewhere leaves bytes that a crash could have left too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const SECTOR: u64 = 512;
