//! Steps of transactions' clients, and of resolvers that settle what clients have left behind.

use super::World;
use super::action::{Action, TxnDelivery, TxnStep};
use super::bounds::ClientTxn;
use super::component::{Clients, CommandId, Message};
use super::data_group::DataGroup;
use super::history::{Event, Told};
use super::memo::{Appended, Worker};
use super::process::Steps;
use super::state::{State, slot};
use splitjob_core::coordinator::{self, Retry, after_refusal};
use splitjob_core::group::{GroupCommand, Mutation, Rejection, TxnAction, TxnCommand};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RawKey;
use splitjob_core::store::VersionReader;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{self, Lock, Participant, Progress, ResolveStep, TxnId};
use splitjob_core::version::Version;

/// What a client asks for on one of its keys, and through whom.
#[derive(Clone, Copy)]
struct Wish {
    txn: u8,
    key: usize,
    step: TxnStep,
    coordinator: u8,
}

/// What a resolver does about a lock.
pub(super) struct Settling {
    /// The group that it commands.
    pub(super) to: DataGroup,
    /// What it commands.
    pub(super) command: TxnCommand,
}

impl World {
    /// What transactions' clients may ask of one of the groups.
    pub(super) fn txn_steps(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
        for txn in 0..self.bounds.txns.len() as u8 {
            let wanted = self.wanted(state, txn);
            for (coordinator, (_, routes)) in coordinators.copies.iter().enumerate() {
                if coordinator > 0 && coordinators.copies[coordinator - 1].1 == *routes {
                    continue;
                }
                for (key, wish) in &wanted {
                    let raw = &self.bounds.txns[usize::from(txn)].mutations[*key].0;
                    let owner = coordinator::route_point(self.tables.routes.at(*routes), raw).group;
                    if owner == group.id() {
                        let wish = Wish { txn, key: *key, step: *wish, coordinator: coordinator as u8 };
                        self.ask_for_txn(worker, state, group, wish, step);
                    }
                }
            }
        }
    }

    /// What the transaction's client may ask next, by what it knows.
    fn wanted(&self, state: &State, txn: u8) -> Vec<(usize, TxnStep)> {
        let request = &self.bounds.txns[usize::from(txn)];
        let progress = &self.tables.clients.at(state[slot::CLIENTS]).txns[usize::from(txn)];
        if request.is_one_phase {
            let is_open = progress[0] == Progress::Unsent;
            return if is_open { vec![(0, TxnStep::OnePhase)] } else { Vec::new() };
        }
        let participants: Vec<Participant> = request
            .mutations
            .iter()
            .zip(progress)
            .map(|((key, _), progress)| Participant { key: key.clone(), progress: *progress })
            .collect();
        let steps = txn::next_steps(&participants, self.gates);
        steps.into_iter().map(|(key, step)| (key, step_of(step))).collect()
    }

    fn ask_for_txn(&self, worker: &mut Worker, state: &State, group: DataGroup, wish: Wish, step: &mut Steps<'_>) {
        let Wish { txn, key, step: wanted, coordinator } = wish;
        let action = |delivery| Action::Txn { txn, key: key as u8, coordinator, step: wanted, delivery };
        let command = self.txn_command(txn, key, wanted);
        let id = self.tables.commands.intern(GroupCommand::Txn(command.clone()));
        let told = |state: &State, progress: Progress| {
            let mut after = *state;
            let clients = self.tables.clients.at(state[slot::CLIENTS]);
            after[slot::CLIENTS] = self.tables.clients.intern(progressed(clients, wish, progress));
            after
        };
        match self.append(worker, state, group, id) {
            Appended::Refused(rejection) => {
                let rejection = self.tables.rejections.at(rejection);
                if let Some((progress, answer)) = understood(wanted, rejection) {
                    let event = self.txn_event(state, group, &command, false, answer);
                    step(action(TxnDelivery::Answered), told(state, progress), event);
                }
            }
            appended @ (Appended::Changed(_) | Appended::Unchanged) => {
                let (after, has_acted) = appended.after(state);
                let is_decision = key == 0 && matches!(wanted, TxnStep::Commit | TxnStep::OnePhase);
                let answer = if is_decision { Some(Told::Committed) } else { None };
                let event = self.txn_event(state, group, &command, has_acted, answer);
                step(action(TxnDelivery::Answered), told(&after, done(wanted)), event);
                if has_acted && self.bounds.answers_get_lost {
                    let event = self.txn_event(state, group, &command, true, None);
                    step(action(TxnDelivery::Unanswered), after, event);
                }
            }
        }
        self.hold_txn(state, group, id, action(TxnDelivery::Held), step);
    }

