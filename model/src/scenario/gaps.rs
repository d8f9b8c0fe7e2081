//! Every gap: for each gate, or pair of gates, the disaster that it prevents.

use super::{Gap, Redundant};
use crate::world::{Claim, Goal, Liveness, Property};
use splitjob_core::gate::Gate;

/// Every gap: single gates in the order in which a job meets them, then sets of gates that stand in for one another.
pub const GAPS: &[Gap] = &[
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
        name: "ClosedWatermark",
        removes: &[Gate::ClosedWatermark],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A message that arrives after the job has ended finds no guards, takes itself for the first of \
             its job, and arms them again. Nobody is left to clear them.",
    },
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
        name: "WholeIntervalOwned",
        removes: &[Gate::WholeIntervalOwned],
        jams: &[],
        scenario: "read-fence",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A scan begins in the part that stayed and ends in the part that moved. Checking its first key \
             alone lets it miss everything that happened on the other side.",
    },
    Gap {
        name: "WriteTracker",
        removes: &[Gate::WriteTracker],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A caller may choose a commit timestamp below the snapshot while the backfill is running. Only a \
             register that saw it be admitted can tell the delta to start low enough.",
    },
    Gap {
        name: "TrackerBeforeCopy",
        removes: &[Gate::TrackerBeforeCopy],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A version that is admitted behind the copy's back, before the tracker stands, is carried by \
             neither pass.",
    },
    Gap {
        name: "RetentionPin",
        removes: &[Gate::RetentionPin],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "Collecting old versions while they are being copied carries away what a reader at an old \
             timestamp could still see.",
    },
    Gap {
        name: "ExportByRoutingKey",
        removes: &[Gate::ExportByRoutingKey],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "Internal rows are stored far from the key that they belong to. An export of the raw range leaves \
             them behind.",
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
    Gap {
        name: "ExportRawVersions",
        removes: &[Gate::ExportRawVersions],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A deletion is a version. An export of what a reader sees forgets it, and what was deleted comes \
             back.",
    },
    Gap {
        name: "BatchDedup",
        removes: &[Gate::BatchDedup],
        jams: &[],
        scenario: "import-disorder",
        breaks: Claim::Safety(Property::LateMessagesIdle),
        moral: "A batch that arrives twice is staged twice. After promotion the second copy is residue that \
             nobody removes.",
    },
    Gap {
        name: "BatchGap",
        removes: &[Gate::BatchGap],
        jams: &[],
        scenario: "import-disorder",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A batch that overtakes another is taken for proof of it. The one that comes late is then passed \
             over as a repetition, and its rows are lost.",
    },
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
        name: "WriteFence",
        removes: &[Gate::WriteFence],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::OneOwner),
        moral: "After the delta's bounds are read, nobody looks at the source's new versions any more. A write \
             that it still takes is lost at the cutover.",
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
        name: "DeltaFloorFromTracker",
        removes: &[Gate::DeltaFloorFromTracker],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "What was admitted below the snapshot after the backfill had passed is carried only if the delta \
             starts below it.",
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
        name: "DeltaBeforeCutover",
        removes: &[Gate::DeltaBeforeCutover],
        jams: &[],
        scenario: "write-fence",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "The cutover hands over what the target has. What the delta didn't carry is gone.",
    },
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
        name: "CurrentConfiguration",
        removes: &[Gate::CurrentConfiguration],
        jams: &[],
        scenario: "membership-drain",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A voter that was added while the job went on is nobody whom the migrator knew. It still has a page to \
             serve when everybody else has drained, and then applies the deletion.",
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
        name: "CutoverVersionMatches",
        removes: &[Gate::CutoverVersionMatches],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "The fence refuses reads routed before version v. If another change takes v, the cutover makes \
             v+1, and reads routed by v pass the fence on the source.",
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
        name: "ReadDrain",
        removes: &[Gate::ReadDrain],
        jams: &[],
        scenario: "cleanup",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "A read that was admitted before the cutover has pages to come. Deleting under it gives it an \
             answer that was never true.",
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
        name: "ReadinessNowhere",
        removes: &[Gate::StagedReadiness, Gate::ReadinessBeforeCutover],
        jams: &[],
        scenario: "staged-merge",
        breaks: Claim::Safety(Property::ReadsNewest),
        moral: "The target becomes the owner before it knows that there are staged rows to be merged, and \
             answers from its empty live rows.",
    },
    Gap {
        name: "StaleCutover",
        removes: &[Gate::CatalogCas, Gate::JobRevision],
        jams: &[],
        scenario: "two-migrators",
        breaks: Claim::Safety(Property::ReadsStayTrue),
        moral: "A cutover decided for an earlier arming arrives after the catalog moved and the record was armed \
             anew. It finds the version that it wants, but no fence stands for it.",
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
        name: "ReadsCarryVersionShut",
        removes: &[],
        jams: &[Gate::ReadsCarryVersion],
        scenario: "happy-path",
        breaks: Claim::Reach(Goal::ReadServed),
        moral: "Who refuses every read never answers a wrong one. That a read is served must be shown to be possible, or \
             nothing about reads is shown.",
    },
];

/// The gates that break nothing alone, because another stands behind them.
pub const REDUNDANT: &[Redundant] = &[
    Redundant { gate: Gate::StagedReadiness, behind: Gate::ReadinessBeforeCutover, gap: "ReadinessNowhere" },
    Redundant { gate: Gate::ReadinessBeforeCutover, behind: Gate::StagedReadiness, gap: "ReadinessNowhere" },
    Redundant { gate: Gate::CatalogCas, behind: Gate::JobRevision, gap: "StaleCutover" },
    Redundant { gate: Gate::JobRevision, behind: Gate::CatalogCas, gap: "StaleCutover" },
];

/// The properties that no gap breaks, each with the reason.
pub const UNBROKEN: &[(Claim, &str)] =
    &[(Claim::Safety(Property::TxnsAtomic), "no scenario has transactions, so no gap can tear one")];
