//! Hybrid logical timestamps and the milliseconds inside them, as two types that can't be mixed up (T2).

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A hybrid logical timestamp: the upper 48 bits are Unix milliseconds, the lower 16 bits a logical counter.
///
/// Compares as the number it is. Zero is below every issued timestamp; as an expiry it means "never". `u64::MAX` is
/// never issued and never observed, because nothing could follow it; as a read timestamp it means "the latest".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The least timestamp, below everything a clock issues.
    pub const ZERO: Self = Self(0);
    /// The greatest timestamp; a bound for reads, never issued.
    pub const MAX: Self = Self(u64::MAX);

    /// The timestamp of the logical count `logical` within the millisecond `physical`.
    #[must_use]
    pub const fn from_parts(physical: PhysicalMs, logical: u16) -> Self {
        Self((physical.0 << LOGICAL_BITS) | logical as u64)
    }

    /// The timestamp with this 64-bit representation, as it stands in records and on the wire.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The 64-bit representation, as it stands in records and on the wire.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The millisecond half.
    #[must_use]
    pub const fn physical(self) -> PhysicalMs {
        PhysicalMs(self.0 >> LOGICAL_BITS)
    }

    /// The logical half.
    #[must_use]
    pub const fn logical(self) -> u16 {
        (self.0 & LOGICAL_MASK) as u16
    }

    /// The greatest timestamp below this one; zero stays zero.
    #[must_use]
    pub const fn saturating_predecessor(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The least timestamp above this one, or `None` at [`Timestamp::MAX`].
    #[must_use]
    pub const fn successor(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Unix milliseconds that fit the upper half of a [`Timestamp`]: at most 2^48 − 1.
///
/// A type of its own, because a timestamp taken for milliseconds is off by 2^16 (T2).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct PhysicalMs(u64);

impl PhysicalMs {
    /// The first millisecond.
    pub const ZERO: Self = Self(0);
    /// The last millisecond a timestamp can hold.
    pub const MAX: Self = Self((1 << (u64::BITS - LOGICAL_BITS)) - 1);

    /// These milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`PhysicalMsError::TooLarge`] if `ms` doesn't fit 48 bits.
    pub const fn new(ms: u64) -> Result<Self, PhysicalMsError> {
        if ms > Self::MAX.0 { Err(PhysicalMsError::TooLarge { ms }) } else { Ok(Self(ms)) }
    }

    /// The milliseconds since the Unix epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This instant `ms` milliseconds later, at most [`PhysicalMs::MAX`].
    #[must_use]
    pub const fn saturating_add(self, ms: u64) -> Self {
        let sum = self.0.saturating_add(ms);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }

    /// The next millisecond, or `None` at [`PhysicalMs::MAX`].
    #[must_use]
    pub const fn successor(self) -> Option<Self> {
        if self.0 == Self::MAX.0 { None } else { Some(Self(self.0 + 1)) }
    }
}

impl TryFrom<u64> for PhysicalMs {
    type Error = PhysicalMsError;

    fn try_from(ms: u64) -> Result<Self, PhysicalMsError> {
        Self::new(ms)
    }
}

impl TryFrom<i64> for PhysicalMs {
    type Error = PhysicalMsError;

    fn try_from(ms: i64) -> Result<Self, PhysicalMsError> {
        u64::try_from(ms).map_err(|_| PhysicalMsError::Negative { ms }).and_then(Self::new)
    }
}

impl From<PhysicalMs> for u64 {
    fn from(ms: PhysicalMs) -> Self {
        ms.0
    }
}

impl fmt::Debug for PhysicalMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PhysicalMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Why a number isn't the millisecond half of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhysicalMsError {
    /// More than 48 bits, which is what a full timestamp taken for milliseconds looks like.
    #[error("{ms} ms doesn't fit the 48 bits of a timestamp's millisecond half; was a full timestamp passed?")]
    TooLarge {
        /// The refused number.
        ms: u64,
    },
    /// Before the Unix epoch.
    #[error("{ms} ms lies before the Unix epoch")]
    Negative {
        /// The refused number.
        ms: i64,
    },
}

const LOGICAL_BITS: u32 = 16;
const LOGICAL_MASK: u64 = (1 << LOGICAL_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_of_a_timestamp_are_its_upper_48_and_lower_16_bits() {
        let ts = Timestamp::from_raw(0x0001_0203_0405_0607);
        assert_eq!((ts.physical().get(), ts.logical()), (0x0001_0203_0405, 0x0607));
        assert_eq!(Timestamp::from_parts(ts.physical(), ts.logical()), ts);
        assert_eq!(Timestamp::from_parts(PhysicalMs::MAX, u16::MAX), Timestamp::MAX);
    }

    #[test]
    fn a_full_timestamp_is_refused_as_milliseconds() {
        let raw = 1_900_000_000_000 << 16;
        assert_eq!(PhysicalMs::new(raw), Err(PhysicalMsError::TooLarge { ms: raw }));
        assert!(serde_json::from_str::<PhysicalMs>(&raw.to_string()).is_err());
        assert_eq!(PhysicalMs::new(PhysicalMs::MAX.get()), Ok(PhysicalMs::MAX));
        assert!(PhysicalMs::new(PhysicalMs::MAX.get() + 1).is_err());
    }

    #[test]
    fn nothing_follows_the_greatest_timestamp_and_nothing_precedes_zero() {
        assert_eq!(Timestamp::MAX.successor(), None);
        assert_eq!(PhysicalMs::MAX.successor(), None);
        assert_eq!(Timestamp::ZERO.saturating_predecessor(), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.successor(), Some(Timestamp::from_raw(1)));
        assert_eq!(Timestamp::from_raw(1).saturating_predecessor(), Timestamp::ZERO);
    }

    #[test]
    fn a_timestamp_prints_and_serializes_as_its_plain_number() {
        let ts = Timestamp::from_raw(12);
        assert_eq!((format!("{ts}"), format!("{ts:?}")), ("12".to_owned(), "12".to_owned()));
        assert_eq!(serde_json::to_string(&ts).expect("a number serializes"), "12");
    }
}
