//! Every step of an explored scenario against the ideal.

use crate::ideal::{Ideal, Impossible, Step};
use crate::mapping::ideal;
use rustc_hash::FxHashMap;
use splitjob_core::gate::Gate;
use splitjob_model::explore::{Completeness, Options, explore};
use splitjob_model::scenario::Scenario;
use splitjob_model::world::{Action, State, Worker, World};
use std::collections::BTreeMap;
use thiserror::Error;

/// What the steps of a scenario are to the ideal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Steps of the model, by what they are to the ideal.
    pub steps: BTreeMap<Step, u64>,
}

/// Why a scenario doesn't refine the ideal, or couldn't be checked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotRefined {
    /// A step is none of the ideal's.
    #[error("{scenario}: {action:?} is no step of the ideal service: {why}")]
    Impossible {
        /// The scenario.
        scenario: &'static str,
        /// The step.
        action: Action,
        /// What it would have to be.
        why: Impossible,
    },
    /// Not every state was visited: nothing is shown.
    #[error("{scenario} was not explored completely")]
    Partial {
        /// The scenario.
        scenario: &'static str,
    },
}

/// Holds every step of the scenario, without these gates, against the ideal.
///
/// # Errors
/// The first step, in the order of exploration, that is none of the ideal's.
pub fn check(scenario: &'static Scenario, without: &[Gate]) -> Result<Tally, NotRefined> {
    let world = scenario.world(without);
    let options = Options { threads: 2, ..Options::default() };
    let found = explore(&world, &options).map_err(|_| NotRefined::Partial { scenario: scenario.name })?;
    if found.completeness() != Completeness::Complete {
        return Err(NotRefined::Partial { scenario: scenario.name });
    }
    let mut judge = Judge { world: &world, ideals: FxHashMap::default(), verdicts: FxHashMap::default() };
    let mut worker = Worker::default();
    let mut tally = Tally::default();
    for state in found.states() {
        for (action, next) in world.steps(&mut worker, state) {
            let step = judge.step(state, &next);
            let step = step.map_err(|why| NotRefined::Impossible { scenario: scenario.name, action, why })?;
            *tally.steps.entry(step).or_default() += 1;
        }
    }
    Ok(tally)
}

/// The ideal sees of a state only some components: their numbers.
type Visible = [u32; 5];

struct Judge<'w> {
    world: &'w World,
    ideals: FxHashMap<Visible, Ideal>,
    verdicts: FxHashMap<(Visible, Visible), Step>,
}

impl Judge<'_> {
    fn step(&mut self, before: &State, after: &State) -> Result<Step, Impossible> {
        let (from, to) = (self.world.seen_by_users(before), self.world.seen_by_users(after));
        if from == to {
            return Ok(Step::None);
        }
        if let Some(step) = self.verdicts.get(&(from, to)) {
            return Ok(*step);
        }
        for (visible, state) in [(from, before), (to, after)] {
            self.ideals.entry(visible).or_insert_with(|| ideal(self.world, state));
        }
        let step = self.ideals[&from].step_to(&self.ideals[&to])?;
        self.verdicts.insert((from, to), step);
        Ok(step)
    }
}
