//! What is copied, tracked and kept while writes flow.

use crate::scenario::Gap;
use crate::world::{Claim, Liveness, Property};
use splitjob_core::gate::Gate;

pub(super) const GAPS: &[Gap] = &[
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
        name: "TrackRawWrites",
        removes: &[Gate::TrackRawWrites],
        jams: &[],
        scenario: "prefix-deletes",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A plain write may choose a timestamp below the snapshot. A register that only knows transactions lets the delta start too high.",
    },
    Gap {
        name: "TrackSecondaries",
        removes: &[Gate::TrackSecondaries],
        jams: &[],
        scenario: "low-transactions",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "The key that decides a transaction may be elsewhere; the range holds another of its keys. A register that only knows primaries never hears of it.",
    },
    Gap {
        name: "TrackPrefixDeletes",
        removes: &[Gate::TrackPrefixDeletes],
        jams: &[],
        scenario: "prefix-deletes",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A prefix delete leaves tombstones at a timestamp that its caller chose, below the snapshot as well. Not tracked, they stay behind, and what was deleted comes back.",
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
        name: "TrackerBeforeCopyShut",
        removes: &[],
        jams: &[Gate::TrackerBeforeCopy],
        scenario: "happy-path",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A tracker that never counts as armed lets nothing be copied: the job waits where it began.",
    },
    Gap {
        name: "LocksBeforeSnapshot",
        removes: &[Gate::SnapshotBelowLocks, Gate::TrackSecondaries],
        jams: &[],
        scenario: "low-transactions",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A key was locked before the snapshot was chosen, and commits below it afterwards. If neither the snapshot keeps below locks nor the tracker hears of the commit, no pass carries it.",
    },
    Gap {
        name: "CatchUpFromTracker",
        removes: &[Gate::CatchUpFromTracker],
        jams: &[],
        scenario: "catch-up",
        breaks: Claim::Safety(Property::NothingLost),
        moral: "A pass that starts where the one before ended forgets what was written below while that one ran.",
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
        name: "ExportChecksRows",
        removes: &[Gate::ExportChecksRows],
        jams: &[],
        scenario: "foreign-rows",
        breaks: Claim::Liveness(Liveness::JobEnds),
        moral: "A bracket of an internal family holds rows of every range. An export that takes them all is refused by the target, again and again, and the job never ends.",
    },
    Gap {
        name: "ForeignRowsMove",
        removes: &[Gate::ExportChecksRows, Gate::ForeignRowRefused],
        jams: &[],
        scenario: "foreign-rows",
        breaks: Claim::Safety(Property::NothingLeft),
        moral: "Nobody looks where a row belongs: neither who exports it nor who stages it. Rows of a range that stays come to be on the target.",
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
];
