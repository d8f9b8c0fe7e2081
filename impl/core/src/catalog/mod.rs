//! The catalog of the default group: routes, jobs, history, and the one function that changes them.
//!
//! Routes and jobs live in one state machine because a job record and the route change that belongs to it are written
//! in one command (C5).

mod advance;
mod command;
mod route;
mod state;

pub use command::{Advance, AdvanceJob, CatalogCommand, CatalogOutcome, CatalogRejection, NodeReport, StartJob};
pub use route::{PartitionError, Route, RouteState, Routes};
pub use state::CatalogState;

use crate::coordinator::{Routed, route_range};
use crate::gate::{Gate, Gates};
use crate::id::{CatalogVersion, GroupId, JobEpoch, JobId, NodeId, Revision, RouteId};
use crate::job::{Phase, Planned, SplitJob};
use crate::key::{RoutingKey, reserved_namespace_conflict};
use crate::persistent::OrdMap;
use crate::range::KeyRange;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The numbers that bound the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CatalogLimits {
    /// Jobs that may be live at once, FAILED ones included (J5).
    pub live_jobs: u64,
    /// Terminal jobs that are remembered (J6).
    pub history_jobs: u64,
    /// How long a terminal job is remembered, in milliseconds (J6).
    pub history_age_ms: u64,
    /// How long a node's heartbeat counts, in milliseconds: two intervals of it (V1).
    pub heartbeat_ms: u64,
}

impl Default for CatalogLimits {
    fn default() -> Self {
        CatalogLimits { live_jobs: 1, history_jobs: 1000, history_age_ms: 7 * 24 * 3600 * 1000, heartbeat_ms: 2_000 }
    }
}

/// The replicated state of the default group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Catalog {
    routes: Routes,
    groups: BTreeSet<GroupId>,
    next_route_id: RouteId,
    next_job_id: JobId,
    live: BTreeMap<JobId, SplitJob>,
    history: OrdMap<JobId, SplitJob>,
    nodes: BTreeMap<NodeId, NodeReport>,
    limits: CatalogLimits,
}

impl Catalog {
    /// A catalog with one route, owned by `owner`; jobs may move ranges between `groups`.
    pub fn new(owner: GroupId, groups: BTreeSet<GroupId>, limits: CatalogLimits) -> Catalog {
        assert!(groups.contains(&owner), "group {owner} owns the key space and must be one of {groups:?}");
        Catalog {
            routes: Routes::one(owner),
            groups,
            next_route_id: RouteId(2),
            next_job_id: JobId(1),
            live: BTreeMap::new(),
            history: OrdMap::new(),
            nodes: BTreeMap::new(),
            limits,
        }
    }

    /// The routes at the version that stands.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The live job with this identifier.
    pub fn job(&self, job: JobId) -> Option<&SplitJob> {
        self.live.get(&job)
    }

    /// The live jobs, oldest first.
    pub fn live_jobs(&self) -> impl Iterator<Item = &SplitJob> {
        self.live.values()
    }

    /// The terminal jobs that are remembered, oldest first (J6).
    pub fn history(&self) -> impl Iterator<Item = &SplitJob> {
        self.history.iter().map(|(_, job)| job)
    }

    /// Every job below this identifier has ended: what lets a group forget the ids it has closed (G10).
    pub fn oldest_live_job(&self) -> JobId {
        self.live.keys().next().copied().unwrap_or(self.next_job_id)
    }

    /// The first active node that can't run the protocol, or was not heard of in time; none are known before the first
    /// report (V1, V2).
    pub fn lacking(&self, now_ms: u64) -> Option<NodeId> {
        let is_fine = |report: &NodeReport| {
            report.is_capable && now_ms.saturating_sub(report.heard_at_ms) <= self.limits.heartbeat_ms
        };
        self.nodes.iter().find(|(_, report)| !is_fine(report)).map(|(node, _)| *node)
    }

    /// Who owns what of the range, by routes of at least this version (§11).
    ///
    /// # Errors
    /// [`CatalogRejection::VersionNotReached`] if the routes are older: an answer would be a guess (C7).
    pub fn ownership(&self, range: &KeyRange, at_least: CatalogVersion) -> Result<Vec<Routed>, CatalogRejection> {
        let current = self.routes.version;
        if current < at_least {
            return Err(CatalogRejection::VersionNotReached { wanted: at_least, current });
        }
        Ok(route_range(&self.routes, range))
    }

    /// Applies one command of the log.
    ///
    /// # Errors
    /// A [`CatalogRejection`]; the catalog is then as it was.
    pub fn apply(&mut self, command: &CatalogCommand, gates: Gates) -> Result<CatalogOutcome, CatalogRejection> {
        match command {
            CatalogCommand::SplitRange { expected_version, route, at } => {
                self.split_range(*expected_version, *route, at, gates)
            }
            CatalogCommand::StartJob(request) => self.start_job(request, gates),
            CatalogCommand::AdvanceJob(request) => self.advance_job(request, gates),
            CatalogCommand::ReportNodes { nodes } => {
                self.nodes.clone_from(nodes);
                Ok(CatalogOutcome::NodesReported)
            }
            CatalogCommand::SweepHistory { now_ms } => Ok(self.sweep_history(*now_ms)),
        }
    }

