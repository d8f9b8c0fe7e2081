//! The files of a checkpoint: the states in segments that are only ever added, and a manifest that says which of them
//! count.
//!
//! A file is written under another name, forced to the disk, and renamed; the manifest comes last. Whenever the process
//! is killed, the manifest that is there names segments that are whole.

use super::{CheckpointError, PROGRAM};
use crate::explore::space::PackedState;
use crate::explore::store::{NO_PARENT, Store};
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Everything about an exploration but its states.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Manifest {
    pub(super) identity: String,
    pub(super) program: String,
    /// Numbers in a state.
    pub(super) words: usize,
    pub(super) segments: Vec<Segment>,
    pub(super) expanded: u32,
    pub(super) generated: u64,
    pub(super) terminals: u64,
    pub(super) first_terminal: Option<u32>,
    pub(super) violations: Vec<(u32, u32)>,
    pub(super) goals: Vec<(u32, u32)>,
    pub(super) steps_by_kind: Vec<u64>,
    pub(super) level_starts: Vec<u32>,
    pub(super) seconds: f64,
}

/// States that were saved together, and the steps that lead again to some of them or of those before.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Segment {
    file: String,
    states: u32,
    steps: u32,
    crc32: u32,
}

/// A state to walk to, and which of the steps from its parent leads there; which of the initial states it is, if it has
/// no parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WalkStep {
    pub(super) state: u32,
    pub(super) choice: u32,
}

