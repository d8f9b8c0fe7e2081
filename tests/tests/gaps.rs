//! `splitjob gaps` and `splitjob why`, from outside.

use serde_json::Value;
use splitjob_tests::{Place, root};

#[test]
fn a_gap_that_breaks_its_property_passes() {
    let ran = Place::new().run(&["gaps", "MergeBeforeVisibility", "EveryVoter"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.ends_with("2 gaps: each breaks its property\n"), "{}", ran.stdout);
}

#[test]
fn a_gate_that_breaks_nothing_alone_is_shown_to_have_another_behind_it() {
    let ran = Place::new().run(&["gaps", "ReadinessNowhere"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let said = "states: ReadinessBeforeCutover stands behind it";
    assert!(
        ran.stdout.contains("StagedReadiness: breaks nothing alone in ") && ran.stdout.contains(said),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_gate_that_never_opens_breaks_liveness_or_loses_a_goal() {
    let ran = Place::new().run(&["gaps", "EveryVoterShut", "ReadsCarryVersionShut"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.ends_with("2 gaps: each breaks its property\n"), "{}", ran.stdout);
}

#[test]
fn why_tells_of_a_gate_that_never_opens_by_the_run_that_goes_on_for_ever() {
    let ran = Place::new().run(&["why", "EveryVoterShut"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let parts = ["in which EveryVoter never opens\n", "When it never opens, L1 is violated by ", "  L1 is violated.\n"];
    for part in parts {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
}

#[test]
fn why_tells_of_a_lost_goal_by_the_number_of_states_that_do_not_reach_it() {
    let ran = Place::new().run(&["why", "ReadsCarryVersionShut"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains(" states of the scenario happy-path reaches R-READ:\n"), "{}", ran.stdout);
}

/// It takes minutes; `splitjob gaps --matrix > specs/gap-matrix.txt` writes it anew.
#[test]
fn the_matrix_of_gaps_and_properties_is_the_pinned_one() {
    let ran = Place::new().run(&["gaps", "--matrix"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let pinned = std::fs::read_to_string(root().join("specs/gap-matrix.txt")).expect("the pinned matrix is there");
    for (found, pinned) in ran.stdout.lines().zip(pinned.lines()) {
        assert_eq!(found, pinned);
    }
    assert_eq!(ran.stdout, pinned);
}

#[test]
fn the_matrix_has_everything_that_a_gap_breaks() {
    let place = Place::new();
    let ran = place.run(&["gaps", "--matrix", "MergeBeforeVisibility", "--json", "matrix.json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let text = std::fs::read_to_string(place.path("matrix.json")).expect("the matrix is there");
    let matrix: Value = serde_json::from_str(&text).expect("the matrix is JSON");
    let cells = matrix["rows"][0]["cells"].as_array().expect("a row has cells");
    let breaks: Vec<&str> =
        cells.iter().filter(|cell| cell["effect"]["breaks"] == 8).filter_map(|cell| cell["id"].as_str()).collect();
    assert_eq!(breaks, ["S2", "S7"]);
    assert!(cells.iter().any(|cell| cell["effect"] == "holds"), "{cells:?}");
}

#[test]
fn an_unknown_gap_is_refused_with_near_names() {
    let ran = Place::new().run(&["gaps", "EveryVotter"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (2, "error: there is no gap \"EveryVotter\"; did you mean EveryVoter?\n")
    );
}

#[test]
fn why_tells_what_the_gate_demands_and_the_shortest_disaster_without_it() {
    let ran = Place::new().run(&["why", "MergeBeforeVisibility"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let parts = [
        "MergeBeforeVisibility (rule P6)\n",
        "Without it, S7 breaks after ",
        "\n   1. ",
        "  S7 is violated.\n  The read of ",
        "walk through it: splitjob explore staged-merge --gap MergeBeforeVisibility\n",
    ];
    for part in parts {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
}

#[test]
fn why_explains_a_gate_that_another_stands_behind_by_the_absence_of_both() {
    let ran = Place::new().run(&["why", "stagedreadiness"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stdout.contains("ReadinessBeforeCutover") && ran.stdout.contains("Without them, S2 breaks"),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_unknown_gate_is_refused_with_near_names() {
    let ran = Place::new().run(&["why", "ReadFens"]);
    assert!(
        ran.code == 2 && ran.stderr.starts_with("error: there is no gate \"ReadFens\"; did you mean ReadFence"),
        "{ran:#?}"
    );
}

#[test]
fn a_name_that_resembles_none_is_refused_with_a_way_to_find_one() {
    let ran = Place::new().run(&["why", "xylophone"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (2, "error: there is no gate \"xylophone\"; `splitjob gaps` lists them\n")
    );
}
