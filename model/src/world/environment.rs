//! Steps that nobody decides: voters apply, lead, restart; routes spread; other ranges change; old versions go.

use super::World;
use super::action::Action;
use super::component::{CommandId, Control, GroupStateId, Message, Site};
use super::data_group::DataGroup;
use super::history::Event;
use super::memo::{Appended, Applied, Worker};
use super::process::Steps;
use super::state::{State, slot};
use splitjob_core::catalog::{Advance, AdvanceJob, Catalog, CatalogCommand, NodeReport, StartJob};
use splitjob_core::gate::Gate;
use splitjob_core::group::{Adoption, GroupCommand};
use splitjob_core::id::NodeId;
use splitjob_core::job::SplitJob;
use splitjob_core::key::RawKey;
use splitjob_core::key::RoutingKey;
use std::collections::BTreeMap;

impl World {
    pub(super) fn voter_steps(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        let control = self.tables.controls.at(state[slot::CONTROL]);
        for voter in run.members() {
            if voter != run.leader {
                self.install(state, group, voter, step);
                self.applications(worker, state, group, voter, step);
                self.lead(state, group, voter, control, step);
                self.remove_voter(state, group, voter, control, step);
            }
            self.restart(state, group, voter, control, step);
        }
        self.add_voter(state, group, control, step);
    }

    // A5: a voter counts from the moment on in which the configuration names it, before it has anything.
    fn add_voter(&self, state: &State, group: DataGroup, control: &Control, step: &mut Steps<'_>) {
        if control.additions_left == 0 {
            return;
        }
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        let control = Control { additions_left: control.additions_left - 1, ..control.clone() };
        let control = self.tables.controls.intern(control);
        let mut added = |action, run, open| {
            let mut after = self.with_site(state, group, Site { run: self.tables.runs.intern(run), open, ..site });
            after[slot::CONTROL] = control;
            step(action, after, None);
        };
        added(Action::AddVoter { group }, run.with_one_more(), site.open);
        for voter in run.removed() {
            added(Action::AddAgain { group, voter }, run.with_again(voter), self.begun_anew(site.open, voter));
        }
    }

    /// The reads that run on a group when a voter was added again: it goes on with none that it had admitted (B3).
    fn begun_anew(&self, open: u32, voter: u8) -> u32 {
        if !self.gates.stands(Gate::VoterBeginsAnew) {
            return open;
        }
        let reads = self.tables.open_reads.at(open);
        self.tables.open_reads.intern(reads.iter().filter(|read| read.voter != voter).cloned().collect())
    }

    /// A voter that is new gets what the leader had applied when it was added.
    fn install(&self, state: &State, group: DataGroup, voter: u8, step: &mut Steps<'_>) {
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        let at = run.voters[usize::from(voter)];
        if at.is_new {
            let run = run.advance(voter, at.behind, run.applied(voter, site.head), site.head);
            let after = self.with_site(state, group, Site { run: self.tables.runs.intern(run), ..site });
            step(Action::Apply { group, voter, entries: 0 }, after, None);
        }
    }

    fn remove_voter(&self, state: &State, group: DataGroup, voter: u8, control: &Control, step: &mut Steps<'_>) {
        if control.removals_left == 0 {
            return;
        }
        let site = self.site(state, group);
        let run = self.tables.runs.intern(self.tables.runs.at(site.run).without(voter, site.head));
        let mut after = self.with_site(state, group, Site { run, ..site });
        let control = Control { removals_left: control.removals_left - 1, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::RemoveVoter { group, voter }, after, None);
    }

    fn applications(&self, worker: &mut Worker, state: &State, group: DataGroup, voter: u8, step: &mut Steps<'_>) {
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        let ahead = run.ahead_of(voter);
        let is_old = self.is_old(state, voter);
        let mut at = run.voters[usize::from(voter)].state;
        for (index, command) in ahead.iter().enumerate() {
            let Some(next) = self.apply_entry(worker, at, *command, is_old) else { break };
            at = next;
            let left = ahead.len() - index - 1;
            let run = self.tables.runs.intern(run.advance(voter, left as u8, at, site.head));
            let after = self.with_site(state, group, Site { run, ..site });
            step(Action::Apply { group, voter, entries: index as u8 + 1 }, after, None);
        }
    }

