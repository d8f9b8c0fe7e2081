//! What a group may do with which keys, as its own replicated state (O1).
//!
//! The map covers the whole key space. Only log commands change it, so that two voters with the same log decide alike;
//! a catalog copy on the node decides nothing here (O3).

use super::rejection::Rejection;
use crate::catalog::{Route, RouteState, Routes};
use crate::id::{CatalogVersion, GroupId, JobId};
use crate::key::RoutingKey;
use crate::range::KeyRange;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// What a group may do with a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ownership {
    /// Reads and writes.
    Owned(Floors),
    /// Reads; the catalog says that a job has fenced the range.
    WriteFenced(Floors),
    /// Nothing yet: a job is bringing the range here.
    Incoming {
        /// The job.
        job: JobId,
    },
    /// Nothing any more (G9).
    Moved {
        /// The catalog version in which the group learned it.
        version: CatalogVersion,
        /// The group that owns it.
        to: GroupId,
    },
    /// Nothing: the range never was here, or is forgotten.
    Foreign,
}

/// What stays with a range that the group owns (C3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Floors {
    /// No commit timestamp at or below it is admitted.
    pub min_write_ts_exclusive: Timestamp,
    /// Reads below it are refused.
    pub min_read_ts: Timestamp,
    /// The job whose staged rows belong to the range.
    pub staged_for: Option<JobId>,
    /// The catalog version in which the group became the owner: a request that was routed before it was not routed here.
    pub owned_since: CatalogVersion,
}

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Look at versions.
    Read,
    /// Add versions.
    Write,
}

impl Ownership {
    // O2
    pub(super) fn check(&self, purpose: Purpose) -> Result<Floors, Rejection> {
        match (self, purpose) {
            (Ownership::Owned(floors), Purpose::Read | Purpose::Write)
            | (Ownership::WriteFenced(floors), Purpose::Read) => Ok(*floors),
            (Ownership::WriteFenced(_), Purpose::Write) => Err(Rejection::RouteWriteFenced),
            (Ownership::Moved { version, to }, _) => Err(Rejection::RouteMoved { version: *version, to: *to }),
            (Ownership::Incoming { .. } | Ownership::Foreign, _) => Err(Rejection::OwnershipUnknown),
        }
    }

    /// Whether the group serves the range, and takes no writes.
    pub fn is_fenced(&self) -> bool {
        matches!(self, Ownership::WriteFenced(_))
    }

    /// Whether the group serves the range in some way.
    pub fn is_here(&self) -> bool {
        match self {
            Ownership::Owned(_) | Ownership::WriteFenced(_) => true,
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => false,
        }
    }
}

/// The whole key space, cut into ranges of one ownership each; neighbours differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnershipMap {
    by_start: BTreeMap<RoutingKey, Ownership>,
}

impl OwnershipMap {
    /// One ownership for every key.
    pub fn uniform(ownership: Ownership) -> OwnershipMap {
        OwnershipMap { by_start: BTreeMap::from([(RoutingKey::default(), ownership)]) }
    }

