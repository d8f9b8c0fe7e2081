//! What was promised to readers, and what timestamps may be.

use crate::scenario::Gap;
use crate::world::{Claim, Goal, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "ServedReadsBind",
        removes: &[Gate::ServedReadsBind],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "A read at a timestamp says what the key was then. If a version below may still be admitted, the \
             same read gives another answer a moment later, even with no job anywhere.",
    },
    Gap {
        name: "ReadsCarryVersion",
        removes: &[Gate::ReadsCarryVersion],
        jams: &[],
        scenario: "read-fence",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "The read fence tells reads apart by the routes that led them here. A read without a version \
             can't be told apart, so it must be refused and not waved through.",
    },
    Gap {
        name: "ReadsCarryVersionShut",
        removes: &[],
        jams: &[Gate::ReadsCarryVersion],
        scenario: "happy-path",
        breaks: Claim::Reach(Goal::ReadServed),
        moral: "Who refuses every read never answers a wrong one. That a read is served must be shown to be possible, or \
             nothing about reads is shown.",
    },
    Gap {
        name: "WholeIntervalOwned",
        removes: &[Gate::WholeIntervalOwned],
        jams: &[],
        scenario: "read-fence",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A scan begins in the part that stayed and ends in the part that moved. Checking its first key \
             alone lets it miss everything that happened on the other side.",
    },
    Gap {
        name: "ReadsHideTransactions",
        removes: &[Gate::ReadsHideTransactions],
        jams: &[],
        scenario: "prefix-and-locks",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A scan of everything meets records of transactions, which are written below the bound of reads: it shows what no client wrote.",
    },
    Gap {
        name: "TimestampUnderCeiling",
        removes: &[Gate::TimestampUnderCeiling],
        jams: &[],
        scenario: "far-future",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "A read at the end of time binds the group for ever: no later write can have a timestamp above it. What a group may bind and write has a ceiling in its own log.",
    },
    Gap {
        name: "ClocksStayBehind",
        removes: &[Gate::ClockRecovers, Gate::RefusalsAreObserved],
        jams: &[],
        scenario: "issued-timestamps",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "A leader's clock is behind what was read or what came with a range. Every timestamp that it issues is refused, and nothing tells it to issue a greater one.",
    },
];
