//! Values of the catalog: routes, jobs, commands.

use super::{job_id, number, option, range, routing_key, timestamp, version};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use splitjob_core::catalog::{
    Advance, AdvanceJob, CatalogCommand, CatalogLimits, CatalogOutcome, CatalogRejection, CatalogState, NodeReport,
    Route, RouteState, Routes, StartJob,
};
use splitjob_core::group::Window;
use splitjob_core::id::{CopyRound, GroupId, JobEpoch, JobId, NodeId, Revision, RouteId};
use splitjob_core::job::{
    Abandoned, Abandoning, Backfill, Cleanup, Cutover, DeltaCopy, Done, FailReason, Failed, Fence, JobOptions, Phase,
    PhaseName, Planned, SplitJob, WayBack,
};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use std::collections::BTreeSet;

/// Routes as the catalog makes them: a partition, ids that are not zero.
pub(crate) fn routes() -> BoxedStrategy<Routes> {
    let cuts = btree_set(routing_key().prop_filter("a cut is inside", |key| !key.is_empty()), 0..4);
    (version(), cuts, vec(route(), 5))
        .prop_map(|(version, cuts, routes)| {
            let starts = std::iter::once(RoutingKey::default()).chain(cuts.iter().cloned());
            let ends = cuts.iter().cloned().map(Some).chain(std::iter::once(None));
            let range = |(start, end)| KeyRange::new(start, end).expect("a set ascends");
            let cut = starts.zip(ends).map(range).zip(routes).zip(1_u64..);
            let routes = cut.map(|((range, route), id)| Route { id: RouteId(id), range, ..route }).collect();
            Routes::new(version, routes).expect("cuts make a partition")
        })
        .boxed()
}

fn route() -> BoxedStrategy<Route> {
    let state = prop_oneof![Just(RouteState::Active), Just(RouteState::WriteFenced)];
    let some_id = || option(1..u64::MAX);
    (1..9_u64, state, some_id(), some_id(), timestamp(), timestamp())
        .prop_map(|(group, state, parent, staged_for, min_write_ts_exclusive, min_read_ts)| Route {
            id: RouteId(1),
            range: KeyRange::all(),
            group: GroupId(group),
            state,
            parent: parent.map(RouteId),
            staged_for: staged_for.map(JobId),
            min_write_ts_exclusive,
            min_read_ts,
        })
        .boxed()
}

fn node_report() -> BoxedStrategy<NodeReport> {
    (any::<bool>(), number()).prop_map(|(is_capable, heard_at_ms)| NodeReport { is_capable, heard_at_ms }).boxed()
}

pub(crate) fn options() -> BoxedStrategy<JobOptions> {
    (number(), number(), number(), number(), number(), number(), number(), number())
        .prop_map(|(a, b, c, d, e, f, g, h)| JobOptions {
            chunk_bytes: a,
            chunk_rows: b,
            scan_rows: c,
            sweep_rows: d,
            delta_rows: e,
            max_rounds: f,
            fence_budget_ms: g,
            max_fence_attempts: h,
        })
        .boxed()
}

pub(crate) fn window() -> BoxedStrategy<Window> {
    (timestamp(), timestamp()).prop_map(|(after, through)| Window { after, through }).boxed()
}

fn reason() -> BoxedStrategy<FailReason> {
    prop_oneof![
        Just(FailReason::NotConverging),
        Just(FailReason::FenceAttemptsExhausted),
        ".{0,8}".prop_map(|message| FailReason::Refused { message }),
    ]
    .boxed()
}

fn phase_name() -> BoxedStrategy<PhaseName> {
    prop::sample::select(vec![
        PhaseName::Planned,
        PhaseName::Backfill,
        PhaseName::Fence,
        PhaseName::DeltaCopy,
        PhaseName::Cutover,
        PhaseName::Cleanup,
        PhaseName::Done,
        PhaseName::Failed,
        PhaseName::Abandoning,
        PhaseName::Abandoned,
    ])
    .boxed()
}

fn backfill() -> BoxedStrategy<Backfill> {
    (number(), option(window()), timestamp(), number(), number(), any::<bool>())
        .prop_map(|(round, window, staged_through, passes, fence_attempts, was_fenced)| Backfill {
            round: CopyRound(round),
            window,
            staged_through,
            passes,
            fence_attempts,
            was_fenced,
        })
        .boxed()
}

