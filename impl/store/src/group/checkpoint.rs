//! Where a store stands in its log, as a record beside the rows.

use super::snapshot::{Bytes, corrupt};
use crate::engine;
use crate::error::StoreError;
use crate::log::LogPosition;
use crate::record::{self, Fields, write_bytes};
use crate::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use splitjob_core::timestamp::Timestamp;

/// Where a store stands in its group's log, and what the group is besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry whose effects are in the rows.
    pub applied: LogPosition,
    /// The group's state without its rows, opaque.
    pub state: Vec<u8>,
    /// The group's members, opaque.
    pub configuration: Vec<u8>,
}

/// A checkpoint, and what the store needs to know of its rows.
#[derive(Debug, Default)]
pub(super) struct Meta {
    pub(super) checkpoint: Option<Checkpoint>,
    /// No live version was ever put above it.
    pub(super) greatest_live_ts: Timestamp,
}

impl Meta {
    /// What the file has; nothing if it is new, in which case its format is written.
    pub(super) fn begin(transaction: &WriteTransaction, name: &str) -> Result<Meta, StoreError> {
        let mut table = transaction.open_table(META).map_err(|error| engine::failed("open", name, error))?;
        let failed = |error| engine::failed("open", name, error);
        let format = table.get(FORMAT_KEY).map_err(failed)?.map(|found| found.value().to_vec());
        let Some(format) = format else {
            let known = record::seal(FORMAT_KEY, [&record::begin(4)[..], &FORMAT.to_le_bytes()].concat());
            table.insert(FORMAT_KEY, known.as_slice()).map_err(failed)?;
            return Ok(Meta::default());
        };
        let found = record::body(FORMAT_KEY, &format).and_then(|body| Fields(body).small());
        let found = found.map_err(|why| corrupt(name, TABLE, FORMAT_KEY, why))?;
        if found != FORMAT {
            return Err(StoreError::Version { name: name.to_owned(), found, known: FORMAT });
        }
        let Some(stored) = table.get(CHECKPOINT_KEY).map_err(failed)? else { return Ok(Meta::default()) };
        decode(stored.value()).map_err(|why| corrupt(name, TABLE, CHECKPOINT_KEY, why))
    }

    /// Stores a checkpoint in the transaction that its rows are written in.
    pub(super) fn write(
        transaction: &WriteTransaction,
        name: &str,
        checkpoint: &Checkpoint,
        greatest_live_ts: Timestamp,
    ) -> Result<(), StoreError> {
        check_size("group's state", checkpoint.state.len(), MAX_VALUE_BYTES)?;
        check_size("configuration", checkpoint.configuration.len(), MAX_VALUE_BYTES)?;
        let mut table = transaction.open_table(META).map_err(|error| engine::failed("write", name, error))?;
        let encoded = encode(checkpoint, greatest_live_ts);
        let inserted = table.insert(CHECKPOINT_KEY, encoded.as_slice());
        inserted.map(drop).map_err(|error| engine::failed("write", name, error))
    }
}

/// Whether a key can be stored.
pub(super) fn check_key(key: &[u8]) -> Result<(), StoreError> {
    check_size("key", key.len(), MAX_KEY_BYTES)
}

/// Whether something can be stored in one piece.
pub(super) fn check_size(what: &'static str, bytes: usize, limit: usize) -> Result<(), StoreError> {
    if bytes > limit { Err(StoreError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

fn encode(checkpoint: &Checkpoint, greatest_live_ts: Timestamp) -> Vec<u8> {
    let mut encoded = record::begin(3 * 8 + 2 * 4 + checkpoint.state.len() + checkpoint.configuration.len());
    for number in [checkpoint.applied.index, checkpoint.applied.term, greatest_live_ts.raw()] {
        encoded.extend_from_slice(&number.to_le_bytes());
    }
    write_bytes(&mut encoded, &checkpoint.state);
    write_bytes(&mut encoded, &checkpoint.configuration);
    record::seal(CHECKPOINT_KEY, encoded)
}

fn decode(encoded: &[u8]) -> Result<Meta, &'static str> {
    let mut body = Fields(record::body(CHECKPOINT_KEY, encoded)?);
    let applied = LogPosition { index: body.number()?, term: body.number()? };
    let greatest_live_ts = Timestamp::from_raw(body.number()?);
    let (state, configuration) = (body.bytes()?.to_vec(), body.bytes()?.to_vec());
    Ok(Meta { checkpoint: Some(Checkpoint { applied, state, configuration }), greatest_live_ts })
}

const META: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new(TABLE);
const TABLE: &str = "meta";
const FORMAT_KEY: &[u8] = b"format";
const CHECKPOINT_KEY: &[u8] = b"checkpoint";
/// Of the file: its tables, keys and records.
const FORMAT: u32 = 1;
