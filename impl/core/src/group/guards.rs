//! What a group remembers of a split job: the guards of the source and those of the target (G1–G8).

use super::command::RowPosition;
use super::copy::ImportProgress;
use crate::id::{CatalogVersion, CopyRound, JobEpoch, JobId};
use crate::range::KeyRange;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The guards of one job on one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobGuards {
    /// The newest epoch applied for the job (J4).
    pub epoch: JobEpoch,
    /// The range that the job moves.
    pub range: KeyRange,
    /// The guards, by the group's role in the job.
    pub role: Role,
}

/// What a group is to a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The range leaves it.
    Source(SourceGuards),
    /// The range comes to it.
    Target(TargetGuards),
}

/// The guards of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceGuards {
    /// The write tracker, from the entry that armed it; the retention pin is armed with it (G1, G2).
    pub tracker: Option<WriteTracker>,
    /// New writes are refused (G3).
    pub write_fence: bool,
    /// Reads that were routed before a version are refused (G4).
    pub read_fence: Option<ReadFence>,
}

/// The least commit timestamp admitted for the range since the tracker was armed: a register, whatever the load (G1, D3).
///
/// Every pass of the copy has a register of its own, so that a catch-up round can start where the one before ended (P2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WriteTracker {
    /// The pass that the register is for.
    pub round: CopyRound,
    /// The least timestamp admitted since the pass began; absent while none was.
    pub least: Option<Timestamp>,
    /// The least timestamp admitted from the beginning of the pass before until this one began.
    pub least_before: Option<Timestamp>,
    /// Reads below it were refused when the tracker was armed: what the pin can't bring back (G2).
    pub horizon: Timestamp,
}

impl WriteTracker {
    pub(super) fn new(round: CopyRound, horizon: Timestamp) -> WriteTracker {
        WriteTracker { round, least: None, least_before: None, horizon }
    }

    pub(super) fn record(&mut self, commit_ts: Timestamp) {
        self.least = Some(self.least.map_or(commit_ts, |least| least.min(commit_ts)));
    }

    /// Begins a later pass; a pass that has begun before begins no more.
    pub(super) fn begin(&mut self, round: CopyRound) {
        if round > self.round {
            self.round = round;
            self.least_before = self.least.take();
        }
    }
}

/// The read fence of a source (G4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadFence {
    /// The version that the cutover will make; reads routed below it are refused.
    pub expected_cutover_version: CatalogVersion,
    /// No read of the range above it has been or will be served here (T5).
    pub read_bound: Timestamp,
}

/// The guards of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TargetGuards {
    /// What has been staged (G6).
    pub imported: ImportProgress,
    /// The greatest commit timestamp that was imported (G7).
    pub max_imported_ts: Timestamp,
    /// The descriptor of the staged range: from here on the group may serve it (G5).
    pub readiness: Option<Readiness>,
    /// How far promotion has come (G8).
    pub promotion: Promotion,
}

/// The descriptor that lets a target serve a staged range (G5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Readiness {
    /// No commit timestamp at or below it is admitted.
    pub floor: Timestamp,
}

/// How far promotion has come (G8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promotion {
    /// The last row that was promoted; the next one is strictly after it.
    pub after: Option<RowPosition>,
    /// No staged row of the range is left to promote.
    pub done: bool,
}

impl JobGuards {
    /// The guards, if the group is the job's source.
    pub fn source(&self) -> Option<&SourceGuards> {
        match &self.role {
            Role::Source(guards) => Some(guards),
            Role::Target(_) => None,
        }
    }

    /// The guards, if the group is the job's target.
    pub fn target(&self) -> Option<&TargetGuards> {
        match &self.role {
            Role::Target(guards) => Some(guards),
            Role::Source(_) => None,
        }
    }
}

/// The jobs that have ended on this group (G10).
///
/// With more than one live job, jobs end out of order: the highest closed id alone would shut out an older job that
/// still lives. So: an exact set, shortened by what the catalog knows to have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClosedJobs {
    below: JobId,
    exact: BTreeSet<JobId>,
}

impl ClosedJobs {
    /// The set of every job below `below`, and of `exact`.
    pub fn new(below: JobId, exact: impl IntoIterator<Item = JobId>) -> ClosedJobs {
        ClosedJobs { below, exact: exact.into_iter().filter(|job| *job >= below).collect() }
    }

    /// Every job below it has ended.
    pub fn below(&self) -> JobId {
        self.below
    }

    /// The jobs from there on that have ended here.
    pub fn exact(&self) -> &BTreeSet<JobId> {
        &self.exact
    }

    /// Whether the job has ended here.
    pub fn contains(&self, job: JobId) -> bool {
        job < self.below || self.exact.contains(&job)
    }

    pub(super) fn close(&mut self, job: JobId, oldest_live_job: JobId) {
        self.exact.insert(job);
        self.below = self.below.max(oldest_live_job);
        let below = self.below;
        self.exact.retain(|job| *job >= below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_a_younger_job_leaves_an_older_one_alive() {
        let mut closed = ClosedJobs::default();
        closed.close(JobId(5), JobId(4));
        assert!(closed.contains(JobId(5)) && !closed.contains(JobId(4)), "{closed:?}");
    }

    #[test]
    fn the_set_shrinks_to_what_the_catalog_does_not_know() {
        let mut closed = ClosedJobs::default();
        closed.close(JobId(4), JobId(4));
        closed.close(JobId(5), JobId(6));
        assert_eq!(closed, ClosedJobs { below: JobId(6), exact: BTreeSet::new() });
        assert!(closed.contains(JobId(4)));
    }
}
