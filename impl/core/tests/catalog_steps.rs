//! Every step in every phase: taken, or refused by name; and the routes afterwards (J2, C1–C5).

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, route_id, ts};
use splitjob_core::catalog::{Advance, CatalogRejection, Route, RouteState};
use splitjob_core::group::Window;
use splitjob_core::id::{GroupId, JobEpoch};
use splitjob_core::job::{FailReason, JobOptions, Phase, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_core::timestamp::Timestamp;

const LIVE: [PhaseName; 8] = [
    PhaseName::Planned,
    PhaseName::Backfill,
    PhaseName::Fence,
    PhaseName::DeltaCopy,
    PhaseName::Cutover,
    PhaseName::Cleanup,
    PhaseName::Failed,
    PhaseName::Abandoning,
];

/// The steps, by the phases that take them; in BACKFILL it matters too whether the window is chosen.
fn steps() -> Vec<(Advance, &'static [PhaseName])> {
    use PhaseName::{Abandoning, Backfill, Cutover, DeltaCopy, Failed, Fence, Planned};
    vec![
        (Advance::TakeOver, &LIVE),
        (Advance::BeginBackfill, &[Planned]),
        (Advance::ChooseWindow { window: Window { after: Timestamp::ZERO, through: ts(50) } }, &[Backfill]),
        (Advance::NextRound, &[]),
        (Advance::BeginFence, &[]),
        (Advance::BeginDeltaCopy { delta_floor: ts(4), fence_ts: ts(5) }, &[Fence]),
        (Advance::ArmCutover, &[DeltaCopy, Cutover]),
        (Advance::CommitCutover { min_write_ts_exclusive: ts(5), min_read_ts: ts(1) }, &[Cutover]),
        (Advance::ClearStaged, &[PhaseName::Cleanup]),
        (Advance::Finish, &[]),
        (Advance::Unfence, &[Fence, DeltaCopy, Cutover]),
        (Advance::Fail { reason: FailReason::NotConverging }, &[Backfill]),
        (Advance::Retry, &[Failed]),
        (Advance::Abandon, &[Planned, Backfill, Fence, DeltaCopy, Cutover, Failed]),
        (Advance::FinishAbandon, &[Abandoning]),
    ]
}

#[test]
fn each_phase_takes_its_steps_and_refuses_the_others_by_name() {
    for (advance, taken_in) in steps() {
        for phase in LIVE {
            let mut cluster = Cluster::in_phase(phase);
            let before = cluster.catalog.clone();
            let answer = cluster.advance(advance.clone());
            if taken_in.contains(&phase) {
                assert!(answer.is_ok(), "{advance:?} in {phase}: {answer:?}");
                continue;
            }
            let job = cluster.job().id;
            let is_too_late = advance == Advance::Abandon && phase == PhaseName::Cleanup;
            let too_late = CatalogRejection::TooLateToAbandon { job };
            let expected = if is_too_late { too_late } else { CatalogRejection::WrongPhase { job, phase } };
            assert_eq!(answer, Err(expected), "{advance:?} in {phase}");
            assert_eq!(cluster.catalog, before, "{advance:?} in {phase} was refused and changed the catalog");
        }
    }
}

#[test]
fn a_pass_ends_only_when_its_window_is_chosen_and_a_cleanup_only_when_it_is_cleared() {
    let window = Window { after: Timestamp::ZERO, through: ts(50) };
    for advance in [Advance::NextRound, Advance::BeginFence] {
        let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
        assert!(cluster.advance(advance.clone()).is_err(), "{advance:?} without a window");
        cluster.advance(Advance::ChooseWindow { window }).expect("no window is chosen");
        assert!(cluster.advance(Advance::ChooseWindow { window }).is_err(), "a window is chosen once");
        cluster.advance(advance).expect("the window is chosen");
    }
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    assert!(cluster.advance(Advance::Finish).is_err(), "the staged flag stands");
    cluster.advance(Advance::ClearStaged).expect("the job is in CLEANUP");
    assert!(cluster.advance(Advance::ClearStaged).is_err(), "cleared once");
    cluster.advance(Advance::Finish).expect("the staged flag is cleared");
}

/// What the routes say: each start, group, state, and whether readers merge staged rows.
fn portrait(cluster: &Cluster) -> Vec<(String, GroupId, RouteState, bool)> {
    let of = |route: &Route| (route.range.start().to_string(), route.group, route.state, route.staged_for.is_some());
    cluster.catalog.routes().iter().map(of).collect()
}

#[test]
fn the_routes_follow_the_job() {
    let (active, fenced) = (RouteState::Active, RouteState::WriteFenced);
    let whole = vec![(String::new(), SOURCE, active, false)];
    let split = |group, state, is_staged| {
        vec![(String::new(), SOURCE, active, false), ("m".to_owned(), group, state, is_staged)]
    };
    for phase in [PhaseName::Planned, PhaseName::Backfill] {
        assert_eq!(portrait(&Cluster::in_phase(phase)), whole, "{phase}");
    }
    for phase in [PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover] {
        let mut cluster = Cluster::in_phase(phase);
        assert_eq!(portrait(&cluster), split(SOURCE, fenced, false), "{phase}");
        cluster.advance(Advance::Unfence).expect("the cutover is not committed");
        assert_eq!(portrait(&cluster), split(SOURCE, active, false), "{phase}");
        let mut cluster = Cluster::in_phase(phase);
        cluster.advance(Advance::Abandon).expect("the cutover is not committed");
        assert_eq!(portrait(&cluster), split(SOURCE, active, false), "{phase}");
    }
    let mut cluster = Cluster::in_phase(PhaseName::Cleanup);
    assert_eq!(portrait(&cluster), split(TARGET, active, true));
    cluster.advance(Advance::ClearStaged).expect("the job is in CLEANUP");
    assert_eq!(portrait(&cluster), split(TARGET, active, false));
}

#[test]
fn every_change_of_routes_makes_one_version_and_new_route_ids() {
    let steps = [
        (PhaseName::Fence, Advance::Unfence),
        (PhaseName::Fence, Advance::Abandon),
        (PhaseName::Cutover, Advance::CommitCutover { min_write_ts_exclusive: ts(5), min_read_ts: ts(1) }),
        (PhaseName::Cleanup, Advance::ClearStaged),
    ];
    for (phase, advance) in steps {
        let mut cluster = Cluster::in_phase(phase);
        let (version, id) = (cluster.catalog.routes().version, route_id(&cluster, "m"));
        cluster.advance(advance.clone()).expect("the phase takes the step");
        assert_eq!(cluster.catalog.routes().version, version.successor(), "{advance:?}");
        assert_ne!(route_id(&cluster, "m"), id, "{advance:?}");
    }
    let mut cluster = Cluster::in_phase(PhaseName::Backfill);
    let version = cluster.catalog.routes().version;
    cluster.advance(Advance::Abandon).expect("the cutover is not committed");
    assert_eq!(cluster.catalog.routes().version, version, "nothing was fenced, so no route has changed");
}

#[test]
fn the_steps_that_begin_an_attempt_raise_the_epoch() {
    let raises = |phase, advance: Advance| {
        let mut cluster = Cluster::in_phase(phase);
        let epoch = cluster.job().epoch;
        cluster.advance(advance).expect("the phase takes the step");
        cluster.job().epoch > epoch
    };
    assert!(raises(PhaseName::Planned, Advance::TakeOver));
    assert!(raises(PhaseName::Cutover, Advance::ArmCutover), "a new arming");
    assert!(raises(PhaseName::Fence, Advance::Unfence));
    assert!(raises(PhaseName::Backfill, Advance::Abandon));
    assert!(!raises(PhaseName::DeltaCopy, Advance::ArmCutover), "the first arming");
    assert!(!raises(PhaseName::Failed, Advance::Retry));
}

#[test]
fn what_was_given_back_remembers_the_attempt_and_copies_in_a_round_of_its_own() {
    let mut cluster = Cluster::in_phase(PhaseName::DeltaCopy);
    cluster.advance(Advance::Unfence).expect("the cutover is not committed");
    let Phase::Backfill(backfill) = &cluster.job().phase else { panic!("{:?}", cluster.job().phase) };
    assert_eq!((backfill.round.0, backfill.window, backfill.fence_attempts), (3, None, 1));
    assert!(backfill.was_fenced, "guards of the attempt may still stand");
}

#[test]
fn a_terminal_job_is_remembered_and_takes_no_step() {
    for phase in [PhaseName::Done, PhaseName::Abandoned] {
        let cluster = Cluster::in_phase(phase);
        let remembered: Vec<_> = cluster.catalog.history().map(|job| job.phase.name()).collect();
        assert_eq!(remembered, [phase]);
        assert_eq!(cluster.catalog.live_jobs().count(), 0);
        assert_eq!(cluster.catalog.oldest_live_job().0, 2, "every job below it has ended");
    }
}

#[test]
fn a_failed_job_still_counts_as_live() {
    let mut cluster = Cluster::in_phase(PhaseName::Failed);
    let refused = cluster.start("m", TARGET, JobOptions::default());
    assert_eq!(refused, Err(CatalogRejection::TooManyJobs { live: 1, limit: 1 }));
    assert!(cluster.job().epoch > JobEpoch(0));
}

// C7
#[test]
fn who_owns_a_range_is_answered_from_the_version_that_was_asked_for() {
    let cluster = Cluster::in_phase(PhaseName::Cleanup);
    let version = cluster.catalog.routes().version;
    let parts = cluster.catalog.ownership(&harness::range("a", "n"), version).expect("the version is there");
    let owners: Vec<_> = parts.iter().map(|part| (part.group, part.footprint.start().clone())).collect();
    assert_eq!(owners, [(SOURCE, RoutingKey::from("a")), (TARGET, RoutingKey::from("m"))]);
    let wanted = version.successor();
    let refused = cluster.catalog.ownership(&harness::range("a", "n"), wanted);
    assert_eq!(refused, Err(CatalogRejection::VersionNotReached { wanted, current: version }));
}
