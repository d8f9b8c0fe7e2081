//! Strongly connected components of a region.

use super::graph::Graph;
use super::region::Region;
use super::space::PackedState;

/// States of a region each of which can reach each other without leaving the region; as many as possible.
pub(super) struct Component {
    /// Their ranks, in ascending order.
    pub(super) members: Vec<u32>,
    /// The smallest rank: where the shortest run enters.
    pub(super) entry: u32,
}

impl Component {
    /// Whether a state of the exploration is in the component.
    pub(super) fn contains(&self, region: &Region, state: u32) -> bool {
        region.rank(state).is_some_and(|rank| self.members.binary_search(&rank).is_ok())
    }
}

/// Gives each component of the region to `found`, a component after all that can be reached from it.
///
/// The path-based algorithm (Gabow), without recursion: `open` holds the states whose component is not known yet,
/// `path` where on it each component that is being gathered begins, `visits` the states whose steps are being followed.
pub(super) fn components<S: PackedState>(graph: &Graph<'_, S>, region: &Region, mut found: impl FnMut(Component)) {
    let mut numbers = vec![UNSEEN; region.len() as usize];
    let (mut open, mut path) = (Vec::new(), Vec::new());
    for root in 0..region.len() {
        if numbers[root as usize] != UNSEEN {
            continue;
        }
        let mut visits = Vec::new();
        let mut next = Some(root);
        loop {
            if let Some(rank) = next.take() {
                numbers[rank as usize] = open.len() as u32;
                path.push(open.len() as u32);
                open.push(rank);
                visits.push((rank, graph.steps(region.state(rank))));
            }
            let Some((rank, steps)) = visits.last_mut() else { break };
            let rank = *rank;
            for end in steps.filter_map(|(_, end)| region.rank(end)) {
                match numbers[end as usize] {
                    UNSEEN => {
                        next = Some(end);
                        break;
                    }
                    CLOSED => {}
                    number => path.truncate(path.partition_point(|begin| *begin <= number)),
                }
            }
            if next.is_none() {
                visits.pop();
                if path.last() == Some(&numbers[rank as usize]) {
                    path.pop();
                    let mut members = open.split_off(numbers[rank as usize] as usize);
                    members.iter().for_each(|member| numbers[*member as usize] = CLOSED);
                    members.sort_unstable();
                    found(Component { entry: members[0], members });
                }
            }
        }
    }
}

/// Not visited yet.
const UNSEEN: u32 = u32::MAX;

/// In a component that is known.
const CLOSED: u32 = u32::MAX - 1;
