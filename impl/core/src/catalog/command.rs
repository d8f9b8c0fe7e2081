//! What the default group's log may ask of the catalog, what it answers, and what it refuses.

use crate::group::Window;
use crate::id::{CatalogVersion, GroupId, JobId, NodeId, Revision, RouteId};
use crate::job::{FailReason, JobOptions, PhaseName, SplitJob};
use crate::key::RoutingKey;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// One command of the default group's log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CatalogCommand {
    /// Splits a route in two on the same group (C4).
    SplitRange {
        /// The version that the caller saw.
        expected_version: CatalogVersion,
        /// The route.
        route: RouteId,
        /// The first key of the right part.
        at: RoutingKey,
    },
    /// Creates a split job in PLANNED (P1).
    StartJob(StartJob),
    /// Moves a job on (J3).
    AdvanceJob(AdvanceJob),
    /// Says which nodes are active, and what they can do (V1, V2).
    ReportNodes {
        /// Every active node, by the heartbeats that the leader has heard.
        nodes: BTreeMap<NodeId, NodeReport>,
    },
    /// Forgets terminal jobs that are too old or too many (J6).
    SweepHistory {
        /// The wall clock, in Unix milliseconds.
        now_ms: u64,
    },
}

/// What the default group knows of a node by its heartbeats (V1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its binary can run the whole protocol.
    pub is_capable: bool,
    /// When it was last heard, in Unix milliseconds.
    pub heard_at_ms: u64,
}

/// The request for a split job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StartJob {
    /// The version that the caller saw.
    pub expected_version: CatalogVersion,
    /// The route whose right part moves.
    pub route: RouteId,
    /// The first key of the right part.
    pub split_key: RoutingKey,
    /// The group that it moves to.
    pub target: GroupId,
    /// How the job copies.
    pub options: JobOptions,
    /// The wall clock, in Unix milliseconds.
    pub now_ms: u64,
}

/// One compare-and-swap on a job record, and on the routes where the step changes them (J3, C5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AdvanceJob {
    /// The job.
    pub job: JobId,
    /// The revision of the record that the decision was made from.
    pub expected_revision: Revision,
    /// The version of the routes that the decision was made from.
    pub expected_version: CatalogVersion,
    /// The wall clock, in Unix milliseconds.
    pub now_ms: u64,
    /// The step.
    pub advance: Advance,
}

/// A step of a job record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Advance {
    /// A migrator takes the job over: the epoch rises, the phase stays (J4).
    TakeOver,
    /// PLANNED → BACKFILL.
    BeginBackfill,
    /// BACKFILL: fixes the versions that the pass carries (P2).
    ChooseWindow {
        /// The versions.
        window: Window,
    },
    /// BACKFILL → BACKFILL: another pass follows (P2).
    NextRound,
    /// BACKFILL → FENCE: splits the route and marks the right part (P3).
    BeginFence,
    /// FENCE → DELTA_COPY: fixes the window of the last copy (P4).
    BeginDeltaCopy {
        /// The delta carries versions above it.
        delta_floor: Timestamp,
        /// The delta carries versions up to it.
        fence_ts: Timestamp,
    },
    /// DELTA_COPY → CUTOVER, and CUTOVER → CUTOVER when the version moved: names the version to be made (P5).
    ArmCutover,
    /// CUTOVER → CLEANUP: the right part belongs to the target (P5).
    CommitCutover {
        /// The floor that the target holds.
        min_write_ts_exclusive: Timestamp,
        /// Reads below it are refused.
        min_read_ts: Timestamp,
    },
    /// CLEANUP: readers need not merge staged rows any more (P8).
    ClearStaged,
    /// CLEANUP → DONE (P8).
    Finish,
    /// FENCE, DELTA_COPY, CUTOVER → BACKFILL: the range takes writes again, under a new attempt (J10).
    Unfence,
    /// BACKFILL → FAILED (J7).
    Fail {
        /// Why.
        reason: FailReason,
    },
    /// FAILED → BACKFILL: an operator lets the job go on where it stopped (J7).
    Retry,
    /// Any phase before the cutover is committed → ABANDONING, under a new attempt; a fenced range takes writes again (J8).
    Abandon,
    /// ABANDONING → ABANDONED (J8).
    FinishAbandon,
}

impl Advance {
    /// Whether the step only gives back what the job holds, or says who works on it: a node that can't run the protocol
    /// doesn't stop it (V2).
    pub fn gives_back(&self) -> bool {
        match self {
            Advance::TakeOver | Advance::Unfence | Advance::Fail { .. } | Advance::Abandon | Advance::FinishAbandon => {
                true
            }
            Advance::BeginBackfill
            | Advance::ChooseWindow { .. }
            | Advance::NextRound
            | Advance::BeginFence
            | Advance::BeginDeltaCopy { .. }
            | Advance::ArmCutover
            | Advance::CommitCutover { .. }
            | Advance::ClearStaged
            | Advance::Finish
            | Advance::Retry => false,
        }
    }

