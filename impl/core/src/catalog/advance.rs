//! The steps of a job record: which phase takes which step, and what the step does to the routes.

use super::{Advance, AdvanceJob, Catalog, CatalogOutcome, CatalogRejection, Route, RouteState};
use crate::gate::{Gate, Gates};
use crate::id::CatalogVersion;
use crate::job::{Backfill, Cleanup, Cutover, DeltaCopy, Done, Fence, Phase, SplitJob};
use crate::timestamp::Timestamp;

impl Catalog {
    /// One compare-and-swap on the record, and on the routes where the step changes them (J3, C5).
    pub(super) fn advance_job(
        &mut self,
        request: &AdvanceJob,
        gates: Gates,
    ) -> Result<CatalogOutcome, CatalogRejection> {
        let job = self.live.get(&request.job).ok_or(CatalogRejection::NoLiveJob { job: request.job })?;
        if gates.stands(Gate::JobRevision) && request.expected_revision != job.revision {
            return Err(CatalogRejection::RevisionMoved {
                job: job.id,
                expected: request.expected_revision,
                current: job.revision,
            });
        }
        if request.advance.changes_routes() {
            self.check_version(request.expected_version, gates)?;
        }
        let mut job = job.clone();
        let routes_before = self.routes.version;
        job.phase = self.next_phase(&mut job, &request.advance, gates)?;
        job.revision = job.revision.successor();
        job.updated_at_ms = request.now_ms;
        self.change_routes(&job, &request.advance);
        debug_assert_eq!(self.routes.version != routes_before, request.advance.changes_routes());
        let outcome = CatalogOutcome::JobAdvanced { revision: job.revision, version: self.routes.version };
        self.store(job);
        Ok(outcome)
    }

    /// The phase after the step; the epoch rises with a new migrator and with a new arming (J2, J4).
    fn next_phase(&self, job: &mut SplitJob, advance: &Advance, gates: Gates) -> Result<Phase, CatalogRejection> {
        let next_version = self.routes.version.successor();
        let phase = match (&job.phase, advance) {
            (phase, Advance::TakeOver) => {
                let phase = phase.clone();
                job.epoch = job.epoch.successor();
                phase
            }
            (Phase::Planned(_), Advance::BeginBackfill) => Phase::Backfill(Backfill { snapshot_ts: None }),
            (Phase::Backfill(Backfill { snapshot_ts: None }), Advance::ChooseSnapshot { snapshot_ts }) => {
                Phase::Backfill(Backfill { snapshot_ts: Some(*snapshot_ts) })
            }
            (Phase::Backfill(Backfill { snapshot_ts: Some(snapshot_ts) }), Advance::BeginFence) => {
                self.check_fence_route(job)?;
                Phase::Fence(Fence { snapshot_ts: *snapshot_ts, fence_catalog_version: next_version })
            }
            (Phase::Fence(_), Advance::BeginDeltaCopy { delta_floor, fence_ts }) => {
                Phase::DeltaCopy(DeltaCopy { delta_floor: *delta_floor, fence_ts: *fence_ts })
            }
            (Phase::DeltaCopy(DeltaCopy { fence_ts, .. }), Advance::ArmCutover) => {
                Phase::Cutover(Cutover { fence_ts: *fence_ts, expected_cutover_version: next_version })
            }
            (Phase::Cutover(cutover), Advance::ArmCutover) => {
                let rearmed = Cutover { expected_cutover_version: next_version, ..cutover.clone() };
                job.epoch = job.epoch.successor();
                Phase::Cutover(rearmed)
            }
            (Phase::Cutover(cutover), Advance::CommitCutover { .. }) => {
                self.check_cutover_version(job, cutover, next_version, gates)?;
                Phase::Cleanup(Cleanup { cutover_version: next_version, cleared_version: None })
            }
            (Phase::Cleanup(Cleanup { cutover_version, cleared_version: None }), Advance::ClearStaged) => {
                Phase::Cleanup(Cleanup { cutover_version: *cutover_version, cleared_version: Some(next_version) })
            }
            (Phase::Cleanup(Cleanup { cutover_version, cleared_version: Some(_) }), Advance::Finish) => {
                Phase::Done(Done { cutover_version: *cutover_version })
            }
            (phase, _) => return Err(CatalogRejection::WrongPhase { job: job.id, phase: phase.name() }),
        };
        Ok(phase)
    }

