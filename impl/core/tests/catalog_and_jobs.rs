//! The catalog's answers to what users and migrators ask of it.

use splitjob_core::catalog::{
    Advance, AdvanceJob, Catalog, CatalogCommand, CatalogLimits, CatalogOutcome, CatalogRejection, StartJob,
};
use splitjob_core::gate::Gates;
use splitjob_core::group::Window;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, Revision, RouteId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_core::timestamp::Timestamp;
use std::collections::BTreeSet;

fn catalog() -> Catalog {
    let groups = BTreeSet::from([GroupId(1), GroupId(2), GroupId(3)]);
    Catalog::new(GroupId(1), groups, CatalogLimits { history_jobs: 1, ..CatalogLimits::default() })
}

fn start(catalog: &Catalog, route: u64, split_key: &str, target: u64) -> CatalogCommand {
    CatalogCommand::StartJob(StartJob {
        expected_version: catalog.routes().version,
        route: RouteId(route),
        split_key: RoutingKey::from(split_key),
        target: GroupId(target),
        options: JobOptions::default(),
        now_ms: 0,
    })
}

fn advance(catalog: &mut Catalog, step: Advance) -> Result<CatalogOutcome, CatalogRejection> {
    let job = catalog.live_jobs().next().expect("the test has started a job");
    let command = AdvanceJob {
        job: job.id,
        expected_revision: job.revision,
        expected_version: catalog.routes().version,
        now_ms: 7,
        advance: step,
    };
    catalog.apply(&CatalogCommand::AdvanceJob(command), Gates::all())
}

fn run_to_the_end(catalog: &mut Catalog) {
    let snapshot_ts = Timestamp::from_raw(5);
    let steps = [
        Advance::TakeOver,
        Advance::BeginBackfill,
        Advance::ChooseWindow { window: Window { after: Timestamp::ZERO, through: snapshot_ts } },
        Advance::BeginFence,
        Advance::BeginDeltaCopy { delta_floor: snapshot_ts, fence_ts: snapshot_ts },
        Advance::ArmCutover,
        Advance::CommitCutover { min_write_ts_exclusive: snapshot_ts, min_read_ts: Timestamp::ZERO },
        Advance::ClearStaged,
        Advance::Finish,
    ];
    for step in steps {
        let done = advance(catalog, step.clone());
        assert!(done.is_ok(), "{step:?} was refused: {done:?}");
    }
}

fn refused(catalog: &mut Catalog, command: &CatalogCommand) -> CatalogRejection {
    let before = catalog.clone();
    let rejection = catalog.apply(command, Gates::all()).expect_err("the command should be refused");
    assert_eq!(*catalog, before, "a refused command changed the catalog");
    rejection
}

// P1
#[test]
fn a_job_needs_a_key_inside_the_route() {
    let mut catalog = catalog();
    let split = CatalogCommand::SplitRange {
        expected_version: CatalogVersion(1),
        route: RouteId(1),
        at: RoutingKey::from("m"),
    };
    catalog.apply(&split, Gates::all()).expect("nothing stands in the way of the split");
    let left = catalog.routes().covering(&RoutingKey::from("a")).id;
    let command = start(&catalog, left.0, "m", 2);
    let expected = CatalogRejection::SplitKeyOutside { route: left, at: RoutingKey::from("m") };
    assert_eq!(refused(&mut catalog, &command), expected);
}

// C6
#[test]
fn a_range_that_is_a_route_moves_as_a_whole_and_back_again() {
    let mut catalog = catalog();
    for target in [2, 1] {
        let route = catalog.routes().covering(&RoutingKey::from("m")).id.0;
        let command = start(&catalog, route, "m", target);
        catalog.apply(&command, Gates::all()).expect("the range is at rest");
        run_to_the_end(&mut catalog);
        assert_eq!(catalog.routes().covering(&RoutingKey::from("m")).group, GroupId(target));
    }
    assert_eq!(catalog.routes().iter().count(), 2, "moving a whole route splits nothing");
}

// P1
#[test]
fn a_job_needs_another_group_that_exists() {
    let mut catalog = catalog();
    let same = start(&catalog, 1, "m", 1);
    assert_eq!(refused(&mut catalog, &same), CatalogRejection::TargetIsSource { group: GroupId(1) });
    let unknown = start(&catalog, 1, "m", 9);
    assert_eq!(refused(&mut catalog, &unknown), CatalogRejection::NoSuchGroup { group: GroupId(9) });
}

