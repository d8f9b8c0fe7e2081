//! The binary itself, as it is built for tests.

use std::process::Command;

#[test]
fn the_help_names_every_verb_of_a_cluster() {
    let run = Command::new(env!("CARGO_BIN_EXE_splitjob")).arg("--help").output().expect("the binary starts");
    let help = String::from_utf8(run.stdout).expect("it writes UTF-8");
    for verb in ["check", "demo", "serve", "get", "put", "delete", "scan", "job", "routes", "cluster"] {
        assert!(help.contains(&format!("\n  {verb}")), "{verb} is missing in:\n{help}");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_an_error_that_says_so() {
    let run = Command::new(env!("CARGO_BIN_EXE_splitjob")).args(["get", "k", "--at", "127.0.0.1:1"]).output();
    let run = run.expect("the binary starts");
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).expect("it writes UTF-8");
    assert!(said.contains("no node can be reached"), "{said}");
}

#[test]
fn a_setting_that_opens_the_node_to_everybody_is_refused() {
    let folder = tempfile::tempdir().expect("the temporary directory takes a directory");
    let data = folder.path().join("data");
    let mut command = Command::new(env!("CARGO_BIN_EXE_splitjob"));
    let run = command.args(["serve", "--listen", "0.0.0.0:0", "--data"]).arg(&data).output();
    let run = run.expect("the binary starts");
    assert_eq!(run.status.code(), Some(2));
    let said = String::from_utf8(run.stderr).expect("it writes UTF-8");
    assert!(said.contains("--insecure"), "{said}");
    assert!(!data.exists(), "what is refused changes nothing");
}
