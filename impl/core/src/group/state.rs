//! A data group's replicated state without its rows, as a value that a snapshot or a record can carry (A5).

use super::Group;
use super::guards::{ClosedJobs, JobGuards};
use super::ownership::OwnershipMap;
use crate::id::{CatalogVersion, GroupId, JobId};
use crate::store::VersionStore;
use crate::timestamp::{PhysicalMs, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that a group's log has made of it, but for the rows of its store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupState {
    /// The group.
    pub id: GroupId,
    /// What it may do with which keys (O1).
    pub ownership: OwnershipMap,
    /// The catalog version that it follows (O1).
    pub applied_catalog_version: CatalogVersion,
    /// The greatest commit timestamp written to it.
    pub last_commit_ts: Timestamp,
    /// The bound of served reads (T5).
    pub read_bound: Timestamp,
    /// Versions that only reads below it could see may be gone (G2).
    pub collected_through: Timestamp,
    /// The last millisecond whose timestamps can be written and bound (T3).
    pub ceiling: PhysicalMs,
    /// The guards of the jobs that it takes part in (§8).
    pub jobs: BTreeMap<JobId, JobGuards>,
    /// The jobs that have ended here (G10).
    pub closed: ClosedJobs,
}

impl<S: VersionStore> Group<S> {
    /// The state without the rows.
    pub fn state(&self) -> GroupState {
        GroupState {
            id: self.id,
            ownership: self.ownership.clone(),
            applied_catalog_version: self.applied_catalog_version,
            last_commit_ts: self.last_commit_ts,
            read_bound: self.read_bound,
            collected_through: self.collected_through,
            ceiling: self.ceiling,
            jobs: self.jobs.clone(),
            closed: self.closed.clone(),
        }
    }

    /// The group with this state over these rows, which must be those that the state was taken with.
    pub fn from_state(state: GroupState, store: S) -> Group<S> {
        let GroupState {
            id,
            ownership,
            applied_catalog_version,
            last_commit_ts,
            read_bound,
            collected_through,
            ceiling,
            jobs,
            closed,
        } = state;
        Group {
            id,
            store,
            ownership,
            applied_catalog_version,
            last_commit_ts,
            read_bound,
            collected_through,
            ceiling,
            jobs,
            closed,
        }
    }

    /// The rows, taken out to be changed by what isn't an entry of the log: a commit to disk, a snapshot.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }
}
