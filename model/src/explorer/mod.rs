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

use crate::check::{Broken, CheckError, Examined, LivenessVerdict, Options, examined, way_to};
use crate::explore::{Completeness, Exploration, Reachability, Verdict};
use crate::scenario::{Gap, Scenario};
use crate::story::{Ending, Story};
use crate::world::{Claim, Goal, Liveness, Property, State, Worker, World};
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
    violated: Vec<Claim>,
    proven: Vec<Claim>,
    /// The liveness property that a run violates, where that run stops or begins to turn, and what is to be said of it.
    unmet: Option<(Liveness, State, Ending)>,
    /// Goals, and the first state of each.
    reached: Vec<(Goal, State)>,
    /// Goals that the scenario is there for and that nothing reaches.
    lost: Vec<Goal>,
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
        let Examined { world, found, verdicts, broken } = examined(scenario, gap, options)?;
        let lives = verdicts.iter().filter(|verdict| verdict.verdict == LivenessVerdict::Holds);
        let lives = lives.filter_map(|verdict| Liveness::by_id(verdict.id)).map(Claim::Liveness);
        let is_lost = |goal: &&Goal| found.reachability(**goal as u32) == Reachability::Unreachable;
        let mut job = SplitJob {
            scenario,
            gap,
            worker: Mutex::default(),
            shown: BTreeSet::from([world.first_state()]),
            violated: Vec::new(),
            proven: proven(&found).into_iter().chain(lives).collect(),
            unmet: None,
            reached: Vec::new(),
            lost: scenario.goals.iter().filter(is_lost).copied().collect(),
            choices: Vec::new(),
            world: Arc::new(world),
        };
        match broken {
            Some(broken) => job.show_broken(broken),
            None => job.show_goals(&found)?,
        }
        Ok(job)
    }

    fn show_broken(&mut self, broken: Broken) {
        let (steps, choices) = broken.way;
        self.shown.extend(steps.iter().map(|(_, state)| *state));
        if let Some(Claim::Liveness(unmet)) = broken.end.broken() {
            let last = steps.last().map_or_else(|| self.world.first_state(), |(_, state)| *state);
            let ending = Story::of(&self.world, &steps, &broken.end).ending;
            self.unmet = ending.map(|ending| (unmet, last, ending));
        }
        self.violated = broken.all_violated;
        self.choices = choices;
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

    /// What that path breaks.
    pub fn violated(&self) -> &[Claim] {
        &self.violated
    }

    /// The properties that hold: none unless every reachable state was visited.
    pub fn proven(&self) -> &[Claim] {
        &self.proven
    }

    /// The goals that the scenario is there for and that nothing reaches: none unless every reachable state was visited.
    pub fn lost(&self) -> &[Goal] {
        &self.lost
    }

    /// The safety properties that the state violates, the one that the gap is there for first.
    fn violated_in(&self, state: &State) -> Vec<Property> {
        let mut worker = self.worker.lock().expect("no holder of this lock panics");
        let mut violated = self.world.violated_properties(&mut worker, state);
        violated.sort_by_key(|property| self.gap.is_none_or(|gap| gap.breaks != Claim::Safety(*property)));
        violated
    }
}

fn proven(found: &Exploration<State>) -> Vec<Claim> {
    if !matches!(found.completeness(), Completeness::Complete) {
        return Vec::new();
    }
    let holds = |property: &&Property| matches!(found.verdict(**property as u32), Verdict::Holds);
    Property::ALL.iter().filter(holds).copied().map(Claim::Safety).collect()
}