fn way_back() -> BoxedStrategy<WayBack> {
    (number(), timestamp(), number(), number())
        .prop_map(|(round, staged_through, fence_attempts, fenced_at_ms)| WayBack {
            round: CopyRound(round),
            staged_through,
            fence_attempts,
            fenced_at_ms,
        })
        .boxed()
}

fn live_phase() -> BoxedStrategy<Phase> {
    prop_oneof![
        Just(Phase::Planned(Planned {})),
        backfill().prop_map(Phase::Backfill),
        (way_back(), version())
            .prop_map(|(way_back, fence_catalog_version)| Phase::Fence(Fence { way_back, fence_catalog_version })),
        (way_back(), timestamp(), timestamp()).prop_map(|(way_back, delta_floor, fence_ts)| {
            Phase::DeltaCopy(DeltaCopy { way_back, delta_floor, fence_ts })
        }),
        (way_back(), timestamp(), version()).prop_map(|(way_back, fence_ts, expected_cutover_version)| {
            Phase::Cutover(Cutover { way_back, fence_ts, expected_cutover_version })
        }),
        (version(), option(version())).prop_map(|(cutover_version, cleared_version)| {
            Phase::Cleanup(Cleanup { cutover_version, cleared_version })
        }),
        (backfill(), reason()).prop_map(|(retry, reason)| Phase::Failed(Failed { retry, reason })),
        phase_name().prop_map(|from| Phase::Abandoning(Abandoning { from })),
    ]
    .boxed()
}

fn terminal_phase() -> BoxedStrategy<Phase> {
    prop_oneof![
        version().prop_map(|cutover_version| Phase::Done(Done { cutover_version })),
        phase_name().prop_map(|from| Phase::Abandoned(Abandoned { from })),
    ]
    .boxed()
}

/// Jobs in every phase; their ids are not zero.
pub(crate) fn split_job() -> BoxedStrategy<SplitJob> {
    job_in(prop_oneof![3 => live_phase(), 1 => terminal_phase()].boxed(), number())
}

fn job_in(phase: BoxedStrategy<Phase>, updated_at_ms: BoxedStrategy<u64>) -> BoxedStrategy<SplitJob> {
    let ids = (1..=u64::MAX, number(), number(), 1..=u64::MAX, number(), 1..=u64::MAX);
    (ids, range(), options(), phase, number(), updated_at_ms)
        .prop_map(|(ids, range, options, phase, started_at_ms, updated_at_ms)| {
            let (id, epoch, revision, source_route, source, target) = ids;
            SplitJob {
                id: JobId(id),
                epoch: JobEpoch(epoch),
                revision: Revision(revision),
                source_route: RouteId(source_route),
                source: GroupId(source),
                target: GroupId(target),
                range,
                options,
                phase,
                started_at_ms,
                updated_at_ms,
            }
        })
        .boxed()
}

/// Catalogs that hold together: ids below the next ones, terminal jobs in the history.
pub(crate) fn catalog_state() -> BoxedStrategy<CatalogState> {
    let live = vec(job_in(live_phase(), number()), 0..3);
    let history = vec(job_in(terminal_phase(), (0..=i64::MAX as u64).boxed()), 0..3);
    let limits = (number(), number(), number(), number()).prop_map(|(a, b, c, d)| CatalogLimits {
        live_jobs: a,
        history_jobs: b,
        history_age_ms: c,
        heartbeat_ms: d,
    });
    let groups = btree_set(number().prop_map(GroupId), 0..3);
    (routes(), groups, live, history, btree_map(number().prop_map(NodeId), node_report(), 0..3), limits)
        .prop_map(|(routes, groups, live, history, nodes, limits): (_, BTreeSet<_>, _, _, _, _)| {
            let numbered = |jobs: Vec<SplitJob>, first: u64| -> Vec<SplitJob> {
                jobs.into_iter().zip(first..).map(|(job, id)| SplitJob { id: JobId(id), ..job }).collect()
            };
            let (next_route_id, next_job_id) = (RouteId(100), JobId(100));
            let (live, history) = (numbered(live, 50), numbered(history, 1));
            CatalogState { routes, groups, next_route_id, next_job_id, live, history, nodes, limits }
        })
        .boxed()
}

