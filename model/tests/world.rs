//! The world keeps its own promises: what the checker relies on beyond the core.

use splitjob_core::gate::Gate;
use splitjob_core::key::route_key;
use splitjob_model::explore::{Completeness, Options, Space, explore};
use splitjob_model::scenario::{ALL, GAPS, REDUNDANT, Scenario};
use splitjob_model::world::{Action, Worker, World};
use std::collections::BTreeSet;

fn scenario(name: &str) -> &'static Scenario {
    Scenario::by_name(name).expect("the test names a scenario of the list")
}

/// A walk through the world that takes another step at every state, the same on every run.
fn walk(world: &World, steps: usize, mut visit: impl FnMut(&splitjob_model::world::State)) {
    let mut worker = Worker::default();
    let start = world.initial()[0];
    let (mut state, mut random) = (start, 1u64);
    for _ in 0..steps {
        visit(&state);
        let next = world.steps(&mut worker, &state);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state = match next.len() {
            0 => start,
            count => next[(random >> 33) as usize % count].1,
        };
    }
}

#[test]
fn the_steps_found_in_the_lists_are_those_computed_afresh() {
    for scenario in ALL {
        let world = scenario.world(&[]);
        let mut shared = Worker::default();
        walk(&world, 400, |state| {
            let found = world.steps(&mut shared, state);
            let computed = world.steps_afresh(state);
            assert_eq!(found, computed, "{}: a process looks at more than it says, in {state:?}", scenario.name);
        });
    }
}

#[test]
fn a_state_is_judged_as_it_is_afresh() {
    for scenario in ALL {
        let world = scenario.world(&[]);
        let mut shared = Worker::default();
        walk(&world, 400, |state| {
            let judged = (world.violations(&mut shared, state), world.goals(&mut shared, state));
            let afresh = (world.violations(&mut Worker::default(), state), world.goals(&mut Worker::default(), state));
            assert_eq!(judged, afresh, "{}: more is judged than the key says, in {state:?}", scenario.name);
        });
    }
}

#[test]
fn no_two_steps_of_a_state_have_one_label() {
    for scenario in ALL {
        let world = scenario.world(&[]);
        let mut worker = Worker::default();
        walk(&world, 400, |state| {
            let steps = world.steps(&mut worker, state);
            let labels: BTreeSet<u32> = steps.iter().map(|(action, _)| action.label()).collect();
            assert_eq!(labels.len(), steps.len(), "{}: {steps:?}", scenario.name);
        });
    }
}

#[test]
fn every_label_is_that_of_its_action() {
    for scenario in ALL {
        let world = scenario.world(&[]);
        let mut worker = Worker::default();
        walk(&world, 400, |state| {
            for (action, _) in world.steps(&mut worker, state) {
                assert_eq!(Action::of_label(action.label()), Some(action));
            }
        });
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let count = |threads| {
        let world = scenario("read-fence").world(&[]);
        let found = explore(&world, &Options { threads, ..Options::default() }).expect("the world doesn't panic");
        assert_eq!(found.completeness(), Completeness::Complete);
        (found.unique(), found.generated(), found.depth(), found.level_sizes(), found.reached())
    };
    assert_eq!(count(1), count(2));
}

#[test]
fn keys_route_as_the_scenarios_say() {
    for scenario in ALL {
        for key in &(scenario.bounds)().keys {
            assert_eq!(route_key(&key.raw), key.routes_as, "{}: key {}", scenario.name, key.raw);
        }
    }
}

#[test]
fn every_gate_has_a_gap_of_its_own_or_another_gate_behind_it() {
    for gate in Gate::ALL {
        let alone = GAPS.iter().any(|gap| gap.removes == [*gate]);
        let behind = REDUNDANT.iter().any(|row| row.gate == *gate);
        assert!(alone != behind, "{gate}: a gap of its own: {alone}, redundant: {behind}");
    }
}

#[test]
fn names_of_scenarios_and_gaps_are_unique() {
    let scenarios: BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
    let gaps: BTreeSet<String> = GAPS.iter().map(|gap| gap.name.to_lowercase()).collect();
    assert_eq!((scenarios.len(), gaps.len()), (ALL.len(), GAPS.len()));
}

/// What judges the core must not ask it: neither gates nor the checks that they stand in.
#[test]
fn properties_and_history_ask_no_gate() {
    for source in [include_str!("../src/world/property.rs"), include_str!("../src/world/history.rs")] {
        for word in ["Gate", "gates", ".read(", ".apply(", "decide(", "check_", "barrier", "coordinator::", "route_key"]
        {
            assert!(!source.contains(word), "a property speaks of {word:?}");
        }
    }
}
