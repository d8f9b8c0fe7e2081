//! `splitjob trace-rules`, from outside: no rule is without code, check and gap, unless a reason is written.

use serde_json::Value;
use splitjob_tests::{Place, Ran, root};
use std::fs;
use std::path::Path;

#[test]
fn every_rule_is_implemented_checked_and_broken_or_says_why_not() {
    let ran = traced(root(), &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.ends_with(": none is missing\n"), "{}", ran.stdout);
}

#[test]
fn a_rule_is_listed_with_its_places() {
    let ran = traced(root(), &["G3", "--json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let rules: Value = serde_json::from_str(&ran.stdout).expect("it prints JSON and nothing else");
    let rule = &rules[0];
    assert_eq!((rules.as_array().map(Vec::len), &rule["id"]), (Some(1), &Value::from("G3")));
    assert_eq!(rule["broken"], Value::from(vec!["WriteFence"]));
    let place = &rule["implemented"][0];
    let file = place["file"].as_str().expect("a place has a file");
    let text = fs::read_to_string(root().join(file)).expect("the file is there");
    let line = place["line"].as_u64().and_then(|line| text.lines().nth(line as usize - 1));
    assert!(line.is_some_and(|line| line.contains("G3") || line.contains("Gate::")), "{place}: {line:?}");
}

#[test]
fn a_rule_that_nobody_implements_fails() {
    let ran = traced_after("specs/protocol.md", |text| format!("{text}\n- **G77** A rule of tomorrow.\n"));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains("\nG77 lacks code and a property, a test or a gap\n"), "{}", ran.stdout);
}

#[test]
fn a_property_that_no_gap_breaks_fails() {
    let ran = traced_after("specs/protocol.md", |text| format!("{text}\n- **S77** A wish.\n"));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains("\nS77 lacks a property and a gap\n"), "{}", ran.stdout);
}

#[test]
fn an_assumption_without_a_place_fails() {
    let ran = traced_after("specs/assumptions.md", |text| text.replace("**A4 Clocks**", "**Clocks**"));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains("\nA4 lacks a place in specs/assumptions.md\n"), "{}", ran.stdout);
}

#[test]
fn an_exception_that_nobody_needs_fails() {
    let ran = traced_after("specs/rules.md", |text| format!("{text}| G3 | it is late |\n"));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains("\nG3 lacks nothing any more: take its row out of specs/rules.md\n"), "{}", ran.stdout);
}

#[test]
fn an_exception_of_no_rule_fails() {
    let ran = traced_after("specs/rules.md", |text| format!("{text}| G78 | who knows |\n"));
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains(": there is no rule G78\n"), "{}", ran.stdout);
}

#[test]
fn an_exception_without_a_reason_is_refused() {
    let ran = traced_after("specs/rules.md", |text| format!("{text}| G3 | |\n"));
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
    assert!(
        ran.stderr.starts_with("error: can't use specs/rules.md: line ")
            && ran.stderr.ends_with(": G3 has no reason\n")
    );
}

#[test]
fn a_root_without_a_protocol_is_refused() {
    let ran = Place::new().run(&["trace-rules"]);
    let said = "error: no directory from here upwards has a specs/protocol.md: name the root with --root\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, said));
}

#[test]
fn a_name_of_no_rule_is_refused() {
    let ran = traced(root(), &["H5"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: \"H5\" names no rule: "), "{ran:#?}");
    let ran = traced(root(), &["G99"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, "error: there is no rule G99 in specs/protocol.md\n"));
}

fn traced(root: &Path, arguments: &[&str]) -> Ran {
    let root = root.to_str().expect("the path is text");
    Place::new().run(&[&["trace-rules", "--root", root], arguments].concat())
}

/// Traces the rules of a copy of the repository in which one file is changed.
fn traced_after(file: &str, change: impl Fn(&str) -> String) -> Ran {
    let place = Place::new();
    for dir in ["specs", "impl", "model", "refinement", "tests"] {
        copy(&root().join(dir), &place.path(dir));
    }
    let path = place.path(file);
    let before = fs::read_to_string(&path).expect("the file is there");
    let after = change(&before);
    assert_ne!(before, after, "the change changes nothing");
    fs::write(&path, after).expect("the place takes a file");
    traced(&place.path(""), &[])
}

/// Copies what a trace of rules reads.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the place takes a directory");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let path = entry.expect("its entries can be read").path();
        let name = path.file_name().expect("an entry has a name");
        let is_read =
            path.extension().is_some_and(|extension| ["rs", "md", "txt"].iter().any(|read| extension == *read));
        if path.is_dir() && name != "node_modules" {
            copy(&path, &to.join(name));
        } else if is_read {
            fs::copy(&path, to.join(name)).expect("the place takes a file");
        }
    }
}