    /// The map with these segments, each from its key up to the next one's.
    ///
    /// # Errors
    /// [`SegmentsError`] unless the first segment starts at the least key and every later one above the one before.
    pub fn from_segments(segments: Vec<(RoutingKey, Ownership)>) -> Result<OwnershipMap, SegmentsError> {
        if segments.first().is_none_or(|(start, _)| !start.is_empty()) {
            return Err(SegmentsError::NotFromTheLeastKey);
        }
        if let Some(pair) = segments.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(SegmentsError::NotAscending { start: pair[1].0.clone() });
        }
        let mut map = OwnershipMap { by_start: segments.into_iter().collect() };
        map.join_equal_neighbours();
        Ok(map)
    }

    /// The segments, each from its key up to the next one's.
    pub fn segments(&self) -> impl Iterator<Item = (&RoutingKey, &Ownership)> {
        self.by_start.iter()
    }

    /// The parts of the range and what the group may do with each, in order.
    pub fn within<'a>(&'a self, range: &'a KeyRange) -> impl Iterator<Item = (KeyRange, &'a Ownership)> {
        let first = self.by_start.range(..=range.start()).next_back().expect("the map covers every key").0;
        let here = self.by_start.range(first.clone()..);
        let ends = here.clone().skip(1).map(|(start, _)| Some(start)).chain(std::iter::once(None));
        here.zip(ends).map_while(move |((start, ownership), end)| {
            let segment = KeyRange::new(start.clone(), end.cloned()).expect("starts ascend, so no segment is empty");
            Some((segment.intersection(range)?, ownership))
        })
    }

    /// What the group may do with the key.
    pub fn at(&self, key: &RoutingKey) -> &Ownership {
        let (_, ownership) = self.by_start.range(..=key.clone()).next_back().expect("the map covers every key");
        ownership
    }

    /// Changes what the group may do with every part of the range.
    pub(super) fn assign(&mut self, range: &KeyRange, change: impl Fn(&Ownership) -> Ownership) {
        let changed: Vec<_> = self.within(range).map(|(part, ownership)| (part, change(ownership))).collect();
        if let Some(end) = range.end() {
            let after = self.at(end).clone();
            self.by_start.insert(end.clone(), after);
        }
        for (part, ownership) in changed {
            self.by_start.insert(part.start().clone(), ownership);
        }
        self.join_equal_neighbours();
    }

    fn join_equal_neighbours(&mut self) {
        let mut previous: Option<Ownership> = None;
        self.by_start.retain(|_, ownership| {
            let differs = previous.as_ref() != Some(ownership);
            previous = Some(ownership.clone());
            differs
        });
    }
}

/// Why segments are no ownership map.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SegmentsError {
    /// Keys at the start are left out.
    #[error("the first segment must start at the least key, the empty one")]
    NotFromTheLeastKey,
    /// A segment doesn't start above the one before.
    #[error("segment {start:?} doesn't start above the one before it")]
    NotAscending {
        /// Where it starts.
        start: RoutingKey,
    },
}

/// What the catalog says, in the form in which a group's log carries it (O1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Adoption {
    /// The catalog version.
    pub version: CatalogVersion,
    /// Its routes.
    pub routes: Vec<Route>,
}

impl Adoption {
    /// What these routes say.
    pub fn of(routes: &Routes) -> Adoption {
        Adoption { version: routes.version, routes: routes.iter().cloned().collect() }
    }
}

/// The ownership that follows for `group` when the catalog says `route` (O1, G9).
pub(super) fn adopted(current: &Ownership, route: &Route, version: CatalogVersion, group: GroupId) -> Ownership {
    if route.group == group {
        let owned_since = match current {
            Ownership::Owned(floors) | Ownership::WriteFenced(floors) => floors.owned_since,
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => version,
        };
        let floors = Floors {
            owned_since,
            min_write_ts_exclusive: route.min_write_ts_exclusive,
            min_read_ts: route.min_read_ts,
            staged_for: route.staged_for,
        };
        return match route.state {
            RouteState::Active => Ownership::Owned(floors),
            RouteState::WriteFenced => Ownership::WriteFenced(floors),
        };
    }
    match current {
        Ownership::Owned(_) | Ownership::WriteFenced(_) => Ownership::Moved { version, to: route.group },
        Ownership::Moved { to, .. } if *to != route.group => Ownership::Moved { version, to: route.group },
        Ownership::Moved { .. } | Ownership::Incoming { .. } | Ownership::Foreign => current.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: Option<&str>) -> KeyRange {
        KeyRange::new(RoutingKey::from(start), end.map(RoutingKey::from)).expect("the test's range is not empty")
    }

    #[test]
    fn an_assignment_cuts_the_segments_that_it_meets_and_leaves_the_rest() {
        let mut map = OwnershipMap::uniform(Ownership::Foreign);
        map.assign(&range("g", Some("p")), |_| Ownership::Incoming { job: JobId(1) });
        let parts: Vec<_> = map.within(&KeyRange::all()).map(|(part, at)| (part, at.clone())).collect();
        let expected = vec![
            (range("", Some("g")), Ownership::Foreign),
            (range("g", Some("p")), Ownership::Incoming { job: JobId(1) }),
            (range("p", None), Ownership::Foreign),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn equal_neighbours_become_one_segment() {
        let mut map = OwnershipMap::uniform(Ownership::Foreign);
        map.assign(&range("g", None), |_| Ownership::Incoming { job: JobId(1) });
        map.assign(&range("g", None), |_| Ownership::Foreign);
        assert_eq!(map, OwnershipMap::uniform(Ownership::Foreign));
    }
}
