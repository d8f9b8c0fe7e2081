//! The successors of a run of states, on their way into the visited set.

use super::crew::caught;
use super::space::{PackedState, Space, Successor};
use super::store::{NO_PARENT, Store};
use super::tally::Tally;
use super::visited::{SHARDS, shard_of};
use std::cell::Cell;
use std::ops::Range;

/// A run of adjacent states, expanded by one thread, with all that came of it. Its buffers are used again in the next
/// round.
pub(super) struct Chunk<S> {
    /// The states to expand.
    pub(super) sources: Range<u32>,
    /// Candidates for the visited set, in canonical order: by parent, then by the order of its successors.
    pub(super) states: Vec<S>,
    /// The parent of each candidate.
    pub(super) parents: Vec<u32>,
    /// The hash of each candidate.
    pub(super) hashes: Vec<u64>,
    /// The label that leads to each candidate; empty unless edges are kept.
    pub(super) labels: Vec<u32>,
    /// Positions of the candidates that belong to each shard of the visited set, in order.
    pub(super) by_shard: [Vec<u32>; SHARDS],
    /// Counts and first findings.
    pub(super) tally: Tally,
    /// The panic of the world, and the state it was looking at.
    pub(super) panic: Option<(u32, String)>,
}

/// What one thread keeps from chunk to chunk. Alone in its cache lines: its vectors' lengths change with every state.
#[repr(align(128))]
pub(super) struct Hand<P: Space> {
    worker: P::Worker,
    successors: Vec<Successor<P::State>>,
    /// States that this thread has made a candidate lately, by hash. Neighbours have successors in common: dropping a
    /// duplicate here saves a walk through memory later.
    recent: Vec<Option<P::State>>,
}

impl<P: Space> Hand<P> {
    pub(super) fn new(space: &P) -> Self {
        Hand { worker: space.worker(), successors: Vec::new(), recent: vec![None; RECENT] }
    }

    pub(super) fn bytes(&self) -> usize {
        self.recent.capacity() * size_of::<Option<P::State>>()
            + self.successors.capacity() * size_of::<Successor<P::State>>()
    }

    /// Expands the sources of `chunk`. A panic of the world is noted in the chunk.
    pub(super) fn expand(&mut self, space: &P, store: &Store<P::State>, edges: bool, chunk: &mut Chunk<P::State>) {
        let at = Cell::new(chunk.sources.start);
        let outcome = caught(|| {
            for index in chunk.sources.clone() {
                at.set(index);
                self.expand_one(space, store.state(index), index, edges, chunk);
            }
        });
        if let Err(message) = outcome {
            chunk.panic = Some((at.get(), message));
        }
    }

    #[inline]
    fn expand_one(&mut self, space: &P, state: &P::State, index: u32, edges: bool, chunk: &mut Chunk<P::State>) {
        chunk.tally.violations.note(space.violations(&mut self.worker, state), index);
        chunk.tally.goals.note(space.goals(&mut self.worker, state), index);
        self.successors.clear();
        space.successors(&mut self.worker, state, &mut self.successors);
        chunk.tally.expanded(index, self.successors.len());
        for successor in &self.successors {
            chunk.tally.steps_by_kind[space.kind(successor.label)] += 1;
            let hash = successor.state.hash64();
            if edges {
                chunk.labels.push(successor.label);
            } else {
                let recent = &mut self.recent[(hash >> 16) as usize % RECENT];
                if recent.as_ref().is_some_and(|recent| recent.same(&successor.state)) {
                    continue;
                }
                *recent = Some(successor.state);
            }
            chunk.push(successor.state, hash, index);
        }
    }
}

impl<S: PackedState> Chunk<S> {
    pub(super) fn new() -> Self {
        Chunk {
            sources: 0..0,
            states: Vec::new(),
            parents: Vec::new(),
            hashes: Vec::new(),
            labels: Vec::new(),
            by_shard: [const { Vec::new() }; SHARDS],
            tally: Tally::default(),
            panic: None,
        }
    }

    /// Empties the chunk for other sources, keeping its buffers.
    pub(super) fn restart(&mut self, sources: Range<u32>) {
        self.sources = sources;
        self.states.clear();
        self.parents.clear();
        self.hashes.clear();
        self.labels.clear();
        self.by_shard.iter_mut().for_each(Vec::clear);
        self.tally = Tally::default();
        self.panic = None;
    }

    /// Takes the initial states as candidates without a parent.
    pub(super) fn offer_initial(&mut self, initial: &[S]) {
        for state in initial {
            self.push(*state, state.hash64(), NO_PARENT);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<S>()
            + self.hashes.capacity() * size_of::<u64>()
            + (self.parents.capacity() + self.labels.capacity()) * size_of::<u32>()
            + self.by_shard.iter().map(|positions| positions.capacity() * size_of::<u32>()).sum::<usize>()
    }

    #[inline]
    fn push(&mut self, state: S, hash: u64, parent: u32) {
        self.by_shard[shard_of(hash)].push(self.states.len() as u32);
        self.states.push(state);
        self.hashes.push(hash);
        self.parents.push(parent);
    }
}

/// States remembered per thread; with ten ids a state they fit in a second-level cache.
const RECENT: usize = 1 << 13;
