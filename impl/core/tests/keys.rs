//! Every raw key has its place: one bracket, one family, one way to be read (K1, K3–K5).

mod strategy;

use proptest::prelude::*;
use splitjob_core::key::{
    Handling, KeyFamily, RawKey, TxnKey, clip_prefix_delete, export_plan, prefix_footprint, protected_namespace,
    reserved_namespace_conflict, route_key, split_boundary, targets_control_namespace,
};
use splitjob_core::range::KeyRange;
use strategy::{raw_key, routing_range, txn_key};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_that_routes_into_the_range_is_in_exactly_one_bracket(raw in raw_key(), range in routing_range()) {
        // Most random ranges miss the key; one that begins at its routing key doesn't.
        let at_key = KeyRange::new(route_key(&raw), None).expect("a range without end is never empty");
        for range in [range, at_key, KeyRange::all()] {
            let brackets: Vec<KeyFamily> =
                export_plan(&range).into_iter().filter(|bracket| bracket.contains(&raw)).map(|bracket| bracket.family).collect();
            let family = KeyFamily::of(&raw);
            match family.handling() {
                Handling::Drained | Handling::Control => prop_assert_eq!(brackets, []),
                Handling::Moved if range.contains(&route_key(&raw)) => prop_assert_eq!(brackets, [family]),
                Handling::Moved => prop_assert!(brackets.len() <= 1, "{brackets:?} overlap"),
            }
        }
    }

    #[test]
    fn a_bracket_holds_rows_of_its_family_only_and_its_skips_are_in_order(raw in raw_key(), range in routing_range()) {
        for bracket in export_plan(&range) {
            if bracket.contains(&raw) {
                prop_assert_eq!(bracket.family, KeyFamily::of(&raw));
            }
            let ascending = bracket.skips.is_sorted_by(|left, right| left.end.as_ref().is_some_and(|end| *end <= right.start));
            prop_assert!(ascending, "{bracket:?}");
        }
    }

    #[test]
    fn control_rows_stay_and_a_range_they_route_into_cannot_move(raw in raw_key(), range in routing_range()) {
        if let Some(namespace) = targets_control_namespace(&raw) {
            prop_assert_eq!(KeyFamily::of(&raw), namespace);
            prop_assert_eq!(route_key(&raw).into_bytes(), raw.as_bytes());
            prop_assert!(!range.contains(&route_key(&raw)) || reserved_namespace_conflict(&range).is_some());
        } else {
            prop_assert!(KeyFamily::of(&raw).handling() != Handling::Control);
        }
    }

    #[test]
    fn a_prefix_delete_touches_everything_under_its_prefix_but_control_and_transaction_rows(raw in raw_key(), len in 0..12_usize) {
        let prefix = RawKey::from(&raw.as_bytes()[..len.min(raw.as_bytes().len())]);
        let clipped = clip_prefix_delete(&prefix);
        let holding = clipped.iter().filter(|interval| interval.contains(&raw)).count();
        prop_assert_eq!(holding, usize::from(protected_namespace(&raw).is_none()));
        prop_assert_eq!(clipped.is_empty(), protected_namespace(&prefix).is_some());
        let footprint = prefix_footprint(&prefix);
        prop_assert!(footprint.contains(&route_key(&raw)), "{raw:?} routes outside {footprint:?}");
        for interval in &clipped {
            prop_assert!(interval.start.as_bytes().starts_with(prefix.as_bytes()), "{interval:?} leaves {prefix:?}");
        }
    }

    #[test]
    fn a_transaction_row_routes_as_the_row_it_is_about(key in txn_key()) {
        let about = match &key {
            TxnKey::Lock { key } | TxnKey::Intent { key } | TxnKey::SuccessMarker { key, .. } => key,
            TxnKey::Commit { primary, .. } | TxnKey::Rollback { primary, .. } => primary,
        };
        let raw = key.to_raw();
        prop_assert_eq!(TxnKey::parse(&raw), Some(key.clone()));
        // A wrapped key that is itself a transaction row isn't unwrapped again.
        let expected = if TxnKey::parse(about).is_some() { about.as_bytes().into() } else { route_key(about) };
        prop_assert_eq!(route_key(&raw), expected);
    }

    #[test]
    fn a_transaction_key_that_parses_is_the_one_that_would_be_built(raw in raw_key()) {
        if let Some(key) = TxnKey::parse(&raw) {
            prop_assert_eq!(key.to_raw(), raw);
        }
    }

    #[test]
    fn a_key_without_a_known_prefix_routes_as_itself(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let raw = RawKey::from(bytes);
        if KeyFamily::of(&raw) == KeyFamily::User {
            prop_assert_eq!(route_key(&raw).into_bytes(), raw.into_bytes());
        }
    }

    #[test]
    fn a_split_boundary_is_where_rows_can_route_to(raw in raw_key()) {
        let boundary = split_boundary(&raw);
        prop_assert!(route_key(&raw).as_bytes().starts_with(boundary.as_bytes()));
        prop_assert!(boundary <= route_key(&raw), "a boundary above its key would leave the key on the other side");
    }
}
