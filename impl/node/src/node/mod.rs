//! A node: replicas, coordinator and migrator, and the exchange between them.
//!
//! [`Node::step`] takes what happens, [`Node::flush`] makes it durable and says what is to be done. Everything that
//! decides lies between the two, and nothing in it knows a socket, a file or a thread: the edge and the simulator drive
//! the same code.

mod admin;
mod exchange;
mod tending;

use crate::calls::{Calls, Leaders};
use crate::config::{ConfigError, NodeConfig};
use crate::coordinator::Coordinator;
use crate::desk::{Asked, DEFAULT_GROUP, Desk};
use crate::io::{Input, Now, Output, RequestId, TICK_MS};
use crate::migrator::{Migrator, MigratorSettings};
use crate::raft::SharedLog;
use crate::replica::{Beginning, Caller, Replica, ReplicaOptions, Turn};
use crate::work::Worked;
use splitjob_core::catalog::{Catalog, Routes};
use splitjob_core::clock::HybridClock;
use splitjob_core::id::{GroupId, NodeId, VoterId};
use splitjob_store::{Disk, LogBatch, LogStore};
use splitjob_wire::peer::{Answer, CallError, Configuration, PeerMessage};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// A node of a cluster.
pub struct Node {
    config: NodeConfig,
    log: SharedLog,
    replicas: BTreeMap<GroupId, Replica>,
    parts: Parts,
    calls: Calls,
    /// The coordinator's clock.
    clock: HybridClock,
    asked: Vec<Asked>,
    last_call: u64,
    /// What replicas have brought since the last exchange.
    turn: Turn,
    outputs: Vec<Output>,
    works: BTreeMap<u64, (GroupId, Caller)>,
    last_work: u64,
    /// Changes of the log that may wait for the next write.
    carried: Option<LogBatch>,
    /// When each other node was last heard, and whether it can run the protocol.
    heard: BTreeMap<NodeId, Heard>,
    tending: tending::Schedule,
    counters: Counters,
}

/// The deciding parts.
struct Parts {
    coordinator: Coordinator,
    migrator: Migrator,
}

/// What is known of another node.
#[derive(Clone, Copy, Debug)]
struct Heard {
    elapsed_ms: u64,
    wall_ms: u64,
    is_capable: bool,
}

/// What a node counts, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests of clients that came.
    pub requests: u64,
    /// Those that were done.
    pub done: u64,
    /// Those that were refused for good.
    pub refused: u64,
    /// Turns of the log that were made durable.
    pub turns: u64,
}

/// Why a node can't be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The configuration can't be run.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The disk can't be read, or what is on it doesn't fit.
    #[error("{what}: {why}")]
    Disk {
        /// What was opened.
        what: String,
        /// What is wrong.
        why: String,
    },
}

impl Node {
    /// Opens what is on the disk, or begins a new node.
    ///
    /// # Errors
    /// An [`OpenError`].
    pub fn open(config: NodeConfig, disk: &Arc<dyn Disk>, now: Now) -> Result<Node, OpenError> {
        config.check()?;
        let log = LogStore::open(disk.as_ref())
            .map_err(|error| OpenError::Disk { what: "the Raft logs".to_owned(), why: error.to_string() })?;
        let log = Arc::new(log);
        let mut replicas = BTreeMap::new();
        for group in std::iter::once(DEFAULT_GROUP).chain(config.data_groups.iter().copied()) {
            let options = replica_options(&config, group, disk, &log);
            let replica = Replica::open(options, now)
                .map_err(|why| OpenError::Disk { what: format!("the replica of group {group}"), why })?;
            replicas.insert(group, replica);
        }
        remove_leftovers(disk.as_ref(), &replicas);
        let settings = MigratorSettings { pace_ms: config.pace_ms, ..MigratorSettings::default() };
        Ok(Node {
            // No number of an earlier life of this process may be taken for one of this life: a late answer to it would.
            last_call: now.wall.get() << CALL_BITS,
            config,
            log,
            replicas,
            parts: Parts { coordinator: Coordinator::new(), migrator: Migrator::new(settings) },
            calls: Calls::default(),
            clock: HybridClock::new(),
            asked: Vec::new(),
            turn: Turn::default(),
            outputs: Vec::new(),
            works: BTreeMap::new(),
            last_work: 0,
            carried: None,
            heard: BTreeMap::new(),
            tending: tending::Schedule::default(),
            counters: Counters::default(),
        })
    }

    /// This node's number.
    pub fn id(&self) -> NodeId {
        self.config.node
    }

    /// The catalog, as far as this node has applied it.
    pub fn catalog(&self) -> &Catalog {
        self.replicas[&DEFAULT_GROUP].catalog().expect("the default group is the catalog")
    }

    /// What it has counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes what happens. Nothing is durable or said before [`Node::flush`].
    pub fn step(&mut self, now: Now, input: Input) {
        match input {
            Input::Tick => self.tick(now),
            Input::Peer { from, message } => self.hear(now, from, message),
            Input::Unreachable { node } => self.lose(now, node),
            Input::Client { id, request } => self.request(now, id, request),
            Input::Worked { id, result } => self.worked(id, result),
        }
    }

