//! Transactions on one group, and across a move (X1–X6).

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, moving, raw, seen, ts, txn};
use splitjob_core::catalog::Advance;
use splitjob_core::gate::Gates;
use splitjob_core::group::{Outcome, Rejection};
use splitjob_core::job::{PhaseName, Step, WaitingFor};
use splitjob_core::key::RawKey;
use splitjob_core::store::{Keyspace, VersionReader};
use splitjob_core::txn::{ResolveStep, TxnId, TxnStatus, resolve};

const COMMITTED_AT_9: Result<Outcome, Rejection> = Ok(Outcome::Committed { commit_ts: ts(9) });

fn status(cluster: &Cluster, txn: &TxnId) -> TxnStatus {
    let group = cluster.group(cluster.owner(&txn.primary.to_string()));
    let routed_by = Some(cluster.catalog.routes().version);
    group.txn_status(txn, routed_by, Gates::all()).expect("the owner knows its transactions")
}

#[test]
fn a_prepared_transaction_commits_at_the_timestamp_of_its_locks() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    assert_eq!(cluster.prepare(SOURCE, &one, 9, &["m", "n"]), Ok(Outcome::Prepared));
    assert_eq!(cluster.commit(SOURCE, &one, 9, &["m", "n"]), COMMITTED_AT_9);
    assert_eq!(seen(cluster.scan(SOURCE, &moving(), 20)), [9, 9]);
    assert_eq!(status(&cluster, &one), TxnStatus::Committed { commit_ts: ts(9) });
}

#[test]
fn a_commit_at_another_timestamp_than_the_lock_has_is_refused() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.prepare(SOURCE, &one, 9, &["m"]).expect("the key is free");
    let changed = Err(Rejection::CommitTimestampChanged { prepared: ts(9) });
    assert_eq!(cluster.commit(SOURCE, &one, 8, &["m"]), changed);
    assert_eq!(cluster.prepare(SOURCE, &one, 8, &["m"]), changed);
    assert_eq!(cluster.abort(SOURCE, &one, 8, &["m"]), changed);
}

#[test]
fn a_transaction_commits_above_its_start() {
    let mut cluster = Cluster::new();
    let refused = cluster.prepare(SOURCE, &txn("m", 9), 9, &["m"]);
    assert_eq!(refused, Err(Rejection::CommitBeforeStart { start_ts: ts(9) }));
}

#[test]
fn a_retried_step_gets_the_first_answer() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    for _ in 0..2 {
        assert_eq!(cluster.prepare(SOURCE, &one, 9, &["m", "n"]), Ok(Outcome::Prepared));
    }
    for _ in 0..2 {
        assert_eq!(cluster.commit(SOURCE, &one, 9, &["m", "n"]), COMMITTED_AT_9);
    }
    let other = txn("p", 1);
    for _ in 0..2 {
        assert_eq!(cluster.abort(SOURCE, &other, 9, &["p"]), Ok(Outcome::Aborted));
    }
}

#[test]
fn a_one_phase_commit_asked_for_again_at_another_timestamp_gets_the_first_one() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    assert_eq!(cluster.one_phase(SOURCE, &one, 9, &["m", "n"]), COMMITTED_AT_9);
    assert_eq!(cluster.one_phase(SOURCE, &one, 12, &["m", "n"]), COMMITTED_AT_9);
    assert_eq!(cluster.stored(SOURCE, Keyspace::Live), [(RawKey::from("m"), 9), (RawKey::from("n"), 9)]);
}

#[test]
fn a_one_phase_commit_holds_its_primary() {
    let mut cluster = Cluster::new();
    let refused = cluster.one_phase(SOURCE, &txn("m", 1), 9, &["n"]);
    assert_eq!(refused, Err(Rejection::PrimaryMissing { primary: RawKey::from("m") }));
}

#[test]
fn a_transaction_that_was_rolled_back_neither_prepares_nor_commits() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.abort(SOURCE, &one, 9, &["m"]).expect("nothing has committed");
    let refused = Err(Rejection::TxnRolledBack);
    assert_eq!(cluster.prepare(SOURCE, &one, 9, &["m"]), refused);
    assert_eq!(cluster.commit(SOURCE, &one, 9, &["m"]), refused);
    assert_eq!(cluster.one_phase(SOURCE, &one, 9, &["m"]), refused);
    assert_eq!(status(&cluster, &one), TxnStatus::RolledBack);
}

