//! What a batch does to the logs, known before anything is written.

use super::batch::{Change, LogBatch};
use super::record::{encode_entry, encode_head, entry_key, head_key};
use super::{GroupLog, LogRecord};
use crate::error::StoreError;
use crate::{MAX_VALUE_BYTES, engine};
use redb::{StorageError, Table, TableDefinition, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};

/// The logs that a batch changes, as they are after it, and the entries that each of its changes takes away.
pub(super) struct Plan {
    pub(super) logs: BTreeMap<u64, GroupLog>,
    lost: Vec<Option<(u64, u64)>>,
}

pub(super) type Entries<'a> = Table<'a, &'static [u8], &'static [u8]>;

impl Plan {
    /// # Panics
    /// If a change doesn't follow on its log.
    pub(super) fn of(batch: &LogBatch, known: impl Fn(u64) -> Option<GroupLog>) -> Plan {
        let mut plan = Plan { logs: BTreeMap::new(), lost: Vec::with_capacity(batch.changes.len()) };
        for (group, change) in &batch.changes {
            let mut log = match (plan.logs.get(group).copied().or_else(|| known(*group)), change) {
                (Some(log), _) => log,
                (None, Change::Create { after }) => GroupLog::after(*after),
                (None, change) => panic!("the log of group {group} was never created: {change:?}"),
            };
            let lost = log.change(*group, change);
            plan.lost.push(match change {
                // Entries that are replaced needn't be removed before.
                Change::Append(_) => lost.map(|(_, last)| (log.last_index + 1, last)),
                Change::Create { .. } | Change::HardState(_) | Change::TruncatePrefix { .. } | Change::Reset { .. } => {
                    lost
                }
            });
            plan.logs.insert(*group, log);
        }
        plan
    }

    pub(super) fn write(&self, transaction: &WriteTransaction, batch: &LogBatch) -> Result<(), StoreError> {
        let table_error = |error| engine::failed("write", FILE, error);
        let mut entries = transaction.open_table(ENTRIES).map_err(table_error)?;
        let mut heads: BTreeSet<u64> = BTreeSet::new();
        for ((group, change), lost) in batch.changes.iter().zip(&self.lost) {
            if let Some((first, last)) = lost {
                remove(&mut entries, *group, *first, *last)?;
            }
            match change {
                Change::Append(records) => append(&mut entries, *group, records)?,
                Change::Create { .. } | Change::HardState(_) | Change::TruncatePrefix { .. } | Change::Reset { .. } => {
                    heads.insert(*group);
                }
            }
        }
        let mut table = transaction.open_table(HEADS).map_err(table_error)?;
        for group in heads {
            let head = encode_head(group, &self.logs[&group]);
            table.insert(&head_key(group)[..], head.as_slice()).map_err(failed)?;
        }
        Ok(())
    }
}

fn append(entries: &mut Entries<'_>, group: u64, records: &[LogRecord]) -> Result<(), StoreError> {
    for record in records {
        let bytes = record.bytes();
        if bytes > MAX_ENTRY_BYTES {
            return Err(StoreError::TooLarge { what: "log entry", bytes, limit: MAX_ENTRY_BYTES });
        }
        let key = entry_key(group, record.index);
        entries.insert(&key[..], encode_entry(&key, record).as_slice()).map_err(failed)?;
    }
    Ok(())
}

fn remove(entries: &mut Entries<'_>, group: u64, first: u64, last: u64) -> Result<(), StoreError> {
    if first > last {
        return Ok(());
    }
    let (from, to) = (entry_key(group, first), entry_key(group, last));
    entries.retain_in::<&[u8], _>(&from[..]..=&to[..], |_, _| false).map_err(failed)
}

pub(super) fn failed(error: StorageError) -> StoreError {
    engine::failed("use", FILE, error)
}

pub(super) const ENTRIES: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("entries");
pub(super) const HEADS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("heads");
/// The file of all logs of a node.
pub(super) const FILE: &str = "raft-logs.redb";
/// An entry carries a message of the wire, with what belongs to it.
const MAX_ENTRY_BYTES: usize = MAX_VALUE_BYTES + (1 << 20);
