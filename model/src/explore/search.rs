//! The search itself: round after round until nothing is left or somebody says stop.

use super::chunk::{Chunk, Hand};
use super::crew::caught;
use super::edges::{Edges, ROWS};
use super::options::{Options, Progress};
use super::outcome::{Completeness, Cut, Exploration, Memory, Panicked};
use super::pace::Pace;
use super::round::{self, Findings, Tables};
use super::space::Space;
use super::store::Store;
use super::tally::Tally;
use super::trace::{Trace, path_to, trace_along};
use super::visited::{SHARDS, Shard};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Visits the states of `space` level by level.
///
/// Everything but times and bytes is the same for every number of threads and on every run.
///
/// # Errors
///
/// If the world panics. There is no partial result then: what a broken world has shown is worth nothing.
pub fn explore<P: Space>(space: &P, options: &Options<'_>) -> Result<Exploration<P::State>, Panicked<P::State>> {
    let mut search = Search::new(space, options)?;
    let cut = search.run(|_| Ok::<(), Panicked<P::State>>(()))?;
    Ok(search.finish(cut))
}

/// An exploration between two rounds. The store, the level starts and the tally say all there is to say: the visited
/// set follows from the states, and the frontier is what is stored but not expanded. A checkpoint saves those.
pub(super) struct Search<'a, P: Space> {
    pub(super) space: &'a P,
    options: &'a Options<'a>,
    hands: Vec<Hand<P>>,
    chunks: Vec<Chunk<P::State>>,
    findings: Vec<Findings>,
    pub(super) tables: Tables<P::State>,
    pub(super) tally: Tally,
    pub(super) level_starts: Vec<u32>,
    pub(super) expanded: u32,
    started: Instant,
    /// Seconds that were spent before it was taken up.
    seconds_before: f64,
    pace: Pace,
}

impl<'a, P: Space> Search<'a, P> {
    pub(super) fn new(space: &'a P, options: &'a Options<'a>) -> Result<Self, Panicked<P::State>> {
        let threads = options.threads.clamp(1, SHARDS);
        let hands = caught(|| (0..threads).map(|_| Hand::new(space)).collect()).map_err(nowhere)?;
        let tables = Tables {
            store: Store::new(),
            shards: (0..SHARDS).map(|_| Shard::new()).collect(),
            edges: options.edges.then(Edges::default),
        };
        let mut search = Search {
            space,
            options,
            hands,
            chunks: Vec::new(),
            findings: (0..SHARDS).map(|_| Findings::default()).collect(),
            tables,
            tally: Tally::default(),
            level_starts: vec![0],
            expanded: 0,
            started: Instant::now(),
            seconds_before: 0.0,
            pace: Pace::new(),
        };
        search.enter_initial()?;
        Ok(search)
    }

    fn enter_initial(&mut self) -> Result<(), Panicked<P::State>> {
        let initial = caught(|| self.space.initial()).map_err(nowhere)?;
        let mut chunk = Chunk::new();
        chunk.offer_initial(&initial);
        round::enter(&mut self.tables, &[chunk], &mut self.findings, 1).map_err(nowhere)?;
        self.tally.generated = initial.len() as u64;
        self.end_level();
        Ok(())
    }

    /// Goes on from what was saved; says whether the same state was there twice.
    pub(super) fn resume(
        &mut self,
        store: Store<P::State>,
        tally: Tally,
        level_starts: Vec<u32>,
        expanded: u32,
        seconds: f64,
    ) -> Result<bool, Panicked<P::State>> {
        let shards = (0..SHARDS).map(|_| Shard::new()).collect();
        self.tables = Tables { store, shards, edges: None };
        (self.tally, self.level_starts, self.expanded, self.seconds_before) = (tally, level_starts, expanded, seconds);
        round::enter_stored(&mut self.tables, self.hands.len()).map_err(nowhere)
    }

    /// Runs rounds to the end, with `between` after each; says what cut it short, if anything did.
    pub(super) fn run<E: From<Panicked<P::State>>>(
        &mut self,
        mut between: impl FnMut(&Self) -> Result<(), E>,
    ) -> Result<Option<Cut>, E> {
        while self.expanded < self.tables.store.len() {
            if let Some(cut) = self.limit() {
                return Ok(Some(cut));
            }
            if let Err(cut) = self.round()? {
                return Ok(Some(cut));
            }
            self.pace.note(self.expanded);
            if let Some(progress) = self.options.progress {
                progress(&self.progress());
            }
            between(self)?;
        }
        Ok(None)
    }

