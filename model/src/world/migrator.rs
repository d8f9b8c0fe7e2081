//! Steps of migrators, and of the messages that they send.

use super::World;
use super::action::{Action, Delivery};
use super::bounds::Side;
use super::component::{Control, Message};
use super::history::Event;
use super::memo::{Addressed, Appended, MessageId, Worker, job_message};
use super::process::Steps;
use super::state::{State, slot};
use splitjob_core::group::{BracketBatch, GroupCommand, JobAction, JobGuards, next_import};
use splitjob_core::id::{CopyRound, JobEpoch};
use splitjob_core::job::{Phase, SplitJob};

/// Whether a message is the first of its kind or a straggler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    AsSent,
    Late { is_repeated: bool },
}

impl World {
    pub(super) fn migrator_steps(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        if let Some(job) = catalog.live_jobs().next() {
            let control = self.tables.controls.get(state[slot::CONTROL]);
            for migrator in 0..control.holders.len() as u8 {
                self.migrate(worker, state, job, &control, migrator, step);
            }
        }
        self.arrivals(worker, state, step);
    }

    fn migrate(
        &self,
        worker: &mut Worker,
        state: &State,
        job: &SplitJob,
        control: &Control,
        migrator: u8,
        step: &mut Steps<'_>,
    ) {
        let Some(turn) = turn(job, control, migrator) else { return };
        let holds_left = self.tables.networks.get(state[slot::NETWORK]).holds_left;
        let holder = if turn == Turn::GoOn { Some(job.epoch) } else { None };
        for (clock, message) in self.decisions(worker, state, job, holder).iter().copied() {
            let action = |delivery| Action::Migrate { migrator, clock, delivery };
            let sent = self.sent(state, control, turn);
            if let Some((arrived, event)) = self.arrive(worker, &sent, message, Arrival::AsSent) {
                let arrived = self.holding(arrived, migrator);
                step(action(Delivery::AtOnce), arrived, event.clone());
                if holds_left > 0 {
                    step(action(Delivery::Doubled), self.hold(&arrived, message, true), event);
                }
            }
            if holds_left > 0 {
                step(action(Delivery::Held), self.hold(&sent, message, false), None);
            }
        }
        if self.bounds.pipelined_imports && turn == Turn::GoOn {
            self.send_ahead(worker, state, job, migrator, step);
        }
    }

    /// Taking over from another uses up the budget; taking up what nobody holds doesn't.
    fn sent(&self, state: &State, control: &Control, turn: Turn) -> State {
        let mut sent = *state;
        if turn == Turn::TakeOver {
            let control = Control { takeovers_left: control.takeovers_left - 1, ..control.clone() };
            sent[slot::CONTROL] = self.tables.controls.intern(control);
        }
        sent
    }

    /// A migrator that wrote the record knows the attempt that it holds.
    fn holding(&self, mut state: State, migrator: u8) -> State {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let Some(job) = catalog.live_jobs().next() else { return state };
        let control = self.tables.controls.get(state[slot::CONTROL]);
        let mut holders = vec![None; control.holders.len()];
        holders[usize::from(migrator)] = Some(job.epoch);
        if holders != control.holders {
            state[slot::CONTROL] = self.tables.controls.intern(Control { holders, ..(*control).clone() });
        }
        state
    }

    fn hold(&self, state: &State, message: MessageId, is_repeated: bool) -> State {
        let network = self.tables.networks.get(state[slot::NETWORK]);
        let message = (*self.tables.messages.get(message)).clone();
        let mut after = *state;
        after[slot::NETWORK] = self.tables.networks.intern(network.with(message, is_repeated));
        after
    }

    fn arrivals(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let network = self.tables.networks.get(state[slot::NETWORK]);
        for (index, late) in network.late.iter().enumerate() {
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
            Addressed::Catalog => self.arrive_at_catalog(worker, state, message)?,
            Addressed::Group(side, command, epoch) => {
                let Appended::Changed(after) = self.append(worker, state, side, command) else { return None };
                self.note_attempt(after, side, epoch, arrival)
            }
        };
        let network = self.tables.networks.get(after[slot::NETWORK]);
        if !network.late.is_empty() {
            let message = self.tables.messages.get(message);
            after[slot::NETWORK] = self.tables.networks.intern(network.after_arrival(&message));
        }
        Some((after, event))
    }