    /// Whether the voter's node runs a binary that doesn't know the protocol (V2).
    pub(super) fn is_old(&self, state: &State, voter: u8) -> bool {
        voter == OLD_VOTER && self.tables.catalogs.at(state[slot::CATALOG]).lacking(0).is_some()
    }

    /// What a follower has after its next entry; nothing if it can't read it.
    pub(super) fn apply_entry(
        &self,
        worker: &mut Worker,
        at: GroupStateId,
        command: CommandId,
        is_old: bool,
    ) -> Option<GroupStateId> {
        if is_old && matches!(self.tables.commands.at(command), GroupCommand::Job(_)) {
            return if self.gates.stands(Gate::UnknownEntriesStop) { None } else { Some(at) };
        }
        // A follower's node hears of new routes later than the leader's: here, not at all.
        Some(match self.apply(worker, at, command, self.first_routes) {
            Applied::Changed(next) => next,
            Applied::Unchanged | Applied::Refused(_) => at,
        })
    }

    fn lead(&self, state: &State, group: DataGroup, voter: u8, control: &Control, step: &mut Steps<'_>) {
        if control.leader_changes_left == 0 {
            return;
        }
        let site = self.site(state, group);
        let run = self.tables.runs.intern(self.tables.runs.at(site.run).lead(voter));
        let mut after = self.with_site(state, group, Site { run, ..site });
        let control = Control { leader_changes_left: control.leader_changes_left - 1, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Lead { group, voter }, after, None);
    }

    fn restart(&self, state: &State, group: DataGroup, voter: u8, control: &Control, step: &mut Steps<'_>) {
        let site = self.site(state, group);
        let open = self.tables.open_reads.at(site.open);
        if control.restarts_left == 0 || !open.iter().any(|read| read.voter == voter) {
            return;
        }
        let kept = open.iter().filter(|read| read.voter != voter).cloned().collect();
        let mut after = self.with_site(state, group, Site { open: self.tables.open_reads.intern(kept), ..site });
        let control = Control { restarts_left: control.restarts_left - 1, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Restart { group, voter }, after, None);
    }

