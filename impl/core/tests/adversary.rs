//! What delays, repetitions, dead groups and second moves do to a job.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, THIRD, moving, seen, ts, txn};
use splitjob_core::catalog::Advance;
use splitjob_core::group::{Adoption, GroupCommand, JobAction, Outcome, Ownership, Rejection};
use splitjob_core::job::{FailReason, JobOptions, PhaseName, Step};
use splitjob_core::key::{RawKey, RoutingKey};
use splitjob_core::store::{Keyspace, VersionReader};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};

#[test]
fn a_range_that_moves_on_takes_every_version_with_it_whatever_the_migrators_clock_says() {
    let mut cluster = Cluster::with_job_in(PhaseName::Done);
    cluster.clock = ts(1);
    cluster.start("m", THIRD, JobOptions::default()).expect("the range is at rest");
    cluster.run_to(PhaseName::Done);
    let moved: Vec<_> = cluster.stored(THIRD, Keyspace::Live);
    assert_eq!(moved, [(RawKey::from("m"), 5), (RawKey::from("m"), 2), (RawKey::from("n"), 3)]);
}

#[test]
fn a_rollback_record_stays_under_the_ceiling() {
    let mut cluster = Cluster::new();
    let far = Timestamp::from_parts(PhysicalMs::new(1_000_000).expect("it fits"), 0).raw();
    let refused = cluster.abort(SOURCE, &txn("m", 1), far, &["m"]);
    assert_eq!(refused, Err(Rejection::TimestampTooHigh { ceiling: PhysicalMs::ZERO }));
}

#[test]
fn a_collection_stays_under_the_ceiling() {
    let mut cluster = Cluster::new();
    let _ = cluster
        .apply(SOURCE, &GroupCommand::Collect { through: Timestamp::MAX, from: RawKey::default(), limit: u64::MAX });
    assert_ne!(cluster.group(SOURCE).clock_floor(), Timestamp::MAX, "no clock can follow");
}

#[test]
fn a_retried_job_has_its_passes_anew() {
    for max_rounds in [1, 2] {
        let mut cluster = Cluster::new();
        for commit_ts in 1..=3 {
            cluster.write("m", commit_ts).expect("nothing stands in the way of the write");
        }
        let options = JobOptions { delta_rows: 0, max_rounds, ..JobOptions::default() };
        cluster.start("m", TARGET, options).expect("the range is at rest");
        if max_rounds > 1 {
            cluster.run_before(|step| matches!(step, Step::Advance(Advance::NextRound)));
            cluster.write("n", 4).expect("the range takes writes");
        }
        cluster.run_to(PhaseName::Failed);
        cluster.advance(Advance::Retry).expect("a failed job can be retried");
        let at_once = Step::Advance(Advance::Fail { reason: FailReason::NotConverging });
        assert_ne!(cluster.decide(), at_once, "a retry that can only fail again, with {max_rounds} passes");
        cluster.run_to(PhaseName::Done);
        assert!(cluster.stored(SOURCE, Keyspace::Live).iter().all(|(key, _)| *key < RawKey::from("m")));
    }
}

#[test]
fn a_late_adoption_of_the_fence_does_not_fence_an_abandoned_range() {
    let mut cluster = Cluster::with_job_in(PhaseName::Fence);
    let late = GroupCommand::Adopt(Adoption::of(cluster.catalog.routes()));
    cluster.advance(Advance::Abandon).expect("the cutover is not committed");
    cluster.run_to(PhaseName::Abandoned);
    let _ = cluster.apply(SOURCE, &late);
    assert!(cluster.write("m", 90).is_ok(), "{:?}", cluster.write("m", 90));
}

#[test]
fn a_late_adoption_of_the_fence_does_not_fence_the_range_of_a_failed_job() {
    let mut cluster = Cluster::new();
    let options = JobOptions { max_fence_attempts: 1, ..JobOptions::default() };
    cluster.start("m", TARGET, options).expect("the range is at rest");
    cluster.run_to(PhaseName::Fence);
    let late = GroupCommand::Adopt(Adoption::of(cluster.catalog.routes()));
    cluster.now_ms += 60_000;
    cluster.run_to(PhaseName::Failed);
    let _ = cluster.apply(SOURCE, &late);
    assert!(cluster.write("m", 90).is_ok(), "{:?}", cluster.write("m", 90));
}

