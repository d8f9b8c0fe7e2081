//! The part of the graph where an obligation is open.

use super::graph::Graph;
use super::space::PackedState;
use super::state_set::StateSet;

/// The states that a run can be in after it has met a *from* state and before it has met a *to* state, ranked by the
/// length of the shortest such run, from an initial state on.
pub(super) struct Region {
    /// The state of each rank.
    members: Vec<u32>,
    /// The rank of the state before, on a shortest such run; none for a *from* state that is reached by its own trace.
    came_from: Vec<u32>,
    /// The rank of each state of the exploration.
    ranks: Vec<u32>,
}

impl Region {
    pub(super) fn of<S: PackedState>(graph: &Graph<'_, S>, from: &StateSet, to: &StateSet) -> Self {
        let none = vec![NONE; graph.states() as usize];
        let mut region = Region { members: Vec::new(), came_from: Vec::new(), ranks: none };
        let mut sources = from.iter().filter(|state| !to.contains(*state)).peekable();
        let mut depth = 0;
        let mut done = 0;
        while done < region.members.len() || sources.peek().is_some() {
            if done == region.members.len() {
                depth = sources.peek().map_or(depth, |source| graph.depth_of(*source));
            }
            while let Some(source) = sources.next_if(|source| graph.depth_of(*source) <= depth) {
                region.add(source, NONE);
            }
            // All members from `done` on are at this depth.
            let level = done..region.members.len();
            done = level.end;
            for rank in level {
                for (_, end) in graph.steps(region.members[rank]).filter(|(_, end)| !to.contains(*end)) {
                    region.add(end, rank as u32);
                }
            }
            depth += 1;
        }
        region
    }

    fn add(&mut self, state: u32, came_from: u32) {
        let rank = &mut self.ranks[state as usize];
        if *rank == NONE {
            *rank = self.members.len() as u32;
            self.members.push(state);
            self.came_from.push(came_from);
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.members.len() as u32
    }

    pub(super) fn state(&self, rank: u32) -> u32 {
        self.members[rank as usize]
    }

    pub(super) fn rank(&self, state: u32) -> Option<u32> {
        Some(self.ranks[state as usize]).filter(|rank| *rank != NONE)
    }

    /// The states from a *from* state to the one with this rank.
    pub(super) fn path_to(&self, rank: u32) -> Vec<u32> {
        let before = |rank: &u32| Some(self.came_from[*rank as usize]).filter(|before| *before != NONE);
        let mut path: Vec<u32> = std::iter::successors(Some(rank), before).map(|rank| self.state(rank)).collect();
        path.reverse();
        path
    }
}

const NONE: u32 = u32::MAX;
