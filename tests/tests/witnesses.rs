//! Each safety property is put to the test: a stored trace leads to the situation that it is about, and it holds there.
//!
//! `splitjob witnesses --write tests/witnesses` writes the traces anew.

use splitjob_model::check::Antecedent;
use splitjob_model::story::End;
use splitjob_model::trace::TraceFile;
use splitjob_model::world::Property;
use splitjob_tests::{Place, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

#[test]
fn every_property_that_a_scenario_can_test_has_a_witness_and_no_other_file_is_there() {
    let dir = root().join("tests/witnesses");
    let entries = fs::read_dir(&dir).expect("the directory is there");
    let stored: BTreeSet<PathBuf> = entries.map(|entry| entry.expect("its entries can be read").path()).collect();
    let tested = Property::ALL.iter().filter(|property| Antecedent::of(**property).scenario.is_some());
    let expected: BTreeSet<PathBuf> = tested.map(|property| dir.join(format!("{property}.json"))).collect();
    assert_eq!(stored, expected);
}

#[test]
fn every_witness_happens_as_it_is_told_and_every_property_holds_on_its_way() {
    for property in Property::ALL {
        let Antecedent { scenario: Some(scenario), .. } = Antecedent::of(*property) else { continue };
        let path = root().join(format!("tests/witnesses/{property}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let trace = TraceFile::read(&text).and_then(|trace| trace.replay());
        let replayed = trace.unwrap_or_else(|error| panic!("{property}: {error} ({ANEW})"));
        assert_eq!((replayed.end, replayed.scenario.name), (End::Witness(*property), scenario), "{property}: {ANEW}");
    }
}

#[test]
fn a_witness_is_found_written_and_replayed() {
    let place = Place::new();
    let ran = place.run(&["witnesses", "S11", "--write", "found"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains("  S11 is put to the test.\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("1 property: each is put to the test\n"), "{}", ran.stdout);
    let replayed = place.run(&["replay", "found/S11.json"]);
    assert_eq!(replayed.code, 0, "{replayed:#?}");
    let said = "replayed: S11 is put to the test as the file says, and every property holds\n";
    assert!(replayed.stdout.ends_with(said), "{}", replayed.stdout);
}

#[test]
fn a_witness_that_is_none_is_refused() {
    let place = Place::new();
    let stored = fs::read_to_string(root().join("tests/witnesses/S11.json")).expect("the witness is there");
    fs::write(place.path("changed.json"), stored.replace(r#""tests": "S11""#, r#""tests": "S4""#))
        .expect("it can be written");
    let ran = place.run(&["replay", "changed.json"]);
    let said = "error: can't replay changed.json: it ends after 1 steps, and S4 is not put to the test there: ";
    assert!(ran.code == 2 && ran.stderr.starts_with(said), "{ran:#?}");
}

#[test]
fn an_unknown_property_is_refused() {
    let ran = Place::new().run(&["witnesses", "S99"]);
    assert!(
        ran.code == 2 && ran.stderr.starts_with("error: there is no safety property \"S99\"; there are S1, "),
        "{ran:#?}"
    );
}

const ANEW: &str = "if the world has changed: splitjob witnesses --write tests/witnesses";