    /// Whether the step changes routes as well as the record (C5).
    pub fn changes_routes(&self, job: &SplitJob) -> bool {
        match self {
            Advance::BeginFence | Advance::CommitCutover { .. } | Advance::ClearStaged | Advance::Unfence => true,
            Advance::Abandon => job.holds_fence(),
            Advance::TakeOver
            | Advance::BeginBackfill
            | Advance::ChooseWindow { .. }
            | Advance::NextRound
            | Advance::BeginDeltaCopy { .. }
            | Advance::ArmCutover
            | Advance::Finish
            | Advance::Fail { .. }
            | Advance::Retry
            | Advance::FinishAbandon => false,
        }
    }
}

/// What a catalog command did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CatalogOutcome {
    /// The routes have a new version.
    RoutesChanged {
        /// The new version.
        version: CatalogVersion,
    },
    /// The job exists, in PLANNED.
    JobStarted {
        /// Its identifier.
        job: JobId,
    },
    /// The active nodes are known.
    NodesReported,
    /// The record has a new revision.
    JobAdvanced {
        /// The new revision.
        revision: Revision,
        /// The version of the routes afterwards.
        version: CatalogVersion,
    },
    /// The history holds this many jobs.
    HistorySwept {
        /// The number that is left.
        kept: u64,
    },
}

/// Why the catalog refused a command; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error)]
pub enum CatalogRejection {
    /// The routes changed since the caller looked (C2).
    #[error("the catalog is at version {current}, not {expected}: read it again and retry")]
    VersionMoved {
        /// The version that the caller expected.
        expected: CatalogVersion,
        /// The version that stands.
        current: CatalogVersion,
    },
    /// The job record changed since the caller looked (J3).
    #[error("job {job} is at revision {current}, not {expected}: read it again and decide anew")]
    RevisionMoved {
        /// The job.
        job: JobId,
        /// The revision that the caller expected.
        expected: Revision,
        /// The revision that stands.
        current: Revision,
    },
    /// The routes are older than what was asked for.
    #[error("the routes are at version {current}, and {wanted} was asked for: wait until it is there")]
    VersionNotReached {
        /// The version asked for.
        wanted: CatalogVersion,
        /// The version that stands.
        current: CatalogVersion,
    },
    /// There is no such route.
    #[error("there is no route {route} in the catalog")]
    NoSuchRoute {
        /// The identifier asked for.
        route: RouteId,
    },
    /// The key doesn't split the route into two parts.
    #[error(
        "split key {at:?} is not inside route {route}: it must lie above its start, or be it where a job moves the whole route, and below its end"
    )]
    SplitKeyOutside {
        /// The route.
        route: RouteId,
        /// The key.
        at: RoutingKey,
    },
    /// The range belongs to a live job (C4, J5).
    #[error("job {job} is moving a range that meets this one: wait until it ends")]
    SplitJobOverlap {
        /// The live job.
        job: JobId,
    },
    /// With this option the job could never end (P1).
    #[error("{option} is 0: the job would carry nothing; give it a number from 1 on")]
    OptionWithoutEffect {
        /// The option's name.
        option: String,
    },
    /// The range meets a namespace that doesn't move (K4).
    #[error("the range meets the reserved namespace {prefix:?}, which can't be moved")]
    ReservedRange {
        /// The prefix of the namespace.
        prefix: RoutingKey,
    },
    /// No such group is known (P1).
    #[error("there is no group {group}")]
    NoSuchGroup {
        /// The identifier asked for.
        group: GroupId,
    },
    /// Source and target are the same group (P1).
    #[error("group {group} owns the range already: the target must be another group")]
    TargetIsSource {
        /// The group.
        group: GroupId,
    },
    /// The route is fenced or still has staged rows (P1).
    #[error("route {route} is not at rest: a job's work on it has not ended")]
    RouteNotAtRest {
        /// The route.
        route: RouteId,
    },
    /// As many jobs are live as may be (J5).
    #[error("{live} jobs are live and {limit} may be: wait until one ends")]
    TooManyJobs {
        /// Live jobs, FAILED ones included.
        live: u64,
        /// The limit.
        limit: u64,
    },
    /// No live job has this identifier.
    #[error("job {job} is not live: it never was, or it has ended")]
    NoLiveJob {
        /// The identifier asked for.
        job: JobId,
    },
    /// A node can't run the protocol, or hasn't said for too long that it can (V1, V2).
    #[error("node {node} can't run the migration protocol, or was not heard of in time: upgrade it, or remove it")]
    NodeNotCapable {
        /// The node.
        node: NodeId,
    },
    /// The cutover is committed: the job can only go on; move the range back with another job (J8, J9).
    #[error("job {job} has handed the range over and only goes forward: move the range back with a new job")]
    TooLateToAbandon {
        /// The job.
        job: JobId,
    },
    /// The step doesn't belong to the job's phase (J2).
    #[error("job {job} is in {phase}, which has no such step")]
    WrongPhase {
        /// The job.
        job: JobId,
        /// Its phase.
        phase: PhaseName,
    },
    /// The version that the cutover would make isn't the one its read fence was armed for (P5).
    #[error("the cutover of job {job} was armed for version {armed} and would make {next}: arm it anew")]
    CutoverVersionMoved {
        /// The job.
        job: JobId,
        /// The version that the read fence was armed for.
        armed: CatalogVersion,
        /// The version that the command would make.
        next: CatalogVersion,
    },
}
