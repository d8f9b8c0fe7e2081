//! Running a scenario to a report that can't mistake "not seen" for "can't happen".

mod coverage;
mod gap;
mod report;
mod second;

pub use coverage::KindCount;
pub use gap::{GapReport, RedundantReport, run_gap, run_redundant, uncovered_gates};
pub use report::{Outcome, PropertyCount, Report, Seen};
pub use second::{Count, SecondOpinion, second_opinion};

use crate::explore::{self, Completeness, Exploration, Progress, StopAt};
use crate::scenario::{Gap, Scenario};
use crate::story::Story;
use crate::world::{Action, Property, State, Worker, World};
use splitjob_core::gate::Gate;
use std::time::Duration;
use thiserror::Error;

/// How to run a scenario.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Worker threads; zero counts as one.
    pub threads: usize,
    /// Stops when this many unique states are known; the report is then incomplete.
    pub max_states: Option<usize>,
    /// Stops after this long; the report is then incomplete.
    pub max_time: Option<Duration>,
    /// Told many times a second.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

/// Why there is no report.
#[derive(Clone, Debug, Error)]
pub enum CheckError {
    /// The model is wrong about itself.
    #[error("the model panicked {steps} steps into {scenario}: {message}")]
    Panicked {
        /// The scenario.
        scenario: &'static str,
        /// How far from the first state.
        steps: usize,
        /// What the panic said.
        message: String,
    },
    /// The way to a state that was found can't be walked again.
    #[error("a trace of {scenario} can't be repeated: {message}")]
    Unrepeatable {
        /// The scenario.
        scenario: &'static str,
        /// Where it stopped.
        message: String,
    },
}

/// A shortest way into a state that violates a property.
pub struct Counterexample {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// What was missing.
    pub gap: Option<&'static Gap>,
    /// The world that it happens in.
    pub world: World,
    /// The steps from the scenario's first state on.
    pub steps: Vec<(Action, State)>,
    /// For each step, its index among the steps that were enabled.
    pub choices: Vec<usize>,
    /// The property that the report names first.
    pub violates: Property,
    /// Every property that the last state violates.
    pub all_violated: Vec<Property>,
}

impl Counterexample {
    /// The counterexample, told.
    pub fn story(&self) -> Story {
        Story::of(&self.world, &self.steps, Some(self.violates))
    }
}

/// Explores the scenario, all of it unless a property breaks, without the gates of the gap.
///
/// # Errors
/// If the model panics, or contradicts itself.
pub fn run(
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    options: &Options<'_>,
) -> Result<(Report, Option<Counterexample>), CheckError> {
    let (world, found) = explored(scenario, gap.map_or(&[], |gap| gap.removes), options)?;
    let report = report::of(scenario, gap, &world, &found);
    let counterexample = counterexample(scenario, gap, world, &found)?;
    Ok((report, counterexample))
}

/// The exploration behind a report.
pub(crate) fn explored(
    scenario: &'static Scenario,
    removes: &[Gate],
    options: &Options<'_>,
) -> Result<(World, Exploration<State>), CheckError> {
    let world = scenario.world(removes);
    let mask = Property::ALL.iter().fold(0, |mask, property| mask | property.bit());
    let explored = explore::explore(
        &world,
        &explore::Options {
            threads: options.threads,
            stop: StopAt::FirstViolation { mask },
            max_states: options.max_states,
            max_time: options.max_time,
            progress: options.progress,
            ..explore::Options::default()
        },
    );
    let found = explored.map_err(|panicked| CheckError::Panicked {
        scenario: scenario.name,
        steps: panicked.trace.steps.len(),
        message: panicked.message,
    })?;
    Ok((world, found))
}

fn counterexample(
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    world: World,
    found: &Exploration<State>,
) -> Result<Option<Counterexample>, CheckError> {
    let Some(first) = found.stopped_at() else { return Ok(None) };
    let unrepeatable =
        |message: &str| CheckError::Unrepeatable { scenario: scenario.name, message: message.to_owned() };
    let (steps, choices) = way_to(scenario, &world, found, first.state)?;
    let mut worker = Worker::default();
    let last = steps.last().map_or_else(|| world.first_state(), |(_, state)| *state);
    let all_violated = world.violated_properties(&mut worker, &last);
    let registered = gap.map(|gap| gap.breaks).filter(|property| all_violated.contains(property));
    let violates = registered.or(all_violated.first().copied());
    let violates = violates.ok_or_else(|| unrepeatable("its last state violates nothing"))?;
    Ok(Some(Counterexample { scenario, gap, world, steps, choices, violates, all_violated }))
}

/// Steps, and for each its index among the steps that were enabled.
pub(crate) type Way = (Vec<(Action, State)>, Vec<usize>);

/// A shortest way to a state that was found.
pub(crate) fn way_to(
    scenario: &'static Scenario,
    world: &World,
    found: &Exploration<State>,
    state: u32,
) -> Result<Way, CheckError> {
    let unrepeatable = |message: String| CheckError::Unrepeatable { scenario: scenario.name, message };
    let trace = found.trace_to(world, state).map_err(|gap| unrepeatable(gap.to_string()))?;
    let mut worker = Worker::default();
    let mut at = trace.initial.ok_or_else(|| unrepeatable("it has no first state".to_owned()))?;
    let (mut steps, mut choices) = (Vec::new(), Vec::new());
    for step in &trace.steps {
        let enabled = world.steps(&mut worker, &at);
        let choice = enabled.iter().position(|(action, _)| action.label() == step.label);
        let choice = choice.ok_or_else(|| unrepeatable(format!("step {} is not enabled", steps.len() + 1)))?;
        steps.push(enabled[choice]);
        choices.push(choice);
        at = step.state;
    }
    Ok((steps, choices))
}

/// Whether every reachable state was seen.
fn is_complete(found: &Exploration<State>) -> bool {
    matches!(found.completeness(), Completeness::Complete)
}

#[cfg(test)]
mod tests;
