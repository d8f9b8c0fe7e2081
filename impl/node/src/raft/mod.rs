//! The one module that knows the Raft library: a group's replica as a state machine over a durable log.
//!
//! The order of duties, in one turn: take what came in, [`RaftGroup::ready`], make its log changes durable, then send,
//! apply, and [`RaftGroup::advance`]. Nothing that follows from an entry leaves the node before the entry is durable.

mod convert;
mod view;

use crate::simulator::mix;
use convert::{
    change_from_entry, change_to_library, conf_state, configuration, entry_from_library, from_library,
    meta_from_library, record_from_library, to_library,
};
use raft::eraftpb::{ConfChangeV2, ConfState, EntryType, HardState, MessageType};
use raft::{Config, RawNode, ReadOnlyOption, SnapshotStatus, StateRole};
use splitjob_core::id::{GroupId, VoterId};
use splitjob_store::{GroupLog, LogBatch, LogPosition, LogStore};
use splitjob_wire::peer::{Configuration, LogEntry, RaftMessage, SnapshotMeta, VoterChange};
use std::sync::Arc;
use thiserror::Error;
use view::LogView;

/// The logs of all groups of a node.
pub(crate) type SharedLog = Arc<LogStore>;

/// A replica of a group.
pub(crate) struct RaftGroup {
    group: GroupId,
    me: VoterId,
    raw: RawNode<LogView>,
    seed: u64,
    was_leader: bool,
    pending: Option<raft::Ready>,
}

/// What a replica is opened with.
pub(crate) struct RaftOptions {
    pub(crate) group: GroupId,
    pub(crate) me: VoterId,
    /// Decides the order of elections, so that one seed gives one run.
    pub(crate) seed: u64,
    /// The position that the state machine stands at.
    pub(crate) applied: LogPosition,
    /// The configuration there.
    pub(crate) configuration: Configuration,
}

/// What a turn brings.
#[derive(Default)]
pub(crate) struct RaftReady {
    /// To be sent once the log changes are durable.
    pub(crate) messages: Vec<RaftMessage>,
    /// To be applied, in order.
    pub(crate) committed: Vec<LogEntry>,
    /// Reads that may be answered once so much is applied: the context of each and the position.
    pub(crate) reads: Vec<(u64, u64)>,
    /// A snapshot that replaces everything applied so far.
    pub(crate) install: Option<SnapshotMeta>,
}

/// Why a replica can't go on, or can't take something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum RaftError {
    /// The replica doesn't lead.
    #[error("not the leader")]
    NotLeader,
    /// There is too much under way.
    #[error("too many proposals are under way")]
    Busy,
    /// The message or the log can't be right.
    #[error("{0}")]
    Broken(String),
}

impl RaftGroup {
    /// Opens a replica over its durable log.
    ///
    /// # Errors
    /// [`RaftError::Broken`] if log and state machine don't fit together; the library itself would panic.
    pub(crate) fn open(options: &RaftOptions, log: SharedLog, stored: &GroupLog) -> Result<RaftGroup, RaftError> {
        check_fit(options, stored)?;
        let view = LogView::new(options.group, log, stored, conf_state(&options.configuration), options.applied.index);
        let config = Config {
            id: options.me.0,
            election_tick: ELECTION_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            applied: options.applied.index,
            max_size_per_msg: MAX_MESSAGE_BYTES,
            max_inflight_msgs: MAX_IN_FLIGHT,
            check_quorum: true,
            pre_vote: true,
            read_only_option: ReadOnlyOption::Safe,
            max_uncommitted_size: MAX_UNCOMMITTED_BYTES,
            max_committed_size_per_ready: MAX_APPLIED_BYTES,
            ..Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&config, view, &logger).map_err(broken)?;
        let mut group = RaftGroup {
            group: options.group,
            me: options.me,
            raw,
            seed: options.seed,
            was_leader: false,
            pending: None,
        };
        group.draw_timeout();
        Ok(group)
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) {
        self.raw.tick();
        self.draw_timeout();
    }

    /// A message of another replica.
    ///
    /// # Errors
    /// [`RaftError::Broken`]: the message changed nothing.
    pub(crate) fn step(&mut self, message: RaftMessage) -> Result<(), RaftError> {
        let message = to_library(message).map_err(broken)?;
        let stepped = self.raw.step(message).map_err(broken);
        self.draw_timeout();
        stepped
    }

    /// Proposes a command, and says where it will stand if it is committed.
    ///
    /// # Errors
    /// [`RaftError::NotLeader`], [`RaftError::Busy`]: nothing was proposed.
    pub(crate) fn propose(&mut self, data: Vec<u8>) -> Result<LogPosition, RaftError> {
        self.check_leads()?;
        self.raw.propose(Vec::new(), data).map_err(|_| RaftError::Busy)?;
        Ok(self.last())
    }

