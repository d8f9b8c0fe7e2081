//! Writes and prefix deletes.

use crate::cluster::{Cluster, Fate, LEFT, RIGHT, committed, get, put, rejection, seen, write};
use splitjob_core::group::{GroupCommand, Rejection};
use splitjob_core::id::GroupId;
use splitjob_core::job::PhaseName;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::coordinator::Coordinator;
use splitjob_wire::peer::Call;

fn delete_prefix(prefix: &str) -> ClientRequest {
    ClientRequest::DeletePrefix { prefix: RawKey::from(prefix) }
}

fn is_write(call: &Call) -> bool {
    matches!(call, Call::Propose { command: GroupCommand::Write(_), .. })
}

fn is_prefix_delete(call: &Call, at: GroupId) -> bool {
    matches!(call, Call::Propose { group, command: GroupCommand::DeletePrefix(_), .. } if *group == at)
}

#[test]
fn a_write_waits_for_the_end_of_a_fence_and_then_goes_to_the_target() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    let id = cluster.ask(0, write("n", "waited"));
    cluster.pass(300);
    assert_eq!(cluster.answer(0, id), None, "the range is fenced");
    cluster.run_job_to(PhaseName::Cleanup);
    while cluster.step_job() {}
    committed(cluster.wait(0, id));
    assert_eq!((cluster.owner("n"), cluster.values("n")[0].1.as_str()), (RIGHT, "waited"));
}

#[test]
fn a_write_outside_the_moving_range_does_not_wait() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    let id = cluster.ask(0, write("a", "at once"));
    while cluster.step() {}
    assert!(matches!(cluster.answer(0, id), Some(Ok(ClientResponse::Written { .. }))));
}

#[test]
fn a_fence_that_outlasts_all_attempts_is_told() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    assert_eq!(rejection(cluster.call(write("n", "x"))), Rejection::RouteWriteFenced);
}

#[test]
fn old_routes_lead_astray_once_and_then_to_the_owner() {
    let mut cluster = Cluster::new();
    cluster.nodes[0].is_held = true;
    cluster.start_job("m", RIGHT);
    cluster.finish_job();
    let id = cluster.ask(0, write("n", "x"));
    cluster.pass(100);
    assert_eq!(cluster.answer(0, id), None, "the node doesn't know the routes yet");
    cluster.nodes[0].is_held = false;
    cluster.pass(0);
    assert!(matches!(cluster.answer(0, id), Some(Ok(ClientResponse::Written { .. }))));
}

#[test]
fn a_late_unknown_is_never_repeated() {
    let mut cluster = Cluster::new();
    cluster.fate = |call| if is_write(call) { Fate::AnswerLost } else { Fate::Answered };
    let reply = cluster.call(write("a", "once"));
    assert!(matches!(reply, Err(NodeError::Unknown { .. })), "{reply:?}");
    assert_eq!(cluster.count(is_write), 1);
}

#[test]
fn a_write_that_nobody_takes_is_unavailable_when_its_time_is_over() {
    let mut cluster = Cluster::new();
    cluster.fate = |_| Fate::Busy;
    let reply = cluster.call(write("a", "x"));
    let expected = NodeError::Unavailable { what: "an election".to_owned(), retry_after_ms: 200 };
    assert_eq!((reply, cluster.elapsed_ms), (Err(expected), 15_200));
    assert_eq!(cluster.nodes[0].coordinator.next_wake(), None);
}

#[test]
fn a_write_whose_answer_never_comes_is_unknown_when_its_time_is_over() {
    let mut cluster = Cluster::new();
    let id = cluster.ask(0, write("a", "x"));
    cluster.elapsed_ms = 15_200;
    cluster.at_desk(0, Coordinator::woken);
    assert!(matches!(cluster.answer(0, id), Some(Err(NodeError::Unknown { .. }))));
}

