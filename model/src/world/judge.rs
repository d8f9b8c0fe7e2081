//! What is wrong with a state: judged by histories of clients and by stored versions, never by asking the core whether
//! something was allowed.

use super::World;
use super::bounds::Bounds;
use super::component::{History, Wrong};
use super::data_group::DataGroup;
use super::memo::Worker;
use super::property::Property;
use super::state::{ModelGroup, State, slot};
use splitjob_core::catalog::{Catalog, RouteState, Routes};
use splitjob_core::group::Ownership;
use splitjob_core::id::JobId;
use splitjob_core::job::{Phase, SplitJob};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey, TxnKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, VersionReader};
use splitjob_core::timestamp::Timestamp;

impl World {
    /// The properties that the state violates, as a set of bits.
    pub(super) fn violated(&self, worker: &mut Worker, state: &State) -> u64 {
        let history = state[slot::HISTORY];
        let mut violated = match worker.history_violations.get(&history) {
            Some(bits) => *bits,
            None => {
                let bits = of_history(&self.tables.histories.get(history), &self.bounds);
                worker.history_violations.insert(history, bits);
                bits
            }
        };
        let catalog = state[slot::CATALOG];
        let (routes, of_catalog) = *worker
            .catalogs
            .entry(catalog)
            .or_insert_with(|| (self.current_routes(catalog), self.of_catalog(self.tables.catalogs.at(catalog))));
        violated |= of_catalog;
        let acked = *worker.acked.entry(history).or_insert_with(|| self.acked(history));
        for group in self.bounds.groups() {
            let head = self.site(state, group).head;
            let lost = worker.lost.entry((acked, routes, head));
            let is_lost = *lost.or_insert_with(|| self.has_lost(acked, routes, group, head));
            violated |= if is_lost { Property::NothingLost.bit() } else { 0 };
            let left = worker.left.entry((catalog, head));
            let is_left = *left.or_insert_with(|| {
                let leftover = self.leftovers(self.tables.catalogs.at(catalog), group, self.tables.groups.at(head));
                leftover.is_some()
            });
            violated |= if is_left { Property::NothingLeft.bit() } else { 0 };
        }
        let has_diverged = |group| self.tables.runs.at(self.site(state, group).run).has_diverged;
        if self.bounds.groups().any(has_diverged) {
            violated |= Property::VotersAgree.bit();
        }
        violated
    }

    // S8, and the routes' part of S9
    fn of_catalog(&self, catalog: &Catalog) -> u64 {
        let mut violated = 0;
        if !is_partition(catalog.routes()) || !finds_its_route(catalog) {
            violated |= Property::RoutesPartition.bit();
        }
        let is_settled = catalog.routes().iter().all(|route| {
            let is_of_live_job = route.staged_for.is_none_or(|job| is_live(catalog, job));
            is_of_live_job
                && (route.state == RouteState::Active || catalog.live_jobs().any(|job| job.range == route.range))
        });
        violated | if is_settled { 0 } else { Property::NothingLeft.bit() }
    }

    pub(super) fn head(&self, state: &State, group: DataGroup) -> &ModelGroup {
        self.tables.groups.at(self.site(state, group).head)
    }

    /// The number of the acknowledged versions of a history that nothing newer has replaced for every reader.
    fn acked(&self, history: u32) -> u32 {
        let history = self.tables.histories.at(history);
        let versions = history.versions(&self.bounds);
        let acked = versions.into_keys().filter(|(key, commit_ts)| {
            history.is_acked(key, *commit_ts) && !history.is_collected(key, *commit_ts, &self.bounds)
        });
        self.tables.acked.intern(acked.collect())
    }

    // S1: whoever owns the key has the version, or the lock of a transaction that is decided and not written yet.
    fn has_lost(&self, acked: u32, routes: u32, group: DataGroup, head: u32) -> bool {
        let (routes, store) = (self.tables.routes.at(routes), self.tables.groups.at(head).store());
        self.tables.acked.at(acked).iter().any(|(key, commit_ts)| {
            let is_stored = || {
                let mut spaces = [Keyspace::Live, Keyspace::Staged].into_iter();
                spaces.any(|space| store.version_at(space, key, *commit_ts).is_some())
            };
            let is_locked = || store.lock(key).is_some_and(|lock| lock.commit_ts == *commit_ts);
            let is_owned = routes.covering(&self.bounds.key(key).routes_as).group == group.id();
            is_owned && !is_stored() && !is_locked()
        })
    }

