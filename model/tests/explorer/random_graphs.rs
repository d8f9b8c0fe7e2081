//! Random graphs: the explorer and the plain search agree state by state.

use crate::reference::{assert_same, plain};
use crate::toys::Drawn;
use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_model::explore::{Options, explore};

fn drawn(states: usize) -> impl Strategy<Value = Drawn> {
    let end = 0..states as u32;
    let steps = vec(vec(end.clone(), 0..5), states);
    let numbered = |ends: Vec<u32>| (0..).zip(ends).collect::<Vec<_>>();
    let initial = proptest::sample::subsequence((0..states as u32).collect::<Vec<_>>(), 0..states.min(4));
    (steps, initial, vec(0..8u64, states), vec(0..8u64, states)).prop_map(move |(steps, initial, violations, goals)| {
        Drawn {
            steps: steps.into_iter().map(numbered).collect(),
            initial,
            violations: violations.into_iter().map(|bits| if bits < 7 { 0 } else { bits }).collect(),
            goals,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_graphs_agree(space in (1..40usize).prop_flat_map(drawn)) {
        let plain = plain(&space);
        for threads in [1, 2] {
            let found = explore(&space, &Options { threads, edges: true, ..Options::default() }).expect("no panic");
            assert_same(&found, &space, &plain, |state| *state);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn graphs_of_many_chunks_agree(space in (2_000..4_000usize).prop_flat_map(drawn)) {
        let plain = plain(&space);
        for (threads, edges) in [(1, false), (2, true), (3, false)] {
            let found = explore(&space, &Options { threads, edges, ..Options::default() }).expect("no panic");
            assert_same(&found, &space, &plain, |state| *state);
        }
    }
}
