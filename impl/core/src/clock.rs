//! The hybrid logical clock as a pure value (T1–T4).

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::timestamp::{PhysicalMs, Timestamp};

/// A hybrid logical clock: the last timestamp it issued or observed, and the ceiling it may persist under.
///
/// It has no time of its own: every call that needs the wall clock takes its reading, which may go backwards, stand still
/// or differ from node to node (A4). Both fields only grow. A refused call changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HybridClock {
    last: Timestamp,
    ceiling: Option<PhysicalMs>,
}

impl HybridClock {
    /// A clock that has issued and observed nothing and has no ceiling.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The greatest timestamp issued or observed.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// The greatest ceiling set.
    #[must_use]
    pub fn physical_ceiling(&self) -> Option<PhysicalMs> {
        self.ceiling
    }

    /// Issues a timestamp above all issued and observed ones (T1).
    ///
    /// Not one to persist: it may lie above the ceiling. See [`HybridClock::next_fenced`].
    ///
    /// # Errors
    ///
    /// [`ClockError::Exhausted`] if no timestamp is left.
    pub fn next(&mut self, wall: PhysicalMs) -> Result<Timestamp, ClockError> {
        let next = self.following(wall)?;
        self.last = next;
        Ok(next)
    }

    /// Issues a timestamp that may be persisted: above all issued and observed ones, and under the ceiling (T1, T3).
    ///
    /// # Errors
    ///
    /// [`ClockError::NoCeiling`], [`ClockError::CeilingExpired`], [`ClockError::CeilingExceeded`],
    /// [`ClockError::Exhausted`].
    pub fn next_fenced(&mut self, wall: PhysicalMs) -> Result<Timestamp, ClockError> {
        let ceiling = self.unexpired_ceiling(wall)?;
        let next = under_ceiling(self.following(wall)?, ceiling)?;
        self.last = next;
        Ok(next)
    }

    /// Issues `count` consecutive timestamps of one millisecond, above all issued and observed ones (T1).
    ///
    /// Not ones to persist. See [`HybridClock::next_batch_fenced`].
    ///
    /// # Errors
    ///
    /// [`ClockError::BatchSize`] unless `count` is 1…65536; [`ClockError::Exhausted`].
    pub fn next_batch(&mut self, count: u32, wall: PhysicalMs) -> Result<TimestampBatch, ClockError> {
        let batch = self.following_batch(count, wall)?;
        self.last = batch.last();
        Ok(batch)
    }

    /// Issues `count` consecutive timestamps of one millisecond that may be persisted (T1, T3).
    ///
    /// # Errors
    ///
    /// Those of [`HybridClock::next_batch`] and [`HybridClock::next_fenced`].
    pub fn next_batch_fenced(&mut self, count: u32, wall: PhysicalMs) -> Result<TimestampBatch, ClockError> {
        let ceiling = self.unexpired_ceiling(wall)?;
        let batch = self.following_batch(count, wall)?;
        under_ceiling(batch.last(), ceiling)?;
        self.last = batch.last();
        Ok(batch)
    }

    /// Makes every later timestamp greater than `ts`, its logical half included (T2).
    ///
    /// # Errors
    ///
    /// [`ClockError::Unfollowable`] for [`Timestamp::MAX`].
    pub fn observe(&mut self, ts: Timestamp) -> Result<(), ClockError> {
        if ts == Timestamp::MAX {
            return Err(ClockError::Unfollowable);
        }
        self.last = self.last.max(ts);
        Ok(())
    }

    /// Raises the replicated ceiling; a lower one than set is ignored (T2, T3).
    pub fn set_physical_ceiling(&mut self, ceiling: PhysicalMs) {
        self.ceiling = self.ceiling.max(Some(ceiling));
    }

    /// Observes the greatest of `floors`: what a voter does before it issues or admits anything (T4).
    ///
    /// The floors are the last commit timestamp, every job's floor and every local route's write floor; all of them, in full.
    ///
    /// # Errors
    ///
    /// [`ClockError::Unfollowable`] if [`Timestamp::MAX`] is among them.
    pub fn recover(&mut self, floors: impl IntoIterator<Item = Timestamp>) -> Result<(), ClockError> {
        floors.into_iter().max().map_or(Ok(()), |greatest| self.observe(greatest))
    }

