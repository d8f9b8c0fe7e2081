//! What stands on disks: records of the catalog, of jobs, of groups and of transactions.
//!
//! The formats of routes, jobs, scalars, catalog keys, cursors and transaction rows are those of an existing system with
//! the same design. Whatever is read is checked; a record that can't be read in full is refused and never guessed at.

mod catalog;
mod cursor;
mod job;
mod key;
mod reader;
mod route;
mod scalar;
mod state;
mod txn;

pub use catalog::{catalog_from_records, catalog_records, catalog_records_over};
pub use cursor::{decode_cursor, encode_cursor};
pub use job::{JobRecord, decode_job, encode_job};
pub use key::CatalogKey;
pub use route::{RecordedState, RouteRecord};
pub use scalar::{decode_scalar, encode_scalar};
pub use state::{decode_configuration, decode_group_state, encode_configuration, encode_group_state};
pub use txn::{
    IntentRecord, LockRecord, TxnMeta, decode_commit_record, decode_rollback_record, encode_commit_record,
    encode_rollback_record,
};
