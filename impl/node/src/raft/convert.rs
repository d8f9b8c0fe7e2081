//! Between the Raft library's own types and ours: what comes over the network never reaches the library's protobuf.

use prost::Message as _;
use raft::eraftpb::{
    ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState, Entry, EntryType, Message, MessageType, Snapshot,
};
use splitjob_core::id::VoterId;
use splitjob_store::LogRecord;
use splitjob_wire::peer::{Configuration, LogEntry, RaftMessage, SnapshotMeta, VoterChange};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why something isn't a message of Raft.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ConvertError {
    /// The library has no message of this kind, or none that comes from another replica.
    #[error("a message of kind {kind} doesn't come from another replica")]
    Kind {
        /// The number.
        kind: u32,
    },
    /// The library has no entry of this kind.
    #[error("there is no log entry of kind {kind}")]
    EntryKind {
        /// The number.
        kind: u32,
    },
    /// The bytes are no change of configuration.
    #[error("an entry that should change the configuration can't be read: {why}")]
    Change {
        /// What is wrong.
        why: String,
    },
}

/// The library's message, from one that came over the network.
///
/// # Errors
/// [`ConvertError`] for kinds that only a replica itself gives to itself. A proposal of another replica is among them:
/// it would be parsed before anything checks it.
pub(crate) fn to_library(message: RaftMessage) -> Result<Message, ConvertError> {
    let mut to = Message::default();
    to.set_msg_type(message_type(message.kind)?);
    to.to = message.to.0;
    to.from = message.from.0;
    to.term = message.term;
    to.log_term = message.log_term;
    to.index = message.index;
    let entries: Result<Vec<Entry>, ConvertError> = message.entries.into_iter().map(entry_to_library).collect();
    to.entries = entries?.into();
    to.commit = message.commit;
    to.commit_term = message.commit_term;
    if let Some(meta) = message.snapshot {
        to.set_snapshot(snapshot_to_library(&meta));
    }
    to.request_snapshot = message.request_snapshot;
    to.reject = message.reject;
    to.reject_hint = message.reject_hint;
    to.context = message.context.into();
    to.priority = message.priority;
    Ok(to)
}

/// Our message, from the library's.
pub(crate) fn from_library(message: Message) -> RaftMessage {
    let snapshot = message.has_snapshot().then(|| meta_from_library(message.get_snapshot()));
    RaftMessage {
        kind: message.get_msg_type() as u32,
        to: VoterId(message.to),
        from: VoterId(message.from),
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        entries: message.entries.into_iter().map(entry_from_library).collect(),
        commit: message.commit,
        commit_term: message.commit_term,
        snapshot,
        request_snapshot: message.request_snapshot,
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: message.context.to_vec(),
        priority: message.priority,
    }
}

/// Only kinds that one replica sends to another.
fn message_type(kind: u32) -> Result<MessageType, ConvertError> {
    const FROM_OTHERS: [MessageType; 13] = [
        MessageType::MsgAppend,
        MessageType::MsgAppendResponse,
        MessageType::MsgRequestVote,
        MessageType::MsgRequestVoteResponse,
        MessageType::MsgSnapshot,
        MessageType::MsgHeartbeat,
        MessageType::MsgHeartbeatResponse,
        MessageType::MsgTransferLeader,
        MessageType::MsgTimeoutNow,
        MessageType::MsgReadIndex,
        MessageType::MsgReadIndexResp,
        MessageType::MsgRequestPreVote,
        MessageType::MsgRequestPreVoteResponse,
    ];
    FROM_OTHERS.into_iter().find(|known| *known as u32 == kind).ok_or(ConvertError::Kind { kind })
}

fn entry_to_library(entry: LogEntry) -> Result<Entry, ConvertError> {
    let mut to = Entry::default();
    to.set_entry_type(entry_type(entry.kind)?);
    to.term = entry.term;
    to.index = entry.index;
    to.data = entry.data.into();
    to.context = entry.context.into();
    Ok(to)
}

fn entry_type(kind: u32) -> Result<EntryType, ConvertError> {
    const KINDS: [EntryType; 3] = [EntryType::EntryNormal, EntryType::EntryConfChange, EntryType::EntryConfChangeV2];
    KINDS.into_iter().find(|known| *known as u32 == kind).ok_or(ConvertError::EntryKind { kind })
}

pub(crate) fn entry_from_library(entry: Entry) -> LogEntry {
    LogEntry {
        kind: entry.get_entry_type() as u32,
        term: entry.term,
        index: entry.index,
        data: entry.data.into(),
        context: entry.context.into(),
    }
}

/// The library's entry, from one that was stored.
pub(crate) fn record_to_library(record: LogRecord) -> Result<Entry, ConvertError> {
    let LogRecord { index, term, kind, data, context } = record;
    entry_to_library(LogEntry { kind, term, index, data, context })
}

