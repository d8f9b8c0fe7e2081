//! Every refusal is reached, and says what would be right.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, moving, put, range, ts, txn, version};
use splitjob_core::catalog::{
    Advance, AdvanceJob, Catalog, CatalogCommand, CatalogLimits, CatalogRejection, Route, Routes, StartJob,
};
use splitjob_core::gate::Gates;
use splitjob_core::group::{
    Adoption, BracketBatch, GroupCommand, JobAction, ReadRequest, ReadShape, Rejection, WriteRequest,
};
use splitjob_core::id::{BatchSeq, CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, Revision, RouteId, Token};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::{BracketId, RawKey, RoutingKey};
use splitjob_core::store::Row;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Version;
use std::collections::BTreeSet;

/// A way to each refusal of a group, and words of its message that lead on.
fn refusals_of_a_group() -> Vec<(Rejection, &'static str)> {
    let cluster = Cluster::with_job_in;
    let fenced = || cluster(PhaseName::DeltaCopy);
    let moved = || {
        let mut cluster = cluster(PhaseName::Cleanup);
        cluster.adopt(SOURCE);
        cluster.adopt(TARGET);
        cluster
    };
    let committed = || {
        let mut cluster = Cluster::new();
        cluster.one_phase(SOURCE, &txn("m", 1), 9, &["m"]).expect("the key is free");
        cluster
    };
    let prepared = || {
        let mut cluster = Cluster::new();
        cluster.prepare(SOURCE, &txn("m", 1), 9, &["m"]).expect("the key is free");
        cluster
    };
    let rolled_back = || {
        let mut cluster = Cluster::new();
        cluster.abort(SOURCE, &txn("m", 1), 9, &["m"]).expect("nothing has committed");
        cluster
    };
    let close = JobAction::Close { oldest_live_job: JobId(1) };
    let read_fence = |raw| JobAction::ArmReadFence { expected_cutover_version: version(raw) };
    vec![
        (refusal(fenced().write("m", 90)), "retry"),
        (refusal(moved().commit(SOURCE, &txn("m", 1), 9, &["m"])), "route again"),
        (pending_read(), "refresh the routes"),
        (refusal(cluster(PhaseName::Planned).commit(TARGET, &txn("m", 1), 9, &["m"])), "refresh the routes"),
        (refusal(moved().write("m", 1)), "observe it and retry"),
        (refusal(Cluster::new().write("m", u64::MAX)), "choose one"),
        (routed_too_early(moved()), "route again"),
        (refusal(prepared().write("m", 5)), "settle it at its primary"),
        (refusal(committed().prepare(SOURCE, &txn("m", 2), 12, &["m"])), "start it anew"),
        (refusal(rolled_back().commit(SOURCE, &txn("m", 1), 9, &["m"])), "start it anew"),
        (refusal(committed().abort(SOURCE, &txn("m", 1), 9, &["m"])), "has committed at"),
        (refusal(prepared().commit(SOURCE, &txn("m", 1), 8, &["m"])), "the only timestamp that it can commit at"),
        (refusal(Cluster::new().commit(SOURCE, &txn("m", 1), 9, &["n"])), "ask its primary"),
        (refusal(Cluster::new().prepare(SOURCE, &txn("m", 9), 9, &["m"])), "must commit above it"),
        (refusal(Cluster::new().one_phase(SOURCE, &txn("m", 1), 9, &["n"])), "name one of them"),
        (refusal(Cluster::abandoned_in(PhaseName::DeltaCopy).apply_job(TARGET, close)), "discard them first"),
        (refusal(committed().delete_prefix(SOURCE, "m", &moving(), 9)), "choose a greater one"),
        (unbound_read(version(1)), "bind the read"),
        (collected_read(), "read at it or above"),
        (unstamped_read(), "the first server must stamp it"),
        (refusal(Cluster::new().write("!dist|x", 9)), "which users can't write"),
        (refusal(moved().apply(SOURCE, &GroupCommand::Adopt(Adoption::of(&Routes::one(SOURCE))))), "already"),
        (late_command(JobEpoch(0), &mut cluster(PhaseName::Fence)), "of an older one"),
        (late_command(JobEpoch(9), &mut cluster(PhaseName::Done)), "is closed"),
        (gap(), "send those between first"),
        (foreign_row(), "does not route into the range"),
        (refusal(fenced().apply_job(TARGET, JobAction::Promote { after: None, limit: 1 })), "doesn't allow"),
        (conflicting_fence(read_fence(3), read_fence(4)), "in the same attempt"),
    ]
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Rejection>) -> Rejection {
    answer.expect_err("the request should be refused")
}

