//! What must be true, in the words of clients' histories and of stored versions, and what must be reachable.
//!
//! Nothing here asks the core whether something was allowed.

use super::World;
use super::bounds::{Bounds, Side};
use super::component::{History, Wrong};
use super::memo::{SOURCE_GROUP, TARGET_GROUP, Worker, side_of};
use super::state::{ModelGroup, State, head_slot, run_slot, slot};
use serde::{Deserialize, Serialize};
use splitjob_core::catalog::{Catalog, Routes};
use splitjob_core::group::JobGuards;
use splitjob_core::job::{Phase, PhaseName};
use splitjob_core::key::{RawInterval, RawKey};
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
        /// A write is admitted only by the group that the catalog gives its key to at that moment.
        OneOwner = "S4";
        /// Voters that have applied the same entries are equal.
        VotersAgree = "S5";
        /// What was deleted or has expired is never read again.
        DeletedStaysDeleted = "S7";
        /// The routes are a partition of the key space, and a job that has not fenced its route still finds it there.
        RoutesPartition = "S8";
        /// When the job has ended, nothing of it is left on any group, and no row of the range on the source.
        NothingLeft = "S9";
        /// A message that is repeated, or of an attempt that is over, changes nothing.
        LateMessagesIdle = "S10";
        /// A request outside the moving range is never refused because of the job.
        OthersUndisturbed = "S11";
        /// The target admits no commit timestamp at or below what the source had fenced.
        TimestampsAscend = "S12";
    }
}

