//! A replica of a group: its Raft log, its state machine, and who waits for what of it.
//!
//! Nothing here decides about requests or jobs: commands go into the log and come out of it, and the core's `apply`,
//! `read`, `status` and `report` say what they do.

mod digests;
mod housekeeping;
mod machine;
mod serve;
mod snapshots;
mod turn;

pub(crate) use machine::{Beginning, Machine};
pub(crate) use serve::Served;
pub(crate) use turn::Turn;

use crate::desk::CallId;
use crate::io::Now;
use crate::raft::{RaftGroup, RaftOptions, SharedLog};
use digests::Digests;
use machine::{Checkpointed, Opened};
use snapshots::{Incoming, Outgoing};
use splitjob_core::catalog::Catalog;
use splitjob_core::clock::HybridClock;
use splitjob_core::group::ReadRequest;
use splitjob_core::id::{GroupId, NodeId, VoterId};
use splitjob_core::timestamp::Timestamp;
use splitjob_store::{Disk, GroupLog, LogPosition};
use splitjob_wire::peer::{Answer, Call, CallError, Configuration, RaftMessage, SnapshotMeta};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Another node, by its own number for the call.
    Peer { node: NodeId, id: u64 },
    /// This node.
    Local(CallId),
    /// Nobody.
    Nobody,
}

/// An answer on its way.
pub(crate) type Reply = (Caller, Result<Answer, CallError>);

/// A replica of a group.
pub(crate) struct Replica {
    group: GroupId,
    me: VoterId,
    disk: Arc<dyn Disk>,
    cache_bytes: usize,
    raft: RaftGroup,
    machine: Machine,
    applied: LogPosition,
    configuration: Configuration,
    /// Where the rows stand on the disk for good.
    durable: LogPosition,
    durable_at_ms: u64,
    generation: u64,
    /// The last one that was begun: a name is never used twice by one process.
    last_generation: u64,
    /// Issues the timestamps that this replica persists while it leads (T1, T4).
    clock: HybridClock,
    /// Proposals by their position in the log.
    proposals: BTreeMap<u64, Proposal>,
    /// Calls of other nodes that went into the log lately. A message may come twice (A2), and a write without a timestamp
    /// that is proposed twice is two writes.
    accepted: BTreeSet<(NodeId, u64)>,
    /// Reads that need to know that this replica leads, not asked for yet.
    unconfirmed: Vec<Unconfirmed>,
    /// Those that are asked for, by the context of the question.
    confirming: BTreeMap<u64, Vec<Unconfirmed>>,
    /// Those that may be answered once so much is applied.
    confirmed: Vec<(u64, u64)>,
    last_context: u64,
    /// Reads of the newest values that wait for a bound, and those whose bound is in the log (T5).
    unbound: Vec<(Caller, ReadRequest)>,
    binding: Option<Binding>,
    digests: Digests,
    prepared: Option<Prepared>,
    outgoing: BTreeMap<VoterId, Outgoing>,
    incoming: Option<Incoming>,
    /// A snapshot that is complete and waits for Raft to take it.
    arrived: Option<Arrived>,
    housekeeping: housekeeping::Schedule,
    stopped: Option<String>,
}

/// A read that only a leader may answer.
enum Unconfirmed {
    /// Another part of the cluster asks.
    Call(Caller, Call),
    /// This node's migrator wants to know that the catalog is as new as its question.
    Catalog(u64),
}

/// A command in the log whose proposer waits.
struct Proposal {
    term: u64,
    caller: Caller,
}

/// A bound in the log, and the reads that wait for it.
struct Binding {
    at: LogPosition,
    read_ts: Timestamp,
    reads: Vec<(Caller, ReadRequest)>,
}

/// A snapshot that can be sent.
struct Prepared {
    meta: SnapshotMeta,
    state: Vec<u8>,
    view: splitjob_store::StoreView,
    at_ms: u64,
}

/// A snapshot that has come.
struct Arrived {
    at: LogPosition,
    generation: u64,
}

/// What a replica is opened with.
pub(crate) struct ReplicaOptions {
    pub(crate) group: GroupId,
    pub(crate) me: VoterId,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: SharedLog,
    pub(crate) cache_bytes: usize,
    pub(crate) seed: u64,
    pub(crate) beginning: Beginning,
    /// The first voters, if this replica is one of them; a replica that joins later begins with a snapshot.
    pub(crate) first: Option<Configuration>,
}

