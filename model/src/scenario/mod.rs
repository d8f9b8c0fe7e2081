//! The scenarios: one world, many small sets of bounds, each with the reason for it.

mod catalogue;
mod gaps;
mod requests;
mod wider;

pub use catalogue::ALL;
pub use gaps::{GAPS, REDUNDANT, UNBROKEN};

use crate::world::{Bounds, Claim, Goal, Liveness, World};
use serde::{Deserialize, Serialize};
use splitjob_core::gate::{Gate, Gates};
use std::fmt;

/// A named set of bounds, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, as commands and files spell it.
    pub name: &'static str,
    /// Why it exists, as one sentence.
    pub purpose: &'static str,
    /// How long it may take.
    pub class: Class,
    /// What may happen in it.
    pub bounds: fn() -> Bounds,
    /// What must be reachable in it, else it is too kind.
    pub goals: &'static [Goal],
    /// The liveness properties that are asked of it: all its edges are kept then, at 8 bytes each.
    pub liveness: &'static [Liveness],
    /// How many states and steps a complete exploration finds; a change that moves them says why.
    pub pinned: Pinned,
}

/// What a complete exploration of a scenario finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Unique states.
    pub states: u64,
    /// Steps between them, those to states known before included.
    pub steps: u64,
    /// The distance of the farthest state.
    pub depth: u32,
}

/// How long a scenario may take on two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// All of them together at most a minute: on every change.
    Quick,
    /// All of them together at most twenty minutes: before landing.
    Standard,
    /// Hours: by hand.
    Deep,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Quick => "quick",
            Class::Standard => "standard",
            Class::Deep => "deep",
        })
    }
}

impl Scenario {
    /// The scenario with this name.
    pub fn by_name(name: &str) -> Option<&'static Scenario> {
        ALL.iter().find(|scenario| scenario.name == name)
    }

    /// Its world, with every gate but these.
    pub fn world(&self, without: &[Gate]) -> World {
        World::new((self.bounds)(), gates(without, &[]))
    }

    /// Its world, with every gate as it must be, but for those of the gap.
    pub fn world_of(&self, gap: Option<&Gap>) -> World {
        World::new((self.bounds)(), gap.map_or(Gates::all(), |gap| gates(gap.removes, gap.jams)))
    }
}

/// Every gate, but without some, and with some that never open.
#[expect(clippy::disallowed_methods, reason = "the model is the one place that builds an incomplete set of gates")]
fn gates(removed: &[Gate], jammed: &[Gate]) -> Gates {
    Gates::without(removed).jammed(jammed)
}

/// A set of gates whose absence, or whose never opening, breaks a named claim in a named scenario.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// Its name: that of its gate, or of the wrong design that it is.
    pub name: &'static str,
    /// The gates that are missing.
    pub removes: &'static [Gate],
    /// The gates that never open.
    pub jams: &'static [Gate],
    /// Where it shows.
    pub scenario: &'static str,
    /// What it breaks: the property that the shortest trace violates, the liveness property that a fair run violates, or a
    /// goal of the scenario that nothing reaches any more.
    pub breaks: Claim,
    /// What a reader learns from it, as two or three sentences.
    pub moral: &'static str,
}

/// A gate that breaks nothing alone: another prevents the same disaster, and both must go for it to happen.
#[derive(Clone, Copy, Debug)]
pub struct Redundant {
    /// The gate.
    pub gate: Gate,
    /// The gate that stands behind it.
    pub behind: Gate,
    /// The gap without both; in its scenario, the gate's absence alone must break nothing.
    pub gap: &'static str,
}

impl Gap {
    /// The gap with this name, compared without regard to case.
    pub fn by_name(name: &str) -> Option<&'static Gap> {
        GAPS.iter().find(|gap| gap.name.eq_ignore_ascii_case(name))
    }

    /// The gates that are not as they must be.
    pub fn gates(&self) -> impl Iterator<Item = Gate> {
        self.removes.iter().chain(self.jams).copied()
    }

    /// What is different in it, as an adverbial: `without ReadFence`.
    pub fn told(&self) -> String {
        if self.jams.is_empty() { format!("without {}", self.name) } else { format!("in the gap {}", self.name) }
    }

    /// Whether this gate, and no other, is missing.
    pub fn is_without_only(&self, gate: Gate) -> bool {
        self.removes == [gate] && self.jams.is_empty()
    }
}
