//! Counting what is seen on the way.

use super::space::KINDS;

/// What the expansion of some states has shown.
#[derive(Clone)]
pub(super) struct Tally {
    /// Successors, duplicates included.
    pub(super) generated: u64,
    /// States without a successor.
    pub(super) terminals: u64,
    /// The first of them.
    pub(super) first_terminal: Option<u32>,
    /// The first state that violates each invariant.
    pub(super) violations: Firsts,
    /// The first state that reaches each goal.
    pub(super) goals: Firsts,
    /// Steps of each kind.
    pub(super) steps_by_kind: [u64; KINDS],
}

impl Tally {
    #[inline]
    pub(super) fn expanded(&mut self, index: u32, successors: usize) {
        self.generated += successors as u64;
        if successors == 0 {
            self.terminals += 1;
            self.first_terminal.get_or_insert(index);
        }
    }

    /// Adds what later states have shown.
    pub(super) fn add(&mut self, later: &Tally) {
        self.generated += later.generated;
        self.terminals += later.terminals;
        self.first_terminal = self.first_terminal.or(later.first_terminal);
        self.violations.add(&later.violations);
        self.goals.add(&later.goals);
        self.steps_by_kind.iter_mut().zip(later.steps_by_kind).for_each(|(sum, steps)| *sum += steps);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            generated: 0,
            terminals: 0,
            first_terminal: None,
            violations: Firsts::default(),
            goals: Firsts::default(),
            steps_by_kind: [0; KINDS],
        }
    }
}

/// For each of 64 bits, the first state that had it set.
#[derive(Clone)]
pub(super) struct Firsts {
    seen: u64,
    first: [u32; 64],
}

impl Firsts {
    /// Notes the bits of a state; states come in canonical order.
    #[inline]
    pub(super) fn note(&mut self, bits: u64, index: u32) {
        let mut fresh = bits & !self.seen;
        self.seen |= bits;
        while fresh != 0 {
            self.first[fresh.trailing_zeros() as usize] = index;
            fresh &= fresh - 1;
        }
    }

    /// Each bit that was seen, with its first state.
    pub(super) fn list(&self) -> Vec<(u32, u32)> {
        (0..u64::BITS).filter_map(|bit| self.get(bit).map(|state| (bit, state))).collect()
    }

    /// The same, from such a list of bits below 64.
    pub(super) fn of_list(list: &[(u32, u32)]) -> Self {
        let mut firsts = Firsts::default();
        for (bit, state) in list {
            firsts.note(1 << bit, *state);
        }
        firsts
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn get(&self, bit: u32) -> Option<u32> {
        (self.seen >> bit & 1 == 1).then(|| self.first[bit as usize])
    }

    /// The first state that had one of these bits set.
    pub(super) fn first_of(&self, mask: u64) -> Option<u32> {
        (0..u64::BITS).filter(|bit| mask >> bit & 1 == 1).filter_map(|bit| self.get(bit)).min()
    }

    fn add(&mut self, later: &Firsts) {
        let mut fresh = later.seen & !self.seen;
        self.seen |= later.seen;
        while fresh != 0 {
            let bit = fresh.trailing_zeros() as usize;
            self.first[bit] = later.first[bit];
            fresh &= fresh - 1;
        }
    }
}

impl Default for Firsts {
    fn default() -> Self {
        Firsts { seen: 0, first: [0; 64] }
    }
}
