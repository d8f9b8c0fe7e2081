//! Transactions: whole ones, those that clients drive themselves, and locks that are left behind.

use crate::cluster::{Cluster, Fate, LEFT, RIGHT, Reply, committed, get, put, rejection, seen, write};
use splitjob_core::group::{GroupCommand, Rejection, TxnAction, TxnCommand};
use splitjob_core::id::GroupId;
use splitjob_core::job::PhaseName;
use splitjob_core::key::RawKey;
use splitjob_core::store::VersionReader;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{TxnId, TxnStatus};
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_wire::peer::Call;

fn transact(txn: &TxnId, keys: &[&str], value: &str) -> ClientRequest {
    let mutations = keys.iter().map(|key| put(key, value)).collect();
    ClientRequest::Transact { txn: txn.clone(), mutations }
}

fn prepare(txn: &TxnId, keys: &[&str], commit_ts: Option<Timestamp>) -> ClientRequest {
    let mutations = keys.iter().map(|key| put(key, "prepared")).collect();
    ClientRequest::Prepare { txn: txn.clone(), commit_ts, mutations, ttl_ms: 500 }
}

fn commit(txn: &TxnId, keys: &[&str], commit_ts: Timestamp) -> ClientRequest {
    let keys = keys.iter().map(|key| RawKey::from(*key)).collect();
    ClientRequest::Commit { txn: txn.clone(), commit_ts, keys }
}

fn abort(txn: &TxnId, keys: &[&str], commit_ts: Timestamp) -> ClientRequest {
    let keys = keys.iter().map(|key| RawKey::from(*key)).collect();
    ClientRequest::Abort { txn: txn.clone(), commit_ts, keys }
}

fn status(txn: &TxnId) -> ClientRequest {
    ClientRequest::TxnStatus { txn: txn.clone() }
}

fn prepared(reply: Reply) -> Timestamp {
    match reply {
        Ok(ClientResponse::Prepared { commit_ts }) => commit_ts,
        other => panic!("it is not prepared: {other:?}"),
    }
}

/// What kind of step a call is, if it is one of a transaction.
fn step(call: &Call) -> Option<&TxnAction> {
    match call {
        Call::Propose { command: GroupCommand::Txn(TxnCommand { action, .. }), .. } => Some(action),
        Call::Propose { .. }
        | Call::ProposeCatalog { .. }
        | Call::Read { .. }
        | Call::Latest { .. }
        | Call::TxnStatus { .. }
        | Call::Observe { .. }
        | Call::Report { .. }
        | Call::Export(_)
        | Call::Digest(_)
        | Call::ChangeVoters { .. }
        | Call::TransferLeader { .. } => None,
    }
}

fn is_commit(call: &Call) -> bool {
    matches!(step(call), Some(TxnAction::Commit { .. }))
}

fn is_prepare_at(call: &Call, at: GroupId) -> bool {
    matches!(step(call), Some(TxnAction::Prepare { .. })) && matches!(call, Call::Propose { group, .. } if *group == at)
}

/// The newest values of a key on each side.
fn newest(cluster: &Cluster, keys: [&str; 2]) -> [Option<(Timestamp, String)>; 2] {
    keys.map(|key| cluster.values(key).first().cloned())
}

#[test]
fn keys_of_one_group_are_committed_by_one_entry() {
    let mut cluster = Cluster::new();
    let txn = cluster.begin("a");
    let before = cluster.asked.len();
    let commit_ts = committed(cluster.call(transact(&txn, &["a", "n"], "x")));
    assert_eq!(newest(&cluster, ["a", "n"]), [(); 2].map(|()| Some((commit_ts, "x".to_owned()))));
    assert_eq!(cluster.asked.len() - before, 1);
}

