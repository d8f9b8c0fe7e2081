//! What stands in the record, and whose routes are followed.

use crate::scenario::Gap;
use crate::world::{Claim, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
    Gap {
        name: "SplitOverlap",
        removes: &[Gate::SplitOverlap],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::RoutesPartition),
        moral: "The job was planned on a route. When that route is split under it, there is nothing left that \
             FENCE could split, and the job can never go on.",
    },
    Gap {
        name: "ReplicatedOwnership",
        removes: &[Gate::ReplicatedOwnership],
        jams: &[],
        scenario: "read-fence",
        breaks: Claim::Safety(Property::VotersAgree),
        moral: "A node's copy of the routes comes by a watcher, at another time on every node. When apply asks \
             it, two voters decide the same entry differently, and are different replicas from then on (O3).",
    },
    Gap {
        name: "OwnershipAtApply",
        removes: &[Gate::OwnershipAtApply],
        jams: &[],
        scenario: "read-fence",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "A coordinator with old routes sends a write to the group that owned the key. If the group's log \
             doesn't refuse it, the write is acknowledged where nobody will look for it.",
    },
    Gap {
        name: "AdoptionNeverGoesBack",
        removes: &[Gate::AdoptionNeverGoesBack],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "News of the routes can be old. A group that adopts them believes that it owns what it has given \
             away.",
    },
    Gap {
        name: "UnpinnedWritesChecked",
        removes: &[Gate::UnpinnedWritesChecked],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "Most clients know nothing of catalog versions. A check that only looks at requests that carry one lets all others write into a range that is fenced, or gone.",
    },
    Gap {
        name: "UnknownOwnerRefused",
        removes: &[Gate::UnknownOwnerRefused],
        jams: &[],
        scenario: "low-transactions",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A group that doesn't know whether a range is its own has nothing of it, or the half of it. What it would answer looks like an answer.",
    },
    Gap {
        name: "StaleCutover",
        removes: &[Gate::CatalogCas, Gate::JobRevision, Gate::FenceUntilReached],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "A cutover decided for an earlier arming arrives after the catalog moved and the record was armed \
             anew. It finds the version that it wants, but no fence stands for it.",
    },
    Gap {
        name: "CutoverReadFromCatalog",
        removes: &[Gate::CutoverReadFromCatalog],
        jams: &[],
        scenario: "rivals",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "The answer to the cutover got lost. A migrator that takes it for failed lifts the fence of a range that belongs to another group.",
    },
    Gap {
        name: "GuardsKeepToRange",
        removes: &[Gate::GuardsKeepToRange],
        jams: &[],
        scenario: "happy-path",
        breaks: Claim::Safety(Property::OthersUndisturbed),
        moral: "A fence around the group instead of around the range keeps everybody waiting for a move that is none of \
             their business.",
    },
];