// K4, P1
#[test]
fn a_range_that_meets_a_control_namespace_does_not_move() {
    let mut catalog = catalog();
    let command = start(&catalog, 1, "!", 2);
    let rejection = refused(&mut catalog, &command);
    assert!(matches!(rejection, CatalogRejection::ReservedRange { .. }), "{rejection}");
}

// J5
#[test]
fn a_second_job_waits_for_the_first() {
    let mut catalog = catalog();
    let first = start(&catalog, 1, "m", 2);
    catalog.apply(&first, Gates::all()).expect("nothing stands in the way of the first job");
    assert_eq!(refused(&mut catalog, &first), CatalogRejection::TooManyJobs { live: 1, limit: 1 });
}

// C4
#[test]
fn a_same_group_split_waits_for_the_job_on_its_route() {
    let mut catalog = catalog();
    let first = start(&catalog, 1, "m", 2);
    catalog.apply(&first, Gates::all()).expect("nothing stands in the way of the job");
    let split = CatalogCommand::SplitRange {
        expected_version: CatalogVersion(1),
        route: RouteId(1),
        at: RoutingKey::from("c"),
    };
    assert_eq!(refused(&mut catalog, &split), CatalogRejection::SplitJobOverlap { job: JobId(1) });
}

// J3
#[test]
fn a_decision_made_from_an_older_record_is_refused() {
    let mut catalog = catalog();
    let first = start(&catalog, 1, "m", 2);
    catalog.apply(&first, Gates::all()).expect("nothing stands in the way of the job");
    advance(&mut catalog, Advance::TakeOver).expect("a planned job can be taken up");
    let late = CatalogCommand::AdvanceJob(AdvanceJob {
        job: JobId(1),
        expected_revision: Revision(1),
        expected_version: CatalogVersion(1),
        now_ms: 0,
        advance: Advance::BeginBackfill,
    });
    let expected = CatalogRejection::RevisionMoved { job: JobId(1), expected: Revision(1), current: Revision(2) };
    assert_eq!(refused(&mut catalog, &late), expected);
}

// J2
#[test]
fn a_step_of_another_phase_is_refused_by_name() {
    let mut catalog = catalog();
    let first = start(&catalog, 1, "m", 2);
    catalog.apply(&first, Gates::all()).expect("nothing stands in the way of the job");
    let rejection = advance(&mut catalog, Advance::Finish).expect_err("a planned job can't be finished");
    assert_eq!(rejection, CatalogRejection::WrongPhase { job: JobId(1), phase: PhaseName::Planned });
}

// C3
#[test]
fn the_range_can_move_on_at_once_and_its_floor_goes_with_it() {
    let mut catalog = catalog();
    let first = start(&catalog, 1, "m", 2);
    catalog.apply(&first, Gates::all()).expect("nothing stands in the way of the first job");
    run_to_the_end(&mut catalog);
    let moved = catalog.routes().covering(&RoutingKey::from("t")).clone();
    assert_eq!((moved.group, moved.min_write_ts_exclusive), (GroupId(2), Timestamp::from_raw(5)));
    let second = start(&catalog, moved.id.0, "t", 3);
    catalog.apply(&second, Gates::all()).expect("the range is at rest");
    run_to_the_end(&mut catalog);
    assert_eq!(catalog.routes().covering(&RoutingKey::from("t")).group, GroupId(3));
    assert_eq!(catalog.routes().covering(&RoutingKey::from("n")).min_write_ts_exclusive, Timestamp::from_raw(5));
}

// J6
#[test]
fn history_forgets_what_is_too_much_and_what_is_too_old() {
    let mut catalog = catalog();
    for (key, target) in [("m", 2), ("h", 2)] {
        let route = catalog.routes().covering(&RoutingKey::from(key)).id.0;
        let command = start(&catalog, route, key, target);
        catalog.apply(&command, Gates::all()).expect("the range is at rest");
        run_to_the_end(&mut catalog);
    }
    let sweep = |now_ms| CatalogCommand::SweepHistory { now_ms };
    catalog.apply(&sweep(8), Gates::all()).expect("a sweep is never refused");
    assert_eq!(catalog.history().map(|job| job.id).collect::<Vec<_>>(), [JobId(2)]);
    catalog.apply(&sweep(u64::MAX), Gates::all()).expect("a sweep is never refused");
    assert_eq!(catalog.history().count(), 0);
}