#[test]
fn keys_of_two_groups_are_committed_at_one_timestamp() {
    let mut cluster = Cluster::with_two_owners();
    for primary in ["a", "n"] {
        let txn = cluster.begin(primary);
        let commit_ts = committed(cluster.call(transact(&txn, &["a", "n"], primary)));
        cluster.pass(10);
        assert_eq!(newest(&cluster, ["a", "n"]), [(); 2].map(|()| Some((commit_ts, primary.to_owned()))));
        assert_eq!(cluster.locked(), []);
    }
}

#[test]
fn a_client_is_told_when_the_primary_is_committed() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    let id = cluster.ask(0, transact(&txn, &["a", "n"], "x"));
    for _ in 0..3 {
        assert_eq!(cluster.answer(0, id), None);
        cluster.step();
    }
    assert!(matches!(cluster.answer(0, id), Some(Ok(ClientResponse::Committed { .. }))));
    assert_eq!(cluster.locked(), [RawKey::from("n")]);
}

#[test]
fn a_transaction_that_was_overtaken_is_refused_and_leaves_nothing() {
    for keys in [["a", "b"], ["a", "n"]] {
        let mut cluster = Cluster::with_two_owners();
        let txn = cluster.begin("a");
        cluster.pass(1);
        committed(cluster.call(write(keys[1], "first")));
        let reply = cluster.call(transact(&txn, &keys, "second"));
        assert!(matches!(rejection(reply), Rejection::WriteConflict { .. }));
        cluster.pass(10);
        assert_eq!(newest(&cluster, keys).map(|found| found.map(|(_, value)| value)), [None, Some("first".to_owned())]);
        assert_eq!(cluster.locked(), []);
    }
}

#[test]
fn a_transaction_that_is_asked_for_again_gets_the_first_answer() {
    for keys in [["a", "b"], ["a", "n"]] {
        let mut cluster = Cluster::with_two_owners();
        let txn = cluster.begin("a");
        let first = committed(cluster.call(transact(&txn, &keys, "x")));
        cluster.pass(100);
        assert_eq!(committed(cluster.call(transact(&txn, &keys, "x"))), first, "{keys:?}");
        assert_eq!(cluster.values(keys[1]).len(), 1);
    }
}

#[test]
fn a_transaction_that_was_one_entry_gets_the_first_answer_when_its_keys_have_parted() {
    let mut cluster = Cluster::new();
    let txn = cluster.begin("n");
    let first = committed(cluster.call(transact(&txn, &["a", "n"], "x")));
    cluster.start_job("m", RIGHT);
    cluster.finish_job();
    assert_eq!(committed(cluster.call(transact(&txn, &["a", "n"], "x"))), first);
}

#[test]
fn a_transaction_that_was_rolled_back_stays_so() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    cluster.pass(1);
    committed(cluster.call(write("n", "first")));
    rejection(cluster.call(transact(&txn, &["a", "n"], "x")));
    assert_eq!(rejection(cluster.call(transact(&txn, &["a", "n"], "x"))), Rejection::TxnRolledBack);
}

#[test]
fn an_attempt_that_meets_locks_of_another_attempt_decides_the_transaction() {
    for keys in [["a", "b"], ["a", "n"]] {
        let mut cluster = Cluster::with_two_owners();
        let txn = cluster.begin("a");
        let commit_ts = prepared(cluster.call(prepare(&txn, &["a"], None)));
        cluster.pass(50);
        let reply = cluster.call(transact(&txn, &keys, "x"));
        assert_eq!(rejection(reply), Rejection::CommitTimestampChanged { prepared: commit_ts });
        assert_eq!(cluster.call(status(&txn)), Ok(ClientResponse::Txn(TxnStatus::RolledBack)));
        cluster.pass(10);
        assert_eq!(cluster.locked(), []);
    }
}

