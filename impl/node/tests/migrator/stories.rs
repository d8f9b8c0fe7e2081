//! One situation each.

use crate::cluster::{Cluster, SOURCE, Storm, TARGET, settings};
use splitjob_core::catalog::Advance;
use splitjob_core::id::{JobEpoch, JobId, NodeId, VoterId};
use splitjob_core::job::{FailReason, JobOptions, Phase, PhaseName, WaitingFor};
use splitjob_core::key::RawKey;
use splitjob_core::store::Keyspace;
use splitjob_node::api::Explanation;
use splitjob_node::migrator::MigratorEventKind;
use std::collections::BTreeMap;

const JOB: JobId = JobId(1);

fn small_chunks() -> JobOptions {
    JobOptions { chunk_rows: 2, sweep_rows: 5, ..JobOptions::default() }
}

fn explain(cluster: &mut Cluster, heard: &BTreeMap<NodeId, u64>) -> Explanation {
    let mut explanation = None;
    let leader = cluster.leader;
    cluster.lend(leader, |migrator, desk| explanation = migrator.explain(desk, JOB, heard));
    explanation.expect("the catalog knows the job")
}

#[test]
fn a_job_goes_from_planned_to_done() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.run_to(JOB, PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn a_job_is_done_without_anything_waiting_for_its_time_to_be_over() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.run_to(JOB, PhaseName::Done);
    assert!(cluster.now_ms < 1_000, "{} ms: {}", cluster.now_ms, cluster.told());
}

#[test]
fn a_new_leader_goes_on_where_the_last_one_stood() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_to(JOB, PhaseName::DeltaCopy);
    let epoch = cluster.job(JOB).epoch;
    cluster.depose(0);
    cluster.lead(1);
    cluster.run_until(1_000, |cluster| cluster.job(JOB).epoch > epoch);
    assert_eq!(cluster.phase(JOB), PhaseName::DeltaCopy);
    cluster.run_to(JOB, PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn a_leader_that_does_not_know_of_its_fall_changes_nothing() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_to(JOB, PhaseName::Fence);
    cluster.lead(1);
    cluster.run_to(JOB, PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn a_silent_voter_is_named_and_the_fence_is_lifted_within_its_budget() {
    let options = JobOptions { fence_budget_ms: 2_000, ..JobOptions::default() };
    let mut cluster = Cluster::calm(options);
    cluster.run_to(JOB, PhaseName::Fence);
    let fenced_at_ms = cluster.now_ms;
    cluster.group(SOURCE).voters.get_mut(&VoterId(3)).expect("there are three").is_silent = true;
    cluster.run_until(1_900, |cluster| cluster.now_ms >= fenced_at_ms + 1_500);
    let told = explain(&mut cluster, &BTreeMap::from([(NodeId(3), fenced_at_ms)]));
    assert!(
        matches!(&told.waiting, Some(WaitingFor::Voters { group: SOURCE, pending, .. }) if *pending == [VoterId(3)]),
        "{told:?}"
    );
    assert_eq!(told.silent, [(NodeId(3), cluster.now_ms - fenced_at_ms)], "{told:?}");
    cluster.run_to(JOB, PhaseName::Backfill);
    assert!(cluster.now_ms <= fenced_at_ms + 2_100, "it took {} ms", cluster.now_ms - fenced_at_ms);
}

#[test]
fn a_target_that_is_gone_does_not_hold_the_fence_beyond_its_budget() {
    let options = JobOptions { fence_budget_ms: 2_000, ..small_chunks() };
    let mut cluster = Cluster::calm(options);
    cluster.run_to(JOB, PhaseName::DeltaCopy);
    let at_ms = cluster.now_ms;
    cluster.silent.insert(TARGET);
    cluster.run_until(2_100, |cluster| cluster.write("z9", 0));
    assert!(cluster.now_ms <= at_ms + 2_100, "writers waited {} ms", cluster.now_ms - at_ms);
}

#[test]
fn a_digest_that_differs_stops_the_job_writable_with_the_bracket_named() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.run_to(JOB, PhaseName::Fence);
    assert!(cluster.group(TARGET).lose_staged_row());
    cluster.run_to(JOB, PhaseName::Failed);
    let Phase::Failed(failed) = &cluster.job(JOB).phase else { panic!("the job has just failed") };
    let message = "digests of bracket 1 (User) differ: source 42 rows, target 41".to_owned();
    assert_eq!(failed.reason, FailReason::Refused { message });
    assert!(cluster.write("z9", 0), "the range takes no writes");
}

#[test]
fn a_digest_that_is_still_being_computed_is_asked_for_again() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.run_to(JOB, PhaseName::DeltaCopy);
    cluster.busy_digests_until_ms = cluster.now_ms + 100;
    cluster.run_to(JOB, PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn the_range_is_not_fenced_while_the_source_still_counts_it() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.busy_digests_until_ms = 3_000;
    cluster.run_to(JOB, PhaseName::Fence);
    assert!(cluster.now_ms >= 3_000, "it was fenced at {} ms", cluster.now_ms);
}

#[test]
fn an_abandon_is_noticed_and_carried_through() {
    for phase in [PhaseName::Backfill, PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover] {
        let mut cluster = Cluster::calm(small_chunks());
        cluster.run_to(JOB, phase);
        cluster.operate(JOB, Advance::Abandon).expect("the cutover is not committed");
        cluster.run_to(JOB, PhaseName::Abandoned);
        cluster.check_end(JOB);
    }
}

#[test]
fn an_abandon_lifts_the_fence_although_the_target_is_gone() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_to(JOB, PhaseName::Cutover);
    cluster.silent.insert(TARGET);
    cluster.operate(JOB, Advance::Abandon).expect("the cutover is not committed");
    cluster.run_until(100, |cluster| cluster.write("z9", 0));
}

