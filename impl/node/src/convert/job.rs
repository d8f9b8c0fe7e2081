//! Records of jobs, and the numbers of phases.

use super::garbled;
use crate::api::NodeError;
use splitjob_core::job::{PhaseName, SplitJob};
use splitjob_wire::proto;
use splitjob_wire::proto::SplitJobPhase;
use splitjob_wire::record::JobRecord;

/// A job as clients are shown it.
pub(crate) fn job_message(job: &SplitJob) -> proto::SplitJob {
    JobRecord::of(job).message
}

/// A job as a server shows it.
///
/// # Errors
/// [`NodeError::Unknown`] for a record that no server of this system shows.
pub(crate) fn job(message: proto::SplitJob) -> Result<SplitJob, NodeError> {
    let mut record = JobRecord::default();
    record.message = message;
    record.check().and_then(|()| record.job()).map_err(|error| garbled(&error.to_string()))
}

/// The number of a phase.
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
