//! Saving an exploration between two rounds, and taking it up again in another process.
//!
//! A state is a tuple of numbers that mean something only to the process that gave them: the values behind them are the
//! world's, and not all of them have an encoding. So what is saved beside the numbers is a way to get each of them
//! again: for every number in every place, a state where it occurs, and the way to that state, as the choices among the
//! steps that were offered. Few states are enough to meet every number. Taking up walks to these, learns which saved
//! number is which of this process, and translates all states by looking up. That the world offers the same
//! steps in the same order is what every space promises; a walk on which it doesn't is refused.

mod files;
mod walks;

use super::options::Options;
use super::outcome::{Exploration, Panicked};
use super::search::Search;
use super::space::{PackedState, Space};
use super::tally::{Firsts, Tally};
use files::{Directory, Manifest};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use walks::Walks;

/// Where to save an exploration, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoints<'a> {
    /// A directory of its own, made if it is missing. What was saved there is taken up.
    pub directory: &'a Path,
    /// Everything that decides what the states and steps are: the scenario, its bounds, what is left out. An exploration
    /// that was saved under another identity is refused.
    pub identity: &'a str,
    /// Saves after the first round that ends so long after the last time, and at the end.
    pub every: Duration,
}

/// Why an exploration can't be saved or taken up. What was saved before stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another process is exploring there.
    #[error("{} is in use by another exploration", .0.display())]
    InUse(PathBuf),
    /// A file is not as it was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is of another model, or of another version of this program.
    #[error("{} holds another exploration: {why}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// What differs.
        why: String,
    },
    /// The transitions of an exploration are not saved.
    #[error("an exploration that keeps its edges can't be saved")]
    Edges,
}

/// Why there is no exploration.
#[derive(Debug, thiserror::Error)]
pub enum Stopped<S: PackedState> {
    /// The world panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked<S>),
    /// It could not be saved or taken up.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Explores as [`explore`](super::explore) does, from what was saved in the directory on, and saves there what it finds.
///
/// Whatever killed the process before, the result is that of an exploration in one go, but for times and bytes.
/// A limit that cut it short can be raised: the next run goes on from there.
///
/// # Errors
///
/// If the world panics, if a file can't be written or read, and if what was saved is damaged or of another exploration.
pub fn explore_with_checkpoints<P: Space>(
    space: &P,
    options: &Options<'_>,
    checkpoints: &Checkpoints<'_>,
) -> Result<Exploration<P::State>, Stopped<P::State>> {
    if options.edges {
        return Err(CheckpointError::Edges.into());
    }
    let mut directory = Directory::open(checkpoints.directory)?;
    let saved = directory.read_manifest::<P::State>(checkpoints.identity)?;
    let mut search = Search::new(space, options)?;
    let mut walks = Walks::new();
    if let Some(manifest) = saved {
        take_up(&mut search, &directory, &manifest, &mut walks)?;
    }
    let mut saver = Saver { directory, walks, identity: checkpoints.identity, saved_at: Instant::now() };
    let cut =
        search.run(|search| if saver.saved_at.elapsed() < checkpoints.every { Ok(()) } else { saver.save(search) })?;
    saver.save(&search)?;
    Ok(search.finish(cut))
}

/// Writes what has been added since it wrote the last time.
struct Saver<'a, S> {
    directory: Directory,
    walks: Walks<S>,
    identity: &'a str,
    saved_at: Instant,
}

impl<S: PackedState> Saver<'_, S> {
    fn save<P: Space<State = S>>(&mut self, search: &Search<'_, P>) -> Result<(), Stopped<S>> {
        let store = &search.tables.store;
        let steps = self.walks.extend(search.space, store)?;
        self.directory.add_segment(store, |state, place| self.walks.saved(state, place), &steps)?;
        let tally = &search.tally;
        self.directory.write_manifest(Manifest {
            identity: self.identity.to_owned(),
            program: PROGRAM.to_owned(),
            words: S::WORDS,
            segments: Vec::new(),
            expanded: search.expanded,
            generated: tally.generated,
            terminals: tally.terminals,
            first_terminal: tally.first_terminal,
            violations: tally.violations.list(),
            goals: tally.goals.list(),
            steps_by_kind: tally.steps_by_kind.to_vec(),
            level_starts: search.level_starts.clone(),
            seconds: search.seconds(),
        })?;
        self.saved_at = Instant::now();
        Ok(())
    }
}

fn take_up<P: Space>(
    search: &mut Search<'_, P>,
    directory: &Directory,
    manifest: &Manifest,
    walks: &mut Walks<P::State>,
) -> Result<(), Stopped<P::State>> {
    let (mut store, steps) = directory.read_segments(manifest)?;
    walks.walk_again(search.space, &mut store, &steps).map_err(|failed| failed.at(directory.path()))?;
    let steps_by_kind = manifest.steps_by_kind.as_slice().try_into();
    let tally = Tally {
        generated: manifest.generated,
        terminals: manifest.terminals,
        first_terminal: manifest.first_terminal,
        violations: Firsts::of_list(&manifest.violations),
        goals: Firsts::of_list(&manifest.goals),
        steps_by_kind: steps_by_kind.map_err(|_| directory.damaged_manifest("it counts other kinds of steps"))?,
    };
    let is_known = search.resume(store, tally, manifest.level_starts.clone(), manifest.expanded, manifest.seconds)?;
    if is_known { Err(directory.damaged_manifest("a state is saved twice").into()) } else { Ok(()) }
}

/// What writes and reads the files: states of one version mean nothing to another.
const PROGRAM: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
