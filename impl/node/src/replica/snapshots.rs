//! Snapshots on their way: a leader's rows, in bounded parts, to a replica that lags too far (A5).
//!
//! Raft's own message is only an announcement. It travels with the last part, and the receiver's Raft learns of it when
//! everything is durable in a file of its own; which file counts is switched by the log, in the write that resets it.

use super::machine::store_name;
use super::turn::Turn;
use super::{Arrived, Prepared, Replica};
use crate::io::Now;
use splitjob_core::id::{NodeId, VoterId};
use splitjob_store::{Checkpoint, LogPosition, SnapshotChunks, SnapshotWriter};
use splitjob_wire::peer::{
    PeerMessage, RaftMessage, SnapshotAck, SnapshotEnd, SnapshotMeta, SnapshotOutcome, SnapshotPart,
};
use splitjob_wire::record::encode_configuration;

/// A snapshot that is being sent to one replica.
pub(super) struct Outgoing {
    meta: SnapshotMeta,
    state: Vec<u8>,
    message: RaftMessage,
    chunks: SnapshotChunks,
    /// The part that was sent last, until the receiver asks for the next one.
    sent: Option<SnapshotPart>,
    next_seq: u64,
    heard_at_ms: u64,
    repeated_at_ms: u64,
}

/// A snapshot that is coming.
pub(super) struct Incoming {
    from: NodeId,
    at: LogPosition,
    generation: u64,
    next_seq: u64,
    writer: SnapshotWriter,
    heard_at_ms: u64,
}

impl Replica {
    /// Prepares a snapshot if a replica needs one; drops one that has become old.
    pub(crate) fn prepare_snapshots(&mut self, now: Now) {
        let is_old = |prepared: &Prepared| now.elapsed_ms >= prepared.at_ms + PREPARED_MS;
        if self.outgoing.is_empty() && self.prepared.as_ref().is_some_and(is_old) {
            self.prepared = None;
            self.raft.prepare_snapshot(None);
        }
        if !self.raft.takes_snapshot() || !self.raft.is_leader() || self.applied.index == 0 {
            return;
        }
        let view = match self.machine.store().view() {
            Ok(view) => view,
            Err(error) => return self.stop(error.to_string()),
        };
        let meta = SnapshotMeta {
            index: self.applied.index,
            term: self.applied.term,
            configuration: self.configuration.clone(),
        };
        self.raft.prepare_snapshot(Some(meta.clone()));
        self.prepared = Some(Prepared { meta, state: self.machine.encoded_state(), view, at_ms: now.elapsed_ms });
    }

    /// Raft wants the prepared snapshot sent.
    pub(super) fn begin_sending(&mut self, now: Now, message: RaftMessage, turn: &mut Turn) {
        let to = message.to;
        let announced = message.snapshot.as_ref();
        let Some(prepared) = self.prepared.as_ref().filter(|prepared| announced == Some(&prepared.meta)) else {
            return self.raft.report_snapshot(to, false);
        };
        if self.outgoing.get(&to).is_some_and(|outgoing| outgoing.meta == prepared.meta) {
            return;
        }
        let outgoing = Outgoing {
            meta: prepared.meta.clone(),
            state: prepared.state.clone(),
            message,
            chunks: prepared.view.snapshot_chunks(PART_BYTES),
            sent: None,
            next_seq: 0,
            heard_at_ms: now.elapsed_ms,
            repeated_at_ms: now.elapsed_ms,
        };
        self.outgoing.insert(to, outgoing);
        self.send_part(now, to, turn);
    }

    fn send_part(&mut self, now: Now, to: VoterId, turn: &mut Turn) {
        let Some(outgoing) = self.outgoing.get_mut(&to) else { return };
        if outgoing.sent.is_none() {
            match outgoing.next_part(self.group) {
                Ok(part) => outgoing.sent = Some(part),
                Err(why) => {
                    self.outgoing.remove(&to);
                    self.raft.report_snapshot(to, false);
                    return self.stop(why);
                }
            }
        }
        let part = outgoing.sent.clone().expect("a part was made just before");
        outgoing.repeated_at_ms = now.elapsed_ms;
        turn.sends.push((NodeId(to.0), PeerMessage::SnapshotPart(part)));
    }