pub(crate) fn catalog_command() -> BoxedStrategy<CatalogCommand> {
    let start = (version(), number(), routing_key(), number(), options(), number());
    prop_oneof![
        (version(), number(), routing_key()).prop_map(|(expected_version, route, at)| CatalogCommand::SplitRange {
            expected_version,
            route: RouteId(route),
            at,
        }),
        start.prop_map(|(expected_version, route, split_key, target, options, now_ms)| {
            let (route, target) = (RouteId(route), GroupId(target));
            CatalogCommand::StartJob(StartJob { expected_version, route, split_key, target, options, now_ms })
        }),
        (job_id(), number(), version(), number(), advance()).prop_map(
            |(job, revision, expected_version, now_ms, advance)| {
                let expected_revision = Revision(revision);
                CatalogCommand::AdvanceJob(AdvanceJob { job, expected_revision, expected_version, now_ms, advance })
            }
        ),
        btree_map(number().prop_map(NodeId), node_report(), 0..3)
            .prop_map(|nodes| CatalogCommand::ReportNodes { nodes }),
        number().prop_map(|now_ms| CatalogCommand::SweepHistory { now_ms }),
    ]
    .boxed()
}

fn advance() -> BoxedStrategy<Advance> {
    let plain = prop::sample::select(vec![
        Advance::TakeOver,
        Advance::BeginBackfill,
        Advance::NextRound,
        Advance::BeginFence,
        Advance::ArmCutover,
        Advance::ClearStaged,
        Advance::Finish,
        Advance::Unfence,
        Advance::Retry,
        Advance::Abandon,
        Advance::FinishAbandon,
    ]);
    prop_oneof![
        plain,
        window().prop_map(|window| Advance::ChooseWindow { window }),
        (timestamp(), timestamp())
            .prop_map(|(delta_floor, fence_ts)| Advance::BeginDeltaCopy { delta_floor, fence_ts }),
        (timestamp(), timestamp()).prop_map(|(min_write_ts_exclusive, min_read_ts)| Advance::CommitCutover {
            min_write_ts_exclusive,
            min_read_ts,
        }),
        reason().prop_map(|reason| Advance::Fail { reason }),
    ]
    .boxed()
}

pub(crate) fn catalog_outcome() -> BoxedStrategy<CatalogOutcome> {
    prop_oneof![
        version().prop_map(|version| CatalogOutcome::RoutesChanged { version }),
        job_id().prop_map(|job| CatalogOutcome::JobStarted { job }),
        Just(CatalogOutcome::NodesReported),
        (number(), version())
            .prop_map(|(revision, version)| CatalogOutcome::JobAdvanced { revision: Revision(revision), version }),
        number().prop_map(|kept| CatalogOutcome::HistorySwept { kept }),
    ]
    .boxed()
}

pub(crate) fn catalog_rejection() -> BoxedStrategy<CatalogRejection> {
    prop_oneof![
        (version(), version()).prop_map(|(expected, current)| CatalogRejection::VersionMoved { expected, current }),
        (job_id(), number(), number()).prop_map(|(job, expected, current)| CatalogRejection::RevisionMoved {
            job,
            expected: Revision(expected),
            current: Revision(current),
        }),
        (version(), version()).prop_map(|(wanted, current)| CatalogRejection::VersionNotReached { wanted, current }),
        (number(), routing_key())
            .prop_map(|(route, at)| CatalogRejection::SplitKeyOutside { route: RouteId(route), at }),
        ".{0,8}".prop_map(|option| CatalogRejection::OptionWithoutEffect { option }),
        routing_key().prop_map(|prefix| CatalogRejection::ReservedRange { prefix }),
        (number(), number()).prop_map(|(live, limit)| CatalogRejection::TooManyJobs { live, limit }),
        (job_id(), phase_name()).prop_map(|(job, phase)| CatalogRejection::WrongPhase { job, phase }),
        (job_id(), version(), version()).prop_map(|(job, armed, next)| CatalogRejection::CutoverVersionMoved {
            job,
            armed,
            next
        }),
        (0..8_usize, number()).prop_map(|(kind, id)| about(kind, id)),
    ]
    .boxed()
}

/// The refusals that name one thing.
fn about(kind: usize, id: u64) -> CatalogRejection {
    [
        CatalogRejection::NoSuchRoute { route: RouteId(id) },
        CatalogRejection::SplitJobOverlap { job: JobId(id) },
        CatalogRejection::NoSuchGroup { group: GroupId(id) },
        CatalogRejection::TargetIsSource { group: GroupId(id) },
        CatalogRejection::RouteNotAtRest { route: RouteId(id) },
        CatalogRejection::NoLiveJob { job: JobId(id) },
        CatalogRejection::NodeNotCapable { node: NodeId(id) },
        CatalogRejection::TooLateToAbandon { job: JobId(id) },
    ][kind]
        .clone()
}
