//! The hand-over: fence for reads, floor, readiness.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "ReadFence",
        removes: &[Gate::ReadFence],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "A coordinator with old routes reads on the source after the cutover. The source still has its \
             rows and sees no reason to refuse; the target has newer ones.",
    },
    Gap {
        name: "ReadFenceBeforeCutover",
        removes: &[Gate::ReadFenceBeforeCutover],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "Between the cutover and the fence the source answers reads as if nothing had happened.",
    },
    Gap {
        name: "ReadFenceBeforeCutoverShut",
        removes: &[],
        jams: &[Gate::ReadFenceBeforeCutover],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A read fence that never counts as applied: the cutover is never written.",
    },
    Gap {
        name: "CutoverAtAnyVersion",
        removes: &[Gate::CutoverVersionMatches, Gate::FenceUntilReached],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "The fence refuses reads routed before version v. If another change takes v, the cutover makes \
             v+1, and reads routed by v pass the fence on the source.",
    },
    Gap {
        name: "ReadinessNowhere",
        removes: &[Gate::StagedReadiness, Gate::ReadinessBeforeCutover],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "The target becomes the owner before it knows that there are staged rows to be merged, and \
             answers from its empty live rows.",
    },
    Gap {
        name: "ReadinessBeforeCutoverShut",
        removes: &[],
        jams: &[Gate::ReadinessBeforeCutover],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A target that never counts as ready: the cutover is never written.",
    },
    Gap {
        name: "FloorCoversFence",
        removes: &[Gate::FloorCoversFence],
        jams: &[],
        scenario: "happy-path",
        breaks: Claim::Safety(Property::TimestampsAscend),
        moral: "Nothing was imported and nothing read, but the source had committed at a later timestamp. The \
             target then goes back in time.",
    },
    Gap {
        name: "FloorCoversReads",
        removes: &[Gate::FloorCoversReads],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "The source has promised to readers that nothing will be written at or below their timestamp. The \
             promise must move with the range, or the target breaks it.",
    },
    Gap {
        name: "FloorIsExact",
        removes: &[Gate::FloorIsExact],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::TimestampsAscend),
        moral: "Two commits of one millisecond differ in the logical half alone. A floor without it lets the target write under what the source has fenced.",
    },
    Gap {
        name: "ImportsCountAsCommitted",
        removes: &[Gate::ImportsCountAsCommitted],
        jams: &[],
        scenario: "moving-on",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A range that has moved here moves on. What was imported was never written here, so the last commit \
             knows nothing of it, and the next job takes it for nothing.",
    },
    Gap {
        name: "HorizonMoves",
        removes: &[Gate::HorizonMoves],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "The source had collected old versions and refused reads that need them. The target has never \
             heard of it, and answers as if the key had not existed.",
    },
    Gap {
        name: "TargetFloor",
        removes: &[Gate::TargetFloor],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "The floor is worth nothing if the target doesn't hold writes against it.",
    },
];