    pub(super) fn watches(&self, state: &State, step: &mut Steps<'_>) {
        let version = self.tables.catalogs.at(state[slot::CATALOG]).routes().version;
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
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

    pub(super) fn adoption(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let routes = self.tables.catalogs.at(state[slot::CATALOG]).routes();
        let adopt = self.tables.commands.intern(GroupCommand::Adopt(Adoption::of(routes)));
        if let Appended::Changed(after) = self.append(worker, state, group, adopt) {
            step(Action::Adopt { group }, after, None);
        }
        if self.bounds.groups_hear_late {
            self.late_adoption(worker, state, group, step);
        }
    }

    /// A leader's node has heard no more of the routes than a coordinator.
    fn late_adoption(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let current = self.tables.catalogs.at(state[slot::CATALOG]).routes().version;
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
        for (coordinator, (version, routes)) in coordinators.copies.iter().enumerate() {
            let is_twin = coordinator > 0 && coordinators.copies[coordinator - 1].0 == *version;
            if *version == current || is_twin {
                continue;
            }
            let adoption = Adoption::of(self.tables.routes.at(*routes));
            let adopt = self.tables.commands.intern(GroupCommand::Adopt(adoption));
            if let Appended::Changed(after) = self.append(worker, state, group, adopt) {
                step(Action::AdoptLate { group, coordinator: coordinator as u8 }, after, None);
            }
        }
    }

    /// Routes are split on their own group while a job lives; the next job is started when the catalog takes it.
    pub(super) fn operator_steps(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let may_split = control.splits_left > 0 && catalog.live_jobs().next().is_some();
        let places = [(&self.bounds.elsewhere, Action::SplitElsewhere), (&self.bounds.inside, Action::SplitInside)];
        for (place, action) in places.into_iter().filter(|_| may_split) {
            let Some(at) = place else { continue };
            if let Some(mut after) = self.command_catalog(worker, state, split_command(catalog, at)) {
                let control = Control { splits_left: control.splits_left - 1, ..control.clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                step(action, after, None);
            }
        }
        if let Some(after) = self.start_next(worker, state) {
            step(Action::StartJob, after, None);
        }
        self.interventions(worker, state, step);
        self.reports(worker, state, step);
    }

    /// The operator gives jobs up, and lets failed ones go on.
    fn interventions(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        for job in catalog.live_jobs() {
            let number = super::migrator::number_of(job.id);
            let advance = |advance| advance_command(catalog, job, advance);
            if control.abandons_left > 0
                && let Some(mut after) = self.command_catalog(worker, state, advance(Advance::Abandon))
            {
                let control = Control { abandons_left: control.abandons_left - 1, ..control.clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                step(Action::Abandon { job: number }, after, None);
            }
            if control.retries_left > 0
                && let Some(mut after) = self.command_catalog(worker, state, advance(Advance::Retry))
            {
                let control = Control { retries_left: control.retries_left - 1, ..control.clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                step(Action::RetryJob { job: number }, after, None);
            }
        }
    }

    /// A node loses the capability to run the protocol, or gets it back.
    fn reports(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let is_capable = self.tables.catalogs.at(state[slot::CATALOG]).lacking(0).is_none();
        if is_capable && control.downgrades_left == 0 {
            return;
        }
        let Some(mut after) = self.command_catalog(worker, state, report(!is_capable)) else { return };
        let spent = u8::from(is_capable);
        let control = Control { downgrades_left: control.downgrades_left - spent, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Report { is_capable: !is_capable }, after, None);
    }

    /// The state after the next of the scenario's moves has been started; nothing if there is none or the catalog
    /// doesn't take it.
    pub(super) fn start_next(&self, worker: &mut Worker, state: &State) -> Option<State> {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let plan = self.bounds.moves.get(usize::from(control.started))?;
        let command = CatalogCommand::StartJob(StartJob {
            expected_version: catalog.routes().version,
            route: catalog.routes().covering(&plan.split_key).id,
            split_key: plan.split_key.clone(),
            target: plan.target.id(),
            options: self.bounds.options.clone(),
            now_ms: 0,
        });
        let mut after = self.command_catalog(worker, state, command)?;
        let control = Control { started: control.started + 1, ..control.clone() };
        after[slot::CONTROL] = self.tables.controls.intern(control);
        Some(after)
    }

    fn command_catalog(&self, worker: &mut Worker, state: &State, command: CatalogCommand) -> Option<State> {
        let message = self.tables.messages.intern(Message::Catalog(command));
        let mut after = *state;
        after[slot::CATALOG] = self.apply_to_catalog(worker, state[slot::CATALOG], message)?;
        Some(after)
    }

    pub(super) fn collections(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        for (index, collection) in self.bounds.collections.iter().enumerate() {
            if collection.group != group || control.collected & 1 << index != 0 {
                continue;
            }
            let through = collection.through;
            let command = self.tables.commands.intern(GroupCommand::Collect {
                through,
                from: RawKey::default(),
                limit: u64::MAX,
            });
            if let Appended::Changed(mut after) = self.append(worker, state, group, command) {
                let control = Control { collected: control.collected | 1 << index, ..control.clone() };
                after[slot::CONTROL] = self.tables.controls.intern(control);
                let keys = self.bounds.keys.iter().map(|key| &key.raw);
                let keys = keys.filter(|key| self.owner(state[slot::CATALOG], key) == group).cloned().collect();
                let event = Event::Collected { through, keys };
                step(Action::Collect { collection: index as u8 }, after, Some(event));
            }
        }
    }
}

pub(super) fn split_command(catalog: &Catalog, at: &RoutingKey) -> CatalogCommand {
    let route = catalog.routes().covering(at).id;
    CatalogCommand::SplitRange { expected_version: catalog.routes().version, route, at: at.clone() }
}

/// The follower whose node is the one that loses the capability.
const OLD_VOTER: u8 = 1;

/// A step of a job's record, decided by what stands.
pub(super) fn advance_command(catalog: &Catalog, job: &SplitJob, advance: Advance) -> CatalogCommand {
    CatalogCommand::AdvanceJob(AdvanceJob {
        job: job.id,
        expected_revision: job.revision,
        expected_version: catalog.routes().version,
        now_ms: 0,
        advance,
    })
}

/// The heartbeats of the one node that matters.
pub(super) fn report(is_capable: bool) -> CatalogCommand {
    let node = NodeReport { is_capable, heard_at_ms: 0 };
    CatalogCommand::ReportNodes { nodes: BTreeMap::from([(NodeId(1), node)]) }
}