fn conflicting_fence(first: JobAction, second: JobAction) -> Rejection {
    let mut cluster = Cluster::with_job_in(PhaseName::Fence);
    cluster.apply_job(SOURCE, first).expect("no read fence stands");
    refusal(cluster.apply_job(SOURCE, second))
}

fn pending_read() -> Rejection {
    let mut cluster = Cluster::with_job_in(PhaseName::Cutover);
    cluster.step();
    refusal(cluster.read(SOURCE, "m", 50))
}

fn point(routed_by: Option<CatalogVersion>) -> ReadRequest {
    ReadRequest { shape: ReadShape::Point { key: RawKey::from("m") }, read_ts: ts(9), routed_by }
}

fn unbound_read(version: CatalogVersion) -> Rejection {
    refusal(Cluster::new().group(SOURCE).read(&point(Some(version)), Gates::all()))
}

fn unstamped_read() -> Rejection {
    refusal(Cluster::new().group(SOURCE).read(&point(None), Gates::all()))
}

fn collected_read() -> Rejection {
    let mut cluster = Cluster::new();
    cluster.write("m", 20).expect("the key is free");
    cluster
        .apply(SOURCE, &GroupCommand::Collect { through: ts(10), from: RawKey::default(), limit: u64::MAX })
        .expect("a collection is never refused");
    refusal(cluster.read(SOURCE, "m", 9))
}

fn routed_too_early(mut cluster: Cluster) -> Rejection {
    let write = WriteRequest { mutations: vec![put("m", 200)], commit_ts: ts(200), routed_by: Some(version(1)) };
    refusal(cluster.apply(TARGET, &GroupCommand::Write(write)))
}

fn late_command(epoch: JobEpoch, cluster: &mut Cluster) -> Rejection {
    if cluster.phase() == PhaseName::Fence {
        cluster.apply_job(SOURCE, JobAction::ArmWriteFence).expect("the source takes the guard");
    }
    let token = Token { job: JobId(1), epoch };
    let command = splitjob_core::group::JobCommand { token, range: moving(), action: JobAction::ArmWriteFence };
    refusal(cluster.apply(SOURCE, &GroupCommand::Job(command)))
}

fn import(seq: u64, rows: Vec<Row>) -> Rejection {
    let batch = BracketBatch { bracket: BracketId(1), seq: BatchSeq(seq), rows, cursor: None, done: false };
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    refusal(cluster.apply_job(TARGET, JobAction::Import { round: CopyRound(1), batches: vec![batch] }))
}

fn gap() -> Rejection {
    import(2, Vec::new())
}

fn foreign_row() -> Rejection {
    import(1, vec![Row { key: RawKey::from("a"), version: Version::tombstone(ts(1)) }])
}

/// The variant's name; a new variant does not compile before it is listed here, and fails before it is reached.
fn name(rejection: &Rejection) -> &'static str {
    macro_rules! names {
        ($($name:ident)+) => {
            match rejection { $(Rejection::$name { .. } => stringify!($name),)+ }
        };
    }
    names!(RouteWriteFenced RouteMoved CutoverPending OwnershipUnknown TimestampTooLow TimestampTooHigh RoutedTooEarly
        KeyLocked WriteConflict TxnRolledBack TxnCommitted CommitTimestampChanged NoProof CommitBeforeStart
        PrimaryMissing StagedRowsLeft TimestampTaken ReadNotBound ReadTooOld NotStamped ControlNamespace StaleCatalog
        StaleEpoch JobClosed ConflictingGuard ImportBatchGap ForeignRow WrongOwnership)
}

