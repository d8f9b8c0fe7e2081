//! Messages of attempts that are over, and observations that are old.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "JobEpoch",
        removes: &[Gate::JobEpoch],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A migrator that was replaced still has messages under way. Without the token's epoch a group \
             can't tell them from its successor's, and does what nobody wants any more.",
    },
    Gap {
        name: "DeletionKnowsAttempt",
        removes: &[Gate::DeletionKnowsAttempt],
        jams: &[],
        scenario: "torn-takeover",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A migrator that was replaced sees that its successor has deleted the rows, and goes on with the attempt that it holds. The deletion has left no trace of the successor's attempt, so the group obeys both.",
    },
    Gap {
        name: "ClosedWatermark",
        removes: &[Gate::ClosedWatermark],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A message that arrives after the job has ended finds no guards, takes itself for the first of \
             its job, and arms them again. Nobody is left to clear them.",
    },
    Gap {
        name: "LinearizableStatus",
        removes: &[Gate::LinearizableStatus],
        jams: &[],
        scenario: "happy-path",
        breaks: Claim::Safety(Property::TimestampsAscend),
        moral: "A follower that answers for the group tells of a last commit that is not the last. What is built \
             on it, the fence timestamp and the floor, is too low.",
    },
    Gap {
        name: "StatusOfOneMoment",
        removes: &[Gate::StatusOfOneMoment],
        jams: &[],
        scenario: "torn-observation",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A leader's report says that the fence stands, and its status, taken a moment before, what its last commit was. What was written in between is above everything that the delta carries.",
    },
    Gap {
        name: "FenceInNewAttempt",
        removes: &[Gate::FenceInNewAttempt],
        jams: &[],
        scenario: "bounded-pause",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "The lifting of the first fence arrives a second time, behind the second fence, with the same token. The range takes writes that no pass will carry.",
    },
    Gap {
        name: "AbandonRaisesEpoch",
        removes: &[Gate::AbandonRaisesEpoch],
        jams: &[],
        scenario: "abandon-everywhere",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A command of the attempt that was given up is still under way. Nothing tells the group that it is over.",
    },
    Gap {
        name: "AbandonLeavesRows",
        removes: &[Gate::CloseLeavesNoStagedRow, Gate::AbandonRaisesEpoch],
        jams: &[],
        scenario: "abandon-everywhere",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "The target has forgotten the job that was given up. An import that was still under way has staged a row in between, or stages it now.",
    },
    Gap {
        name: "AbandonUnfencesRoute",
        removes: &[Gate::AbandonUnfencesRoute],
        jams: &[],
        scenario: "abandon-everywhere",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "A job that is given up forgets its guards on the groups. The route in the catalog is still fenced, for a job that nobody knows.",
    },
    Gap {
        name: "CloseLeavesNoStagedRowShut",
        removes: &[],
        jams: &[Gate::CloseLeavesNoStagedRow],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A group that always finds something left never forgets its job.",
    },
];