    /// The receiver says how far it has come.
    pub(crate) fn snapshot_acked(&mut self, now: Now, from: NodeId, ack: &SnapshotAck, turn: &mut Turn) {
        let to = VoterId(from.0);
        let Some(outgoing) = self.outgoing.get_mut(&to) else { return };
        if outgoing.meta.index != ack.index {
            return;
        }
        outgoing.heard_at_ms = now.elapsed_ms;
        match ack.outcome {
            SnapshotOutcome::Going if ack.next_seq == outgoing.next_seq => {
                outgoing.sent = None;
                self.send_part(now, to, turn);
            }
            // It repeats what was asked before, or wants what is gone.
            SnapshotOutcome::Going if ack.next_seq + 1 == outgoing.next_seq => {}
            SnapshotOutcome::Going | SnapshotOutcome::Failed => self.end_sending(to, false),
            SnapshotOutcome::Complete => self.end_sending(to, true),
        }
    }

    fn end_sending(&mut self, to: VoterId, is_complete: bool) {
        self.outgoing.remove(&to);
        self.raft.report_snapshot(to, is_complete);
    }

    /// Repeats what may be lost, and gives up what nobody takes.
    pub(crate) fn tend_snapshots(&mut self, now: Now, turn: &mut Turn) {
        let silent = |heard_at_ms: u64| now.elapsed_ms >= heard_at_ms + SILENCE_MS;
        let mut lost = Vec::new();
        let mut late = Vec::new();
        for (to, outgoing) in &self.outgoing {
            if silent(outgoing.heard_at_ms) || !self.raft.is_leader() {
                lost.push(*to);
            } else if now.elapsed_ms >= outgoing.repeated_at_ms + REPEAT_MS {
                late.push(*to);
            }
        }
        lost.into_iter().for_each(|to| self.end_sending(to, false));
        late.into_iter().for_each(|to| self.send_part(now, to, turn));
        if self.incoming.as_ref().is_some_and(|incoming| silent(incoming.heard_at_ms)) {
            self.drop_incoming();
        }
    }