    /// Proposes a change of the configuration.
    ///
    /// # Errors
    /// [`RaftError::NotLeader`]; [`RaftError::Busy`] while another change is under way.
    pub(crate) fn propose_change(&mut self, change: VoterChange) -> Result<LogPosition, RaftError> {
        self.check_leads()?;
        if self.raw.raft.has_pending_conf() || self.configuration().voters_outgoing.len() > 1 {
            return Err(RaftError::Busy);
        }
        self.raw.propose_conf_change(Vec::new(), change_to_library(change)).map_err(|_| RaftError::Busy)?;
        Ok(self.last())
    }

    fn check_leads(&self) -> Result<(), RaftError> {
        // A leader that is handing its office over drops proposals.
        match self.is_leader() && self.raw.raft.lead_transferee.is_none() {
            true => Ok(()),
            false => Err(RaftError::NotLeader),
        }
    }

    fn last(&self) -> LogPosition {
        LogPosition { index: self.raw.raft.raft_log.last_index(), term: self.raw.raft.term }
    }

    /// Asks for a moment at which this replica surely led; answered by a [`RaftReady::reads`] with the same context.
    pub(crate) fn read_index(&mut self, context: u64) {
        self.raw.read_index(context.to_be_bytes().to_vec());
    }

    /// Whether reads can be asked for: an entry of this term is committed.
    pub(crate) fn can_read_index(&self) -> bool {
        self.is_leader() && self.raw.raft.commit_to_current_term()
    }

    /// Hands the leader's office to another voter.
    pub(crate) fn transfer_leader(&mut self, to: VoterId) {
        self.raw.transfer_leader(to.0);
    }

    /// Another replica can't be reached.
    pub(crate) fn report_unreachable(&mut self, voter: VoterId) {
        self.raw.report_unreachable(voter.0);
    }

    /// What became of a snapshot that was sent.
    pub(crate) fn report_snapshot(&mut self, voter: VoterId, is_complete: bool) {
        let status = if is_complete { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(voter.0, status);
    }

    /// Whether [`RaftGroup::ready`] would bring anything.
    pub(crate) fn has_ready(&self) -> bool {
        self.raw.has_ready()
    }

    /// What is to be done now. Changes of the log go into the batch, which must be durable before the rest is done.
    ///
    /// A snapshot that Raft takes is one that has `arrived`: the position that it reaches and the generation of its file.
    /// The log begins there, before anything that follows it is appended.
    pub(crate) fn ready(&mut self, batch: &mut LogBatch, arrived: Option<(LogPosition, u64)>) -> RaftReady {
        assert!(self.pending.is_none(), "a turn ends with advance");
        let mut ready = self.raw.ready();
        let mut turn = RaftReady::default();
        if !ready.snapshot().is_empty() {
            turn.install = Some(meta_from_library(ready.snapshot()));
            let (at, generation) = arrived.expect("Raft is told of a snapshot only when its contents are here");
            batch.reset(self.group.0, at, generation);
        }
        if !ready.entries().is_empty() {
            let records = ready.entries().iter().map(record_from_library).collect();
            batch.append(self.group.0, records);
            self.raw.mut_store().last_index = ready.entries().last().map_or(0, |entry| entry.index);
        }
        if let Some(hard_state) = ready.hs() {
            batch.set_hard_state(self.group.0, stored_hard_state(hard_state));
        }
        turn.messages.extend(ready.take_messages().into_iter().map(from_library));
        turn.messages.extend(ready.take_persisted_messages().into_iter().map(from_library));
        turn.committed.extend(ready.take_committed_entries().into_iter().map(entry_from_library));
        turn.reads.extend(ready.take_read_states().into_iter().filter_map(|state| {
            let context: [u8; 8] = state.request_ctx.as_slice().try_into().ok()?;
            Some((u64::from_be_bytes(context), state.index))
        }));
        self.pending = Some(ready);
        turn
    }

    /// The snapshot of the turn is installed: log and state machine stand at its end.
    pub(crate) fn installed(&mut self, at: LogPosition) {
        let view = self.raw.mut_store();
        view.truncated = at;
        view.last_index = at.index;
        view.prepared = None;
    }

    /// The turn's log changes are durable: more may follow at once.
    pub(crate) fn advance(&mut self, batch: &mut LogBatch) -> RaftReady {
        let ready = self.pending.take().expect("a turn begins with ready");
        let mut light = self.raw.advance_append(ready);
        let mut turn = RaftReady::default();
        if light.commit_index().is_some() {
            batch.set_hard_state(self.group.0, stored_hard_state(&self.raw.raft.hard_state()));
        }
        turn.messages.extend(light.take_messages().into_iter().map(from_library));
        turn.committed.extend(light.take_committed_entries().into_iter().map(entry_from_library));
        turn
    }

    /// The state machine has applied everything up to here.
    pub(crate) fn applied_to(&mut self, index: u64) {
        self.raw.advance_apply_to(index);
    }

    /// The configuration after an entry that changes it.
    ///
    /// # Errors
    /// [`RaftError::Broken`] if the entry can't be read.
    pub(crate) fn apply_change(&mut self, entry: &LogEntry) -> Result<Configuration, RaftError> {
        let change: ConfChangeV2 = change_from_entry(&entry.data).map_err(broken)?;
        let state: ConfState = self.raw.apply_conf_change(&change).map_err(broken)?;
        Ok(configuration(&state))
    }

    /// The configuration that stands.
    pub(crate) fn configuration(&self) -> Configuration {
        configuration(&self.raw.raft.prs().conf().to_conf_state())
    }

    /// Whether an entry changes the configuration.
    pub(crate) fn is_change(entry: &LogEntry) -> bool {
        entry.kind == EntryType::EntryConfChangeV2 as u32 || entry.kind == EntryType::EntryConfChange as u32
    }

    /// Drops the log up to a position that the durable state machine has passed.
    pub(crate) fn truncate(&mut self, through: LogPosition, batch: &mut LogBatch) {
        if through.index > self.raw.store().truncated.index {
            batch.truncate_prefix(self.group.0, through);
            self.raw.mut_store().truncated = through;
        }
    }

    /// The term of an entry of the log, if it is still there.
    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        self.raw.raft.raft_log.term(index).ok()
    }

