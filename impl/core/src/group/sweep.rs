//! Work through rows in bounded entries: promotion, deletion of what moved away, collection of old versions (P7, P8, G2).

use super::Group;
use super::command::{JobCommand, Outcome, RowPosition};
use super::copy::{plan, spans};
use super::guards::{Role, SourceGuards};
use super::ownership::Ownership;
use super::rejection::Rejection;
use crate::gate::{Gate, Gates};
use crate::key::{RawInterval, RawKey, route_key};
use crate::range::KeyRange;
use crate::store::{Direction, Keyspace, Row, VersionStore};
use crate::timestamp::Timestamp;
use crate::version::Version;

impl<S: VersionStore> Group<S> {
    // P7, G8: rows and cursor move in the same entry.
    pub(super) fn promote(
        &mut self,
        command: &JobCommand,
        after: Option<&RowPosition>,
        limit: u64,
        gates: Gates,
    ) -> Result<Outcome, Rejection> {
        let job = command.token.job;
        let is_ours =
            |ownership: &Ownership| matches!(ownership, Ownership::Owned(floors) if floors.staged_for == Some(job));
        if !self.ownership.within(&command.range).all(|(_, ownership)| is_ours(ownership)) {
            return Err(Rejection::WrongOwnership);
        }
        let mut guards = self.target_guards(command)?;
        if guards.promotion.done || guards.promotion.after.as_ref() != after {
            return Ok(Outcome::Unchanged);
        }
        let mut rows = self.staged_after(after, &command.range, limit.saturating_add(1));
        guards.promotion.done = rows.len() as u64 <= limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for row in &rows {
            self.promote_row(row, gates);
        }
        if let Some(last) = rows.last() {
            guards.promotion.after = Some(RowPosition::of(last));
        }
        self.store_guards(command, Role::Target(guards));
        Ok(Outcome::Promoted { rows: rows.len() as u64 })
    }

    fn staged_after(&self, after: Option<&RowPosition>, range: &KeyRange, limit: u64) -> Vec<Row> {
        let start = after.map(|position| position.key.clone()).unwrap_or_default();
        let rows = self.store.walk(Keyspace::Staged, &RawInterval { start, end: None }, Direction::Forward);
        let is_left =
            |row: &Row| after.is_none_or(|position| position.precedes(row)) && range.contains(&route_key(&row.key));
        rows.filter(is_left).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
    }

    // P7: also under a newer live version; the row that was copied is removed, not marked.
    fn promote_row(&mut self, row: &Row, gates: Gates) {
        let newest = self.store.newest_at(Keyspace::Live, &row.key, Timestamp::MAX);
        let is_shadowed = newest.is_some_and(|live| live.commit_ts > row.version.commit_ts);
        if gates.stands(Gate::PromoteShadowed) || !is_shadowed {
            self.store.put(Keyspace::Live, &row.key, &row.version);
        }
        if gates.stands(Gate::PromotionRemoves) {
            self.store.remove(Keyspace::Staged, &row.key, row.version.commit_ts);
        }
    }

    // P8, K2: only what routes into the range, and only when this state itself knows that the range has moved (G9).
    pub(super) fn delete_moved(
        &mut self,
        command: &JobCommand,
        from: &RowPosition,
        limit: u64,
        gates: Gates,
    ) -> Result<Outcome, Rejection> {
        if self.serves(&command.range) && gates.stands(Gate::MovedBeforeClear) {
            return Err(Rejection::WrongOwnership);
        }
        let rows = self.rows_of(&command.range, limit, gates);
        if rows.first().map(RowPosition::of).as_ref() != Some(from) {
            return Ok(Outcome::Unchanged);
        }
        for row in &rows {
            self.store.remove(Keyspace::Live, &row.key, row.version.commit_ts);
        }
        if gates.stands(Gate::DeletionKnowsAttempt) {
            self.note_attempt(command);
        }
        Ok(Outcome::Deleted { rows: rows.len() as u64 })
    }

    // J4: what comes of an older attempt from here on is late.
    fn note_attempt(&mut self, command: &JobCommand) {
        if let Some(guards) = self.jobs.get_mut(&command.token.job) {
            guards.epoch = guards.epoch.max(command.token.epoch);
        }
    }

