//! Keys worth testing: well-formed rows of every family, their neighbours, and damaged ones.

// Boxed: proptest holds alternatives by value, and nested ones outgrow a test thread's stack.

use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_core::key::{KeyFamily, RawKey, RoutingKey, TxnKey, encode_len32, encode_seg01, route_key};
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;

/// Raw keys of all families, well-formed or not, also wrapped into transaction rows.
pub(crate) fn raw_key() -> BoxedStrategy<RawKey> {
    prop_oneof![
        4 => unwrapped_key(),
        2 => txn_key().prop_map(|key| key.to_raw()),
        1 => damaged(unwrapped_key()),
        1 => damaged(txn_key().prop_map(|key| key.to_raw()).boxed()),
        1 => family().prop_map(|family| RawKey::from(family.prefix())),
    ]
    .boxed()
}

/// Rows of transactions about rows of all kinds.
pub(crate) fn txn_key() -> BoxedStrategy<TxnKey> {
    let timestamp = || any::<u64>().prop_map(Timestamp::from_raw);
    let about = || prop_oneof![3 => unwrapped_key(), 1 => Just(RawKey::from("!txn|lock|a"))];
    prop_oneof![
        about().prop_map(|key| TxnKey::Lock { key }),
        about().prop_map(|key| TxnKey::Intent { key }),
        (about(), timestamp()).prop_map(|(primary, start_ts)| TxnKey::Commit { primary, start_ts }),
        (about(), timestamp()).prop_map(|(primary, start_ts)| TxnKey::Rollback { primary, start_ts }),
        (about(), about(), timestamp(), timestamp()).prop_map(|(key, primary, start_ts, commit_ts)| {
            TxnKey::SuccessMarker { key, primary, start_ts, commit_ts }
        }),
    ]
    .boxed()
}

/// Ranges whose bounds are routing keys that rows do have, and prefixes of families.
pub(crate) fn routing_range() -> impl Strategy<Value = KeyRange> {
    let bound = || {
        prop_oneof![
            3 => raw_key().prop_map(|raw| route_key(&raw)),
            1 => family().prop_map(|family| RoutingKey::from(family.prefix())),
            1 => user_key().prop_map(RoutingKey::from),
        ]
    };
    (bound(), proptest::option::of(bound())).prop_filter_map("equal bounds", |(one, other)| match other {
        Some(other) => KeyRange::new(one.clone().min(other.clone()), Some(one.max(other))).ok(),
        None => KeyRange::new(one, None).ok(),
    })
}

/// A prefix, then what one of the families would put behind it: right for some of them, wrong for the others.
fn unwrapped_key() -> BoxedStrategy<RawKey> {
    let tail = prop_oneof![
        Just(Vec::new()),
        user_key(),
        (user_key(), vec(any::<u8>(), 0..24)).prop_map(|(user, tail)| {
            let mut bytes = Vec::new();
            encode_len32(&user, &mut bytes);
            bytes.extend(tail);
            bytes
        }),
        (user_key(), user_key(), vec(any::<u8>(), 0..10)).prop_map(|(bucket, object, tail)| {
            let mut bytes = Vec::new();
            encode_seg01(&bucket, &mut bytes);
            bytes.extend(7_u64.to_be_bytes());
            encode_seg01(&object, &mut bytes);
            bytes.extend(tail);
            bytes
        }),
        (user_key(), user_key()).prop_map(|(left, right)| [&left[..], b"|", &right[..]].concat()),
        (user_key(), any::<[u8; 24]>()).prop_map(|(user, tail)| [&user[..], &tail[..]].concat()),
        user_key().prop_map(|route| [&route[..], b"\0\0"].concat()),
    ];
    (family(), tail).prop_map(|(family, tail)| RawKey::from([family.prefix(), &tail[..]].concat())).boxed()
}

fn damaged(key: BoxedStrategy<RawKey>) -> impl Strategy<Value = RawKey> {
    (key, any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(|(key, at, byte, cut)| {
        let mut bytes = key.into_bytes();
        let at = at.index(bytes.len() + 1);
        if cut {
            bytes.truncate(at);
        } else {
            bytes.insert(at, byte);
        }
        bytes.into()
    })
}

/// Few different short keys, so that rows meet; some look internal, some hold zeros.
fn user_key() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"d|x".to_vec()),
        Just(b"!dist|route|1".to_vec()),
        Just(b"!fs|route|chk|".to_vec()),
        vec(prop_oneof![Just(0x00), Just(b'!'), Just(b'a'), Just(b'm'), Just(b'|'), Just(0xff)], 0..5),
    ]
    .boxed()
}

fn family() -> impl Strategy<Value = KeyFamily> {
    prop::sample::select(KeyFamily::ALL)
}