#[test]
fn a_failed_job_is_left_alone_until_it_is_retried() {
    let mut cluster = Cluster::calm(JobOptions { delta_rows: 0, max_rounds: 1, ..JobOptions::default() });
    cluster.run_to(JOB, PhaseName::Failed);
    let revision = cluster.job(JOB).revision;
    let until_ms = cluster.now_ms + 5_000;
    cluster.run_until(6_000, |cluster| cluster.now_ms >= until_ms);
    assert_eq!(cluster.job(JOB).revision, revision);
    let told = explain(&mut cluster, &BTreeMap::new());
    assert!(told.actions.iter().any(|action| action.starts_with("retry")), "{told:?}");
    cluster.operate(JOB, Advance::Retry).expect("a failed job can be retried");
    cluster.run_until(5_000, |cluster| cluster.job(JOB).revision > revision.successor());
}

#[test]
fn no_more_chunks_are_held_than_imports_may_be_under_way_and_one() {
    let mut cluster = Cluster::new(3, Storm { most_delay_ms: 30, until_ms: 60_000, ..Storm::default() }, 1);
    cluster.fill(40);
    cluster.start("m", TARGET, small_chunks());
    cluster.lead(0);
    cluster.run_to(JOB, PhaseName::Done);
    assert_eq!(cluster.processes[0].most_held, settings().imports_in_flight + 1);
}

/// The order itself is checked at every import that any test sends.
#[test]
fn imports_are_never_proposed_out_of_order() {
    let storm = Storm { lost: 10, doubled: 20, late: 10, most_delay_ms: 30, until_ms: 20_000, ..Storm::default() };
    let mut cluster = Cluster::new(5, storm, 1);
    cluster.fill(20);
    cluster.start("m", TARGET, JobOptions { fence_budget_ms: 60_000, ..small_chunks() });
    cluster.lead(0);
    cluster.run_until(120_000, |cluster| cluster.phase(JOB) == PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn a_pipeline_that_broke_is_followed_by_a_new_attempt() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_until(5_000, |cluster| cluster.processes[0].migrator.progress(JOB).rows >= 6);
    let epoch = cluster.job(JOB).epoch;
    cluster.silent.insert(TARGET);
    let until_ms = cluster.now_ms + 3_000;
    cluster.run_until(4_000, |cluster| cluster.now_ms >= until_ms);
    cluster.silent.remove(&TARGET);
    cluster.run_to(JOB, PhaseName::Done);
    assert!(cluster.job(JOB).epoch > epoch, "{:?}", cluster.job(JOB));
}

/// The late write moves the cut between the batches that come after it: a late batch of the old cut would leave a hole.
#[test]
fn batches_of_a_pipeline_that_broke_never_mix_with_those_of_the_next() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_until(5_000, |cluster| cluster.group(TARGET).rows(Keyspace::Staged).len() == 6);
    cluster.imports_to_hold = 2;
    cluster.run_until(5_000, |cluster| cluster.imports_to_hold == 0);
    let until_ms = cluster.now_ms + 50;
    cluster.run_until(100, |cluster| cluster.now_ms >= until_ms);
    let sent = cluster.group(TARGET).rows(Keyspace::Staged).len();
    let first_held =
        cluster.group(SOURCE).rows(Keyspace::Live).into_keys().filter(|(key, _)| *key >= RawKey::from("m"));
    let (first_held, _) = first_held.collect::<Vec<_>>().swap_remove(sent);
    let late = format!("{}a", String::from_utf8_lossy(first_held.as_bytes()));
    let back_ms = cluster.now_ms - 100;
    assert!(cluster.write(&late, back_ms), "a timestamp at the beginning can still be written");
    cluster.run_until(5_000, |cluster| cluster.group(TARGET).rows(Keyspace::Staged).len() > sent);
    cluster.release();
    cluster.run_to(JOB, PhaseName::Done);
    cluster.check_end(JOB);
}

#[test]
fn a_job_that_nothing_disturbs_needs_one_attempt() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_to(JOB, PhaseName::Done);
    assert_eq!(cluster.job(JOB).epoch, JobEpoch(1));
}

#[test]
fn what_happens_is_told_in_the_order_of_the_phases() {
    let mut cluster = Cluster::calm(JobOptions::default());
    cluster.run_to(JOB, PhaseName::Done);
    cluster.run_until(1_000, |cluster| !cluster.processes[0].migrator.is_busy());
    let phases = cluster.processes[0].told.iter().filter_map(|event| match &event.kind {
        MigratorEventKind::PhaseChanged { to, .. } => Some(*to),
        MigratorEventKind::StepTaken { .. }
        | MigratorEventKind::Waiting { .. }
        | MigratorEventKind::Condemned { .. } => None,
    });
    let expected = [
        PhaseName::Backfill,
        PhaseName::Fence,
        PhaseName::DeltaCopy,
        PhaseName::Cutover,
        PhaseName::Cleanup,
        PhaseName::Done,
    ];
    assert_eq!(phases.collect::<Vec<_>>(), expected);
}

#[test]
fn the_first_pass_knows_how_much_it_has_to_carry() {
    let mut cluster = Cluster::calm(small_chunks());
    cluster.run_until(5_000, |cluster| cluster.processes[0].migrator.progress(JOB).rows >= 10);
    let progress = cluster.processes[0].migrator.progress(JOB);
    assert_eq!(progress.rows_expected, Some(42), "{progress:?}");
    assert!(progress.eta_ms.is_some() && progress.rows_per_s > 0, "{progress:?}");
}
