//! The steps of a job record: which phase takes which step, and what the step does to the routes.

use super::{Advance, AdvanceJob, Catalog, CatalogOutcome, CatalogRejection, Route, RouteState};
use crate::gate::{Gate, Gates};
use crate::id::CatalogVersion;
use crate::job::{
    Abandoned, Abandoning, Backfill, Cleanup, Cutover, DeltaCopy, Done, FailReason, Failed, Fence, Phase, PhaseName,
    SplitJob, WayBack,
};
use crate::timestamp::Timestamp;

impl Catalog {
    /// One compare-and-swap on the record, and on the routes where the step changes them (J3, C5).
    pub(super) fn advance_job(
        &mut self,
        request: &AdvanceJob,
        gates: Gates,
    ) -> Result<CatalogOutcome, CatalogRejection> {
        let job = self.live.get(&request.job).ok_or(CatalogRejection::NoLiveJob { job: request.job })?;
        if !gates.passes(Gate::JobRevision, request.expected_revision == job.revision) {
            return Err(CatalogRejection::RevisionMoved {
                job: job.id,
                expected: request.expected_revision,
                current: job.revision,
            });
        }
        if !request.advance.gives_back() {
            self.check_capable(request.now_ms, gates)?;
        }
        let changes_routes = request.advance.changes_routes(job);
        if changes_routes {
            self.check_version(request.expected_version, gates)?;
        }
        let mut job = job.clone();
        let (routes_before, held_fence) = (self.routes.version, job.holds_fence());
        job.phase = self.next_phase(&mut job, request, gates)?;
        job.revision = job.revision.successor();
        job.updated_at_ms = request.now_ms;
        self.change_routes(&job, &request.advance, held_fence, gates);
        debug_assert_eq!(self.routes.version != routes_before, changes_routes);
        let outcome = CatalogOutcome::JobAdvanced { revision: job.revision, version: self.routes.version };
        self.store(job);
        Ok(outcome)
    }

