//! Routes: which group owns which range, and the floors that stay with a range for ever.

use crate::id::{CatalogVersion, GroupId, JobId, RouteId};
use crate::key::RoutingKey;
use crate::persistent::OrdMap;
use crate::range::KeyRange;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whether a route takes writes (C3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteState {
    /// Reads and writes.
    Active,
    /// Reads only: a job is moving the range.
    WriteFenced,
}

/// One route of the catalog (C3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Its identifier, never used twice.
    pub id: RouteId,
    /// The routing keys that it covers.
    pub range: KeyRange,
    /// The group that owns them.
    pub group: GroupId,
    /// Whether it takes writes.
    pub state: RouteState,
    /// The route that it was split off.
    pub parent: Option<RouteId>,
    /// The job whose staged rows a reader of the range must merge; absent once they are promoted.
    pub staged_for: Option<JobId>,
    /// No commit timestamp at or below it is admitted, for ever: descendants keep the maximum.
    pub min_write_ts_exclusive: Timestamp,
    /// Reads below it are refused, for ever: their versions were collected before the range moved here.
    pub min_read_ts: Timestamp,
}

impl Route {
    /// The part of the route from the key on: what a job moves. All of it, if the key is its first one, so that a range
    /// that has become a route can move on and move back.
    pub fn from_key(&self, key: &RoutingKey) -> Option<KeyRange> {
        // C6: a job may move a whole route.
        if self.range.start() == key {
            return Some(self.range.clone());
        }
        self.range.split_at(key).map(|(_, right)| right)
    }
}

/// Routes that are no partition of the key space (C1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the routes don't cover every key exactly once: look at route {route}")]
pub struct PartitionError {
    /// The first route that doesn't start where the one before ends, or the last if keys are left over.
    pub route: RouteId,
}

/// The routes at one catalog version: what coordinators and groups hold copies of (C1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Routes {
    /// Their version.
    pub version: CatalogVersion,
    by_start: OrdMap<RoutingKey, Route>,
}

impl Routes {
    /// One route over the whole key space, at version 1.
    pub fn one(group: GroupId) -> Routes {
        let route = Route {
            id: RouteId(1),
            range: KeyRange::all(),
            group,
            state: RouteState::Active,
            parent: None,
            staged_for: None,
            min_write_ts_exclusive: Timestamp::ZERO,
            min_read_ts: Timestamp::ZERO,
        };
        let mut by_start = OrdMap::new();
        by_start.insert(route.range.start().clone(), route);
        Routes { version: CatalogVersion(1), by_start }
    }

    /// These routes, in the order of their ranges, at this version (C1).
    ///
    /// # Errors
    /// [`PartitionError`] unless they cover every key exactly once.
    pub fn new(version: CatalogVersion, routes: Vec<Route>) -> Result<Routes, PartitionError> {
        let mut at = Some(RoutingKey::default());
        for route in &routes {
            match at {
                Some(expected) if expected == *route.range.start() => {}
                Some(_) | None => return Err(PartitionError { route: route.id }),
            }
            at = route.range.end().cloned();
        }
        match (at, routes.last()) {
            (None, Some(_)) => {}
            (_, last) => return Err(PartitionError { route: last.map_or(RouteId(0), |route| route.id) }),
        }
        let by_start = routes.into_iter().map(|route| (route.range.start().clone(), route)).collect();
        Ok(Routes { version, by_start })
    }

    /// The routes in the order of their ranges.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.by_start.iter().map(|(_, route)| route)
    }

    /// The route that covers the key.
    ///
    /// A route always does: the routes are a partition of the key space (C1).
    pub fn covering(&self, key: &RoutingKey) -> &Route {
        self.iter().find(|route| route.range.contains(key)).expect("C1: the routes cover every key")
    }

    /// The route with this identifier.
    pub fn by_id(&self, id: RouteId) -> Option<&Route> {
        self.iter().find(|route| route.id == id)
    }

    /// The route over exactly this range.
    pub fn over(&self, range: &KeyRange) -> Option<&Route> {
        self.by_start.get(range.start()).filter(|route| route.range == *range)
    }

    /// The routes that meet the range, in order.
    pub fn intersecting<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = &'a Route> {
        self.iter().filter(|route| route.range.intersects(range))
    }

    /// Puts `replacements`, which cover exactly the range of the route that `removed` names, in its place (C1, C2).
    pub(super) fn replace(&mut self, removed: &KeyRange, replacements: Vec<Route>) {
        self.by_start.remove(removed.start());
        for route in replacements {
            self.by_start.insert(route.range.start().clone(), route);
        }
        self.version = self.version.successor();
    }
}
