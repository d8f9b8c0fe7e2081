//! The demonstration, as a user runs it.

use serde_json::Value;
use splitjob_tests::Place;

#[test]
fn the_demonstration_moves_a_range_there_and_back_and_no_client_can_tell() {
    let place = Place::new();
    let run = place.run(&["demo", "--rows", "5000", "--seconds", "1", "--moves", "2", "--clients", "4", "--json"]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let last = run.stdout.lines().last().expect("it ends with a line");
    let report: Value = serde_json::from_str(last).expect("the last line is JSON");
    assert_eq!(report["verdict"], "ok", "{report}");
    assert_eq!(report["rows"], 5000);
    assert_eq!(report["moved_rows"].as_array().map(Vec::len), Some(2));
    for field in ["write_pause_ms", "refused", "copy_mb_per_s", "reads_per_s", "writes_per_s"] {
        assert!(report[field].is_number(), "{field} is missing in {report}");
    }
    assert!(report["write_pause_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{report}");
    assert!(place.is_empty(), "a demonstration leaves nothing where it ran");
}
