//! Reads, scans and latest-timestamp queries.

use crate::cluster::{Cluster, Fate, LEFT, RIGHT, committed, get, put, rejection, seen, write};
use splitjob_core::group::{GroupCommand, Rejection};
use splitjob_core::id::CatalogVersion;
use splitjob_core::job::PhaseName;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_node::api::{ClientRequest, ClientResponse};
use splitjob_wire::peer::Call;

fn get_at(key: &str, read_ts: Timestamp) -> ClientRequest {
    ClientRequest::Get { key: RawKey::from(key), read_ts: Some(read_ts), routed_by: None }
}

fn scan(interval: RawInterval, direction: Direction, limit: u64, read_ts: Option<Timestamp>) -> ClientRequest {
    ClientRequest::Scan { interval, direction, limit, read_ts, routed_by: None }
}

fn all_of(direction: Direction) -> ClientRequest {
    scan(RawInterval::all(), direction, 100, None)
}

fn is_bind(call: &Call) -> bool {
    matches!(call, Call::Propose { command: GroupCommand::BindRead(_), .. })
}

/// A cluster of two owners with these keys, whose values are the keys.
fn with_rows(keys: &[&str]) -> Cluster {
    let mut cluster = Cluster::with_two_owners();
    for key in keys {
        committed(cluster.call(write(key, key)));
    }
    cluster
}

/// Every page of a walk, by clients that follow `next`.
fn pages(cluster: &mut Cluster, mut interval: RawInterval, direction: Direction, limit: u64) -> Vec<String> {
    let (mut values, mut read_ts) = (Vec::new(), None);
    loop {
        let reply = cluster.call(scan(interval.clone(), direction, limit, read_ts));
        let Ok(ClientResponse::Rows { answer, read_ts: at }) = &reply else { panic!("not served: {reply:?}") };
        read_ts = Some(*at);
        let next = answer.next.clone();
        values.extend(seen(reply));
        match (next, direction) {
            (None, _) => return values,
            (Some(key), Direction::Forward) => interval.start = key,
            (Some(key), Direction::Reverse) => interval.end = RawInterval::point(&key).end,
        }
    }
}

#[test]
fn a_read_of_the_newest_sees_what_was_acknowledged() {
    let mut cluster = with_rows(&["a", "n"]);
    assert_eq!([seen(cluster.call(get("a"))), seen(cluster.call(get("n")))], [["a"], ["n"]]);
}

#[test]
fn a_read_at_a_timestamp_is_bound_first_and_once() {
    let mut cluster = Cluster::new();
    committed(cluster.call(write("a", "x")));
    let read_ts = cluster.leader_ts(LEFT);
    assert_eq!(seen(cluster.call(get_at("a", read_ts))), ["x"]);
    assert_eq!(seen(cluster.call(get_at("a", read_ts))), ["x"]);
    assert_eq!(cluster.count(is_bind), 1);
}

#[test]
fn a_read_whose_answer_is_lost_is_asked_again() {
    let mut cluster = with_rows(&["a"]);
    let id = cluster.ask(0, get("a"));
    cluster.deliver(0, 0, Fate::AnswerLost);
    assert_eq!(seen(cluster.wait(0, id)), ["a"]);
}

#[test]
fn a_read_far_above_the_clock_is_refused_and_carries_no_clock_away() {
    let mut cluster = Cluster::new();
    let far = Timestamp::from_raw(u64::MAX / 2);
    assert!(matches!(rejection(cluster.call(get_at("a", far))), Rejection::TimestampTooHigh { .. }));
    assert!(cluster.begin("a").start_ts < far);
}

#[test]
fn a_client_that_pins_an_old_version_is_told_so() {
    let mut cluster = Cluster::new();
    cluster.nodes[0].is_held = true;
    cluster.start_job("m", RIGHT);
    cluster.finish_job();
    let pinned = ClientRequest::Get { key: RawKey::from("n"), read_ts: None, routed_by: Some(CatalogVersion(1)) };
    assert!(matches!(rejection(cluster.call(pinned)), Rejection::RouteMoved { to: RIGHT, .. }));
}

#[test]
fn a_read_of_a_range_that_is_handed_over_waits_for_the_new_routes() {
    let mut cluster = Cluster::new();
    committed(cluster.call(write("n", "x")));
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::Cutover);
    let is_armed = |cluster: &Cluster| {
        cluster.groups[&LEFT].jobs().values().any(|job| job.source().is_some_and(|source| source.read_fence.is_some()))
    };
    while !is_armed(&cluster) {
        assert!(cluster.step_job());
    }
    let id = cluster.ask(0, get("n"));
    cluster.pass(50);
    assert_eq!(cluster.answer(0, id), None, "neither side can answer");
    cluster.finish_job();
    assert_eq!(seen(cluster.wait(0, id)), ["x"]);
}

#[test]
fn the_newest_timestamp_of_a_key_is_told() {
    let mut cluster = Cluster::new();
    let commit_ts = committed(cluster.call(write("a", "x")));
    let reply = cluster.call(ClientRequest::Latest { key: RawKey::from("a"), routed_by: None });
    assert_eq!(reply, Ok(ClientResponse::Newest(Some(commit_ts))));
}

#[test]
fn a_scan_over_several_groups_is_in_order_in_both_directions() {
    let mut cluster = with_rows(&["a", "l", "m", "z"]);
    assert_eq!(seen(cluster.call(all_of(Direction::Forward))), ["a", "l", "m", "z"]);
    assert_eq!(seen(cluster.call(all_of(Direction::Reverse))), ["z", "m", "l", "a"]);
}

