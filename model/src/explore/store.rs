//! The states, in canonical order, with the parent of each.

use super::space::PackedState;

/// Append-only arrays in blocks, so that growing never copies and several threads can fill different blocks.
pub(super) struct Store<S> {
    states: Vec<Vec<S>>,
    parents: Vec<Vec<u32>>,
    len: u32,
}

impl<S: PackedState> Store<S> {
    pub(super) fn new() -> Self {
        Store { states: Vec::new(), parents: Vec::new(), len: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) fn state(&self, index: u32) -> &S {
        &self.states[index as usize / BLOCK][index as usize % BLOCK]
    }

    /// The state that first led to `index`; `None` for an initial state.
    pub(super) fn parent(&self, index: u32) -> Option<u32> {
        let parent = self.parents[index as usize / BLOCK][index as usize % BLOCK];
        (parent != NO_PARENT).then_some(parent)
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &S> {
        self.states.iter().flatten()
    }

    pub(super) fn states_mut(&mut self) -> impl Iterator<Item = &mut S> {
        self.states.iter_mut().flatten()
    }

    /// Room for `additional` states at the end, as the unfilled tails of the blocks that will hold them, in order.
    ///
    /// Each must be filled with exactly [`Tail::room`] states before the next call.
    pub(super) fn grow(&mut self, additional: u32) -> Vec<Tail<'_, S>> {
        let (from, to) = (self.len as usize, (self.len + additional) as usize);
        self.len += additional;
        while self.states.len() * BLOCK < to {
            self.states.push(Vec::with_capacity(BLOCK));
            self.parents.push(Vec::with_capacity(BLOCK));
        }
        let blocks = self.states.iter_mut().zip(&mut self.parents).enumerate().skip(from / BLOCK);
        let tails = blocks.map(|(number, (states, parents))| {
            let start = from.max(number * BLOCK);
            let room = to.min((number + 1) * BLOCK).saturating_sub(start);
            Tail { skip: start - from, room, states, parents }
        });
        tails.filter(|tail| tail.room > 0).collect()
    }

    /// Bytes allocated for states and for parents.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let states = self.states.iter().map(|block| block.capacity() * size_of::<S>()).sum::<usize>();
        let parents = self.parents.iter().map(|block| block.capacity() * size_of::<u32>()).sum::<usize>();
        let directory = (self.states.capacity() + self.parents.capacity()) * size_of::<Vec<S>>();
        (states + directory, parents)
    }
}

/// The part of a block that a round fills.
pub(super) struct Tail<'a, S> {
    /// How many of the round's states come before this part.
    pub(super) skip: usize,
    /// How many states belong here.
    pub(super) room: usize,
    states: &'a mut Vec<S>,
    parents: &'a mut Vec<u32>,
}

impl<S: Copy> Tail<'_, S> {
    pub(super) fn fill(self, fresh: impl Iterator<Item = (S, u32)>) {
        for (state, parent) in fresh.take(self.room) {
            self.states.push(state);
            self.parents.push(parent);
        }
    }
}

/// Parent of the initial states.
pub(super) const NO_PARENT: u32 = u32::MAX;

/// States in a block: large enough for a short directory, small enough for a short idle tail.
const BLOCK: usize = 1 << 14;
