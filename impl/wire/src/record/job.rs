//! Records of split jobs: a version byte, then protobuf.
//!
//! The first 33 fields are for readers of the existing system: a projection of what the job's phase knows. The fields from
//! 40 on are exact. A record whose two halves disagree was changed by somebody who knows only one of them, and is refused.

use crate::convert::{Wire, decode, phase_number, present, required, routing_key};
use crate::entry::versioned;
use crate::error::WireError;
use crate::limits::{MAX_MESSAGE_BYTES, check_len};
use crate::proto::{self as api, SplitJobBarrierState, SplitJobExportPhase, SplitJobPhase};
use prost::encoding::{DecodeContext, decode_key, skip_field};
use splitjob_core::group::Window;
use splitjob_core::id::{GroupId, JobEpoch, JobId, Revision, RouteId};
use splitjob_core::job::{FailReason, Phase, PhaseName, SplitJob, WayBack};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The record of the job.
pub fn encode_job(job: &SplitJob) -> Vec<u8> {
    JobRecord::of(job).encode()
}

/// The job in a record.
///
/// # Errors
/// A [`WireError`] if the record is malformed, or not one of this system's.
pub fn decode_job(record: &[u8]) -> Result<SplitJob, WireError> {
    JobRecord::decode(record)?.job()
}

/// The record of a job, field by field, with those that this binary doesn't know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobRecord {
    /// The fields that are known.
    pub message: api::SplitJob,
    unknown: Vec<u8>,
}

impl JobRecord {
    /// The record of the job.
    pub fn of(job: &SplitJob) -> JobRecord {
        JobRecord::default().with(job)
    }

    /// This record with the job's fields in the place of its own; what only others read or write is kept.
    #[must_use]
    pub fn with(mut self, job: &SplitJob) -> JobRecord {
        project(job, &mut self.message);
        self
    }

    /// The job, by the fields from 40 on.
    ///
    /// # Errors
    /// A [`WireError`] if they are not there, or if the fields before say something else.
    pub fn job(&self) -> Result<SplitJob, WireError> {
        let job = exact(&self.message)?;
        if self.clone().with(&job).message != self.message {
            let why = "the fields up to 33 and those from 40 on tell of two different jobs";
            return Err(WireError::invalid(JOB, why));
        }
        Ok(job)
    }

    /// The record's bytes: fields ascending, the unknown ones last.
    pub fn encode(&self) -> Vec<u8> {
        let mut record = versioned(JOB_VERSION, &self.message);
        record.extend(&self.unknown);
        record
    }

    /// The record in the bytes.
    ///
    /// # Errors
    /// A [`WireError`] if they are malformed, of another version, or break a rule of the record.
    pub fn decode(bytes: &[u8]) -> Result<JobRecord, WireError> {
        check_len(JOB, bytes, MAX_MESSAGE_BYTES)?;
        let message = match bytes.split_first() {
            Some((&JOB_VERSION, message)) => message,
            Some((&version, _)) => return Err(WireError::UnknownVersion { what: JOB, version }),
            None => return Err(WireError::Truncated { what: JOB }),
        };
        let record = JobRecord { message: decode(message, JOB)?, unknown: unknown_fields(message)? };
        record.check()?;
        Ok(record)
    }

    /// Checks the rules that every record keeps, whoever wrote it.
    ///
    /// # Errors
    /// A [`WireError`] that names the rule.
    pub fn check(&self) -> Result<(), WireError> {
        let message = &self.message;
        if message.job_id == 0 || message.source_route_id == 0 || message.target_group_id == 0 {
            return Err(WireError::invalid(JOB, "the ids of job, source route and target group can't be zero"));
        }
        check_phases(message)?;
        known::<SplitJobBarrierState>(message.cutover_read_fence_state, "the state of a read fence")?;
        known::<SplitJobBarrierState>(message.target_staged_readiness_state, "the state of a target's readiness")?;
        let mut brackets = BTreeSet::new();
        for bracket in &message.bracket_progress {
            known::<SplitJobExportPhase>(bracket.export_phase, "the export phase of a bracket")?;
            if !brackets.insert(bracket.bracket_id) {
                return Err(WireError::invalid(JOB, format!("bracket {} occurs twice", bracket.bracket_id)));
            }
        }
        Ok(())
    }
}