#[test]
fn a_scan_over_several_groups_reads_them_at_one_timestamp() {
    let mut cluster = with_rows(&["a", "n"]);
    let Ok(ClientResponse::Rows { read_ts, .. }) = cluster.call(all_of(Direction::Forward)) else {
        panic!("the scan is not served")
    };
    assert!(cluster.groups.values().all(|group| group.read_bound() >= read_ts));
}

#[test]
fn pages_follow_one_another_without_a_gap_or_a_repetition() {
    // Internal rows sort at `!` and belong to owners on both sides.
    let keys = ["!redis|a", "!redis|n", "!redis|z", "a", "b", "l", "m", "n", "z"];
    let mut cluster = with_rows(&keys);
    let mut backwards = keys;
    backwards.reverse();
    for limit in [1, 2, 3, 4, 100] {
        assert_eq!(pages(&mut cluster, RawInterval::all(), Direction::Forward, limit), keys, "limit {limit}");
        assert_eq!(pages(&mut cluster, RawInterval::all(), Direction::Reverse, limit), backwards, "limit {limit}");
        let plain = RawInterval { start: RawKey::from("a"), end: Some(RawKey::from("n")) };
        assert_eq!(pages(&mut cluster, plain, Direction::Forward, limit), ["a", "b", "l", "m"], "limit {limit}");
    }
}

#[test]
fn an_empty_interval_asks_nobody() {
    let mut cluster = Cluster::new();
    let interval = RawInterval { start: RawKey::from("b"), end: Some(RawKey::from("a")) };
    assert_eq!(seen(cluster.call(scan(interval, Direction::Forward, 1, None))), Vec::<String>::new());
    assert_eq!(cluster.asked, []);
}

#[test]
fn a_full_first_page_of_plain_keys_needs_no_other_group() {
    let mut cluster = with_rows(&["a", "b", "n"]);
    let before = cluster.asked.len();
    let plain = RawInterval { start: RawKey::from("a"), end: None };
    assert_eq!(seen(cluster.call(scan(plain, Direction::Forward, 1, None))), ["a"]);
    assert_eq!(cluster.asked.len() - before, 1);
}

#[test]
fn a_scan_over_a_boundary_that_moves_shows_each_key_once() {
    for delivered_before in 0..3 {
        let mut cluster = with_rows(&["a", "c", "h", "n", "z"]);
        cluster.start_job("f", RIGHT);
        cluster.pass(1);
        let read_ts = cluster.leader_ts(RIGHT);
        let id = cluster.ask(0, scan(RawInterval::all(), Direction::Forward, 100, Some(read_ts)));
        for _ in 0..delivered_before {
            cluster.step();
        }
        cluster.finish_job();
        assert_eq!(seen(cluster.wait(0, id)), ["a", "c", "h", "n", "z"], "{delivered_before} calls before the move");
    }
}

#[test]
fn a_scan_of_the_newest_whose_first_part_falls_in_two_shows_each_key_once() {
    for direction in [Direction::Forward, Direction::Reverse] {
        let mut cluster = Cluster::new();
        for key in ["a", "n"] {
            committed(cluster.call(write(key, key)));
        }
        cluster.start_job("m", RIGHT);
        let id = cluster.ask(0, all_of(direction));
        cluster.finish_job();
        let mut rows = seen(cluster.wait(0, id));
        rows.sort_unstable();
        assert_eq!(rows, ["a", "n"]);
    }
}

/// A key that a transaction has locked, which nobody drives any more.
fn with_lock(ttl_ms: u64) -> Cluster {
    let mut cluster = Cluster::new();
    committed(cluster.call(write("a", "before")));
    let txn = cluster.begin("a");
    let prepare = ClientRequest::Prepare { txn, commit_ts: None, mutations: vec![put("a", "after")], ttl_ms };
    cluster.call(prepare).expect("nothing stands in the way");
    cluster.pass(10);
    cluster
}

#[test]
fn a_commit_that_was_acknowledged_elsewhere_is_seen_where_the_key_is_still_locked() {
    let mut cluster = Cluster::with_two_owners();
    cluster.add_node();
    cluster.nodes[0].ahead_ms = 1_000;
    let txn = cluster.begin("a");
    let mutations = vec![put("a", "x"), put("n", "x")];
    committed(cluster.call(ClientRequest::Transact { txn, mutations }));
    assert_eq!(cluster.locked(), [RawKey::from("n")]);
    let id = cluster.ask(1, get("n"));
    assert_eq!(seen(cluster.wait(1, id)), ["x"]);
}

#[test]
fn a_read_waits_for_a_lock_whose_time_is_not_over() {
    let mut cluster = with_lock(1_000);
    let id = cluster.ask(0, get("a"));
    cluster.pass(900);
    assert_eq!(cluster.answer(0, id), None);
    assert_eq!(seen(cluster.wait(0, id)), ["before"]);
    assert_eq!(cluster.locked(), []);
}

#[test]
fn a_read_settles_a_lock_whose_time_is_over() {
    let mut cluster = with_lock(5);
    let before_ms = cluster.elapsed_ms;
    assert_eq!(seen(cluster.call(get("a"))), ["before"]);
    assert_eq!((cluster.locked(), cluster.elapsed_ms), (vec![], before_ms), "nobody waited");
}

#[test]
fn many_that_wait_for_one_lock_settle_it_once() {
    let mut cluster = with_lock(5);
    let ids: Vec<_> = (0..20).map(|_| cluster.ask(0, get("a"))).collect();
    for id in ids {
        assert_eq!(seen(cluster.wait(0, id)), ["before"]);
    }
    assert_eq!(cluster.count(|call| matches!(call, Call::TxnStatus { .. })), 1);
}
