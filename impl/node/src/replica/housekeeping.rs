//! What a leader does without being asked: ceilings, routes, old versions, locks that were left behind.

use super::Replica;
use crate::io::Now;
use splitjob_core::catalog::Routes;
use splitjob_core::group::{Adoption, GroupCommand};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::VersionReader;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::txn::Lock;
use splitjob_wire::entry::encode_group_command;

/// When what was done last.
#[derive(Default)]
pub(super) struct Schedule {
    pub(super) ceiling_asked: PhysicalMs,
    ceiling_at_ms: u64,
    adopted: CatalogVersion,
    adopted_at_ms: u64,
    locks_at_ms: u64,
    collected_at_ms: u64,
    /// Where the pass of the collection that is under way goes on.
    collecting: Option<RawKey>,
}

impl Schedule {
    /// What was asked for in the office that is lost may never have been done.
    pub(super) fn lose_office(&mut self) {
        *self = Schedule { locks_at_ms: self.locks_at_ms, ..Schedule::default() };
    }
}

impl Replica {
    /// Raises the group's ceiling a window above a moment (T3).
    pub(super) fn raise_ceiling(&mut self, above: PhysicalMs) {
        let ceiling = above.saturating_add(CEILING_WINDOW_MS);
        self.housekeeping.ceiling_asked = ceiling;
        self.propose_own(&GroupCommand::RaiseCeiling { ceiling });
    }

    fn propose_own(&mut self, command: &GroupCommand) {
        self.propose_unasked(encode_group_command(command));
    }

    /// Does what is due; nothing unless this replica of a data group leads.
    pub(crate) fn keep_house(&mut self, now: Now, routes: &Routes, retention_ms: Option<u64>) {
        if self.machine.data().is_none() || !self.serves_as_leader() {
            return;
        }
        self.keep_ceiling(now);
        self.follow(now, routes);
        if let Some(retention_ms) = retention_ms {
            self.collect(now, retention_ms);
        }
    }

    fn keep_ceiling(&mut self, now: Now) {
        if now.elapsed_ms >= self.housekeeping.ceiling_at_ms + CEILING_EVERY_MS {
            self.housekeeping.ceiling_at_ms = now.elapsed_ms;
            self.raise_ceiling(now.wall);
        }
    }

    /// The group follows the newest routes that this node knows (O1).
    pub(crate) fn follow(&mut self, now: Now, routes: &Routes) {
        let Some(group) = self.machine.data() else { return };
        let is_behind = group.applied_catalog_version() < routes.version;
        let is_asked = self.housekeeping.adopted >= routes.version
            && now.elapsed_ms < self.housekeeping.adopted_at_ms + ADOPT_AGAIN_MS;
        if is_behind && !is_asked && self.serves_as_leader() {
            self.housekeeping.adopted = routes.version;
            self.housekeeping.adopted_at_ms = now.elapsed_ms;
            self.propose_own(&GroupCommand::Adopt(Adoption::of(routes)));
        }
    }

    /// A pass over the rows, in bounded entries: the next one is asked for when the one before is applied.
    fn collect(&mut self, now: Now, retention_ms: u64) {
        if now.elapsed_ms < self.housekeeping.collected_at_ms + COLLECT_PACE_MS {
            return;
        }
        let group = self.machine.data().expect("the caller has looked");
        let is_new_pass = self.housekeeping.collecting.is_none();
        if is_new_pass && now.elapsed_ms < self.housekeeping.collected_at_ms + COLLECT_EVERY_MS.min(retention_ms) {
            return;
        }
        let oldest = PhysicalMs::new(now.wall.get().saturating_sub(retention_ms)).unwrap_or_default();
        let (through, from) = match self.housekeeping.collecting.take() {
            Some(from) => (group.collected_through(), from),
            None => (Timestamp::from_parts(oldest, 0), RawKey::default()),
        };
        let has_new = through > group.collected_through();
        self.housekeeping.collected_at_ms = now.elapsed_ms;
        if has_new || !is_new_pass {
            self.propose_own(&GroupCommand::Collect { through, from, limit: COLLECT_ROWS });
        }
    }

    /// An entry of a collection is applied: where the next one goes on.
    pub(super) fn collected(&mut self, next: Option<RawKey>) {
        self.housekeeping.collecting = next.filter(|_| self.raft.is_leader());
    }

    /// Locks whose time is over, for the coordinator to settle: their clients may be gone (X2, P3).
    pub(crate) fn expired_locks(&mut self, now: Now) -> Vec<(RawKey, Lock)> {
        if now.elapsed_ms < self.housekeeping.locks_at_ms + LOCKS_EVERY_MS || !self.serves_as_leader() {
            return Vec::new();
        }
        self.housekeeping.locks_at_ms = now.elapsed_ms;
        let Some(group) = self.machine.data() else { return Vec::new() };
        let locks = group.store().locks(&RawInterval::all());
        locks.filter(|(_, lock)| lock.expires_at_ms <= now.wall.get()).take(LOCKS_AT_ONCE).collect()
    }
}

/// How far above the present a ceiling is raised (§14).
const CEILING_WINDOW_MS: u64 = 3_000;
const CEILING_EVERY_MS: u64 = 1_000;
/// Routes that were asked to be adopted and are not, are asked for again.
const ADOPT_AGAIN_MS: u64 = 500;
const LOCKS_EVERY_MS: u64 = 500;
const LOCKS_AT_ONCE: usize = 256;
const COLLECT_EVERY_MS: u64 = 10_000;
const COLLECT_PACE_MS: u64 = 50;
const COLLECT_ROWS: u64 = 2_048;
