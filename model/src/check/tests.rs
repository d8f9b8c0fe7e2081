use super::*;
use crate::scenario::{Class, GAPS, Pinned};
use crate::world::{Bounds, Collection, DataGroup, Goal, ts};

const ONE: Options<'static> = Options {
    threads: 1,
    max_states: None,
    max_time: None,
    no_liveness: false,
    unfair: None,
    checkpoint: None,
    progress: None,
};

static CALM: Scenario = Scenario {
    name: "calm",
    purpose: "A job that nothing disturbs.",
    class: Class::Quick,
    bounds: Bounds::calm,
    goals: &[Goal::Ended],
    liveness: &[Liveness::JobEnds, Liveness::JobCanEnd],
    pinned: Pinned { states: 36, steps: 52, depth: 18 },
};

fn report_of(scenario: &'static Scenario, options: &Options<'_>) -> Report {
    run(scenario, None, options).expect("the model doesn't panic").0
}

#[test]
fn a_goal_that_is_never_reached_fails() {
    static UNKIND: Scenario = Scenario { goals: &[Goal::Ended, Goal::Rearmed], ..CALM };
    let report = report_of(&UNKIND, &ONE);
    assert_eq!(report.outcome, Outcome::Violated);
    assert!(report.reasons[0].starts_with("R-REARMED is never reached"), "{:?}", report.reasons);
}

#[test]
fn a_kind_of_step_that_the_bounds_allow_and_that_never_happens_fails() {
    fn idle() -> Bounds {
        Bounds { collections: vec![Collection { group: DataGroup::ONE, through: ts(0) }], ..Bounds::calm() }
    }
    static IDLE: Scenario = Scenario { bounds: idle, ..CALM };
    let report = report_of(&IDLE, &ONE);
    assert_eq!(report.outcome, Outcome::Violated);
    assert!(report.reasons[0].starts_with("the bounds let collect happen, and it never does"), "{:?}", report.reasons);
}

#[test]
fn a_count_that_differs_from_the_pinned_one_fails() {
    static UNPINNED: Scenario = Scenario { pinned: Pinned { states: 1, steps: 2, depth: 3 }, ..CALM };
    let report = report_of(&UNPINNED, &ONE);
    assert_eq!(report.outcome, Outcome::Violated);
    assert!(report.reasons[0].starts_with("pinned are 1 states, 2 steps, depth 3; found are "), "{:?}", report.reasons);
}

#[test]
fn a_run_that_was_cut_short_is_incomplete_whatever_it_has_seen() {
    let report = report_of(&CALM, &Options { max_states: Some(5), ..ONE });
    assert_eq!((report.outcome, report.is_complete), (Outcome::Incomplete, false));
    assert!(report.properties.iter().all(|property| property.seen == Seen::NotYet), "{:?}", report.properties);
}

#[test]
fn the_first_violation_is_named_by_what_its_gap_is_there_for() {
    let gap = Gap::by_name("MergeBeforeVisibility").expect("the gap is registered");
    let (report, found) = run_gap(gap, &ONE).expect("the model doesn't panic");
    let found = found.expect("the gap breaks something");
    assert_eq!((report.complaint, found.violates), (None, gap.breaks));
    assert_eq!(found.steps.len(), found.choices.len());
}

#[test]
fn a_gap_that_breaks_something_else_first_is_not_as_registered() {
    let gap = Gap::by_name("MergeBeforeVisibility").expect("the gap is registered");
    let wrong = Box::leak(Box::new(Gap { breaks: Claim::Safety(Property::RoutesPartition), ..*gap }));
    let (report, _) = run_gap(wrong, &ONE).expect("the model doesn't panic");
    assert_eq!(report.complaint.as_deref(), Some("breaks S2, S7 first, not S8"));
}

#[test]
fn a_gap_of_liveness_is_shown_by_a_run_that_goes_on_for_ever() {
    let gap = Gap::by_name("EveryVoterShut").expect("the gap is registered");
    let (report, found) = run_gap(gap, &ONE).expect("the model doesn't panic");
    let found = found.expect("the gap breaks something");
    assert_eq!((report.complaint, found.violates, &*report.broken), (None, gap.breaks, &["L1"][..]));
    assert!(found.end.stem().is_some());
}

#[test]
fn a_gap_that_traps_the_job_is_shown_by_the_way_into_the_trap() {
    let gap = Gap::by_name("EveryVoterShut").expect("the gap is registered");
    let trap = Box::leak(Box::new(Gap { breaks: Claim::Liveness(Liveness::JobCanEnd), ..*gap }));
    let (report, found) = run_gap(trap, &ONE).expect("the model doesn't panic");
    let found = found.expect("the gap breaks something");
    assert_eq!((report.complaint, found.violates, &found.end), (None, trap.breaks, &End::Trap(Liveness::JobCanEnd)));
}

#[test]
fn a_gap_that_loses_a_goal_is_shown_by_all_states() {
    let gap = Gap::by_name("ReadsCarryVersionShut").expect("the gap is registered");
    let (report, found) = run_gap(gap, &ONE).expect("the model doesn't panic");
    assert!(found.is_none());
    assert_eq!((report.complaint, &*report.broken, report.steps), (None, &["R-READ"][..], None));
    assert!(report.report.is_some_and(|report| report.is_complete && report.outcome == Outcome::Violated));
}

#[test]
fn a_gap_that_loses_another_goal_is_not_as_registered() {
    let gap = Gap::by_name("ReadsCarryVersionShut").expect("the gap is registered");
    let wrong = Box::leak(Box::new(Gap { breaks: Claim::Reach(Goal::Ended), ..*gap }));
    let (report, _) = run_gap(wrong, &ONE).expect("the model doesn't panic");
    let said = "only keeps R-READ from being reached, and doesn't break R-DONE";
    assert_eq!(report.complaint.as_deref(), Some(said));
}

#[test]
fn a_goal_that_a_gap_loses_is_one_that_its_scenario_names() {
    for gap in GAPS {
        let scenario = Scenario::by_name(gap.scenario).expect("a gap has a scenario");
        if let Claim::Reach(goal) = gap.breaks {
            assert!(scenario.goals.contains(&goal), "{}: {goal} is not shown to be reachable otherwise", gap.name);
        }
    }
}

#[test]
fn a_liveness_verdict_needs_the_whole_graph() {
    let report = report_of(&CALM, &Options { max_states: Some(5), ..ONE });
    assert!(report.liveness.iter().all(|judged| judged.verdict == LivenessVerdict::NotJudged), "{:?}", report.liveness);
}

#[test]
fn a_gap_that_breaks_nothing_is_not_as_registered() {
    let gap = Gap::by_name("ReadinessNowhere").expect("the gap is registered");
    let harmless = Box::leak(Box::new(Gap { removes: &gap.removes[..1], ..*gap }));
    let (report, found) = run_gap(harmless, &ONE).expect("the model doesn't panic");
    assert!(found.is_none());
    assert_eq!(report.complaint.as_deref(), Some("breaks nothing: every property holds without it"));
}
