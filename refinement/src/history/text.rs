//! Bytes as text: the written form of the trace files, with an optional variant.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use splitjob_core::key::text;
use std::fmt;

pub(super) use text::{deserialize, serialize};

/// Bytes that may be absent.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Error, Serializer, text};

    /// Writes them.
    pub(in crate::history) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_some(&text::encode(bytes)),
            None => to.serialize_none(),
        }
    }

    /// Reads them.
    pub(in crate::history) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let written: Option<String> = Option::deserialize(from)?;
        written.map(|written| text::decode(&written).map_err(D::Error::custom)).transpose()
    }
}

/// Bytes in a sentence: short, quoted.
pub(super) struct Quoted<'b>(pub(super) &'b [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_long = self.0.len() > LONGEST_QUOTED;
        let shown = &self.0[..self.0.len().min(LONGEST_QUOTED)];
        write!(f, "\"{}{}\"", text::encode(shown), if is_long { "…" } else { "" })
    }
}

const LONGEST_QUOTED: usize = 40;
