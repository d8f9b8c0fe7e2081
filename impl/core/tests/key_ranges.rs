//! Ranges behave like the sets of keys they stand for, also at the empty start and at +∞.

use proptest::prelude::*;
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_intersection_holds_exactly_the_keys_of_both(left in range(), right in range(), probe in key()) {
        let both = left.contains(&probe) && right.contains(&probe);
        let intersection = left.intersection(&right);
        prop_assert_eq!(intersection.as_ref().is_some_and(|range| range.contains(&probe)), both);
        prop_assert_eq!(&intersection, &right.intersection(&left));
        prop_assert_eq!(intersection.is_some(), left.intersects(&right));
        if let Some(intersection) = intersection {
            prop_assert!(intersection.contains(intersection.start()), "an intersection is never empty");
        }
    }

    #[test]
    fn a_contained_range_is_its_own_intersection(outer in range(), inner in range()) {
        prop_assert_eq!(outer.contains_range(&inner), outer.intersection(&inner).as_ref() == Some(&inner));
    }

    #[test]
    fn the_parts_of_a_split_make_up_the_whole(whole in range(), at in key(), probe in key()) {
        match whole.split_at(&at) {
            Some((left, right)) => {
                prop_assert!(left.is_adjacent_to(&right) && !left.intersects(&right));
                prop_assert!(left.contains(left.start()) && right.contains(&at));
                prop_assert_eq!(left.contains(&probe) || right.contains(&probe), whole.contains(&probe));
            }
            None => prop_assert!(!whole.contains(&at) || *whole.start() == at),
        }
    }

    #[test]
    fn a_point_holds_exactly_its_key(at in key(), probe in key()) {
        prop_assert_eq!(KeyRange::point(&at).contains(&probe), at == probe);
    }

    #[test]
    fn order_is_by_start_and_then_by_what_is_contained(left in range(), right in range()) {
        let by_meaning = left.start().cmp(right.start()).then_with(|| left.contains_range(&right).cmp(&right.contains_range(&left)));
        prop_assert_eq!(left.cmp(&right), by_meaning);
        prop_assert_eq!(left.cmp(&right).is_eq(), left == right);
    }

    #[test]
    fn a_range_reads_back_from_json(range in range()) {
        let json = serde_json::to_string(&range).expect("a range serializes");
        prop_assert_eq!(serde_json::from_str::<KeyRange>(&json).expect("its own json reads back"), range);
    }
}

/// Few different short keys, so that bounds meet.
fn key() -> impl Strategy<Value = RoutingKey> {
    let byte = prop_oneof![Just(0x00), Just(b'a'), Just(b'b'), Just(0xff)];
    proptest::collection::vec(byte, 0..3).prop_map(RoutingKey::from)
}

fn range() -> impl Strategy<Value = KeyRange> {
    (key(), proptest::option::of(key()))
        .prop_filter_map("no key in between", |(start, end)| KeyRange::new(start, end).ok())
}
