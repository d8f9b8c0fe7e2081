//! How traces end, and what to say of it.

use super::names::Names;
use super::{StepView, ending};
use crate::check::Antecedent;
use crate::world::view::Scene;
use crate::world::{Claim, Fairness, Liveness, Property, World};
use splitjob_core::job::PhaseName;

/// How a trace ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Anywhere.
    Open,
    /// In a state that violates the property.
    Violation(Property),
    /// In a state from which nothing leads any more to what the property asks for.
    Trap(Liveness),
    /// Never: the steps behind the first `stem` ones repeat for ever; if there are none, nothing happens any more.
    Lasso {
        /// What never comes about.
        unmet: Liveness,
        /// After how many steps it is owed.
        open_since: usize,
        /// How many steps lead to the loop.
        stem: usize,
        /// The fairness that the run keeps.
        assuming: Vec<Fairness>,
    },
    /// In the situation that puts the property to the test.
    Witness(Property),
}

impl End {
    /// What is broken, if anything is.
    pub fn broken(&self) -> Option<Claim> {
        match self {
            End::Open | End::Witness(_) => None,
            End::Violation(property) => Some(Claim::Safety(*property)),
            End::Trap(unmet) | End::Lasso { unmet, .. } => Some(Claim::Liveness(*unmet)),
        }
    }

    /// How many steps lead to the loop, if there is one.
    pub fn stem(&self) -> Option<usize> {
        match self {
            End::Lasso { stem, .. } => Some(*stem),
            End::Open | End::Violation(_) | End::Trap(_) | End::Witness(_) => None,
        }
    }
}

/// The last words of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What it comes to, as one short sentence.
    pub head: String,
    /// How, as one to three sentences.
    pub told: String,
    /// Whether something is broken.
    pub is_bad: bool,
}

/// The last words of a trace of these steps that ends in this scene.
pub(super) fn told(world: &World, scene: &Scene, steps: &[StepView], end: &End) -> Option<Ending> {
    let is_broken = |claim: Claim| format!("{}.", claim.is_broken());
    Some(match end {
        End::Open => return None,
        End::Violation(property) => Ending {
            head: is_broken(Claim::Safety(*property)),
            told: ending::violation(world, scene, *property, steps.last()),
            is_bad: true,
        },
        End::Trap(unmet) => Ending {
            head: is_broken(Claim::Liveness(*unmet)),
            told: format!("From here on it is impossible, whatever happens. {}", waiting(world, scene)),
            is_bad: true,
        },
        End::Lasso { unmet, open_since, stem, assuming } => Ending {
            head: is_broken(Claim::Liveness(*unmet)),
            told: format!("{} {}", for_ever(*open_since, *stem, steps.len(), assuming), waiting(world, scene)),
            is_bad: true,
        },
        End::Witness(property) => Ending {
            head: format!("{property} is put to the test."),
            told: Antecedent::of(*property).says.to_owned(),
            is_bad: false,
        },
    })
}

/// What goes on for ever, and that nobody can be blamed for it.
fn for_ever(open_since: usize, stem: usize, steps: usize, assuming: &[Fairness]) -> String {
    let goes_on = match steps - stem {
        0 => format!("After step {stem} nothing more need happen, and nothing does"),
        1 => format!("Step {steps} repeats for ever"),
        _ => format!("Steps {} to {steps} repeat for ever", stem + 1),
    };
    let owed = if open_since == 0 { String::new() } else { format!(", though it is owed since step {open_since}") };
    let fair: Vec<&str> = assuming.iter().map(|fairness| fairness.id()).collect();
    let fair = if fair.is_empty() {
        "no fairness is assumed".to_owned()
    } else {
        format!("it is fair by {}", fair.join(", "))
    };
    format!("{goes_on}{owed}; {fair}.")
}

/// Where the job stands, and what is still to be done there.
fn waiting(world: &World, scene: &Scene) -> String {
    let names = Names::of(world.bounds());
    let phase = super::phase_of(scene);
    let mut left = Vec::new();
    for (group, at) in &scene.groups {
        let voters = at.voters.iter().enumerate();
        for (voter, at) in voters.filter(|(_, at)| !at.ahead.is_empty()) {
            let entries =
                if at.ahead.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", at.ahead.len()) };
            left.push(format!("{} voter {} has {entries} to apply", names.group(*group), voter + 1));
        }
    }
    left.extend(scene.open_reads.iter().map(|page| format!("a read has its page from {} to come", page.next)));
    let left = if left.is_empty() { String::new() } else { format!("; {}", left.join("; ")) };
    if phase == PhaseName::Done {
        return format!("No job is live{left}.");
    }
    format!("The job is in {phase}{left}.")
}
