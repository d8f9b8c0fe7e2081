//! What a world has found out about parts of its states, once for all threads.

use super::space::fold;
use super::visited::Shard;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Short lists of words under keys of a few words, each computed once and then looked up for every state that it is a
/// part of.
///
/// Every thread has an index of its own, a [`MemoIndex`]: looking up takes no lock and writes no memory that others
/// read. What one thread has computed, the others learn when they first ask for it. Entries are never removed.
pub struct Memo<const WORDS: usize>(Mutex<Master>);

/// What one thread knows of a [`Memo`], and of no other.
pub struct MemoIndex {
    slots: Shard,
    blocks: Vec<Block>,
}

/// Where the list under a key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    start: u32,
    len: u32,
}

/// What is known to anybody.
struct Master {
    slots: Shard,
    blocks: Vec<Block>,
    /// Where the next entry starts.
    next: u32,
}

/// Room for entries: key, length and list one after the other. An entry is written before its place is told to anybody,
/// under the lock, and never changes afterwards; atomics only say to the compiler that it is shared.
type Block = Arc<[AtomicU64]>;

impl<const WORDS: usize> Memo<WORDS> {
    /// An empty one.
    pub fn new() -> Self {
        Memo(Mutex::new(Master { slots: roomy(), blocks: Vec::new(), next: 0 }))
    }

    /// The list under this key, as far as the index's thread knows.
    #[inline(always)]
    pub fn find(&self, index: &MemoIndex, key: [u64; WORDS]) -> Option<Found> {
        let start = index.slots.find(hash(key), |start| is_at(&index.blocks, start, &key))?;
        Some(found::<WORDS>(&index.blocks, start))
    }

    /// The list under this key, computed if nobody knows it yet.
    ///
    /// Two threads that are in need of the same list at the same time may both compute it; they must find the same.
    ///
    /// # Panics
    ///
    /// If there is no room for the list: more than 2^32 words in all, or more than a block holds.
    #[cold]
    pub fn learn(&self, index: &mut MemoIndex, key: [u64; WORDS], compute: impl FnOnce() -> Vec<u64>) -> Found {
        let known = self.lock().look_up(&key, index);
        let start = known.unwrap_or_else(|| {
            let list = compute();
            self.lock().enter(&key, &list, index)
        });
        index.slots.reserve(1);
        index.slots.enter(hash(key), start, |_| false);
        found::<WORDS>(&index.blocks, start)
    }

    /// Bytes allocated for all threads together, their indexes not counted.
    pub fn bytes(&self) -> usize {
        let master = self.lock();
        master.slots.bytes() + master.blocks.len() * BLOCK * size_of::<u64>()
    }

    fn lock(&self) -> MutexGuard<'_, Master> {
        // Nothing that is done under the lock panics half way but for want of memory.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<const WORDS: usize> Default for Memo<WORDS> {
    fn default() -> Self {
        Memo::new()
    }
}

impl Default for MemoIndex {
    fn default() -> Self {
        MemoIndex { slots: roomy(), blocks: Vec::new() }
    }
}

impl MemoIndex {
    /// The word in this place of a list.
    #[inline(always)]
    pub fn word(&self, list: Found, place: u32) -> u64 {
        word(&self.blocks, list.start + place)
    }
}

impl Found {
    /// How many words the list has.
    #[inline(always)]
    pub fn len(self) -> u32 {
        self.len
    }

    /// Whether the list has no words.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl Master {
    /// Where the entry with this key starts, if there is one; the index's thread can read it from then on.
    fn look_up<const WORDS: usize>(&self, key: &[u64; WORDS], index: &mut MemoIndex) -> Option<u32> {
        let start = self.slots.find(hash(*key), |start| is_at(&self.blocks, start, key))?;
        self.show(start, index);
        Some(start)
    }

    fn show(&self, start: u32, index: &mut MemoIndex) {
        if index.blocks.len() <= start as usize / BLOCK {
            index.blocks.extend_from_slice(&self.blocks[index.blocks.len()..]);
        }
    }

    /// Enters a list unless somebody else was faster; says where it starts, and the index's thread can read it from then
    /// on.
    fn enter<const WORDS: usize>(&mut self, key: &[u64; WORDS], list: &[u64], index: &mut MemoIndex) -> u32 {
        if let Some(start) = self.look_up(key, index) {
            return start;
        }
        let words = WORDS + 1 + list.len();
        assert!(words <= BLOCK, "a list of {} words does not fit into a block", list.len());
        if self.next as usize % BLOCK + words > BLOCK || self.next as usize == self.blocks.len() * BLOCK {
            self.next = u32::try_from(self.blocks.len() * BLOCK).expect("no more than 2^32 words are worth keeping");
            self.blocks.push((0..BLOCK).map(|_| AtomicU64::new(0)).collect());
        }
        let start = self.next;
        let block = &self.blocks[start as usize / BLOCK][start as usize % BLOCK..];
        let entry = key.iter().copied().chain([list.len() as u64]).chain(list.iter().copied());
        block.iter().zip(entry).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
        self.next += words as u32;
        self.slots.reserve(1);
        self.slots.enter(hash(*key), start, |_| false);
        self.show(start, index);
        start
    }
}