impl Replica {
    /// Opens the replica from its disk, or begins it.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub(crate) fn open(options: ReplicaOptions, now: Now) -> Result<Replica, String> {
        let first = Checkpointed {
            applied: if options.first.is_some() { FIRST } else { LogPosition::default() },
            configuration: options.first.clone().unwrap_or_default(),
        };
        let stored = open_log(&options, first.applied)?;
        let Opened { machine, applied, configuration } = Machine::open(
            &options.disk,
            options.group,
            stored.generation,
            options.cache_bytes,
            options.beginning,
            &first,
        )?;
        let raft_options = RaftOptions {
            group: options.group,
            me: options.me,
            seed: options.seed,
            applied,
            configuration: configuration.clone(),
        };
        let raft = RaftGroup::open(&raft_options, options.log, &stored).map_err(|error| error.to_string())?;
        let newest_lock = machine.newest_lock();
        let mut replica = Replica {
            group: options.group,
            me: options.me,
            disk: options.disk,
            cache_bytes: options.cache_bytes,
            raft,
            machine,
            applied,
            configuration,
            durable: applied,
            durable_at_ms: now.elapsed_ms,
            generation: stored.generation,
            last_generation: stored.generation,
            clock: HybridClock::new(),
            proposals: BTreeMap::new(),
            accepted: BTreeSet::new(),
            unconfirmed: Vec::new(),
            confirming: BTreeMap::new(),
            confirmed: Vec::new(),
            last_context: 0,
            unbound: Vec::new(),
            binding: None,
            digests: Digests::default(),
            prepared: None,
            outgoing: BTreeMap::new(),
            incoming: None,
            arrived: None,
            housekeeping: housekeeping::Schedule::default(),
            stopped: None,
        };
        replica.observe(newest_lock);
        Ok(replica)
    }

    /// The replica's clock goes on above what a lock here will become: its transaction may be committed elsewhere and
    /// acknowledged, and a read of the newest value must then meet the lock (T4, X5).
    fn observe(&mut self, ts: Timestamp) {
        // The greatest timestamp is above every ceiling: no lock has it.
        let _ = self.clock.observe(ts);
    }

    /// A message of another replica of the group.
    pub(crate) fn step(&mut self, message: RaftMessage) {
        if self.stopped.is_some() || RaftGroup::announces_snapshot(&message) {
            // A snapshot is announced by its last part, when its contents are here.
            return;
        }
        if let Err(error) = self.raft.step(message) {
            tracing::debug!(group = %self.group, %error, "a Raft message changed nothing");
        }
    }

    /// The name of the file that has its rows.
    pub(crate) fn file(&self) -> String {
        machine::store_name(self.group, self.generation)
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) {
        if self.stopped.is_none() {
            self.raft.tick();
        }
    }

    /// Another node can't be reached.
    pub(crate) fn unreachable(&mut self, voter: VoterId) {
        if self.stopped.is_none() {
            self.raft.report_unreachable(voter);
        }
    }

    /// Its rows or its log are damaged, or can't be written: it must not go on.
    pub(crate) fn damaged(&mut self, why: String) {
        if self.stopped.is_none() {
            self.stop(why);
        }
    }

    /// Puts a command into the log that nobody waits for.
    pub(crate) fn propose_unasked(&mut self, data: Vec<u8>) {
        self.propose_data(Caller::Nobody, data, &mut Served::default());
    }

    /// The catalog, if it is that.
    pub(crate) fn catalog(&self) -> Option<&Catalog> {
        self.machine.catalog()
    }

    /// The leader, as far as is known.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.raft.leader().map(|voter| NodeId(voter.0))
    }

    /// Whether this replica leads and has applied everything that was committed before its election (A1).
    pub(crate) fn serves_as_leader(&self) -> bool {
        self.stopped.is_none() && self.raft.can_read_index() && self.has_applied_own_term()
    }

    fn has_applied_own_term(&self) -> bool {
        self.applied.term == self.raft.term()
    }

    /// The members of the group.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// What an operator sees of it.
    pub(crate) fn view(&self) -> crate::api::GroupView {
        let nodes = |voters: &std::collections::BTreeSet<VoterId>| voters.iter().map(|voter| NodeId(voter.0)).collect();
        crate::api::GroupView {
            group: self.group,
            leader: self.leader(),
            term: self.raft.term(),
            voters: nodes(&self.configuration.voters),
            learners: nodes(&self.configuration.learners),
            applied: self.applied.index,
            committed: self.raft.committed(),
            catalog_version: self.machine.catalog_version(),
            stopped: self.stopped.clone(),
        }
    }

    /// Why it has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// The replica can't go on: it answers nothing that it could be wrong about.
    fn stop(&mut self, why: String) {
        tracing::error!(group = %self.group, %why, "the replica stops");
        self.stopped = Some(why);
    }
}

/// The group's part of the log; begun where the first voters begin.
fn open_log(options: &ReplicaOptions, first: LogPosition) -> Result<GroupLog, String> {
    let group = options.group.0;
    if let Some(stored) = options.log.load(group).map_err(|error| error.to_string())? {
        return Ok(stored);
    }
    let mut batch = options.log.batch();
    batch.create(group, first);
    options.log.commit(batch).map_err(|error| error.to_string())?;
    let created = options.log.load(group).map_err(|error| error.to_string())?;
    Ok(created.expect("a log that was just created is there"))
}

/// Where the logs of the first voters begin: the configuration of the cluster stands for everything before.
const FIRST: LogPosition = LogPosition { index: 1, term: 1 };
