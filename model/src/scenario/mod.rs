//! The scenarios: one world, many small sets of bounds, each with the reason for it.

mod catalogue;
mod gaps;

pub use catalogue::ALL;
pub use gaps::{GAPS, REDUNDANT};

use crate::world::{Bounds, Goal, Property, World};
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
    #[expect(clippy::disallowed_methods, reason = "the model is the one place that builds an incomplete set of gates")]
    pub fn world(&self, without: &[Gate]) -> World {
        World::new((self.bounds)(), Gates::without(without))
    }
}

/// A set of gates whose absence lets a named property break in a named scenario.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// Its name: that of its gate, or of the wrong design that it is.
    pub name: &'static str,
    /// The gates that are missing.
    pub removes: &'static [Gate],
    /// Where it shows.
    pub scenario: &'static str,
    /// The property that the shortest trace breaks.
    pub breaks: Property,
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
}
