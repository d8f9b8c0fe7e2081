//! Routes and jobs as clients are shown them.

use super::routing_key;
use crate::error::WireError;
use crate::proto::{RouteDescriptor, RouteState as ShownState, SplitJob as ShownJob};
use crate::record::JobRecord;
use splitjob_core::catalog::{Route, RouteState};
use splitjob_core::id::{GroupId, JobId, RouteId};
use splitjob_core::job::SplitJob;
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;

impl From<&Route> for RouteDescriptor {
    fn from(route: &Route) -> RouteDescriptor {
        let state = match route.state {
            RouteState::Active => ShownState::Active,
            RouteState::WriteFenced => ShownState::WriteFenced,
        };
        RouteDescriptor {
            route_id: route.id.0,
            start: route.range.start().as_bytes().to_vec(),
            end: route.range.end().map(|end| end.as_bytes().to_vec()),
            raft_group_id: route.group.0,
            state: state.into(),
            parent_route_id: route.parent.unwrap_or_default().0,
            split_at_hlc: 0,
            staged_visibility_active: route.staged_for.is_some(),
            migration_job_id: route.staged_for.unwrap_or_default().0,
            min_write_ts_exclusive: route.min_write_ts_exclusive.raw(),
            min_read_ts: route.min_read_ts.raw(),
        }
    }
}

impl TryFrom<RouteDescriptor> for Route {
    type Error = WireError;

    fn try_from(shown: RouteDescriptor) -> Result<Route, WireError> {
        let state = match shown.state() {
            ShownState::Active => RouteState::Active,
            ShownState::WriteFenced => RouteState::WriteFenced,
            ShownState::Unspecified | ShownState::MigratingSource | ShownState::MigratingTarget => {
                let number = i64::from(shown.state);
                return Err(WireError::UnknownNumber { what: "the state of a route", number });
            }
        };
        let end: Option<RoutingKey> = shown.end.map(routing_key).transpose()?;
        Ok(Route {
            id: RouteId(shown.route_id),
            range: KeyRange::new(routing_key(shown.start)?, end)?,
            group: GroupId(shown.raft_group_id),
            state,
            parent: (shown.parent_route_id != 0).then_some(RouteId(shown.parent_route_id)),
            staged_for: shown.staged_visibility_active.then_some(JobId(shown.migration_job_id)),
            min_write_ts_exclusive: Timestamp::from_raw(shown.min_write_ts_exclusive),
            min_read_ts: Timestamp::from_raw(shown.min_read_ts),
        })
    }
}

impl From<&SplitJob> for ShownJob {
    fn from(job: &SplitJob) -> ShownJob {
        JobRecord::of(job).message
    }
}

impl TryFrom<ShownJob> for SplitJob {
    type Error = WireError;

    fn try_from(shown: ShownJob) -> Result<SplitJob, WireError> {
        let record = JobRecord::from(shown);
        record.check()?;
        record.job()
    }
}
