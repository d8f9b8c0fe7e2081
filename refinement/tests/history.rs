//! The judge of histories: right ones pass, each lie is caught.

use splitjob_refinement::history::simulation::{Shape, simulate};
use splitjob_refinement::history::teeth::{Kills, Lie, kills};
use splitjob_refinement::history::{Answer, Call, History, Outcome, judge, lines};

fn passes(seeds: std::ops::Range<u64>, shape: &Shape) {
    for seed in seeds {
        let (history, closing) = simulate(seed, shape);
        let verdict = judge(&history, &closing);
        assert!(verdict.is_ok(), "seed {seed}: {verdict}");
    }
}

#[test]
fn a_right_history_passes() {
    passes(0..4_000, &Shape::SMALL);
}

#[test]
fn a_right_history_of_one_hot_key_passes() {
    passes(0..1_000, &Shape { keys: 1, clients: 8, ..Shape::SMALL });
}

#[test]
fn a_right_history_passes_where_values_repeat() {
    passes(0..2_000, &Shape { values: Some(3), ..Shape::SMALL });
}

#[test]
fn a_right_history_passes_where_no_timestamps_are_told() {
    passes(0..2_000, &Shape { tells_timestamps: false, ..Shape::SMALL });
}

#[test]
fn a_right_history_passes_where_nothing_tells_writes_apart() {
    passes(0..2_000, &Shape { tells_timestamps: false, values: Some(2), lost: 5, ..Shape::SMALL });
}

#[test]
fn a_right_history_passes_where_prefix_deletes_tell_no_timestamp() {
    for seed in 0..2_000 {
        let (told, closing) = simulate(seed, &Shape::SMALL);
        let mut history = History::default();
        for mut operation in told.into_operations() {
            if let (Call::DeletePrefix { .. }, Outcome::Ok(answer)) = (&operation.call, &mut operation.outcome) {
                *answer = Answer::Written { commit_ts: None };
            }
            history.push(operation).expect("only a timestamp is missing");
        }
        let verdict = judge(&history, &closing);
        assert!(verdict.is_ok(), "seed {seed}: {verdict}");
    }
}

/// Of a thousand seeds, how many have a place for the lie. A count moves when the simulation does.
const PLANTED: [(Lie, u32); 15] = [
    (Lie::LostWrite, 419),
    (Lie::StaleRead, 991),
    (Lie::ResurrectedDelete, 961),
    (Lie::ResurrectedInTheEnd, 815),
    (Lie::HalfTransaction, 84),
    (Lie::ReadFromTheFuture, 1_000),
    (Lie::SwappedValue, 892),
    (Lie::InventedValue, 999),
    (Lie::WriteUnderRead, 981),
    (Lie::SameTimestamp, 1_000),
    (Lie::MissingRow, 216),
    (Lie::LostUpdate, 1_000),
    (Lie::StaleTransactionRead, 1_000),
    (Lie::StaleNewest, 681),
    (Lie::StaleWithoutTimestamps, 806),
];

#[test]
fn every_lie_is_caught_under_its_name() {
    assert_eq!(PLANTED.map(|(lie, _)| lie), Lie::ALL);
    for (lie, planted) in PLANTED {
        assert_eq!(kills(lie, 0..1_000), Kills { planted, killed: planted, named: planted }, "{lie:?}");
    }
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..100 {
        let (history, closing) = simulate(seed, &Shape::SMALL);
        let mut file = Vec::new();
        lines::write(&mut file, &history, Some(&closing)).expect("a vector takes everything");
        let (read, closed) = lines::read(file.as_slice()).expect("what was written can be read");
        assert_eq!((read, closed), (history, Some(closing)));
    }
}

/// A history of lines without its head, judged.
fn judged(operations: &[&str], closing: &[&str]) -> String {
    let head = r#"{"head":{"format":"splitjob-history","version":1}}"#;
    let operations = operations.iter().map(|operation| format!(r#"{{"operation":{operation}}}"#));
    let file: Vec<String> =
        [head.to_owned()].into_iter().chain(operations).chain(closing.iter().map(ToString::to_string)).collect();
    let (history, closing) = lines::read(file.join("\n").as_bytes()).unwrap_or_else(|why| panic!("{why}"));
    let verdict = judge(&history, &closing.expect("the test has a closing state"));
    verdict.violations().first().map_or_else(|| verdict.to_string(), ToString::to_string)
}

const PUT_A_AT_7: &str = r#"{"client":1,"called_at":10,"returned_at":20,"call":{"put":{"key":"k","value":"a"}},"outcome":{"ok":{"written":{"commit_ts":7}}}}"#;
const PUT_B_UNKNOWN: &str =
    r#"{"client":2,"called_at":30,"returned_at":null,"call":{"put":{"key":"k","value":"b"}},"outcome":"unknown"}"#;
const B_AT_8: [&str; 2] = [r#"{"closing":{"at":9,"rows":1}}"#, r#"{"row":{"key":"k","value":"b","commit_ts":8}}"#];
const A_AT_7: [&str; 2] = [r#"{"closing":{"at":9,"rows":1}}"#, r#"{"row":{"key":"k","value":"a","commit_ts":7}}"#];

fn get(called_at: u64, read_ts: u64, seen: &str) -> String {
    let returned_at = called_at + 5;
    format!(
        r#"{{"client":3,"called_at":{called_at},"returned_at":{returned_at},"call":{{"get":{{"key":"k","read_ts":{read_ts}}}}},"outcome":{{"ok":{{"value":{{"seen":{seen}}}}}}}}}"#
    )
}

#[test]
fn a_write_of_unknown_outcome_may_have_happened_or_not() {
    for closing in [B_AT_8, A_AT_7] {
        let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN], &closing);
        assert!(verdict.starts_with("users could not tell"), "{verdict}");
    }
}

#[test]
fn a_write_that_was_seen_has_happened_for_every_read() {
    let stale = get(40, 9, r#"{"value":"a","commit_ts":7}"#);
    let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN, &stale], &B_AT_8);
    let right = r#"snapshots: a read at 9 saw "a" of 7 for "k", and "b" of 8 is the newest (operations 1, 2, 3)"#;
    assert_eq!(verdict, right);
}

#[test]
fn a_read_does_not_see_what_is_asked_for_later() {
    let early = get(22, 9, r#"{"value":"b","commit_ts":8}"#);
    let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN, &early], &A_AT_7);
    assert_eq!(
        verdict,
        r#"snapshots: "k" has "b" of 8, and that value was written later, or once only (operations 2, 3)"#
    );
}

