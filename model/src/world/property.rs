//! What must be true, in the words of clients' histories and of stored versions, and what must be reachable.
//!
//! Nothing here asks the core whether something was allowed.

use super::World;
use super::bounds::Bounds;
use super::component::{History, Message, Site, Wrong};
use super::data_group::DataGroup;
use super::memo::Worker;
use super::state::{ModelGroup, State, slot};
use serde::{Deserialize, Serialize};
use splitjob_core::catalog::{Catalog, CatalogCommand, Routes};
use splitjob_core::group::{GroupCommand, JobGuards};
use splitjob_core::id::JobId;
use splitjob_core::job::{Phase, SplitJob};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey, TxnKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, VersionStore};
use splitjob_core::timestamp::Timestamp;
use std::fmt;

macro_rules! named {
    ($(#[doc = $doc:literal])+ $type:ident { $($(#[doc = $says:literal])+ $name:ident = $id:literal;)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[doc = $says])+ $name,)+ }

        impl $type {
            /// All of them, by their bit.
            pub const ALL: &'static [$type] = &[$($type::$name,)+];

            /// The identifier in `specs/properties.md`.
            pub fn id(self) -> &'static str {
                match self { $($type::$name => $id,)+ }
            }

            /// What it says, as one sentence.
            pub fn says(self) -> &'static str {
                match self { $($type::$name => concat!($($says),+).trim_start(),)+ }
            }

            /// The one with this identifier, compared without regard to case.
            pub fn by_id(id: &str) -> Option<$type> {
                Self::ALL.iter().copied().find(|one| one.id().eq_ignore_ascii_case(id))
            }

            /// Its bit in a set.
            pub fn bit(self) -> u64 {
                1 << (self as u8)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.id())
            }
        }
    };
}

pub(super) use named;

named! {
    /// A safety property: it holds in every reachable state.
    Property {
        /// An acknowledged version is stored by the group that the catalog gives its key to.
        NothingLost = "S1";
        /// A read returned the newest versions at or below its timestamp among all that were decided by then.
        ReadsNewest = "S2";
        /// What a read returned stays true: no version decided later would have changed it.
        ReadsStayTrue = "S3";
        /// A write is admitted only by the group that the catalog gives its key to at that moment, and the newest version of
        /// a key is told as it is.
        OneOwner = "S4";
        /// Voters that have applied the same entries are equal.
        VotersAgree = "S5";
        /// A transaction has one outcome, for all its keys and for everybody who asks.
        TxnsAtomic = "S6";
        /// What was deleted or has expired is never read again.
        DeletedStaysDeleted = "S7";
        /// The routes are a partition of the key space, and a job that has not fenced its route still finds it there.
        RoutesPartition = "S8";
        /// When a job has ended, nothing of it is left on any group, and no row of its range where it doesn't belong.
        NothingLeft = "S9";
        /// A message that is repeated, or of an attempt that is over, changes nothing.
        LateMessagesIdle = "S10";
        /// A request outside the ranges of all jobs is never refused because of one.
        OthersUndisturbed = "S11";
        /// A target admits no commit timestamp at or below what the source had fenced.
        TimestampsAscend = "S12";
    }
}

