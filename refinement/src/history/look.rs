//! What was looked at: gets, scans, reads of transactions and the closing state as one thing.

use super::operation::{Answer, Bytes, Call, Closing, History, Operation, Outcome, Row, Seen, TransactionRead};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// A key, by its place in the order of all keys.
pub(super) type KeyId = u32;

/// Every key of the history, in order.
pub(super) struct Keys<'h> {
    sorted: Vec<&'h [u8]>,
    ids: FxHashMap<&'h [u8], KeyId>,
}

/// Who looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// An operation, by its place.
    Operation(u32),
    /// The closing state.
    Closing,
}

/// One look at one or more keys, at one timestamp.
pub(super) struct Look<'h> {
    pub(super) source: Source,
    /// The timestamp, if the client chose it or was told.
    pub(super) at: Option<u64>,
    pub(super) returned_at: u64,
    pub(super) sights: Sights<'h>,
}

/// What was seen.
pub(super) enum Sights<'h> {
    /// A get.
    One(&'h Bytes, Option<&'h Seen>),
    /// The reads of a transaction.
    Each(&'h [TransactionRead]),
    /// Rows, and that there are no others in a range of keys.
    Rows(Scanned<'h>),
}

/// What a scan covered, and the rows there.
pub(super) struct Scanned<'h> {
    pub(super) rows: &'h [Row],
    pub(super) is_reverse: bool,
    start: &'h [u8],
    end: Option<&'h [u8]>,
    /// The most rows.
    limit: u64,
    next: Option<&'h [u8]>,
}

/// What was seen of a key that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight<'h> {
    pub(super) value: &'h [u8],
    pub(super) commit_ts: Option<u64>,
}

impl<'h> Keys<'h> {
    /// Collects them.
    pub(super) fn of(history: &'h History, closing: &'h Closing) -> Keys<'h> {
        let mut ids: FxHashMap<&'h [u8], KeyId> = FxHashMap::default();
        let mut meet = |key: &'h [u8]| {
            ids.entry(key).or_default();
        };
        for operation in history.operations() {
            match &operation.call {
                Call::Put { key, .. } | Call::Delete { key, .. } | Call::Get { key, .. } | Call::Latest { key } => {
                    meet(key);
                }
                Call::Transaction { reads, writes, .. } => {
                    reads.iter().for_each(|read| meet(&read.key));
                    writes.iter().for_each(|write| meet(&write.key));
                }
                Call::Scan { .. } | Call::DeletePrefix { .. } => {}
            }
            if let Outcome::Ok(Answer::Rows { rows, .. }) = &operation.outcome {
                rows.iter().for_each(|row| meet(&row.key));
            }
        }
        closing.rows.iter().for_each(|row| meet(&row.key));
        let mut sorted: Vec<&[u8]> = ids.keys().copied().collect();
        sorted.sort_unstable();
        for (id, key) in (0..).zip(&sorted) {
            ids.insert(key, id);
        }
        Keys { sorted, ids }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The number of a key of the history.
    pub(super) fn id(&self, key: &[u8]) -> KeyId {
        self.ids[key]
    }

    /// The key of a number.
    pub(super) fn key(&self, id: KeyId) -> &'h [u8] {
        self.sorted[id as usize]
    }

    /// The keys of a half-open interval.
    pub(super) fn within(&self, start: &[u8], end: Option<&[u8]>) -> Range<KeyId> {
        let place = |bound: &[u8]| self.sorted.partition_point(|key| *key < bound);
        let end = end.map_or(self.sorted.len(), place);
        let start = place(start).min(end);
        as_id(start)..as_id(end)
    }

    /// The keys that begin so.
    pub(super) fn beginning(&self, prefix: &[u8]) -> Range<KeyId> {
        let start = self.sorted.partition_point(|key| *key < prefix);
        let length = self.sorted[start..].partition_point(|key| key.starts_with(prefix));
        as_id(start)..as_id(start + length)
    }
}

/// Every look of a history, the closing state last.
pub(super) fn looks<'h>(history: &'h History, closing: &'h Closing) -> impl Iterator<Item = Look<'h>> {
    let of_operations = (0..).zip(history.operations()).filter_map(|(place, operation)| {
        let (at, sights) = sights(operation)?;
        let returned_at = operation.returned_at.unwrap_or(u64::MAX);
        Some(Look { source: Source::Operation(place), at, returned_at, sights })
    });
    let rows = &closing.rows;
    let everything = Scanned { rows, is_reverse: false, start: &[], end: None, limit: u64::MAX, next: None };
    let last =
        Look { source: Source::Closing, at: Some(closing.at), returned_at: u64::MAX, sights: Sights::Rows(everything) };
    of_operations.chain([last])
}

/// What an operation saw, and the timestamp.
fn sights(operation: &Operation) -> Option<(Option<u64>, Sights<'_>)> {
    match &operation.call {
        Call::Get { key, read_ts } => {
            let Outcome::Ok(Answer::Value { seen, read_ts: told }) = &operation.outcome else { return None };
            Some((told.or(*read_ts), Sights::One(key, seen.as_ref())))
        }
        Call::Scan { start, end, limit, reverse, read_ts } => {
            let Outcome::Ok(Answer::Rows { rows, read_ts: told, next }) = &operation.outcome else { return None };
            let (end, next) = (end.as_deref(), next.as_deref());
            let scanned = Scanned { rows, is_reverse: *reverse, start, end, limit: *limit, next };
            Some((told.or(*read_ts), Sights::Rows(scanned)))
        }
        // What a transaction has read it was told, whatever became of its writes.
        Call::Transaction { start_ts, reads, .. } => Some((Some(*start_ts), Sights::Each(reads))),
        Call::Put { .. } | Call::Delete { .. } | Call::DeletePrefix { .. } | Call::Latest { .. } => None,
    }
}

