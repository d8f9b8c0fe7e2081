//! Traces that were found: the way to a state, and what it comes to.

use super::liveness::Unmet;
use super::{Broken, CheckError};
use crate::explore::{Exploration, Successor};
use crate::scenario::{Gap, Scenario};
use crate::story::{End, Story};
use crate::world::{Action, Claim, State, Worker, World};

/// A shortest way to break something.
pub struct Counterexample {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Which gates were not as they must be.
    pub gap: Option<&'static Gap>,
    /// The world that it happens in.
    pub world: World,
    /// The steps from the scenario's first state on; those of a loop once.
    pub steps: Vec<(Action, State)>,
    /// For each step, its index among the steps that were enabled.
    pub choices: Vec<usize>,
    /// What the report names first.
    pub violates: Claim,
    /// Everything that the trace breaks.
    pub all_violated: Vec<Claim>,
    /// How the trace ends.
    pub end: End,
}

impl Counterexample {
    /// The counterexample, told.
    pub fn story(&self) -> Story {
        Story::of(&self.world, &self.steps, &self.end)
    }

    /// That it is a counterexample, and after how many steps, as a clause.
    pub fn summary(&self) -> String {
        let broken = self.violates.is_broken();
        let steps = |count: usize| if count == 1 { "1 step".to_owned() } else { format!("{count} steps") };
        match self.end.stem() {
            None => format!("{broken} after {}", steps(self.steps.len())),
            Some(stem) if stem == self.steps.len() => format!("{broken} by a run that stops after {}", steps(stem)),
            Some(stem) => format!("{broken} by a loop of {} after {}", steps(self.steps.len() - stem), steps(stem)),
        }
    }
}

/// The way to the state that ended the exploration, if one did.
pub(super) fn of_violation(
    scenario: &Scenario,
    gap: Option<&Gap>,
    world: &World,
    found: &Exploration<State>,
) -> Result<Option<Broken>, CheckError> {
    let Some(first) = found.stopped_at() else { return Ok(None) };
    let way = way_to(scenario, world, found, first.state)?;
    let last = way.0.last().map_or_else(|| world.first_state(), |(_, state)| *state);
    let mut violated = world.violated_properties(&mut Worker::default(), &last);
    violated.sort_by_key(|property| gap.is_none_or(|gap| gap.breaks != Claim::Safety(*property)));
    let worst = *violated.first().ok_or_else(|| unrepeatable(scenario, "its last state violates nothing"))?;
    let all_violated = violated.into_iter().map(Claim::Safety).collect();
    Ok(Some(Broken { way, all_violated, end: End::Violation(worst) }))
}

/// The run that never brings about what is owed.
pub(super) fn of_unmet(scenario: &Scenario, world: &World, unmet: Unmet) -> Result<Broken, CheckError> {
    let way = walked(scenario, world, world.first_state(), &unmet.steps)?;
    Ok(Broken { way, all_violated: unmet.end.broken().into_iter().collect(), end: unmet.end })
}

/// Steps, and for each its index among the steps that were enabled.
pub(crate) type Way = (Vec<(Action, State)>, Vec<usize>);

/// A shortest way to a state that was found.
pub(crate) fn way_to(
    scenario: &Scenario,
    world: &World,
    found: &Exploration<State>,
    state: u32,
) -> Result<Way, CheckError> {
    let trace = found.trace_to(world, state).map_err(|gap| unrepeatable(scenario, &gap.to_string()))?;
    let first = trace.initial.ok_or_else(|| unrepeatable(scenario, "it has no first state"))?;
    walked(scenario, world, first, &trace.steps)
}

/// The way along these steps.
fn walked(scenario: &Scenario, world: &World, first: State, trace: &[Successor<State>]) -> Result<Way, CheckError> {
    let mut worker = Worker::default();
    let mut at = first;
    let (mut steps, mut choices) = (Vec::new(), Vec::new());
    for step in trace {
        let enabled = world.steps(&mut worker, &at);
        let choice = enabled.iter().position(|(action, _)| action.label() == step.label);
        let choice =
            choice.ok_or_else(|| unrepeatable(scenario, &format!("step {} is not enabled", steps.len() + 1)))?;
        steps.push(enabled[choice]);
        choices.push(choice);
        at = step.state;
    }
    Ok((steps, choices))
}

fn unrepeatable(scenario: &Scenario, message: &str) -> CheckError {
    CheckError::Unrepeatable { scenario: scenario.name, message: message.to_owned() }
}
