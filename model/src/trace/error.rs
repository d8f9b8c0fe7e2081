//! Why a trace file is not to be believed.

use crate::near;
use crate::scenario::{ALL, GAPS};
use crate::trace::VERSION;
use crate::world::{Claim, Fairness, Property};
use splitjob_core::gate::Gate;
use thiserror::Error;

/// What is wrong with a trace file.
#[derive(Debug, Error)]
pub enum TraceError {
    /// It is not JSON, or it ends too early.
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// It is JSON of another kind.
    #[error("it is not a splitjob trace: it has {found}")]
    NotATrace {
        /// What it has instead.
        found: String,
    },
    /// It was written by another version.
    #[error("it is a trace of version {}, and this program reads version {VERSION} alone", version(*.found))]
    WrongVersion {
        /// What it says.
        found: Option<u64>,
    },
    /// A field is missing, unknown, or of the wrong kind.
    #[error("it is no well-formed trace: {0}")]
    Malformed(serde_json::Error),
    /// There is no such scenario.
    #[error("it is of a scenario {name:?} that doesn't exist{}", near::offer(.name, ALL.iter().map(|one| one.name)))]
    UnknownScenario {
        /// The name.
        name: String,
    },
    /// There is no such gap.
    #[error("it is of a gap {name:?} that doesn't exist{}", near::offer(.name, GAPS.iter().map(|gap| gap.name)))]
    UnknownGap {
        /// The name.
        name: String,
    },
    /// There is no such gate.
    #[error("it removes a gate {name:?} that doesn't exist{}", near::offer(.name, Gate::ALL.iter().map(|one| one.name())))]
    UnknownGate {
        /// The name.
        name: String,
    },
    /// There is no such property.
    #[error("it names a property {id:?} that doesn't exist")]
    UnknownProperty {
        /// The identifier.
        id: String,
    },
    /// The gates that are missing are not those of its gap.
    #[error("it removes {named:?}, which is not what {} removes", gap.as_deref().map_or("no gap".to_owned(), |gap| format!("the gap {gap}")))]
    OtherGates {
        /// The gap.
        gap: Option<String>,
        /// What the file says.
        named: Vec<String>,
    },
    /// The scenario starts elsewhere.
    #[error("it has a prologue of {says} steps, and the scenario begins after {happens}")]
    OtherPrologue {
        /// What the file says.
        says: usize,
        /// What happens.
        happens: usize,
    },
    /// A step can't happen where it stands.
    #[error("step {step} ({text}) can't happen there; what can: {}", few(enabled))]
    NotEnabled {
        /// Which one, from 1.
        step: usize,
        /// How the file tells it.
        text: String,
        /// What can happen instead.
        enabled: Vec<String>,
    },
    /// A step is told otherwise than it happens: the file was edited, or the model has changed.
    #[error("step {step} says {says:?}, and what happens is {happens:?}")]
    OtherText {
        /// Which one, from 1.
        step: usize,
        /// What the file says.
        says: String,
        /// What happens.
        happens: String,
    },
    /// A step changes something else than the file says: it was edited, or the model has changed.
    #[error("step {step} changes something else than it says: {}", few(happens))]
    OtherChanges {
        /// Which one, from 1.
        step: usize,
        /// What really changes.
        happens: Vec<String>,
    },
    /// The trace ends, and the property still holds: it was cut short, or the model has changed.
    #[error("it ends after {steps} steps, and {property} still holds there: is it complete?")]
    NotViolated {
        /// What should be violated.
        property: Property,
        /// Where it ends.
        steps: usize,
    },
    /// The trace ends in a violation that it doesn't name.
    #[error("its last state violates {property}, which it doesn't name")]
    UnnamedViolation {
        /// What is violated.
        property: Property,
    },
    /// A violation comes before the end.
    #[error("step {step} already violates {property}, and it goes on after that")]
    EarlyViolation {
        /// What is violated.
        property: Property,
        /// After which step, from 1.
        step: usize,
    },
    /// The last state is not the situation that it should be.
    #[error("it ends after {steps} steps, and {property} is not put to the test there: {says}")]
    NotTested {
        /// What should be put to the test.
        property: Property,
        /// The situation.
        says: &'static str,
        /// Where it ends.
        steps: usize,
    },
    /// There is no such assumption of fairness.
    #[error("it assumes a fairness {id:?} that doesn't exist{}", near::offer(.id, Fairness::ALL.iter().map(|one| one.id())))]
    UnknownFairness {
        /// The identifier.
        id: String,
    },
    /// What it says of its end contradicts itself.
    #[error("what it violates, what it tests and how it goes on for ever don't go together")]
    OtherEnd,
    /// Its loop lies outside its steps.
    #[error("its loop begins after step {stem}, and something is owed before that, but it has {steps} steps")]
    NoLoop {
        /// Where the loop should begin.
        stem: usize,
        /// How many steps there are.
        steps: usize,
    },
    /// The steps that should repeat for ever can't.
    #[error("its steps from {first} to {last} don't lead back to where they begin")]
    OpenLoop {
        /// The first, from 1.
        first: usize,
        /// The last, from 1.
        last: usize,
    },
    /// Something keeps the run from going on for ever.
    #[error("the run is not fair by {assumption}: a step that it owes stays possible for ever and is never taken")]
    Unfair {
        /// The assumption that it breaks.
        assumption: Fairness,
    },
    /// What should never come about does, or could.
    #[error("{claim} holds: what it asks for comes about, or nothing is owed")]
    Met {
        /// What should be violated.
        claim: Claim,
    },
    /// What follows from its last state can't be explored.
    #[error("what follows from its last state can't be explored: {message}")]
    Unexplored {
        /// What happened.
        message: String,
    },
}

fn version(found: Option<u64>) -> String {
    found.map_or_else(|| "unknown".to_owned(), |version| version.to_string())
}

/// The first few of many.
fn few(many: &[String]) -> String {
    let shown = many.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(" · ");
    match many.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{shown} · and {} more", count - SHOWN),
        _ => shown,
    }
}

/// How many of many are shown.
const SHOWN: usize = 4;