#[test]
fn lost_answers_are_asked_for_again() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    let id = cluster.ask(0, transact(&txn, &["a", "n"], "x"));
    // Each call is lost once, or its answer is, before it is answered.
    for fate in [Fate::Lost, Fate::AnswerLost].into_iter().cycle().take(8) {
        if cluster.in_flight(0) == 0 {
            cluster.sleep();
        }
        if cluster.in_flight(0) > 0 {
            cluster.deliver(0, 0, fate);
        }
    }
    let commit_ts = committed(cluster.wait(0, id));
    cluster.pass(1_000);
    assert_eq!(newest(&cluster, ["a", "n"]), [(); 2].map(|()| Some((commit_ts, "x".to_owned()))));
}

#[test]
fn a_transaction_whose_entry_may_still_be_applied_is_decided_before_its_client_is_told() {
    let mut cluster = Cluster::new();
    let other = cluster.begin("a");
    let mutations = vec![put("a", "other")];
    let lock = ClientRequest::Prepare { txn: other.clone(), commit_ts: None, mutations, ttl_ms: 60_000 };
    let other_ts = prepared(cluster.call(lock));
    let txn = cluster.begin("a");
    let id = cluster.ask(0, transact(&txn, &["a"], "x"));
    cluster.deliver(0, 0, Fate::Late);
    let reply = cluster.wait(0, id);
    assert!(matches!(rejection(reply), Rejection::KeyLocked { .. }));
    assert_eq!(cluster.call(abort(&other, &["a"], other_ts)), Ok(ClientResponse::Aborted));
    cluster.deliver_late(0);
    assert_eq!(cluster.values("a"), []);
}

#[test]
fn a_transaction_waits_for_the_end_of_a_fence_and_holds_nothing_meanwhile() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    let txn = cluster.begin("a");
    let id = cluster.ask(0, transact(&txn, &["a", "n"], "x"));
    cluster.pass(300);
    assert_eq!((cluster.answer(0, id), cluster.locked()), (None, vec![]));
    cluster.finish_job();
    let commit_ts = committed(cluster.wait(0, id));
    cluster.pass(10);
    assert_eq!(newest(&cluster, ["a", "n"]), [(); 2].map(|()| Some((commit_ts, "x".to_owned()))));
}

#[test]
fn a_transaction_that_meets_a_fence_gives_back_what_it_holds() {
    let mut cluster = Cluster::with_two_owners();
    cluster.start_job("f", RIGHT);
    cluster.nodes[0].is_held = true;
    cluster.run_job_to(PhaseName::DeltaCopy);
    let txn = cluster.begin("n");
    let reply = cluster.call(transact(&txn, &["h", "n"], "x"));
    assert_eq!(rejection(reply), Rejection::RouteWriteFenced);
    cluster.pass(10);
    assert_eq!(cluster.locked(), []);
}

#[test]
fn a_key_that_moves_before_it_is_committed_is_found_on_the_other_side() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("n");
    let commit_ts = prepared(cluster.call(prepare(&txn, &["h", "n"], None)));
    committed(cluster.call(commit(&txn, &["n", "h"], commit_ts)));
    cluster.start_job("f", RIGHT);
    cluster.finish_job();
    // The commit is asked for again: the success marker has moved with the key (X2).
    assert_eq!(committed(cluster.call(commit(&txn, &["n", "h"], commit_ts))), commit_ts);
}

#[test]
fn a_node_whose_clock_is_behind_commits_after_few_refusals() {
    let mut cluster = Cluster::with_two_owners();
    cluster.leaders_ahead_ms.insert(RIGHT, 400);
    cluster.add_node();
    let mut refusals = 0;
    for turn in 0..20 {
        // Readers elsewhere bind the right group far above this node's clock.
        cluster.pass(30);
        let txn = cluster.begin("a");
        let read = cluster.ask(1, get("n"));
        seen(cluster.wait(1, read));
        match cluster.call(transact(&txn, &["a", "n"], &format!("{turn}"))) {
            Ok(_) => {}
            Err(NodeError::Rejected(rejection)) => {
                assert!(matches!(*rejection, Rejection::TimestampTooLow { .. }), "{rejection}");
                refusals += 1;
            }
            other => panic!("neither done nor refused: {other:?}"),
        }
        cluster.pass(10);
    }
    assert!(refusals <= 5, "{refusals} of 20 were refused");
}