/// A table that can be asked at once.
fn roomy() -> Shard {
    let mut slots = Shard::new();
    slots.reserve(ROOM);
    slots
}

#[inline(always)]
fn word(blocks: &[Block], place: u32) -> u64 {
    blocks[place as usize / BLOCK][place as usize % BLOCK].load(Ordering::Relaxed)
}

#[inline(always)]
fn is_at<const WORDS: usize>(blocks: &[Block], start: u32, key: &[u64; WORDS]) -> bool {
    let there = &blocks[start as usize / BLOCK][start as usize % BLOCK..][..WORDS];
    there.iter().zip(key).fold(0, |difference, (there, word)| difference | (there.load(Ordering::Relaxed) ^ word)) == 0
}

#[inline(always)]
fn found<const WORDS: usize>(blocks: &[Block], start: u32) -> Found {
    let list = start + WORDS as u32;
    Found { start: list + 1, len: word(blocks, list) as u32 }
}

/// Words are folded in pairs, not in a chain: the pairs of a key don't wait for each other.
#[inline(always)]
pub(super) fn hash<const WORDS: usize>(key: [u64; WORDS]) -> u64 {
    let (pairs, rest) = key.as_chunks::<2>();
    let rest = rest.first().map_or(0, |word| fold(word ^ LAST_SECRETS[0], LAST_SECRETS[1]));
    pairs.iter().zip(SECRETS).fold(rest, |hash, ([low, high], [a, b])| hash.rotate_left(23) ^ fold(low ^ a, high ^ b))
}

/// Digits of pi: odd bits everywhere and no relation to small ids.
const SECRETS: [[u64; 2]; 4] = [
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344],
    [0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89],
    [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c],
    [0xc0ac_29b7_c97c_50dd, 0x3f84_d5b5_b547_0917],
];
const LAST_SECRETS: [u64; 2] = [0x9216_d5d9_8979_fb1b, 0xd131_0ba6_98df_b5ac];

/// Entries that fit into an empty table.
const ROOM: usize = 16;

/// Words in a block.
const BLOCK: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn list_of(key: [u64; 3]) -> Vec<u64> {
        (0..key[0] % 5).map(|place| key[1] ^ place).collect()
    }

    fn keys() -> impl Iterator<Item = [u64; 3]> {
        (0..30_000u64).map(|number| [number, (number << 32) | (number % 7), 1])
    }

    fn read(index: &MemoIndex, list: Found) -> Vec<u64> {
        (0..list.len()).map(|place| index.word(list, place)).collect()
    }

    #[test]
    fn what_was_learnt_is_found_over_many_blocks() {
        let (memo, mut index) = (Memo::<3>::new(), MemoIndex::default());
        for key in keys() {
            assert_eq!(memo.find(&index, key), None);
            let learnt = memo.learn(&mut index, key, || list_of(key));
            assert_eq!(read(&index, learnt), list_of(key));
        }
        assert!(index.blocks.len() > 20);
        assert!(keys().all(|key| memo.find(&index, key).is_some_and(|list| read(&index, list) == list_of(key))));
    }

    #[test]
    fn what_one_thread_has_computed_another_learns_without_computing() {
        let (memo, mut first, mut second) = (Memo::<3>::new(), MemoIndex::default(), MemoIndex::default());
        for key in keys() {
            memo.learn(&mut first, key, || list_of(key));
        }
        for key in keys() {
            assert_eq!(memo.find(&second, key), None);
            let learnt = memo.learn(&mut second, key, || panic!("{key:?} is known"));
            assert_eq!(read(&second, learnt), list_of(key));
        }
    }

    #[test]
    fn racing_threads_read_the_same_lists() {
        let memo = Memo::<3>::new();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut index = MemoIndex::default();
                    for key in keys() {
                        let learnt = memo.learn(&mut index, key, || list_of(key));
                        assert_eq!(read(&index, learnt), list_of(key));
                    }
                });
            }
        });
        let words = keys().map(|key| key.len() + 1 + list_of(key).len()).sum::<usize>();
        assert!(memo.lock().blocks.len() <= words / (BLOCK - 8) + 1, "nothing is kept twice");
    }

    #[test]
    fn a_computation_that_panics_leaves_nothing_behind() {
        let (memo, mut index) = (Memo::<3>::new(), MemoIndex::default());
        let panics = || memo.learn(&mut index, [1, 2, 3], || panic!("no such list"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(memo.find(&index, [1, 2, 3]), None);
        let learnt = memo.learn(&mut index, [1, 2, 3], || vec![4]);
        assert_eq!(read(&index, learnt), [4]);
    }

    #[test]
    #[should_panic(expected = "does not fit into a block")]
    fn a_list_that_is_too_long_is_refused() {
        Memo::<1>::new().learn(&mut MemoIndex::default(), [0], || vec![0; BLOCK]);
    }
}
