//! Names that a caller gives, and what they may have meant.

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use splitjob_core::gate::Gate;
use splitjob_model::near;
use splitjob_model::scenario::{ALL, Class, GAPS, Gap, Scenario};
use splitjob_model::world::Fairness;

/// How long a scenario may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassName {
    /// All of them together at most a minute.
    Quick,
    /// All of them together at most twenty minutes.
    Standard,
    /// Hours.
    Deep,
}

impl ClassName {
    /// The model's word for it.
    pub(crate) fn class(self) -> Class {
        match self {
            ClassName::Quick => Class::Quick,
            ClassName::Standard => Class::Standard,
            ClassName::Deep => Class::Deep,
        }
    }
}

/// The scenarios of a class.
pub(crate) fn of_class(class: Class) -> Vec<&'static Scenario> {
    ALL.iter().filter(|scenario| scenario.class == class).collect()
}

/// The scenario with this name.
pub(crate) fn scenario(name: &str) -> Result<&'static Scenario> {
    Scenario::by_name(name).ok_or_else(|| {
        let offer = near::offer(name, ALL.iter().map(|scenario| scenario.name));
        anyhow!("there is no scenario {name:?}{}", offer_or(&offer, "; `splitjob scenarios` lists them"))
    })
}

/// The gap with this name.
pub(crate) fn gap(name: &str) -> Result<&'static Gap> {
    GAPS.iter().find(|gap| gap.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let offer = near::offer(name, GAPS.iter().map(|gap| gap.name));
        anyhow!("there is no gap {name:?}{}", offer_or(&offer, "; `splitjob gaps` lists them"))
    })
}

/// The assumption of fairness with this identifier.
pub(crate) fn fairness(id: &str) -> Result<Fairness> {
    Fairness::by_id(id).ok_or_else(|| {
        let known: Vec<&str> = Fairness::ALL.iter().map(|fairness| fairness.id()).collect();
        anyhow!("there is no fairness {id:?}; there are {}", known.join(", "))
    })
}

/// The gap that shows why a gate exists, or the wrong design with this name.
pub(crate) fn gate_or_gap(name: &str) -> Result<(Option<Gate>, &'static Gap)> {
    if let Some(gate) = Gate::by_name(name) {
        let alone = GAPS.iter().find(|gap| gap.is_without_only(gate));
        let gap = alone.or_else(|| GAPS.iter().find(|gap| gap.gates().any(|other| other == gate)));
        return gap.map(|gap| (Some(gate), gap)).ok_or_else(|| anyhow!("no gap shows what happens without {gate}"));
    }
    if let Some(gap) = GAPS.iter().find(|gap| gap.name.eq_ignore_ascii_case(name)) {
        return Ok((None, gap));
    }
    let gates = Gate::ALL.iter().map(|gate| gate.name());
    let offer = near::offer(name, gates.chain(GAPS.iter().map(|gap| gap.name)));
    Err(anyhow!("there is no gate {name:?}{}", offer_or(&offer, "; `splitjob gaps` lists them")))
}

fn offer_or(offer: &str, otherwise: &str) -> String {
    if offer.is_empty() { otherwise.to_owned() } else { offer.to_owned() }
}
