//! Serving while rows are staged, and promoting them.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "NewestOfStagedAndLive",
        removes: &[Gate::NewestOfStagedAndLive],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "While history is staged, the newest version of a key may be live. Whoever looks at the staged \
             rows first shows the past.",
    },
    Gap {
        name: "MergeBeforeVisibility",
        removes: &[Gate::MergeBeforeVisibility],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::DeletedStaysDeleted),
        moral: "A new deletion is live, an older value is staged. Each filtered by itself, the deletion \
             disappears and the value comes back.",
    },
    Gap {
        name: "ScansMerge",
        removes: &[Gate::ScansMerge],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A scan that looks at live rows only misses whatever isn't promoted yet.",
    },
    Gap {
        name: "ConflictsSeeStaged",
        removes: &[Gate::ConflictsSeeStaged],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::TxnsAtomic),
        moral: "The version that a transaction must not overwrite is staged and not promoted yet. Looking at live rows alone, the target finds no conflict.",
    },
    Gap {
        name: "ProofsSeeStaged",
        removes: &[Gate::ProofsSeeStaged],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::TxnsAtomic),
        moral: "The record that proves a commit has moved, and is still staged. A retry that looks at live rows alone is told that nobody knows the transaction.",
    },
    Gap {
        name: "LatestSeesStaged",
        removes: &[Gate::LatestSeesStaged],
        jams: &[],
        scenario: "prefix-deletes",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "The newest version of a key is staged and not promoted yet.",
    },
    Gap {
        name: "PrefixSeesStaged",
        removes: &[Gate::PrefixSeesStaged],
        jams: &[],
        scenario: "prefix-and-locks",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A deletion of everything that passes over staged rows is undone when they are promoted.",
    },
    Gap {
        name: "PromoteShadowed",
        removes: &[Gate::PromoteShadowed],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A version under a newer one is invisible to most readers, and the only answer to those who read \
             at an older timestamp.",
    },
    Gap {
        name: "PromotionRemoves",
        removes: &[Gate::PromotionRemoves],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "Rows that are promoted and not removed stay in the staged keyspace for ever.",
    },
    Gap {
        name: "PromotionBeforeClear",
        removes: &[Gate::PromotionBeforeClear],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "Once the flag is cleared, readers look at live rows alone. What is still staged vanishes.",
    },
    Gap {
        name: "PromotionBeforeClearShut",
        removes: &[],
        jams: &[Gate::PromotionBeforeClear],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A promotion that never counts as done: readers merge staged rows for ever.",
    },
];