    fn arrive_at_catalog(
        &self,
        worker: &mut Worker,
        state: &State,
        message: MessageId,
    ) -> Option<(State, Option<Event>)> {
        let before = state[slot::CATALOG];
        let mut after = *state;
        after[slot::CATALOG] = self.apply_to_catalog(worker, before, message)?;
        let is_delta_copy = |catalog: u32| {
            let catalog = self.tables.catalogs.get(catalog);
            catalog.live_jobs().any(|job| matches!(job.phase, Phase::DeltaCopy(_)))
        };
        let is_fenced = is_delta_copy(after[slot::CATALOG]) && !is_delta_copy(before);
        Some((after, is_fenced.then_some(Event::Fenced)))
    }

    // S10: a repetition, or a command of an attempt older than one that the group has seen, must change nothing.
    fn note_attempt(
        &self,
        mut after: State,
        side: Side,
        epoch: Option<JobEpoch>,
        arrival: Arrival,
    ) -> (State, Option<Event>) {
        let control = self.tables.controls.get(after[slot::CONTROL]);
        let newest = control.newest_epoch.get(&side).copied();
        let is_outdated = epoch.is_some() && epoch < newest;
        let acted = matches!(arrival, Arrival::Late { is_repeated } if is_repeated || is_outdated);
        if let Some(epoch) = epoch.filter(|epoch| newest.is_none_or(|newest| newest < *epoch)) {
            let mut control = (*control).clone();
            control.newest_epoch.insert(side, epoch);
            after[slot::CONTROL] = self.tables.controls.intern(control);
        }
        (after, acted.then_some(Event::LateMessageActed { side }))
    }

    /// The import that follows the one under way, sent without waiting for its answer.
    fn send_ahead(&self, worker: &mut Worker, state: &State, job: &SplitJob, migrator: u8, step: &mut Steps<'_>) {
        let network = self.tables.networks.get(state[slot::NETWORK]);
        let under_way = network.late.iter().rev().find_map(|late| import_of(&late.message, job));
        let (Some((round, batches)), Some(window)) = (under_way, job.copy_window()) else { return };
        let target = self.tables.groups.get(state[slot::TARGET]);
        let guards = target.jobs().get(&job.id).and_then(JobGuards::target);
        let imported = guards.map(|target| target.imported.clone()).unwrap_or_default();
        let progress = imported.after(round, batches);
        let source = self.tables.groups.get(state[slot::SOURCE]);
        let batches = next_import(&source, &job.range, window, &progress, &job.options, self.gates);
        if batches.is_empty() {
            return;
        }
        let message = self.tables.messages.intern(job_message(Side::Target, job, JobAction::Import { round, batches }));
        if let Some((after, event)) = self.arrive(worker, state, message, Arrival::AsSent) {
            step(Action::SendAhead { migrator }, after, event);
        }
    }
}

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
    let holder = control.holders.iter().position(|holder| *holder == Some(job.epoch));
    match holder {
        Some(holder) if holder == usize::from(migrator) => Some(Turn::GoOn),
        Some(_) if control.takeovers_left > 0 => Some(Turn::TakeOver),
        Some(_) => None,
        // Which of them takes it up means nothing.
        None if migrator == 0 => Some(Turn::TakeUp),
        None => None,
    }
}

/// The import that a message carries for the job's current attempt.
fn import_of<'m>(message: &'m Message, job: &SplitJob) -> Option<(CopyRound, &'m [BracketBatch])> {
    let Message::Group(Side::Target, GroupCommand::Job(command)) = message else { return None };
    let JobAction::Import { round, batches } = &command.action else { return None };
    (command.token == job.token()).then_some((*round, batches))
}
