//! One round: expand a run of states, enter the candidates, number the fresh ones in canonical order.

use super::chunk::{Chunk, Hand};
use super::crew::all_at_once;
use super::edges::Edges;
use super::space::{PackedState, Space};
use super::store::{Store, Tail};
use super::visited::{Entered, LAST_ID, Shard, shard_of};
use std::sync::{Mutex, PoisonError};

/// What a round works on and leaves behind.
pub(super) struct Tables<S> {
    pub(super) store: Store<S>,
    /// The visited set. One thread at a time enters states into a shard, so that no slot is ever contended.
    pub(super) shards: Vec<Shard>,
    pub(super) edges: Option<Edges>,
}

/// The candidates of a round as all threads see them while they enter them.
struct Offer<'a, S> {
    store: &'a Store<S>,
    chunks: &'a [Chunk<S>],
    /// A candidate's temporary id is the number of stored states, plus its chunk shifted by this, plus its position
    /// there.
    shift: u32,
    /// Whether every candidate is followed to its index.
    edges: bool,
}

/// What entering the candidates of one shard has shown. Its buffers are used again in the next round.
#[derive(Default)]
pub(super) struct Findings {
    /// Candidates that are new, with the slot they took.
    fresh: Vec<(u32, u32)>,
    /// For each chunk, the id behind each candidate of this shard; empty unless edges are kept.
    resolved: Vec<Vec<u32>>,
}

/// Which candidates of a round are new, and how many come before each.
struct Ranks {
    /// How many states were stored before the round: the first new candidate gets this index.
    base: u32,
    /// As in [`Offer`].
    shift: u32,
    bits: Vec<u64>,
    before: Vec<u32>,
    total: u32,
}

/// A part of the work that follows once it is known which candidates are new.
enum Task<'a, S> {
    /// Copy new candidates to where they are stored.
    Fill(Tail<'a, S>),
    /// Give the slots of a shard's new candidates their final ids.
    Rename(&'a mut Shard, &'a Findings),
    /// Make out where the transitions of a chunk end.
    End(usize),
}