    fn hold_txn(&self, state: &State, group: DataGroup, command: CommandId, action: Action, step: &mut Steps<'_>) {
        let network = self.tables.networks.at(state[slot::NETWORK]);
        if network.txn_holds_left == 0 {
            return;
        }
        let message = Message::Group(group, self.tables.commands.at(command).clone());
        let mut after = *state;
        after[slot::NETWORK] = self.tables.networks.intern(network.with(message, false));
        step(action, after, None);
    }

    /// A client may stop preparing at any moment, and roll its transaction back.
    pub(super) fn give_up(&self, state: &State, step: &mut Steps<'_>) {
        let clients = self.tables.clients.at(state[slot::CLIENTS]);
        for (txn, progress) in clients.txns.iter().enumerate() {
            let is_preparing =
                !progress.iter().any(|one| matches!(one, Progress::Refused | Progress::Committed | Progress::Aborted));
            let Some(unsent) = progress.iter().position(|one| *one == Progress::Unsent).filter(|_| is_preparing) else {
                continue;
            };
            let mut after = *state;
            let clients = clients.with_progress(txn as u8, unsent, Progress::Refused);
            after[slot::CLIENTS] = self.tables.clients.intern(clients);
            step(Action::GiveUp { txn: txn as u8 }, after, None);
        }
    }

    /// A client locks its key, releases it, and begins anew, for ever (L3).
    pub(super) fn stream_steps(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let Some((at, command, locks)) = self.next_of_stream(state).filter(|(at, ..)| *at == group) else { return };
        let id = self.tables.commands.intern(GroupCommand::Txn(command));
        if let Appended::Changed(after) = self.append(worker, state, at, id) {
            step(Action::Stream { locks }, after, None);
        }
    }

    /// What the stream's client asks next, and whom, by the routes of the first coordinator.
    pub(super) fn next_of_stream(&self, state: &State) -> Option<(DataGroup, TxnCommand, bool)> {
        let key = self.bounds.stream.as_ref()?;
        let (_, routes) = self.tables.coordinators.at(state[slot::COORDINATORS]).copies[0];
        let group = DataGroup::of(coordinator::route_point(self.tables.routes.at(routes), key).group);
        let locks = self.head(state, group).store().lock(key).is_none();
        let action = if locks {
            let content = Version::put(STREAM_COMMITS, b"s".to_vec()).content;
            let mutations = vec![Mutation { key: key.clone(), content }];
            TxnAction::Prepare { mutations, expires_at_ms: 0 }
        } else {
            TxnAction::Abort { keys: vec![key.clone()] }
        };
        let txn = TxnId { primary: RawKey::from(STREAM_PRIMARY), start_ts: STREAM_BEGINS };
        Some((group, TxnCommand { txn, commit_ts: STREAM_COMMITS, routed_by: None, action }, locks))
    }

    /// Every lock that a resolver can find, and what it does about it.
    pub(super) fn resolver_steps(&self, worker: &mut Worker, state: &State, step: &mut Steps<'_>) {
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
        for group in self.bounds.groups() {
            for key in 0..self.bounds.keys.len() as u8 {
                for (coordinator, (_, routes)) in coordinators.copies.iter().enumerate() {
                    if coordinator > 0 && coordinators.copies[coordinator - 1].1 == *routes {
                        continue;
                    }
                    let coordinator = coordinator as u8;
                    let Some(settling) = self.settling(state, group, key, coordinator) else { continue };
                    let action = |delivery| Action::Resolve { group, key, coordinator, delivery };
                    let id = self.tables.commands.intern(GroupCommand::Txn(settling.command.clone()));
                    if let Appended::Changed(after) = self.append(worker, state, settling.to, id) {
                        let event = self.txn_event(state, settling.to, &settling.command, true, None);
                        step(action(TxnDelivery::Answered), after, event);
                    }
                    self.hold_txn(state, settling.to, id, action(TxnDelivery::Held), step);
                }
            }
        }
    }

    /// What a resolver with these routes does about the lock on a key of a group, its time being over.
    pub(super) fn settling(&self, state: &State, group: DataGroup, key: u8, coordinator: u8) -> Option<Settling> {
        let key = &self.bounds.keys[usize::from(key)].raw;
        let lock: Lock = self.head(state, group).store().lock(key)?;
        let (version, routes) = self.tables.coordinators.at(state[slot::COORDINATORS]).copies[usize::from(coordinator)];
        let primary = coordinator::route_point(self.tables.routes.at(routes), &lock.txn.primary).group;
        let primary = DataGroup::of(primary);
        let version: Option<CatalogVersion> = Some(version);
        let status = self.head(state, primary).txn_status(&lock.txn, version, self.gates).ok()?;
        let (to, action) = match txn::resolve(&status, true, self.gates) {
            ResolveStep::Commit => (group, TxnAction::Commit { keys: vec![key.clone()] }),
            ResolveStep::Abort => (group, TxnAction::Abort { keys: vec![key.clone()] }),
            ResolveStep::RollBackPrimary => (primary, TxnAction::Abort { keys: vec![lock.txn.primary.clone()] }),
            ResolveStep::Wait => return None,
        };
        let command = TxnCommand { txn: lock.txn, commit_ts: lock.commit_ts, routed_by: None, action };
        Some(Settling { to, command })
    }