#[test]
fn a_transaction_that_has_committed_is_not_rolled_back() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.one_phase(SOURCE, &one, 9, &["m"]).expect("the key is free");
    let refused = Err(Rejection::TxnCommitted { commit_ts: ts(9) });
    assert_eq!(cluster.abort(SOURCE, &one, 9, &["m"]), refused);
    assert_eq!(cluster.prepare(SOURCE, &one, 9, &["m"]), refused);
    assert_eq!(cluster.commit(SOURCE, &one, 8, &["m"]), refused);
}

#[test]
fn a_version_at_the_right_timestamp_proves_nothing() {
    let mut cluster = Cluster::new();
    cluster.write("n", 9).expect("the key is free");
    let refused = cluster.commit(SOURCE, &txn("m", 1), 9, &["n"]);
    assert_eq!(refused, Err(Rejection::NoProof { key: RawKey::from("n") }));
}

#[test]
fn a_secondary_proves_its_commit_by_its_marker() {
    let mut cluster = Cluster::new();
    let one = txn("a", 1);
    cluster.prepare(SOURCE, &one, 9, &["n"]).expect("the key is free");
    cluster.commit(SOURCE, &one, 9, &["n"]).expect("the key is locked");
    cluster.write("n", 12).expect("the key is free again");
    assert_eq!(cluster.commit(SOURCE, &one, 9, &["n"]), COMMITTED_AT_9);
    let another = cluster.commit(SOURCE, &txn("a", 2), 9, &["n"]);
    assert_eq!(another, Err(Rejection::NoProof { key: RawKey::from("n") }), "the marker names one transaction");
}

#[test]
fn an_abort_releases_locks_and_writes_nothing_that_a_reader_sees() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.prepare(SOURCE, &one, 9, &["m", "n"]).expect("the keys are free");
    cluster.abort(SOURCE, &one, 9, &["m", "n"]).expect("the transaction is prepared");
    assert_eq!(seen(cluster.scan(SOURCE, &moving(), 20)), []);
    assert_eq!(cluster.write("n", 30), Ok(Outcome::Written { commit_ts: ts(30) }));
}

#[test]
fn a_lock_blocks_reads_from_its_timestamp_on() {
    let mut cluster = Cluster::new();
    cluster.write("m", 2).expect("the key is free");
    cluster.prepare(SOURCE, &txn("m", 3), 9, &["m"]).expect("the key is free");
    assert_eq!(seen(cluster.read(SOURCE, "m", 8)), [2]);
    for read_ts in [9, 10] {
        assert!(matches!(cluster.read(SOURCE, "m", read_ts), Err(Rejection::KeyLocked { .. })), "at {read_ts}");
    }
    assert!(matches!(cluster.scan(SOURCE, &moving(), 9), Err(Rejection::KeyLocked { .. })));
    assert_eq!(seen(cluster.scan(SOURCE, &harness::range("n", ""), 10)), [], "a lock outside the range blocks nothing");
    assert!(matches!(cluster.latest(SOURCE, "m"), Err(Rejection::KeyLocked { .. })));
}

#[test]
fn a_lock_blocks_the_writes_of_others() {
    let mut cluster = Cluster::new();
    cluster.prepare(SOURCE, &txn("m", 3), 9, &["m"]).expect("the key is free");
    let is_locked = |answer| matches!(answer, Err(Rejection::KeyLocked { .. }));
    assert!(is_locked(cluster.write("m", 5)), "also below the lock: it may be what the transaction has read");
    assert!(is_locked(cluster.prepare(SOURCE, &txn("m", 4), 12, &["m"])));
    assert!(is_locked(cluster.one_phase(SOURCE, &txn("m", 4), 12, &["m"])));
    assert!(is_locked(cluster.delete_prefix(SOURCE, "m", &moving(), 12)));
}

#[test]
fn a_key_that_was_written_after_the_start_is_lost_to_the_transaction() {
    let mut cluster = Cluster::new();
    cluster.write("m", 5).expect("the key is free");
    let conflict = Err(Rejection::WriteConflict { key: RawKey::from("m"), newest: ts(5) });
    assert_eq!(cluster.prepare(SOURCE, &txn("m", 4), 9, &["m"]), conflict);
    assert_eq!(cluster.one_phase(SOURCE, &txn("m", 4), 9, &["m"]), conflict);
    assert_eq!(cluster.prepare(SOURCE, &txn("m", 5), 9, &["m"]), Ok(Outcome::Prepared));
}

