//! What every write passes before it has an effect, in the order of §11.

use super::guards::JobGuards;
use super::ownership::Purpose;
use super::rejection::Rejection;
use super::{ApplyContext, Group};
use crate::gate::{Gate, Gates};
use crate::id::CatalogVersion;
use crate::key::{RawKey, RoutingKey, protected_namespace, route_key};
use crate::range::KeyRange;
use crate::store::VersionStore;
use crate::timestamp::{PhysicalMs, Timestamp};
use crate::txn::TxnId;

/// What a write wants to be admitted for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    /// The routing keys that it may touch: all of them, not only those where something is.
    pub(super) footprint: &'a KeyRange,
    /// The commit timestamp of its versions.
    pub(super) commit_ts: Timestamp,
    /// The catalog version that it was routed by.
    pub(super) routed_by: Option<CatalogVersion>,
}

impl<S: VersionStore> Group<S> {
    /// Ownership, fence, floors, ceiling, and the version that the request was routed by (§11).
    pub(super) fn admit(&self, claim: &Claim<'_>, context: &ApplyContext<'_>) -> Result<(), Rejection> {
        self.admit_anywhere(claim, context)?;
        self.check_timestamp(claim, context.gates)
    }

    /// As [`Group::admit`], for what has no timestamp that a reader could see.
    pub(super) fn admit_anywhere(&self, claim: &Claim<'_>, context: &ApplyContext<'_>) -> Result<(), Rejection> {
        if claim.routed_by.is_none() && !context.gates.stands(Gate::UnpinnedWritesChecked) {
            return Ok(());
        }
        self.check_writable(claim, context)?;
        self.check_write_fence(claim.footprint, context.gates)
    }

    // O2; without O1's gate, as published: by the node's copy of the routes.
    fn check_writable(&self, claim: &Claim<'_>, context: &ApplyContext<'_>) -> Result<(), Rejection> {
        let gates = context.gates;
        if !gates.stands(Gate::OwnershipAtApply) {
            return Ok(());
        }
        if !gates.stands(Gate::ReplicatedOwnership) {
            let routes = context.node_routes.expect("a model that drops this gate gives every voter its routes");
            let elsewhere = routes.intersecting(claim.footprint).find(|route| route.group != self.id);
            return match elsewhere {
                Some(route) => Err(Rejection::RouteMoved { version: routes.version, to: route.group }),
                None => Ok(()),
            };
        }
        for (_, ownership) in self.ownership.within(claim.footprint) {
            let owned_since = ownership.check(Purpose::Write)?.owned_since;
            if claim.routed_by.is_some_and(|version| version < owned_since) {
                return Err(Rejection::RoutedTooEarly { owned_since });
            }
        }
        Ok(())
    }

    // G3
    pub(super) fn check_write_fence(&self, footprint: &KeyRange, gates: Gates) -> Result<(), Rejection> {
        let is_fenced = |guards: &JobGuards| guards.source().is_some_and(|source| source.write_fence);
        let is_met = |guards: &JobGuards| guards.range.intersects(footprint) || !gates.stands(Gate::GuardsKeepToRange);
        let is_held = self.jobs.values().any(|guards| is_met(guards) && is_fenced(guards));
        if gates.passes(Gate::WriteFence, !is_held) { Ok(()) } else { Err(Rejection::RouteWriteFenced) }
    }

    // G5, C3, T5: one refusal carries the greatest of the floors, so that one retry is enough.
    fn check_timestamp(&self, claim: &Claim<'_>, gates: Gates) -> Result<(), Rejection> {
        let mut floor = self.collected_through;
        if gates.stands(Gate::ServedReadsBind) {
            floor = floor.max(self.read_bound);
        }
        if gates.stands(Gate::TargetFloor) {
            floor = floor.max(self.target_floor(claim.footprint));
        }
        if claim.commit_ts <= floor {
            return Err(Rejection::TimestampTooLow { floor });
        }
        self.check_ceiling(claim.commit_ts, gates)
    }

    // T3: what is above the ceiling would be a floor for everybody that no clock can follow.
    pub(super) fn check_ceiling(&self, ts: Timestamp, gates: Gates) -> Result<(), Rejection> {
        let ceiling = self.usable_ceiling();
        let is_under = ts.physical() <= ceiling;
        if gates.passes(Gate::TimestampUnderCeiling, is_under) {
            return Ok(());
        }
        Err(Rejection::TimestampTooHigh { ceiling })
    }

    /// A floor that came with a range may lie above the group's own ceiling: what follows it closely is usable.
    fn usable_ceiling(&self) -> PhysicalMs {
        self.ceiling.max(self.clock_floor().physical())
    }

    fn target_floor(&self, footprint: &KeyRange) -> Timestamp {
        let met = self.jobs.values().filter(|guards| guards.range.intersects(footprint));
        let armed = met.filter_map(JobGuards::target).filter_map(|target| target.readiness.as_ref());
        let armed = armed.map(|ready| ready.floor);
        let permanent = self
            .ownership
            .within(footprint)
            .map(|(_, ownership)| ownership.check(Purpose::Read).unwrap_or_default().min_write_ts_exclusive);
        armed.chain(permanent).fold(Timestamp::ZERO, Ord::max)
    }

    /// The key is a user's, and no transaction but this one holds it (K5, X5).
    pub(super) fn check_key(&self, key: &RawKey, by: Option<&TxnId>, gates: Gates) -> Result<RoutingKey, Rejection> {
        if protected_namespace(key).is_some() {
            return Err(Rejection::ControlNamespace { key: key.clone() });
        }
        self.check_unlocked(key, by, gates)?;
        Ok(route_key(key))
    }

    pub(super) fn check_unlocked(&self, key: &RawKey, by: Option<&TxnId>, gates: Gates) -> Result<(), Rejection> {
        match self.store.lock(key) {
            Some(lock) if by != Some(&lock.txn) && gates.stands(Gate::LocksBlockWrites) => {
                Err(Rejection::KeyLocked { key: key.clone(), lock: Box::new(lock) })
            }
            Some(_) | None => Ok(()),
        }
    }
}