/// The entry as it is stored.
pub(crate) fn record_from_library(entry: &Entry) -> LogRecord {
    LogRecord {
        index: entry.index,
        term: entry.term,
        kind: entry.get_entry_type() as u32,
        data: entry.data.to_vec(),
        context: entry.context.to_vec(),
    }
}

/// A snapshot without contents: those travel on their own.
pub(crate) fn snapshot_to_library(meta: &SnapshotMeta) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let to = snapshot.mut_metadata();
    to.index = meta.index;
    to.term = meta.term;
    to.set_conf_state(conf_state(&meta.configuration));
    snapshot
}

/// What a snapshot reaches to.
pub(crate) fn meta_from_library(snapshot: &Snapshot) -> SnapshotMeta {
    let meta = snapshot.get_metadata();
    SnapshotMeta { index: meta.index, term: meta.term, configuration: configuration(meta.get_conf_state()) }
}

/// The library's form of a configuration.
pub(crate) fn conf_state(configuration: &Configuration) -> ConfState {
    let numbers = |voters: &BTreeSet<VoterId>| voters.iter().map(|voter| voter.0).collect::<Vec<u64>>();
    let mut to = ConfState::default();
    to.set_voters(numbers(&configuration.voters));
    to.set_learners(numbers(&configuration.learners));
    to.set_voters_outgoing(numbers(&configuration.voters_outgoing));
    to.set_learners_next(numbers(&configuration.learners_next));
    to.auto_leave = configuration.auto_leave;
    to
}

/// Our form of a configuration.
pub(crate) fn configuration(from: &ConfState) -> Configuration {
    let voters = |numbers: &[u64]| numbers.iter().copied().map(VoterId).collect::<BTreeSet<VoterId>>();
    Configuration {
        voters: voters(from.get_voters()),
        learners: voters(from.get_learners()),
        voters_outgoing: voters(from.get_voters_outgoing()),
        learners_next: voters(from.get_learners_next()),
        auto_leave: from.auto_leave,
    }
}

/// The library's form of a change.
pub(crate) fn change_to_library(change: VoterChange) -> ConfChangeV2 {
    let (kind, voter) = match change {
        VoterChange::AddLearner(voter) => (ConfChangeType::AddLearnerNode, voter),
        VoterChange::AddVoter(voter) => (ConfChangeType::AddNode, voter),
        VoterChange::Remove(voter) => (ConfChangeType::RemoveNode, voter),
    };
    let mut single = ConfChangeSingle::default();
    single.set_change_type(kind);
    single.node_id = voter.0;
    let mut to = ConfChangeV2::default();
    to.set_changes(vec![single].into());
    to
}

/// A change of configuration, from the data of an entry: read by our own parser, since an entry comes over the network.
pub(crate) fn change_from_entry(data: &[u8]) -> Result<ConfChangeV2, ConvertError> {
    let read = ChangeBytes::decode(data).map_err(|error| ConvertError::Change { why: error.to_string() })?;
    let mut to = ConfChangeV2::default();
    let mut changes = Vec::new();
    for single in read.changes {
        let mut change = ConfChangeSingle::default();
        change.set_change_type(match single.kind {
            0 => ConfChangeType::AddNode,
            1 => ConfChangeType::RemoveNode,
            2 => ConfChangeType::AddLearnerNode,
            other => return Err(ConvertError::Change { why: format!("there is no change of kind {other}") }),
        });
        change.node_id = single.node;
        changes.push(change);
    }
    to.set_changes(changes.into());
    Ok(to)
}

/// The library's encoding of a change; its transition is always the automatic one.
#[derive(Clone, PartialEq, prost::Message)]
struct ChangeBytes {
    #[prost(message, repeated, tag = "2")]
    changes: Vec<SingleBytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SingleBytes {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint64, tag = "2")]
    node: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use protobuf::Message as _;

    #[test]
    fn a_change_survives_its_way_through_an_entry() {
        for change in
            [VoterChange::AddLearner(VoterId(4)), VoterChange::AddVoter(VoterId(5)), VoterChange::Remove(VoterId(6))]
        {
            let sent = change_to_library(change);
            let data = sent.write_to_bytes().expect("a change can always be written");
            assert_eq!(change_from_entry(&data), Ok(sent));
        }
    }

    #[test]
    fn a_proposal_of_another_replica_is_refused_before_it_is_parsed() {
        let proposal = RaftMessage { kind: MessageType::MsgPropose as u32, ..RaftMessage::default() };
        assert_eq!(to_library(proposal).err(), Some(ConvertError::Kind { kind: 2 }));
    }

    #[test]
    fn a_configuration_survives_its_way_through_the_library() {
        let of = |numbers: &[u64]| numbers.iter().copied().map(VoterId).collect::<BTreeSet<VoterId>>();
        let sent = Configuration {
            voters: of(&[1, 2, 4]),
            learners: of(&[5]),
            voters_outgoing: of(&[1, 2, 3]),
            learners_next: of(&[3]),
            auto_leave: true,
        };
        assert_eq!(configuration(&conf_state(&sent)), sent);
    }
}