    /// What is left on the group of a job that has ended (S9); nothing if all is well, or if somebody whose job is live is
    /// still about to remove it.
    pub(super) fn leftovers(&self, catalog: &Catalog, group: DataGroup, head: &ModelGroup) -> Option<Leftover> {
        if let Some(job) = head.jobs().keys().find(|job| !is_live(catalog, **job)) {
            return Some(Leftover::Guards(*job));
        }
        let all = KeyRange::all();
        let mut staged_for = head.ownership().within(&all).filter_map(|(_, ownership)| match ownership {
            Ownership::Owned(floors) | Ownership::WriteFenced(floors) => floors.staged_for,
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => None,
        });
        if let Some(job) = staged_for.find(|job| !is_live(catalog, *job)) {
            return Some(Leftover::StagedFor(job));
        }
        let rows = |space| head.store().walk(space, &RawInterval::all(), Direction::Forward);
        let routes_as = |key: &RawKey| self.routes_as(key);
        let concerns = |key: &RawKey, at: fn(&SplitJob) -> splitjob_core::id::GroupId| {
            catalog.live_jobs().any(|job| at(job) == group.id() && job.range.contains(routes_as(key)))
        };
        if let Some(row) = rows(Keyspace::Staged).find(|row| !concerns(&row.key, |job| job.target)) {
            return Some(Leftover::Staged(row.key, row.version.commit_ts));
        }
        let is_foreign = |key: &RawKey| catalog.routes().covering(routes_as(key)).group != group.id();
        if let Some((key, _)) = head.store().locks(&RawInterval::all()).find(|(key, _)| is_foreign(key)) {
            return Some(Leftover::Lock(key));
        }
        let left = rows(Keyspace::Live).find(|row| is_foreign(&row.key) && !concerns(&row.key, |job| job.source));
        left.map(|row| Leftover::Live(row.key, row.version.commit_ts))
    }

    /// Where a stored row belongs: by the scenario's own word for its keys, and for rows of transactions by that for the
    /// keys that they are about.
    pub(super) fn routes_as(&self, raw: &RawKey) -> &RoutingKey {
        let about = match TxnKey::parse(raw) {
            Some(TxnKey::Lock { key } | TxnKey::Intent { key } | TxnKey::SuccessMarker { key, .. }) => key,
            Some(TxnKey::Commit { primary, .. } | TxnKey::Rollback { primary, .. }) => primary,
            None => raw.clone(),
        };
        &self.bounds.key(&about).routes_as
    }
}

/// What is left on a group of a job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Guards of this job.
    Guards(JobId),
    /// The group takes a range for one of which this job has rows staged.
    StagedFor(JobId),
    /// A lock on a key that belongs to another group.
    Lock(RawKey),
    /// A staged version that no live job has staged.
    Staged(RawKey, Timestamp),
    /// A version of a key that belongs to another group, and that no live job is about to delete.
    Live(RawKey, Timestamp),
}

pub(super) fn is_live(catalog: &Catalog, job: JobId) -> bool {
    catalog.job(job).is_some()
}

/// What the history alone tells.
fn of_history(history: &History, bounds: &Bounds) -> u64 {
    let mut violated = 0;
    for wrong in &history.wrongs {
        violated |= match wrong {
            Wrong::AdmittedByNonOwner { .. } | Wrong::StaleLatest { .. } => Property::OneOwner.bit(),
            Wrong::LateMessageActed { .. } => Property::LateMessagesIdle.bit(),
            Wrong::RefusedOutside { .. } => Property::OthersUndisturbed.bit(),
            Wrong::AdmittedBelowFence { .. } => Property::TimestampsAscend.bit(),
        };
    }
    violated |= if history.is_torn() { Property::TxnsAtomic.bit() } else { 0 };
    for answered in &history.reads {
        if answered.returned != answered.expected {
            violated |= Property::ReadsNewest.bit();
            let is_shown = |(key, ts): &&(RawKey, Timestamp)| !answered.expected.contains(&(key.clone(), *ts));
            let resurrected = answered
                .returned
                .iter()
                .filter(is_shown)
                .any(|(key, ts)| is_overruled(history, bounds, answered.read, key, *ts));
            violated |= if resurrected { Property::DeletedStaysDeleted.bit() } else { 0 };
        }
        if history.expected(answered.read, &answered.part, answered.from.as_ref(), bounds) != answered.expected {
            violated |= Property::ReadsStayTrue.bit();
        }
    }
    violated
}

/// Whether the key should have been absent at the read's timestamp, though this version was shown (S7).
fn is_overruled(history: &History, bounds: &Bounds, read: u8, key: &RawKey, shown: Timestamp) -> bool {
    let read_ts = bounds.reads[usize::from(read)].read_ts;
    let versions = history.versions(bounds);
    let newest = versions.range((key.clone(), shown)..=(key.clone(), read_ts)).next_back();
    newest.is_some_and(|(_, content)| match content {
        splitjob_core::version::Content::Tombstone => true,
        splitjob_core::version::Content::Put { expire_at, .. } => {
            *expire_at != Timestamp::ZERO && *expire_at <= read_ts
        }
    })
}

/// A job whose range no route covers to its end could never go on (S8).
fn finds_its_route(catalog: &Catalog) -> bool {
    catalog.live_jobs().all(|job| match job.phase {
        Phase::Planned(_) | Phase::Backfill(_) | Phase::Failed(_) => {
            let mut routes = catalog.routes().iter();
            routes.any(|route| route.range.contains(job.range.start()) && route.range.end() == job.range.end())
        }
        Phase::Fence(_)
        | Phase::DeltaCopy(_)
        | Phase::Cutover(_)
        | Phase::Cleanup(_)
        | Phase::Done(_)
        | Phase::Abandoning(_)
        | Phase::Abandoned(_) => true,
    })
}

// C1
fn is_partition(routes: &Routes) -> bool {
    let mut expected_start = Some(splitjob_core::key::RoutingKey::default());
    for route in routes.iter() {
        if expected_start.as_ref() != Some(route.range.start()) {
            return false;
        }
        expected_start = route.range.end().cloned();
        if expected_start.is_none() {
            return routes.iter().last().is_some_and(|last| last.id == route.id);
        }
    }
    false
}