named! {
    /// A situation that must be reachable, else a scenario is too kind to show anything.
    Goal {
        /// No job is live: those that were started have ended.
        Ended = "R-DONE";
        /// A job is in FENCE.
        Fenced = "R-FENCE";
        /// A job is in CUTOVER.
        HandingOver = "R-CUTOVER";
        /// A target owns the range and rows of it are still staged.
        ServedWhileStaged = "R-STAGED";
        /// A target has admitted a write of the range.
        TargetWrote = "R-TARGET-WRITE";
        /// A read was answered.
        ReadServed = "R-READ";
        /// Promotion has moved some rows and not all.
        HalfPromoted = "R-HALF-PROMOTED";
        /// A version below the snapshot was admitted after it was chosen.
        TrackedBelowSnapshot = "R-TRACKED";
        /// A cutover was armed anew because the catalog moved under it.
        Rearmed = "R-REARMED";
        /// A migrator took a job over from another.
        TakenOver = "R-TAKEN-OVER";
        /// A message that was held back or doubled is still under way after its job has ended.
        LateAfterEnd = "R-LATE-AFTER-END";
        /// A read of a range is running on its source after the cutover.
        ReadAcrossCutover = "R-READ-ACROSS";
        /// A voter serves a range although the catalog gives it to another group.
        StaleVoter = "R-STALE-VOTER";
        /// Every move of the scenario has been made.
        EveryMoveMade = "R-ALL-MOVED";
        /// Two jobs are live.
        TwoLive = "R-TWO-LIVE";
        /// A job has ended before one that is older.
        YoungerEndedFirst = "R-YOUNGER-FIRST";
        /// A message of a job that has ended is under way while another job is live.
        LateInNextJob = "R-LATE-IN-NEXT";
        /// A read was answered in parts, by more than one group.
        ReadInParts = "R-PARTS";
    }
}

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
        let stored = self.stored(state);
        violated |= match worker.violations.get(&stored) {
            Some(bits) => *bits,
            None => {
                let bits = self.of_stored(state);
                worker.violations.insert(stored, bits);
                bits
            }
        };
        let has_diverged = |group| self.tables.runs.at(self.site(state, group).run).has_diverged;
        if self.bounds.groups().any(has_diverged) {
            violated |= Property::VotersAgree.bit();
        }
        violated
    }

    fn of_stored(&self, state: &State) -> u64 {
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let history = self.tables.histories.at(state[slot::HISTORY]);
        let mut violated = 0;
        if !is_partition(catalog.routes()) || !finds_its_route(catalog) {
            violated |= Property::RoutesPartition.bit();
        }
        if !self.nothing_lost(state, catalog, history) {
            violated |= Property::NothingLost.bit();
        }
        if !self.nothing_left(state, catalog) {
            violated |= Property::NothingLeft.bit();
        }
        violated
    }

    pub(super) fn head(&self, state: &State, group: DataGroup) -> &ModelGroup {
        self.tables.groups.at(self.site(state, group).head)
    }

    // S1
    fn nothing_lost(&self, state: &State, catalog: &Catalog, history: &History) -> bool {
        let versions = history.versions(&self.bounds);
        versions.keys().filter(|(key, commit_ts)| history.is_acked(key, *commit_ts)).all(|(key, commit_ts)| {
            let owner = catalog.routes().covering(&self.bounds.key(key).routes_as).group;
            let store = self.head(state, DataGroup::of(owner)).store();
            let is_stored = [Keyspace::Live, Keyspace::Staged]
                .into_iter()
                .any(|space| store.version_at(space, key, *commit_ts).is_some());
            // A version that is decided and not written yet is held by its transaction's lock.
            let is_locked = || store.lock(key).is_some_and(|lock| lock.commit_ts == *commit_ts);
            is_stored || is_locked() || history.is_collected(key, *commit_ts, &self.bounds)
        })
    }

    // S9: whatever a job leaves behind, somebody whose job is live must still be about to remove it.
    fn nothing_left(&self, state: &State, catalog: &Catalog) -> bool {
        let is_settled = catalog.routes().iter().all(|route| route.staged_for.is_none_or(|job| is_live(catalog, job)));
        is_settled
            && self.bounds.groups().all(|group| self.leftovers(catalog, group, self.head(state, group)).is_none())
    }

    /// What is left on the group of a job that has ended; nothing if all is well.
    pub(super) fn leftovers(&self, catalog: &Catalog, group: DataGroup, head: &ModelGroup) -> Option<Leftover> {
        if let Some(job) = head.jobs().keys().find(|job| !is_live(catalog, **job)) {
            return Some(Leftover::Guards(*job));
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
    fn routes_as(&self, raw: &RawKey) -> &RoutingKey {
        let about = match TxnKey::parse(raw) {
            Some(TxnKey::Lock { key } | TxnKey::Intent { key } | TxnKey::SuccessMarker { key, .. }) => key,
            Some(TxnKey::Commit { primary, .. } | TxnKey::Rollback { primary, .. }) => primary,
            None => raw.clone(),
        };
        &self.bounds.key(&about).routes_as
    }

    /// The goals that the state reaches, as a set of bits.
    pub(super) fn reached(&self, worker: &mut Worker, state: &State) -> u64 {
        let stored = self.stored(state);
        let mut goals = match worker.goals.get(&stored) {
            Some(bits) => *bits,
            None => {
                let bits = self.goals_of_stored(state);
                worker.goals.insert(stored, bits);
                bits
            }
        };
        let catalog = state[slot::CATALOG];
        if self.bounds.holds > 0 {
            let late = (catalog, state[slot::NETWORK]);
            let bits = worker.goals_of_late.entry(late).or_insert_with(|| self.goals_of_late(late));
            goals |= *bits;
        }
        if goals & CUT_OVER != 0 {
            for group in self.bounds.groups() {
                let key = (catalog, state[slot::site(group)]);
                let bits = worker.goals_of_site.entry(key);
                goals |= *bits.or_insert_with(|| self.goals_of_site(catalog, group, self.site(state, group)));
            }
        }
        goals & !CUT_OVER
    }

    fn goals_of_site(&self, catalog: u32, group: DataGroup, site: Site) -> u64 {
        let routes = self.tables.catalogs.at(catalog).routes();
        let is_elsewhere = |range: &KeyRange| routes.intersecting(range).any(|route| route.group != group.id());
        let open = self.tables.open_reads.at(site.open);
        let run = self.tables.runs.at(site.run);
        let across = open.iter().any(|read| is_elsewhere(&read.part));
        let serves_what_moved = |group: &ModelGroup| {
            let all = KeyRange::all();
            let mut owned = group.ownership().within(&all);
            owned.any(|(range, ownership)| ownership.is_here() && is_elsewhere(&range))
        };
        let mut behind = run.voters.iter().filter(|voter| !voter.is_current());
        let stale = behind.any(|voter| serves_what_moved(self.tables.groups.at(voter.state)));
        bit_if(Goal::ReadAcrossCutover, across) | bit_if(Goal::StaleVoter, stale)
    }

    fn goals_of_late(&self, (catalog, network): (u32, u32)) -> u64 {
        let catalog = self.tables.catalogs.at(catalog);
        let late = &self.tables.networks.at(network).late;
        let has_ended = |job: JobId| !is_live(catalog, job);
        let is_over = late.iter().any(|late| job_of(&late.message).is_none_or(has_ended));
        let of_ended = late.iter().any(|late| job_of(&late.message).is_some_and(has_ended));
        let is_idle = catalog.live_jobs().next().is_none();
        bit_if(Goal::LateAfterEnd, is_idle && is_over) | bit_if(Goal::LateInNextJob, !is_idle && of_ended)
    }

    fn goals_of_stored(&self, state: &State) -> u64 {
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let history = self.tables.histories.at(state[slot::HISTORY]);
        let live = catalog.live_jobs().count();
        let newest = catalog.live_jobs().chain(catalog.history()).map(|job| job.id).max();
        let oldest_live = catalog.live_jobs().map(|job| job.id).next();
        let newest_ended = catalog.history().map(|job| job.id).last();
        let is_last = newest.is_some_and(|newest| newest.0 == self.bounds.moves.len() as u64);
        let mut goals = bit_if(Goal::Ended, live == 0)
            | bit_if(Goal::EveryMoveMade, live == 0 && is_last)
            | bit_if(Goal::TwoLive, live > 1)
            | bit_if(Goal::YoungerEndedFirst, oldest_live.is_some() && oldest_live < newest_ended)
            | bit_if(Goal::ReadServed, !history.reads.is_empty())
            | bit_if(Goal::ReadInParts, history.has_read_in_parts(&self.bounds));
        for job in catalog.live_jobs() {
            goals |= self.goals_of_job(state, catalog, job);
        }
        for job in catalog.live_jobs().chain(catalog.history()) {
            let (target, range) = (DataGroup::of(job.target), &job.range);
            let is_of_target = |key: &RawKey| range.contains(self.routes_as(key));
            let mut decided = history.decided.iter();
            let wrote = decided.any(|((key, _), decided)| decided.group == target && is_of_target(key));
            goals |= bit_if(Goal::TargetWrote, wrote);
            let is_handed_over = catalog.routes().covering(range.start()).group != job.source;
            goals |= if is_handed_over { CUT_OVER } else { 0 };
        }
        goals
    }

    fn goals_of_job(&self, state: &State, catalog: &Catalog, job: &SplitJob) -> u64 {
        let [source, target] = [job.source, job.target].map(|group| self.head(state, DataGroup::of(group)));
        let owns = catalog.routes().covering(job.range.start()).group == job.target;
        let is_of_job = |key: &RawKey| job.range.contains(self.routes_as(key));
        let holds = |space| {
            let mut rows = target.store().walk(space, &RawInterval::all(), Direction::Forward);
            rows.any(|row| is_of_job(&row.key))
        };
        let (staged, promoted) = (owns && holds(Keyspace::Staged), owns && holds(Keyspace::Live));
        let knows = target.ownership().at(job.range.start()).is_here();
        let tracker = source.jobs().get(&job.id).and_then(JobGuards::source).and_then(|s| s.tracker.as_ref());
        let snapshot = job.copy_window().map(|window| window.through);
        let least = tracker.and_then(|tracker| tracker.least);
        let is_backfill = matches!(job.phase, Phase::Backfill(_));
        let is_cutover = matches!(job.phase, Phase::Cutover(_));
        let is_later_attempt = job.epoch.0 > 1;
        bit_if(Goal::Fenced, matches!(job.phase, Phase::Fence(_)))
            | bit_if(Goal::HandingOver, is_cutover)
            | bit_if(Goal::ServedWhileStaged, staged && knows)
            | bit_if(Goal::HalfPromoted, staged && promoted)
            | bit_if(Goal::TrackedBelowSnapshot, is_backfill && least.is_some() && least <= snapshot)
            | bit_if(Goal::Rearmed, is_cutover && is_later_attempt)
            | bit_if(Goal::TakenOver, is_later_attempt)
    }
}

/// What is left on a group of a job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Guards of this job.
    Guards(JobId),
    /// A lock on a key that belongs to another group.
    Lock(RawKey),
    /// A staged version that no live job has staged.
    Staged(RawKey, Timestamp),
    /// A version of a key that belongs to another group, and that no live job is about to delete.
    Live(RawKey, Timestamp),
}

/// A bit that no goal has: the catalog gives the range of some job to another group than its source.
const CUT_OVER: u64 = 1 << 63;

fn bit_if(goal: Goal, is_reached: bool) -> u64 {
    if is_reached { goal.bit() } else { 0 }
}

fn is_live(catalog: &Catalog, job: JobId) -> bool {
    catalog.job(job).is_some()
}

/// The job that a message of a migrator is about; routes are about none.
fn job_of(message: &Message) -> Option<JobId> {
    match message {
        Message::Catalog(CatalogCommand::AdvanceJob(request)) => Some(request.job),
        Message::Group(_, GroupCommand::Job(command)) => Some(command.token.job),
        Message::Catalog(_) | Message::Group(..) => None,
    }
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
