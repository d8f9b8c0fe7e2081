//! What time brings: elections, heartbeats, reports of nodes, ceilings, snapshots, locks left behind.

use super::{Known, Node};
use crate::config::HEARTBEAT_MS;
use crate::desk::DEFAULT_GROUP;
use crate::io::{Now, Output, TICK_MS};
use crate::replica::Replica;
use splitjob_core::catalog::{CatalogCommand, NodeReport};
use splitjob_core::id::NodeId;
use splitjob_wire::entry::encode_catalog_command;
use splitjob_wire::peer::PeerMessage;
use std::collections::{BTreeMap, BTreeSet};

/// When what was done last.
#[derive(Default)]
pub(super) struct Schedule {
    ticked_at_ms: u64,
    heartbeat_at_ms: u64,
    reported_at_ms: u64,
    swept_at_ms: u64,
    /// The migrator was told that this node leads the default group.
    pub(super) leads: bool,
}

impl Node {
    /// Time has passed.
    pub(super) fn tick(&mut self, now: Now) {
        if now.elapsed_ms >= self.tending.ticked_at_ms + TICK_MS {
            // A process that was held up counts one tick: it must not take its own pause for the leader's silence.
            self.tending.ticked_at_ms = now.elapsed_ms;
            self.replicas.values_mut().for_each(Replica::tick);
            self.keep_house(now);
            self.heartbeat(now);
            self.report_nodes(now);
            self.tell_migrator(now);
        }
        let (mut out, mut done) = (Vec::new(), Vec::new());
        let known = Known { replicas: &self.replicas, config: &self.config };
        self.calls.tend(now, &known, &mut out, &mut done);
        self.make(now, out);
        self.deliver(now, done);
        self.with_desk(now, |parts, desk| {
            parts.coordinator.woken(desk);
            parts.migrator.woken(desk);
        });
    }

    fn keep_house(&mut self, now: Now) {
        let routes = self.catalog().routes().clone();
        let retention_ms = self.config.retention_ms;
        let mut turn = std::mem::take(&mut self.turn);
        let mut batch = self.carried.take().unwrap_or_else(|| self.log.batch());
        let mut expired = Vec::new();
        for replica in self.replicas.values_mut() {
            replica.keep_house(now, &routes, retention_ms);
            replica.prepare_snapshots(now);
            replica.tend_snapshots(now, &mut turn);
            replica.tend_digests(&mut turn.served);
            replica.drop_unwanted_arrival();
            replica.truncate_log(&mut batch);
            expired.extend(replica.expired_locks(now));
        }
        self.carried = Some(batch).filter(|batch| !batch.is_empty());
        self.turn = turn;
        self.with_desk(now, |parts, desk| {
            for (key, lock) in expired {
                parts.coordinator.settle(desk, key, lock);
            }
        });
    }

    fn heartbeat(&mut self, now: Now) {
        // Twice as often as it must be heard: one may get lost.
        if now.elapsed_ms < self.tending.heartbeat_at_ms + HEARTBEAT_MS / 2 {
            return;
        }
        self.tending.heartbeat_at_ms = now.elapsed_ms;
        let is_capable = self.config.is_capable;
        for to in self.config.members.iter().copied().filter(|node| *node != self.config.node) {
            self.outputs.push(Output::Send { to, message: PeerMessage::Heartbeat { is_capable } });
        }
    }

    /// The default group's leader tells the catalog which nodes are active, and what they can do (V1); and sweeps the
    /// history (J6).
    fn report_nodes(&mut self, now: Now) {
        if !self.replicas[&DEFAULT_GROUP].serves_as_leader() {
            return;
        }
        if now.elapsed_ms >= self.tending.reported_at_ms + HEARTBEAT_MS / 2 {
            self.tending.reported_at_ms = now.elapsed_ms;
            let nodes = self.active_nodes(now);
            self.propose_catalog(&CatalogCommand::ReportNodes { nodes });
        }
        if now.elapsed_ms >= self.tending.swept_at_ms + SWEEP_EVERY_MS {
            self.tending.swept_at_ms = now.elapsed_ms;
            self.propose_catalog(&CatalogCommand::SweepHistory { now_ms: now.wall.get() });
        }
    }

    fn propose_catalog(&mut self, command: &CatalogCommand) {
        let data = encode_catalog_command(command);
        if let Some(catalog) = self.replicas.get_mut(&DEFAULT_GROUP) {
            catalog.propose_unasked(data);
        }
    }

    /// The nodes that have a replica in some group's configuration.
    fn active_nodes(&self, now: Now) -> BTreeMap<NodeId, NodeReport> {
        let configurations = self.replicas.values().map(Replica::configuration);
        let voters: BTreeSet<NodeId> = configurations
            .flat_map(|one| one.voters.iter().chain(&one.voters_outgoing).chain(&one.learners))
            .map(|voter| NodeId(voter.0))
            .collect();
        let report = |node: NodeId| match self.heard.get(&node) {
            _ if node == self.config.node => {
                NodeReport { is_capable: self.config.is_capable, heard_at_ms: now.wall.get() }
            }
            Some(heard) => NodeReport { is_capable: heard.is_capable, heard_at_ms: heard.wall_ms },
            None => NodeReport { is_capable: false, heard_at_ms: 0 },
        };
        voters.into_iter().map(|node| (node, report(node))).collect()
    }
}

/// The history of jobs is swept so often, in milliseconds (§14).
const SWEEP_EVERY_MS: u64 = 60_000;
