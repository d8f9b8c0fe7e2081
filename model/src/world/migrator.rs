//! Steps of migrators, and of the messages that they send.

use super::World;
use super::action::{Action, Delivery};
use super::component::{CommandId, Control, Holder, Look, Message};
use super::data_group::{DataGroup, Journey};
use super::history::Event;
use super::memo::{Addressed, Appended, MessageId, OVERDUE, Seen, SeenGroup, Worker, job_message};
use super::process::Steps;
use super::state::{State, slot};
use splitjob_core::catalog::{Advance, CatalogCommand};
use splitjob_core::group::{BracketBatch, GroupCommand, JobAction, JobCommand, JobGuards, next_import};
use splitjob_core::id::{CopyRound, JobId, Token};
use splitjob_core::job::SplitJob;
use std::sync::Arc;

/// Whether a message is the first of its kind or a straggler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    AsSent,
    Late { is_repeated: bool },
}

impl World {
    /// What migrators may do about the job of one of the scenario's moves.
    pub(super) fn migrator_steps(&self, worker: &mut Worker, state: &State, index: u8, step: &mut Steps<'_>) {
        self.torn_steps(worker, state, index, step);
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let Some(job) = catalog.job(job_of_move(index)) else { return };
        let is_expected = self.bounds.abandons > 0 || self.journeys[usize::from(index)].is_of(job);
        debug_assert!(is_expected, "{job:?} isn't what move {index} was to do");
        for migrator in 0..self.bounds.migrators {
            self.migrate(worker, state, job, migrator, step);
        }
    }

    fn migrate(&self, worker: &mut Worker, state: &State, job: &SplitJob, migrator: u8, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let Some(turn) = turn(job, control, migrator) else { return };
        let holds_left = self.tables.networks.at(state[slot::NETWORK]).holds_left;
        let holder = if turn == Turn::GoOn { Some(job.epoch) } else { None };
        let number = number_of(job.id);
        if holder.is_some() {
            self.look(state, job, migrator, step);
        }
        let seen = self.seen_now(state, job);
        for (clock, message) in self.decisions(worker, &seen, job, holder).iter().copied() {
            let action = |delivery| Action::Migrate { job: number, migrator, clock, delivery };
            let is_overdue = clock & OVERDUE != 0;
            if is_overdue && control.overdue_left == 0 {
                continue;
            }
            let sent = self.sent(state, control, (job.id, migrator), turn, is_overdue);
            if let Some((arrived, event)) = self.arrive(worker, &sent, message, Arrival::AsSent) {
                let arrived = self.holding(arrived, job.id, migrator);
                step(action(Delivery::AtOnce), arrived, event.clone());
                if holds_left > 0 {
                    step(action(Delivery::Doubled), self.hold(&arrived, message, true), event);
                }
            }
            if holds_left > 0 {
                // A migrator whose message got lost will find the budget spent again.
                let unspent = self.sent(state, control, (job.id, migrator), turn, false);
                step(action(Delivery::Held), self.hold(&unspent, message, false), None);
            }
        }
        if self.bounds.pipelined_imports && turn == Turn::GoOn {
            self.send_ahead(worker, state, job, migrator, step);
        }
    }

    /// Taking over from another uses up the budget; taking up what nobody holds doesn't. A migrator that acts looks anew
    /// before it acts again.
    fn sent(&self, state: &State, control: &Control, by: (JobId, u8), turn: Turn, is_overdue: bool) -> State {
        let mut sent = *state;
        let had_looked = control.look.is_some_and(|look| (look.job, look.migrator) == by);
        if turn == Turn::TakeOver || is_overdue || had_looked {
            let mut control = control.clone();
            control.look = control.look.filter(|_| !had_looked);
            control.takeovers_left -= u8::from(turn == Turn::TakeOver);
            control.overdue_left -= u8::from(is_overdue);
            sent[slot::CONTROL] = self.tables.controls.intern(control);
        }
        sent
    }

    /// What a migrator of the job sees at this moment.
    pub(super) fn seen_now(&self, state: &State, job: &SplitJob) -> Seen {
        let seen = |group| {
            let site = state[slot::site(group)];
            SeenGroup { group, site, voters: site }
        };
        Seen { catalog: state[slot::CATALOG], groups: [job.source, job.target].map(|group| seen(DataGroup::of(group))) }
    }

    fn look(&self, state: &State, job: &SplitJob, migrator: u8, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        if control.looks_left == 0 || control.look.is_some() {
            return;
        }
        let seen = self.seen_now(state, job);
        let sites = seen.groups.map(|group| group.site);
        let look = Look { job: job.id, migrator, holds: job.epoch, catalog: seen.catalog, sites };
        let control = Control { looks_left: control.looks_left - 1, look: Some(look), ..control.clone() };
        let mut after = *state;
        after[slot::CONTROL] = self.tables.controls.intern(control);
        step(Action::Look { job: number_of(job.id), migrator }, after, None);
    }