    /// Why not to go on, given that something is left to expand.
    fn limit(&self) -> Option<Cut> {
        let options = self.options;
        let limits = [
            (Cut::ViolationFound, self.tally.violations.seen() & options.stop.mask() != 0),
            (Cut::States, options.max_states.is_some_and(|most| self.tables.store.len() as usize >= most)),
            (Cut::Depth, options.max_depth.is_some_and(|most| self.depth() > most)),
            (Cut::Memory, options.max_memory_bytes.is_some_and(|most| self.memory().total() >= most)),
            (Cut::Time, options.max_time.is_some_and(|most| self.started.elapsed() >= most)),
            (Cut::Cancelled, options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))),
        ];
        limits.into_iter().find_map(|(cut, reached)| reached.then_some(cut))
    }

    /// Expands the next states of the level, enters what follows, and counts.
    fn round(&mut self) -> Result<Result<(), Cut>, Panicked<P::State>> {
        let used = self.cut_chunks();
        let chunks = &mut self.chunks[..used];
        let threads = self.hands.len().min(used);
        round::expand(self.space, &self.tables, &mut self.hands[..threads], chunks).map_err(nowhere)?;
        if let Some((state, message)) = chunks.iter_mut().find_map(|chunk| chunk.panic.take()) {
            return Err(self.panicked(state, &message));
        }
        if !round::ids_suffice(&self.tables, chunks) {
            return Ok(Err(Cut::Indexes));
        }
        for chunk in chunks.iter() {
            self.tally.add(&chunk.tally);
            self.expanded = chunk.sources.end;
        }
        round::enter(&mut self.tables, chunks, &mut self.findings, threads).map_err(nowhere)?;
        if self.level_starts.last() == Some(&self.expanded) {
            self.end_level();
        }
        Ok(Ok(()))
    }

    /// Cuts the next states of the level into chunks; says how many.
    ///
    /// Which states make a round depends on counts alone, so that every run stops at the same states.
    fn cut_chunks(&mut self) -> usize {
        let fan_out = (self.tally.generated / u64::from(self.expanded.max(1))).max(1);
        let most = (CANDIDATES / fan_out).clamp(u64::from(ROWS), CANDIDATES) as u32;
        let level_end = self.level_starts.last().copied().unwrap_or(0);
        let end = level_end.min(self.expanded.saturating_add(most));
        let starts = || std::iter::successors(Some(self.expanded), |start| Some(start / ROWS * ROWS + ROWS));
        let sources: Vec<_> = starts().zip(starts().skip(1)).take_while(|(start, _)| *start < end).collect();
        if self.chunks.len() < sources.len() {
            self.chunks.resize_with(sources.len(), Chunk::new);
        }
        for (chunk, (start, next)) in self.chunks.iter_mut().zip(&sources) {
            chunk.restart(*start..end.min(*next));
        }
        sources.len()
    }

    fn end_level(&mut self) {
        let end = self.tables.store.len();
        if self.level_starts.last() != Some(&end) {
            self.level_starts.push(end);
        }
    }

    /// Distance from the initial states to the next ones to expand.
    fn depth(&self) -> u32 {
        (self.level_starts.len() as u32).saturating_sub(2)
    }

    fn progress(&self) -> Progress {
        Progress {
            depth: self.depth(),
            unique: self.tables.store.len() as usize,
            expanded: self.expanded as usize,
            frontier: (self.tables.store.len() - self.expanded) as usize,
            generated: self.tally.generated,
            seconds: self.seconds(),
            states_per_second: self.pace.states_per_second(),
            seconds_left: self.pace.seconds_left(
                &self.level_starts,
                self.tables.store.len(),
                self.options.expected_states,
            ),
            bytes: self.memory().total(),
        }
    }

    /// Wall-clock seconds, those before it was taken up included.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    fn memory(&self) -> Memory {
        let (states, parents) = self.tables.store.bytes();
        Memory {
            states,
            parents,
            visited: self.tables.shards.iter().map(Shard::bytes).sum(),
            edges: self.tables.edges.as_ref().map_or(0, Edges::bytes),
            buffers: self.chunks.iter().map(Chunk::bytes).sum::<usize>()
                + self.findings.iter().map(Findings::bytes).sum::<usize>()
                + self.hands.iter().map(Hand::bytes).sum::<usize>(),
        }
    }

    fn panicked(&self, state: u32, message: &str) -> Panicked<P::State> {
        let (trace, gap) = trace_along(self.space, &path_to(&self.tables.store, state));
        let message = gap.map_or(message.to_owned(), |gap| format!("{message} (and {gap})"));
        Panicked { message, trace }
    }

    pub(super) fn finish(mut self, cut: Option<Cut>) -> Exploration<P::State> {
        let (memory, seconds) = (self.memory(), self.seconds());
        self.end_level();
        Exploration {
            completeness: cut.map_or(Completeness::Complete, Completeness::Partial),
            stop: self.options.stop,
            store: self.tables.store,
            edges: self.tables.edges,
            tally: self.tally,
            level_starts: self.level_starts,
            expanded: self.expanded,
            seconds,
            memory,
        }
    }
}

pub(super) fn nowhere<S>(message: String) -> Panicked<S> {
    Panicked { message, trace: Trace { initial: None, steps: Vec::new() } }
}

/// Candidates that a round aims at: enough work to make starting threads cheap, few enough to stay in the cache.
const CANDIDATES: u64 = 1 << 17;
