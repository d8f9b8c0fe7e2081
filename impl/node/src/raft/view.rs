//! The Raft library's look at a group's log.

use super::SharedLog;
use super::convert::{record_to_library, snapshot_to_library};
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};
use splitjob_core::id::GroupId;
use splitjob_store::{GroupLog, LogPosition};
use splitjob_wire::peer::SnapshotMeta;
use std::cell::Cell;

/// What the library reads: the durable log, its bounds, and the snapshot that is ready to be sent.
pub(super) struct LogView {
    group: GroupId,
    log: SharedLog,
    hard_state: HardState,
    conf_state: ConfState,
    /// The last entry that is not in the log any more.
    pub(super) truncated: LogPosition,
    pub(super) last_index: u64,
    /// A snapshot that a replica needs, prepared.
    pub(super) prepared: Option<SnapshotMeta>,
    /// Somebody needs a snapshot that reaches at least so far.
    wanted: Cell<Option<u64>>,
}

impl LogView {
    pub(super) fn new(
        group: GroupId,
        log: SharedLog,
        stored: &GroupLog,
        configuration: ConfState,
        applied: u64,
    ) -> LogView {
        let mut hard_state = HardState::default();
        hard_state.term = stored.hard_state.term;
        hard_state.vote = stored.hard_state.vote;
        // What is applied is committed, though the log may not have been told before a crash.
        hard_state.commit = stored.hard_state.commit.max(applied);
        LogView {
            group,
            log,
            hard_state,
            conf_state: configuration,
            truncated: stored.truncated,
            last_index: stored.last_index,
            prepared: None,
            wanted: Cell::new(None),
        }
    }

    /// The reach that a snapshot must have, if somebody asked for one since the last call.
    pub(super) fn take_wanted(&self) -> Option<u64> {
        self.wanted.take()
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Store(StorageError::Other(Box::new(error)))
}

impl Storage for LogView {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState { hard_state: self.hard_state.clone(), conf_state: self.conf_state.clone() })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.truncated.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        assert!(high <= self.last_index + 1, "entries up to {high} of a log that ends at {}", self.last_index);
        let max_bytes = max_size.into().unwrap_or(u64::MAX);
        let records = self.log.entries(self.group.0, low, high, max_bytes).map_err(other)?;
        records.into_iter().map(|record| record_to_library(record).map_err(other)).collect()
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.truncated.index {
            return Ok(self.truncated.term);
        }
        if index < self.truncated.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        if index > self.last_index {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let term = self.log.term(self.group.0, index).map_err(other)?;
        term.ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.truncated.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last_index)
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        match &self.prepared {
            Some(meta) if meta.index >= request_index => Ok(snapshot_to_library(meta)),
            Some(_) | None => {
                self.wanted.set(Some(request_index));
                Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
            }
        }
    }
}
