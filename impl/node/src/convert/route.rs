//! Routes.

use super::{garbled, raw_ts};
use crate::api::NodeError;
use splitjob_core::catalog::{Route, RouteState};
use splitjob_core::id::{GroupId, JobId, RouteId};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::proto;

/// A route as clients are shown it.
pub(crate) fn route_message(route: &Route) -> proto::RouteDescriptor {
    let state = match route.state {
        RouteState::Active => proto::RouteState::Active,
        RouteState::WriteFenced => proto::RouteState::WriteFenced,
    };
    proto::RouteDescriptor {
        route_id: route.id.0,
        start: route.range.start().as_bytes().to_vec(),
        end: route.range.end().map(|end| end.as_bytes().to_vec()),
        raft_group_id: route.group.0,
        state: state.into(),
        parent_route_id: route.parent.map_or(0, |parent| parent.0),
        split_at_hlc: 0,
        staged_visibility_active: route.staged_for.is_some(),
        migration_job_id: route.staged_for.map_or(0, |job| job.0),
        min_write_ts_exclusive: raw_ts(Some(route.min_write_ts_exclusive)),
        min_read_ts: raw_ts(Some(route.min_read_ts)),
    }
}

/// A route as a server shows it.
///
/// # Errors
/// [`NodeError::Unknown`] for what no server of this system shows.
pub(crate) fn route(message: proto::RouteDescriptor) -> Result<Route, NodeError> {
    let state = match message.state() {
        proto::RouteState::Active => RouteState::Active,
        proto::RouteState::WriteFenced => RouteState::WriteFenced,
        proto::RouteState::Unspecified | proto::RouteState::MigratingSource | proto::RouteState::MigratingTarget => {
            return Err(garbled("a route is in a state that this system doesn't have"));
        }
    };
    let range = KeyRange::new(RoutingKey::from(message.start), message.end.map(RoutingKey::from));
    Ok(Route {
        id: RouteId(message.route_id),
        range: range.map_err(|error| garbled(&error.to_string()))?,
        group: GroupId(message.raft_group_id),
        state,
        parent: (message.parent_route_id != 0).then_some(RouteId(message.parent_route_id)),
        staged_for: message.staged_visibility_active.then_some(JobId(message.migration_job_id)),
        min_write_ts_exclusive: Timestamp::from_raw(message.min_write_ts_exclusive),
        min_read_ts: Timestamp::from_raw(message.min_read_ts),
    })
}
