//! Reads: what a voter may answer from what it has applied, and what it then sees.
//!
//! A read at a timestamp is served by any voter whose applied state is bound at or above it (T5): from that entry on
//! the log admits nothing at or below, so every such voter sees the same versions for ever.

use super::Group;
use super::command::{BindRead, Outcome};
use super::guards::JobGuards;
use super::ownership::{Ownership, Purpose};
use super::rejection::Rejection;
use crate::gate::{Gate, Gates};
use crate::id::{CatalogVersion, JobId};
use crate::key::{RawInterval, RawKey, RoutingKey, protected_namespace, route_key};
use crate::range::KeyRange;
use crate::store::{Direction, Keyspace, Row, VersionStore};
use crate::timestamp::Timestamp;
use crate::txn::Lock;
use crate::version::{Version, newest_of, visible_at};
use serde::{Deserialize, Serialize};

/// A read at a timestamp, as it reaches a voter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadRequest {
    /// What it wants to see.
    pub shape: ReadShape,
    /// It sees the newest versions at or below this timestamp.
    pub read_ts: Timestamp,
    /// The catalog version that it was routed by; the first server stamps it.
    pub routed_by: Option<CatalogVersion>,
}

/// What a read wants to see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReadShape {
    /// One key.
    Point {
        /// The raw key.
        key: RawKey,
    },
    /// The keys of an interval that route into a range.
    Scan {
        /// The raw keys to walk.
        interval: RawInterval,
        /// The routing keys to keep.
        range: KeyRange,
        /// The order of the walk.
        direction: Direction,
        /// The most rows to return.
        limit: u64,
    },
}

/// A question for the newest version of a key, whatever its timestamp; only a leader can answer it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LatestRequest {
    /// The raw key.
    pub key: RawKey,
    /// The catalog version that it was routed by; the first server stamps it.
    pub routed_by: Option<CatalogVersion>,
}

/// What a read saw: visible rows only, in the order of the walk.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadAnswer {
    /// The rows.
    pub rows: Vec<SeenRow>,
    /// Where the next page starts, in the direction of the walk; absent when nothing is left.
    pub next: Option<RawKey>,
}

/// A visible row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeenRow {
    /// The raw key.
    pub key: RawKey,
    /// The commit timestamp of the version seen.
    pub commit_ts: Timestamp,
    /// Its value.
    pub value: Vec<u8>,
}

impl ReadRequest {
    /// The routing keys that the read covers.
    pub fn footprint(&self) -> KeyRange {
        match &self.shape {
            ReadShape::Point { key } => KeyRange::point(&route_key(key)),
            ReadShape::Scan { range, .. } => range.clone(),
        }
    }

    /// The promise that the read needs (T5).
    pub fn bind(&self) -> BindRead {
        BindRead { footprint: self.footprint(), read_ts: self.read_ts, routed_by: self.routed_by }
    }
}

impl<S: VersionStore> Group<S> {
    /// Serves a read from what this voter has applied.
    ///
    /// # Errors
    /// A [`Rejection`] that says whether to route again, to bind the read first, or to give up.
    pub fn read(&self, request: &ReadRequest, gates: Gates) -> Result<ReadAnswer, Rejection> {
        self.check_readable(&request.bind(), gates)?;
        if gates.stands(Gate::ServedReadsBind) && request.read_ts > self.read_bound {
            return Err(Rejection::ReadNotBound { read_bound: self.read_bound });
        }
        if gates.stands(Gate::LocksBlockReads) {
            self.check_decided(request)?;
        }
        Ok(self.read_admitted(request, gates))
    }

    /// The commit timestamp of the key's newest version, a tombstone's too, from a leader that has applied its log.
    ///
    /// # Errors
    /// A [`Rejection`]; a locked key has no newest version yet.
    pub fn latest(&self, request: &LatestRequest, gates: Gates) -> Result<Option<Timestamp>, Rejection> {
        self.check_current(request, gates)?;
        if gates.stands(Gate::LocksBlockReads) {
            self.check_unlocked(&request.key, None, Gates::all())?;
        }
        let newest = match gates.stands(Gate::LatestSeesStaged) {
            true => self.candidate(&request.key, Timestamp::MAX, gates),
            false => self.store.newest_at(Keyspace::Live, &request.key, Timestamp::MAX),
        };
        Ok(newest.map(|version| version.commit_ts))
    }

    pub(super) fn check_current(&self, request: &LatestRequest, gates: Gates) -> Result<(), Rejection> {
        self.check_served(&KeyRange::point(&route_key(&request.key)), request.routed_by, gates)
    }