/// The directory, this process's alone.
pub(super) struct Directory {
    path: PathBuf,
    /// Held for as long as this value lives.
    _lock: File,
    segments: Vec<Segment>,
    /// How many states the segments have.
    saved: u32,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        fs::create_dir_all(path).map_err(io_at(path))?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(io_at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_owned(), _lock: lock, segments: Vec::new(), saved: 0 }),
            Err(TryLockError::WouldBlock) => Err(CheckpointError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(CheckpointError::Io { path: lock_path, source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The manifest, if anything was saved here.
    pub(super) fn read_manifest<S: PackedState>(
        &mut self,
        identity: &str,
    ) -> Result<Option<Manifest>, CheckpointError> {
        let path = self.manifest_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.damaged_manifest("it is not text"));
            }
            Err(source) => return Err(CheckpointError::Io { path, source }),
        };
        let (first, body) = text.split_once('\n').ok_or_else(|| self.damaged_manifest("it has no second line"))?;
        let Some(crc32) = first.strip_prefix(MANIFEST_MAGIC) else {
            return Err(self.foreign(format!("its first line is not {MANIFEST_MAGIC:?} and a checksum")));
        };
        if crc32 != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
            return Err(self.damaged_manifest("its checksum differs"));
        }
        let manifest: Manifest =
            serde_json::from_str(body).map_err(|error| self.damaged_manifest(&error.to_string()))?;
        let same = [
            ("program", manifest.program.as_str(), PROGRAM),
            ("identity", manifest.identity.as_str(), identity),
            ("numbers in a state", &manifest.words.to_string(), &S::WORDS.to_string()),
        ];
        if let Some((what, theirs, ours)) = same.into_iter().find(|(_, theirs, ours)| theirs != ours) {
            return Err(self.foreign(format!("{what}: {theirs:?} there, {ours:?} here")));
        }
        self.check_counts(&manifest)?;
        self.segments.clone_from(&manifest.segments);
        self.saved = manifest.segments.iter().map(|segment| segment.states).sum();
        Ok(Some(manifest))
    }

    /// Nothing that is read later may be indexed beyond what is there.
    fn check_counts(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        let states = manifest.segments.iter().try_fold(0u32, |sum, segment| sum.checked_add(segment.states));
        let states = states.ok_or_else(|| self.damaged_manifest("it counts more states than can be numbered"))?;
        let firsts = manifest.violations.iter().chain(&manifest.goals);
        let is_ascending = manifest.level_starts.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = manifest.expanded <= states
            && manifest.first_terminal.is_none_or(|first| first < states)
            && firsts.into_iter().all(|(bit, first)| *bit < u64::BITS && *first < states)
            && manifest.level_starts.first() == Some(&0)
            && manifest.level_starts.last().is_some_and(|start| *start <= states && manifest.expanded <= *start)
            && is_ascending;
        if fits { Ok(()) } else { Err(self.damaged_manifest("its counts contradict each other")) }
    }

    /// Writes the states that have been added, `number` giving their numbers, and the steps; they count from the next manifest on.
    pub(super) fn add_segment<S: PackedState>(
        &mut self,
        store: &Store<S>,
        number: impl Fn(&S, usize) -> u32,
        steps: &[WalkStep],
    ) -> Result<(), CheckpointError> {
        let (from, to) = (self.saved, store.len());
        if from == to && steps.is_empty() {
            return Ok(());
        }
        let file = format!("states-{:06}", self.segments.len());
        let crc32 = self.write(&file, |out| {
            out.write_all(SEGMENT_MAGIC)?;
            let mut bytes = Vec::with_capacity((S::WORDS + 1) * size_of::<u32>());
            for index in from..to {
                bytes.clear();
                let state = store.state(index);
                (0..S::WORDS).for_each(|place| bytes.extend_from_slice(&number(state, place).to_le_bytes()));
                bytes.extend_from_slice(&store.parent(index).unwrap_or(NO_PARENT).to_le_bytes());
                out.write_all(&bytes)?;
            }
            steps
                .iter()
                .flat_map(|step| [step.state, step.choice])
                .try_for_each(|word| out.write_all(&word.to_le_bytes()))
        })?;
        self.segments.push(Segment { file, states: to - from, steps: steps.len() as u32, crc32 });
        self.saved = to;
        Ok(())
    }

    /// Makes the segments that were added count.
    pub(super) fn write_manifest(&self, manifest: Manifest) -> Result<(), CheckpointError> {
        let manifest = Manifest { segments: self.segments.clone(), ..manifest };
        let body = serde_json::to_string_pretty(&manifest).expect("a manifest is made of numbers, text and lists");
        let crc32 = crc32fast::hash(body.as_bytes());
        self.write(MANIFEST, |out| write!(out, "{MANIFEST_MAGIC}{crc32:08x}\n{body}"))?;
        Ok(())
    }

    /// Every state with its parent, and the steps in the order of the states that they lead to.
    pub(super) fn read_segments<S: PackedState>(
        &self,
        manifest: &Manifest,
    ) -> Result<(Store<S>, Vec<WalkStep>), CheckpointError> {
        let (mut store, mut steps) = (Store::new(), Vec::new());
        for segment in &manifest.segments {
            let path = self.path.join(&segment.file);
            let damaged = |why: &str| CheckpointError::Damaged { path: path.clone(), why: why.to_owned() };
            let bytes = fs::read(&path).map_err(io_at(&path))?;
            if crc32fast::hash(&bytes) != segment.crc32 {
                return Err(damaged("its checksum differs"));
            }
            let bytes = bytes.strip_prefix(SEGMENT_MAGIC).ok_or_else(|| damaged("it does not start as states do"))?;
            let (words, rest) = bytes.as_chunks::<4>();
            let word = |place: usize| u32::from_le_bytes(words[place]);
            let (width, states) = (S::WORDS + 1, segment.states as usize);
            if !rest.is_empty() || words.len() != states * width + 2 * segment.steps as usize {
                return Err(damaged("it is not as long as it should be"));
            }
            let base = store.len();
            let parent = |state: usize| word(state * width + S::WORDS);
            if (0..states).any(|state| parent(state) != NO_PARENT && parent(state) as usize >= base as usize + state) {
                return Err(damaged("a parent comes after its child"));
            }
            let state = |state: usize| (S::of_words(|place| word(state * width + place)), parent(state));
            for tail in store.grow(segment.states) {
                let skip = tail.skip;
                tail.fill((skip..states).map(state));
            }
            let pairs = (states * width..words.len()).step_by(2);
            steps.extend(pairs.map(|place| WalkStep { state: word(place), choice: word(place + 1) }));
            if steps.iter().any(|step: &WalkStep| step.state >= store.len()) {
                return Err(damaged("it leads to a state that is not there"));
            }
        }
        steps.sort_unstable_by_key(|step| step.state);
        Ok((store, steps))
    }

    pub(super) fn damaged_manifest(&self, why: &str) -> CheckpointError {
        CheckpointError::Damaged { path: self.manifest_path(), why: why.to_owned() }
    }

    fn foreign(&self, why: String) -> CheckpointError {
        CheckpointError::Foreign { path: self.path.clone(), why }
    }

    fn manifest_path(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    /// Writes a file whole or not at all; gives its checksum.
    fn write(&self, name: &str, content: impl FnOnce(&mut Summed) -> io::Result<()>) -> Result<u32, CheckpointError> {
        let (path, unfinished) = (self.path.join(name), self.path.join(format!("{name}.unfinished")));
        let written = || {
            let mut out =
                Summed { file: BufWriter::with_capacity(1 << 20, File::create(&unfinished)?), sum: Hasher::new() };
            content(&mut out)?;
            out.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&unfinished, &path)?;
            // The new name must be on the disk, too, before anything is built on it.
            File::open(&self.path)?.sync_all()?;
            Ok(out.sum.finalize())
        };
        written().map_err(io_at(&path))
    }
}

/// A file, and the checksum of what was written to it.
struct Summed {
    file: BufWriter<File>,
    sum: Hasher,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> CheckpointError {
    move |source| CheckpointError::Io { path: path.to_owned(), source }
}

const MANIFEST: &str = "manifest";

/// The first words of a manifest; the number is the version of the files.
const MANIFEST_MAGIC: &str = "splitjob checkpoint 1 crc32 ";

const SEGMENT_MAGIC: &[u8] = b"splitjob states 1\n";
