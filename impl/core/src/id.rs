//! The identifiers of the protocol, each its own type.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The identifier that follows this one.
            pub fn successor(self) -> Self {
                $name(self.0.checked_add(1).expect("a 64-bit counter does not run out"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )+};
}

ids! {
    /// A Raft group.
    GroupId;
    /// A voter of a group.
    VoterId;
    /// A process of the cluster.
    NodeId;
    /// A route of the catalog.
    RouteId;
    /// A split job.
    JobId;
    /// The version of the catalog's routes; every change of routes makes exactly one (C2).
    CatalogVersion;
    /// The revision of a job record; every change of the record makes exactly one (J3).
    Revision;
    /// The attempt of a job: a migrator that takes the job over, or arms it anew, raises it (J4).
    JobEpoch;
    /// The position of a batch within its bracket, from 1 (G6).
    BatchSeq;
    /// One pass over the range: the backfill is round 1, every later pass one more (P2, P4).
    CopyRound;
}

/// What every command of a job carries: which job, and which of its attempts (J4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The job.
    pub job: JobId,
    /// Its attempt.
    pub epoch: JobEpoch,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} epoch {}", self.job, self.epoch)
    }
}