    /// What a migrator may do that has seen some of what it decides by at one moment, and sees the rest at another.
    fn torn_steps(&self, worker: &mut Worker, state: &State, index: u8, step: &mut Steps<'_>) {
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let Some(look) = control.look.filter(|look| look.job == job_of_move(index)) else { return };
        let holds_left = self.tables.networks.at(state[slot::NETWORK]).holds_left;
        let mut sent = *state;
        sent[slot::CONTROL] = self.tables.controls.intern(Control { look: None, ..control.clone() });
        let mut known: Vec<MessageId> = Vec::new();
        for old in 0..=ALL_OLD {
            for (clock, message) in self.torn_decisions(worker, state, look, old).iter().copied() {
                if clock & OVERDUE != 0 || known.contains(&message) {
                    continue;
                }
                known.push(message);
                let action = |delivery| {
                    let (job, migrator) = (number_of(look.job), look.migrator);
                    Action::MigrateTorn { job, migrator, old, clock, delivery }
                };
                if let Some((arrived, event)) =
                    self.arrive(worker, &sent, message, Arrival::Late { is_repeated: false })
                {
                    let writes_record = matches!(self.tables.messages.at(message), Message::Catalog(_));
                    let arrived = if writes_record { self.holding(arrived, look.job, look.migrator) } else { arrived };
                    step(action(Delivery::AtOnce), arrived, event);
                }
                if holds_left > 0 {
                    step(action(Delivery::Held), self.hold(&sent, message, false), None);
                }
            }
        }
    }

    /// What a migrator decides that saw these parts when it began to look, and the others now.
    pub(super) fn torn_decisions(
        &self,
        worker: &mut Worker,
        state: &State,
        look: Look,
        old: u8,
    ) -> Arc<[(u8, MessageId)]> {
        let at = |part: u8, then: u32, now: u32| if old & 1 << part != 0 { then } else { now };
        let catalog = at(0, look.catalog, state[slot::CATALOG]);
        let Some(job) = self.tables.catalogs.at(catalog).job(look.job) else { return Arc::from([]) };
        let mut seen = Seen { catalog, ..self.seen_now(state, job) };
        for (place, group) in (0..).zip(&mut seen.groups) {
            let (then, now) = (look.sites[usize::from(place)], group.site);
            (group.site, group.voters) = (at(1 + 2 * place, then, now), at(2 + 2 * place, then, now));
        }
        self.decisions(worker, &seen, job, Some(look.holds))
    }

    /// A migrator that wrote the record knows the attempt that it holds.
    fn holding(&self, mut state: State, job: JobId, migrator: u8) -> State {
        let Some(job) = self.tables.catalogs.at(state[slot::CATALOG]).job(job) else { return state };
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let holder = Holder { migrator, epoch: job.epoch };
        if control.holders.get(&job.id) != Some(&holder) {
            let mut control = control.clone();
            control.holders.insert(job.id, holder);
            state[slot::CONTROL] = self.tables.controls.intern(control);
        }
        state
    }

    fn hold(&self, state: &State, message: MessageId, is_repeated: bool) -> State {
        let network = self.tables.networks.at(state[slot::NETWORK]);
        let message = self.tables.messages.at(message).clone();
        let mut after = *state;
        after[slot::NETWORK] = self.tables.networks.intern(network.with(message, is_repeated));
        after
    }

    /// What may arrive late at a data group, or at the default group if none is named.
    pub(super) fn arrivals(&self, worker: &mut Worker, state: &State, at: Option<DataGroup>, step: &mut Steps<'_>) {
        let network = self.tables.networks.at(state[slot::NETWORK]);
        for (index, late) in network.late.iter().enumerate().filter(|(_, late)| late.message.to() == at) {
            let message = self.tables.messages.intern(late.message.clone());
            let mut taken = *state;
            taken[slot::NETWORK] = self.tables.networks.intern(network.without(index));
            let arrival = Arrival::Late { is_repeated: late.is_repeated };
            if let Some((after, event)) = self.arrive(worker, &taken, message, arrival) {
                step(Action::Arrive { message: index as u8 }, after, event);
            }
        }
    }

    /// The state after a message has arrived, and what the history remembers of it; nothing if it is refused or changes
    /// nothing.
    fn arrive(
        &self,
        worker: &mut Worker,
        state: &State,
        message: MessageId,
        arrival: Arrival,
    ) -> Option<(State, Option<Event>)> {
        let (mut after, event) = match self.addressed(worker, message) {
            Addressed::Catalog => {
                let mut after = *state;
                after[slot::CATALOG] = self.apply_to_catalog(worker, state[slot::CATALOG], message)?;
                (after, self.bounds_read(after[slot::CATALOG], message, arrival))
            }
            Addressed::Group(group, command, token) => {
                let Appended::Changed(after) = self.append(worker, state, group, command) else { return None };
                if let GroupCommand::Txn(command) = self.tables.commands.at(command) {
                    (after, self.txn_event(state, group, command, true, None))
                } else {
                    let (after, event) = self.note_attempt(after, group, token, arrival);
                    (after, event.or_else(|| self.fenced(group, command)))
                }
            }
        };
        let network = self.tables.networks.at(after[slot::NETWORK]);
        if !network.late.is_empty() {
            let message = self.tables.messages.at(message);
            after[slot::NETWORK] = self.tables.networks.intern(network.after_arrival(message));
        }
        Some((after, event))
    }

