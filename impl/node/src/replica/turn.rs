//! One turn of a replica: what came in becomes durable, then it is sent, applied and answered, in this order.

use super::machine::store_name;
use super::machine::{Applied, Checkpointed};
use super::{Arrived, Caller, Replica, Served, Unconfirmed};
use crate::io::Now;
use crate::raft::{RaftGroup, RaftReady};
use splitjob_core::group::{Outcome, Rejection};
use splitjob_core::id::NodeId;
use splitjob_store::{Durability, LogBatch, LogPosition};
use splitjob_wire::peer::{Answer, CallError, LogEntry, PeerMessage, RaftMessage};

/// What a turn of a replica brings.
#[derive(Default)]
pub(crate) struct Turn {
    /// Messages to other nodes.
    pub(crate) sends: Vec<(NodeId, PeerMessage)>,
    /// Answers and work.
    pub(crate) served: Served,
    /// The catalog is another one than before.
    pub(crate) catalog_changed: bool,
    /// The migrator's reads of the catalog that are done.
    pub(crate) catalog_reads: Vec<u64>,
}

impl Turn {
    /// Whether it brings nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let is_quiet = self.sends.is_empty() && self.served.replies.is_empty() && self.served.work.is_empty();
        is_quiet && self.catalog_reads.is_empty() && !self.catalog_changed
    }
}

impl Replica {
    /// Begins a turn, if there is anything to do; what must be durable before the rest goes into the batch.
    pub(crate) fn begin_turn(&mut self, now: Now, batch: &mut LogBatch, turn: &mut Turn) -> Option<RaftReady> {
        if self.stopped.is_some() {
            return None;
        }
        self.confirm_reads();
        self.bind_reads(now, &mut turn.served);
        if !self.raft.has_ready() {
            return None;
        }
        let arrived = self.arrived.as_ref().map(|arrived| (arrived.at, arrived.generation));
        Some(self.raft.ready(batch, arrived))
    }

    /// Ends a turn whose log changes are durable.
    pub(crate) fn end_turn(&mut self, now: Now, ready: RaftReady, batch: &mut LogBatch, turn: &mut Turn) {
        let is_installed = ready.install.is_some();
        if is_installed && !self.install(now, turn) {
            return;
        }
        self.send(now, ready.messages, turn);
        self.note_reads(&ready.reads);
        let mut answers = Served::default();
        let mut has_applied = self.apply(ready.committed, &mut answers, turn);
        let light = self.raft.advance(batch);
        self.send(now, light.messages, turn);
        has_applied |= self.apply(light.committed, &mut answers, turn) | is_installed;
        if self.raft.role_changed() == Some(false) {
            self.lose_office(&mut turn.served);
        }
        if has_applied && self.stopped.is_none() {
            self.store(now);
            self.raft.applied_to(self.applied.index);
        }
        if self.stopped.is_some() {
            // What was applied isn't stored: nobody may hear of it.
            return self.abandon_waiting(&mut turn.served);
        }
        turn.served.replies.append(&mut answers.replies);
        turn.served.work.append(&mut answers.work);
        self.answer_reads(turn);
    }

    fn send(&mut self, now: Now, messages: Vec<RaftMessage>, turn: &mut Turn) {
        for message in messages {
            if RaftGroup::announces_snapshot(&message) {
                self.begin_sending(now, message, turn);
                continue;
            }
            let to = NodeId(message.to.0);
            turn.sends.push((to, PeerMessage::Raft { group: self.group, message }));
        }
    }

    /// Applies entries in order; says whether there were any.
    fn apply(&mut self, entries: Vec<LogEntry>, answers: &mut Served, turn: &mut Turn) -> bool {
        let mut has_applied = false;
        for entry in entries {
            if self.stopped.is_some() {
                break;
            }
            let at = LogPosition { index: entry.index, term: entry.term };
            match self.apply_entry(&entry, answers, turn) {
                Ok(()) => self.applied = at,
                Err(why) => self.stop(format!("entry {} can't be applied: {why}", entry.index)),
            }
            has_applied = true;
        }
        has_applied
    }

    fn apply_entry(&mut self, entry: &LogEntry, answers: &mut Served, turn: &mut Turn) -> Result<(), String> {
        let proposal = self.proposals.remove(&entry.index);
        let caller = proposal.as_ref().map_or(Caller::Nobody, |proposal| proposal.caller);
        let is_its_own = proposal.is_some_and(|proposal| proposal.term == entry.term);
        if RaftGroup::is_change(entry) {
            self.configuration = self.raft.apply_change(entry).map_err(|error| error.to_string())?;
            answers.replies.push((caller, if is_its_own { Ok(Answer::Done) } else { Err(self.not_leader()) }));
            return Ok(());
        }
        let (applied, prepared) = self.machine.apply(&entry.data)?;
        self.observe(prepared);
        turn.catalog_changed |= matches!(applied, Applied::Catalog(Ok(_)));
        self.note_bound(entry, &applied, answers);
        if let Applied::Group(Ok(Outcome::Collected { next, .. })) = &applied {
            self.collected(next.clone());
        }
        let answer = match applied {
            Applied::Nothing => Ok(Answer::Done),
            Applied::Group(applied) => applied.map(Answer::Applied).map_err(CallError::from),
            Applied::Catalog(applied) => applied.map(Answer::CatalogApplied).map_err(CallError::from),
        };
        // Another leader's entry stands where the proposal would: it can't be applied any more.
        answers.replies.push((caller, if is_its_own { answer } else { Err(self.not_leader()) }));
        Ok(())
    }

