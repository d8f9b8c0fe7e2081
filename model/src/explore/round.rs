//! One round: expand a run of states, enter the candidates, number the fresh ones in canonical order.

use super::chunk::{Chunk, Hand, Plan};
use super::crew::all_at_once;
use super::edges::Edges;
use super::space::{PackedState, Space};
use super::store::{Store, Tail};
use super::visited::{Entered, LAST_ID, SHARDS, Shard, shard_of};
use std::sync::{Mutex, PoisonError};

/// What a round works on and leaves behind.
pub(super) struct Tables<S> {
    pub(super) store: Store<S>,
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
}

/// What one owner of shards has found out about its candidates. Its buffers are used again in the next round.
#[derive(Default)]
pub(super) struct Findings {
    /// Candidates that are new, with the shard (counted from the owner's first) and slot they took.
    fresh: Vec<(u32, u32, u32)>,
    /// Bit per candidate of the round: new, and found by this owner.
    bits: Vec<u64>,
    /// For each chunk, the id behind each of this owner's candidates; empty unless edges are kept.
    resolved: Vec<Vec<u32>>,
}

/// Which candidates of a round are new, and how many come before each.
struct Ranks {
    bits: Vec<u64>,
    before: Vec<u32>,
    total: u32,
}

/// Expands the sources of all chunks, sharing them out among `hands`.
pub(super) fn expand<P: Space>(
    space: &P,
    store: &Store<P::State>,
    hands: &mut [Hand<P>],
    chunks: &mut [Chunk<P::State>],
    plan: &Plan,
) -> Result<(), String> {
    let work = Mutex::new(chunks.iter_mut());
    all_at_once(hands.iter_mut().collect(), |hand| {
        while let Some(chunk) = next(&work) {
            hand.expand(space, store, plan, chunk);
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

/// Enters the candidates of all chunks into the tables; returns how many were new.
pub(super) fn enter<S: PackedState>(
    tables: &mut Tables<S>,
    chunks: &[Chunk<S>],
    findings: &mut [Findings],
    plan: &Plan,
) -> Result<u32, String> {
    let shift = shift(chunks);
    let offer = Offer { store: &tables.store, chunks, shift };
    let owners = owners(&mut tables.shards, plan).into_iter().zip(findings.iter_mut()).enumerate();
    all_at_once(owners.collect(), |(owner, (shards, findings))| findings.collect(owner, shards, &offer, plan))?;
    let base = tables.store.len();
    let ranks = Ranks::of(findings);
    commit(tables, chunks, findings, &ranks, plan, (base, shift))?;
    Ok(ranks.total)
}

/// Gives the new candidates their index, their place in the store, and the edges their ends.
fn commit<S: PackedState>(
    tables: &mut Tables<S>,
    chunks: &[Chunk<S>],
    findings: &[Findings],
    ranks: &Ranks,
    plan: &Plan,
    (base, shift): (u32, u32),
) -> Result<(), String> {
    let final_id = |id: u32| if id < base { id } else { base + ranks.rank(id - base) };
    let tails = Mutex::new(tables.store.grow(ranks.total).into_iter());
    let sources = Mutex::new(if plan.edges { chunks } else { &[] }.iter().enumerate());
    let owners = owners(&mut tables.shards, plan).into_iter().zip(findings);
    let ended = all_at_once(owners.collect(), |(shards, own)| {
        for (candidate, shard, slot) in &own.fresh {
            shards[*shard as usize].rename(*slot, base + ranks.rank(*candidate));
        }
        while let Some(tail) = next(&tails) {
            fill(tail, chunks, ranks, shift);
        }
        let mut ended = Vec::new();
        while let Some((number, chunk)) = next(&sources) {
            let resolved = findings.iter().map(|owner| owner.resolved[number].as_slice());
            ended.push((number, chunk.edges(resolved, final_id)));
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

/// Copies the new candidates that belong to this tail into it.
fn fill<S: PackedState>(tail: Tail<'_, S>, chunks: &[Chunk<S>], ranks: &Ranks, shift: u32) {
    let skip = tail.skip as u32;
    tail.fill(ranks.from(skip).map(|candidate| {
        let chunk = &chunks[(candidate >> shift) as usize];
        let position = (candidate & ((1 << shift) - 1)) as usize;
        (chunk.states[position], chunk.parents[position])
    }));
}

impl Findings {
    /// Enters this owner's candidates into its shards, chunk by chunk, so that of equal candidates the first in
    /// canonical order wins.
    fn collect<S: PackedState>(&mut self, owner: usize, shards: &mut [Shard], offer: &Offer<'_, S>, plan: &Plan) {
        let first_shard = first_shard(owner, plan);
        for (number, shard) in shards.iter_mut().enumerate() {
            shard.reserve(offer.chunks.iter().map(|chunk| chunk.by_shard[first_shard + number] as usize).sum());
        }
        self.fresh.clear();
        self.bits.clear();
        self.bits.resize((offer.chunks.len() << offer.shift).div_ceil(64), 0);
        self.resolved.resize_with(offer.chunks.len(), Vec::new);
        self.resolved.iter_mut().for_each(Vec::clear);
        for (number, chunk) in offer.chunks.iter().enumerate() {
            for group in chunk.by_owner[owner].chunks(GROUP) {
                self.collect_group(number, group, (first_shard, shards), offer, plan.edges);
            }
        }
    }

    /// Enters a handful of candidates. First looks at all their slots, then at all the states found there, and only
    /// then decides: the processor waits for memory once instead of once for each.
    fn collect_group<S: PackedState>(
        &mut self,
        number: usize,
        group: &[u32],
        (first_shard, shards): (usize, &mut [Shard]),
        offer: &Offer<'_, S>,
        edges: bool,
    ) {
        let chunk = &offer.chunks[number];
        let mut there = [None; GROUP];
        for (there, position) in there.iter_mut().zip(group) {
            let hash = chunk.hashes[*position as usize];
            *there = shards[shard_of(hash) - first_shard].peek(hash);
        }
        for (there, position) in there.iter_mut().zip(group) {
            *there = there.filter(|id| offer.state(*id).same(&chunk.states[*position as usize]));
        }
        for (there, position) in there.into_iter().zip(group) {
            let id = there.unwrap_or_else(|| self.enter_one(number, *position, (first_shard, shards), offer));
            if edges {
                self.resolved[number].push(id);
            }
        }
    }

    fn enter_one<S: PackedState>(
        &mut self,
        number: usize,
        position: u32,
        (first_shard, shards): (usize, &mut [Shard]),
        offer: &Offer<'_, S>,
    ) -> u32 {
        let chunk = &offer.chunks[number];
        let (hash, state) = (chunk.hashes[position as usize], &chunk.states[position as usize]);
        let shard = shard_of(hash) - first_shard;
        let candidate = ((number as u32) << offer.shift) + position;
        let id = offer.store.len() + candidate;
        match shards[shard].enter(hash, id, |id| offer.state(id).same(state)) {
            Entered::Known(id) => id,
            Entered::Fresh(slot) => {
                self.fresh.push((candidate, shard as u32, slot));
                self.bits[candidate as usize / 64] |= 1 << (candidate % 64);
                id
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.fresh.capacity() * size_of::<(u32, u32, u32)>()
            + self.bits.capacity() * size_of::<u64>()
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
                &self.chunks[(candidate >> self.shift) as usize].states[(candidate & ((1 << self.shift) - 1)) as usize]
            }
        }
    }
}

impl Ranks {
    fn of(findings: &[Findings]) -> Self {
        let words = findings.first().map_or(0, |first| first.bits.len());
        let bits: Vec<u64> = (0..words).map(|word| findings.iter().fold(0, |all, own| all | own.bits[word])).collect();
        let mut total = 0;
        let mut before = Vec::with_capacity(words);
        for word in &bits {
            before.push(total);
            total += word.count_ones();
        }
        Ranks { bits, before, total }
    }

    /// How many new candidates come before this one.
    #[inline]
    fn rank(&self, candidate: u32) -> u32 {
        let word = candidate as usize / 64;
        self.before[word] + (self.bits[word] & ((1 << (candidate % 64)) - 1)).count_ones()
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

/// The shards of each owner.
fn owners<'a>(shards: &'a mut [Shard], plan: &Plan) -> Vec<&'a mut [Shard]> {
    let mut rest = shards;
    let mut owners = Vec::with_capacity(plan.owners);
    for owner in 0..plan.owners {
        let (own, others) = rest.split_at_mut(first_shard(owner + 1, plan) - first_shard(owner, plan));
        owners.push(own);
        rest = others;
    }
    owners
}

fn first_shard(owner: usize, plan: &Plan) -> usize {
    (owner * SHARDS).div_ceil(plan.owners)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_what_any_owner_has_found() {
        let found = |bits: Vec<u64>| Findings { bits, ..Findings::default() };
        let ranks = Ranks::of(&[found(vec![0b0101, 0, 1]), found(vec![0b1000, 0, 1 << 63])]);
        assert_eq!(ranks.total, 5);
        let all = [0, 2, 3, 128, 191];
        for skip in 0..=5 {
            assert_eq!(ranks.from(skip).collect::<Vec<_>>(), all[skip as usize..]);
        }
        assert_eq!(all.map(|candidate| ranks.rank(candidate)), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_shard_has_one_owner_and_owners_are_adjacent() {
        for owners in 1..=SHARDS {
            let plan = Plan { owners, edges: false };
            for owner in 0..owners {
                let own = first_shard(owner, &plan)..first_shard(owner + 1, &plan);
                assert!(!own.is_empty());
                assert!(own.clone().all(|shard| plan.owner_of(shard) == owner));
            }
            assert_eq!(first_shard(owners, &plan), SHARDS);
        }
    }
}