    fn hear(&mut self, now: Now, from: NodeId, message: PeerMessage) {
        if !self.config.members.contains(&from) {
            return;
        }
        let mut turn = std::mem::take(&mut self.turn);
        match message {
            PeerMessage::Raft { group, message } => {
                // A replica speaks for itself alone.
                if let Some(replica) = self.replicas.get_mut(&group).filter(|_| message.from.0 == from.0) {
                    replica.step(message);
                }
            }
            PeerMessage::SnapshotPart(part) => {
                if let Some(replica) = self.replicas.get_mut(&part.group) {
                    replica.take_part(now, from, part, &mut turn);
                }
            }
            PeerMessage::SnapshotAck(ack) => {
                if let Some(replica) = self.replicas.get_mut(&ack.group) {
                    replica.snapshot_acked(now, from, &ack, &mut turn);
                }
            }
            PeerMessage::Call { id, call } => {
                self.turn = turn;
                self.serve(now, Caller::Peer { node: from, id }, call);
                turn = std::mem::take(&mut self.turn);
            }
            PeerMessage::Answer { id, answer } => self.take_answer(now, crate::desk::CallId(id), answer),
            PeerMessage::Heartbeat { is_capable } => {
                let heard = Heard { elapsed_ms: now.elapsed_ms, wall_ms: now.wall.get(), is_capable };
                self.heard.insert(from, heard);
            }
        }
        self.turn = turn;
    }

    fn lose(&mut self, now: Now, node: NodeId) {
        for replica in self.replicas.values_mut() {
            replica.unreachable(VoterId(node.0));
        }
        let mut done = Vec::new();
        self.calls.unreachable(now, node, &mut done);
        self.deliver(now, done);
    }

    fn request(&mut self, now: Now, id: RequestId, request: crate::api::ClientRequest) {
        self.counters.requests += 1;
        match self.answer_itself(now, &request) {
            Some(response) => self.outputs.push(Output::Reply { id, response }),
            None => self.with_desk(now, |parts, desk| parts.coordinator.request(desk, id, request)),
        }
    }

    fn worked(&mut self, id: u64, result: Worked) {
        let Some((group, caller)) = self.works.remove(&id) else { return };
        let answer = match result {
            Worked::Batches(batches) => Ok(Answer::Batches(batches)),
            Worked::Digest { job, work, sums } => {
                if let Some(replica) = self.replicas.get_mut(&group) {
                    replica.digest_base(job, work, sums);
                }
                return;
            }
            Worked::Failed(why) => {
                // Rows that can't be read are a damage that the replica must not serve from.
                if let Some(replica) = self.replicas.get_mut(&group) {
                    replica.damaged(why.clone());
                }
                Err(CallError::Stopped { why })
            }
        };
        self.turn.served.replies.push((caller, answer));
    }

    /// When the node wants the next step at the latest, in milliseconds since the process began.
    pub fn next_wake(&self, now: Now) -> u64 {
        let parts = [self.parts.coordinator.next_wake(), self.parts.migrator.next_wake(), self.calls.next_wake()];
        let next = parts.into_iter().flatten().min().unwrap_or(u64::MAX);
        next.clamp(now.elapsed_ms, now.elapsed_ms + TICK_MS)
    }

    /// Lends the deciding parts what they need.
    fn with_desk<R>(&mut self, now: Now, work: impl FnOnce(&mut Parts, &mut Desk<'_>) -> R) -> R {
        let Node { config, replicas, parts, clock, asked, last_call, .. } = self;
        let catalog = replicas[&DEFAULT_GROUP].catalog().expect("the default group is the catalog");
        let mut desk = Desk { now, node: config.node, catalog, clock, asked, last_call };
        work(parts, &mut desk)
    }
}

/// Where calls look for leaders.
struct Known<'a> {
    replicas: &'a BTreeMap<GroupId, Replica>,
    config: &'a NodeConfig,
}

impl Leaders for Known<'_> {
    fn leader(&self, group: GroupId) -> Option<NodeId> {
        self.replicas.get(&group).filter(|replica| replica.stopped().is_none()).and_then(Replica::leader)
    }

    fn members(&self, group: GroupId) -> Vec<NodeId> {
        let voters = self.replicas.get(&group).map(|replica| replica.configuration().voters.clone());
        match voters.filter(|voters| !voters.is_empty()) {
            Some(voters) => voters.into_iter().map(|voter| NodeId(voter.0)).collect(),
            None => self.config.first_voters.iter().copied().collect(),
        }
    }
}

/// Files of snapshots that were never finished, or of rows that a snapshot has replaced, are nobody's.
fn remove_leftovers(disk: &dyn Disk, replicas: &BTreeMap<GroupId, Replica>) {
    let kept: Vec<String> = replicas.values().map(Replica::file).collect();
    for name in disk.list().unwrap_or_default() {
        if name.starts_with("group-")
            && !kept.contains(&name)
            && let Err(error) = disk.remove(&name)
        {
            tracing::warn!(%name, %error, "a file that nobody needs stays");
        }
    }
}

fn replica_options(config: &NodeConfig, group: GroupId, disk: &Arc<dyn Disk>, log: &SharedLog) -> ReplicaOptions {
    let owner = config.data_groups[0];
    let beginning = if group == DEFAULT_GROUP {
        let groups = config.data_groups.iter().copied().collect();
        Beginning::Catalog(Catalog::new(owner, groups, config.limits.clone()))
    } else {
        Beginning::Data(Routes::one(owner))
    };
    let voters = config.first_voters.iter().map(|node| VoterId(node.0)).collect();
    let is_first = config.first_voters.contains(&config.node);
    ReplicaOptions {
        group,
        me: VoterId(config.node.0),
        disk: Arc::clone(disk),
        log: Arc::clone(log),
        cache_bytes: config.cache_bytes,
        seed: config.seed,
        beginning,
        first: is_first.then(|| Configuration { voters, ..Configuration::default() }),
    }
}

/// So many calls in one millisecond of a process's life are told apart from those of the next.
const CALL_BITS: u32 = 16;