    // X5: from the bound on no lock at or below it is added, so that an answer without one stays right.
    fn check_decided(&self, request: &ReadRequest) -> Result<(), Rejection> {
        let interval = match &request.shape {
            ReadShape::Point { key } => RawInterval::point(key),
            ReadShape::Scan { interval, .. } => interval.clone(),
        };
        let footprint = request.footprint();
        let is_met =
            |key: &RawKey, lock: &Lock| lock.commit_ts <= request.read_ts && footprint.contains(&route_key(key));
        match self.store.locks(&interval).find(|(key, lock)| is_met(key, lock)) {
            Some((key, lock)) => Err(Rejection::KeyLocked { key, lock: Box::new(lock) }),
            None => Ok(()),
        }
    }

    /// Serves a further page of a read that was admitted before and has been pinned since (P8).
    pub fn read_admitted(&self, request: &ReadRequest, gates: Gates) -> ReadAnswer {
        match &request.shape {
            ReadShape::Point { key } if is_hidden(key, gates) => ReadAnswer::default(),
            ReadShape::Point { key } => {
                ReadAnswer { rows: self.look(key, request.read_ts, gates).into_iter().collect(), next: None }
            }
            ReadShape::Scan { interval, range, direction, limit } => {
                self.scan(interval, range, *direction, *limit, request.read_ts, gates)
            }
        }
    }

    // T5
    pub(super) fn bind_read(&mut self, request: &BindRead, gates: Gates) -> Result<Outcome, Rejection> {
        self.check_readable(request, gates)?;
        self.check_ceiling(request.read_ts, gates)?;
        if request.read_ts <= self.read_bound {
            return Ok(Outcome::Unchanged);
        }
        self.read_bound = request.read_ts;
        Ok(Outcome::Bound { read_bound: self.read_bound })
    }

    fn check_readable(&self, request: &BindRead, gates: Gates) -> Result<(), Rejection> {
        self.check_served(&request.footprint, request.routed_by, gates)?;
        let horizon = self.read_horizon(&request.footprint);
        if request.read_ts < horizon { Err(Rejection::ReadTooOld { horizon }) } else { Ok(()) }
    }

    /// The one check that every look at rows passes (§11): stamped, owned as a whole, and not being handed over.
    fn check_served(
        &self,
        footprint: &KeyRange,
        routed_by: Option<CatalogVersion>,
        gates: Gates,
    ) -> Result<(), Rejection> {
        if !gates.passes(Gate::ReadsCarryVersion, routed_by.is_some()) {
            return Err(Rejection::NotStamped);
        }
        self.check_owned(footprint, gates)?;
        self.check_read_fence(footprint, routed_by, gates)
    }

    // O2, G5
    fn check_owned(&self, footprint: &KeyRange, gates: Gates) -> Result<(), Rejection> {
        let parts = if gates.stands(Gate::WholeIntervalOwned) { usize::MAX } else { 1 };
        for (_, ownership) in self.ownership.within(footprint).take(parts) {
            let floors = match ownership.check(Purpose::Read) {
                Err(Rejection::OwnershipUnknown) if !gates.stands(Gate::UnknownOwnerRefused) => continue,
                checked => checked?,
            };
            let is_ready = floors.staged_for.is_none_or(|job| self.is_ready(job));
            if !gates.passes(Gate::StagedReadiness, is_ready) {
                return Err(Rejection::OwnershipUnknown);
            }
        }
        Ok(())
    }

    /// Whether the descriptor of the job's staged rows stands here (G5).
    pub(super) fn is_ready(&self, job: JobId) -> bool {
        let target = self.jobs.get(&job).and_then(JobGuards::target);
        target.is_some_and(|target| target.readiness.is_some())
    }

