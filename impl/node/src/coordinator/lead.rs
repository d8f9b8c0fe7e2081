//! How far ahead of the clock a transaction is stamped.

use crate::desk::Desk;
use splitjob_core::timestamp::Timestamp;

/// How far the commit timestamp of a transaction lies above the clock, so that reads which its groups bind meanwhile
/// don't overtake it.
///
/// A node whose clock is behind those of the leaders would be overtaken every time: the lead doubles with each refusal
/// and falls again by a millisecond with each success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    ms: u64,
}

impl Lead {
    pub(super) const fn new() -> Lead {
        Lead { ms: TXN_LEAD_MS }
    }

    /// A timestamp was overtaken.
    pub(super) fn raise(&mut self) {
        self.ms = (self.ms * 2).min(MAX_LEAD_MS);
    }

    /// A timestamp was not overtaken.
    pub(super) fn ease(&mut self) {
        self.ms = self.ms.saturating_sub(1).max(TXN_LEAD_MS);
    }
}

/// What plans work with.
#[derive(Debug)]
pub(super) struct Means<'a, 'd> {
    /// The node's clocks, routes and calls.
    pub(super) desk: &'a mut Desk<'d>,
    /// How far ahead transactions are stamped.
    pub(super) lead: &'a mut Lead,
}

impl Means<'_, '_> {
    /// A commit timestamp for a transaction that starts at `start_ts` (X1).
    ///
    /// The start may come from a node whose clock is ahead. It is not observed: a group has to accept it first, or one
    /// client could carry every clock away ([finding 007](../../../../specs/findings/007-a-timestamp-from-the-future.md)).
    pub(super) fn stamp_above(&mut self, start_ts: Timestamp) -> Timestamp {
        let next = self.desk.next_ts().max(start_ts.successor().unwrap_or(start_ts));
        Timestamp::from_parts(next.physical().saturating_add(self.lead.ms), next.logical())
    }
}

/// The least lead, in milliseconds.
const TXN_LEAD_MS: u64 = 5;
/// The greatest lead, in milliseconds: well under the window of the groups' ceilings (T3).
const MAX_LEAD_MS: u64 = 1_000;