impl<'h> Scanned<'h> {
    /// What is wrong with the rows as an answer to the scan, whatever the values.
    pub(super) fn defect(&self) -> Option<&'static str> {
        let is_in_order = |pair: &[Row]| (pair[0].key < pair[1].key) != self.is_reverse && pair[0].key != pair[1].key;
        let is_inside = |row: &Row| {
            let is_seen = self.next.is_none_or(|next| (row.key.as_slice() < next) != self.is_reverse);
            row.key.as_slice() >= self.start && self.end.is_none_or(|end| row.key.as_slice() < end) && is_seen
        };
        if self.rows.len() as u64 > self.limit {
            Some("more rows than were asked for")
        } else if !self.rows.windows(2).all(is_in_order) {
            Some("rows out of order")
        } else if !self.rows.iter().all(is_inside) {
            Some("a row outside of what was asked for")
        } else {
            None
        }
    }

    /// The keys that it tells of: up to the last row if the limit was reached, up to where it would go on.
    fn covers(&self, keys: &Keys<'_>) -> Range<KeyId> {
        let all = keys.within(self.start, self.end);
        let is_full = self.rows.len() as u64 >= self.limit;
        let last = self.rows.last().filter(|_| is_full).map(|row| keys.id(&row.key));
        let next = self.next.map(|next| (keys.within(&[], Some(next)).end, keys.ids.contains_key(next)));
        if self.is_reverse {
            let after_next = next.map_or(0, |(place, is_key)| place + u32::from(is_key));
            let start = all.start.max(after_next).max(last.unwrap_or(0));
            start.min(all.end)..all.end
        } else {
            let before_next = next.map_or(u32::MAX, |(place, _)| place);
            let end = all.end.min(before_next).min(last.map_or(u32::MAX, |last| last + 1));
            all.start..end.max(all.start)
        }
    }

    /// The row of a key.
    fn row(&self, key: &[u8]) -> Option<&'h Row> {
        let found = self.rows.binary_search_by(|row| {
            let order = row.key.as_slice().cmp(key);
            if self.is_reverse { order.reverse() } else { order }
        });
        found.ok().map(|place| &self.rows[place])
    }

    fn each(&self, keys: &Keys<'_>, mut see: impl FnMut(KeyId, Option<Sight<'h>>)) {
        let mut left = self.rows;
        for id in self.covers(keys) {
            let row = if self.is_reverse { left.last() } else { left.first() };
            let is_here = row.is_some_and(|row| row.key == keys.key(id));
            let sight = row.filter(|_| is_here).map(Sight::of_row);
            left = match (is_here, self.is_reverse) {
                (false, _) => left,
                (true, true) => &left[..left.len() - 1],
                (true, false) => &left[1..],
            };
            see(id, sight);
        }
    }
}

impl<'h> Look<'h> {
    /// Calls for each key that the look tells of; not to be asked where the rows have a defect.
    pub(super) fn each(&self, keys: &Keys<'_>, mut see: impl FnMut(KeyId, Option<Sight<'h>>)) {
        match &self.sights {
            Sights::One(key, seen) => see(keys.id(key), seen.map(Sight::of_seen)),
            Sights::Each(reads) => {
                reads.iter().for_each(|read| see(keys.id(&read.key), read.seen.as_ref().map(Sight::of_seen)));
            }
            Sights::Rows(scanned) => scanned.each(keys, see),
        }
    }

    /// Calls for each key that was there.
    pub(super) fn each_there(&self, keys: &Keys<'_>, mut see: impl FnMut(KeyId, Sight<'h>)) {
        match &self.sights {
            Sights::One(..) | Sights::Each(_) => self.each(keys, |key, sight| {
                if let Some(sight) = sight {
                    see(key, sight);
                }
            }),
            Sights::Rows(scanned) => {
                scanned.rows.iter().for_each(|row| see(keys.id(&row.key), Sight::of_row(row)));
            }
        }
    }

    /// What was seen of a key, if it was there.
    pub(super) fn sight_of(&self, key: &[u8]) -> Option<Sight<'h>> {
        match &self.sights {
            Sights::One(own, seen) => seen.filter(|_| own.as_slice() == key).map(Sight::of_seen),
            Sights::Each(reads) => {
                reads.iter().find(|read| read.key == key).and_then(|read| read.seen.as_ref()).map(Sight::of_seen)
            }
            Sights::Rows(scanned) => scanned.row(key).map(Sight::of_row),
        }
    }
}

impl<'h> Sight<'h> {
    fn of_seen(seen: &'h Seen) -> Sight<'h> {
        Sight { value: &seen.value, commit_ts: seen.commit_ts }
    }

    fn of_row(row: &'h Row) -> Sight<'h> {
        Sight { value: &row.value, commit_ts: row.commit_ts }
    }
}

fn as_id(place: usize) -> KeyId {
    KeyId::try_from(place).expect("a history has fewer keys than operations and rows, which fit")
}
