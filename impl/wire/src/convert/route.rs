//! Routes, as logs and snapshots carry them.

use super::{Wire, messages, required, values};
use crate::error::WireError;
use crate::proto::splitjob as pb;
use splitjob_core::catalog::{Route, RouteState, Routes};
use splitjob_core::group::Adoption;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, RouteId};
use splitjob_core::timestamp::Timestamp;

impl Wire for Route {
    type Message = pb::Route;

    fn to_message(&self) -> pb::Route {
        let write_fenced = match self.state {
            RouteState::Active => false,
            RouteState::WriteFenced => true,
        };
        pb::Route {
            id: self.id.0,
            range: Some(self.range.to_message()),
            group: self.group.0,
            write_fenced,
            parent: self.parent.map(|route| route.0),
            staged_for: self.staged_for.map(|job| job.0),
            min_write_ts_exclusive: self.min_write_ts_exclusive.raw(),
            min_read_ts: self.min_read_ts.raw(),
        }
    }

    fn from_message(message: pb::Route) -> Result<Route, WireError> {
        Ok(Route {
            id: RouteId(message.id),
            range: required(message.range, "the range of a route")?,
            group: GroupId(message.group),
            state: if message.write_fenced { RouteState::WriteFenced } else { RouteState::Active },
            parent: message.parent.map(RouteId),
            staged_for: message.staged_for.map(JobId),
            min_write_ts_exclusive: Timestamp::from_raw(message.min_write_ts_exclusive),
            min_read_ts: Timestamp::from_raw(message.min_read_ts),
        })
    }
}

impl Wire for Adoption {
    type Message = pb::Adoption;

    fn to_message(&self) -> pb::Adoption {
        pb::Adoption { version: self.version.0, routes: messages(&self.routes) }
    }

    // C1: a group that adopted anything but a partition would own keys of another.
    fn from_message(message: pb::Adoption) -> Result<Adoption, WireError> {
        let routes = Routes::new(CatalogVersion(message.version), values(message.routes)?)?;
        Ok(Adoption::of(&routes))
    }
}