named! {
    /// A situation that must be reachable, else a scenario is too kind to show anything.
    Goal {
        /// The job has ended.
        Ended = "R-DONE";
        /// The job is in FENCE.
        Fenced = "R-FENCE";
        /// The job is in CUTOVER.
        HandingOver = "R-CUTOVER";
        /// The target owns the range and rows of it are still staged.
        ServedWhileStaged = "R-STAGED";
        /// The target has admitted a write.
        TargetWrote = "R-TARGET-WRITE";
        /// A read was answered.
        ReadServed = "R-READ";
        /// Promotion has moved some rows and not all.
        HalfPromoted = "R-HALF-PROMOTED";
        /// A version below the snapshot was admitted after it was chosen.
        TrackedBelowSnapshot = "R-TRACKED";
        /// A cutover was armed anew because the catalog moved under it.
        Rearmed = "R-REARMED";
        /// A migrator took the job over from another.
        TakenOver = "R-TAKEN-OVER";
        /// A message that was held back or doubled is still under way after the job has ended.
        LateAfterEnd = "R-LATE-AFTER-END";
        /// A read of the range is running on the source after the cutover.
        ReadAcrossCutover = "R-READ-ACROSS";
        /// A voter of the source serves the range although the target owns it.
        StaleVoter = "R-STALE-VOTER";
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
        let stored = [state[slot::CATALOG], state[slot::SOURCE], state[slot::TARGET], history];
        violated |= match worker.violations.get(&stored) {
            Some(bits) => *bits,
            None => {
                let bits = self.of_stored(state);
                worker.violations.insert(stored, bits);
                bits
            }
        };
        for side in [Side::Source, Side::Target] {
            let run = state[run_slot(side)];
            let diverged = worker.diverged.entry(run).or_insert_with(|| self.tables.runs.get(run).has_diverged);
            violated |= if *diverged { Property::VotersAgree.bit() } else { 0 };
        }
        violated
    }

    fn of_stored(&self, state: &State) -> u64 {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let history = self.tables.histories.get(state[slot::HISTORY]);
        let groups = [Side::Source, Side::Target].map(|side| self.tables.groups.get(state[head_slot(side)]));
        let mut violated = 0;
        if !is_partition(catalog.routes()) || !finds_its_route(&catalog) {
            violated |= Property::RoutesPartition.bit();
        }
        let group_of = |side: Side| match side {
            Side::Source => &*groups[0],
            Side::Target => &*groups[1],
        };
        if !self.nothing_lost(&catalog, &history, group_of) {
            violated |= Property::NothingLost.bit();
        }
        if catalog.live_jobs().next().is_none() && !self.nothing_left(&catalog, group_of) {
            violated |= Property::NothingLeft.bit();
        }
        violated
    }

    // S1
    fn nothing_lost<'g>(
        &self,
        catalog: &Catalog,
        history: &History,
        group_of: impl Fn(Side) -> &'g ModelGroup,
    ) -> bool {
        let versions = history.versions(&self.bounds);
        versions.keys().filter(|(key, commit_ts)| history.is_acked(key, *commit_ts)).all(|(key, commit_ts)| {
            let owner = catalog.routes().covering(&self.bounds.key(key).routes_as).group;
            let store = group_of(side_of(owner)).store();
            let is_stored = [Keyspace::Live, Keyspace::Staged]
                .into_iter()
                .any(|space| store.version_at(space, key, *commit_ts).is_some());
            is_stored || is_collected(key, *commit_ts, versions.keys(), history.collected_through)
        })
    }

    // S9
    fn nothing_left<'g>(&self, catalog: &Catalog, group_of: impl Fn(Side) -> &'g ModelGroup) -> bool {
        let moving = self.bounds.moving();
        let routes_as = |key: &RawKey| self.bounds.key(key).routes_as.clone();
        let is_forgotten = |group: &ModelGroup| {
            let mut staged = group.store().walk(Keyspace::Staged, &RawInterval::all(), Direction::Forward);
            group.jobs().is_empty() && staged.next().is_none()
        };
        let mut on_source =
            group_of(Side::Source).store().walk(Keyspace::Live, &RawInterval::all(), Direction::Forward);
        let is_clean = !on_source.any(|row| moving.contains(&routes_as(&row.key)));
        let is_settled = catalog.routes().iter().all(|route| route.staged_for.is_none());
        is_clean && is_settled && is_forgotten(group_of(Side::Source)) && is_forgotten(group_of(Side::Target))
    }

    /// The goals that the state reaches, as a set of bits.
    pub(super) fn reached(&self, worker: &mut Worker, state: &State) -> u64 {
        let stored = [state[slot::CATALOG], state[slot::SOURCE], state[slot::TARGET], state[slot::HISTORY]];
        let mut goals = match worker.goals.get(&stored) {
            Some(bits) => *bits,
            None => {
                let bits = self.goals_of_stored(state);
                worker.goals.insert(stored, bits);
                bits
            }
        };
        let has_ended = goals & Goal::Ended.bit() != 0;
        if has_ended && self.has_late(worker, state[slot::NETWORK]) {
            goals |= Goal::LateAfterEnd.bit();
        }
        if goals & CUT_OVER != 0 {
            let key = (state[slot::OPEN], state[slot::SOURCE_RUN]);
            goals |= match worker.goals_on_source.get(&key) {
                Some(bits) => *bits,
                None => {
                    let bits = self.goals_on_source(state);
                    worker.goals_on_source.insert(key, bits);
                    bits
                }
            };
        }
        goals & !CUT_OVER
    }

    fn goals_on_source(&self, state: &State) -> u64 {
        let open = self.tables.open_reads.get(state[slot::OPEN]);
        let runs_on_source = open.iter().any(|read| read.side == Side::Source);
        let across = if runs_on_source { Goal::ReadAcrossCutover.bit() } else { 0 };
        across | if self.has_stale_voter(state) { Goal::StaleVoter.bit() } else { 0 }
    }

    fn has_late(&self, worker: &mut Worker, network: u32) -> bool {
        let has_late = worker.has_late.entry(network);
        *has_late.or_insert_with(|| !self.tables.networks.get(network).late.is_empty())
    }

    fn has_stale_voter(&self, state: &State) -> bool {
        let run = self.tables.runs.get(state[slot::SOURCE_RUN]);
        let mut behind = run.voters.iter().filter(|voter| voter.behind > 0);
        behind.any(|voter| {
            let group = self.tables.groups.get(voter.state);
            group.ownership().within(&self.bounds.moving()).any(|(_, ownership)| ownership.is_here())
        })
    }

    fn goals_of_stored(&self, state: &State) -> u64 {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let history = self.tables.histories.get(state[slot::HISTORY]);
        let source = self.tables.groups.get(state[slot::SOURCE]);
        let target = self.tables.groups.get(state[slot::TARGET]);
        let mut goals = 0;
        let mut reach = |goal: Goal, is_reached: bool| goals |= if is_reached { goal.bit() } else { 0 };
        let job = catalog.live_jobs().next();
        let phase = job.map(|job| job.phase.name());
        reach(Goal::Ended, job.is_none());
        reach(Goal::Fenced, phase == Some(PhaseName::Fence));
        reach(Goal::HandingOver, phase == Some(PhaseName::Cutover));
        reach(Goal::TargetWrote, history.decided.values().any(|decided| decided.side == Side::Target));
        reach(Goal::ReadServed, !history.reads.is_empty());
        let staged = target.store().walk(Keyspace::Staged, &RawInterval::all(), Direction::Forward).next().is_some();
        let promoted = target.store().walk(Keyspace::Live, &RawInterval::all(), Direction::Forward).next().is_some();
        let owner = catalog.routes().covering(&self.bounds.split_key).group;
        reach(
            Goal::ServedWhileStaged,
            staged && owner == TARGET_GROUP && target.ownership().at(&self.bounds.split_key).is_here(),
        );
        reach(Goal::HalfPromoted, staged && promoted && owner == TARGET_GROUP);
        if let Some(job) = job {
            let tracker = source.jobs().get(&job.id).and_then(JobGuards::source).and_then(|s| s.tracker.as_ref());
            let snapshot = job.copy_window().map(|window| window.through);
            let least = tracker.and_then(|tracker| tracker.least);
            let is_backfill = matches!(job.phase, Phase::Backfill(_));
            reach(Goal::TrackedBelowSnapshot, is_backfill && least.is_some() && least <= snapshot);
            let is_rearmed = matches!(job.phase, Phase::Cutover(_)) && job.epoch.0 > 1;
            reach(Goal::Rearmed, is_rearmed);
            reach(Goal::TakenOver, job.epoch.0 > 1);
        }
        goals |= if owner == SOURCE_GROUP { 0 } else { CUT_OVER };
        goals
    }
}