    /// What a transaction's step on a key is to a group's log.
    pub(super) fn txn_command(&self, txn: u8, key: usize, step: TxnStep) -> TxnCommand {
        let request: &ClientTxn = &self.bounds.txns[usize::from(txn)];
        let mutation = |(key, content): &(RawKey, _)| Mutation { key: key.clone(), content: Clone::clone(content) };
        let keys = vec![request.mutations[key].0.clone()];
        let action = match step {
            TxnStep::OnePhase => TxnAction::OnePhase { mutations: request.mutations.iter().map(mutation).collect() },
            TxnStep::Prepare => {
                TxnAction::Prepare { mutations: vec![mutation(&request.mutations[key])], expires_at_ms: 0 }
            }
            TxnStep::Commit => TxnAction::Commit { keys },
            TxnStep::Abort => TxnAction::Abort { keys },
        };
        TxnCommand { txn: request.id(), commit_ts: request.commit_ts, routed_by: None, action }
    }

    /// What the history remembers of a transaction's step that has reached a group; nothing if it neither acted nor told.
    pub(super) fn txn_event(
        &self,
        state: &State,
        group: DataGroup,
        command: &TxnCommand,
        has_acted: bool,
        told: Option<Told>,
    ) -> Option<Event> {
        if !has_acted && told.is_none() {
            return None;
        }
        let txn = self.bounds.txns.iter().position(|txn| txn.id() == command.txn);
        let txn = txn.expect("every transaction is one of the scenario's");
        let (step, key) = match &command.action {
            TxnAction::OnePhase { .. } => (TxnStep::OnePhase, &command.txn.primary),
            TxnAction::Prepare { mutations, .. } => (TxnStep::Prepare, &mutations[0].key),
            TxnAction::Commit { keys } => (TxnStep::Commit, &keys[0]),
            TxnAction::Abort { keys } => (TxnStep::Abort, &keys[0]),
        };
        let mut mutations = self.bounds.txns[txn].mutations.iter();
        let key_index = mutations.position(|(raw, _)| raw == key).expect("every key is one of the transaction's");
        let owner = self.owner(state[slot::CATALOG], key);
        let acted = has_acted.then_some(step);
        Some(Event::Txn { txn: txn as u8, key: key_index as u8, group, owner, acted, told })
    }
}

/// The primary of the stream's transactions, which is never prepared: aborting another key leaves no record.
const STREAM_PRIMARY: &str = "stream";
/// Above everything that the scenarios write, so that nothing is in its way but fences.
const STREAM_BEGINS: Timestamp = Timestamp::from_raw(100);
const STREAM_COMMITS: Timestamp = Timestamp::from_raw(101);

fn step_of(step: txn::TxnStep) -> TxnStep {
    match step {
        txn::TxnStep::Prepare => TxnStep::Prepare,
        txn::TxnStep::Commit => TxnStep::Commit,
        txn::TxnStep::Abort => TxnStep::Abort,
    }
}

fn done(step: TxnStep) -> Progress {
    match step {
        TxnStep::Prepare => Progress::Prepared,
        TxnStep::OnePhase | TxnStep::Commit => Progress::Committed,
        TxnStep::Abort => Progress::Aborted,
    }
}

fn progressed(clients: &Clients, wish: Wish, progress: Progress) -> Clients {
    let keys = match wish.step {
        TxnStep::OnePhase => 0..clients.txns[usize::from(wish.txn)].len(),
        TxnStep::Prepare | TxnStep::Commit | TxnStep::Abort => wish.key..wish.key + 1,
    };
    keys.fold(clients.clone(), |clients, key| clients.with_progress(wish.txn, key, progress))
}

/// What a client learns from a refusal for good; nothing if it asks again.
fn understood(step: TxnStep, rejection: &Rejection) -> Option<(Progress, Option<Told>)> {
    if after_refusal(rejection, 1, true) != Retry::Surface {
        return None;
    }
    let is_committed = matches!(rejection, Rejection::TxnCommitted { .. });
    Some(match step {
        TxnStep::Prepare if is_committed => (Progress::Prepared, None),
        TxnStep::Prepare => (Progress::Refused, None),
        TxnStep::Commit | TxnStep::OnePhase | TxnStep::Abort if is_committed => (Progress::Committed, None),
        TxnStep::Commit | TxnStep::OnePhase => {
            let is_rolled_back = matches!(rejection, Rejection::TxnRolledBack);
            let told = if is_rolled_back { Told::RolledBack } else { Told::Nothing };
            (Progress::Aborted, Some(told))
        }
        TxnStep::Abort => return None,
    })
}
