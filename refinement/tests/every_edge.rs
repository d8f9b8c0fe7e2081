//! On every step that the quick scenarios explore, the model takes one step of the ideal service or none.

use splitjob_core::gate::Gate;
use splitjob_model::scenario::{ALL, Class, Scenario};
use splitjob_refinement::edges::{NotRefined, check};
use splitjob_refinement::ideal::{Impossible, Step};

fn scenario(name: &str) -> &'static Scenario {
    Scenario::by_name(name).expect("the test names a scenario of the list")
}

#[test]
fn every_step_is_one_of_the_ideal_or_none() {
    let quick = ALL.iter().filter(|scenario| scenario.class == Class::Quick);
    for scenario in quick.filter(|scenario| scenario.pinned.steps < 10_000_000) {
        let tally = check(scenario, &[]).unwrap_or_else(|why| panic!("{why}"));
        assert!(tally.steps.values().sum::<u64>() > 0, "{}: nothing was checked", scenario.name);
        let has_reads = !(scenario.bounds)().reads.is_empty();
        assert_eq!(tally.steps.contains_key(&Step::Read), has_reads, "{}: reads that were checked", scenario.name);
    }
}

fn why(scenario: &'static Scenario, without: &[Gate]) -> Impossible {
    match check(scenario, without).expect_err("the gap should not refine the ideal") {
        NotRefined::Impossible { why, .. } => why,
        NotRefined::Partial { scenario } => panic!("{scenario} was not explored completely"),
    }
}

#[test]
fn a_deletion_that_is_not_copied_is_a_lost_version() {
    let why = why(scenario("staged-merge"), &[Gate::ExportRawVersions]);
    assert!(matches!(why, Impossible::Lost { .. }), "{why}");
}

#[test]
fn a_floor_that_forgets_reads_lets_a_version_appear_below_one() {
    let why = why(scenario("staged-merge"), &[Gate::FloorCoversReads]);
    assert!(matches!(why, Impossible::UnderRead { .. }), "{why}");
}

#[test]
fn a_scan_that_does_not_merge_is_a_wrong_answer() {
    let why = why(scenario("staged-merge"), &[Gate::ScansMerge]);
    assert!(matches!(why, Impossible::WrongAnswer { .. }), "{why}");
}
