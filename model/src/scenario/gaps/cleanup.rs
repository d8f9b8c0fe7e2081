//! Barriers, the end of reads, and what is forgotten.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "EveryVoter",
        removes: &[Gate::EveryVoter],
        jams: &[],
        scenario: "lagging-voter",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A majority knows that the range has moved and has no read running. The third voter is behind, \
             still has a page to serve, and then applies the deletion.",
    },
    Gap {
        name: "EveryVoterShut",
        removes: &[],
        jams: &[Gate::EveryVoter],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A barrier that is never met keeps the job safe, and where it is: a guard must not only hold, it must be \
             seen to hold.",
    },
    Gap {
        name: "CurrentConfiguration",
        removes: &[Gate::CurrentConfiguration],
        jams: &[],
        scenario: "membership-drain",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A voter that was added while the job went on is nobody whom the migrator knew. It still has a page to \
             serve when everybody else has drained, and then applies the deletion.",
    },
    Gap {
        name: "VoterBeginsAnew",
        removes: &[Gate::VoterBeginsAnew],
        jams: &[],
        scenario: "membership-drain",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A voter that was removed serves a read, and nobody waits for it. Added again, it applies the deletion under the read's next page.",
    },
    Gap {
        name: "ClearedBeforeClose",
        removes: &[Gate::ClearedBeforeClose],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "The target forgets the job while its own log still says that rows of it are staged. It waits for them from then on, and refuses every read of the range.",
    },
    Gap {
        name: "ReadDrain",
        removes: &[Gate::ReadDrain],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A read that was admitted before the cutover has pages to come. Deleting under it gives it an \
             answer that was never true.",
    },
    Gap {
        name: "ReadDrainShut",
        removes: &[],
        jams: &[Gate::ReadDrain],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A drain of reads that never counts as done: the source keeps what it doesn't own.",
    },
    Gap {
        name: "MovedBeforeClear",
        removes: &[Gate::MovedBeforeClear],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "The fences were what kept the source from serving. When they go and the group doesn't know \
             itself that the range has moved, it takes itself for the owner again.",
    },
    Gap {
        name: "MovedBeforeClearShut",
        removes: &[],
        jams: &[Gate::MovedBeforeClear],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A source that never counts as knowing that the range has moved keeps its fences for ever.",
    },
    Gap {
        name: "DeleteByRoutingKey",
        removes: &[Gate::DeleteByRoutingKey],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "Internal rows are stored far from the key that they belong to. A deletion of the raw range \
             leaves them on the source for ever.",
    },
];
