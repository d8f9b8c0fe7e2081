//! The catalog as a value that a snapshot or records can carry.

use super::{Catalog, CatalogLimits, NodeReport, Routes};
use crate::id::{GroupId, JobId, NodeId, RouteId};
use crate::job::SplitJob;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the default group's log has made of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogState {
    /// The routes at the version that stands (C1).
    pub routes: Routes,
    /// The groups between which jobs may move ranges.
    pub groups: BTreeSet<GroupId>,
    /// The identifier of the next route.
    pub next_route_id: RouteId,
    /// The identifier of the next job.
    pub next_job_id: JobId,
    /// The live jobs, oldest first (J5).
    pub live: Vec<SplitJob>,
    /// The terminal jobs that are remembered, oldest first (J6).
    pub history: Vec<SplitJob>,
    /// What is known of the nodes (V1).
    pub nodes: BTreeMap<NodeId, NodeReport>,
    /// The numbers that bound the catalog.
    pub limits: CatalogLimits,
}

impl Catalog {
    /// The whole state.
    pub fn state(&self) -> CatalogState {
        CatalogState {
            routes: self.routes.clone(),
            groups: self.groups.clone(),
            next_route_id: self.next_route_id,
            next_job_id: self.next_job_id,
            live: self.live.values().cloned().collect(),
            history: self.history().cloned().collect(),
            nodes: self.nodes.clone(),
            limits: self.limits.clone(),
        }
    }

    /// The catalog with this state.
    pub fn from_state(state: CatalogState) -> Catalog {
        let by_id = |jobs: Vec<SplitJob>| jobs.into_iter().map(|job| (job.id, job));
        Catalog {
            routes: state.routes,
            groups: state.groups,
            next_route_id: state.next_route_id,
            next_job_id: state.next_job_id,
            live: by_id(state.live).collect(),
            history: by_id(state.history).collect(),
            nodes: state.nodes,
            limits: state.limits,
        }
    }
}