    /// The phase after the step; the epoch rises with a new migrator, with a new arming, and where guards of the attempt
    /// before are taken back (J2, J4).
    fn next_phase(&self, job: &mut SplitJob, request: &AdvanceJob, gates: Gates) -> Result<Phase, CatalogRejection> {
        let next_version = self.routes.version.successor();
        let name = job.phase.name();
        let wrong_phase = || CatalogRejection::WrongPhase { job: job.id, phase: name };
        let mut is_new_attempt = false;
        let phase = match (&job.phase, &request.advance) {
            (phase, Advance::TakeOver) => {
                is_new_attempt = true;
                phase.clone()
            }
            (_, Advance::Abandon) if job.can_be_abandoned() => {
                is_new_attempt = gates.stands(Gate::AbandonRaisesEpoch);
                Phase::Abandoning(Abandoning { from: name })
            }
            (Phase::Planned(_), Advance::BeginBackfill) => Phase::Backfill(Backfill::first()),
            (Phase::Backfill(backfill), advance) => {
                // J10: a fence and the lifting of the one before must not carry the same token.
                let is_fenced_again = backfill.was_fenced && matches!(advance, Advance::BeginFence);
                is_new_attempt = is_fenced_again && gates.stands(Gate::FenceInNewAttempt);
                self.after_backfill(job, backfill, advance, request.now_ms)?
            }
            (Phase::Fence(Fence { way_back, .. }), Advance::BeginDeltaCopy { delta_floor, fence_ts }) => {
                let way_back = way_back.clone();
                Phase::DeltaCopy(DeltaCopy { way_back, delta_floor: *delta_floor, fence_ts: *fence_ts })
            }
            (Phase::DeltaCopy(DeltaCopy { way_back, fence_ts, .. }), Advance::ArmCutover) => {
                let (way_back, fence_ts) = (way_back.clone(), *fence_ts);
                Phase::Cutover(Cutover { way_back, fence_ts, expected_cutover_version: next_version })
            }
            (Phase::Cutover(cutover), Advance::ArmCutover) => {
                is_new_attempt = true;
                Phase::Cutover(Cutover { expected_cutover_version: next_version, ..cutover.clone() })
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
            (Phase::Failed(failed), Advance::Retry) => Phase::Backfill(retried(failed)),
            (Phase::Abandoning(Abandoning { from }), Advance::FinishAbandon) => {
                Phase::Abandoned(Abandoned { from: *from })
            }
            (_, Advance::Unfence) => {
                is_new_attempt = true;
                Phase::Backfill(given_back(job.way_back().ok_or_else(wrong_phase)?))
            }
            (Phase::Cleanup(_), Advance::Abandon) => return Err(CatalogRejection::TooLateToAbandon { job: job.id }),
            _ => return Err(wrong_phase()),
        };
        if is_new_attempt {
            job.epoch = job.epoch.successor();
        }
        Ok(phase)
    }

    // P2, J7, J10
    fn after_backfill(
        &self,
        job: &SplitJob,
        backfill: &Backfill,
        advance: &Advance,
        now_ms: u64,
    ) -> Result<Phase, CatalogRejection> {
        Ok(match (advance, backfill.window) {
            (Advance::ChooseWindow { window }, None) => {
                Phase::Backfill(Backfill { window: Some(*window), ..backfill.clone() })
            }
            (Advance::NextRound, Some(window)) => Phase::Backfill(backfill.next_round(window)),
            (Advance::BeginFence, Some(window)) => {
                self.check_fence_route(job)?;
                let way_back = WayBack {
                    round: backfill.round,
                    staged_through: window.through,
                    fence_attempts: backfill.fence_attempts,
                    fenced_at_ms: now_ms,
                };
                Phase::Fence(Fence { way_back, fence_catalog_version: self.routes.version.successor() })
            }
            (Advance::Fail { reason }, _) => Phase::Failed(Failed { retry: backfill.clone(), reason: reason.clone() }),
            _ => return Err(CatalogRejection::WrongPhase { job: job.id, phase: PhaseName::Backfill }),
        })
    }

    // P3: one route must still cover the range, whole and at rest.
    fn check_fence_route(&self, job: &SplitJob) -> Result<(), CatalogRejection> {
        let route = self.routes.covering(job.range.start());
        if route.from_key(job.range.start()).as_ref() != Some(&job.range) {
            return Err(CatalogRejection::SplitKeyOutside { route: route.id, at: job.range.start().clone() });
        }
        Ok(())
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
        if !gates.passes(Gate::CutoverVersionMatches, armed == next) {
            return Err(CatalogRejection::CutoverVersionMoved { job: job.id, armed, next });
        }
        Ok(())
    }

    fn change_routes(&mut self, job: &SplitJob, advance: &Advance, held_fence: bool, gates: Gates) {
        match advance {
            Advance::BeginFence => self.fence_route(job),
            Advance::CommitCutover { min_write_ts_exclusive, min_read_ts } => {
                self.commit_cutover(job, *min_write_ts_exclusive, *min_read_ts);
            }
            Advance::ClearStaged => self.rewrite_routes(job, |route| route.staged_for = None),
            Advance::Unfence => self.rewrite_routes(job, |route| route.state = RouteState::Active),
            Advance::Abandon if held_fence => self.rewrite_routes(job, |route| {
                if gates.stands(Gate::AbandonUnfencesRoute) {
                    route.state = RouteState::Active;
                }
            }),
            Advance::Abandon
            | Advance::TakeOver
            | Advance::BeginBackfill
            | Advance::ChooseWindow { .. }
            | Advance::NextRound
            | Advance::BeginDeltaCopy { .. }
            | Advance::ArmCutover
            | Advance::Finish
            | Advance::Fail { .. }
            | Advance::Retry
            | Advance::FinishAbandon => {}
        }
    }

    // P3: a route that the range is the right part of is split; one that it is all of is marked.
    fn fence_route(&mut self, job: &SplitJob) {
        let route = self.routes.covering(job.range.start()).clone();
        if route.range == job.range {
            self.rewrite_routes(job, |route| route.state = RouteState::WriteFenced);
        } else {
            self.split_route(&route, job.range.start(), RouteState::WriteFenced);
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

/// Where copying goes on when a fenced range is given back: after the passes that are complete (J10).
fn given_back(way_back: &WayBack) -> Backfill {
    Backfill {
        // The pass under the fence may have begun: its number is used up.
        round: way_back.round.successor().successor(),
        window: None,
        staged_through: way_back.staged_through,
        passes: 0,
        fence_attempts: way_back.fence_attempts + 1,
        was_fenced: true,
    }
}

/// A retry undoes nothing; what the job had run out of, it has anew (J7).
///
/// A pass that carried too much is complete. Judged again, it would fail the job again at once where one pass is all that
/// the options allow, so the retry begins the next one (P2).
fn retried(failed: &Failed) -> Backfill {
    let went_on = match (&failed.reason, failed.retry.window) {
        (FailReason::NotConverging, Some(window)) => failed.retry.next_round(window),
        (FailReason::NotConverging | FailReason::FenceAttemptsExhausted | FailReason::Refused { .. }, _) => {
            failed.retry.clone()
        }
    };
    Backfill { passes: 0, fence_attempts: 0, ..went_on }
}
