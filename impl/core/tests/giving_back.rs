//! Giving back and giving up: the budget of the fence, failing and trying again, abandoning (J7, J8, J10).

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, moving, seen, ts, txn};
use splitjob_core::catalog::Advance;
use splitjob_core::group::{GroupCommand, JobAction, JobCommand, Outcome, Rejection};
use splitjob_core::job::{FailReason, JobOptions, Phase, PhaseName, Step, WaitingFor};
use splitjob_core::store::Keyspace;

const BEFORE_THE_CUTOVER: [PhaseName; 5] =
    [PhaseName::Planned, PhaseName::Backfill, PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover];
const WHILE_FENCED: [PhaseName; 3] = [PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover];

#[test]
fn a_node_that_can_not_run_the_protocol_stops_neither_giving_back_nor_giving_up() {
    for phase in WHILE_FENCED {
        let mut cluster = Cluster::with_job_in(phase);
        cluster.report_node(false);
        cluster.now_ms += 20_000;
        assert_eq!(cluster.decide(), Step::Advance(Advance::Unfence), "{phase}");
        cluster.advance(Advance::Unfence).expect("giving back needs no capability");
        cluster.advance(Advance::Abandon).expect("giving up needs no capability");
        cluster.run_to(PhaseName::Abandoned);
    }
}

#[test]
fn a_fence_that_outlives_its_budget_is_lifted_and_copying_goes_on() {
    for phase in WHILE_FENCED {
        let mut cluster = Cluster::with_job_in(phase);
        cluster.apply_job(SOURCE, JobAction::ArmWriteFence).expect("the source takes the guard");
        cluster.now_ms += 9_999;
        assert_ne!(cluster.decide(), Step::Advance(Advance::Unfence), "{phase}: the budget is not spent");
        cluster.now_ms += 1;
        let (epoch, refused) = (cluster.job().epoch, cluster.write("m", 50));
        assert_eq!(refused, Err(Rejection::RouteWriteFenced), "{phase}");
        cluster.step();
        assert_eq!((cluster.phase(), cluster.job().epoch), (PhaseName::Backfill, epoch.successor()), "{phase}");
        cluster.run_before(|step| matches!(step, Step::Advance(Advance::ChooseWindow { .. })));
        assert_eq!(cluster.write("m", 50), Ok(Outcome::Written { commit_ts: ts(50) }), "{phase}");
        cluster.run_to(PhaseName::Done);
        assert_eq!(seen(cluster.read(TARGET, "m", 200)), [50], "{phase}");
    }
}

#[test]
fn the_budget_is_kept_though_nobody_answers() {
    for phase in WHILE_FENCED {
        let mut cluster = Cluster::with_job_in(phase);
        cluster.silent.extend([SOURCE, TARGET]);
        cluster.now_ms += 10_000;
        assert_eq!(cluster.decide(), Step::Advance(Advance::Unfence), "{phase}");
    }
}

#[test]
fn a_late_command_of_an_attempt_that_was_given_back_does_not_fence_again() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cutover);
    let job = cluster.job();
    let late = |action| GroupCommand::Job(JobCommand { token: job.token(), range: moving(), action });
    let late = [
        late(JobAction::ArmWriteFence),
        late(JobAction::ArmReadFence { expected_cutover_version: harness::version(3) }),
    ];
    cluster.advance(Advance::Unfence).expect("the cutover is not committed");
    cluster.run_before(|step| matches!(step, Step::Advance(Advance::ChooseWindow { .. })));
    for command in &late {
        let refused = cluster.apply(SOURCE, command);
        assert!(matches!(refused, Err(Rejection::StaleEpoch { .. })), "{refused:?}");
    }
    cluster.write("m", 50).expect("nothing is fenced");
}

#[test]
fn a_range_that_was_fenced_as_often_as_allowed_fails_writable_and_can_be_retried() {
    let mut cluster = Cluster::with_job_in(PhaseName::Fence);
    for attempt in 1..=3 {
        cluster.run_to(PhaseName::Fence);
        cluster.now_ms += 10_000;
        assert_eq!(cluster.decide(), Step::Advance(Advance::Unfence), "attempt {attempt}");
        cluster.step();
    }
    cluster.run_to(PhaseName::Failed);
    let Phase::Failed(failed) = &cluster.job().phase else { unreachable!("the phase was asked for") };
    assert_eq!(failed.reason, FailReason::FenceAttemptsExhausted);
    cluster.write("m", 50).expect("the range of a failed job takes writes");
    cluster.advance(Advance::Retry).expect("a failed job can be retried");
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.read(TARGET, "m", 200)), [50]);
}

#[test]
fn a_job_that_is_given_up_leaves_nothing_whatever_phase_it_was_in() {
    for phase in BEFORE_THE_CUTOVER {
        let mut cluster = Cluster::abandoned_in(phase);
        cluster.run_to(PhaseName::Abandoned);
        for group in [SOURCE, TARGET] {
            assert!(cluster.group(group).jobs().is_empty(), "{phase}: guards are left on group {group}");
        }
        assert_eq!(cluster.stored(TARGET, Keyspace::Staged), [], "{phase}");
        assert_eq!(seen(cluster.scan(SOURCE, &moving(), 40)), [5, 3], "{phase}");
        cluster.write("m", 50).expect("the range takes writes");
        cluster.start("m", TARGET, JobOptions::default()).expect("the range is at rest");
        cluster.run_to(PhaseName::Done);
        assert_eq!(seen(cluster.scan(TARGET, &moving(), 200)), [50, 3], "{phase}");
    }
}

#[test]
fn the_target_of_an_abandoned_job_takes_no_late_rows() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let copy = cluster.run_before(|step| matches!(step, Step::Copy(_)));
    let late = cluster.commands(&copy);
    cluster.advance(Advance::Abandon).expect("the cutover is not committed");
    cluster.step();
    let [(group, import)] = late.as_slice() else { panic!("a copy is one command: {late:?}") };
    assert!(matches!(cluster.apply(*group, import), Err(Rejection::StaleEpoch { .. })));
    cluster.run_to(PhaseName::Abandoned);
    assert!(matches!(cluster.apply(*group, import), Err(Rejection::JobClosed { .. })));
}

#[test]
fn a_target_does_not_forget_while_rows_are_staged() {
    let mut cluster = Cluster::abandoned_in(PhaseName::DeltaCopy);
    let close = JobAction::Close { oldest_live_job: cluster.job().id };
    assert_eq!(cluster.apply_job(TARGET, close), Err(Rejection::StagedRowsLeft));
}

#[test]
fn a_waiting_transaction_does_not_hold_writers_longer_than_the_budget() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    let one = txn("n", 6);
    cluster.prepare(SOURCE, &one, 9, &["n"]).expect("the key is free");
    cluster.run_before(|step| matches!(step, Step::Wait(WaitingFor::Lock { .. })));
    cluster.now_ms += 10_000;
    cluster.run_to(PhaseName::Backfill);
    cluster.abort(SOURCE, &one, 9, &["n"]).expect("the transaction is prepared");
    cluster.run_to(PhaseName::Done);
}
