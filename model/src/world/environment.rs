//! Steps that nobody decides: voters apply, lead, restart; routes spread; other ranges change; old versions go.

use super::World;
use super::action::Action;
use super::bounds::Side;
use super::component::Control;
use super::history::Event;
use super::memo::{Appended, Applied, Worker};
use super::process::Steps;
use super::state::{State, head_slot, run_slot, slot};
use splitjob_core::catalog::CatalogCommand;
use splitjob_core::group::{Adoption, GroupCommand};
use splitjob_core::key::RoutingKey;

impl World {
    pub(super) fn voter_steps(&self, worker: &mut Worker, state: &State, side: Side, step: &mut Steps<'_>) {
        let run = self.tables.runs.get(state[run_slot(side)]);
        if run.voters.len() == 1 {
            return;
        }
        let control = self.tables.controls.get(state[slot::CONTROL]);
        for voter in 0..run.voters.len() as u8 {
            if voter != run.leader {
                self.applications(worker, state, side, voter, step);
                self.lead(state, side, voter, &control, step);
            }
            self.restart(state, side, voter, &control, step);
        }
    }

    fn applications(&self, worker: &mut Worker, state: &State, side: Side, voter: u8, step: &mut Steps<'_>) {
        let run = self.tables.runs.get(state[run_slot(side)]);
        let ahead = run.ahead_of(voter);
        let mut at = run.voters[usize::from(voter)].state;
        for (index, command) in ahead.iter().enumerate() {
            // A follower's node hears of new routes later than the leader's: here, not at all.
            if let Applied::Changed(next) = self.apply(worker, at, *command, self.first_routes) {
                at = next;
            }
            let left = ahead.len() - index - 1;
            let mut after = *state;
            let advanced = run.advance(voter, left as u8, at, state[head_slot(side)]);
            after[run_slot(side)] = self.tables.runs.intern(advanced);
            step(Action::Apply { side, voter, entries: index as u8 + 1 }, after, None);
        }
    }

    fn lead(&self, state: &State, side: Side, voter: u8, control: &Control, step: &mut Steps<'_>) {
        if control.leader_changes_left == 0 || side == Side::Target {
            return;
        }
        let mut after = *state;
        let run = self.tables.runs.get(state[run_slot(side)]).lead(voter);
        let control = Control { leader_changes_left: control.leader_changes_left - 1, ..control.clone() };
        after[run_slot(side)] = self.tables.runs.intern(run);
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Lead { side, voter }, after, None);
    }

    fn restart(&self, state: &State, side: Side, voter: u8, control: &Control, step: &mut Steps<'_>) {
        let open = self.tables.open_reads.get(state[slot::OPEN]);
        let is_forgotten = |read: &super::component::OpenRead| read.side == side && read.voter == voter;
        if control.restarts_left == 0 || !open.iter().any(is_forgotten) {
            return;
        }
        let mut after = *state;
        let kept = open.iter().filter(|read| !is_forgotten(read)).cloned().collect();
        after[slot::OPEN] = self.tables.open_reads.intern(kept);
        let control = Control { restarts_left: control.restarts_left - 1, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Restart { side, voter }, after, None);
    }

    pub(super) fn watches(&self, state: &State, step: &mut Steps<'_>) {
        if !self.bounds.coordinators_watch {
            return;
        }
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let version = catalog.routes().version;
        let coordinators = self.tables.coordinators.get(state[slot::COORDINATORS]);
        for (index, (held, _)) in coordinators.copies.iter().enumerate() {
            let is_twin = index > 0 && coordinators.copies[index - 1].0 == *held;
            if *held < version && !is_twin {
                let routes = self.current_routes(state[slot::CATALOG]);
                let mut after = *state;
                after[slot::COORDINATORS] = self.tables.coordinators.intern(coordinators.watch(index, version, routes));
                step(Action::Watch { coordinator: index as u8 }, after, None);
            }
        }
    }

    pub(super) fn adoption(&self, worker: &mut Worker, state: &State, side: Side, step: &mut Steps<'_>) {
        if !self.bounds.groups_watch {
            return;
        }
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let adopt = self.tables.commands.intern(GroupCommand::Adopt(Adoption::of(catalog.routes())));
        if let Appended::Changed(after) = self.append(worker, state, side, adopt) {
            step(Action::Adopt { side }, after, None);
        }
    }

    pub(super) fn splits(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let control = self.tables.controls.get(state[slot::CONTROL]);
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        if control.splits_left == 0 || catalog.live_jobs().next().is_none() {
            return;
        }
        let places = [(&self.bounds.elsewhere, Action::SplitElsewhere), (&self.bounds.inside, Action::SplitInside)];
        for (place, action) in places {
            let Some(at) = place else { continue };
            if let Some(mut after) = self.split(worker, state, at) {
                let control = Control { splits_left: control.splits_left - 1, ..(*control).clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                step(action, after, None);
            }
        }
    }

    fn split(&self, worker: &mut Worker, state: &State, at: &RoutingKey) -> Option<State> {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let route = catalog.routes().covering(at);
        let command =
            CatalogCommand::SplitRange { expected_version: catalog.routes().version, route: route.id, at: at.clone() };
        let message = self.tables.messages.intern(super::component::Message::Catalog(command));
        let mut after = *state;
        after[slot::CATALOG] = self.apply_to_catalog(worker, state[slot::CATALOG], message)?;
        Some(after)
    }

    pub(super) fn collections(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let control = self.tables.controls.get(state[slot::CONTROL]);
        for (index, through) in self.bounds.collections.iter().enumerate() {
            if control.collected & 1 << index != 0 {
                continue;
            }
            let command = self.tables.commands.intern(GroupCommand::Collect { through: *through });
            if let Appended::Changed(mut after) = self.append(worker, state, Side::Source, command) {
                let control = Control { collected: control.collected | 1 << index, ..(*control).clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                let event = Event::Collected { through: *through };
                step(Action::Collect { through: index as u8 }, after, Some(event));
            }
        }
    }
}
