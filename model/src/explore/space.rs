//! What the explorer asks of a world.

use std::fmt::Debug;

/// A transition system, given by its initial states and the successors of each state.
///
/// The explorer relies on two promises:
///
/// - **Same state, same answers.** Two calls with equal states give equal successors in the same order, and equal
///   masks, on every worker and at every time.
/// - **Order has meaning, ids have none.** The order of `initial` and of `successors` must follow from what a state
///   means, never from the numbers its components happened to be interned under: two threads intern in racing order.
///   All that the explorer reports (counts, indexes, traces) then comes out the same on every run and for every number
///   of threads.
///
/// A panic in any method is a bug of the world; the explorer reports it as [`Panicked`](super::Panicked) with the path
/// that led there.
pub trait Space: Sync {
    /// A state: a small array of ids of hash-consed components. Stored once per unique state, as it is.
    type State: PackedState;

    /// Caches of one thread, such as memo tables and scratch buffers.
    type Worker: Send;

    /// Makes the caches of one thread.
    fn worker(&self) -> Self::Worker;

    /// The initial states, without duplicates.
    fn initial(&self) -> Vec<Self::State>;

    /// Appends every enabled step of `state` to `out`, which comes empty.
    ///
    /// Several steps may lead to the same state, and a step may lead back to `state`. No two steps of one state share a
    /// label.
    fn successors(&self, worker: &mut Self::Worker, state: &Self::State, out: &mut Vec<Successor<Self::State>>);

    /// Bit `i` is set when invariant `i` is violated in `state`. At most 64 invariants.
    fn violations(&self, worker: &mut Self::Worker, state: &Self::State) -> u64;

    /// Bit `i` is set when goal `i` is reached in `state`. At most 64 goals.
    fn goals(&self, worker: &mut Self::Worker, state: &Self::State) -> u64;

    /// The kind of the steps with this label, below [`KINDS`]: steps are counted by kind.
    fn kind(&self, _label: u32) -> usize {
        0
    }
}

/// How many kinds of steps can be told apart.
pub const KINDS: usize = 64;

/// A step: what happens, and the state it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Successor<S> {
    /// Opaque to the explorer, unique among the steps of one state. A world whose labels need more than 32 bits interns
    /// them.
    pub label: u32,
    /// The state after the step.
    pub state: S,
}

/// A state that is compared and hashed as one run of bytes.
///
/// `derive(Hash)` feeds fields one by one and costs ten times as much; this trait exists to make that mistake
/// impossible.
///
/// Each of its numbers means something by its place alone, whatever the others are: a checkpoint translates them one by
/// one.
pub trait PackedState: Copy + Eq + Debug + Send + Sync + 'static {
    /// How many numbers it has.
    const WORDS: usize;

    /// A well mixed hash: every bit of the result depends on every bit of the state. Equal states have equal hashes.
    fn hash64(&self) -> u64;

    /// Whether two states are equal, without a branch or a call per component.
    fn same(&self, other: &Self) -> bool;

    /// The number in this place.
    fn word(&self, place: usize) -> u32;

    /// The state with these numbers.
    fn of_words(word: impl FnMut(usize) -> u32) -> Self;
}

impl<const N: usize> PackedState for [u32; N] {
    const WORDS: usize = N;

    #[inline]
    fn hash64(&self) -> u64 {
        let (quads, rest) = self.as_chunks::<4>();
        let mut hash = SEED ^ N as u64;
        for [a, b, c, d] in quads {
            hash = fold(hash ^ join(*a, *b), SECRET ^ join(*c, *d));
        }
        let mut tail = [0; 4];
        tail[..rest.len()].copy_from_slice(rest);
        let [a, b, c, d] = tail;
        fold(hash ^ join(a, b), FINAL_SECRET ^ join(c, d))
    }

    #[inline]
    fn same(&self, other: &Self) -> bool {
        self.iter().zip(other).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
    }

    #[inline]
    fn word(&self, place: usize) -> u32 {
        self[place]
    }

    #[inline]
    fn of_words(word: impl FnMut(usize) -> u32) -> Self {
        std::array::from_fn(word)
    }
}

#[inline]
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// The high and the low half of the 128-bit product, folded: two words in, all bits of both mixed.
#[inline]
pub(super) fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

/// Digits of pi, as good as any: odd bits everywhere and no relation to small ids.
const SEED: u64 = 0x243f_6a88_85a3_08d3;
const SECRET: u64 = 0x1319_8a2e_0370_7344;
const FINAL_SECRET: u64 = 0xa409_3822_299f_31d0;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn small_ids_spread_over_the_high_and_the_low_bits() {
        let states = (0..1u32 << 16).map(|i| [i & 15, i >> 4 & 15, 7, i >> 8 & 15, 0, i >> 12]);
        let hashes: Vec<u64> = states.map(|state| state.hash64()).collect();
        let distinct = |shift: u32| hashes.iter().map(|hash| (hash >> shift) as u16).collect::<HashSet<_>>().len();
        // 65,536 balls into 65,536 bins leave 63 % of the bins hit.
        for shift in [0, 16, 32, 48] {
            let hit = distinct(shift) as f64 / f64::from(1 << 16);
            assert!((0.61..0.65).contains(&hit), "bits {shift}..: {hit}");
        }
    }

    #[test]
    fn a_state_with_a_zero_appended_hashes_differently() {
        assert_ne!([1, 2, 3].hash64(), [1, 2, 3, 0].hash64());
    }
}