    fn drop_incoming(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            drop(incoming.writer);
            // What stays is removed when the replica is opened the next time.
            let _ = self.disk.remove(&store_name(self.group, incoming.generation));
        }
    }

    /// A part of a snapshot has come.
    pub(crate) fn take_part(&mut self, now: Now, from: NodeId, part: SnapshotPart, turn: &mut Turn) {
        let at = LogPosition { index: part.index, term: part.term };
        if self.stopped.is_some() || self.arrived.is_some() || at.index <= self.applied.index {
            return self.acknowledge(from, part.index, part.seq, SnapshotOutcome::Failed, turn);
        }
        let is_known = self.incoming.as_ref().is_some_and(|incoming| incoming.from == from && incoming.at == at);
        if !is_known && part.seq == 0 && !self.begin_receiving(now, from, at) {
            return self.acknowledge(from, part.index, 0, SnapshotOutcome::Failed, turn);
        }
        let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.from == from && incoming.at == at)
        else {
            return self.acknowledge(from, part.index, 0, SnapshotOutcome::Failed, turn);
        };
        incoming.heard_at_ms = now.elapsed_ms;
        if part.seq != incoming.next_seq {
            let next_seq = incoming.next_seq;
            return self.acknowledge(from, part.index, next_seq, SnapshotOutcome::Going, turn);
        }
        match incoming.writer.push(&part.rows) {
            Ok(()) => incoming.next_seq += 1,
            Err(error) => {
                tracing::warn!(group = %self.group, %error, "a part of a snapshot can't be taken");
                self.drop_incoming();
                return self.acknowledge(from, part.index, part.seq, SnapshotOutcome::Failed, turn);
            }
        }
        let next_seq = incoming.next_seq;
        match part.last {
            None => self.acknowledge(from, part.index, next_seq, SnapshotOutcome::Going, turn),
            Some(last) => self.complete(from, last, turn),
        }
    }

    fn begin_receiving(&mut self, now: Now, from: NodeId, at: LogPosition) -> bool {
        self.drop_incoming();
        let generation = self.generation.max(self.last_generation) + 1;
        self.last_generation = generation;
        match SnapshotWriter::create(self.disk.as_ref(), &store_name(self.group, generation)) {
            Ok(writer) => {
                self.incoming =
                    Some(Incoming { from, at, generation, next_seq: 0, writer, heard_at_ms: now.elapsed_ms });
                true
            }
            Err(error) => {
                tracing::warn!(group = %self.group, %error, "a snapshot can't be taken");
                false
            }
        }
    }

    /// Everything is here: Raft learns of it, and decides whether it is newer than what it has.
    fn complete(&mut self, from: NodeId, last: SnapshotEnd, turn: &mut Turn) {
        let Some(incoming) = self.incoming.take() else { return };
        let meta = last.message.snapshot.clone().unwrap_or_default();
        let checkpoint = Checkpoint {
            applied: incoming.at,
            state: last.state,
            configuration: encode_configuration(&meta.configuration),
        };
        let fits = meta.index == incoming.at.index && meta.term == incoming.at.term;
        let finished = if fits {
            incoming.writer.finish(&checkpoint).map_err(|error| error.to_string())
        } else {
            Err("the announcement names another snapshot".to_owned())
        };
        let stepped = finished.and_then(|()| {
            self.arrived = Some(Arrived { at: incoming.at, generation: incoming.generation });
            self.raft.step(last.message).map_err(|error| error.to_string())
        });
        let outcome = match stepped {
            Ok(()) => SnapshotOutcome::Complete,
            Err(why) => {
                tracing::warn!(group = %self.group, %why, "a snapshot can't be taken");
                SnapshotOutcome::Failed
            }
        };
        self.acknowledge(from, incoming.at.index, incoming.next_seq, outcome, turn);
    }

    /// Raft has looked at what came: if it didn't want it, the file goes.
    pub(crate) fn drop_unwanted_arrival(&mut self) {
        if let Some(arrived) = self.arrived.take_if(|_| !self.raft.has_ready()) {
            let _ = self.disk.remove(&store_name(self.group, arrived.generation));
        }
    }

    fn acknowledge(&self, to: NodeId, index: u64, next_seq: u64, outcome: SnapshotOutcome, turn: &mut Turn) {
        let ack = SnapshotAck { group: self.group, index, next_seq, outcome };
        turn.sends.push((to, PeerMessage::SnapshotAck(ack)));
    }
}

impl Outgoing {
    fn next_part(&mut self, group: splitjob_core::id::GroupId) -> Result<SnapshotPart, String> {
        let rows = self.chunks.next().transpose().map_err(|error| error.to_string())?;
        let last = rows.is_none().then(|| SnapshotEnd { state: self.state.clone(), message: self.message.clone() });
        let part = SnapshotPart {
            group,
            index: self.meta.index,
            term: self.meta.term,
            seq: self.next_seq,
            rows: rows.unwrap_or_default(),
            last,
        };
        self.next_seq += 1;
        Ok(part)
    }
}

/// The bytes of one part.
const PART_BYTES: usize = 1 << 20;
/// A prepared snapshot that nobody takes is dropped after so many milliseconds: its view keeps pages from being reused.
const PREPARED_MS: u64 = 30_000;
/// After so many milliseconds without a word the other side is given up.
const SILENCE_MS: u64 = 10_000;
/// A part that isn't acknowledged is sent again after so many milliseconds.
const REPEAT_MS: u64 = 1_000;