#[test]
fn a_timestamp_that_the_client_chose_is_used_or_refused_with_the_floor() {
    let mut cluster = Cluster::new();
    let chosen = cluster.leader_ts(LEFT);
    let at = |commit_ts| ClientRequest::Write { mutation: put("a", "x"), commit_ts: Some(commit_ts) };
    assert_eq!(committed(cluster.call(at(chosen))), chosen);
    seen(cluster.call(get("a")));
    let floor = cluster.groups[&LEFT].read_bound();
    assert_eq!(rejection(cluster.call(at(floor))), Rejection::TimestampTooLow { floor });
}

#[test]
fn a_timestamp_of_the_far_future_carries_no_clock_away() {
    let mut cluster = Cluster::new();
    let far = Timestamp::from_raw(u64::MAX / 2);
    let reply = cluster.call(ClientRequest::Write { mutation: put("a", "x"), commit_ts: Some(far) });
    assert!(matches!(rejection(reply), Rejection::TimestampTooHigh { .. }));
    assert!(cluster.begin("a").start_ts < far);
}

#[test]
fn who_saw_a_write_here_begins_above_it() {
    let mut cluster = Cluster::new();
    cluster.leaders_ahead_ms.insert(LEFT, 2_000);
    let commit_ts = committed(cluster.call(write("a", "x")));
    assert!(cluster.begin("a").start_ts > commit_ts);
}

#[test]
fn a_prefix_is_deleted_in_every_group_at_one_timestamp() {
    let mut cluster = Cluster::with_two_owners();
    for key in ["a", "n", "nn"] {
        committed(cluster.call(write(key, key)));
    }
    let reply = cluster.call(delete_prefix(""));
    assert_eq!(reply, Ok(ClientResponse::PrefixDeleted { rows: 3 }));
    let stamps: Vec<(Timestamp, String)> = ["a", "n", "nn"].iter().map(|key| cluster.values(key)[0].clone()).collect();
    assert!(stamps.iter().all(|(commit_ts, value)| *commit_ts == stamps[0].0 && value == "†"), "{stamps:?}");
}

#[test]
fn a_prefix_delete_waits_as_a_whole_while_a_part_is_fenced() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    let id = cluster.ask(0, delete_prefix(""));
    cluster.pass(300);
    assert_eq!(cluster.count(|call| is_prefix_delete(call, LEFT)), 0, "no part before all of them");
    cluster.run_job_to(PhaseName::Cleanup);
    while cluster.step_job() {}
    assert_eq!(cluster.wait(0, id), Ok(ClientResponse::PrefixDeleted { rows: 0 }));
}

#[test]
fn a_part_whose_timestamp_is_too_low_is_asked_again_alone() {
    let mut cluster = Cluster::with_two_owners();
    cluster.leaders_ahead_ms.insert(RIGHT, 1_000);
    cluster.add_node();
    let id = cluster.ask(1, get("n"));
    seen(cluster.wait(1, id));
    assert_eq!(cluster.call(delete_prefix("")), Ok(ClientResponse::PrefixDeleted { rows: 0 }));
    let asked = [LEFT, RIGHT].map(|group| cluster.count(|call| is_prefix_delete(call, group)));
    assert_eq!(asked, [1, 2]);
}

#[test]
fn a_prefix_delete_that_is_done_in_part_is_never_called_undone() {
    let mut cluster = Cluster::with_two_owners();
    cluster.fate = |call| if is_prefix_delete(call, RIGHT) { Fate::Busy } else { Fate::Answered };
    let reply = cluster.call(delete_prefix(""));
    assert!(matches!(reply, Err(NodeError::Unknown { .. })), "{reply:?}");
}

#[test]
fn a_prefix_of_transaction_rows_is_refused() {
    let mut cluster = Cluster::with_two_owners();
    let reply = cluster.call(delete_prefix("!txn|cmt|"));
    assert!(matches!(rejection(reply), Rejection::ControlNamespace { .. }));
}

#[test]
fn a_request_beyond_the_limit_is_refused_at_once() {
    let mut cluster = Cluster::new();
    for _ in 0..10_000 {
        cluster.ask(0, write("a", "x"));
    }
    let id = cluster.ask(0, write("a", "x"));
    assert!(matches!(cluster.answer(0, id), Some(Err(NodeError::Unavailable { .. }))));
    assert_eq!(cluster.nodes[0].coordinator.open_requests(), 10_000);
}