    /// The next timestamp, not yet issued.
    fn following(&self, wall: PhysicalMs) -> Result<Timestamp, ClockError> {
        let wall = wall.max(self.ceiling.unwrap_or(PhysicalMs::ZERO));
        let next = if wall > self.last.physical() {
            Some(Timestamp::from_parts(wall, 0))
        } else {
            // The logical half carries over into the next millisecond.
            self.last.successor()
        };
        issuable(next)
    }

    /// The next batch, not yet issued.
    fn following_batch(&self, count: u32, wall: PhysicalMs) -> Result<TimestampBatch, ClockError> {
        if count == 0 || count > MAX_BATCH {
            return Err(ClockError::BatchSize { count });
        }
        let next = self.following(wall)?;
        let first = if u32::from(next.logical()) + count <= MAX_BATCH {
            next
        } else {
            let millisecond = next.physical().successor().ok_or(ClockError::Exhausted)?;
            Timestamp::from_parts(millisecond, 0)
        };
        let last = issuable(Some(Timestamp::from_raw(first.raw() + u64::from(count - 1))))?;
        Ok(TimestampBatch { first, last })
    }

    fn unexpired_ceiling(&self, wall: PhysicalMs) -> Result<PhysicalMs, ClockError> {
        let ceiling = self.ceiling.ok_or(ClockError::NoCeiling)?;
        if wall < ceiling { Ok(ceiling) } else { Err(ClockError::CeilingExpired { ceiling, wall }) }
    }
}

/// Consecutive timestamps of one millisecond, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimestampBatch {
    first: Timestamp,
    last: Timestamp,
}

impl TimestampBatch {
    /// The least.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        self.first
    }

    /// The greatest.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// All of them, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Timestamp> + use<> {
        let first = self.first.raw();
        let count = (self.last.raw() - first) as u32 + 1;
        (0..count).map(move |index| Timestamp::from_raw(first + u64::from(index)))
    }
}

/// Why a clock refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClockError {
    /// No ceiling was ever set, so nothing may be persisted (T3).
    #[error("no physical ceiling is known yet; a leader replicates one before it issues timestamps to persist")]
    NoCeiling,
    /// The wall clock has reached the ceiling (T3).
    #[error("the physical ceiling {ceiling} has expired at {wall}; renew it and retry")]
    CeilingExpired {
        /// The greatest ceiling set.
        ceiling: PhysicalMs,
        /// The given reading.
        wall: PhysicalMs,
    },
    /// The next timestamp would lie above the ceiling (T3).
    #[error("the timestamps up to the physical ceiling {ceiling} are used up (next is {next}); raise it and retry")]
    CeilingExceeded {
        /// The greatest ceiling set.
        ceiling: PhysicalMs,
        /// What would have been issued, of a batch the last.
        next: Timestamp,
    },
    /// All timestamps are used up.
    #[error("no timestamp is left; a clock far in the future must have been observed")]
    Exhausted,
    /// The greatest timestamp was to be observed (T2).
    #[error("timestamp {max} can't be observed: nothing could follow it", max = Timestamp::MAX)]
    Unfollowable,
    /// A batch must fit a millisecond.
    #[error("a batch has 1 to {MAX_BATCH} timestamps, not {count}")]
    BatchSize {
        /// The requested count.
        count: u32,
    },
}

/// The greatest timestamp is never issued: others couldn't observe it.
fn issuable(ts: Option<Timestamp>) -> Result<Timestamp, ClockError> {
    ts.filter(|ts| *ts < Timestamp::MAX).ok_or(ClockError::Exhausted)
}

fn under_ceiling(next: Timestamp, ceiling: PhysicalMs) -> Result<Timestamp, ClockError> {
    if next.physical() <= ceiling { Ok(next) } else { Err(ClockError::CeilingExceeded { ceiling, next }) }
}

