//! Records of split jobs, on the level of their fields.

use super::{expect_decoded, hex, object, optional_bytes};
use crate::vectors::{Number, Row, bytes};
use serde::Deserialize;
use serde_json::{Map, Value};
use splitjob_wire::WireError;
use splitjob_wire::proto::{SplitJob, SplitJobBracketProgress};
use splitjob_wire::record::JobRecord;

/// A job as the vectors write it down, valid or not.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Job {
    job_id: Number,
    source_route_id: Number,
    split_key: Option<String>,
    target_group_id: Number,
    phase: i32,
    retry_phase: i32,
    abandon_from_phase: i32,
    snapshot_ts: Number,
    snapshot_min_admitted_ts: Number,
    write_tracker_armed: bool,
    delta_floor: Number,
    post_fence_drain_completed: bool,
    fence_ts: Number,
    cutover_version: Number,
    cutover_read_fence_state: i32,
    target_staged_readiness_state: i32,
    source_cutover_read_fence_ack_cursor: Option<String>,
    target_staged_readiness_ack_cursor: Option<String>,
    cursor: Option<String>,
    max_imported_ts: Number,
    target_promotion_done: bool,
    promotion_completed_ts: Number,
    fence_catalog_version: Number,
    fence_ack_cursor: Option<String>,
    source_cutover_ack_cursor: Option<String>,
    source_read_drain_cursor: Option<String>,
    target_cleared_descriptor_ack_cursor: Option<String>,
    bracket_progress: Vec<Bracket>,
    source_retention_pin_ts: Number,
    last_error: String,
    /// The bytes of an error that is no text.
    last_error_hex: Option<String>,
    started_at_ms: i64,
    updated_at_ms: i64,
    terminal_at_ms: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Bracket {
    bracket_id: Number,
    family: u32,
    export_phase: i32,
    cursor: Option<String>,
    done: bool,
    scanned_bytes: Number,
    accepted_rows: Number,
    last_acked_batch_seq: Number,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Record(String),
    Check(Check),
    Job(Box<Job>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    encode: Box<Job>,
}

/// A record is read, or a job written; one that may not be is refused by the reader.
pub(crate) fn run(row: &Row) {
    match row.input() {
        Input::Record(record) => expect_decoded(row, JobRecord::decode(&bytes(&record)).map(|job| told(&job))),
        Input::Check(Check { encode: job }) => expect_decoded(row, read_back(&job).map(|job| told(&job))),
        Input::Job(job) if row.expected.is_object() => {
            expect_decoded(row, read_back(&job).map(|job| told(&job)));
        }
        Input::Job(job) => {
            let record = read_back(&job).unwrap_or_else(|error| panic!("{row}: {error}"));
            assert_eq!(record.encode(), row.expected_bytes(), "{row}");
            assert_eq!(JobRecord::decode(&row.expected_bytes()), Ok(record), "{row}");
        }
    }
}

fn read_back(job: &Job) -> Result<JobRecord, WireError> {
    let mut bytes = JobRecord::from(message(job)).encode();
    if let Some(text) = &job.last_error_hex {
        // Field 30, of any bytes: the last value of a field counts.
        let text = crate::vectors::bytes(text);
        bytes.extend([0xf2, 0x01, u8::try_from(text.len()).expect("a vector's text is short")]);
        bytes.extend(text);
    }
    JobRecord::decode(&bytes)
}

fn message(job: &Job) -> SplitJob {
    let bracket = |bracket: &Bracket| SplitJobBracketProgress {
        bracket_id: bracket.bracket_id.0,
        family: bracket.family,
        export_phase: bracket.export_phase,
        cursor: optional_bytes(bracket.cursor.as_ref()),
        done: bracket.done,
        scanned_bytes: bracket.scanned_bytes.0,
        accepted_rows: bracket.accepted_rows.0,
        last_acked_batch_seq: bracket.last_acked_batch_seq.0,
    };
    SplitJob {
        job_id: job.job_id.0,
        source_route_id: job.source_route_id.0,
        split_key: optional_bytes(job.split_key.as_ref()),
        target_group_id: job.target_group_id.0,
        phase: job.phase,
        retry_phase: job.retry_phase,
        abandon_from_phase: job.abandon_from_phase,
        snapshot_ts: job.snapshot_ts.0,
        snapshot_min_admitted_ts: job.snapshot_min_admitted_ts.0,
        write_tracker_armed: job.write_tracker_armed,
        delta_floor: job.delta_floor.0,
        post_fence_drain_completed: job.post_fence_drain_completed,
        fence_ts: job.fence_ts.0,
        cutover_version: job.cutover_version.0,
        cutover_read_fence_state: job.cutover_read_fence_state,
        target_staged_readiness_state: job.target_staged_readiness_state,
        source_cutover_read_fence_ack_cursor: optional_bytes(job.source_cutover_read_fence_ack_cursor.as_ref()),
        target_staged_readiness_ack_cursor: optional_bytes(job.target_staged_readiness_ack_cursor.as_ref()),
        cursor: optional_bytes(job.cursor.as_ref()),
        max_imported_ts: job.max_imported_ts.0,
        target_promotion_done: job.target_promotion_done,
        promotion_completed_ts: job.promotion_completed_ts.0,
        fence_catalog_version: job.fence_catalog_version.0,
        fence_ack_cursor: optional_bytes(job.fence_ack_cursor.as_ref()),
        source_cutover_ack_cursor: optional_bytes(job.source_cutover_ack_cursor.as_ref()),
        source_read_drain_cursor: optional_bytes(job.source_read_drain_cursor.as_ref()),
        target_cleared_descriptor_ack_cursor: optional_bytes(job.target_cleared_descriptor_ack_cursor.as_ref()),
        bracket_progress: job.bracket_progress.iter().map(bracket).collect(),
        source_retention_pin_ts: job.source_retention_pin_ts.0,
        last_error: job.last_error.clone(),
        started_at_ms: job.started_at_ms,
        updated_at_ms: job.updated_at_ms,
        terminal_at_ms: job.terminal_at_ms,
        ..SplitJob::default()
    }
}

fn told(job: &JobRecord) -> Map<String, Value> {
    let job = &job.message;
    object([
        ("job_id", job.job_id.into()),
        ("source_route_id", job.source_route_id.into()),
        ("split_key", hex(&job.split_key)),
        ("target_group_id", job.target_group_id.into()),
        ("phase", job.phase.into()),
        ("retry_phase", job.retry_phase.into()),
        ("abandon_from_phase", job.abandon_from_phase.into()),
        ("snapshot_ts", job.snapshot_ts.into()),
        ("fence_ts", job.fence_ts.into()),
        ("cutover_version", job.cutover_version.into()),
        ("max_imported_ts", job.max_imported_ts.into()),
        ("last_error", job.last_error.clone().into()),
        ("started_at_ms", job.started_at_ms.into()),
        ("updated_at_ms", job.updated_at_ms.into()),
        ("terminal_at_ms", job.terminal_at_ms.into()),
    ])
}