#[test]
fn an_overtaken_one_phase_commit_takes_a_greater_timestamp() {
    let mut cluster = Cluster::new();
    cluster.leaders_ahead_ms.insert(LEFT, 400);
    cluster.add_node();
    let txn = cluster.begin("a");
    let read = cluster.ask(1, get("a"));
    seen(cluster.wait(1, read));
    let floor = cluster.groups[&LEFT].read_bound();
    assert!(committed(cluster.call(transact(&txn, &["a", "b"], "x"))) > floor);
}

#[test]
fn a_start_from_a_clock_that_is_ahead_is_committed_above() {
    let mut cluster = Cluster::with_two_owners();
    cluster.add_node();
    cluster.nodes[1].ahead_ms = 1_000;
    let mut start_ts = Timestamp::ZERO;
    cluster.at_desk(1, |_, desk| start_ts = desk.next_ts());
    let txn = TxnId { primary: RawKey::from("a"), start_ts };
    assert!(committed(cluster.call(transact(&txn, &["a", "n"], "x"))) > start_ts);
}

#[test]
fn a_start_of_the_far_future_is_refused_at_once() {
    let mut cluster = Cluster::new();
    let txn = TxnId { primary: RawKey::from("a"), start_ts: Timestamp::from_raw(u64::MAX / 2) };
    let reply = cluster.call(transact(&txn, &["a"], "x"));
    assert!(matches!(rejection(reply), Rejection::TimestampTooHigh { .. }));
    assert_eq!(cluster.elapsed_ms, 0);
}

#[test]
fn of_two_that_wait_for_one_another_one_commits() {
    let mut cluster = Cluster::with_two_owners();
    let (older, younger) = (cluster.begin("a"), cluster.begin("n"));
    let ids = [(&older, "older"), (&younger, "younger")]
        .map(|(txn, value)| cluster.ask(0, transact(txn, &["a", "n"], value)));
    // Each locks its primary, and then meets the other's lock.
    for (asked, group) in [(0, LEFT), (2, RIGHT)] {
        let primary = cluster.asked.iter().filter(|call| is_prepare_at(call, group)).count();
        assert_eq!(primary, 2);
        cluster.deliver(0, asked.min(cluster.in_flight(0) - 1), Fate::Answered);
    }
    let replies = ids.map(|id| cluster.wait(0, id));
    assert!(replies.iter().any(Result::is_ok), "{replies:?}");
    assert!(cluster.elapsed_ms < 5_000, "nobody waited until locks expired: {} ms", cluster.elapsed_ms);
}

#[test]
fn what_was_locked_is_given_back_when_the_other_group_takes_nothing() {
    let mut cluster = Cluster::with_two_owners();
    cluster.fate = |call| if is_prepare_at(call, RIGHT) { Fate::Busy } else { Fate::Answered };
    let txn = cluster.begin("a");
    let reply = cluster.call(transact(&txn, &["a", "n"], "x"));
    assert!(matches!(reply, Err(NodeError::Unavailable { .. })), "{reply:?}");
    cluster.pass(10);
    assert_eq!(cluster.locked(), []);
    assert_eq!(cluster.call(status(&txn)), Ok(ClientResponse::Txn(TxnStatus::RolledBack)));
}

#[test]
fn a_commit_that_nobody_answers_is_unknown_and_is_brought_to_its_end_beside() {
    let mut cluster = Cluster::with_two_owners();
    cluster.fate = |call| if is_commit(call) { Fate::Lost } else { Fate::Answered };
    let txn = cluster.begin("a");
    let reply = cluster.call(transact(&txn, &["a", "n"], "x"));
    assert!(matches!(reply, Err(NodeError::Unknown { .. })), "{reply:?}");
    cluster.fate = |_| Fate::Answered;
    cluster.pass(1_000);
    assert!(matches!(cluster.call(status(&txn)), Ok(ClientResponse::Txn(TxnStatus::Committed { .. }))));
    assert_eq!(cluster.locked(), []);
}

