//! Sets of states of one exploration.

use super::crew::all_at_once;
use super::outcome::{Exploration, Panicked};
use super::search::nowhere;
use super::space::{PackedState, Space};
use std::ops::Range;

/// A set of states, by index: one bit for each state of the exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSet {
    words: Vec<u64>,
    states: u32,
}

impl StateSet {
    /// The empty set, in an exploration with this many states.
    pub fn empty(states: u32) -> Self {
        StateSet { words: vec![0; (states as usize).div_ceil(64)], states }
    }

    /// Whether the state with this index is in the set.
    #[inline]
    pub fn contains(&self, state: u32) -> bool {
        self.words[state as usize / 64] >> (state % 64) & 1 == 1
    }

    /// Adds a state; says whether it was missing.
    #[inline]
    pub fn insert(&mut self, state: u32) -> bool {
        assert!(state < self.states, "state {state} of an exploration of {}", self.states);
        let missing = !self.contains(state);
        self.words[state as usize / 64] |= 1 << (state % 64);
        missing
    }

    /// How many states are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The state closest to the initial ones, the first in canonical order.
    pub fn first(&self) -> Option<u32> {
        self.iter().next()
    }

    /// The states, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0..).filter(|(word, _)| **word != 0).flat_map(|(word, number)| {
            (0..64).filter(move |bit| *word >> bit & 1 == 1).map(move |bit| number * 64 + bit)
        })
    }

    /// All states that are not in the set.
    pub fn complement(&self) -> Self {
        let mut words: Vec<u64> = self.words.iter().map(|word| !word).collect();
        if let (Some(last), rest @ 1..) = (words.last_mut(), self.states % 64) {
            *last &= (1 << rest) - 1;
        }
        StateSet { words, states: self.states }
    }

    /// How many states the exploration has.
    pub(super) fn states(&self) -> u32 {
        self.states
    }
}

impl<S: PackedState> Exploration<S> {
    /// The states for which `is_in` holds, asked with `threads` threads.
    ///
    /// # Errors
    ///
    /// If it panics.
    pub fn select<P: Space<State = S>>(
        &self,
        space: &P,
        threads: usize,
        is_in: impl Fn(&mut P::Worker, &S) -> bool + Sync,
    ) -> Result<StateSet, Panicked<S>> {
        let states = self.unique() as u32;
        let words = states.div_ceil(64);
        let share = words.div_ceil(threads.max(1) as u32).max(1);
        let shares = (0..words).step_by(share as usize).map(|from| from..words.min(from + share)).collect();
        let parts = all_at_once(shares, |share: Range<u32>| {
            let mut worker = space.worker();
            let mut word_of = |word: u32| {
                let indexes = word * 64..states.min(word * 64 + 64);
                indexes.rev().fold(0, |bits, index| bits << 1 | u64::from(is_in(&mut worker, self.state(index))))
            };
            share.map(&mut word_of).collect::<Vec<u64>>()
        });
        let words = parts.map_err(nowhere)?.concat();
        Ok(StateSet { words, states })
    }

    /// The states that reach one of these goals: bit `i` for goal `i`.
    ///
    /// # Errors
    ///
    /// If the world panics.
    pub fn select_goals<P: Space<State = S>>(
        &self,
        space: &P,
        threads: usize,
        mask: u64,
    ) -> Result<StateSet, Panicked<S>> {
        self.select(space, threads, |worker, state| space.goals(worker, state) & mask != 0)
    }
}
