//! stateright's Explorer on the world: every state and step in a browser, told in the words of the field.
//!
//! The Explorer's own checker proves nothing here. Our explorer has run before; the checker is let loose only on the
//! states of the paths that it found, so that the page names exactly what was found, and each path is the shortest.

mod moment;
mod page;
mod properties;
mod server;

pub use moment::{Choice, Moment};
pub use server::{ServeError, free_port, serve};

use crate::check::{CheckError, Options, explored, way_to};
use crate::explore::{Completeness, Exploration, Reachability, Verdict};
use crate::scenario::{Gap, Scenario};
use crate::world::{Goal, Property, State, Worker, World};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A scenario, explored, and what there is to show of it.
pub struct SplitJob {
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    world: Arc<World>,
    worker: Mutex<Worker>,
    /// The states on the paths that the page names.
    shown: BTreeSet<State>,
    violated: Vec<Property>,
    proven: Vec<Property>,
    /// Goals, and the first state of each.
    reached: Vec<(Goal, State)>,
    choices: Vec<usize>,
}

impl SplitJob {
    /// Explores the scenario, until a property breaks, and keeps what there is to show.
    ///
    /// # Errors
    /// If the model panics, or contradicts itself.
    pub fn explore(
        scenario: &'static Scenario,
        gap: Option<&'static Gap>,
        options: &Options<'_>,
    ) -> Result<SplitJob, CheckError> {
        let (world, found) = explored(scenario, gap.map_or(&[], |gap| gap.removes), options)?;
        let mut job = SplitJob {
            scenario,
            gap,
            worker: Mutex::default(),
            shown: BTreeSet::from([world.first_state()]),
            violated: Vec::new(),
            proven: proven(&found),
            reached: Vec::new(),
            choices: Vec::new(),
            world: Arc::new(world),
        };
        match found.stopped_at() {
            Some(first) => job.show_violation(&found, first.state)?,
            None => job.show_goals(&found)?,
        }
        Ok(job)
    }

    fn show_violation(&mut self, found: &Exploration<State>, state: u32) -> Result<(), CheckError> {
        let (steps, choices) = way_to(self.scenario, &self.world, found, state)?;
        self.violated = self.violated_in(found.state(state));
        self.shown.extend(steps.iter().map(|(_, state)| *state));
        self.choices = choices;
        Ok(())
    }

    fn show_goals(&mut self, found: &Exploration<State>) -> Result<(), CheckError> {
        for goal in Goal::ALL {
            if let Reachability::Reached(first) = found.reachability(*goal as u32) {
                let (steps, _) = way_to(self.scenario, &self.world, found, first.state)?;
                self.shown.extend(steps.iter().map(|(_, state)| *state));
                self.reached.push((*goal, *found.state(first.state)));
            }
        }
        Ok(())
    }

    /// The choices that lead to the first violation; none if nothing is violated.
    pub fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// The properties that the end of that path violates.
    pub fn violated(&self) -> &[Property] {
        &self.violated
    }

    /// The properties that hold in every reachable state: none unless all of them were visited.
    pub fn proven(&self) -> &[Property] {
        &self.proven
    }

    /// The properties that the state violates, the one that the gap is there for first.
    fn violated_in(&self, state: &State) -> Vec<Property> {
        let mut worker = self.worker.lock().expect("no holder of this lock panics");
        let mut violated = self.world.violated_properties(&mut worker, state);
        violated.sort_by_key(|property| self.gap.is_none_or(|gap| gap.breaks != *property));
        violated
    }
}

fn proven(found: &Exploration<State>) -> Vec<Property> {
    if !matches!(found.completeness(), Completeness::Complete) {
        return Vec::new();
    }
    let holds = |property: &&Property| matches!(found.verdict(**property as u32), Verdict::Holds);
    Property::ALL.iter().filter(holds).copied().collect()
}