    /// What the history remembers of the step that fixes the delta's bounds, if they were read at this very moment.
    fn bounds_read(&self, catalog: u32, message: MessageId, arrival: Arrival) -> Option<Event> {
        let Message::Catalog(CatalogCommand::AdvanceJob(request)) = self.tables.messages.at(message) else {
            return None;
        };
        if arrival != Arrival::AsSent || !matches!(request.advance, Advance::BeginDeltaCopy { .. }) {
            return None;
        }
        let job = self.tables.catalogs.at(catalog).job(request.job)?;
        let [source, target] = [job.source, job.target].map(DataGroup::of);
        Some(Event::Fenced { job: job.id, journey: Journey { range: job.range.clone(), source, target } })
    }

    /// What the history remembers of a write fence.
    fn fenced(&self, source: DataGroup, command: CommandId) -> Option<Event> {
        let GroupCommand::Job(JobCommand { token, range, action: JobAction::ArmWriteFence }) =
            self.tables.commands.at(command)
        else {
            return None;
        };
        let target = self.bounds.moves[token.job.0 as usize - 1].target;
        let journey = Journey { range: range.clone(), source, target };
        Some(Event::Fenced { job: token.job, journey })
    }

    // S10: a repetition, or a command of an attempt older than one that the group has seen, must change nothing.
    fn note_attempt(
        &self,
        mut after: State,
        group: DataGroup,
        token: Option<Token>,
        arrival: Arrival,
    ) -> (State, Option<Event>) {
        let control = self.tables.controls.at(after[slot::CONTROL]);
        let newest = token.and_then(|token| control.newest_epoch.get(&(group, token.job)).copied());
        let is_outdated = token.is_some_and(|token| Some(token.epoch) < newest);
        let acted = matches!(arrival, Arrival::Late { is_repeated } if is_repeated || is_outdated);
        if let Some(token) = token.filter(|token| newest.is_none_or(|newest| newest < token.epoch)) {
            let mut control = control.clone();
            control.newest_epoch.insert((group, token.job), token.epoch);
            after[slot::CONTROL] = self.tables.controls.intern(control);
        }
        (after, acted.then_some(Event::LateMessageActed { group }))
    }

    /// The import that follows the one under way, sent without waiting for its answer.
    fn send_ahead(&self, worker: &mut Worker, state: &State, job: &SplitJob, migrator: u8, step: &mut Steps<'_>) {
        let network = self.tables.networks.at(state[slot::NETWORK]);
        let under_way = network.late.iter().rev().find_map(|late| import_of(&late.message, job));
        let (Some((round, batches)), Some(window)) = (under_way, job.copy_window()) else { return };
        let [source, target] = [job.source, job.target].map(|group| {
            let site = self.site(state, DataGroup::of(group));
            self.tables.groups.at(site.head)
        });
        let guards = target.jobs().get(&job.id).and_then(JobGuards::target);
        let imported = guards.map(|target| target.imported.clone()).unwrap_or_default();
        let progress = imported.after(round, batches);
        let batches = next_import(source.store(), &job.range, window, &progress, &job.options, self.gates);
        if batches.is_empty() {
            return;
        }
        let import = job_message(DataGroup::of(job.target), job, JobAction::Import { round, batches });
        let message = self.tables.messages.intern(import);
        if let Some((after, event)) = self.arrive(worker, state, message, Arrival::AsSent) {
            step(Action::SendAhead { job: number_of(job.id), migrator }, after, event);
        }
    }
}

/// Every part is as it was when the migrator began to look: catalog, source, its voters, target, its voters.
const ALL_OLD: u8 = 0b1_1111;

/// What a migrator may do with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It holds the newest attempt.
    GoOn,
    /// Nobody does.
    TakeUp,
    /// Another does.
    TakeOver,
}

fn turn(job: &SplitJob, control: &Control, migrator: u8) -> Option<Turn> {
    let holder = control.holders.get(&job.id).filter(|holder| holder.epoch == job.epoch);
    match holder {
        Some(holder) if holder.migrator == migrator => Some(Turn::GoOn),
        Some(_) if control.takeovers_left > 0 => Some(Turn::TakeOver),
        Some(_) => None,
        // Which of them takes it up means nothing.
        None if migrator == 0 => Some(Turn::TakeUp),
        None => None,
    }
}

/// The job of one of the scenario's moves: they are started in order, and no other job is.
pub(super) fn job_of_move(index: u8) -> JobId {
    JobId(u64::from(index) + 1)
}

/// The job's identifier, as actions have it.
pub(super) fn number_of(job: JobId) -> u8 {
    u8::try_from(job.0).expect("a scenario has few jobs")
}

/// The import that a message carries for the job's current attempt.
fn import_of<'m>(message: &'m Message, job: &SplitJob) -> Option<(CopyRound, &'m [BracketBatch])> {
    let Message::Group(_, GroupCommand::Job(command)) = message else { return None };
    let JobAction::Import { round, batches } = &command.action else { return None };
    (command.token == job.token()).then_some((*round, batches))
}