    // C2
    fn check_version(&self, expected: CatalogVersion, gates: Gates) -> Result<(), CatalogRejection> {
        let current = self.routes.version;
        if !gates.passes(Gate::CatalogCas, expected == current) {
            return Err(CatalogRejection::VersionMoved { expected, current });
        }
        Ok(())
    }

    fn check_capable(&self, now_ms: u64, gates: Gates) -> Result<(), CatalogRejection> {
        match self.lacking(now_ms) {
            Some(node) if gates.stands(Gate::CapableNodes) => Err(CatalogRejection::NodeNotCapable { node }),
            Some(_) | None => Ok(()),
        }
    }

    fn route(&self, id: RouteId) -> Result<&Route, CatalogRejection> {
        self.routes.by_id(id).ok_or(CatalogRejection::NoSuchRoute { route: id })
    }

    // C4: the job's range must not change under it.
    fn split_range(
        &mut self,
        expected: CatalogVersion,
        id: RouteId,
        at: &RoutingKey,
        gates: Gates,
    ) -> Result<CatalogOutcome, CatalogRejection> {
        self.check_version(expected, gates)?;
        let route = self.route(id)?.clone();
        if route.range.split_at(at).is_none() {
            return Err(CatalogRejection::SplitKeyOutside { route: id, at: at.clone() });
        }
        if gates.stands(Gate::SplitOverlap) {
            self.check_overlap(&route.range)?;
        }
        self.split_route(&route, at, RouteState::Active);
        Ok(CatalogOutcome::RoutesChanged { version: self.routes.version })
    }

    fn check_overlap(&self, range: &KeyRange) -> Result<(), CatalogRejection> {
        match self.live.values().find(|job| job.range.intersects(range)) {
            Some(job) => Err(CatalogRejection::SplitJobOverlap { job: job.id }),
            None => Ok(()),
        }
    }

    /// Replaces the route by its two parts; the right one gets `right_state` (C1, C3).
    fn split_route(&mut self, route: &Route, at: &RoutingKey, right_state: RouteState) {
        let (left, right) = route.range.split_at(at).expect("the caller has checked that the key splits the range");
        let mut part = |range, state| {
            let id = self.next_route_id;
            self.next_route_id = id.successor();
            Route { id, range, state, parent: Some(route.id), ..route.clone() }
        };
        let parts = vec![part(left, route.state), part(right, right_state)];
        self.routes.replace(&route.range, parts);
    }

    // P1
    fn start_job(&mut self, request: &StartJob, gates: Gates) -> Result<CatalogOutcome, CatalogRejection> {
        self.check_version(request.expected_version, gates)?;
        let live = self.live.len() as u64;
        if live >= self.limits.live_jobs {
            return Err(CatalogRejection::TooManyJobs { live, limit: self.limits.live_jobs });
        }
        let route = self.route(request.route)?.clone();
        let Some(range) = route.from_key(&request.split_key) else {
            return Err(CatalogRejection::SplitKeyOutside { route: route.id, at: request.split_key.clone() });
        };
        if let Some(option) = request.options.without_effect() {
            return Err(CatalogRejection::OptionWithoutEffect { option: option.to_owned() });
        }
        self.check_target(request.target, &route)?;
        self.check_overlap(&route.range)?;
        self.check_capable(request.now_ms, gates)?;
        if let Some(family) = reserved_namespace_conflict(&range) {
            return Err(CatalogRejection::ReservedRange { prefix: RoutingKey::from(family.prefix()) });
        }
        let id = self.next_job_id;
        self.next_job_id = id.successor();
        let job = SplitJob {
            id,
            epoch: JobEpoch(0),
            revision: Revision(1),
            source_route: route.id,
            source: route.group,
            target: request.target,
            range,
            options: request.options.clone(),
            phase: Phase::Planned(Planned {}),
            started_at_ms: request.now_ms,
            updated_at_ms: request.now_ms,
        };
        self.live.insert(id, job);
        Ok(CatalogOutcome::JobStarted { job: id })
    }

    fn check_target(&self, target: GroupId, route: &Route) -> Result<(), CatalogRejection> {
        if !self.groups.contains(&target) {
            return Err(CatalogRejection::NoSuchGroup { group: target });
        }
        if target == route.group {
            return Err(CatalogRejection::TargetIsSource { group: target });
        }
        if route.state != RouteState::Active || route.staged_for.is_some() {
            return Err(CatalogRejection::RouteNotAtRest { route: route.id });
        }
        Ok(())
    }

    // J6
    fn sweep_history(&mut self, now_ms: u64) -> CatalogOutcome {
        let mut kept = self.history.len() as u64;
        let ended: Vec<(JobId, u64)> = self.history.iter().map(|(id, job)| (*id, job.updated_at_ms)).collect();
        for (id, ended_at_ms) in ended {
            let too_old = now_ms.saturating_sub(ended_at_ms) > self.limits.history_age_ms;
            if too_old || kept > self.limits.history_jobs {
                self.history.remove(&id);
                kept -= 1;
            }
        }
        CatalogOutcome::HistorySwept { kept }
    }
}
