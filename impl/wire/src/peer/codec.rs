//! Messages between nodes as bytes.

use super::{
    LogEntry, PeerMessage, RaftMessage, SnapshotAck, SnapshotEnd, SnapshotMeta, SnapshotOutcome, SnapshotPart, answer,
    call,
};
use crate::convert::{
    Wire, configuration_from_message, configuration_message, decode, optional, present, required, values,
};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, peer_message};
use prost::Message as _;
use splitjob_core::id::{GroupId, VoterId};

impl PeerMessage {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        use peer_message::Message;
        let message = match self {
            PeerMessage::Raft { group, message } => {
                Message::Raft(pb::Raft { group: group.0, message: Some(message.to_message()) })
            }
            PeerMessage::SnapshotPart(part) => Message::SnapshotPart(part_message(part)),
            PeerMessage::SnapshotAck(ack) => Message::SnapshotAck(ack_message(ack)),
            PeerMessage::Call { id, call } => Message::Call(pb::Call { id: *id, call: Some(call::call_message(call)) }),
            PeerMessage::Answer { id, answer } => {
                Message::Answer(pb::Answer { id: *id, answer: Some(answer::answer_message(answer)) })
            }
            PeerMessage::Heartbeat { is_capable } => Message::Heartbeat(pb::Heartbeat { is_capable: *is_capable }),
        };
        pb::PeerMessage { message: Some(message) }.encode_to_vec()
    }

    /// The message in the bytes.
    ///
    /// Fields that a newer binary has added are passed over, but for those of commands (V2).
    ///
    /// # Errors
    /// A [`WireError`] if the bytes are no message, of an unknown kind, or longer than may be.
    pub fn decode(bytes: &[u8]) -> Result<PeerMessage, WireError> {
        use peer_message::Message;
        let message: pb::PeerMessage = decode(bytes, "a message of a node")?;
        Ok(match present(message.message, "a message of a node")? {
            Message::Raft(raft) => {
                PeerMessage::Raft { group: GroupId(raft.group), message: required(raft.message, "a message of Raft")? }
            }
            Message::SnapshotPart(part) => PeerMessage::SnapshotPart(snapshot_part(part)?),
            Message::SnapshotAck(ack) => PeerMessage::SnapshotAck(snapshot_ack(&ack)?),
            Message::Call(pb::Call { id, call }) => {
                PeerMessage::Call { id, call: call::call(present(call, "a question of a node")?)? }
            }
            Message::Answer(pb::Answer { id, answer }) => {
                PeerMessage::Answer { id, answer: answer::answer(present(answer, "an answer of a node")?)? }
            }
            Message::Heartbeat(pb::Heartbeat { is_capable }) => PeerMessage::Heartbeat { is_capable },
        })
    }
}

impl Wire for RaftMessage {
    type Message = pb::RaftMessage;

    fn to_message(&self) -> pb::RaftMessage {
        pb::RaftMessage {
            kind: self.kind,
            to: self.to.0,
            from: self.from.0,
            term: self.term,
            log_term: self.log_term,
            index: self.index,
            entries: self.entries.iter().map(Wire::to_message).collect(),
            commit: self.commit,
            commit_term: self.commit_term,
            snapshot: self.snapshot.as_ref().map(Wire::to_message),
            request_snapshot: self.request_snapshot,
            reject: self.reject,
            reject_hint: self.reject_hint,
            context: self.context.clone(),
            priority: self.priority,
        }
    }

    fn from_message(message: pb::RaftMessage) -> Result<RaftMessage, WireError> {
        Ok(RaftMessage {
            kind: message.kind,
            to: VoterId(message.to),
            from: VoterId(message.from),
            term: message.term,
            log_term: message.log_term,
            index: message.index,
            entries: values(message.entries)?,
            commit: message.commit,
            commit_term: message.commit_term,
            snapshot: optional(message.snapshot)?,
            request_snapshot: message.request_snapshot,
            reject: message.reject,
            reject_hint: message.reject_hint,
            context: message.context,
            priority: message.priority,
        })
    }
}

impl Wire for LogEntry {
    type Message = pb::LogEntry;

    fn to_message(&self) -> pb::LogEntry {
        pb::LogEntry {
            kind: self.kind,
            term: self.term,
            index: self.index,
            data: self.data.clone(),
            context: self.context.clone(),
        }
    }

    fn from_message(message: pb::LogEntry) -> Result<LogEntry, WireError> {
        let pb::LogEntry { kind, term, index, data, context } = message;
        Ok(LogEntry { kind, term, index, data, context })
    }
}

impl Wire for SnapshotMeta {
    type Message = pb::SnapshotMeta;

    fn to_message(&self) -> pb::SnapshotMeta {
        let configuration = Some(configuration_message(&self.configuration));
        pb::SnapshotMeta { index: self.index, term: self.term, configuration }
    }

    fn from_message(message: pb::SnapshotMeta) -> Result<SnapshotMeta, WireError> {
        let configuration = present(message.configuration, "the configuration of a snapshot")?;
        Ok(SnapshotMeta {
            index: message.index,
            term: message.term,
            configuration: configuration_from_message(configuration)?,
        })
    }
}

fn part_message(part: &SnapshotPart) -> pb::SnapshotPart {
    pb::SnapshotPart {
        group: part.group.0,
        index: part.index,
        term: part.term,
        seq: part.seq,
        rows: part.rows.clone(),
        last: part
            .last
            .as_ref()
            .map(|end| pb::SnapshotEnd { state: end.state.clone(), message: Some(end.message.to_message()) }),
    }
}

fn snapshot_part(message: pb::SnapshotPart) -> Result<SnapshotPart, WireError> {
    let end = |end: pb::SnapshotEnd| {
        let message = required(end.message, "the message that announces a snapshot")?;
        Ok::<_, WireError>(SnapshotEnd { state: end.state, message })
    };
    Ok(SnapshotPart {
        group: GroupId(message.group),
        index: message.index,
        term: message.term,
        seq: message.seq,
        rows: message.rows,
        last: message.last.map(end).transpose()?,
    })
}

fn ack_message(ack: &SnapshotAck) -> pb::SnapshotAck {
    let outcome = match ack.outcome {
        SnapshotOutcome::Going => pb::SnapshotOutcome::Going,
        SnapshotOutcome::Complete => pb::SnapshotOutcome::Complete,
        SnapshotOutcome::Failed => pb::SnapshotOutcome::Failed,
    };
    pb::SnapshotAck { group: ack.group.0, index: ack.index, next_seq: ack.next_seq, outcome: outcome.into() }
}

fn snapshot_ack(message: &pb::SnapshotAck) -> Result<SnapshotAck, WireError> {
    let number = i64::from(message.outcome);
    let unknown = WireError::UnknownNumber { what: "what became of a snapshot", number };
    let outcome = match pb::SnapshotOutcome::try_from(message.outcome) {
        Ok(pb::SnapshotOutcome::Going) => SnapshotOutcome::Going,
        Ok(pb::SnapshotOutcome::Complete) => SnapshotOutcome::Complete,
        Ok(pb::SnapshotOutcome::Failed) => SnapshotOutcome::Failed,
        Ok(pb::SnapshotOutcome::Unspecified) | Err(_) => return Err(unknown),
    };
    Ok(SnapshotAck { group: GroupId(message.group), index: message.index, next_seq: message.next_seq, outcome })
}