    fn note_bound(&mut self, entry: &LogEntry, applied: &Applied, answers: &mut Served) {
        if self.binding.as_ref().is_none_or(|binding| binding.at.index != entry.index) {
            return;
        }
        let is_its_own = self.binding.as_ref().is_some_and(|binding| binding.at.term == entry.term);
        let refusal: Option<Rejection> = match applied {
            Applied::Group(Err(rejection)) if is_its_own => Some(rejection.clone()),
            Applied::Nothing | Applied::Group(_) | Applied::Catalog(_) => None,
        };
        if is_its_own {
            self.bound(refusal, answers);
        } else {
            let reads = self.binding.take().map(|binding| binding.reads).unwrap_or_default();
            let error = self.not_leader();
            answers.replies.extend(reads.into_iter().map(|(caller, _)| (caller, Err(error.clone()))));
        }
    }

    /// Stores what was applied: often where a crash may take it back, since the log has it, and now and then for good.
    fn store(&mut self, now: Now) {
        let is_due = now.elapsed_ms >= self.durable_at_ms + DURABLE_EVERY_MS
            || self.applied.index >= self.durable.index + DURABLE_EVERY_ENTRIES;
        let durability = if is_due { Durability::Durable } else { Durability::Buffered };
        let at = Checkpointed { applied: self.applied, configuration: self.configuration.clone() };
        match self.machine.commit(&at, durability) {
            Ok(()) if is_due => {
                self.durable = self.applied;
                self.durable_at_ms = now.elapsed_ms;
            }
            Ok(()) => {}
            Err(why) => self.stop(format!("the rows can't be stored: {why}")),
        }
    }

    /// Drops what the log need not keep: everything that is durable among the rows, but for what a lagging replica may want.
    pub(crate) fn truncate_log(&mut self, batch: &mut LogBatch) {
        let through = self.durable.index.saturating_sub(KEPT_ENTRIES);
        if through < self.raft.truncated().index + KEPT_ENTRIES {
            return;
        }
        if let Some(term) = self.raft.term_at(through) {
            self.raft.truncate(LogPosition { index: through, term }, batch);
        }
    }

    fn note_reads(&mut self, reads: &[(u64, u64)]) {
        self.confirmed.extend_from_slice(reads);
    }

    fn answer_reads(&mut self, turn: &mut Turn) {
        let applied = self.applied.index;
        let (ready, later): (Vec<_>, Vec<_>) = self.confirmed.drain(..).partition(|(_, index)| *index <= applied);
        self.confirmed = later;
        for (context, _) in ready {
            for read in self.confirming.remove(&context).unwrap_or_default() {
                match read {
                    Unconfirmed::Call(caller, call) => self.answer_confirmed(caller, call, &mut turn.served),
                    Unconfirmed::Catalog(read) => turn.catalog_reads.push(read),
                }
            }
        }
    }

    /// The rows that came as a snapshot take the place of those that are here.
    fn install(&mut self, now: Now, turn: &mut Turn) -> bool {
        let Arrived { at, generation } = self.arrived.take().expect("begin_turn has looked");
        let old = store_name(self.group, self.generation);
        match super::Machine::reopen(&self.disk, self.group, generation, self.cache_bytes) {
            Ok(opened) => {
                self.machine = opened.machine;
                self.configuration = opened.configuration;
                self.applied = opened.applied;
                self.durable = opened.applied;
                self.durable_at_ms = now.elapsed_ms;
                self.generation = generation;
                self.observe(self.machine.newest_lock());
                self.raft.installed(at);
                turn.catalog_changed |= self.machine.catalog().is_some();
                if let Err(error) = self.disk.remove(&old) {
                    tracing::warn!(group = %self.group, %error, "the old rows stay on the disk");
                }
                true
            }
            Err(why) => {
                self.stop(format!("the snapshot can't be opened: {why}"));
                self.abandon_waiting(&mut turn.served);
                false
            }
        }
    }

    /// Nobody who waits will be told what became of it.
    fn abandon_waiting(&mut self, served: &mut Served) {
        let why = self.stopped.clone().unwrap_or_default();
        let proposals = std::mem::take(&mut self.proposals).into_values();
        served.replies.extend(proposals.map(|one| (one.caller, Err(CallError::Unknown { why: why.clone() }))));
        self.lose_office(served);
    }
}

/// Rows are stored for good at least so often, in milliseconds.
const DURABLE_EVERY_MS: u64 = 2_000;
/// And after so many entries.
const DURABLE_EVERY_ENTRIES: u64 = 20_000;
/// So many entries are kept for replicas that lag.
const KEPT_ENTRIES: u64 = 5_000;
