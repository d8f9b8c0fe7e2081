//! The fence, the drain and the delta.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "BackfillBeforeFence",
        removes: &[Gate::BackfillBeforeFence],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "The delta carries only what is newer than the snapshot. If the backfill isn't complete, history \
             is lost.",
    },
    Gap {
        name: "BackfillBeforeFenceShut",
        removes: &[],
        jams: &[Gate::BackfillBeforeFence],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A pass that never counts as complete is never followed by the fence.",
    },
    Gap {
        name: "IntentBeforeGuards",
        removes: &[Gate::IntentBeforeGuards],
        jams: &[],
        scenario: "mixed-versions",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "The fence was armed, and before the record said so a node lost the capability to go on. The record knows of no fence, so no budget runs that could lift it.",
    },
    Gap {
        name: "FenceBeforeDrain",
        removes: &[Gate::FenceBeforeDrain],
        jams: &[],
        scenario: "drain",
        breaks: Claim::Liveness(Liveness::DrainEnds),
        moral: "Waiting for the last transaction before the range is fenced never ends: there is always another one.",
    },
    Gap {
        name: "WriteFence",
        removes: &[Gate::WriteFence],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "After the delta's bounds are read, nobody looks at the source's new versions any more. A write \
             that it still takes is lost at the cutover.",
    },
    Gap {
        name: "FenceBeforeDelta",
        removes: &[Gate::FenceBeforeDelta],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "The upper bound of the delta is the source's last commit. Read before the fence stands, it is \
             not the last.",
    },
    Gap {
        name: "FenceBeforeDeltaShut",
        removes: &[],
        jams: &[Gate::FenceBeforeDelta],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A write fence that never counts as applied keeps the range's writers waiting for a delta that is never cut.",
    },
    Gap {
        name: "DrainBeforeDelta",
        removes: &[Gate::DrainBeforeDelta],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "A lock that is still there when the delta is cut becomes a version that no pass carries, or stays behind on a group that nobody asks any more.",
    },
    Gap {
        name: "DrainBeforeDeltaShut",
        removes: &[],
        jams: &[Gate::DrainBeforeDelta],
        scenario: "drain",
        breaks: Claim::Liveness(Liveness::DrainEnds),
        moral: "A drain that never counts as done is the same as one that never ends.",
    },
    Gap {
        name: "DrainByRoutingKey",
        removes: &[Gate::DrainByRoutingKey],
        jams: &[],
        scenario: "straddling-back",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "A lock is stored under the key that it locks. Internal rows sort outside of the range that they route to, and so do their locks.",
    },
    Gap {
        name: "DeltaFloorFromTracker",
        removes: &[Gate::DeltaFloorFromTracker],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "What was admitted below the snapshot after the backfill had passed is carried only if the delta \
             starts below it.",
    },
    Gap {
        name: "DeltaBeforeCutover",
        removes: &[Gate::DeltaBeforeCutover],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "The cutover hands over what the target has. What the delta didn't carry is gone.",
    },
    Gap {
        name: "DeltaBeforeCutoverShut",
        removes: &[],
        jams: &[Gate::DeltaBeforeCutover],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A delta that never counts as copied: the range is fenced, and stays so.",
    },
    Gap {
        name: "FenceBudget",
        removes: &[Gate::FenceBudget],
        jams: &[],
        scenario: "abandon-everywhere",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "One voter is silent, a barrier waits for it, and behind the barrier all writers of the range wait with it.",
    },
    Gap {
        name: "UnfenceBeforeCopy",
        removes: &[Gate::UnfenceBeforeCopy],
        jams: &[],
        scenario: "abandon-everywhere",
        breaks: Claim::Liveness(Liveness::WritesSettle),
        moral: "The range was given back before its fence had reached the group. When the fence arrives, nobody is left to lift it.",
    },
];
