//! `splitjob replay`, from outside: a trace is run again, and nothing false in it is believed.

use serde_json::Value;
use splitjob_tests::{Place, Ran};

#[test]
fn a_trace_that_check_wrote_can_be_replayed() {
    let ran = replayed(|_| {});
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.ends_with("replayed: S7 is violated as the file says\n"), "{}", ran.stdout);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let ran = Place::new().run(&["replay", "nothing.json"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: can't read nothing.json: "), "{ran:#?}");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let place = Place::new();
    let text = trace(&place).to_string();
    std::fs::write(place.path("cut.json"), &text[..text.len() / 2]).expect("the place takes a file");
    let ran = place.run(&["replay", "cut.json"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: can't replay cut.json: it is not JSON: "), "{ran:#?}");
}

#[test]
fn a_file_of_another_format_is_refused() {
    assert_refused(
        |trace| trace["format"] = "otherwise".into(),
        "it is not a splitjob trace: it has format \"otherwise\"",
    );
}

#[test]
fn a_trace_of_another_version_is_refused() {
    assert_refused(
        |trace| trace["version"] = 7.into(),
        "it is a trace of version 7, and this program reads version 1 alone",
    );
}

#[test]
fn a_trace_of_an_unknown_scenario_is_refused() {
    let said = "it is of a scenario \"staged-murge\" that doesn't exist; did you mean staged-merge?";
    assert_refused(|trace| trace["scenario"] = "staged-murge".into(), said);
}

#[test]
fn a_trace_that_removes_an_unknown_gate_is_refused() {
    assert_refused(|trace| trace["removes"][0] = "NoGate".into(), "it removes a gate \"NoGate\" that doesn't exist");
}

#[test]
fn a_trace_that_removes_other_gates_than_its_gap_is_refused() {
    let said = "it removes [\"ScansMerge\"], which is not what the gap MergeBeforeVisibility removes";
    assert_refused(|trace| trace["removes"][0] = "ScansMerge".into(), said);
}

#[test]
fn a_trace_that_names_an_unknown_property_is_refused() {
    assert_refused(|trace| trace["violates"] = "S99".into(), "it names a property \"S99\" that doesn't exist");
}

#[test]
fn a_field_that_nobody_knows_is_refused() {
    assert_refused(|trace| trace["extra"] = 1.into(), "it is no well-formed trace: unknown field `extra`");
}

#[test]
fn a_step_that_cannot_happen_is_refused_with_what_can() {
    let impossible = serde_json::json!({ "does": "arrive", "message": 3 });
    assert_refused(move |trace| trace["steps"][1]["action"] = impossible.clone(), "step 2 (migrator → target: ");
}

#[test]
fn a_text_that_was_edited_is_refused() {
    assert_refused(
        |trace| trace["steps"][0]["text"] = "all is well".into(),
        "step 1 says \"all is well\", and what happens is ",
    );
}

#[test]
fn a_change_that_was_edited_is_refused() {
    assert_refused(
        |trace| trace["steps"][0]["changes"] = Value::Array(Vec::new()),
        "step 1 changes something else than it says: ",
    );
}

#[test]
fn a_trace_without_its_last_step_is_refused() {
    let shorten = |trace: &mut Value| {
        trace["steps"].as_array_mut().expect("steps are a list").pop();
    };
    assert_refused(shorten, "it ends after 7 steps, and S7 still holds there: is it complete?");
}

#[test]
fn a_trace_that_hides_what_it_violates_is_refused() {
    assert_refused(|trace| trace["violates"] = Value::Null, "its last state violates S2, which it doesn't name");
}

#[test]
fn a_run_that_is_not_as_fair_as_it_says_is_refused() {
    let more =
        |trace: &mut Value| trace["forever"]["assuming"].as_array_mut().expect("it is a list").push("F-VOTERS".into());
    assert_forever_refused(more, "the run is not fair by F-VOTERS: ");
}

#[test]
fn a_loop_that_does_not_close_is_refused() {
    let earlier = |trace: &mut Value| trace["forever"]["stem"] = 0.into();
    assert_forever_refused(earlier, "its steps from 1 to ");
}

#[test]
fn a_run_for_ever_that_violates_what_is_seen_at_once_is_refused() {
    let other = |trace: &mut Value| trace["violates"] = "S1".into();
    assert_forever_refused(other, "what it violates, what it tests and how it goes on for ever don't go together");
}

fn assert_forever_refused(change: impl Fn(&mut Value), said: &str) {
    let place = Place::new();
    let ran = place.run(&["check", "lagging-voter", "--unfair", "F-VOTERS", "--out", "."]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let text = std::fs::read_to_string(place.path("lagging-voter-L1.json")).expect("the trace is there");
    let mut trace: Value = serde_json::from_str(&text).expect("the trace is JSON");
    change(&mut trace);
    std::fs::write(place.path("changed.json"), trace.to_string()).expect("the place takes a file");
    let ran = place.run(&["replay", "changed.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
    assert!(ran.stderr.starts_with(&format!("error: can't replay changed.json: {said}")), "{}", ran.stderr);
}

fn assert_refused(change: impl Fn(&mut Value), said: &str) {
    let ran = replayed(change);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
    assert!(ran.stderr.starts_with(&format!("error: can't replay changed.json: {said}")), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

/// Replays a real trace after a change.
fn replayed(change: impl Fn(&mut Value)) -> Ran {
    let place = Place::new();
    let mut trace = trace(&place);
    change(&mut trace);
    std::fs::write(place.path("changed.json"), trace.to_string()).expect("the place takes a file");
    place.run(&["replay", "changed.json"])
}

/// A trace that check has written.
fn trace(place: &Place) -> Value {
    let ran = place.run(&["check", "--gap", "MergeBeforeVisibility", "--out", "."]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let path = place.path("staged-merge-MergeBeforeVisibility-S7.json");
    let text = std::fs::read_to_string(path).expect("the trace is there");
    serde_json::from_str(&text).expect("the trace is JSON")
}
