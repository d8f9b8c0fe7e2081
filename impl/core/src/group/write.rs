//! Writes at a timestamp, as the log applies them: the checks in the order of §11, then the effects.

use super::admission::Claim;
use super::command::{Mutation, Outcome, WriteRequest};
use super::guards::Role;
use super::rejection::Rejection;
use super::{ApplyContext, Group};
use crate::gate::{Gate, Gates};
use crate::key::{RawKey, route_key};
use crate::range::KeyRange;
use crate::store::{Keyspace, VersionStore};
use crate::timestamp::Timestamp;
use crate::version::Version;

/// Where a version comes from: what the tracker would miss if it didn't see all of them (G1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A write at a timestamp of its own.
    Raw,
    /// The key that decides a transaction, and the records of transactions.
    Primary,
    /// Another key of a transaction.
    Secondary,
    /// A prefix delete.
    Prefix,
}

impl Origin {
    fn is_tracked(self, gates: Gates) -> bool {
        let gate = match self {
            Origin::Raw => Gate::TrackRawWrites,
            Origin::Primary => return true,
            Origin::Secondary => Gate::TrackSecondaries,
            Origin::Prefix => Gate::TrackPrefixDeletes,
        };
        gates.stands(gate)
    }
}

impl<S: VersionStore> Group<S> {
    pub(super) fn write(&mut self, request: &WriteRequest, context: &ApplyContext<'_>) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        for mutation in &request.mutations {
            let footprint = KeyRange::point(&self.check_key(&mutation.key, None, gates)?);
            let claim = Claim { footprint: &footprint, commit_ts: request.commit_ts, routed_by: request.routed_by };
            self.admit(&claim, context)?;
            self.check_taken(mutation, request.commit_ts)?;
        }
        for Mutation { key, content } in &request.mutations {
            let version = Version { commit_ts: request.commit_ts, content: content.clone() };
            self.put_version(key, &version, Origin::Raw, gates);
        }
        Ok(Outcome::Written { commit_ts: request.commit_ts })
    }

    // Staged versions count: they are as much there as live ones (P6). The same write again is no conflict.
    pub(super) fn check_taken(&self, mutation: &Mutation, commit_ts: Timestamp) -> Result<(), Rejection> {
        let is_taken = [Keyspace::Live, Keyspace::Staged].into_iter().any(|space| {
            let there = self.store.version_at(space, &mutation.key, commit_ts);
            there.is_some_and(|version| version.content != mutation.content)
        });
        if is_taken { Err(Rejection::TimestampTaken) } else { Ok(()) }
    }

    /// Stores a version: the one place where the log adds to what a range holds, so that nothing is added untracked and
    /// nothing above the last commit timestamp (G1, P4).
    pub(super) fn put_version(&mut self, key: &RawKey, version: &Version, origin: Origin, gates: Gates) {
        self.store.put(Keyspace::Live, key, version);
        self.last_commit_ts = self.last_commit_ts.max(version.commit_ts);
        if gates.stands(Gate::WriteTracker) && origin.is_tracked(gates) {
            self.track(&KeyRange::point(&route_key(key)), version.commit_ts);
        }
    }

    // G1
    fn track(&mut self, footprint: &KeyRange, commit_ts: Timestamp) {
        for guards in self.jobs.values_mut().filter(|guards| guards.range.intersects(footprint)) {
            if let Role::Source(source) = &mut guards.role
                && let Some(tracker) = &mut source.tracker
            {
                tracker.record(commit_ts);
            }
        }
    }
}
