//! What must be true, in the words of clients' histories and of stored versions, and what must be reachable.
//!
//! Nothing here asks the core whether something was allowed.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! named {
    ($(#[doc = $doc:literal])+ $type:ident { $($(#[doc = $says:literal])+ $name:ident = $id:literal;)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[doc = $says])+ $name,)+ }

        impl $type {
            /// All of them, by their bit.
            pub const ALL: &'static [$type] = &[$($type::$name,)+];

            /// The identifier in `specs/properties.md`.
            pub fn id(self) -> &'static str {
                match self { $($type::$name => $id,)+ }
            }

            /// What it says, as one sentence.
            pub fn says(self) -> &'static str {
                match self { $($type::$name => concat!($($says),+).trim_start(),)+ }
            }

            /// The one with this identifier, compared without regard to case.
            pub fn by_id(id: &str) -> Option<$type> {
                Self::ALL.iter().copied().find(|one| one.id().eq_ignore_ascii_case(id))
            }

            /// Its bit in a set.
            pub fn bit(self) -> u64 {
                1 << (self as u8)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.id())
            }
        }
    };
}

pub(super) use named;

named! {
    /// A safety property: it holds in every reachable state.
    Property {
        /// An acknowledged version is stored by the group that the catalog gives its key to.
        NothingLost = "S1";
        /// A read returned the newest versions at or below its timestamp among all that were decided by then.
        ReadsNewest = "S2";
        /// What a read returned stays true: no version decided later would have changed it.
        ReadsStayTrue = "S3";
        /// A write is admitted only by the group that the catalog gives its key to at that moment, and the newest version of
        /// a key is told as it is.
        OneOwner = "S4";
        /// Voters that have applied the same entries are equal.
        VotersAgree = "S5";
        /// A transaction has one outcome, for all its keys and for everybody who asks, and overwrites nothing that it has not
        /// seen.
        TxnsAtomic = "S6";
        /// What was deleted or has expired is never read again.
        DeletedStaysDeleted = "S7";
        /// The routes are a partition of the key space, and a job that has not fenced its route still finds it there.
        RoutesPartition = "S8";
        /// When a job has ended, nothing of it is left on any group, and no row of its range where it doesn't belong.
        NothingLeft = "S9";
        /// A message that is repeated, or of an attempt that is over, changes nothing.
        LateMessagesIdle = "S10";
        /// A request outside the ranges of all jobs is never refused because of one.
        OthersUndisturbed = "S11";
        /// A target admits no commit timestamp at or below what the source had fenced.
        TimestampsAscend = "S12";
    }
}

named! {
    /// A situation that must be reachable, else a scenario is too kind to show anything.
    Goal {
        /// No job is live: those that were started have ended.
        Ended = "R-DONE";
        /// A job is in FENCE.
        Fenced = "R-FENCE";
        /// A job is in CUTOVER.
        HandingOver = "R-CUTOVER";
        /// A target owns the range and rows of it are still staged.
        ServedWhileStaged = "R-STAGED";
        /// A target has admitted a write of the range.
        TargetWrote = "R-TARGET-WRITE";
        /// A read was answered.
        ReadServed = "R-READ";
        /// Promotion has moved some rows and not all.
        HalfPromoted = "R-HALF-PROMOTED";
        /// A version below the snapshot was admitted after it was chosen.
        TrackedBelowSnapshot = "R-TRACKED";
        /// A cutover was armed anew because the catalog moved under it.
        Rearmed = "R-REARMED";
        /// A migrator took a job over from another.
        TakenOver = "R-TAKEN-OVER";
        /// A message that was held back or doubled is still under way after its job has ended.
        LateAfterEnd = "R-LATE-AFTER-END";
        /// A read of a range is running on its source after the cutover.
        ReadAcrossCutover = "R-READ-ACROSS";
        /// A voter serves a range although the catalog gives it to another group.
        StaleVoter = "R-STALE-VOTER";
        /// Every move of the scenario has been made.
        EveryMoveMade = "R-ALL-MOVED";
        /// Two jobs are live.
        TwoLive = "R-TWO-LIVE";
        /// A job has ended before one that is older.
        YoungerEndedFirst = "R-YOUNGER-FIRST";
        /// A message of a job that has ended is under way while another job is live.
        LateInNextJob = "R-LATE-IN-NEXT";
        /// A read was answered in parts, by more than one group.
        ReadInParts = "R-PARTS";
        /// A transaction has committed.
        TxnCommitted = "R-COMMITTED";
        /// A transaction has been rolled back.
        TxnRolledBack = "R-ROLLED-BACK";
        /// A transaction has committed whose keys belong to different groups.
        TxnAcross = "R-TXN-ACROSS";
        /// A transaction holds a lock in a range that is fenced.
        LockUnderFence = "R-LOCK-UNDER-FENCE";
        /// A target serves a range while a record or a marker of a transaction is still staged.
        ProofStaged = "R-PROOF-STAGED";
        /// A further pass of the copy is under way.
        CatchingUp = "R-CATCH-UP";
        /// A fenced range was given back.
        GivenBack = "R-GIVEN-BACK";
        /// A job has failed.
        Failed = "R-FAILED";
        /// A job was given up before it had begun.
        AbandonedPlanned = "R-ABANDON-PLANNED";
        /// A job was given up in BACKFILL.
        AbandonedBackfill = "R-ABANDON-BACKFILL";
        /// A job was given up in FENCE.
        AbandonedFence = "R-ABANDON-FENCE";
        /// A job was given up in DELTA_COPY.
        AbandonedDeltaCopy = "R-ABANDON-DELTA-COPY";
        /// A job was given up in CUTOVER.
        AbandonedCutover = "R-ABANDON-CUTOVER";
        /// A job was given up in FAILED.
        AbandonedFailed = "R-ABANDON-FAILED";
        /// A node can't run the protocol while a job is live.
        Lacking = "R-LACKING";
    }
}
