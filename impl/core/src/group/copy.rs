//! Copying a range: what the source exports, what the target stages, and how far they have come (K3, P2, P4, G6, G7).

use super::Group;
use super::command::{JobCommand, Outcome};
use super::guards::{Role, TargetGuards};
use super::ownership::Ownership;
use super::rejection::Rejection;
use crate::gate::{Gate, Gates};
use crate::id::{BatchSeq, CopyRound};
use crate::job::JobOptions;
use crate::key::{Bracket, BracketId, RawInterval, RawKey, bracket_ids, export_plan, route_key};
use crate::range::KeyRange;
use crate::store::{Keyspace, Row, VersionReader, VersionStore};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The versions that one pass carries: above `after`, up to `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Exclusive.
    pub after: Timestamp,
    /// Inclusive.
    pub through: Timestamp,
}

impl Window {
    fn contains(&self, commit_ts: Timestamp) -> bool {
        self.after < commit_ts && commit_ts <= self.through
    }
}

/// A position in a bracket: keys ascending, the versions of a key newest first. An export resumes strictly after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The raw key.
    pub key: RawKey,
    /// The commit timestamp.
    pub commit_ts: Timestamp,
    /// Whether the row was taken.
    pub tag: CursorTag,
}

/// What became of the row at a cursor: a window of rejected rows must not be scanned for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CursorTag {
    /// It is the last row of the batch.
    Emitted,
    /// It was looked at and not taken.
    Scanned,
}

impl Cursor {
    fn precedes(&self, row: &Row) -> bool {
        row.key > self.key || (row.key == self.key && row.version.commit_ts < self.commit_ts)
    }
}

/// Rows of one bracket on their way; an empty batch is a batch (G6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BracketBatch {
    /// The bracket.
    pub bracket: BracketId,
    /// Its position in the bracket's sequence, from 1.
    pub seq: BatchSeq,
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next batch starts.
    pub cursor: Option<Cursor>,
    /// No row of the bracket is left in this pass.
    pub done: bool,
}

/// How far one bracket has come on the target (G6).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BracketProgress {
    /// The highest contiguous batch.
    pub high: BatchSeq,
    /// Where the next one starts.
    pub cursor: Option<Cursor>,
    /// No further one is expected in this pass.
    pub done: bool,
}

/// How far a copy has come on the target, by bracket, within the newest pass (G6).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ImportProgress {
    /// The newest pass.
    pub round: CopyRound,
    /// Rows that it has staged: how much was left for it tells how much the next one will be left (P2).
    pub rows: u64,
    /// The brackets that have had a batch in it.
    pub brackets: BTreeMap<BracketId, BracketProgress>,
}

impl ImportProgress {
    /// The progress, as seen by a pass: an older pass counts for nothing in a newer one.
    pub fn within(&self, round: CopyRound) -> ImportProgress {
        if self.round == round {
            return self.clone();
        }
        ImportProgress { round, rows: 0, brackets: BTreeMap::new() }
    }

    /// Whether every bracket is done in this pass.
    pub fn is_complete(&self, round: CopyRound, gates: Gates) -> bool {
        let wanted = if gates.stands(Gate::ExportByRoutingKey) { usize::MAX } else { 1 };
        let is_done = |bracket: BracketId| self.brackets.get(&bracket).is_some_and(|at| at.done);
        self.round == round && bracket_ids().take(wanted).all(is_done)
    }

    /// The progress after these batches: what a sender that doesn't wait for answers goes on from.
    pub fn after(&self, round: CopyRound, batches: &[BracketBatch]) -> ImportProgress {
        let mut progress = self.within(round);
        for batch in batches {
            let at = BracketProgress { high: batch.seq, cursor: batch.cursor.clone(), done: batch.done };
            progress.brackets.insert(batch.bracket, at);
            progress.rows += batch.rows.len() as u64;
        }
        progress
    }
}

/// The brackets of a range (K3); without the gate, as if every row were stored where it routes.
pub(super) fn plan(range: &KeyRange, gates: Gates) -> Vec<Bracket> {
    let mut plan = export_plan(range);
    if !gates.stands(Gate::ExportByRoutingKey) {
        plan.truncate(1);
    }
    plan
}

/// The next batches of a pass, in the order of the plan, within the job's bounds for one entry (K3, P2, P4).
///
/// `source` is the source's store, or a snapshot of it that was taken after the pass began. Empty when the pass is complete.
pub fn next_import(
    source: &impl VersionReader,
    range: &KeyRange,
    window: Window,
    progress: &ImportProgress,
    options: &JobOptions,
    gates: Gates,
) -> Vec<BracketBatch> {
    let mut budget = Budget { rows: options.chunk_rows, bytes: options.chunk_bytes, scanned: options.scan_rows };
    let mut batches = Vec::new();
    for bracket in plan(range, gates) {
        let at = progress.brackets.get(&bracket.id).cloned().unwrap_or_default();
        if at.done {
            continue;
        }
        let batch = export_bracket(source, &bracket, range, window, &at, &mut budget, gates);
        let is_done = batch.done;
        batches.push(batch);
        if !is_done {
            break;
        }
    }
    batches
}

/// What is left of the bounds for one entry.
struct Budget {
    rows: u64,
    bytes: u64,
    scanned: u64,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0 || self.scanned == 0
    }

    fn take(&mut self, row: &Row) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size(row));
    }
}

fn size(row: &Row) -> u64 {
    let value = match &row.version.content {
        crate::version::Content::Put { value, .. } => value.len(),
        crate::version::Content::Tombstone => 0,
    };
    (row.key.as_bytes().len() + value) as u64
}

fn export_bracket(
    source: &impl VersionReader,
    bracket: &Bracket,
    range: &KeyRange,
    window: Window,
    at: &BracketProgress,
    budget: &mut Budget,
    gates: Gates,
) -> BracketBatch {
    let mut batch = BracketBatch {
        bracket: bracket.id,
        seq: at.high.successor(),
        rows: Vec::new(),
        cursor: at.cursor.clone(),
        done: true,
    };
    let rows = spans(bracket, at.cursor.as_ref().map(|cursor| &cursor.key));
    let rows = rows.iter().flat_map(|span| source.walk_window(span, window));
    for row in rows.filter(|row| at.cursor.as_ref().is_none_or(|cursor| cursor.precedes(row))) {
        if budget.is_spent() {
            batch.done = false;
            break;
        }
        budget.scanned -= 1;
        // K2: the bracket may hold rows that route elsewhere.
        let routes_here = range.contains(&route_key(&row.key)) || !gates.stands(Gate::ExportChecksRows);
        let is_ours = routes_here && window.contains(row.version.commit_ts);
        let is_taken = is_ours && (gates.stands(Gate::ExportRawVersions) || !row.version.is_tombstone());
        let tag = if is_taken { CursorTag::Emitted } else { CursorTag::Scanned };
        batch.cursor = Some(Cursor { key: row.key.clone(), commit_ts: row.version.commit_ts, tag });
        if is_taken {
            budget.take(&row);
            batch.rows.push(row);
        }
    }
    batch
}

/// The raw intervals of a bracket from a key on: its own, less what it skips (K3).
pub(super) fn spans(bracket: &Bracket, from: Option<&RawKey>) -> Vec<RawInterval> {
    let start = from.map_or(&bracket.start, |key| key.max(&bracket.start)).clone();
    let mut spans = Vec::new();
    let mut rest = RawInterval { start, end: bracket.end.clone() };
    for skip in &bracket.skips {
        let Some(skip_end) = &skip.end else {
            rest.end = Some(skip.start.clone());
            break;
        };
        if *skip_end <= rest.start {
            continue;
        }
        spans.push(RawInterval { start: rest.start.clone(), end: Some(skip.start.clone()) });
        rest.start = skip_end.clone().max(rest.start);
    }
    spans.push(rest);
    spans.retain(|span| span.end.as_ref().is_none_or(|end| span.start < *end));
    spans
}

impl<S: VersionStore> Group<S> {
    // G6, G7: batches and what they raise are one entry.
    pub(super) fn import(
        &mut self,
        command: &JobCommand,
        round: CopyRound,
        batches: &[BracketBatch],
        gates: Gates,
    ) -> Result<Outcome, Rejection> {
        let mut guards = self.target_guards(command)?;
        if gates.stands(Gate::BatchDedup) && round < guards.imported.round {
            return Ok(Outcome::Unchanged);
        }
        if self.serves(&command.range) && gates.stands(Gate::BatchDedup) {
            return Ok(Outcome::Unchanged);
        }
        let mut progress = guards.imported.within(round);
        let mut rows = Vec::new();
        for batch in batches {
            if accepts(&progress, batch, gates)? {
                if gates.stands(Gate::ForeignRowRefused) {
                    check_rows(batch, &command.range)?;
                }
                progress = progress.after(round, std::slice::from_ref(batch));
                rows.extend(&batch.rows);
            }
        }
        if progress == guards.imported && rows.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        guards.imported = progress;
        let count = rows.len() as u64;
        self.stage(command, guards, rows, gates);
        Ok(Outcome::Imported { rows: count })
    }

    fn stage(&mut self, command: &JobCommand, mut guards: TargetGuards, rows: Vec<&Row>, gates: Gates) {
        for row in rows {
            self.store.put(Keyspace::Staged, &row.key, &row.version);
            guards.max_imported_ts = guards.max_imported_ts.max(row.version.commit_ts);
        }
        // The guards go with the job; that these versions are here stays.
        if gates.stands(Gate::ImportsCountAsCommitted) {
            self.last_commit_ts = self.last_commit_ts.max(guards.max_imported_ts);
        }
        let job = command.token.job;
        // G9: a group that the range had left goes on to say where it is, also when its way back is given up.
        self.ownership.assign(&command.range, |current| match current {
            Ownership::Foreign => Ownership::Incoming { job },
            Ownership::Owned(_) | Ownership::WriteFenced(_) | Ownership::Incoming { .. } | Ownership::Moved { .. } => {
                current.clone()
            }
        });
        self.store_guards(command, Role::Target(guards));
    }
}

/// Whether the batch is the next of its bracket; one that was taken before is passed over (G6).
fn accepts(progress: &ImportProgress, batch: &BracketBatch, gates: Gates) -> Result<bool, Rejection> {
    let high = progress.brackets.get(&batch.bracket).map_or(BatchSeq(0), |at| at.high);
    if batch.seq <= high {
        return Ok(!gates.stands(Gate::BatchDedup));
    }
    if gates.stands(Gate::BatchGap) && batch.seq > high.successor() {
        return Err(Rejection::ImportBatchGap { bracket: batch.bracket, high, seq: batch.seq });
    }
    Ok(true)
}

// K3
fn check_rows(batch: &BracketBatch, range: &KeyRange) -> Result<(), Rejection> {
    match batch.rows.iter().find(|row| !range.contains(&route_key(&row.key))) {
        Some(row) => Err(Rejection::ForeignRow { key: row.key.clone() }),
        None => Ok(()),
    }
}
