//! Values of every kind that crosses the wire or is stored.

// Boxed: proptest holds alternatives by value, and nested ones outgrow a test thread's stack.

mod catalog;
mod group;
mod peer;

pub(crate) use catalog::{catalog_command, catalog_outcome, catalog_rejection, catalog_state, routes, split_job};
pub(crate) use group::{cursor, group_command, group_state, import_progress, outcome, rejection};
pub(crate) use peer::{configuration, peer_message};

use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_core::group::Mutation;
use splitjob_core::id::{CatalogVersion, JobId};
use splitjob_core::key::{RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::txn::{Lock, TxnId};
use splitjob_core::version::Content;

/// Zero, small, large and any numbers: their encodings differ in length.
pub(crate) fn number() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), 1..4_u64, Just(u64::MAX), any::<u64>()].boxed()
}

pub(crate) fn timestamp() -> BoxedStrategy<Timestamp> {
    number().prop_map(Timestamp::from_raw).boxed()
}

pub(crate) fn physical() -> BoxedStrategy<PhysicalMs> {
    (0..=PhysicalMs::MAX.get()).prop_map(|ms| PhysicalMs::new(ms).expect("it is below the maximum")).boxed()
}

pub(crate) fn bytes() -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), 0..6).boxed()
}

pub(crate) fn raw_key() -> BoxedStrategy<RawKey> {
    bytes().prop_map(RawKey::from).boxed()
}

pub(crate) fn routing_key() -> BoxedStrategy<RoutingKey> {
    bytes().prop_map(RoutingKey::from).boxed()
}

pub(crate) fn range() -> BoxedStrategy<KeyRange> {
    let bounds = (routing_key(), option(routing_key()));
    bounds.prop_filter_map("bounds without a key between", |(start, end)| KeyRange::new(start, end).ok()).boxed()
}

pub(crate) fn option<T: Strategy + 'static>(some: T) -> BoxedStrategy<Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::of(some).boxed()
}

pub(crate) fn version() -> BoxedStrategy<CatalogVersion> {
    number().prop_map(CatalogVersion).boxed()
}

pub(crate) fn job_id() -> BoxedStrategy<JobId> {
    number().prop_map(JobId).boxed()
}

pub(crate) fn content() -> BoxedStrategy<Content> {
    prop_oneof![
        3 => (bytes(), timestamp()).prop_map(|(value, expire_at)| Content::Put { value, expire_at }),
        1 => Just(Content::Tombstone),
    ]
    .boxed()
}

pub(crate) fn mutations() -> BoxedStrategy<Vec<Mutation>> {
    vec((raw_key(), content()).prop_map(|(key, content)| Mutation { key, content }), 0..4).boxed()
}

pub(crate) fn txn() -> BoxedStrategy<TxnId> {
    (raw_key(), timestamp()).prop_map(|(primary, start_ts)| TxnId { primary, start_ts }).boxed()
}

pub(crate) fn lock() -> BoxedStrategy<Lock> {
    (txn(), timestamp(), number(), content())
        .prop_map(|(txn, commit_ts, expires_at_ms, content)| Lock { txn, commit_ts, expires_at_ms, content })
        .boxed()
}