#[test]
fn the_rows_of_transactions_are_hidden_and_shut_to_users() {
    let mut cluster = Cluster::new();
    cluster.one_phase(SOURCE, &txn("m", 1), 9, &["m"]).expect("the key is free");
    assert_eq!(seen(cluster.scan(SOURCE, &harness::range("", ""), 20)), [9], "the user's row alone");
    assert_eq!(seen(cluster.read(SOURCE, "!txn|rb|m00000000", 20)), []);
    let refused = Err(Rejection::ControlNamespace { key: RawKey::from("!txn|rb|m00000000") });
    assert_eq!(cluster.write("!txn|rb|m00000000", 30), refused);
    assert_eq!(cluster.prepare(SOURCE, &txn("m", 21), 30, &["!txn|rb|m00000000"]), refused);
}

#[test]
fn the_drain_waits_for_a_lock_whose_raw_key_sorts_outside_the_range() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let one = txn("a", 6);
    cluster.prepare(SOURCE, &one, 9, &["!redis|str|p"]).expect("the key is free");
    cluster.run_to(PhaseName::Fence);
    let wait = Step::Wait(WaitingFor::Lock { group: SOURCE, key: RawKey::from("!redis|str|p") });
    assert_eq!(cluster.run_before(|step| matches!(step, Step::Wait(_))), wait);
    cluster.commit(SOURCE, &one, 9, &["!redis|str|p"]).expect("a lock may end under the fence");
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.read(TARGET, "!redis|str|p", 50)), [9]);
}

#[test]
fn a_lock_below_the_snapshot_of_a_pass_is_carried_whenever_it_commits() {
    let mut cluster = Cluster::with_job_in(PhaseName::Planned);
    let one = txn("p", 6);
    cluster.prepare(SOURCE, &one, 9, &["p"]).expect("the key is free");
    cluster.run_to(PhaseName::Backfill);
    let chosen = cluster.run_before(|step| matches!(step, Step::Advance(Advance::ChooseWindow { .. })));
    let Step::Advance(Advance::ChooseWindow { window }) = chosen else { unreachable!("the step was asked for") };
    assert_eq!(window.through, ts(8), "below the lock");
    cluster.run_to(PhaseName::Fence);
    cluster.commit(SOURCE, &one, 9, &["p"]).expect("a lock may end under the fence");
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.read(TARGET, "p", 50)), [9]);
}

#[test]
fn under_the_fence_locks_end_and_nothing_begins() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let (one, other) = (txn("p", 6), txn("q", 6));
    cluster.prepare(SOURCE, &one, 9, &["p"]).expect("the key is free");
    cluster.prepare(SOURCE, &other, 9, &["q"]).expect("the key is free");
    cluster.run_before(|step| matches!(step, Step::Wait(_)));
    let fenced = Err(Rejection::RouteWriteFenced);
    assert_eq!(cluster.prepare(SOURCE, &txn("r", 6), 9, &["r"]), fenced);
    assert_eq!(cluster.one_phase(SOURCE, &txn("r", 6), 9, &["r"]), fenced);
    assert_eq!(cluster.abort(SOURCE, &txn("r", 6), 9, &["r"]), fenced, "a rollback record is a write");
    assert_eq!(cluster.prepare(SOURCE, &one, 9, &["p"]), Ok(Outcome::Prepared), "the lock was there before");
    assert_eq!(cluster.commit(SOURCE, &one, 9, &["p"]), COMMITTED_AT_9);
    assert_eq!(cluster.commit(SOURCE, &one, 9, &["p"]), COMMITTED_AT_9, "the marker proves it");
    assert_eq!(cluster.abort(SOURCE, &other, 9, &["q"]), Ok(Outcome::Aborted));
}

