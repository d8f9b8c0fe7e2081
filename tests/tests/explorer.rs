//! `splitjob explore`, from outside: over HTTP, and in a real browser.

use splitjob_tests::{Explorer, Place, root};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

#[test]
fn the_page_names_the_violated_property_and_links_to_the_shortest_way_there() {
    let explorer = Place::new().explore(&["explore", "staged-merge", "--gap", "MergeBeforeVisibility"]);
    assert_eq!(explorer.found, "staged-merge without MergeBeforeVisibility: S7 and S2 are violated after 8 steps");
    let status = get(&explorer, "/.status");
    let path = explorer.link.split("#/steps/").nth(1).expect("the link is to a path");
    assert!(status.contains("S7: What was deleted") && status.contains(&format!("\"{path}\"")), "{path} in {status}");
}

#[test]
fn a_scenario_in_which_everything_holds_shows_what_it_reaches() {
    let explorer = Place::new().explore(&["explore", "lagging-voter"]);
    assert_eq!(explorer.found, "lagging-voter: every property holds in every reachable state");
    let status = get(&explorer, "/.status");
    assert!(status.contains("[\"Always\",\"S1: ") && status.contains("[\"Sometimes\",\"R-CUTOVER: "), "{status}");
}

#[test]
fn a_ui_folder_where_it_is_started_does_not_replace_the_page() {
    let place = Place::new();
    std::fs::create_dir(place.path("ui")).expect("the place takes a directory");
    std::fs::write(place.path("ui/index.htm"), "somebody else's page").expect("the directory takes a file");
    let explorer = place.explore(&["explore", "lagging-voter"]);
    assert!(get(&explorer, "/").contains("<title>Stateright Explorer</title>"));
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_explored() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    let port = listener.local_addr().expect("it listens somewhere").port().to_string();
    let ran = Place::new().run(&["explore", "lagging-voter", "--port", &port]);
    let said = format!("error: port {port} is in use: choose another with --port\n");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr), (2, "", said));
}

#[test]
fn an_unknown_scenario_is_refused() {
    let ran = Place::new().run(&["explore", "lagging-vote"]);
    let said = "error: there is no scenario \"lagging-vote\"; did you mean lagging-voter?\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, said));
}

#[test]
fn a_person_walks_through_a_counterexample_in_a_browser() {
    if std::env::var_os("SPLITJOB_NO_BROWSER").is_some_and(|value| value == "1") {
        let _told = writeln!(std::io::stderr(), "skipped: SPLITJOB_NO_BROWSER=1 says that there is no browser here");
        return;
    }
    let explorer = Place::new().explore(&["explore", "staged-merge", "--gap", "MergeBeforeVisibility"]);
    let pictures = root().join("target/splitjob");
    std::fs::create_dir_all(&pictures).expect("target takes a directory");
    let walked = Command::new("node")
        .arg(root().join("tests/browser/explorer.mjs"))
        .args([explorer.link.as_str(), "8", "S7"])
        .arg(pictures.join("explorer.png"))
        .output()
        .expect("node starts; it and chromium come with .ci/run, or set SPLITJOB_NO_BROWSER=1");
    let (said, complained) = (String::from_utf8_lossy(&walked.stdout), String::from_utf8_lossy(&walked.stderr));
    assert!(walked.status.success(), "{complained}\n(`npm ci` in tests/browser, and chromium, are needed)\n{said}");
    assert!(said.ends_with("S7 is violated, and named\n"), "{said}");
}

fn get(explorer: &Explorer, path: &str) -> String {
    let address = explorer.link.trim_start_matches("http://").split('/').next().expect("a link has a host");
    let mut stream = TcpStream::connect(address).expect("the Explorer listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers with text");
    answer
}
