//! Every gap: for each gate, or pair of gates, the disaster that it prevents; by topic, in the order in which a job meets
//! them.

mod attempts;
mod catalog;
mod cleanup;
mod copying;
mod cutover;
mod fencing;
mod merging;
mod reads;
mod transactions;
mod versions;

use super::{Gap, Redundant};
use crate::world::Claim;
use splitjob_core::gate::Gate;

/// Every gap.
pub const GAPS: &[Gap] = &ALL;

const TOPICS: &[&[Gap]] = &[
    catalog::GAPS,
    attempts::GAPS,
    reads::GAPS,
    copying::GAPS,
    fencing::GAPS,
    cutover::GAPS,
    merging::GAPS,
    cleanup::GAPS,
    transactions::GAPS,
    versions::GAPS,
];

const ALL: [Gap; count()] = joined();

const fn count() -> usize {
    let (mut topic, mut count) = (0, 0);
    while topic < TOPICS.len() {
        count += TOPICS[topic].len();
        topic += 1;
    }
    count
}

const fn joined() -> [Gap; count()] {
    let mut all = [TOPICS[0][0]; count()];
    let (mut topic, mut place) = (0, 0);
    while topic < TOPICS.len() {
        let mut index = 0;
        while index < TOPICS[topic].len() {
            all[place] = TOPICS[topic][index];
            place += 1;
            index += 1;
        }
        topic += 1;
    }
    all
}

/// The gates that break nothing alone, because another stands behind them.
pub const REDUNDANT: &[Redundant] = &[
    Redundant { gate: Gate::ForeignRowRefused, behind: Gate::ExportChecksRows, gap: "ForeignRowsMove" },
    Redundant { gate: Gate::ClockRecovers, behind: Gate::RefusalsAreObserved, gap: "ClocksStayBehind" },
    Redundant { gate: Gate::RefusalsAreObserved, behind: Gate::ClockRecovers, gap: "ClocksStayBehind" },
    Redundant { gate: Gate::StagedReadiness, behind: Gate::ReadinessBeforeCutover, gap: "ReadinessNowhere" },
    Redundant { gate: Gate::ReadinessBeforeCutover, behind: Gate::StagedReadiness, gap: "ReadinessNowhere" },
    Redundant { gate: Gate::CatalogCas, behind: Gate::JobRevision, gap: "StaleCutover" },
    Redundant { gate: Gate::JobRevision, behind: Gate::CatalogCas, gap: "StaleCutover" },
    Redundant { gate: Gate::SnapshotBelowLocks, behind: Gate::TrackSecondaries, gap: "LocksBeforeSnapshot" },
    Redundant { gate: Gate::CloseLeavesNoStagedRow, behind: Gate::AbandonRaisesEpoch, gap: "AbandonLeavesRows" },
    Redundant { gate: Gate::CapableNodes, behind: Gate::UnknownEntriesStop, gap: "OldBinariesGoOn" },
    Redundant { gate: Gate::CutoverVersionMatches, behind: Gate::FenceUntilReached, gap: "CutoverAtAnyVersion" },
    Redundant { gate: Gate::FenceUntilReached, behind: Gate::CutoverVersionMatches, gap: "CutoverAtAnyVersion" },
];

/// The properties that no gap breaks, each with the reason.
pub const UNBROKEN: &[(Claim, &str)] = &[];
