//! What a coordinator does with a request: where it goes, what it carries, and what follows a refusal (§11).
//!
//! A coordinator holds a copy of the routes, possibly an old one. The copy decides where a request goes first, and
//! nothing else (O3).

use crate::catalog::{RouteState, Routes};
use crate::group::Rejection;
use crate::id::{CatalogVersion, GroupId};
use crate::key::{RawKey, prefix_footprint, route_key};
use crate::range::KeyRange;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a part of a request goes, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The group.
    pub group: GroupId,
    /// The part of the request's footprint that this group owns, by the coordinator's copy.
    pub footprint: KeyRange,
    /// The version of that copy: the stamp that the request carries.
    pub routed_by: CatalogVersion,
}

/// Where a request for one key goes.
pub fn route_point(routes: &Routes, key: &RawKey) -> Routed {
    let at = route_key(key);
    let group = routes.covering(&at).group;
    Routed { group, footprint: KeyRange::point(&at), routed_by: routes.version }
}

/// Where the parts of a request for a range go, in key order; neighbours of one group are one part.
pub fn route_range(routes: &Routes, range: &KeyRange) -> Vec<Routed> {
    let mut parts: Vec<Routed> = Vec::new();
    for route in routes.intersecting(range) {
        let part = route.range.intersection(range).expect("the route was chosen because it meets the range");
        match parts.last_mut() {
            Some(last) if last.group == route.group => {
                last.footprint = KeyRange::new(last.footprint.start().clone(), part.end().cloned())
                    .expect("the parts of a partition ascend");
            }
            Some(_) | None => {
                parts.push(Routed { group: route.group, footprint: part, routed_by: routes.version });
            }
        }
    }
    parts
}

/// Where the parts of a prefix delete go.
///
/// # Errors
/// [`Rejection::RouteWriteFenced`] if a job has fenced any part: the request is then refused as a whole, before any part
/// has an effect. Each group checks its own part again.
pub fn route_prefix(routes: &Routes, prefix: &RawKey) -> Result<Vec<Routed>, Rejection> {
    let footprint = prefix_footprint(prefix);
    if routes.intersecting(&footprint).any(|route| route.state == RouteState::WriteFenced) {
        return Err(Rejection::RouteWriteFenced);
    }
    Ok(route_range(routes, &footprint))
}

/// What a coordinator does about a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retry {
    /// Learn the routes anew, at least this version where one is known, wait, and route again.
    Refresh {
        /// The least version that can help.
        at_least: Option<CatalogVersion>,
        /// How long to wait before, in milliseconds.
        backoff_ms: u64,
    },
    /// Observe the timestamp, then try again with a greater one.
    Observe {
        /// The greatest timestamp that is too low.
        floor: Timestamp,
    },
    /// Let the group's log bind the read, then ask again.
    Bind,
    /// Find out what became of the transaction that holds the key, settle its lock if its time is over, and try again (X5).
    Settle {
        /// The locked raw key.
        key: RawKey,
        /// How long to wait before, in milliseconds.
        backoff_ms: u64,
    },
    /// Tell the client.
    Surface,
}

/// What follows the `attempt`-th refusal in a row of one request, from 1.
///
/// `caller_chose_ts` says that the client itself supplied the timestamp: it can't be replaced by a greater one.
pub fn after_refusal(rejection: &Rejection, attempt: u32, caller_chose_ts: bool) -> Retry {
    if attempt >= MAX_ATTEMPTS {
        return Retry::Surface;
    }
    let backoff_ms = (BACKOFF_MS << attempt.saturating_sub(1).min(MAX_DOUBLINGS)).min(MAX_BACKOFF_MS);
    match rejection {
        Rejection::RouteMoved { version, .. } => Retry::Refresh { at_least: Some(*version), backoff_ms: 0 },
        Rejection::CutoverPending { expected } => Retry::Refresh { at_least: Some(*expected), backoff_ms },
        Rejection::RouteWriteFenced | Rejection::OwnershipUnknown => Retry::Refresh { at_least: None, backoff_ms },
        Rejection::TimestampTooLow { floor } if !caller_chose_ts => Retry::Observe { floor: *floor },
        Rejection::RoutedTooEarly { owned_since } => Retry::Refresh { at_least: Some(*owned_since), backoff_ms: 0 },
        Rejection::KeyLocked { key, .. } => Retry::Settle { key: key.clone(), backoff_ms },
        Rejection::ReadNotBound { .. } => Retry::Bind,
        Rejection::TimestampTooHigh { .. } if !caller_chose_ts => Retry::Refresh { at_least: None, backoff_ms },
        Rejection::TimestampTooHigh { .. }
        | Rejection::WriteConflict { .. }
        | Rejection::TxnRolledBack
        | Rejection::TxnCommitted { .. }
        | Rejection::CommitTimestampChanged { .. }
        | Rejection::NoProof { .. }
        | Rejection::CommitBeforeStart { .. }
        | Rejection::PrimaryMissing { .. }
        | Rejection::StagedRowsLeft
        | Rejection::TimestampTooLow { .. }
        | Rejection::TimestampTaken
        | Rejection::ReadTooOld { .. }
        | Rejection::NotStamped
        | Rejection::ControlNamespace { .. }
        | Rejection::StaleCatalog { .. }
        | Rejection::StaleEpoch { .. }
        | Rejection::JobClosed { .. }
        | Rejection::ConflictingGuard
        | Rejection::ImportBatchGap { .. }
        | Rejection::ForeignRow { .. }
        | Rejection::WrongOwnership => Retry::Surface,
    }
}

/// The first wait, in milliseconds; it doubles with every refusal.
const BACKOFF_MS: u64 = 5;
/// The longest wait, in milliseconds.
const MAX_BACKOFF_MS: u64 = 200;
/// So many doublings lead past the longest wait.
const MAX_DOUBLINGS: u32 = 8;
/// A fence is lifted within its budget: so many attempts at the longest wait outlast it.
const MAX_ATTEMPTS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupId;
    use crate::key::RoutingKey;

    #[test]
    fn neighbours_of_one_group_are_one_part() {
        let routes = Routes::one(GroupId(1));
        let range = KeyRange::new(RoutingKey::from("b"), None).expect("the range is not empty");
        let parts = route_range(&routes, &range);
        let whole = Routed { group: GroupId(1), footprint: range, routed_by: CatalogVersion(1) };
        assert_eq!(parts, [whole]);
    }

    #[test]
    fn a_timestamp_that_the_caller_chose_is_not_replaced() {
        let too_low = Rejection::TimestampTooLow { floor: Timestamp::from_raw(7) };
        assert_eq!(after_refusal(&too_low, 1, true), Retry::Surface);
        assert_eq!(after_refusal(&too_low, 1, false), Retry::Observe { floor: Timestamp::from_raw(7) });
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let waits: Vec<Retry> = [1, 2, 20].map(|n| after_refusal(&Rejection::RouteWriteFenced, n, false)).into();
        let refresh = |backoff_ms| Retry::Refresh { at_least: None, backoff_ms };
        assert_eq!(waits, [refresh(5), refresh(10), refresh(200)]);
    }
}
