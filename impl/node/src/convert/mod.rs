//! Between what this crate says and what the services' messages say: both ways, for the server and for the client.
//!
//! In the messages zero means absent, and so does an empty end of a range; nothing else is guessed, and what can't be
//! meant is refused by name.

mod cluster;
mod error;
mod explain;
mod job;
mod options;
mod route;
mod txn;

pub(crate) use cluster::{change, change_message, status, status_message};
pub(crate) use error::{Told, status_of, told};
pub(crate) use explain::{barriers, counters, counters_message, explanation, explanation_message, plan, plan_message};
pub(crate) use job::{job, job_message, phase_number};
pub(crate) use options::{options, options_message};
pub(crate) use route::{route, route_message};
pub(crate) use txn::{mutation_message, mutations, txn_state, txn_state_message};

use crate::api::NodeError;
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::Content;

/// The request can't be what was meant.
pub(crate) fn invalid(what: impl Into<String>) -> NodeError {
    NodeError::Invalid { what: what.into() }
}

/// An answer that no server of this system gives.
pub(crate) fn garbled(what: &str) -> NodeError {
    NodeError::Unknown { why: format!("the answer can't be read: {what}") }
}

/// A timestamp that may be absent.
pub(crate) fn some_ts(raw: u64) -> Option<Timestamp> {
    (raw != 0).then_some(Timestamp::from_raw(raw))
}

/// A timestamp that must be there.
///
/// # Errors
/// [`NodeError::Invalid`], with the field's name.
pub(crate) fn the_ts(name: &str, raw: u64) -> Result<Timestamp, NodeError> {
    some_ts(raw).ok_or_else(|| invalid(format!("{name} is missing: give a timestamp above 0")))
}

/// A catalog version that may be absent.
pub(crate) fn some_version(raw: u64) -> Option<CatalogVersion> {
    (raw != 0).then_some(CatalogVersion(raw))
}

/// What a field holds where nothing is zero.
pub(crate) fn raw_ts(ts: Option<Timestamp>) -> u64 {
    ts.map_or(0, Timestamp::raw)
}

/// What a field holds where nothing is zero.
pub(crate) fn raw_version(version: Option<CatalogVersion>) -> u64 {
    version.map_or(0, |version| version.0)
}

/// A value, gone at a millisecond; never, for zero.
///
/// # Errors
/// [`NodeError::Invalid`] for milliseconds that are none.
pub(crate) fn put(value: Vec<u8>, expire_at_ms: u64) -> Result<Content, NodeError> {
    let ms = PhysicalMs::new(expire_at_ms).map_err(|error| invalid(format!("expire_at_ms: {error}")))?;
    Ok(Content::Put { value, expire_at: Timestamp::from_parts(ms, 0) })
}

/// When a value is gone, as a whole millisecond.
///
/// # Errors
/// [`NodeError::Invalid`] for a time within a millisecond, which no message can hold.
pub(crate) fn expire_at_ms(expire_at: Timestamp) -> Result<u64, NodeError> {
    match expire_at.logical() {
        0 => Ok(expire_at.physical().get()),
        logical => Err(invalid(format!("a value expires at a whole millisecond, not {logical} steps after one"))),
    }
}

/// A range whose empty end is +∞.
///
/// # Errors
/// [`NodeError::Invalid`] for a range without a key.
pub(crate) fn range(start: Vec<u8>, end: Vec<u8>) -> Result<KeyRange, NodeError> {
    let end = (!end.is_empty()).then(|| RoutingKey::from(end));
    KeyRange::new(RoutingKey::from(start), end).map_err(|error| invalid(error.to_string()))
}