/// A transaction on `a`, which stays, and `n`, which moves: prepared in BACKFILL, its primary committed.
fn straddling(primary: &'static str) -> (Cluster, TxnId, &'static str) {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let secondary = if primary == "a" { "n" } else { "a" };
    let one = txn(primary, 6);
    cluster.prepare(SOURCE, &one, 9, &[primary]).expect("the key is free");
    cluster.prepare(SOURCE, &one, 9, &[secondary]).expect("the key is free");
    cluster.commit(SOURCE, &one, 9, &[primary]).expect("the key is locked");
    (cluster, one, secondary)
}

#[test]
fn a_moved_secondary_proves_its_commit_while_its_rows_are_staged_and_after() {
    let (mut cluster, one, secondary) = straddling("a");
    cluster.run_before(|step| matches!(step, Step::Wait(_)));
    cluster.commit(SOURCE, &one, 9, &[secondary]).expect("the lock was there before the fence");
    cluster.run_to(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    assert!(!cluster.stored(TARGET, Keyspace::Staged).is_empty(), "nothing is promoted yet");
    assert_eq!(cluster.commit(TARGET, &one, 9, &[secondary]), COMMITTED_AT_9);
    cluster.run_to(PhaseName::Done);
    assert_eq!(cluster.commit(TARGET, &one, 9, &[secondary]), COMMITTED_AT_9);
    let moved = cluster.commit(SOURCE, &one, 9, &[secondary]);
    assert!(matches!(moved, Err(Rejection::RouteMoved { to: TARGET, .. })), "{moved:?}");
}

#[test]
fn a_moved_primary_decides_for_the_secondary_that_stayed() {
    let (mut cluster, one, secondary) = straddling("n");
    cluster.run_to(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    cluster.adopt(SOURCE);
    let decided = status(&cluster, &one);
    assert_eq!(decided, TxnStatus::Committed { commit_ts: ts(9) }, "the record is staged");
    assert_eq!(resolve(&decided, true, Gates::all()), ResolveStep::Commit);
    assert_eq!(cluster.commit(SOURCE, &one, 9, &[secondary]), COMMITTED_AT_9);
    assert_eq!(seen(cluster.read(SOURCE, "a", 20)), [9]);
}

#[test]
fn a_moved_rollback_record_refuses_what_still_comes_of_the_transaction() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let one = txn("n", 6);
    cluster.prepare(SOURCE, &one, 9, &["n"]).expect("the key is free");
    cluster.abort(SOURCE, &one, 9, &["n"]).expect("the transaction is prepared");
    cluster.run_to(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    assert_eq!(status(&cluster, &one), TxnStatus::RolledBack, "the record is staged");
    assert_eq!(cluster.prepare(TARGET, &one, 9, &["n"]), Err(Rejection::TxnRolledBack));
    assert_eq!(cluster.commit(TARGET, &one, 9, &["n"]), Err(Rejection::TxnRolledBack));
}

#[test]
fn a_conflict_with_a_staged_version_is_seen() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    let refused = cluster.prepare(TARGET, &txn("m", 4), 90, &["m"]);
    assert_eq!(refused, Err(Rejection::WriteConflict { key: RawKey::from("m"), newest: ts(5) }));
    assert_eq!(cluster.latest(TARGET, "m"), Ok(Some(ts(5))));
}

#[test]
fn a_transaction_is_not_prepared_below_what_the_source_has_served() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    cluster.read(SOURCE, "n", 40).expect("the source serves the range");
    cluster.run_to(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    let refused = cluster.prepare(TARGET, &txn("n", 6), 39, &["n"]);
    assert_eq!(refused, Err(Rejection::TimestampTooLow { floor: ts(40) }));
}

#[test]
fn an_unknown_primary_under_the_fence_waits_and_is_rolled_back_where_the_range_went() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let one = txn("n", 6);
    cluster.prepare(SOURCE, &one, 9, &["a"]).expect("the key is free");
    cluster.run_to(PhaseName::DeltaCopy);
    assert_eq!(status(&cluster, &one), TxnStatus::Unknown);
    assert_eq!(cluster.abort(SOURCE, &one, 9, &["n"]), Err(Rejection::RouteWriteFenced));
    cluster.run_to(PhaseName::Done);
    assert_eq!(cluster.abort(TARGET, &one, 9, &["n"]), Ok(Outcome::Aborted));
    assert_eq!(cluster.abort(SOURCE, &one, 9, &["a"]), Ok(Outcome::Aborted));
    assert_eq!(cluster.group(SOURCE).store().lock(&raw(&["a"])[0]), None);
}
