//! Why bytes are not what they should be.

use splitjob_core::catalog::PartitionError;
use splitjob_core::group::SegmentsError;
use splitjob_core::key::DecodeError;
use splitjob_core::range::RangeError;
use splitjob_core::timestamp::PhysicalMsError;
use thiserror::Error;

/// Why bytes were refused; nothing was guessed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes are no protobuf message of the expected kind.
    #[error("malformed message: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The bytes end inside a value.
    #[error("{what}: the bytes end too early")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes are left behind a value that is complete.
    #[error("{what}: {bytes} bytes are left behind its end")]
    Trailing {
        /// What was being read.
        what: &'static str,
        /// How many.
        bytes: usize,
    },
    /// A key, a value or a message is longer than may be.
    #[error("{what} has {bytes} bytes, and may have {limit}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The bytes are of a version that this binary can't read (V2).
    #[error("{what}: version {version} can't be read here; run a newer binary")]
    UnknownVersion {
        /// What was being read.
        what: &'static str,
        /// The version byte.
        version: u8,
    },
    /// A part is missing, or is of a kind that this binary doesn't know (V2).
    #[error("{what} is missing, or of a kind that isn't known here")]
    Missing {
        /// The part.
        what: &'static str,
    },
    /// A number names nothing that this binary knows.
    #[error("{what}: nothing known has the number {number}")]
    UnknownNumber {
        /// What the number should name.
        what: &'static str,
        /// The number.
        number: i64,
    },
    /// There are fields that this binary doesn't know, or values that it would have written differently (V2).
    #[error("{what} has unknown fields, or another, canonical encoding")]
    NotCanonical {
        /// What was being read.
        what: &'static str,
    },
    /// A list that must ascend strictly doesn't.
    #[error("{what} don't ascend")]
    NotAscending {
        /// The list's elements.
        what: &'static str,
    },
    /// A value contradicts itself or a rule.
    #[error("{what}: {why}")]
    Invalid {
        /// The value.
        what: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// Two bounds are no range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// Routes are no partition of the key space (C1).
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// Segments are no ownership map (O1).
    #[error(transparent)]
    Segments(#[from] SegmentsError),
    /// A number isn't the millisecond half of a timestamp (T2).
    #[error(transparent)]
    Physical(#[from] PhysicalMsError),
    /// A part of a key or of a cursor is malformed.
    #[error("malformed key: {0}")]
    Key(#[from] DecodeError),
}

impl WireError {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> WireError {
        WireError::Invalid { what, why: why.into() }
    }
}
