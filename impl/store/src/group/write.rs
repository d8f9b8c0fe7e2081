//! Writing: changes of tables, in the order of their keys.

use super::overlay::Changes;
use super::snapshot::{Bytes, Table};
use crate::engine;
use crate::error::StoreError;
use redb::{CursorError, ReadableTable, WriteTransaction};
use std::ops::Bound;

/// Writes the changes of a table.
pub(super) fn write_changes(
    transaction: &WriteTransaction,
    name: &str,
    table: Table,
    changes: &Changes,
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut open = transaction.open_table(table.definition()).map_err(|error| engine::failed("write", name, error))?;
    if is_one_gap(&open, changes).map_err(|error| engine::failed("write", name, error))? {
        return fill_gap(&mut open, name, changes);
    }
    for (key, record) in changes {
        let changed = match record {
            Some(record) => open.insert(key.as_slice(), record.as_slice()).map(drop),
            None => open.remove(key.as_slice()).map(drop),
        };
        changed.map_err(|error| engine::failed("write", name, error))?;
    }
    Ok(())
}

/// Whether all changes are new records that lie between two neighbours, as those of an import do.
fn is_one_gap(table: &redb::Table<'_, Bytes, Bytes>, changes: &Changes) -> Result<bool, redb::StorageError> {
    let (Some((first, _)), Some((last, _))) = (changes.first_key_value(), changes.last_key_value()) else {
        return Ok(false);
    };
    if changes.values().any(Option::is_none) {
        return Ok(false);
    }
    let within = (Bound::Included(first.as_slice()), Bound::Included(last.as_slice()));
    Ok(table.range::<&[u8]>(within)?.next().transpose()?.is_none())
}

/// Inserts through a cursor: pages are filled one after the other, without a search for each record.
fn fill_gap(table: &mut redb::Table<'_, Bytes, Bytes>, name: &str, changes: &Changes) -> Result<(), StoreError> {
    let failed = |error| engine::failed("write", name, error);
    let Some((first, _)) = changes.first_key_value() else { return Ok(()) };
    let mut cursor = table.lower_bound_mut(Bound::Included(first.as_slice())).map_err(failed)?;
    for (key, record) in changes {
        let Some(record) = record else { continue };
        cursor.insert_before(key.as_slice(), record.as_slice()).map_err(|error| match error {
            CursorError::Storage(error) => failed(error),
            // Nothing else lies in the gap, and the keys ascend: redb has lost its way.
            error @ (CursorError::UnorderedKey | _) => engine::damaged(name, error.to_string()),
        })?;
    }
    cursor.close().map_err(failed)
}