    // J8: staged rows of a job that has been given up; the attempt that asks is known here from then on.
    pub(super) fn discard_staged(
        &mut self,
        command: &JobCommand,
        from: Option<&RowPosition>,
        limit: u64,
        gates: Gates,
    ) -> Result<Outcome, Rejection> {
        if self.serves(&command.range) {
            return Err(Rejection::WrongOwnership);
        }
        let guards = self.target_guards(command)?;
        let rows = self.staged_after(None, &command.range, limit);
        let is_as_seen = rows.first().map(RowPosition::of).as_ref() == from;
        if is_as_seen {
            for row in &rows {
                self.store.remove(Keyspace::Staged, &row.key, row.version.commit_ts);
            }
        }
        if !gates.stands(Gate::AbandonRaisesEpoch) && rows.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        match (self.store_guards(command, Role::Target(guards)), is_as_seen) {
            (Outcome::Unchanged, false) => Ok(Outcome::Unchanged),
            (_, true) => Ok(Outcome::Deleted { rows: rows.len() as u64 }),
            (armed, false) => Ok(armed),
        }
    }

    /// The first staged row that routes into the range.
    pub(super) fn first_staged(&self, range: &KeyRange) -> Option<RowPosition> {
        self.staged_after(None, range, 1).first().map(RowPosition::of)
    }

    /// Live rows that route into the range, at most `limit`, bracket by bracket (K3).
    pub(super) fn rows_of(&self, range: &KeyRange, limit: u64, gates: Gates) -> Vec<Row> {
        let mut brackets = plan(range, Gates::all());
        if !gates.stands(Gate::DeleteByRoutingKey) {
            brackets.truncate(1);
        }
        let spans: Vec<RawInterval> = brackets.iter().flat_map(|bracket| spans(bracket, None)).collect();
        let rows = spans.iter().flat_map(|span| self.store.walk(Keyspace::Live, span, Direction::Forward));
        let ours = rows.filter(|row| range.contains(&route_key(&row.key)));
        ours.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
    }

    /// Removes versions that no read at or above `through` can see, except where a pin keeps them (G2).
    ///
    /// Reads below are refused from the first entry on; the further ones of the same pass remove what it left.
    pub(super) fn collect(
        &mut self,
        through: Timestamp,
        from: &RawKey,
        limit: u64,
        gates: Gates,
    ) -> Result<Outcome, Rejection> {
        let is_first = from.is_empty();
        if through < self.collected_through || (is_first && through == self.collected_through) {
            return Ok(Outcome::Unchanged);
        }
        self.check_ceiling(through, gates)?;
        let (rows, next) = self.whole_keys(from, limit);
        let doomed = self.collectable_rows(&rows, through, gates);
        for (key, commit_ts) in &doomed {
            self.store.remove(Keyspace::Live, key, *commit_ts);
        }
        self.collected_through = through;
        Ok(Outcome::Collected { removed: doomed.len() as u64, next })
    }

    /// Live rows from a key on, at least `limit` if there are as many, and the key after the last of them.
    fn whole_keys(&self, from: &RawKey, limit: u64) -> (Vec<Row>, Option<RawKey>) {
        let interval = RawInterval { start: from.clone(), end: None };
        let mut rows: Vec<Row> = Vec::new();
        for row in self.store.walk(Keyspace::Live, &interval, Direction::Forward) {
            let is_new_key = rows.last().is_none_or(|last| last.key != row.key);
            if is_new_key && rows.len() as u64 >= limit {
                return (rows, Some(row.key));
            }
            rows.push(row);
        }
        (rows, None)
    }

    fn collectable_rows(&self, rows: &[Row], through: Timestamp, gates: Gates) -> Vec<(RawKey, Timestamp)> {
        let by_key = rows.chunk_by(|one, next| one.key == next.key);
        let mut doomed = Vec::new();
        for versions_of_key in by_key.filter(|rows| !self.is_pinned(&rows[0].key, gates)) {
            let versions: Vec<Version> = versions_of_key.iter().map(|row| row.version.clone()).collect();
            let key = &versions_of_key[0].key;
            doomed.extend(collectable(&versions, through).iter().map(|version| (key.clone(), version.commit_ts)));
        }
        doomed
    }

    // G2: the pin stands from the entry that arms the tracker to the one that closes the job.
    fn is_pinned(&self, key: &RawKey, gates: Gates) -> bool {
        let at = route_key(key);
        let pins = |source: &SourceGuards| source.tracker.is_some();
        let mut met = self.jobs.values().filter(|guards| guards.range.contains(&at));
        gates.stands(Gate::RetentionPin) && met.any(|guards| guards.source().is_some_and(pins))
    }
}

/// The versions of a key that a collection at `through` removes, given all of them newest first.
fn collectable(newest_first: &[Version], through: Timestamp) -> &[Version] {
    let kept = newest_first.iter().position(|version| version.commit_ts <= through);
    kept.map_or(&[], |newest_at_or_below| &newest_first[newest_at_or_below + 1..])
}
