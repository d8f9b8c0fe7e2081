//! Writes, as the log applies them: the checks in the order of §11, then the effects.

use super::command::{Mutation, Outcome, Rejection, WriteRequest};
use super::guards::{JobGuards, Role};
use super::ownership::Purpose;
use super::{ApplyContext, Group};
use crate::gate::{Gate, Gates};
use crate::key::{RoutingKey, route_key, targets_control_namespace};
use crate::range::KeyRange;
use crate::store::{Keyspace, VersionStore};
use crate::timestamp::Timestamp;
use crate::version::Version;

impl<S: VersionStore> Group<S> {
    pub(super) fn write(&mut self, request: &WriteRequest, context: &ApplyContext<'_>) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        for mutation in &request.mutations {
            if targets_control_namespace(&mutation.key).is_some() {
                return Err(Rejection::ControlNamespace { key: mutation.key.clone() });
            }
            let at = route_key(&mutation.key);
            self.check_writable(&at, context)?;
            self.check_write_fence(&at, gates)?;
            self.check_floors(&at, request.commit_ts, gates)?;
        }
        self.check_taken(request)?;
        Ok(self.store_versions(request, gates))
    }

    // O2; without O1's gate, as published: by the node's copy of the routes.
    fn check_writable(&self, at: &RoutingKey, context: &ApplyContext<'_>) -> Result<(), Rejection> {
        if !context.gates.stands(Gate::OwnershipAtApply) {
            return Ok(());
        }
        if !context.gates.stands(Gate::ReplicatedOwnership) {
            let routes = context.node_routes.expect("a model that drops this gate gives every voter its routes");
            let route = routes.covering(at);
            if route.group != self.id {
                return Err(Rejection::RouteMoved { version: routes.version, to: route.group });
            }
            return Ok(());
        }
        self.ownership.at(at).check(Purpose::Write).map(|_| ())
    }

    // G3
    fn check_write_fence(&self, at: &RoutingKey, gates: Gates) -> Result<(), Rejection> {
        let is_fenced = |guards: &JobGuards| guards.source().is_some_and(|source| source.write_fence);
        let is_met = |guards: &JobGuards| guards.range.contains(at) || !gates.stands(Gate::GuardsKeepToRange);
        if gates.stands(Gate::WriteFence) && self.jobs.values().any(|guards| is_met(guards) && is_fenced(guards)) {
            return Err(Rejection::RouteWriteFenced);
        }
        Ok(())
    }

    // G5, C3, T5: one refusal carries the greatest of the floors, so that one retry is enough.
    fn check_floors(&self, at: &RoutingKey, commit_ts: Timestamp, gates: Gates) -> Result<(), Rejection> {
        let mut floor = self.collected_through;
        if gates.stands(Gate::ServedReadsBind) {
            floor = floor.max(self.read_bound);
        }
        if gates.stands(Gate::TargetFloor) {
            floor = floor.max(self.target_floor(at));
        }
        if commit_ts <= floor { Err(Rejection::TimestampTooLow { floor }) } else { Ok(()) }
    }

    fn target_floor(&self, at: &RoutingKey) -> Timestamp {
        let ready = self.jobs.values().filter(|guards| guards.range.contains(at)).filter_map(JobGuards::target);
        let armed = ready.filter_map(|target| target.readiness.as_ref()).map(|ready| ready.floor);
        let permanent = self.ownership.at(at).check(Purpose::Read).unwrap_or_default().min_write_ts_exclusive;
        armed.fold(permanent, Ord::max)
    }

    // Staged versions count: they are as much there as live ones (P6). The same write again is no conflict.
    fn check_taken(&self, request: &WriteRequest) -> Result<(), Rejection> {
        let taken = |mutation: &Mutation| {
            [Keyspace::Live, Keyspace::Staged].into_iter().any(|space| {
                let there = self.store.version_at(space, &mutation.key, request.commit_ts);
                there.is_some_and(|version| version.content != mutation.content)
            })
        };
        if request.mutations.iter().any(taken) { Err(Rejection::TimestampTaken) } else { Ok(()) }
    }

    fn store_versions(&mut self, request: &WriteRequest, gates: Gates) -> Outcome {
        for mutation in &request.mutations {
            let version = Version { commit_ts: request.commit_ts, content: mutation.content.clone() };
            self.store.put(Keyspace::Live, &mutation.key, &version);
            if gates.stands(Gate::WriteTracker) {
                self.track(&KeyRange::point(&route_key(&mutation.key)), request.commit_ts);
            }
        }
        self.last_commit_ts = self.last_commit_ts.max(request.commit_ts);
        Outcome::Written { commit_ts: request.commit_ts }
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
