use super::*;
use crate::check::{Counterexample, Options, run_gap};
use crate::scenario::{GAPS, Gap, Scenario};
use crate::trace::TraceFile;
use crate::world::{Claim, Fairness, Liveness};

fn found(gap: &'static Gap, threads: usize) -> Counterexample {
    let options = Options { threads, ..Options::default() };
    let (_, found) = run_gap(gap, &options).expect("the model doesn't panic");
    found.unwrap_or_else(|| panic!("{} breaks nothing", gap.name))
}

fn gap(name: &str) -> &'static Gap {
    Gap::by_name(name).expect("the gap is registered")
}

/// The gaps that have a trace and whose scenarios are explored in a second.
fn quick_gaps() -> impl Iterator<Item = &'static Gap> {
    let is_small =
        |gap: &&Gap| Scenario::by_name(gap.scenario).is_some_and(|scenario| scenario.pinned.states < 500_000);
    GAPS.iter().filter(|gap| !matches!(gap.breaks, Claim::Reach(_))).filter(is_small)
}

#[test]
fn a_resurrected_row_is_told_from_the_cutover_to_the_read_that_shows_it() {
    let story = found(gap("MergeBeforeVisibility"), 1).story();
    let told: Vec<&str> = story.steps.iter().map(|step| step.text.as_str()).collect();
    let expected = [
        "migrator → source: arm read fence for catalog v3 (job 1, epoch 1)",
        "migrator → target: be ready to serve [m..), with writes above 3 (job 1, epoch 1)",
        "migrator → catalog: job 1: CUTOVER → CLEANUP: the range belongs to the target, with writes above 3 (catalog v3)",
        "migrator → target: follow catalog v3",
        "migrator → target: promote staged rows, at most 1 (job 1, epoch 1)",
        "the coordinator learns the routes of catalog v3",
        "client is about to read n at 6 through the coordinator (routes v3); the target binds it: no version at or below \
         6 will be admitted",
        "client reads [m..) at 6 through the coordinator (routes v3); the target returns m@1 = m1, n@2 = n2",
    ];
    assert_eq!(told, expected);
    assert_eq!(story.steps[4].changes, ["target: + m@3 deleted", "target: − staged m@3 deleted"]);
    let ending = "The read of [m..) at 6 returned m@1, although m was deleted at 3: the deleted is back.";
    let head = "S7 is violated.".to_owned();
    assert_eq!(story.ending, Some(Ending { head, told: ending.to_owned(), is_bad: true }));
}

#[test]
fn every_ending_shows_the_values_that_violate_the_property() {
    for gap in quick_gaps() {
        let found = found(gap, 2);
        let told = found.story().ending.expect("a counterexample has an ending").told;
        assert_ne!(told, found.violates.says(), "{}: the ending only repeats the property", gap.name);
        assert!(told.starts_with(char::is_uppercase) && told.ends_with('.'), "{}: {told:?}", gap.name);
    }
}

#[test]
fn every_step_says_something_and_every_change_is_news_of_one_line() {
    for gap in quick_gaps() {
        for step in found(gap, 2).story().steps {
            let lines = step.changes.iter().chain([&step.text, &step.label]);
            for line in lines {
                let leaks = ["Some(", "None", "{", "Timestamp", "\n"];
                assert!(!line.is_empty() && !leaks.iter().any(|leak| line.contains(leak)), "{}: {line:?}", gap.name);
            }
            assert!(!step.changes.is_empty(), "{}: {:?} changes nothing", gap.name, step.text);
        }
    }
}

#[test]
fn a_trace_is_told_alike_whatever_the_number_of_threads() {
    for name in ["EveryVoter", "MergeBeforeVisibility", "BatchGap"] {
        let [one, two] = [1, 2].map(|threads| TraceFile::of(&found(gap(name), threads)).to_json());
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn a_trace_read_back_happens_as_it_is_told() {
    for gap in quick_gaps() {
        let found = found(gap, 2);
        let text = TraceFile::of(&found).to_json();
        let replayed = TraceFile::read(&text).and_then(|trace| trace.replay());
        let replayed = replayed.unwrap_or_else(|error| panic!("{}: {error}", gap.name));
        assert_eq!((replayed.choices, replayed.end), (found.choices, found.end), "{}", gap.name);
    }
}

#[test]
fn a_coordinator_keeps_its_number_when_another_learns_newer_routes() {
    for gap in quick_gaps() {
        let mut routes = [1, 1, 1];
        for step in found(gap, 2).story().steps {
            if let (Lane::Catalog, Lane::Coordinator(who)) = (step.from, step.to) {
                let version = step.label.trim_start_matches("routes v");
                routes[usize::from(who)] = version.parse().expect("the label ends in a version");
            }
            if let Some(Lane::Coordinator(who)) = step.via {
                let routed_by = format!("(routes v{})", routes[usize::from(who)]);
                assert!(step.text.contains(&routed_by), "{}: {routed_by} is not in {:?}", gap.name, step.text);
            }
        }
    }
}

#[test]
fn a_loop_is_told_and_drawn_as_what_repeats_for_ever() {
    let found = found(gap("MergeBeforeVisibility"), 1);
    let end = End::Lasso {
        unmet: Liveness::JobEnds,
        open_since: 2,
        stem: 5,
        assuming: vec![Fairness::MessagesArrive, Fairness::VotersApply],
    };
    let story = Story::of(&found.world, &found.steps, &end);
    let ending = story.ending.clone().expect("a loop comes to something");
    let told = "Steps 6 to 8 repeat for ever, though it is owed since step 2; it is fair by F-MESSAGES, F-VOTERS. The job is in \
                CLEANUP.";
    assert_eq!((ending.head.as_str(), ending.told.as_str(), story.stem), ("L1 is violated.", told, Some(5)));
    let drawn = diagram::svg(&story, "a title");
    let marks: Vec<_> = [">5<", "again and again", ">6<"].iter().filter_map(|mark| drawn.find(mark)).collect();
    assert!(marks.len() == 3 && marks.is_sorted(), "the loop begins between steps 5 and 6: {marks:?}");
}

#[test]
fn a_diagram_says_everything_that_the_story_says() {
    let story = found(gap("MergeBeforeVisibility"), 1).story();
    let drawn = diagram::svg(&story, "a title");
    for number in 1..=story.steps.len() {
        assert!(drawn.contains(&format!(">{number}</text>")), "step {number}");
    }
    for (_, title) in &story.lanes {
        assert!(drawn.contains(&format!(">{title}</text>")), "{title}");
    }
    assert!(drawn.contains("S7 is violated.") && drawn.contains("CLEANUP"), "{drawn}");
}
