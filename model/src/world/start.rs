//! Where a scenario starts: as far as a job comes undisturbed.

use super::World;
use super::action::{Action, Delivery};
use super::bounds::Start;
use super::component::Control;
use super::memo::{OVERDUE, Worker};
use super::migrator::job_of_move;
use super::state::{State, slot};
use splitjob_core::job::Phase;

impl World {
    /// The first state of the scenario.
    pub(super) fn start(&self) -> State {
        let way = self.way_to_start();
        way.last().map_or_else(|| self.planned(), |(_, state)| *state)
    }

    /// The steps from the first planned job to the first state: the migrator goes on, voters apply, nothing else happens.
    pub fn way_to_start(&self) -> Vec<(Action, State)> {
        let mut worker = Worker::default();
        let mut state = self.planned();
        let mut way = Vec::new();
        while !self.has_come_to_start(&state) {
            let (action, next) = self.undisturbed_step(&mut worker, &state);
            state = self.with_full_budgets(next);
            way.push((action, state));
        }
        way
    }

    /// The state in which the first job has just been planned.
    pub fn planned(&self) -> State {
        let planned = self.start_next(&mut Worker::default(), &self.at_rest());
        planned.expect("the catalog at rest takes a scenario's first job")
    }

    fn undisturbed_step(&self, worker: &mut Worker, state: &State) -> (Action, State) {
        let steps = self.steps(worker, state);
        let goes_on = |action: &Action| matches!(action, Action::Migrate { migrator: 0, delivery: Delivery::AtOnce, clock, .. } if clock & OVERDUE == 0);
        let applies = |action: &Action| matches!(action, Action::Apply { .. });
        let next = steps.iter().find(|(action, _)| goes_on(action));
        let next = next.or_else(|| steps.iter().rfind(|(action, _)| applies(action)));
        *next.unwrap_or_else(|| panic!("an undisturbed job has stopped before {:?}", self.bounds.start))
    }

    /// What happens before the start uses up no budget.
    fn with_full_budgets(&self, mut state: State) -> State {
        let spent = self.tables.controls.at(state[slot::CONTROL]);
        let control = Control {
            holders: spent.holders.clone(),
            started: spent.started,
            newest_epoch: spent.newest_epoch.clone(),
            ..Control::new(&self.bounds)
        };
        state[slot::CONTROL] = self.tables.controls.intern(control);
        state
    }

    fn has_come_to_start(&self, state: &State) -> bool {
        let job = self.tables.catalogs.at(state[slot::CATALOG]).job(job_of_move(0));
        let target = || self.tables.groups.at(self.site(state, self.journeys[0].target).head);
        match self.bounds.start {
            Start::Planned => true,
            Start::At(phase) => job.is_some_and(|job| job.phase.name() == phase),
            Start::TargetServes => match job.map(|job| &job.phase) {
                Some(Phase::Cleanup(cleanup)) => target().applied_catalog_version() >= cleanup.cutover_version,
                Some(_) | None => false,
            },
            Start::TargetDone => job.is_some_and(|job| target().closed().contains(job.id)),
            Start::Ended => job.is_none(),
        }
    }
}
