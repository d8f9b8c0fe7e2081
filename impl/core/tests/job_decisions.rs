//! What a migrator does next, phase by phase, and what it waits for.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, ts};
use splitjob_core::catalog::{Advance, CatalogRejection};
use splitjob_core::gate::Gates;
use splitjob_core::group::{GroupCommand, JobAction, JobGuards, Rejection, VoterReport};
use splitjob_core::id::{GroupId, JobEpoch, NodeId, VoterId};
use splitjob_core::job::{
    Barrier, FailReason, JobOptions, Observed, ObservedGroup, Phase, PhaseName, Step, WaitingFor, decide,
};
use splitjob_core::store::Keyspace;
use std::collections::BTreeSet;

const BEFORE_THE_CUTOVER: [PhaseName; 5] =
    [PhaseName::Planned, PhaseName::Backfill, PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover];

/// Decides with a second voter in both groups, which has applied nothing or what the leader has.
fn decide_with_a_laggard(cluster: &Cluster, has_caught_up: bool) -> Step {
    let mut observed = cluster.observe();
    for group in [&mut observed.source, &mut observed.target].into_iter().flatten() {
        group.configuration.insert(VoterId(2));
        let report = if has_caught_up { group.leader.clone() } else { VoterReport::default() };
        group.reports.insert(VoterId(2), report);
    }
    decide(cluster.job(), Some(cluster.job().epoch), &observed, Gates::all())
}

fn waits_for(group: GroupId, barrier: Barrier) -> Step {
    Step::Wait(WaitingFor::Voters { group, barrier, pending: vec![VoterId(2)] })
}

#[test]
fn a_migrator_takes_a_job_over_before_anything_else_and_stands_down_for_a_newer_one() {
    let mut cluster = Cluster::with_job_in(PhaseName::Planned);
    let with = |cluster: &Cluster, holder| decide(cluster.job(), holder, &cluster.observe(), Gates::all());
    assert_eq!(with(&cluster, None), Step::Advance(Advance::TakeOver));
    cluster.advance(Advance::TakeOver).expect("any live job can be taken over");
    cluster.advance(Advance::TakeOver).expect("any live job can be taken over");
    assert_eq!(with(&cluster, Some(JobEpoch(1))), Step::StandDown);
    assert_eq!(with(&cluster, Some(JobEpoch(2))), Step::Advance(Advance::BeginBackfill));
}

#[test]
fn a_decision_made_again_is_the_same() {
    for phase in BEFORE_THE_CUTOVER {
        let cluster = Cluster::with_job_in(phase);
        assert_eq!(cluster.decide(), cluster.decide(), "{phase}");
    }
}

#[test]
fn every_barrier_names_the_voter_that_it_waits_for() {
    let barriers = [
        (PhaseName::Backfill, SOURCE, Barrier::Tracker),
        (PhaseName::Fence, SOURCE, Barrier::WriteFence),
        (PhaseName::Cutover, SOURCE, Barrier::ReadFence),
        (PhaseName::Cleanup, TARGET, Barrier::StagedCleared),
    ];
    for (phase, group, barrier) in barriers {
        let mut cluster = Cluster::with_job_in(phase);
        let mut met = Vec::new();
        while cluster.phase() == phase {
            met.push(decide_with_a_laggard(&cluster, false));
            assert!(!matches!(decide_with_a_laggard(&cluster, true), Step::Wait(_)), "{phase}: all have applied it");
            assert!(cluster.step(), "{phase}: one voter waits for nobody");
        }
        assert!(met.contains(&waits_for(group, barrier)), "{phase} never waits for {barrier:?}: {met:?}");
    }
}

#[test]
fn a_voter_that_joins_reopens_a_barrier_and_one_that_leaves_counts_for_nothing() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cutover);
    cluster.run_before(|step| matches!(step, Step::Advance(Advance::CommitCutover { .. })));
    let mut observed = cluster.observe();
    let source = observed.source.as_mut().expect("the source answers");
    source.configuration = BTreeSet::from([VoterId(1), VoterId(2)]);
    let with = |observed: &Observed<'_>| decide(cluster.job(), Some(cluster.job().epoch), observed, Gates::all());
    assert_eq!(with(&observed), waits_for(SOURCE, Barrier::ReadFence), "the new voter has not spoken");
    let source = observed.source.as_mut().expect("the source answers");
    source.configuration = BTreeSet::from([VoterId(2)]);
    assert_eq!(with(&observed), waits_for(SOURCE, Barrier::ReadFence), "the old voter's word is worth nothing");
    let source = observed.source.as_mut().expect("the source answers");
    source.reports.insert(VoterId(2), source.leader.clone());
    assert!(matches!(with(&observed), Step::Advance(Advance::CommitCutover { .. })));
}

