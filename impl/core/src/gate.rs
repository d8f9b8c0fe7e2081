//! The named conditions that a step of the protocol must pass, and which of them stand.
//!
//! [`Gates::all`] is what the world runs. A *gap* is the same machine without one gate (or without a few): the model
//! shows for each gate the disaster that it prevents.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! gates {
    ($($(#[doc = $doc:literal])+ $name:ident = $rule:literal;)+) => {
        /// A condition that a step must pass; the doc sentence of each says what it demands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Gate { $($(#[doc = $doc])+ $name,)+ }

        impl Gate {
            /// Every gate, in the order in which a job meets them.
            pub const ALL: &'static [Gate] = &[$(Gate::$name,)+];

            /// The gate's name, as commands and files spell it.
            pub fn name(self) -> &'static str {
                match self { $(Gate::$name => stringify!($name),)+ }
            }

            /// The id of the rule that the gate implements.
            pub fn rule(self) -> &'static str {
                match self { $(Gate::$name => $rule,)+ }
            }

            /// What the gate demands, as one sentence.
            pub fn demands(self) -> &'static str {
                match self { $(Gate::$name => concat!($($doc),+).trim_ascii_start_str(),)+ }
            }
        }
    };
}

/// `str::trim_start` for the doc strings of the table, which start with the space after `///`.
trait TrimAsciiStart {
    fn trim_ascii_start_str(&'static self) -> &'static str;
}

impl TrimAsciiStart for str {
    fn trim_ascii_start_str(&'static self) -> &'static str {
        self.trim_start()
    }
}

gates! {
    /// A catalog command that changes routes applies only to the catalog version it was made for.
    CatalogCas = "C2";
    /// A change of a job record applies only to the revision it was made for.
    JobRevision = "J3";
    /// A same-group split is refused while a live job's range intersects the route.
    SplitOverlap = "C4";
    /// A group refuses a job command that is older than the newest epoch it has applied for that job.
    JobEpoch = "J4";
    /// A deletion is an effect of its attempt: the group refuses commands of older attempts from then on.
    DeletionKnowsAttempt = "J4";
    /// A group refuses every command of a job that it has closed.
    ClosedWatermark = "G10";
    /// What a group may do with a key is decided by its own replicated map, not by a cache of the node.
    ReplicatedOwnership = "O1";
    /// A write is refused, when it is applied, unless its whole footprint is owned and writable here.
    OwnershipAtApply = "O2";
    /// A group never adopts a catalog version older than the one it has applied.
    AdoptionNeverGoesBack = "O1";
    /// A request without a catalog version passes the same checks as one that carries it.
    UnpinnedWritesChecked = "O2";
    /// What a group can't tell to be its own is refused, not served.
    UnknownOwnerRefused = "G5";
    /// A leader's clock has observed every floor of its group before it issues a timestamp.
    ClockRecovers = "T4";
    /// Whose timestamp was refused as too low observes the floor that the refusal names.
    RefusalsAreObserved = "T2";
    /// No timestamp above the replicated ceiling is written or bound.
    TimestampUnderCeiling = "T3";
    /// No version at or below the bound of served reads is admitted.
    ServedReadsBind = "T5";
    /// A read without the catalog version that routed it is refused.
    ReadsCarryVersion = "G4";
    /// A read of the whole interval is checked, not only of its first key.
    WholeIntervalOwned = "O2";
    /// The write tracker records every version admitted for the range.
    WriteTracker = "G1";
    /// The write tracker records what the log admits at a caller's timestamp, raw writes too.
    TrackRawWrites = "G1";
    /// The write tracker records the keys of a transaction that aren't its primary.
    TrackSecondaries = "G1";
    /// The write tracker records every version that a prefix delete writes.
    TrackPrefixDeletes = "G1";
    /// Nothing is copied before the write tracker stands.
    TrackerBeforeCopy = "P2";
    /// The snapshot lies below the commit timestamp of every lock in the range.
    SnapshotBelowLocks = "P2";
    /// A catch-up round starts below the least version that was admitted since the round before.
    CatchUpFromTracker = "P2";
    /// While the retention pin stands, no version of the range above it is collected.
    RetentionPin = "G2";
    /// A bracket's export carries the rows that route into the range, and not all that the bracket holds.
    ExportChecksRows = "K3";
    /// A batch with a row that routes elsewhere is refused.
    ForeignRowRefused = "K3";
    /// Export, deletion and ownership decide by the routing key of a row, never by its raw key.
    ExportByRoutingKey = "K2";
    /// Cleanup deletes exactly the rows that route into the range.
    DeleteByRoutingKey = "K2";
    /// An export carries raw versions: tombstones and expired ones too.
    ExportRawVersions = "P4";
    /// A batch that was imported before is not applied again.
    BatchDedup = "G6";
    /// A batch that would leave a gap in the sequence is refused.
    BatchGap = "G6";
    /// The record says that the range is fenced before its fence is armed.
    IntentBeforeGuards = "J1";
    /// The backfill is complete before the fence.
    BackfillBeforeFence = "P2";
    /// The range is fenced before the transactions in it are waited for.
    FenceBeforeDrain = "P3";
    /// The range refuses new writes from the fence on.
    WriteFence = "G3";
    /// A transaction that was prepared before the fence may end behind it.
    LocksEndUnderFence = "X3";
    /// A rollback record for a transaction that holds no lock here is a write like any other.
    RollbackIsAWrite = "X3";
    /// A guard concerns the requests that meet its range, and no others.
    GuardsKeepToRange = "S11";
    /// The delta's bounds are read only after the write fence has been applied.
    FenceBeforeDelta = "P4";
    /// The delta's bounds are read only when no lock is left in the range.
    DrainBeforeDelta = "P3";
    /// The drain looks for locks by the routing key of what they lock.
    DrainByRoutingKey = "K2";
    /// The delta starts below the least version that was admitted since the tracker stands.
    DeltaFloorFromTracker = "P4";
    /// What a group answers about itself is a linearizable read.
    LinearizableStatus = "P4";
    /// What a group's leader answers about the job, about itself and about the configuration is of one moment.
    StatusOfOneMoment = "P4";
    /// The delta is complete before the cutover.
    DeltaBeforeCutover = "P5";
    /// A guard counts as applied when every voter of the configuration has applied it.
    EveryVoter = "B1";
    /// The voters that count are those of the configuration that stands.
    CurrentConfiguration = "B2";
    /// The source refuses reads that were routed before the cutover.
    ReadFence = "G4";
    /// No read passes the read fence by a version that the group has not reached itself.
    FenceUntilReached = "G4";
    /// The read fence stands before the cutover is written.
    ReadFenceBeforeCutover = "P5";
    /// The cutover makes exactly the version for which the read fence was armed.
    CutoverVersionMatches = "P5";
    /// The target refuses the range until its replicated state has the matching descriptor.
    StagedReadiness = "G5";
    /// The descriptor stands on the target before the cutover is written.
    ReadinessBeforeCutover = "P5";
    /// The target's floor is at least the source's last commit timestamp.
    FloorCoversFence = "P5";
    /// The target's floor is at least every read that the source has served.
    FloorCoversReads = "P5";
    /// What a target imports counts as committed there: the next move of the range must find it below its fence.
    ImportsCountAsCommitted = "G7";
    /// The floor is a whole timestamp, not its milliseconds.
    FloorIsExact = "G7";
    /// The target refuses reads whose versions the source had collected before the move.
    HorizonMoves = "P5";
    /// The target refuses commit timestamps at or below the floor.
    TargetFloor = "C3";
    /// A read takes the newest version over staged and live, not the staged one first.
    NewestOfStagedAndLive = "P6";
    /// Tombstone and expiry are applied after staged and live are merged, not before.
    MergeBeforeVisibility = "P6";
    /// A conflict is looked for among staged versions as well.
    ConflictsSeeStaged = "P6";
    /// Commit and rollback records and success markers are looked for among staged rows as well.
    ProofsSeeStaged = "P6";
    /// The latest timestamp of a key is looked for among staged rows as well.
    LatestSeesStaged = "P6";
    /// A prefix delete deletes staged rows as well.
    PrefixSeesStaged = "P6";
    /// Scans merge staged and live as point reads do, in both directions.
    ScansMerge = "P6";
    /// Promotion copies a version also under a newer live one.
    PromoteShadowed = "P7";
    /// Promotion removes exactly the staged rows that it copied.
    PromotionRemoves = "P7";
    /// The staged flag of the route is cleared only when promotion is done.
    PromotionBeforeClear = "P8";
    /// No row is deleted while a read of the range that was admitted is still running on any voter.
    ReadDrain = "P8";
    /// The target forgets the job only when its log has the routes without the staged flag.
    ClearedBeforeClose = "P8";
    /// A voter that is added, for the first time or again, serves nothing of what it had before.
    VoterBeginsAnew = "B3";
    /// The source forgets its fences only when it knows itself that the range has moved.
    MovedBeforeClear = "G9";
    /// What became of a cutover is read from the catalog, never assumed.
    CutoverReadFromCatalog = "J9";
    /// A fence that has outlived its budget is lifted by the record, and copying goes on.
    FenceBudget = "J10";
    /// A new attempt tells a group its epoch before it goes on after a fence was lifted.
    UnfenceBeforeCopy = "J10";
    /// A range that was given back is fenced anew under another attempt, so that no late lifting meets the new fence.
    FenceInNewAttempt = "J10";
    /// Abandoning a job gives the route back for writes in the command that says so.
    AbandonUnfencesRoute = "J8";
    /// Abandoning a job raises its epoch before anything is removed.
    AbandonRaisesEpoch = "J8";
    /// A target forgets an abandoned job only when none of its staged rows is left.
    CloseLeavesNoStagedRow = "J8";
    /// A job is created and moved on only while every node can run the whole protocol.
    CapableNodes = "V1";
    /// What the record says of who may write reaches the groups also while a node can't run the protocol.
    WritersWaitForNoNode = "V2";
    /// A voter that meets an entry that it can't read stops, and doesn't pass it over.
    UnknownEntriesStop = "V2";
    /// A read at or above the commit timestamp of a lock waits for the lock.
    LocksBlockReads = "X5";
    /// A key that a transaction has locked takes no write of another.
    LocksBlockWrites = "X5";
    /// A transaction that would overwrite a version newer than its start is refused.
    FirstCommitterWins = "X6";
    /// A commit without a lock changes nothing, whatever is asked.
    CommitNeedsLock = "X3";
    /// A commit that is asked for again is proven by a record that names the transaction, not by a version.
    ProofNamesTransaction = "X3";
    /// A group whose range is being handed over denies nothing that it can't prove: the answer may be elsewhere by now.
    NoDenialUnderReadFence = "X3";
    /// A rollback record proves that its transaction did not commit, never that it did.
    RollbackIsNoProof = "X3";
    /// Every participant's commit leaves a success marker.
    SuccessMarkers = "X2";
    /// A transaction has one record: no commit after a rollback, no rollback after a commit.
    OneRecord = "X2";
    /// Nobody but the primary's group says what became of a transaction.
    PrimaryDecides = "X2";
    /// A prefix delete is checked over the whole interval that it can reach.
    PrefixIsARange = "O2";
    /// A user's read doesn't see the rows of transactions.
    ReadsHideTransactions = "K6";
    /// A user's prefix delete spares the rows of transactions.
    PrefixSparesTransactions = "K5";
}

/// The gates that the published design doesn't have: what its seventeen rounds of review left open, and what it decided
/// otherwise (§12 of the protocol, and the findings).
pub const NOT_PUBLISHED: &[Gate] = &[
    Gate::ReplicatedOwnership,
    Gate::JobEpoch,
    Gate::ClosedWatermark,
    Gate::AdoptionNeverGoesBack,
    Gate::ServedReadsBind,
    Gate::TimestampUnderCeiling,
    Gate::CatchUpFromTracker,
    Gate::RollbackIsAWrite,
    Gate::NoDenialUnderReadFence,
    Gate::FenceUntilReached,
    Gate::FloorCoversReads,
    Gate::ImportsCountAsCommitted,
    Gate::HorizonMoves,
    Gate::FenceBudget,
    Gate::UnfenceBeforeCopy,
    Gate::FenceInNewAttempt,
    Gate::AbandonRaisesEpoch,
    Gate::CloseLeavesNoStagedRow,
    Gate::UnknownEntriesStop,
    Gate::WritersWaitForNoNode,
    Gate::LocksBlockReads,
    Gate::ReadsHideTransactions,
    Gate::PrefixSparesTransactions,
];

impl Gate {
    /// The gate with this name, compared without regard to case.
    pub fn by_name(name: &str) -> Option<Gate> {
        Gate::ALL.iter().copied().find(|gate| gate.name().eq_ignore_ascii_case(name))
    }

