//! Whether the end of a trace is what it is said to be.

use super::TraceError;
use crate::check::Antecedent;
use crate::explore::{Options, Reachability, Space, Successor, explore};
use crate::story::End;
use crate::world::{Action, Claim, Demand, Fairness, Liveness, Situation, State, Worker, World};

/// Whether the steps, which happen as they are told, end as it is said.
pub(super) fn check(world: &World, steps: &[(Action, State)], end: &End) -> Result<(), TraceError> {
    let states: Vec<State> = [world.first_state()].into_iter().chain(steps.iter().map(|(_, state)| *state)).collect();
    let last = states[steps.len()];
    let mut worker = Worker::default();
    for (step, state) in states[..steps.len()].iter().enumerate() {
        if let Some(property) = world.violated_properties(&mut worker, state).first() {
            return Err(TraceError::EarlyViolation { property: *property, step });
        }
    }
    let broken = world.violated_properties(&mut worker, &last);
    match end {
        End::Violation(property) if broken.contains(property) => return Ok(()),
        End::Violation(property) => {
            return Err(TraceError::NotViolated { property: *property, steps: steps.len() });
        }
        End::Open | End::Witness(_) | End::Trap(_) | End::Lasso { .. } => {}
    }
    if let Some(property) = broken.first() {
        return Err(TraceError::UnnamedViolation { property: *property });
    }
    match end {
        End::Open | End::Violation(_) => Ok(()),
        End::Witness(property) => {
            let Antecedent { says, situation, .. } = Antecedent::of(*property);
            let is_there = world.is_in(&mut worker, &last, situation);
            let not_there = TraceError::NotTested { property: *property, says, steps: steps.len() };
            is_there.then_some(()).ok_or(not_there)
        }
        End::Trap(unmet) => check_trap(world, &last, *unmet),
        End::Lasso { unmet, open_since, stem, assuming } => {
            check_unmet(world, &states, *unmet, *open_since)?;
            check_loop(world, steps, &states, *stem, assuming)
        }
    }
}

/// Something is owed, and never comes about.
fn check_unmet(world: &World, states: &[State], unmet: Liveness, open_since: usize) -> Result<(), TraceError> {
    let met = TraceError::Met { claim: Claim::Liveness(unmet) };
    let Demand::LeadsTo { from, to, .. } = unmet.demand() else { return Err(met) };
    let mut worker = Worker::default();
    let is_owed = world.is_in(&mut worker, &states[open_since], from);
    let comes_about = states[open_since..].iter().any(|state| world.is_in(&mut worker, state, to));
    if is_owed && !comes_about { Ok(()) } else { Err(met) }
}

/// The run turns in a circle, and owes nobody a step that it never takes.
fn check_loop(
    world: &World,
    steps: &[(Action, State)],
    states: &[State],
    stem: usize,
    assuming: &[Fairness],
) -> Result<(), TraceError> {
    if states[stem] != states[steps.len()] {
        return Err(TraceError::OpenLoop { first: stem + 1, last: steps.len() });
    }
    let mut worker = Worker::default();
    for assumption in assuming {
        let taken = steps[stem..].iter().fold(0, |taken, (action, _)| taken | assumption.classes(*action));
        let always_enabled = states[stem..].iter().fold(u64::MAX, |always, state| {
            let enabled = world.steps(&mut worker, state);
            always & enabled.iter().fold(0, |classes, (action, _)| classes | assumption.classes(*action))
        });
        if always_enabled & !taken != 0 {
            return Err(TraceError::Unfair { assumption: *assumption });
        }
    }
    Ok(())
}

/// Nothing leads from the state to what is asked for: all that follows from it is explored.
fn check_trap(world: &World, last: &State, unmet: Liveness) -> Result<(), TraceError> {
    let met = TraceError::Met { claim: Claim::Liveness(unmet) };
    let Demand::CanReach { to } = unmet.demand() else { return Err(met) };
    let aftermath = Aftermath { world, from: *last, to };
    let found = explore(&aftermath, &Options::default());
    let found = found.map_err(|panicked| TraceError::Unexplored { message: panicked.message })?;
    match found.reachability(0) {
        Reachability::Unreachable => Ok(()),
        Reachability::Reached(_) | Reachability::Incomplete(_) => Err(met),
    }
}

/// All that can follow from a state.
struct Aftermath<'a> {
    world: &'a World,
    from: State,
    to: Situation,
}

impl Space for Aftermath<'_> {
    type State = State;
    type Worker = Worker;

    fn worker(&self) -> Worker {
        Worker::default()
    }

    fn initial(&self) -> Vec<State> {
        vec![self.from]
    }

    fn successors(&self, worker: &mut Worker, state: &State, out: &mut Vec<Successor<State>>) {
        let steps = self.world.steps(worker, state);
        out.extend(steps.into_iter().map(|(action, state)| Successor { label: action.label(), state }));
    }

    fn violations(&self, _: &mut Worker, _: &State) -> u64 {
        0
    }

    fn goals(&self, worker: &mut Worker, state: &State) -> u64 {
        u64::from(self.world.is_in(worker, state, self.to))
    }
}
