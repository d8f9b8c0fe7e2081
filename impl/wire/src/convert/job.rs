//! What a job record knows: options, phases, reasons.

use super::{Wire, optional, present, required};
use crate::error::WireError;
use crate::proto::{self as api, SplitJobPhase, fail_reason, job_phase};
use splitjob_core::id::{CatalogVersion, CopyRound};
use splitjob_core::job::{
    Abandoned, Abandoning, Backfill, Cleanup, Cutover, DeltaCopy, Done, FailReason, Failed, Fence, JobOptions, Phase,
    PhaseName, Planned, WayBack,
};
use splitjob_core::timestamp::Timestamp;

/// The number of a phase in records and on the wire.
pub(crate) fn phase_number(phase: PhaseName) -> SplitJobPhase {
    match phase {
        PhaseName::Planned => SplitJobPhase::Planned,
        PhaseName::Backfill => SplitJobPhase::Backfill,
        PhaseName::Fence => SplitJobPhase::Fence,
        PhaseName::DeltaCopy => SplitJobPhase::DeltaCopy,
        PhaseName::Cutover => SplitJobPhase::Cutover,
        PhaseName::Cleanup => SplitJobPhase::Cleanup,
        PhaseName::Done => SplitJobPhase::Done,
        PhaseName::Failed => SplitJobPhase::Failed,
        PhaseName::Abandoning => SplitJobPhase::Abandoning,
        PhaseName::Abandoned => SplitJobPhase::Abandoned,
    }
}

/// The phase with this number.
pub(crate) fn phase_from_number(number: i32) -> Result<PhaseName, WireError> {
    let unknown = WireError::UnknownNumber { what: "a phase", number: i64::from(number) };
    match SplitJobPhase::try_from(number).map_err(|_| unknown.clone())? {
        SplitJobPhase::None => Err(unknown),
        SplitJobPhase::Planned => Ok(PhaseName::Planned),
        SplitJobPhase::Backfill => Ok(PhaseName::Backfill),
        SplitJobPhase::Fence => Ok(PhaseName::Fence),
        SplitJobPhase::DeltaCopy => Ok(PhaseName::DeltaCopy),
        SplitJobPhase::Cutover => Ok(PhaseName::Cutover),
        SplitJobPhase::Cleanup => Ok(PhaseName::Cleanup),
        SplitJobPhase::Done => Ok(PhaseName::Done),
        SplitJobPhase::Failed => Ok(PhaseName::Failed),
        SplitJobPhase::Abandoning => Ok(PhaseName::Abandoning),
        SplitJobPhase::Abandoned => Ok(PhaseName::Abandoned),
    }
}

impl Wire for JobOptions {
    type Message = api::JobOptions;

    fn to_message(&self) -> api::JobOptions {
        api::JobOptions {
            chunk_bytes: self.chunk_bytes,
            chunk_rows: self.chunk_rows,
            scan_rows: self.scan_rows,
            sweep_rows: self.sweep_rows,
            delta_rows: self.delta_rows,
            max_rounds: self.max_rounds,
            fence_budget_ms: self.fence_budget_ms,
            max_fence_attempts: self.max_fence_attempts,
        }
    }

    fn from_message(message: api::JobOptions) -> Result<JobOptions, WireError> {
        Ok(JobOptions {
            chunk_bytes: message.chunk_bytes,
            chunk_rows: message.chunk_rows,
            scan_rows: message.scan_rows,
            sweep_rows: message.sweep_rows,
            delta_rows: message.delta_rows,
            max_rounds: message.max_rounds,
            fence_budget_ms: message.fence_budget_ms,
            max_fence_attempts: message.max_fence_attempts,
        })
    }
}

impl Wire for Phase {
    type Message = api::JobPhase;

    fn to_message(&self) -> api::JobPhase {
        let phase = match self {
            Phase::Planned(Planned {}) => job_phase::Phase::Planned(api::PlannedPhase {}),
            Phase::Backfill(phase) => job_phase::Phase::Backfill(phase.to_message()),
            Phase::Fence(phase) => job_phase::Phase::Fence(fence_message(phase)),
            Phase::DeltaCopy(phase) => job_phase::Phase::DeltaCopy(delta_copy_message(phase)),
            Phase::Cutover(phase) => job_phase::Phase::Cutover(cutover_message(phase)),
            Phase::Cleanup(phase) => job_phase::Phase::Cleanup(api::CleanupPhase {
                cutover_version: phase.cutover_version.0,
                cleared_version: phase.cleared_version.map(|version| version.0),
            }),
            Phase::Done(phase) => job_phase::Phase::Done(api::DonePhase { cutover_version: phase.cutover_version.0 }),
            Phase::Failed(phase) => job_phase::Phase::Failed(api::FailedPhase {
                retry: Some(phase.retry.to_message()),
                reason: Some(phase.reason.to_message()),
            }),
            Phase::Abandoning(phase) => job_phase::Phase::Abandoning(abandoned_message(phase.from)),
            Phase::Abandoned(phase) => job_phase::Phase::Abandoned(abandoned_message(phase.from)),
        };
        api::JobPhase { phase: Some(phase) }
    }

