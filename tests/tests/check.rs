//! `splitjob check`, `scenarios` and `bench`, from outside.

use serde_json::Value;
use splitjob_tests::Place;

#[test]
fn a_scenario_in_which_everything_holds_ends_with_0_and_says_so() {
    let ran = Place::new().run(&["check", "lagging-voter"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("1 scenario, ") && last.ends_with(": every property holds"), "{last}");
}

#[test]
fn a_run_that_was_cut_short_does_not_pass() {
    let ran = Place::new().run(&["check", "lagging-voter", "--max-states", "1000"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stdout.contains("lagging-voter: cut short: the limit of states was reached"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("not explored to the end, so nothing is shown\n"), "{}", ran.stdout);
}

#[test]
fn a_gap_ends_with_1_and_leaves_its_trace_and_its_picture() {
    let place = Place::new();
    let ran = place.run(&["check", "--gap", "mergebeforevisibility"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    for part in ["  S7 is violated.\n", "splitjob explore staged-merge --gap MergeBeforeVisibility", "/#/steps/0/"] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
    let name = "target/splitjob/staged-merge-MergeBeforeVisibility-S7";
    let svg = std::fs::read_to_string(place.path(&format!("{name}.svg"))).expect("the picture is there");
    assert!(svg.starts_with("<svg ") && svg.contains("S7 is violated."), "{svg}");
    let trace = std::fs::read_to_string(place.path(&format!("{name}.json"))).expect("the trace is there");
    let trace: Value = serde_json::from_str(&trace).expect("the trace is JSON");
    assert_eq!((&trace["format"], &trace["violates"]), (&Value::from("splitjob-trace"), &Value::from("S7")));
}

#[test]
fn the_report_as_json_carries_verdicts_and_the_counts_they_rest_on() {
    let place = Place::new();
    let ran = place.run(&["check", "lagging-voter", "--threads", "1", "--json", "report.json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let text = std::fs::read_to_string(place.path("report.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    let scenario = &report[0];
    assert_eq!(scenario["outcome"], "holds");
    assert_eq!((&scenario["is_complete"], &scenario["states"]), (&Value::Bool(true), &scenario["pinned"]["states"]));
    let properties = scenario["properties"].as_array().expect("properties are a list");
    assert!(properties.iter().all(|property| property["seen"] == "nowhere"), "{properties:?}");
}

#[test]
fn a_run_that_was_cut_short_goes_on_from_its_checkpoint() {
    let place = Place::new();
    let check = |arguments: &[&str]| {
        let kept = ["check", "read-fence", "--no-liveness", "--checkpoint", "kept"];
        place.run(&[&kept, arguments].concat())
    };
    let cut = check(&["--max-states", "20000"]);
    assert_eq!(cut.code, 2, "{cut:#?}");
    let ended = check(&["--json", "report.json"]);
    assert_eq!(ended.code, 0, "{ended:#?}");
    let text = std::fs::read_to_string(place.path("report.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    assert_eq!(report[0]["states"], report[0]["pinned"]["states"]);
    std::fs::write(place.path("kept/read-fence/manifest"), "something else\n").expect("it can be written");
    let refused = check(&[]);
    assert!(refused.code == 2 && refused.stderr.contains("kept/read-fence holds another exploration"), "{refused:#?}");
}

#[test]
fn a_verdict_on_liveness_is_a_line_that_names_what_it_assumes() {
    let place = Place::new();
    let ran = place.run(&["check", "lagging-voter", "--json", "report.json"]);
    let lines = ["L1 holds, assuming F-MESSAGES, F-PAGES, F-LOCKS, F-VOTERS", "L4 holds"];
    for line in lines {
        assert!(ran.stdout.contains(&format!("\nlagging-voter: {line}\n")), "{line:?} is not in {}", ran.stdout);
    }
    let text = std::fs::read_to_string(place.path("report.json")).expect("the report is there");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    let judged = &report[0]["liveness"];
    assert_eq!((&judged[0]["id"], &judged[0]["verdict"]), (&"L1".into(), &"holds".into()));
    assert_eq!((&judged[1]["id"], &judged[1]["trapped"]), (&"L4".into(), &0.into()));
}

#[test]
fn liveness_can_be_left_out() {
    let ran = Place::new().run(&["check", "lagging-voter", "--no-liveness"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(!ran.stdout.contains("L1"), "{}", ran.stdout);
}

#[test]
fn a_run_that_never_ends_the_job_is_told_drawn_and_replayed() {
    let place = Place::new();
    let ran = place.run(&["check", "lagging-voter", "--unfair", "F-VOTERS", "--out", "."]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let parts = [
        "lagging-voter: L1 is violated by a run that stops after ",
        "  L1 is violated.\n",
        "it is fair by F-MESSAGES, F-PAGES, F-LOCKS.",
        "lagging-voter: L1 is violated, assuming F-MESSAGES, F-PAGES, F-LOCKS\n",
    ];
    for part in parts {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
    let svg = std::fs::read_to_string(place.path("lagging-voter-L1.svg")).expect("the picture is there");
    assert!(svg.contains("L1 is violated."), "{svg}");
    let replayed = place.run(&["replay", "lagging-voter-L1.json"]);
    assert_eq!(replayed.code, 1, "{replayed:#?}");
    assert!(replayed.stdout.ends_with("replayed: L1 is violated as the file says\n"), "{}", replayed.stdout);
}

#[test]
fn an_unknown_fairness_is_refused_with_those_there_are() {
    let ran = Place::new().run(&["check", "lagging-voter", "--unfair", "F-LUCK"]);
    let said = "error: there is no fairness \"F-LUCK\"; there are F-MESSAGES, F-PAGES, F-LOCKS, F-CLIENTS, F-ROUTES, F-VOTERS\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, said));
}

#[test]
fn an_unknown_scenario_is_refused_with_near_names() {
    let ran = Place::new().run(&["check", "raed-fence"]);
    let said = "error: there is no scenario \"raed-fence\"; did you mean read-fence";
    assert!(ran.code == 2 && ran.stderr.starts_with(said), "{ran:#?}");
}

#[test]
fn an_unknown_gap_is_refused_with_near_names() {
    let ran = Place::new().run(&["check", "--gap", "ReadFense"]);
    let said = "error: there is no gap \"ReadFense\"; did you mean ReadFence";
    assert!(ran.code == 2 && ran.stderr.starts_with(said), "{ran:#?}");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_runs() {
    let place = Place::new();
    let ran = place.run(&["check", "lagging-voter", "--json", "nowhere/report.json"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: can't write nowhere/report.json: "), "{ran:#?}");
    assert!(ran.stdout.is_empty() && place.is_empty(), "{ran:#?}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named_and_nothing_is_written() {
    let place = Place::new();
    std::fs::write(place.path("taken"), "").expect("the place takes a file");
    let ran = place.run(&["check", "--gap", "MergeBeforeVisibility", "--out", "taken/inside"]);
    let said = "error: can't make the directory taken/inside: ";
    assert!(ran.code == 2 && ran.stderr.starts_with(said), "{ran:#?}");
    assert_eq!(std::fs::read_dir(place.path("")).expect("it is a directory").count(), 1);
}

#[test]
fn the_list_of_scenarios_says_what_each_is_for() {
    let ran = Place::new().run(&["scenarios"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    for scenario in splitjob_model::scenario::ALL {
        assert!(ran.stdout.contains(&format!("{}  ({})\n", scenario.name, scenario.class)), "{}", scenario.name);
    }
    let counted = format!("{} scenarios\n", splitjob_model::scenario::ALL.len());
    assert!(ran.stdout.ends_with(&counted), "{}", ran.stdout);
}

#[test]
fn the_benchmark_says_how_fast_it_is_and_that_both_count_the_same() {
    let ran = Place::new().run(&["bench", "explorer", "lagging-voter", "--json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let measured: Value = serde_json::from_str(&ran.stdout).expect("it prints JSON and nothing else");
    for key in ["states_per_second", "ratio_to_stateright", "bytes_per_state"] {
        assert!(measured[key].as_f64().is_some_and(|value| value > 0.0), "{key} in {measured}");
    }
    assert_eq!(measured["agrees"], true);
}
