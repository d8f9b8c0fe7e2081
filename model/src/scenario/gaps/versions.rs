//! Binaries that can't run the protocol, and the design as it was published.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::{Gate, NOT_PUBLISHED};

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "UnknownEntriesStop",
        removes: &[Gate::UnknownEntriesStop],
        jams: &[],
        scenario: "mixed-versions",
        breaks: Claim::Safety(Property::VotersAgree),
        moral: "A node is downgraded while entries of the protocol are in its log. A voter that passes over what it can't read is another replica from then on; that no further step is taken doesn't help it.",
    },
    Gap {
        name: "WritersWaitForNoNode",
        removes: &[Gate::WritersWaitForNoNode],
        jams: &[],
        scenario: "mixed-versions",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "The fence has outlived its budget, and the record has given the range back. Before the group hears of it, a node loses the capability, and the job waits. So do the writers, behind a fence that nobody wants any more.",
    },
    Gap {
        name: "OldBinariesGoOn",
        removes: &[Gate::CapableNodes, Gate::UnknownEntriesStop],
        jams: &[],
        scenario: "mixed-versions",
        breaks: Claim::Safety(Property::VotersAgree),
        moral: "A job goes on while a node can't read its entries, and the node passes over them.",
    },
    Gap {
        name: "AsPublished",
        removes: NOT_PUBLISHED,
        jams: &[],
        scenario: "happy-path",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "The design as it was published, after seventeen rounds of review. Most scenarios find something in it: \
             `splitjob check SCENARIO --gap AsPublished`.",
    },
];