const REFUSALS_OF_A_GROUP: usize = 28;

#[test]
fn every_refusal_of_a_group_is_reached_and_says_what_would_be_right() {
    let refusals = refusals_of_a_group();
    for (rejection, words) in &refusals {
        let message = rejection.to_string();
        assert!(message.contains(words), "{rejection:?} says {message:?}, which doesn't say {words:?}");
    }
    let reached: BTreeSet<&str> = refusals.iter().map(|(rejection, _)| name(rejection)).collect();
    assert_eq!(reached.len(), REFUSALS_OF_A_GROUP, "{reached:?}");
}

#[test]
fn only_fence_handover_and_move_are_owed_to_a_job() {
    let by_jobs = refusals_of_a_group().into_iter().filter(|(rejection, _)| rejection.is_caused_by_a_job());
    let by_jobs: BTreeSet<&str> = by_jobs.map(|(rejection, _)| name(&rejection)).collect();
    assert_eq!(by_jobs, BTreeSet::from(["CutoverPending", "RouteMoved", "RouteWriteFenced"]));
}

/// A catalog that lets two jobs live at once.
fn roomy() -> Catalog {
    let limits = CatalogLimits { live_jobs: 2, ..CatalogLimits::default() };
    Catalog::new(SOURCE, BTreeSet::from([SOURCE, TARGET]), limits)
}

fn start(catalog: &Catalog, route: RouteId, split_key: &str, target: GroupId) -> CatalogCommand {
    CatalogCommand::StartJob(StartJob {
        expected_version: catalog.routes().version,
        route,
        split_key: RoutingKey::from(split_key),
        target,
        options: JobOptions::default(),
        now_ms: 0,
    })
}

fn refuses(catalog: &mut Catalog, command: &CatalogCommand) -> CatalogRejection {
    let before = catalog.clone();
    let rejection = catalog.apply(command, Gates::all()).expect_err("the command should be refused");
    assert_eq!(*catalog, before, "a refused command changed the catalog");
    rejection
}

fn refuses_to_start(route: u64, split_key: &str, target: u64) -> CatalogRejection {
    let mut catalog = roomy();
    let command = start(&catalog, RouteId(route), split_key, GroupId(target));
    refuses(&mut catalog, &command)
}

fn refuses_to_advance(phase: PhaseName, change: impl FnOnce(&mut AdvanceJob)) -> CatalogRejection {
    let mut cluster = Cluster::with_job_in(phase);
    let job = cluster.job();
    let mut request = AdvanceJob {
        job: job.id,
        expected_revision: job.revision,
        expected_version: cluster.catalog.routes().version,
        now_ms: 0,
        advance: Advance::BeginFence,
    };
    change(&mut request);
    refuses(&mut cluster.catalog, &CatalogCommand::AdvanceJob(request))
}

fn not_at_rest() -> CatalogRejection {
    let mut cluster = Cluster::with_job_in(PhaseName::Planned);
    cluster.catalog = roomy();
    cluster.start("m", TARGET, JobOptions::default()).expect("the range is at rest");
    cluster.run_to(PhaseName::Fence);
    cluster.start("m", TARGET, JobOptions::default()).expect_err("the route is fenced")
}

fn without_effect() -> CatalogRejection {
    let options = JobOptions { sweep_rows: 0, ..JobOptions::default() };
    Cluster::new().start("m", TARGET, options).expect_err("the job could never end")
}

fn not_capable() -> CatalogRejection {
    let mut cluster = Cluster::new();
    cluster.report_node(true);
    cluster.now_ms = 2_001;
    cluster.start("m", TARGET, JobOptions::default()).expect_err("the node was not heard of in time")
}

