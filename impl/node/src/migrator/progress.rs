//! What a migrator has counted of a job: for people, never for a decision.

use crate::api::JobProgress;
use splitjob_core::group::{BracketBatch, Outcome};
use splitjob_core::version::Content;
use std::collections::VecDeque;

/// Rows and bytes copied, and when.
#[derive(Debug, Default)]
pub(super) struct Counters {
    rows: u64,
    bytes: u64,
    swept: u64,
    pass_rows: u64,
    lately: VecDeque<Carried>,
}

#[derive(Debug)]
struct Carried {
    at_ms: u64,
    rows: u64,
    bytes: u64,
}

impl Counters {
    /// A pass begins or goes on, and so many of its rows are on the target.
    pub(super) fn begin_pass(&mut self, rows_before: u64) {
        self.pass_rows = rows_before;
    }

    pub(super) fn imported(&mut self, now_ms: u64, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        self.pass_rows += rows;
        self.lately.push_back(Carried { at_ms: now_ms, rows, bytes });
        self.lately.retain(|carried| carried.at_ms + RATE_MS > now_ms);
    }

    pub(super) fn swept(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Promoted { rows } | Outcome::Deleted { rows } => self.swept += rows,
            Outcome::Unchanged
            | Outcome::Written { .. }
            | Outcome::Prepared
            | Outcome::Committed { .. }
            | Outcome::Aborted
            | Outcome::PrefixDeleted { .. }
            | Outcome::CeilingRaised { .. }
            | Outcome::Bound { .. }
            | Outcome::Adopted { .. }
            | Outcome::Collected { .. }
            | Outcome::Armed
            | Outcome::Imported { .. }
            | Outcome::Closed => {}
        }
    }

    /// All of it, beside what the pass is expected to carry.
    pub(super) fn progress(&self, now_ms: u64, rows_expected: Option<u64>) -> JobProgress {
        let lately = self.lately.iter().filter(|carried| carried.at_ms + RATE_MS > now_ms);
        let (rows_per_s, bytes_per_s) =
            lately.fold((0, 0), |(rows, bytes), carried| (rows + carried.rows, bytes + carried.bytes));
        let left = rows_expected.map(|expected| expected.saturating_sub(self.pass_rows));
        JobProgress {
            rows: self.rows,
            bytes: self.bytes,
            rows_per_s,
            bytes_per_s,
            rows_expected,
            eta_ms: left.filter(|_| rows_per_s > 0).map(|left| left.saturating_mul(RATE_MS) / rows_per_s),
            swept: self.swept,
        }
    }
}

/// Rows, and bytes of keys and values, of an import.
pub(super) fn size(batches: &[BracketBatch]) -> (u64, u64) {
    let rows = batches.iter().flat_map(|batch| &batch.rows);
    rows.fold((0, 0), |(rows, bytes), row| {
        let value = match &row.version.content {
            Content::Put { value, .. } => value.len(),
            Content::Tombstone => 0,
        };
        (rows + 1, bytes + (row.key.as_bytes().len() + value) as u64)
    })
}

/// Rates are of the last second.
const RATE_MS: u64 = 1_000;