    // G4: a read without a version is older than any cutover.
    fn check_read_fence(
        &self,
        footprint: &KeyRange,
        routed_by: Option<CatalogVersion>,
        gates: Gates,
    ) -> Result<(), Rejection> {
        let keeps_to_range = gates.stands(Gate::GuardsKeepToRange);
        let is_met = |guards: &&JobGuards| guards.range.intersects(footprint) || !keeps_to_range;
        let met = self.jobs.values().filter(is_met);
        for fence in met.filter_map(JobGuards::source).filter_map(|source| source.read_fence.as_ref()) {
            let expected = fence.expected_cutover_version;
            // A version that this state hasn't reached is no proof that the range is still here.
            let has_reached = self.applied_catalog_version >= expected || !gates.stands(Gate::FenceUntilReached);
            let is_newer = routed_by.is_none_or(|version| version >= expected && has_reached);
            if !gates.passes(Gate::ReadFence, is_newer) {
                return Err(Rejection::CutoverPending { expected });
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        interval: &RawInterval,
        range: &KeyRange,
        direction: Direction,
        limit: u64,
        read_ts: Timestamp,
        gates: Gates,
    ) -> ReadAnswer {
        let live = self.store.walk(Keyspace::Live, interval, direction);
        let staged: Box<dyn Iterator<Item = Row>> = if gates.stands(Gate::ScansMerge) {
            self.store.walk(Keyspace::Staged, interval, direction)
        } else {
            Box::new(std::iter::empty())
        };
        let keys = merged_keys(live, staged, direction)
            .filter(|key| range.contains(&route_key(key)) && !is_hidden(key, gates));
        let mut answer = ReadAnswer::default();
        for key in keys {
            if answer.rows.len() as u64 == limit {
                answer.next = Some(key);
                break;
            }
            let merged = if gates.stands(Gate::ScansMerge) {
                self.look(&key, read_ts, gates)
            } else {
                seen(&key, self.store.newest_at(Keyspace::Live, &key, read_ts).as_ref(), read_ts)
            };
            answer.rows.extend(merged);
        }
        answer
    }

    /// What the key shows at the timestamp.
    fn look(&self, key: &RawKey, read_ts: Timestamp, gates: Gates) -> Option<SeenRow> {
        seen(key, self.candidate(key, read_ts, gates).as_ref(), read_ts)
    }

    /// The newest version at or below the timestamp, over staged and live rows where the range is served so (P6).
    pub(super) fn candidate(&self, key: &RawKey, read_ts: Timestamp, gates: Gates) -> Option<Version> {
        let live = self.store.newest_at(Keyspace::Live, key, read_ts);
        if !self.merges_staged(&route_key(key)) {
            return live;
        }
        let staged = self.store.newest_at(Keyspace::Staged, key, read_ts);
        if !gates.stands(Gate::NewestOfStagedAndLive) {
            return staged.or(live);
        }
        if !gates.stands(Gate::MergeBeforeVisibility) {
            let staged = staged.filter(|version| visible_at(Some(version), read_ts).is_some());
            let live = live.filter(|version| visible_at(Some(version), read_ts).is_some());
            return newest_of(staged.as_ref(), live.as_ref()).cloned();
        }
        newest_of(staged.as_ref(), live.as_ref()).cloned()
    }

    // G5: the descriptor, not the catalog's word alone, is what staged rows are served by.
    pub(super) fn merges_staged(&self, at: &RoutingKey) -> bool {
        match self.ownership.at(at) {
            Ownership::Owned(floors) | Ownership::WriteFenced(floors) => {
                floors.staged_for.is_some_and(|job| self.is_ready(job))
            }
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => false,
        }
    }
}

/// The keys of two walks in the same direction, each once: nothing is held but the two places.
fn merged_keys<'a>(
    one: impl Iterator<Item = Row> + 'a,
    other: impl Iterator<Item = Row> + 'a,
    direction: Direction,
) -> impl Iterator<Item = RawKey> + 'a {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    let is_first = move |left: &RawKey, right: &RawKey| match direction {
        Direction::Forward => left <= right,
        Direction::Reverse => left >= right,
    };
    std::iter::from_fn(move || {
        let key = match (one.peek(), other.peek()) {
            (Some(left), Some(right)) if is_first(&left.key, &right.key) => left.key.clone(),
            (_, Some(row)) | (Some(row), None) => row.key.clone(),
            (None, None) => return None,
        };
        while one.next_if(|row| row.key == key).is_some() {}
        while other.next_if(|row| row.key == key).is_some() {}
        Some(key)
    })
}

// K6: records of transactions are written below the bound of reads, where no user's row is.
fn is_hidden(key: &RawKey, gates: Gates) -> bool {
    gates.stands(Gate::ReadsHideTransactions) && protected_namespace(key).is_some()
}

fn seen(key: &RawKey, candidate: Option<&Version>, read_ts: Timestamp) -> Option<SeenRow> {
    let value = visible_at(candidate, read_ts)?.to_vec();
    let commit_ts = candidate.expect("a visible value has a version").commit_ts;
    Some(SeenRow { key: key.clone(), commit_ts, value })
}