fn refusals_of_the_catalog() -> Vec<(CatalogRejection, &'static str)> {
    let mut with_job = Cluster::with_job_in(PhaseName::Planned);
    let cutover = Advance::CommitCutover { min_write_ts_exclusive: ts(9), min_read_ts: Timestamp::ZERO };
    let mut armed = Cluster::with_job_in(PhaseName::Cutover);
    armed.split("c").expect("the left route is at rest");
    let not_reached = with_job.catalog.ownership(&range("a", "b"), version(9)).expect_err("version 9 is not there");
    vec![
        (refuses_to_advance(PhaseName::Fence, |at| at.expected_version = version(7)), "read it again"),
        (refuses_to_advance(PhaseName::Fence, |at| at.expected_revision = Revision(1)), "read it again"),
        (not_reached, "wait until it is there"),
        (refuses_to_start(9, "m", 2), "there is no route 9"),
        (refuses_to_split_outside(), "must lie"),
        (with_job.split("t").expect_err("the job's range would change under it"), "wait until it ends"),
        (refuses_to_start(1, "!", 2), "can't be moved"),
        (refuses_to_start(1, "m", 9), "there is no group 9"),
        (refuses_to_start(1, "m", 1), "must be another group"),
        (without_effect(), "give it a number from 1 on"),
        (not_at_rest(), "has not ended"),
        (with_job.start("t", TARGET, JobOptions::default()).expect_err("one job is live"), "wait until one ends"),
        (refuses_to_advance(PhaseName::Fence, |at| at.job = JobId(9)), "is not live"),
        (not_capable(), "upgrade it, or remove it"),
        (refuses_to_advance(PhaseName::Cleanup, |at| at.advance = Advance::Abandon), "with a new job"),
        (refuses_to_advance(PhaseName::Planned, |at| at.advance = Advance::Finish), "PLANNED"),
        (armed.advance(cutover).expect_err("the version has moved"), "arm it anew"),
    ]
}

fn refuses_to_split_outside() -> CatalogRejection {
    let mut catalog = roomy();
    let split =
        CatalogCommand::SplitRange { expected_version: version(1), route: RouteId(1), at: RoutingKey::from("") };
    refuses(&mut catalog, &split)
}

fn catalog_name(rejection: &CatalogRejection) -> &'static str {
    macro_rules! names {
        ($($name:ident)+) => {
            match rejection { $(CatalogRejection::$name { .. } => stringify!($name),)+ }
        };
    }
    names!(VersionMoved RevisionMoved VersionNotReached NoSuchRoute SplitKeyOutside SplitJobOverlap ReservedRange
        NoSuchGroup OptionWithoutEffect TargetIsSource RouteNotAtRest TooManyJobs NoLiveJob NodeNotCapable TooLateToAbandon WrongPhase
        CutoverVersionMoved)
}

const REFUSALS_OF_THE_CATALOG: usize = 17;

#[test]
fn every_refusal_of_the_catalog_is_reached_and_says_what_would_be_right() {
    let refusals = refusals_of_the_catalog();
    for (rejection, words) in &refusals {
        let message = rejection.to_string();
        assert!(message.contains(words), "{rejection:?} says {message:?}, which doesn't say {words:?}");
    }
    let reached: BTreeSet<&str> = refusals.iter().map(|(rejection, _)| catalog_name(rejection)).collect();
    assert_eq!(reached.len(), REFUSALS_OF_THE_CATALOG, "{reached:?}");
}

#[test]
fn a_route_says_which_of_its_keys_a_job_can_start_at() {
    let routes = Routes::one(SOURCE);
    let route: &Route = routes.covering(&RoutingKey::from("m"));
    assert_eq!(route.from_key(&RoutingKey::from("m")), Some(moving()));
    assert_eq!(route.from_key(&RoutingKey::from("")), Some(route.range.clone()), "all of it");
}