#[test]
fn reads_at_one_timestamp_agree_though_nothing_is_told() {
    let (one, other) = (get(40, 9, r#"{"value":"a"}"#), get(50, 9, r#"{"value":"b"}"#));
    let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN, &one, &other], &B_AT_8);
    assert_eq!(verdict, r#"snapshots: a read at 9 saw "a" for "k", and "b" of 8 is the newest (operations 2, 3)"#);
    let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN, &one, &other], &A_AT_7);
    assert_eq!(verdict, r#"snapshots: two reads of "k" at 9 don't agree (operations 3, 4)"#);
}

#[test]
fn a_write_of_unknown_outcome_happens_once() {
    let reads = [get(40, 8, r#"{"value":"b"}"#), get(50, 9, r#"{"value":"a"}"#)];
    let verdict = judged(&[PUT_A_AT_7, PUT_B_UNKNOWN, &reads[0], &reads[1]], &A_AT_7);
    let right = r#"snapshots: a read of "k" at 9 saw again what an earlier read found replaced (operations 1, 4)"#;
    assert_eq!(verdict, right);
}

#[test]
fn half_of_a_transaction_of_unknown_outcome_is_too_little() {
    let both = r#"{"client":1,"called_at":10,"returned_at":null,"call":{"transaction":{"start_ts":5,"reads":[],"writes":[{"key":"k","value":"b"},{"key":"l","value":"c"}]}},"outcome":"unknown"}"#;
    let verdict = judged(&[both], &B_AT_8);
    let right =
        r#"transactions_atomic: the closing state at 9 saw nothing for "l", and "c" of 8 is the newest (operation 1)"#;
    assert_eq!(verdict, right);
}

#[test]
fn a_closing_state_below_a_write_is_no_closing_state() {
    let verdict = judged(&[PUT_A_AT_7], &[r#"{"closing":{"at":6,"rows":0}}"#]);
    assert!(verdict.starts_with("not judged"), "{verdict}");
}

#[test]
fn a_page_tells_nothing_of_what_follows_it() {
    let puts = ["k1", "k2", "k3"].map(|key| {
        format!(r#"{{"client":1,"called_at":1,"returned_at":2,"call":{{"put":{{"key":"{key}","value":"a"}}}},"outcome":{{"ok":{{"written":{{"commit_ts":7}}}}}}}}"#)
    });
    let scan = |reverse: bool, row: &str, next: &str| {
        format!(
            r#"{{"client":1,"called_at":3,"returned_at":4,"call":{{"scan":{{"start":"","limit":9,"reverse":{reverse},"read_ts":8}}}},"outcome":{{"ok":{{"rows":{{"rows":[{{"key":"{row}","value":"a","commit_ts":7}}],"next":{next}}}}}}}}}"#
        )
    };
    let closing = [
        r#"{"closing":{"at":9,"rows":3}}"#,
        r#"{"row":{"key":"k1","value":"a"}}"#,
        r#"{"row":{"key":"k2","value":"a"}}"#,
        r#"{"row":{"key":"k3","value":"a"}}"#,
    ];
    let judged = |scan: &str| judged(&[&puts[0], &puts[1], &puts[2], scan], &closing);
    for scan in [scan(false, "k1", r#""k2""#), scan(true, "k3", r#""k2""#)] {
        assert!(judged(&scan).starts_with("users could not tell"), "{scan}");
    }
    for scan in [scan(false, "k1", "null"), scan(true, "k3", r#""k1""#), scan(false, "k1", r#""k3""#)] {
        assert!(judged(&scan).starts_with("snapshots: a read at 8 saw nothing for"), "{scan}");
    }
}

#[test]
fn what_is_no_line_of_the_schema_is_an_error() {
    let head = r#"{"head":{"format":"splitjob-history","version":1}}"#;
    let wrong = [
        String::new(),
        r#"{"head":{"format":"splitjob-history","version":2}}"#.to_owned(),
        format!(r#"{head}{}{{"operation":{}}}"#, "\n", PUT_A_AT_7.replace("client", "clientele")),
        format!(r#"{head}{}{{"operation":{}}}"#, "\n", PUT_A_AT_7.replace("put", "set")),
        format!(r#"{head}{}{{"operation":{}}}"#, "\n", PUT_A_AT_7.replace("\"value\"", "\"worth\"")),
        format!(r#"{head}{}{{"operation":{}"#, "\n", PUT_A_AT_7),
        format!(r#"{head}{}{{"operation":{}}}"#, "\n", PUT_A_AT_7.replace("20", "5")),
        format!("{head}\n{}", A_AT_7[0]),
        format!("{head}\n{}", A_AT_7[1]),
        format!("{head}\n{}\n{}\n{{\"operation\":{PUT_A_AT_7}}}", A_AT_7[0], A_AT_7[1]),
    ];
    for file in wrong {
        assert!(lines::read(file.as_bytes()).is_err(), "{file}");
    }
}