    fn from_message(message: api::JobPhase) -> Result<Phase, WireError> {
        Ok(match present(message.phase, "the phase of a job")? {
            job_phase::Phase::Planned(api::PlannedPhase {}) => Phase::Planned(Planned {}),
            job_phase::Phase::Backfill(phase) => Phase::Backfill(Backfill::from_message(phase)?),
            job_phase::Phase::Fence(phase) => Phase::Fence(Fence {
                way_back: way_back(phase.way_back)?,
                fence_catalog_version: CatalogVersion(phase.fence_catalog_version),
            }),
            job_phase::Phase::DeltaCopy(phase) => Phase::DeltaCopy(DeltaCopy {
                way_back: way_back(phase.way_back)?,
                delta_floor: Timestamp::from_raw(phase.delta_floor),
                fence_ts: Timestamp::from_raw(phase.fence_ts),
            }),
            job_phase::Phase::Cutover(phase) => Phase::Cutover(Cutover {
                way_back: way_back(phase.way_back)?,
                fence_ts: Timestamp::from_raw(phase.fence_ts),
                expected_cutover_version: CatalogVersion(phase.expected_cutover_version),
            }),
            job_phase::Phase::Cleanup(phase) => Phase::Cleanup(Cleanup {
                cutover_version: CatalogVersion(phase.cutover_version),
                cleared_version: phase.cleared_version.map(CatalogVersion),
            }),
            job_phase::Phase::Done(phase) => {
                Phase::Done(Done { cutover_version: CatalogVersion(phase.cutover_version) })
            }
            job_phase::Phase::Failed(phase) => Phase::Failed(Failed {
                retry: required(phase.retry, "where a failed job goes on")?,
                reason: required(phase.reason, "why a job failed")?,
            }),
            job_phase::Phase::Abandoning(phase) => {
                Phase::Abandoning(Abandoning { from: phase_from_number(phase.from)? })
            }
            job_phase::Phase::Abandoned(phase) => Phase::Abandoned(Abandoned { from: phase_from_number(phase.from)? }),
        })
    }
}

fn fence_message(phase: &Fence) -> api::FencePhase {
    api::FencePhase {
        way_back: Some(phase.way_back.to_message()),
        fence_catalog_version: phase.fence_catalog_version.0,
    }
}

fn delta_copy_message(phase: &DeltaCopy) -> api::DeltaCopyPhase {
    api::DeltaCopyPhase {
        way_back: Some(phase.way_back.to_message()),
        delta_floor: phase.delta_floor.raw(),
        fence_ts: phase.fence_ts.raw(),
    }
}

fn cutover_message(phase: &Cutover) -> api::CutoverPhase {
    api::CutoverPhase {
        way_back: Some(phase.way_back.to_message()),
        fence_ts: phase.fence_ts.raw(),
        expected_cutover_version: phase.expected_cutover_version.0,
    }
}

fn abandoned_message(from: PhaseName) -> api::AbandonedPhase {
    api::AbandonedPhase { from: phase_number(from).into() }
}

fn way_back(message: Option<api::WayBack>) -> Result<WayBack, WireError> {
    required(message, "the way back of a fenced job")
}

impl Wire for Backfill {
    type Message = api::BackfillPhase;

    fn to_message(&self) -> api::BackfillPhase {
        api::BackfillPhase {
            round: self.round.0,
            window: self.window.as_ref().map(Wire::to_message),
            staged_through: self.staged_through.raw(),
            passes: self.passes,
            fence_attempts: self.fence_attempts,
            was_fenced: self.was_fenced,
        }
    }

    fn from_message(message: api::BackfillPhase) -> Result<Backfill, WireError> {
        Ok(Backfill {
            round: CopyRound(message.round),
            window: optional(message.window)?,
            staged_through: Timestamp::from_raw(message.staged_through),
            passes: message.passes,
            fence_attempts: message.fence_attempts,
            was_fenced: message.was_fenced,
        })
    }
}

impl Wire for WayBack {
    type Message = api::WayBack;

    fn to_message(&self) -> api::WayBack {
        api::WayBack {
            round: self.round.0,
            staged_through: self.staged_through.raw(),
            fence_attempts: self.fence_attempts,
            fenced_at_ms: self.fenced_at_ms,
        }
    }

    fn from_message(message: api::WayBack) -> Result<WayBack, WireError> {
        Ok(WayBack {
            round: CopyRound(message.round),
            staged_through: Timestamp::from_raw(message.staged_through),
            fence_attempts: message.fence_attempts,
            fenced_at_ms: message.fenced_at_ms,
        })
    }
}

impl Wire for FailReason {
    type Message = api::FailReason;

    fn to_message(&self) -> api::FailReason {
        let reason = match self {
            FailReason::NotConverging => fail_reason::Reason::NotConverging(api::NotConverging {}),
            FailReason::FenceAttemptsExhausted => {
                fail_reason::Reason::FenceAttemptsExhausted(api::FenceAttemptsExhausted {})
            }
            FailReason::Refused { message } => fail_reason::Reason::Refused(message.clone()),
        };
        api::FailReason { reason: Some(reason) }
    }

    fn from_message(message: api::FailReason) -> Result<FailReason, WireError> {
        Ok(match present(message.reason, "why a job failed")? {
            fail_reason::Reason::NotConverging(api::NotConverging {}) => FailReason::NotConverging,
            fail_reason::Reason::FenceAttemptsExhausted(api::FenceAttemptsExhausted {}) => {
                FailReason::FenceAttemptsExhausted
            }
            fail_reason::Reason::Refused(message) => FailReason::Refused { message },
        })
    }
}