    fn bit(self) -> u128 {
        1 << (self as u32)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which gates stand, which are missing, and which are jammed: shut for good, whatever comes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gates {
    missing: u128,
    jammed: u128,
}

impl Gates {
    /// Every gate stands: what production runs.
    pub const fn all() -> Gates {
        Gates { missing: 0, jammed: 0 }
    }

    /// Every gate but these.
    ///
    /// For the model alone: `clippy.toml` refuses a call from anywhere else.
    pub fn without(gates: &[Gate]) -> Gates {
        Gates { missing: bits(gates), jammed: 0 }
    }

    /// The design as it was published: without [`NOT_PUBLISHED`].
    ///
    /// For the model alone: `clippy.toml` refuses a call from anywhere else.
    pub fn as_published() -> Gates {
        Gates { missing: bits(NOT_PUBLISHED), jammed: 0 }
    }

    /// The same gates, of which these never open.
    ///
    /// For the model alone: `clippy.toml` refuses a call from anywhere else.
    #[must_use]
    pub fn jammed(self, gates: &[Gate]) -> Gates {
        Gates { jammed: self.jammed | bits(gates), ..self }
    }

    /// Whether the gate stands.
    pub fn stands(self, gate: Gate) -> bool {
        self.missing & gate.bit() == 0
    }

    /// Whether the gate lets something pass that fulfils its condition or not.
    pub fn passes(self, gate: Gate, is_fulfilled: bool) -> bool {
        !self.is_jammed(gate) && (is_fulfilled || !self.stands(gate))
    }

    /// Whether the gate never opens.
    pub fn is_jammed(self, gate: Gate) -> bool {
        self.jammed & gate.bit() != 0
    }

    /// The gates that are missing, in order.
    pub fn missing(self) -> Vec<Gate> {
        Gate::ALL.iter().copied().filter(|gate| !self.stands(*gate)).collect()
    }

    /// The gates that never open, in order.
    pub fn never_open(self) -> Vec<Gate> {
        Gate::ALL.iter().copied().filter(|gate| self.is_jammed(*gate)).collect()
    }
}

fn bits(gates: &[Gate]) -> u128 {
    gates.iter().fold(0, |bits, gate| bits | gate.bit())
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all gates")?;
        match self.missing().as_slice() {
            [] => {}
            missing => write!(f, " but {missing:?}")?,
        }
        match self.never_open().as_slice() {
            [] => Ok(()),
            jammed => write!(f, ", never opening {jammed:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gates_fit_into_the_set() {
        assert!(Gate::ALL.len() <= 128, "{} gates in 128 bits", Gate::ALL.len());
    }

    #[test]
    fn a_gate_is_found_by_its_name_in_any_case() {
        assert_eq!(Gate::by_name("readfence"), Some(Gate::ReadFence));
        assert_eq!(Gate::by_name("no such gate"), None);
    }
}