/// Expands the sources of all chunks, sharing them out among `hands`.
pub(super) fn expand<P: Space>(
    space: &P,
    tables: &Tables<P::State>,
    hands: &mut [Hand<P>],
    chunks: &mut [Chunk<P::State>],
) -> Result<(), String> {
    let work = Mutex::new(chunks.iter_mut());
    all_at_once(hands.iter_mut().collect(), |hand| {
        while let Some(chunk) = next(&work) {
            hand.expand(space, &tables.store, tables.edges.is_some(), chunk);
            if chunk.panic.is_some() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Whether temporary ids for all candidates fit beside the states that are stored.
pub(super) fn ids_suffice<S: PackedState>(tables: &Tables<S>, chunks: &[Chunk<S>]) -> bool {
    (chunks.len() as u64) << shift(chunks) <= u64::from(LAST_ID - tables.store.len())
}

/// Enters the candidates of all chunks into the tables, with so many threads.
pub(super) fn enter<S: PackedState>(
    tables: &mut Tables<S>,
    chunks: &[Chunk<S>],
    findings: &mut [Findings],
    threads: usize,
) -> Result<(), String> {
    let (base, shift) = (tables.store.len(), shift(chunks));
    let offer = Offer { store: &tables.store, chunks, shift, edges: tables.edges.is_some() };
    let work = Mutex::new(tables.shards.iter_mut().zip(findings.iter_mut()).enumerate());
    all_at_once(vec![(); threads], |()| {
        while let Some((number, (shard, findings))) = next(&work) {
            findings.collect(number, shard, &offer);
        }
    })?;
    let ranks = Ranks::of(findings, chunks.len() << shift, base, shift);
    commit(tables, chunks, findings, &ranks, threads)
}

/// Enters the stored states into an empty visited set, with so many threads; says whether any of them was there twice.
pub(super) fn enter_stored<S: PackedState>(tables: &mut Tables<S>, threads: usize) -> Result<bool, String> {
    let store = &tables.store;
    let mut by_shard = vec![Vec::new(); tables.shards.len()];
    let mut is_twice = false;
    for start in (0..store.len()).step_by(STORED) {
        by_shard.iter_mut().for_each(Vec::clear);
        for index in start..store.len().min(start.saturating_add(STORED as u32)) {
            let hash = store.state(index).hash64();
            by_shard[shard_of(hash)].push((hash, index));
        }
        let work = Mutex::new(tables.shards.iter_mut().zip(&by_shard));
        let twice = all_at_once(vec![(); threads], |()| {
            let mut is_twice = false;
            while let Some((shard, states)) = next(&work) {
                shard.reserve(states.len());
                for (hash, index) in states {
                    let entered = shard.enter(*hash, *index, |id| store.state(id).same(store.state(*index)));
                    is_twice |= matches!(entered, Entered::Known(_));
                }
            }
            is_twice
        })?;
        is_twice |= twice.contains(&true);
    }
    Ok(is_twice)
}

/// Gives the new candidates their index, their place in the store, and the transitions their ends.
fn commit<S: PackedState>(
    tables: &mut Tables<S>,
    chunks: &[Chunk<S>],
    findings: &[Findings],
    ranks: &Ranks,
    threads: usize,
) -> Result<(), String> {
    let mut tasks: Vec<_> = tables.store.grow(ranks.total).into_iter().map(Task::Fill).collect();
    tasks.extend(tables.shards.iter_mut().zip(findings).map(|(shard, findings)| Task::Rename(shard, findings)));
    // Initial states come from nowhere.
    let ends = (0..chunks.len()).filter(|place| tables.edges.is_some() && !chunks[*place].sources.is_empty());
    tasks.extend(ends.map(Task::End));
    let tasks = Mutex::new(tasks.into_iter());
    let ended = all_at_once(vec![(); threads], |()| {
        let mut ended = Vec::new();
        while let Some(task) = next(&tasks) {
            match task {
                Task::Fill(tail) => ranks.fill(tail, chunks),
                Task::Rename(shard, findings) => {
                    findings
                        .fresh
                        .iter()
                        .for_each(|(fresh, slot)| shard.rename(*slot, ranks.base + ranks.rank(*fresh)));
                }
                Task::End(number) => {
                    let resolved = findings.iter().map(|findings| findings.resolved[number].as_slice());
                    ended.push((number, chunks[number].edges(resolved, |id| ranks.final_id(id))));
                }
            }
        }
        ended
    })?;
    if let Some(edges) = &mut tables.edges {
        let mut ended: Vec<_> = ended.into_iter().flatten().collect();
        ended.sort_by_key(|(number, _)| *number);
        ended.into_iter().for_each(|(_, block)| edges.append(block));
    }
    Ok(())
}

impl Findings {
    /// Enters the candidates of a shard, chunk by chunk, so that of equal candidates the first in canonical order wins.
    fn collect<S: PackedState>(&mut self, number: usize, shard: &mut Shard, offer: &Offer<'_, S>) {
        shard.reserve(offer.chunks.iter().map(|chunk| chunk.by_shard[number].len()).sum());
        self.fresh.clear();
        self.resolved.resize_with(offer.chunks.len(), Vec::new);
        self.resolved.iter_mut().for_each(Vec::clear);
        for (place, chunk) in offer.chunks.iter().enumerate() {
            for group in chunk.by_shard[number].chunks(GROUP) {
                self.collect_group(place, group, shard, offer);
            }
        }
    }

    /// Enters a handful of candidates of one chunk. First looks at all their slots, then at all the states found there,
    /// and only then decides: the processor waits for memory once instead of once for each.
    fn collect_group<S: PackedState>(&mut self, place: usize, group: &[u32], shard: &mut Shard, offer: &Offer<'_, S>) {
        let chunk = &offer.chunks[place];
        let mut there = [None; GROUP];
        for (there, position) in there.iter_mut().zip(group) {
            *there = shard.peek(chunk.hashes[*position as usize]);
        }
        for (there, position) in there.iter_mut().zip(group) {
            *there = there.filter(|id| offer.state(*id).same(&chunk.states[*position as usize]));
        }
        for (there, position) in there.into_iter().zip(group) {
            let id = there.unwrap_or_else(|| self.enter_one(place, *position, shard, offer));
            if offer.edges {
                self.resolved[place].push(id);
            }
        }
    }

    fn enter_one<S: PackedState>(
        &mut self,
        place: usize,
        position: u32,
        shard: &mut Shard,
        offer: &Offer<'_, S>,
    ) -> u32 {
        let chunk = &offer.chunks[place];
        let (hash, state) = (chunk.hashes[position as usize], &chunk.states[position as usize]);
        let candidate = ((place as u32) << offer.shift) + position;
        let id = offer.store.len() + candidate;
        match shard.enter(hash, id, |id| offer.state(id).same(state)) {
            Entered::Known(id) => id,
            Entered::Fresh(slot) => {
                self.fresh.push((candidate, slot));
                id
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.fresh.capacity() * size_of::<(u32, u32)>()
            + self.resolved.iter().map(|ids| ids.capacity() * size_of::<u32>()).sum::<usize>()
    }
}

impl<S: PackedState> Offer<'_, S> {
    /// The state with this id, stored or a candidate.
    #[inline]
    fn state(&self, id: u32) -> &S {
        match id.checked_sub(self.store.len()) {
            None => self.store.state(id),
            Some(candidate) => {
                let (place, position) = split(candidate, self.shift);
                &self.chunks[place].states[position]
            }
        }
    }
}

impl Ranks {
    /// Ranks the new ones among so many candidates.
    fn of(findings: &[Findings], candidates: usize, base: u32, shift: u32) -> Self {
        let mut bits = vec![0; candidates.div_ceil(64)];
        for (candidate, _) in findings.iter().flat_map(|findings| &findings.fresh) {
            bits[*candidate as usize / 64] |= 1 << (candidate % 64);
        }
        let counts = bits.iter().map(|word: &u64| word.count_ones());
        let before = counts.scan(0, |total, count| Some(std::mem::replace(total, *total + count))).collect();
        let total = findings.iter().map(|findings| findings.fresh.len() as u32).sum();
        Ranks { base, shift, bits, before, total }
    }

    /// How many new candidates come before this one.
    #[inline]
    fn rank(&self, candidate: u32) -> u32 {
        let word = candidate as usize / 64;
        self.before[word] + (self.bits[word] & ((1 << (candidate % 64)) - 1)).count_ones()
    }

    /// The index of the state with this id, temporary or not.
    #[inline]
    fn final_id(&self, id: u32) -> u32 {
        id.checked_sub(self.base).map_or(id, |candidate| self.base + self.rank(candidate))
    }

    /// Copies the new candidates that belong to this tail into it.
    fn fill<S: PackedState>(&self, tail: Tail<'_, S>, chunks: &[Chunk<S>]) {
        let fresh = self.from(tail.skip as u32);
        tail.fill(fresh.map(|candidate| {
            let (place, position) = split(candidate, self.shift);
            (chunks[place].states[position], chunks[place].parents[position])
        }));
    }

    /// The new candidates in order, without the first `skip`.
    fn from(&self, skip: u32) -> impl Iterator<Item = u32> {
        let word = self.before.partition_point(|before| *before <= skip).saturating_sub(1);
        let skip_here = skip - self.before.get(word).copied().unwrap_or(0);
        let candidates = self.bits.iter().enumerate().skip(word).flat_map(|(word, bits)| {
            let rest = |bits: &u64| Some(bits & (bits - 1)).filter(|bits| *bits != 0);
            let ones = std::iter::successors(Some(*bits).filter(|bits| *bits != 0), rest);
            ones.map(move |bits| word as u32 * 64 + bits.trailing_zeros())
        });
        candidates.skip(skip_here as usize)
    }
}

/// The chunk of a candidate, and its position there.
#[inline]
fn split(candidate: u32, shift: u32) -> (usize, usize) {
    ((candidate >> shift) as usize, (candidate & ((1 << shift) - 1)) as usize)
}

/// The bits that a position within a chunk needs.
fn shift<S>(chunks: &[Chunk<S>]) -> u32 {
    chunks.iter().map(|chunk| chunk.states.len()).max().unwrap_or(0).max(1).next_power_of_two().trailing_zeros()
}

/// Takes the next piece of work.
fn next<I: Iterator>(work: &Mutex<I>) -> Option<I::Item> {
    work.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Candidates looked at together: enough to keep memory busy, few enough to stay in registers and first-level cache.
const GROUP: usize = 16;

/// Stored states that are entered between two pauses: many, so that a pause costs little.
const STORED: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_what_any_shard_has_found() {
        let found =
            |fresh: &[u32]| Findings { fresh: fresh.iter().map(|fresh| (*fresh, 0)).collect(), ..Findings::default() };
        let ranks = Ranks::of(&[found(&[2, 3, 191]), found(&[0, 128])], 192, 100, 8);
        let all = [0, 2, 3, 128, 191];
        assert_eq!(ranks.total, 5);
        for skip in 0..=5 {
            assert_eq!(ranks.from(skip).collect::<Vec<_>>(), all[skip as usize..]);
        }
        assert_eq!(all.map(|candidate| ranks.rank(candidate)), [0, 1, 2, 3, 4]);
        assert_eq!([99, 100, 228].map(|id| ranks.final_id(id)), [99, 100, 103]);
    }
}