#[test]
fn a_client_can_drive_its_transaction_itself() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    let commit_ts = prepared(cluster.call(prepare(&txn, &["a", "n"], None)));
    assert_eq!(prepared(cluster.call(prepare(&txn, &["a", "n"], Some(commit_ts)))), commit_ts);
    assert_eq!(committed(cluster.call(commit(&txn, &["n", "a"], commit_ts))), commit_ts);
    assert_eq!((cluster.locked(), cluster.values("n")), (vec![], vec![(commit_ts, "prepared".to_owned())]));
}

#[test]
fn a_refused_primary_leaves_the_other_keys_as_they_are() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    let commit_ts = prepared(cluster.call(prepare(&txn, &["a", "n"], None)));
    assert_eq!(cluster.call(abort(&txn, &["a"], commit_ts)), Ok(ClientResponse::Aborted));
    assert_eq!(rejection(cluster.call(commit(&txn, &["n", "a"], commit_ts))), Rejection::TxnRolledBack);
    assert_eq!(cluster.values("n"), []);
    assert_eq!(cluster.call(abort(&txn, &["n", "a"], commit_ts)), Ok(ClientResponse::Aborted));
    assert_eq!(cluster.locked(), []);
}

#[test]
fn a_transaction_is_looked_up_at_its_primary() {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("n");
    assert_eq!(cluster.call(status(&txn)), Ok(ClientResponse::Txn(TxnStatus::Unknown)));
    let commit_ts = prepared(cluster.call(prepare(&txn, &["n"], None)));
    let reply = cluster.call(status(&txn));
    assert!(matches!(reply, Ok(ClientResponse::Txn(TxnStatus::Prepared { .. }))), "{reply:?}");
    committed(cluster.call(commit(&txn, &["n"], commit_ts)));
    assert_eq!(cluster.call(status(&txn)), Ok(ClientResponse::Txn(TxnStatus::Committed { commit_ts })));
}

/// A secondary whose client has gone when its primary was as the test wants it.
fn left_behind(ends: impl FnOnce(&mut Cluster, &TxnId, Timestamp)) -> Cluster {
    let mut cluster = Cluster::with_two_owners();
    let txn = cluster.begin("a");
    let commit_ts = prepared(cluster.call(prepare(&txn, &["a", "n"], None)));
    ends(&mut cluster, &txn, commit_ts);
    cluster.pass(1_000);
    let key = RawKey::from("n");
    let lock = cluster.groups[&RIGHT].store().lock(&key).expect("the secondary is locked");
    cluster.at_desk(0, |coordinator, desk| coordinator.settle(desk, key, lock));
    cluster.pass(10);
    cluster
}

#[test]
fn a_lock_whose_primary_has_committed_is_committed() {
    let cluster = left_behind(|cluster, txn, commit_ts| {
        committed(cluster.call(commit(txn, &["a"], commit_ts)));
    });
    assert_eq!((cluster.locked(), cluster.values("n").len()), (vec![], 1));
}

#[test]
fn a_lock_whose_primary_was_rolled_back_is_released() {
    let cluster = left_behind(|cluster, txn, commit_ts| {
        assert_eq!(cluster.call(abort(txn, &["a"], commit_ts)), Ok(ClientResponse::Aborted));
    });
    assert_eq!((cluster.locked(), cluster.values("n").len()), (vec![], 0));
}

#[test]
fn a_lock_whose_primary_is_undecided_ends_the_transaction_when_its_time_is_over() {
    let mut cluster = left_behind(|_, _, _| {});
    assert_eq!(cluster.locked(), []);
    assert_eq!((seen(cluster.call(get("a"))), seen(cluster.call(get("n")))), (vec![], vec![]));
}