#[test]
fn giving_a_fenced_job_up_lets_writers_go_though_the_target_is_dead() {
    let mut cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    cluster.silent.insert(TARGET);
    cluster.advance(Advance::Abandon).expect("the cutover is not committed");
    while cluster.step() {}
    assert!(cluster.write("m", 90).is_ok(), "{:?}", cluster.write("m", 90));
}

#[test]
fn a_further_key_does_not_change_the_timestamp_of_the_locks_that_stand() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.prepare(SOURCE, &one, 5, &["m"]).expect("the key is free");
    let again = cluster.prepare(SOURCE, &one, 7, &["m", "n"]);
    assert_eq!(again, Err(Rejection::CommitTimestampChanged { prepared: ts(5) }));
}

#[test]
fn a_one_phase_commit_leaves_no_lock_of_its_own() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.prepare(SOURCE, &one, 5, &["m"]).expect("the key is free");
    let committed = cluster.one_phase(SOURCE, &one, 5, &["m"]);
    let lock = cluster.group(SOURCE).store().lock(&RawKey::from("m"));
    assert!(committed.is_err() || lock.is_none(), "committed, and {lock:?} is left");
}

#[test]
fn a_job_that_could_carry_nothing_is_refused() {
    for options in [
        JobOptions { chunk_rows: 0, ..JobOptions::default() },
        JobOptions { chunk_bytes: 0, ..JobOptions::default() },
        JobOptions { scan_rows: 0, ..JobOptions::default() },
        JobOptions { sweep_rows: 0, ..JobOptions::default() },
    ] {
        let started = Cluster::new().start("m", TARGET, options.clone());
        assert!(started.is_err(), "{options:?} never ends");
    }
}

#[test]
fn a_target_that_the_range_had_left_knows_where_it_went_after_an_abandoned_way_back() {
    let mut cluster = Cluster::with_job_in(PhaseName::Done);
    let before = cluster.group(SOURCE).ownership().clone();
    cluster.start("m", SOURCE, JobOptions::default()).expect("the range is at rest");
    cluster.run_to(PhaseName::Fence);
    cluster.advance(Advance::Abandon).expect("the cutover is not committed");
    cluster.run_to(PhaseName::Abandoned);
    let at_m = |map: &splitjob_core::group::OwnershipMap| map.at(&RoutingKey::from("m")).clone();
    assert!(matches!(at_m(&before), Ownership::Moved { .. }));
    let after = at_m(cluster.group(SOURCE).ownership());
    assert!(matches!(after, Ownership::Moved { .. }), "the group has forgotten where the range went: {after:?}");
}

#[test]
fn a_source_that_has_not_applied_the_cutovers_version_does_not_serve_reads_that_carry_it() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    let served = cluster.read(SOURCE, "m", 200);
    assert!(served.is_err(), "served by a group that doesn't own the range any more: {served:?}");
}

#[test]
fn a_late_unfence_does_not_lift_the_fence_that_came_after_it() {
    let mut cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    cluster.now_ms += 10_000;
    let unfence = cluster.run_before(|step| matches!(step, Step::Command { action: JobAction::Unfence, .. }));
    let late = cluster.commands(&unfence);
    cluster.run_before(|step| matches!(step, Step::Advance(Advance::CommitCutover { .. })));
    for (group, command) in &late {
        let _ = cluster.apply(*group, command);
    }
    assert_eq!(cluster.write("m", 90), Err(Rejection::RouteWriteFenced));
}

#[test]
fn the_way_there_and_back_loses_nothing() {
    let mut cluster = Cluster::with_job_in(PhaseName::Done);
    cluster.write("n", 7).expect("the target takes writes above its floor");
    cluster.start("m", SOURCE, JobOptions::default()).expect("the range is at rest");
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.scan(SOURCE, &moving(), 50)), [5, 7]);
    assert_eq!(cluster.write("n", 60), Ok(Outcome::Written { commit_ts: ts(60) }));
}