#[test]
fn the_source_deletes_nothing_while_a_voter_still_reads() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    let is_deletion = |step: &Step| matches!(step, Step::Command { action: JobAction::DeleteMoved { .. }, .. });
    cluster.run_before(is_deletion);
    let mut observed = cluster.observe();
    let source = observed.source.as_mut().expect("the source answers");
    source.reports.insert(VoterId(1), VoterReport { running_reads: 1, ..source.leader.clone() });
    let step = decide(cluster.job(), Some(cluster.job().epoch), &observed, Gates::all());
    let pending = vec![VoterId(1)];
    assert_eq!(step, Step::Wait(WaitingFor::Voters { group: SOURCE, barrier: Barrier::ReadDrain, pending }));
}

#[test]
fn a_group_that_does_not_answer_is_named() {
    for (phase, group) in [
        (PhaseName::Backfill, SOURCE),
        (PhaseName::Fence, SOURCE),
        (PhaseName::DeltaCopy, TARGET),
        (PhaseName::Cutover, TARGET),
        (PhaseName::Cleanup, TARGET),
        (PhaseName::Abandoning, TARGET),
    ] {
        let mut cluster = Cluster::in_phase(phase);
        cluster.silent.insert(group);
        let step = cluster.run_before(|step| matches!(step, Step::Wait(_)));
        assert_eq!(step, Step::Wait(WaitingFor::Answer { group }), "{phase}");
    }
}

#[test]
fn a_node_that_can_not_run_the_protocol_stops_the_job_and_is_named() {
    for phase in [PhaseName::Planned, PhaseName::Backfill, PhaseName::Fence, PhaseName::Cutover, PhaseName::Cleanup] {
        let mut cluster = Cluster::with_job_in(phase);
        cluster.report_node(false);
        if cluster.job().epoch == JobEpoch(0) {
            cluster.advance(Advance::TakeOver).expect("a takeover only says who works on the job");
        }
        if phase == PhaseName::Cleanup {
            assert_eq!(cluster.decide(), Step::Adopt { group: TARGET }, "the record has handed the range over");
            assert!(cluster.step(), "the target answers");
        }
        assert_eq!(cluster.decide(), Step::Wait(WaitingFor::Capability { node: NodeId(7) }), "{phase}");
        cluster.report_node(true);
        cluster.run_to(PhaseName::Done);
    }
}

#[test]
fn what_the_record_has_given_back_is_lifted_though_a_node_can_not_run_the_protocol() {
    let mut cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    cluster.report_node(false);
    cluster.now_ms += 60_000;
    while cluster.step() {}
    assert_eq!(cluster.decide(), Step::Wait(WaitingFor::Capability { node: NodeId(7) }));
    assert!(cluster.write("m", 90).is_ok(), "{:?}", cluster.write("m", 90));
}

#[test]
fn a_voter_that_has_nothing_yet_has_not_drained() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    cluster.run_before(|step| matches!(step, Step::Command { action: JobAction::DeleteMoved { .. }, .. }));
    let mut observed = cluster.observe();
    let source = observed.source.as_mut().expect("the source answers");
    source.configuration.insert(VoterId(2));
    source.reports.insert(VoterId(2), VoterReport::default());
    let step = decide(cluster.job(), Some(cluster.job().epoch), &observed, Gates::all());
    assert_eq!(step, waits_for(SOURCE, Barrier::ReadDrain));
}

#[test]
fn a_deletion_makes_the_attempts_before_it_stale() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    cluster.run_before(|step| matches!(step, Step::Command { action: JobAction::DeleteMoved { .. }, .. }));
    let action = JobAction::Close { oldest_live_job: cluster.job().id };
    let late = cluster.commands(&Step::Command { group: SOURCE, action });
    cluster.advance(Advance::TakeOver).expect("any live job can be taken over");
    assert!(cluster.step(), "the new attempt deletes");
    let newest = cluster.job().epoch;
    for (group, command) in &late {
        assert_eq!(cluster.apply(*group, command), Err(Rejection::StaleEpoch { newest }));
    }
}