impl From<api::SplitJob> for JobRecord {
    fn from(message: api::SplitJob) -> JobRecord {
        JobRecord { message, unknown: Vec::new() }
    }
}

fn check_phases(message: &api::SplitJob) -> Result<(), WireError> {
    let phase = known::<SplitJobPhase>(message.phase, "the phase of a job")?;
    if phase == SplitJobPhase::None {
        return Err(WireError::invalid(JOB, "it must have a phase"));
    }
    check_named_phase(
        message.retry_phase,
        phase == SplitJobPhase::Failed,
        SplitJobPhase::Backfill..=SplitJobPhase::Cleanup,
        "a FAILED job, and no other, names the phase of a retry: 2 to 6",
    )?;
    check_named_phase(
        message.abandon_from_phase,
        phase == SplitJobPhase::Abandoning,
        SplitJobPhase::Backfill..=SplitJobPhase::DeltaCopy,
        "an ABANDONING job, and no other, names the phase that it left: 2 to 4",
    )
}

/// A phase that is named if and only if it must be, and then is one of these.
fn check_named_phase(
    number: i32,
    must_be_named: bool,
    allowed: RangeInclusive<SplitJobPhase>,
    why: &str,
) -> Result<(), WireError> {
    let is_allowed = (i32::from(*allowed.start())..=i32::from(*allowed.end())).contains(&number);
    let is_right = if must_be_named { is_allowed } else { number == 0 };
    if is_right { Ok(()) } else { Err(WireError::invalid(JOB, why)) }
}

fn known<E: TryFrom<i32>>(number: i32, what: &'static str) -> Result<E, WireError> {
    E::try_from(number).map_err(|_| WireError::UnknownNumber { what, number: i64::from(number) })
}

/// The fields that the message has no place for, as they stand in the bytes.
fn unknown_fields(message: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut unknown = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let field = rest;
        let (number, wire_type) = decode_key(&mut rest)?;
        skip_field(wire_type, number, &mut rest, DecodeContext::default())?;
        if !KNOWN_FIELDS.iter().any(|known| known.contains(&number)) {
            unknown.extend(&field[..field.len() - rest.len()]);
        }
    }
    Ok(unknown)
}

/// The job in the fields from 40 on, and in those few before that are exact too.
fn exact(message: &api::SplitJob) -> Result<SplitJob, WireError> {
    let end = message.range_end.clone().map(routing_key).transpose()?;
    if end.as_ref().is_some_and(RoutingKey::is_empty) {
        return Err(WireError::invalid(JOB, "the end of its range is empty; leave it out for +∞"));
    }
    Ok(SplitJob {
        id: JobId(message.job_id),
        epoch: JobEpoch(message.epoch),
        revision: Revision(message.revision),
        source_route: RouteId(message.source_route_id),
        source: GroupId(message.source_group_id),
        target: GroupId(message.target_group_id),
        range: KeyRange::new(routing_key(message.split_key.clone())?, end)?,
        options: required(message.options, "the options of a job")?,
        phase: Phase::from_message(present(message.state.clone(), "the phase of a job")?)?,
        started_at_ms: message.started_at_ms as u64,
        updated_at_ms: message.updated_at_ms as u64,
    })
}

/// Writes the job over the message: its exact fields, and what follows from them for other readers.
///
/// Times are the same 64 bits with and without a sign.
fn project(job: &SplitJob, message: &mut api::SplitJob) {
    message.job_id = job.id.0;
    message.source_route_id = job.source_route.0;
    message.split_key = job.range.start().as_bytes().to_vec();
    message.target_group_id = job.target.0;
    message.started_at_ms = job.started_at_ms as i64;
    message.updated_at_ms = job.updated_at_ms as i64;
    message.terminal_at_ms = if job.phase.is_terminal() { job.updated_at_ms as i64 } else { 0 };
    message.epoch = job.epoch.0;
    message.revision = job.revision.0;
    message.source_group_id = job.source.0;
    message.range_end = job.range.end().map(|end| end.as_bytes().to_vec());
    message.options = Some(job.options.to_message());
    message.state = Some(job.phase.to_message());
    message.phase = phase_number(job.phase.name()).into();
    project_phase(&job.phase, message);
}

