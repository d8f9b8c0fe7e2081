//! The data groups of a world, and what each of its moves does to them.

use super::bounds::Bounds;
use serde::{Deserialize, Serialize};
use splitjob_core::id::GroupId;
use splitjob_core::job::SplitJob;
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;

/// A data group, by its number from 1; the key space belongs to group 1 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct DataGroup(u8);

impl DataGroup {
    /// The group that owns everything at first.
    pub const ONE: DataGroup = DataGroup(1);
    /// The second group.
    pub const TWO: DataGroup = DataGroup(2);
    /// The third group, where a scenario has one.
    pub const THREE: DataGroup = DataGroup(3);
    /// Every group that a scenario may have.
    pub const ALL: [DataGroup; 3] = [DataGroup::ONE, DataGroup::TWO, DataGroup::THREE];

    /// The group with this identifier, which must be one of the world's.
    pub fn of(id: GroupId) -> DataGroup {
        let group = DataGroup::ALL.into_iter().find(|group| group.id() == id);
        group.unwrap_or_else(|| panic!("the world has no group {id}"))
    }

    /// The group with this number, if there can be one.
    pub fn numbered(number: u8) -> Option<DataGroup> {
        DataGroup::ALL.into_iter().find(|group| group.0 == number)
    }

    /// Its identifier in the catalog.
    pub fn id(self) -> GroupId {
        GroupId(self.0.into())
    }

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its place among the groups, from 0.
    pub(super) fn place(self) -> usize {
        usize::from(self.0 - 1)
    }
}

impl TryFrom<u8> for DataGroup {
    type Error = String;

    fn try_from(number: u8) -> Result<DataGroup, String> {
        DataGroup::numbered(number).ok_or_else(|| format!("there is no data group {number}"))
    }
}

impl From<DataGroup> for u8 {
    fn from(group: DataGroup) -> u8 {
        group.0
    }
}

/// What a move does when the moves before it that it meets have ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Journey {
    /// The range that moves.
    pub range: KeyRange,
    /// The group that it leaves.
    pub source: DataGroup,
    /// The group that it moves to.
    pub target: DataGroup,
}

impl Journey {
    /// Whether the job does what the move was to do.
    pub(super) fn is_of(&self, job: &SplitJob) -> bool {
        (&job.range, job.source, job.target) == (&self.range, self.source.id(), self.target.id())
    }
}

impl Bounds {
    /// The data groups.
    pub fn groups(&self) -> impl Iterator<Item = DataGroup> {
        DataGroup::ALL.into_iter().take(self.voters.len())
    }

    /// How many voters a group has at first.
    pub fn voters_of(&self, group: DataGroup) -> u8 {
        self.voters[group.place()]
    }

    /// Whether a group can ever have a follower.
    pub(super) fn has_followers(&self, group: DataGroup) -> bool {
        self.voters_of(group) > 1 || self.additions > 0
    }

    /// What each of the moves does.
    ///
    /// A move that meets an earlier one can only be started when that has ended: the catalog refuses it before.
    pub fn journeys(&self) -> Vec<Journey> {
        let mut owned = vec![(KeyRange::all(), DataGroup::ONE)];
        for at in &self.splits {
            split(&mut owned, at);
        }
        let journey = |plan: &super::bounds::Move| {
            let right = split(&mut owned, &plan.split_key);
            let (range, owner) = &mut owned[right];
            let source = std::mem::replace(owner, plan.target);
            Journey { range: range.clone(), source, target: plan.target }
        };
        self.moves.iter().map(journey).collect()
    }
}

/// Splits the part that the key is inside of; the place of the right part.
fn split(owned: &mut Vec<(KeyRange, DataGroup)>, at: &RoutingKey) -> usize {
    let place = owned.iter().position(|(range, _)| range.contains(at)).expect("the parts cover every key");
    let (range, owner) = owned[place].clone();
    let (left, right) = range.split_at(at).expect("a scenario splits inside of ranges");
    owned[place] = (left, owner);
    owned.insert(place + 1, (right, owner));
    place + 1
}

#[cfg(test)]
mod tests {
    use super::super::bounds::Move;
    use super::*;

    #[test]
    fn a_move_takes_what_the_moves_before_it_have_left_there() {
        let moves = vec![Move::of("m", DataGroup::TWO), Move::of("p", DataGroup::ONE)];
        let bounds = Bounds { splits: vec![RoutingKey::from("t")], moves, ..Bounds::calm() };
        let journeys = bounds.journeys();
        let range = |start: &str| KeyRange::new(RoutingKey::from(start), Some(RoutingKey::from("t")));
        let expected = [("m", DataGroup::ONE, DataGroup::TWO), ("p", DataGroup::TWO, DataGroup::ONE)];
        for (journey, (start, source, target)) in journeys.iter().zip(expected) {
            let range = range(start).expect("the test's ranges are not empty");
            assert_eq!(*journey, Journey { range, source, target });
        }
    }
}