    // P3: the route that the job was planned on must still be there, whole and at rest.
    fn check_fence_route(&self, job: &SplitJob) -> Result<(), CatalogRejection> {
        let route =
            self.routes.by_id(job.source_route).ok_or(CatalogRejection::NoSuchRoute { route: job.source_route })?;
        match route.range.split_at(job.range.start()) {
            Some((_, right)) if right == job.range => Ok(()),
            Some(_) | None => Err(CatalogRejection::SplitKeyOutside { route: route.id, at: job.range.start().clone() }),
        }
    }

    // P5: reads routed by any version below the armed one are refused on the source; the cutover must make exactly it.
    fn check_cutover_version(
        &self,
        job: &SplitJob,
        cutover: &Cutover,
        next: CatalogVersion,
        gates: Gates,
    ) -> Result<(), CatalogRejection> {
        let armed = cutover.expected_cutover_version;
        if gates.stands(Gate::CutoverVersionMatches) && armed != next {
            return Err(CatalogRejection::CutoverVersionMoved { job: job.id, armed, next });
        }
        Ok(())
    }

    fn change_routes(&mut self, job: &SplitJob, advance: &Advance) {
        match advance {
            Advance::BeginFence => {
                let route = self.routes.by_id(job.source_route).expect("the route was found by check_fence_route");
                let route = route.clone();
                self.split_route(&route, job.range.start(), RouteState::WriteFenced);
            }
            Advance::CommitCutover { min_write_ts_exclusive, min_read_ts } => {
                self.commit_cutover(job, *min_write_ts_exclusive, *min_read_ts);
            }
            Advance::ClearStaged => self.rewrite_routes(job, |route| route.staged_for = None),
            Advance::TakeOver
            | Advance::BeginBackfill
            | Advance::ChooseSnapshot { .. }
            | Advance::BeginDeltaCopy { .. }
            | Advance::ArmCutover
            | Advance::Finish => {}
        }
    }

    // P5: its cost doesn't depend on the range. C3: floors keep the maximum.
    fn commit_cutover(&mut self, job: &SplitJob, min_write_ts_exclusive: Timestamp, min_read_ts: Timestamp) {
        self.rewrite_routes(job, |route| {
            route.group = job.target;
            route.state = RouteState::Active;
            route.staged_for = Some(job.id);
            route.min_write_ts_exclusive = route.min_write_ts_exclusive.max(min_write_ts_exclusive);
            route.min_read_ts = route.min_read_ts.max(min_read_ts);
        });
    }

    /// Rewrites the routes within the job's range as one new version, each under a new identifier.
    fn rewrite_routes(&mut self, job: &SplitJob, change: impl Fn(&mut Route)) {
        let routes: Vec<Route> = self.routes.intersecting(&job.range).cloned().collect();
        let version = self.routes.version;
        for mut route in routes {
            let range = route.range.clone();
            route.parent = Some(route.id);
            route.id = self.next_route_id;
            self.next_route_id = route.id.successor();
            change(&mut route);
            self.routes.replace(&range, vec![route]);
        }
        self.routes.version = version.successor();
    }

    // J6: a terminal job moves to history in the command that ends it.
    fn store(&mut self, job: SplitJob) {
        if job.phase.is_terminal() {
            self.live.remove(&job.id);
            self.history.insert(job.id, job);
        } else {
            self.live.insert(job.id, job);
        }
    }
}