/// As many as the logical half has values.
const MAX_BATCH: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> PhysicalMs = |ms| PhysicalMs::new(ms).expect("a small number of milliseconds");

    fn clock(last: Timestamp, ceiling: Option<u64>) -> HybridClock {
        HybridClock { last, ceiling: ceiling.map(MS) }
    }

    #[test]
    fn a_wall_clock_that_goes_back_does_not_take_timestamps_back() {
        let mut clock = HybridClock::new();
        let issued = [5, 3, 5, 6].map(|wall| clock.next(MS(wall)).expect("far from the end"));
        let at = |ms, logical| Timestamp::from_parts(MS(ms), logical);
        assert_eq!(issued, [at(5, 0), at(5, 1), at(5, 2), at(6, 0)]);
    }

    #[test]
    fn without_a_ceiling_nothing_is_issued_to_persist() {
        assert_eq!(HybridClock::new().next_fenced(MS(1)), Err(ClockError::NoCeiling));
        assert_eq!(HybridClock::new().next_batch_fenced(1, MS(1)), Err(ClockError::NoCeiling));
    }

    #[test]
    fn a_ceiling_expires_when_the_wall_clock_reaches_it() {
        let mut clock = clock(Timestamp::ZERO, Some(10));
        assert_eq!(clock.next_fenced(MS(9)), Ok(Timestamp::from_parts(MS(10), 0)));
        assert_eq!(clock.next_fenced(MS(10)), Err(ClockError::CeilingExpired { ceiling: MS(10), wall: MS(10) }));
        clock.set_physical_ceiling(MS(13));
        assert_eq!(clock.next_fenced(MS(10)), Ok(Timestamp::from_parts(MS(13), 0)));
    }

    #[test]
    fn a_ceiling_never_falls() {
        let mut clock = clock(Timestamp::ZERO, Some(10));
        clock.set_physical_ceiling(MS(9));
        assert_eq!(clock.physical_ceiling(), Some(MS(10)));
    }

    #[test]
    fn a_refusal_changes_nothing() {
        let mut refusing = clock(Timestamp::from_parts(MS(10), u16::MAX), Some(10));
        let before = refusing.clone();
        assert!(matches!(refusing.next_fenced(MS(9)), Err(ClockError::CeilingExceeded { .. })));
        assert!(matches!(refusing.next_batch_fenced(2, MS(9)), Err(ClockError::CeilingExceeded { .. })));
        assert_eq!(refusing.next_batch(0, MS(9)), Err(ClockError::BatchSize { count: 0 }));
        assert_eq!(refusing.next_batch(MAX_BATCH + 1, MS(9)), Err(ClockError::BatchSize { count: MAX_BATCH + 1 }));
        assert_eq!(refusing.observe(Timestamp::MAX), Err(ClockError::Unfollowable));
        assert_eq!(refusing, before);
    }

    #[test]
    fn a_batch_fills_at_most_one_millisecond() {
        let mut clock = clock(Timestamp::from_parts(MS(10), 0), None);
        let batch = clock.next_batch(MAX_BATCH, MS(10)).expect("the next millisecond is free");
        assert_eq!(
            (batch.first(), batch.last()),
            (Timestamp::from_parts(MS(11), 0), Timestamp::from_parts(MS(11), u16::MAX))
        );
        assert_eq!(batch.iter().len(), MAX_BATCH as usize);
        assert_eq!(clock.last(), batch.last());
    }

    #[test]
    fn the_greatest_timestamp_is_never_issued() {
        let mut clock = clock(Timestamp::MAX.saturating_predecessor(), None);
        assert_eq!(clock.next(PhysicalMs::MAX), Err(ClockError::Exhausted));
        assert_eq!(clock.next_batch(1, PhysicalMs::MAX), Err(ClockError::Exhausted));
    }

    // T4
    #[test]
    fn recovery_observes_the_greatest_floor_with_its_logical_half() {
        let mut clock = HybridClock::new();
        let floor = Timestamp::from_parts(MS(10), 7);
        clock
            .recover([Timestamp::from_raw(3), floor, Timestamp::from_parts(MS(9), 9)])
            .expect("no floor is the greatest");
        assert_eq!(clock.next(MS(10)), Ok(Timestamp::from_parts(MS(10), 8)));
        clock.recover([]).expect("nothing to observe");
    }
}