#[test]
fn passes_go_on_until_one_carries_little_enough() {
    let mut cluster = Cluster::new();
    for commit_ts in 1..=6 {
        cluster.write("m", commit_ts).expect("the key is free");
    }
    cluster.start("m", TARGET, JobOptions { delta_rows: 2, ..JobOptions::default() }).expect("the range is at rest");
    let is_next = |step: &Step| matches!(step, Step::Advance(Advance::NextRound));
    cluster.run_before(is_next);
    for commit_ts in 7..=9 {
        cluster.write("n", commit_ts).expect("the range takes writes");
    }
    cluster.step();
    cluster.run_before(is_next);
    cluster.step();
    cluster.run_before(|step| *step == Step::Advance(Advance::BeginFence));
    let guards = cluster.group(TARGET).jobs().values().next().and_then(JobGuards::target).cloned();
    let imported = guards.expect("the target has staged rows").imported;
    assert_eq!((imported.round.0, imported.rows), (3, 0), "the last pass had nothing left");
    cluster.run_to(PhaseName::Done);
    assert_eq!(cluster.stored(TARGET, Keyspace::Live).len(), 9);
}

#[test]
fn a_range_that_does_not_come_to_rest_is_reported_and_takes_writes() {
    let mut cluster = Cluster::new();
    let options = JobOptions { delta_rows: 0, max_rounds: 3, ..JobOptions::default() };
    cluster.start("m", TARGET, options).expect("the range is at rest");
    let mut commit_ts = 1;
    while cluster.phase() != PhaseName::Failed {
        if matches!(cluster.decide(), Step::Copy(_) | Step::Advance(Advance::BeginFence)) {
            cluster.write("m", commit_ts).expect("the range takes writes");
            commit_ts += 1;
        }
        assert!(cluster.step(), "{:?}", cluster.decide());
    }
    let Phase::Failed(failed) = &cluster.job().phase else { unreachable!("the phase was asked for") };
    assert_eq!((&failed.reason, failed.retry.round.0), (&FailReason::NotConverging, 3));
    assert_eq!(cluster.decide(), Step::Wait(WaitingFor::Operator));
}

#[test]
fn a_cutover_whose_version_moved_is_armed_anew() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cutover);
    let commit = cluster.run_before(|step| matches!(step, Step::Advance(Advance::CommitCutover { .. })));
    cluster.split("c").expect("the left route is at rest");
    let Step::Advance(commit) = commit else { unreachable!("the step was asked for") };
    let moved = cluster.advance(commit);
    assert!(matches!(moved, Err(CatalogRejection::CutoverVersionMoved { .. })), "{moved:?}");
    let epoch = cluster.job().epoch;
    assert_eq!(cluster.decide(), Step::Advance(Advance::ArmCutover));
    cluster.step();
    assert_eq!(cluster.job().epoch, epoch.successor());
    cluster.run_to(PhaseName::Done);
}

#[test]
fn the_floor_is_above_everything_imported_committed_and_read() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    cluster.write("a", 60).expect("the left route takes writes");
    cluster.read(SOURCE, "a", 70).expect("the left route serves reads");
    let is_commit = |step: &Step| matches!(step, Step::Advance(Advance::CommitCutover { .. }));
    let commit = cluster.run_before(is_commit);
    let Step::Advance(Advance::CommitCutover { min_write_ts_exclusive, .. }) = commit else {
        unreachable!("{commit:?}")
    };
    assert_eq!(min_write_ts_exclusive, ts(70));
}

#[test]
fn the_horizon_moves_with_the_range() {
    let mut cluster = Cluster::with_job_in(PhaseName::Planned);
    cluster
        .apply(
            SOURCE,
            &GroupCommand::Collect { through: ts(4), from: splitjob_core::key::RawKey::default(), limit: u64::MAX },
        )
        .expect("a collection is never refused");
    cluster.run_to(PhaseName::Done);
    assert_eq!(cluster.read(TARGET, "m", 3), Err(Rejection::ReadTooOld { horizon: ts(4) }));
}

#[test]
fn a_group_answers_for_the_job_and_the_range_that_it_is_asked_for() {
    let cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    let ObservedGroup { status, leader, .. } = cluster.observe().source.expect("the source answers");
    assert!(status.serves_range && leader.serves_range && leader.write_fence);
    assert_eq!((leader.epoch, leader.read_fence), (Some(cluster.job().epoch), None));
}