fn project_phase(phase: &Phase, message: &mut api::SplitJob) {
    clear_phase(message);
    match phase {
        Phase::Planned(_) => {}
        Phase::Backfill(backfill) => project_window(backfill.window, message),
        Phase::Fence(fence) => {
            project_way_back(&fence.way_back, message);
            message.fence_catalog_version = fence.fence_catalog_version.0;
        }
        Phase::DeltaCopy(delta) => {
            project_way_back(&delta.way_back, message);
            message.post_fence_drain_completed = true;
            message.delta_floor = delta.delta_floor.raw();
            message.fence_ts = delta.fence_ts.raw();
        }
        Phase::Cutover(cutover) => {
            project_way_back(&cutover.way_back, message);
            message.post_fence_drain_completed = true;
            message.fence_ts = cutover.fence_ts.raw();
            message.cutover_version = cutover.expected_cutover_version.0;
            message.cutover_read_fence_state = SplitJobBarrierState::Arming.into();
            message.target_staged_readiness_state = SplitJobBarrierState::Arming.into();
        }
        Phase::Cleanup(cleanup) => {
            let barrier = match cleanup.cleared_version {
                Some(_) => SplitJobBarrierState::Clearing,
                None => SplitJobBarrierState::Armed,
            };
            message.post_fence_drain_completed = true;
            message.cutover_version = cleanup.cutover_version.0;
            message.cutover_read_fence_state = barrier.into();
            message.target_staged_readiness_state = barrier.into();
            message.target_promotion_done = cleanup.cleared_version.is_some();
        }
        Phase::Done(done) => {
            message.post_fence_drain_completed = true;
            message.cutover_version = done.cutover_version.0;
            message.target_promotion_done = true;
        }
        Phase::Failed(failed) => {
            project_window(failed.retry.window, message);
            message.retry_phase = SplitJobPhase::Backfill.into();
            message.last_error = reason_text(&failed.reason);
        }
        Phase::Abandoning(abandoning) => {
            message.abandon_from_phase = nearest_abandoned(abandoning.from).into();
        }
        Phase::Abandoned(_) => {}
    }
}

/// Zeroes what depends on the phase.
fn clear_phase(message: &mut api::SplitJob) {
    message.retry_phase = 0;
    message.abandon_from_phase = 0;
    message.snapshot_ts = 0;
    message.write_tracker_armed = false;
    message.delta_floor = 0;
    message.post_fence_drain_completed = false;
    message.fence_ts = 0;
    message.cutover_version = 0;
    message.cutover_read_fence_state = 0;
    message.target_staged_readiness_state = 0;
    message.target_promotion_done = false;
    message.fence_catalog_version = 0;
    message.last_error.clear();
}

// P2: the window is chosen after the tracker stands on every voter.
fn project_window(window: Option<Window>, message: &mut api::SplitJob) {
    message.snapshot_ts = window.map_or(0, |window| window.through.raw());
    message.write_tracker_armed = window.is_some();
}

fn project_way_back(way_back: &WayBack, message: &mut api::SplitJob) {
    message.snapshot_ts = way_back.staged_through.raw();
    message.write_tracker_armed = true;
}

fn reason_text(reason: &FailReason) -> String {
    match reason {
        FailReason::NotConverging => "every pass leaves too much to the next".to_owned(),
        FailReason::FenceAttemptsExhausted => "the cutover never came within its budget".to_owned(),
        FailReason::Refused { message } => message.clone(),
    }
}

/// The existing system abandons from BACKFILL to DELTA_COPY only: the phase of those that has the same things to undo.
fn nearest_abandoned(from: PhaseName) -> SplitJobPhase {
    match from {
        PhaseName::Planned | PhaseName::Backfill | PhaseName::Failed => SplitJobPhase::Backfill,
        PhaseName::Fence => SplitJobPhase::Fence,
        PhaseName::DeltaCopy
        | PhaseName::Cutover
        | PhaseName::Cleanup
        | PhaseName::Done
        | PhaseName::Abandoning
        | PhaseName::Abandoned => SplitJobPhase::DeltaCopy,
    }
}

const JOB: &str = "a job record";
const JOB_VERSION: u8 = 1;
/// The numbers of the fields that the message has.
const KNOWN_FIELDS: [RangeInclusive<u32>; 2] = [1..=33, 40..=45];
