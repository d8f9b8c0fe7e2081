//! What was put since the last commit, and how it lies over it.

use super::key::{Bounds, as_slices};
use super::snapshot::{Snapshot, StoredGuard, StoredRange, Table};
use crate::error::StoreError;
use splitjob_core::store::Direction;
use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;

/// Changes by table and key on disk: a record, or that there is none.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What was put and removed since the last commit, as it will be written.
#[derive(Debug, Default)]
pub(super) struct Overlay([Changes; 4]);

impl Overlay {
    pub(super) fn changes(&self, table: Table) -> &Changes {
        &self.0[table.number()]
    }

    pub(super) fn set(&mut self, table: Table, key: Vec<u8>, record: Option<Vec<u8>>) {
        self.0[table.number()].insert(key, record);
    }

    pub(super) fn clear(&mut self) {
        self.0.iter_mut().for_each(BTreeMap::clear);
    }

    /// Whether anything has changed within the bounds.
    pub(super) fn changes_within(&self, table: Table, bounds: &Bounds) -> bool {
        !is_empty(bounds) && self.changes(table).range::<[u8], _>(as_slices(bounds)).next().is_some()
    }

    /// The record at exactly this key, changes over what is stored.
    pub(super) fn get<'a>(
        &'a self,
        snapshot: &Snapshot,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Record<'a>>, StoreError> {
        match self.changes(table).get(key) {
            Some(change) => Ok(change.as_deref().map(Record::Changed)),
            None => Ok(snapshot.get(table, key)?.map(Record::Stored)),
        }
    }
}

/// A record that is read where it is.
pub(super) enum Record<'a> {
    Changed(&'a [u8]),
    Stored(StoredGuard),
}

impl Record<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Record::Changed(bytes) => bytes,
            Record::Stored(guard) => guard.value(),
        }
    }
}

/// The records within some bounds, changes over what is stored, by key.
pub(super) struct Merged<'a> {
    snapshot: &'a Snapshot,
    direction: Direction,
    changes: Option<btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>>,
    change: Option<(&'a [u8], Option<&'a [u8]>)>,
    stored: Option<StoredRange>,
    record: Option<(StoredGuard, StoredGuard)>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        overlay: Option<&'a Overlay>,
        table: Table,
        bounds: &Bounds,
        direction: Direction,
    ) -> Result<Merged<'a>, StoreError> {
        if is_empty(bounds) {
            return Ok(Merged { snapshot, direction, changes: None, change: None, stored: None, record: None });
        }
        let stored = snapshot.range(table, bounds)?;
        let changes = overlay.map(|overlay| overlay.changes(table)).filter(|changes| !changes.is_empty());
        let changes = changes.map(|changes| changes.range::<[u8], _>(as_slices(bounds)));
        let mut merged = Merged { snapshot, direction, changes, change: None, stored, record: None };
        merged.pull_change();
        merged.pull_record()?;
        Ok(merged)
    }

    /// The next record, as key and value.
    pub(super) fn next(&mut self) -> Result<Option<(Record<'a>, Record<'a>)>, StoreError> {
        loop {
            let order = match (&self.change, &self.record) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((changed, _)), Some((stored, _))) => {
                    let order = (*changed).cmp(stored.value());
                    if self.direction == Direction::Forward { order } else { order.reverse() }
                }
            };
            if order == Ordering::Greater {
                let record = self.record.take();
                self.pull_record()?;
                return Ok(record.map(|(key, value)| (Record::Stored(key), Record::Stored(value))));
            }
            if order == Ordering::Equal {
                self.pull_record()?;
            }
            let change = self.change.take();
            self.pull_change();
            if let Some((key, Some(value))) = change {
                return Ok(Some((Record::Changed(key), Record::Changed(value))));
            }
        }
    }

    fn pull_change(&mut self) {
        let next = self.changes.as_mut().and_then(|changes| match self.direction {
            Direction::Forward => changes.next(),
            Direction::Reverse => changes.next_back(),
        });
        self.change = next.map(|(key, record)| (key.as_slice(), record.as_deref()));
    }

    fn pull_record(&mut self) -> Result<(), StoreError> {
        self.record = match &mut self.stored {
            Some(range) => self.snapshot.next(range, self.direction)?,
            None => None,
        };
        Ok(())
    }
}

/// Whether the bounds are in the wrong order, which ordered maps refuse with a panic.
fn is_empty(bounds: &Bounds) -> bool {
    match bounds {
        (Bound::Included(low), Bound::Excluded(high)) => low >= high,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Excluded(low), Bound::Excluded(high) | Bound::Included(high)) => low >= high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