/// A bit that no goal has: the catalog gives the range to the target.
const CUT_OVER: u64 = 1 << 63;

/// What the history alone tells.
fn of_history(history: &History, bounds: &Bounds) -> u64 {
    let mut violated = 0;
    for wrong in &history.wrongs {
        violated |= match wrong {
            Wrong::AdmittedByNonOwner { .. } => Property::OneOwner.bit(),
            Wrong::LateMessageActed { .. } => Property::LateMessagesIdle.bit(),
            Wrong::RefusedOutside { .. } => Property::OthersUndisturbed.bit(),
            Wrong::AdmittedBelowFence { .. } => Property::TimestampsAscend.bit(),
        };
    }
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
        if history.expected(answered.read, answered.from.as_ref(), bounds) != answered.expected {
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

/// A version that collection may have removed: a newer one of its key is at or below the collection's timestamp.
fn is_collected<'a>(
    key: &RawKey,
    commit_ts: Timestamp,
    mut versions: impl Iterator<Item = &'a (RawKey, Timestamp)>,
    collected_through: Timestamp,
) -> bool {
    versions.any(|(other, newer)| other == key && *newer > commit_ts && *newer <= collected_through)
}

/// A job before FENCE whose route is gone could never go on (S8).
fn finds_its_route(catalog: &Catalog) -> bool {
    catalog.live_jobs().all(|job| match job.phase {
        Phase::Planned(_) | Phase::Backfill(_) => {
            let route = catalog.routes().iter().find(|route| route.id == job.source_route);
            route.is_some_and(|route| route.range.end() == job.range.end())
        }
        Phase::Fence(_) | Phase::DeltaCopy(_) | Phase::Cutover(_) | Phase::Cleanup(_) | Phase::Done(_) => true,
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
