//! What the data groups of a scenario are called.

use crate::world::{Bounds, DataGroup};
use splitjob_core::id::GroupId;

/// A name for each group: its role where there is only one move, else its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names([&'static str; 3]);

impl Names {
    pub(super) fn of(bounds: &Bounds) -> Names {
        let journeys = bounds.journeys();
        Names(DataGroup::ALL.map(|group| match journeys.as_slice() {
            [only] if only.source == group => SOURCE,
            [only] if only.target == group => TARGET,
            _ => NUMBERED[usize::from(group.number() - 1)],
        }))
    }

    /// The name as a label.
    pub(super) fn group(&self, group: DataGroup) -> &'static str {
        self.0[usize::from(group.number() - 1)]
    }

    /// The name as a label.
    pub(super) fn id(&self, group: GroupId) -> &'static str {
        self.group(DataGroup::of(group))
    }

    /// The name within a sentence: a role has an article.
    pub(super) fn the(&self, group: DataGroup) -> String {
        let name = self.group(group);
        if [SOURCE, TARGET].contains(&name) { format!("the {name}") } else { name.to_owned() }
    }
}

const SOURCE: &str = "source";
const TARGET: &str = "target";
const NUMBERED: [&str; 3] = ["group 1", "group 2", "group 3"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Move;

    #[test]
    fn roles_are_names_only_while_a_group_has_one_role() {
        let there = Names::of(&Bounds::calm());
        assert_eq!((there.the(DataGroup::ONE), there.the(DataGroup::TWO)), ("the source".into(), "the target".into()));
        let moves = vec![Move::of("m", DataGroup::TWO), Move::of("n", DataGroup::ONE)];
        let back = Names::of(&Bounds { moves, ..Bounds::calm() });
        assert_eq!((back.the(DataGroup::ONE), back.group(DataGroup::TWO)), ("group 1".into(), "group 2"));
    }
}