    /// The last position that is not in the log any more.
    pub(crate) fn truncated(&self) -> LogPosition {
        self.raw.store().truncated
    }

    /// Whether somebody needs a snapshot, since the last call.
    pub(crate) fn takes_snapshot(&self) -> bool {
        self.raw.store().take_wanted().is_some()
    }

    /// A snapshot is ready to be sent; or none is any more.
    pub(crate) fn prepare_snapshot(&mut self, meta: Option<SnapshotMeta>) {
        self.raw.mut_store().prepared = meta;
    }

    /// Whether the message announces a snapshot.
    pub(crate) fn announces_snapshot(message: &RaftMessage) -> bool {
        message.kind == MessageType::MsgSnapshot as u32
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    /// The leader, as far as is known.
    pub(crate) fn leader(&self) -> Option<VoterId> {
        Some(self.raw.raft.leader_id).filter(|leader| *leader != raft::INVALID_ID).map(VoterId)
    }

    pub(crate) fn term(&self) -> u64 {
        self.raw.raft.term
    }

    pub(crate) fn committed(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }

    /// Whether the office was lost or won since the last call.
    pub(crate) fn role_changed(&mut self) -> Option<bool> {
        let is_leader = self.is_leader();
        (is_leader != std::mem::replace(&mut self.was_leader, is_leader)).then_some(is_leader)
    }

    /// The library draws from a random source of its own thread; drawn anew from the seed, a run can be repeated.
    fn draw_timeout(&mut self) {
        let mixed = mix(self.seed ^ (self.me.0 << 32) ^ (self.group.0 << 48) ^ self.raw.raft.term);
        let spread = usize::try_from(mixed % ELECTION_TICKS as u64).expect("a remainder of a small number");
        self.raw.raft.set_randomized_election_timeout(ELECTION_TICKS + spread);
    }
}

fn check_fit(options: &RaftOptions, stored: &GroupLog) -> Result<(), RaftError> {
    let (applied, commit) = (options.applied.index, stored.hard_state.commit);
    if stored.truncated.index <= applied && applied <= stored.last_index && commit <= stored.last_index {
        return Ok(());
    }
    Err(RaftError::Broken(format!(
        "group {}: the log covers {} to {} and is committed up to {commit}, the rows stand at {applied}",
        options.group, stored.truncated.index, stored.last_index
    )))
}

fn broken(error: impl std::fmt::Display) -> RaftError {
    RaftError::Broken(error.to_string())
}

fn stored_hard_state(from: &HardState) -> splitjob_store::HardState {
    splitjob_store::HardState { term: from.term, vote: from.vote, commit: from.commit }
}

/// Ticks without a leader before an election, at least; at most twice as many.
pub(crate) const ELECTION_TICKS: usize = 40;
/// Ticks between a leader's heartbeats.
const HEARTBEAT_TICKS: usize = 5;
const MAX_MESSAGE_BYTES: u64 = 1 << 20;
const MAX_IN_FLIGHT: usize = 64;
const MAX_UNCOMMITTED_BYTES: u64 = 64 << 20;
const MAX_APPLIED_BYTES: u64 = 4 << 20;
