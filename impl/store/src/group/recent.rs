//! What was written lately, by time: the last copy of a range asks for nothing else (P4).

use splitjob_core::group::Window;
use splitjob_core::persistent::OrdMap;
use splitjob_core::timestamp::Timestamp;
use std::cmp::Reverse;
use std::sync::Arc;

/// The live versions above a timestamp. A clone costs O(1).
#[derive(Clone, Debug)]
pub(super) struct Recent {
    rows: OrdMap<(Timestamp, Arc<[u8]>), ()>,
    covers_after: Timestamp,
}

/// The rows of a window: keys ascending, the versions of a key newest first.
pub(super) type WindowRows = Arc<[(Arc<[u8]>, Reverse<Timestamp>)]>;

impl Recent {
    /// An index that begins when there is no version above `covers_after`.
    pub(super) fn beginning_at(covers_after: Timestamp) -> Recent {
        Recent { rows: OrdMap::new(), covers_after }
    }

    /// Every version with a greater timestamp is known.
    pub(super) fn covers_after(&self) -> Timestamp {
        self.covers_after
    }

    pub(super) fn put(&mut self, key: &[u8], commit_ts: Timestamp) {
        if commit_ts <= self.covers_after {
            return;
        }
        self.rows.insert((commit_ts, key.into()), ());
        if self.rows.len() > RECENT_ENTRIES {
            let oldest = self.rows.keys().next().cloned().expect("there are more than the index holds");
            self.rows.remove(&oldest);
            // Others may have the same timestamp: they stay, and count for nothing.
            self.covers_after = oldest.0;
        }
    }

    pub(super) fn remove(&mut self, key: &[u8], commit_ts: Timestamp) {
        if commit_ts > self.covers_after {
            self.rows.remove(&(commit_ts, Arc::from(key)));
        }
    }

    /// The rows of a window, if the index knows them all and they are few enough to be sorted.
    pub(super) fn window(&self, window: Window) -> Option<WindowRows> {
        if window.after < self.covers_after {
            return None;
        }
        let mut rows = Vec::new();
        let first = (window.after.successor()?, Arc::from(&[][..]));
        for ((commit_ts, key), ()) in self.rows.range(first..) {
            if *commit_ts > window.through {
                break;
            }
            if rows.len() == WINDOW_ENTRIES {
                return None;
            }
            rows.push((Arc::clone(key), Reverse(*commit_ts)));
        }
        rows.sort_unstable();
        Some(rows.into())
    }
}

/// How many recent writes the index knows.
pub const RECENT_ENTRIES: usize = 1 << 18;
/// A window with more rows is walked through like the rest.
const WINDOW_ENTRIES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(raw: u64) -> Timestamp {
        Timestamp::from_raw(raw)
    }

    #[test]
    fn what_the_index_forgets_it_doesnt_claim_to_cover() {
        let mut recent = Recent::beginning_at(ts(5));
        let last = 5 + RECENT_ENTRIES as u64 + 10;
        (6..=last).for_each(|at| recent.put(b"k", ts(at)));
        assert_eq!((recent.covers_after(), recent.rows.len()), (ts(15), RECENT_ENTRIES));
        assert_eq!(recent.window(Window { after: ts(14), through: ts(20) }), None);
        let rows = recent.window(Window { after: ts(15), through: ts(20) }).expect("it is covered");
        assert_eq!(rows.len(), 5);
    }

    #[test]
    fn a_window_of_too_many_rows_is_left_to_a_walk() {
        let mut recent = Recent::beginning_at(Timestamp::ZERO);
        (1..=WINDOW_ENTRIES as u64 + 1).for_each(|at| recent.put(b"k", ts(at)));
        assert_eq!(recent.window(Window { after: ts(0), through: Timestamp::MAX }), None);
        assert!(recent.window(Window { after: ts(1), through: Timestamp::MAX }).is_some());
    }

    #[test]
    fn versions_that_come_late_are_known_unless_the_index_begins_above_them() {
        let mut recent = Recent::beginning_at(ts(5));
        [9, 3, 7].into_iter().for_each(|at| recent.put(b"k", ts(at)));
        let rows = recent.window(Window { after: ts(5), through: Timestamp::MAX }).expect("it is covered");
        assert_eq!(rows.iter().map(|(_, Reverse(at))| at.raw()).collect::<Vec<_>>(), [9, 7]);
    }
}
