//! What a run can show to hold, or to be broken.

use super::{Goal, Liveness, Property};
use std::fmt;

/// Something that holds while every gate stands, and that a gap can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A safety property: a reachable state violates it, or none does.
    Safety(Property),
    /// A liveness property: a run violates it, or none does.
    Liveness(Liveness),
    /// A goal that must be reachable.
    Reach(Goal),
}

impl Claim {
    /// The identifier in `specs/properties.md`.
    pub fn id(self) -> &'static str {
        match self {
            Claim::Safety(property) => property.id(),
            Claim::Liveness(liveness) => liveness.id(),
            Claim::Reach(goal) => goal.id(),
        }
    }

    /// What it says, as one sentence.
    pub fn says(self) -> &'static str {
        match self {
            Claim::Safety(property) => property.says(),
            Claim::Liveness(liveness) => liveness.says(),
            Claim::Reach(goal) => goal.says(),
        }
    }

    /// The claim with this identifier, compared without regard to case.
    pub fn by_id(id: &str) -> Option<Claim> {
        let safety = || Property::by_id(id).map(Claim::Safety);
        let liveness = || Liveness::by_id(id).map(Claim::Liveness);
        safety().or_else(liveness).or_else(|| Goal::by_id(id).map(Claim::Reach))
    }

    /// That it is broken, as a clause.
    pub fn is_broken(self) -> String {
        match self {
            Claim::Safety(_) | Claim::Liveness(_) => format!("{self} is violated"),
            Claim::Reach(_) => format!("{self} is never reached"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
