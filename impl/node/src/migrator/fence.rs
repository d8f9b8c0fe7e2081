//! How long a job's range has been fenced, and may be (J10).

use splitjob_core::job::{Phase, SplitJob, WayBack};

/// How long the range has been fenced, and may be, in milliseconds; absent where no fence stands.
pub(super) fn stood_ms(job: &SplitJob, wall_ms: u64) -> Option<(u64, u64)> {
    way_back(job).map(|way_back| (wall_ms.saturating_sub(way_back.fenced_at_ms), job.options.fence_budget_ms))
}

/// What is left of the fence's budget, in milliseconds; absent where no fence stands.
pub(super) fn left_ms(job: &SplitJob, wall_ms: u64) -> Option<u64> {
    stood_ms(job, wall_ms).map(|(stood, budget)| budget.saturating_sub(stood))
}

/// How long a call may take: no longer than the fence may stand, so that nothing holds up its lifting. Once its budget
/// is over, what lifts it has all the time it needs.
pub(super) fn patience_ms(job: &SplitJob, wall_ms: u64, at_rest_ms: u64) -> u64 {
    match left_ms(job, wall_ms) {
        Some(left) if left > 0 => at_rest_ms.min(left),
        Some(_) | None => at_rest_ms,
    }
}

/// Whether writers have waited as long as they may.
pub(super) fn is_overdue(job: &SplitJob, wall_ms: u64) -> bool {
    left_ms(job, wall_ms) == Some(0)
}

/// What the record knows of the fence; absent where none stands.
pub(super) fn way_back(job: &SplitJob) -> Option<&WayBack> {
    match &job.phase {
        Phase::Fence(phase) => Some(&phase.way_back),
        Phase::DeltaCopy(phase) => Some(&phase.way_back),
        Phase::Cutover(phase) => Some(&phase.way_back),
        Phase::Planned(_)
        | Phase::Backfill(_)
        | Phase::Cleanup(_)
        | Phase::Done(_)
        | Phase::Failed(_)
        | Phase::Abandoning(_)
        | Phase::Abandoned(_) => None,
    }
}
