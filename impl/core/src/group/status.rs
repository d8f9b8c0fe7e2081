//! What a group answers to a migrator: its state concerning one job, and what each voter has applied of it (B1).

use super::Group;
use super::command::RowPosition;
use super::guards::JobGuards;
use crate::gate::{Gate, Gates};
use crate::id::{CatalogVersion, CopyRound, JobEpoch, JobId};
use crate::key::{RawInterval, RawKey, route_key};
use crate::range::KeyRange;
use crate::store::VersionStore;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A group's state concerning one job; from the leader it is a linearizable read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupStatus {
    /// The catalog version that the group follows.
    pub applied_catalog_version: CatalogVersion,
    /// The greatest commit timestamp written to the group.
    pub last_commit_ts: Timestamp,
    /// No read above it has been served (T5).
    pub read_bound: Timestamp,
    /// The job's guards.
    pub guards: Option<JobGuards>,
    /// The job is closed here (G10).
    pub is_closed: bool,
    /// The group serves a part of the range.
    pub serves_range: bool,
    /// A part of the range that it serves takes no writes, by the catalog's word.
    pub is_fenced: bool,
    /// The first live row of the range that a deletion would meet.
    pub first_row: Option<RowPosition>,
    /// The first staged row of the range.
    pub first_staged: Option<RowPosition>,
    /// The first key of the range that a transaction has locked: what the drain waits for (P3).
    pub first_locked: Option<RawKey>,
    /// The least commit timestamp among the locks of the range (P2).
    pub least_locked: Option<Timestamp>,
}

/// What one voter has applied of a job, by its own word (B1).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VoterReport {
    /// The catalog version that it follows.
    pub applied_catalog_version: CatalogVersion,
    /// The newest attempt of the job that it has applied a command of.
    pub epoch: Option<JobEpoch>,
    /// The pass that the write tracker and the retention pin stand for.
    pub tracker: Option<CopyRound>,
    /// The write fence stands.
    pub write_fence: bool,
    /// The read fence stands, for this version.
    pub read_fence: Option<CatalogVersion>,
    /// The descriptor of the staged range stands.
    pub readiness: bool,
    /// It serves a part of the range.
    pub serves_range: bool,
    /// The job is closed.
    pub is_closed: bool,
    /// Reads of the range that were admitted here and have not ended (P8).
    pub running_reads: u64,
}

impl<S: VersionStore> Group<S> {
    /// The group's state concerning a job over a range.
    pub fn status(&self, job: JobId, range: &KeyRange, gates: Gates) -> GroupStatus {
        let locks = self.locks_of(range, gates);
        GroupStatus {
            applied_catalog_version: self.applied_catalog_version,
            last_commit_ts: self.last_commit_ts,
            read_bound: self.read_bound,
            guards: self.jobs.get(&job).cloned(),
            is_closed: self.closed.contains(job),
            serves_range: self.serves(range),
            is_fenced: self.ownership.within(range).any(|(_, ownership)| ownership.is_fenced()),
            first_row: self.rows_of(range, 1, gates).first().map(RowPosition::of),
            first_staged: self.first_staged(range),
            first_locked: locks.first().map(|(key, _)| key.clone()),
            least_locked: locks.iter().map(|(_, commit_ts)| *commit_ts).min(),
        }
    }

    // K2: a lock is stored under the key that it locks, so the whole family is looked through.
    fn locks_of(&self, range: &KeyRange, gates: Gates) -> Vec<(RawKey, Timestamp)> {
        let interval = match gates.stands(Gate::DrainByRoutingKey) {
            true => RawInterval::all(),
            false => RawInterval {
                start: RawKey::from(range.start().as_bytes()),
                end: range.end().map(|end| RawKey::from(end.as_bytes())),
            },
        };
        let locks = self.store.locks(&interval).filter(|(key, _)| range.contains(&route_key(key)));
        locks.map(|(key, lock)| (key, lock.commit_ts)).collect()
    }

    /// What a voter with this applied state reports of a job over a range.
    ///
    /// `running_reads` is the node's own count of reads admitted by this voter whose footprint meets the range.
    pub fn report(&self, job: JobId, range: &KeyRange, running_reads: u64) -> VoterReport {
        let guards = self.jobs.get(&job);
        let source = guards.and_then(JobGuards::source);
        let target = guards.and_then(JobGuards::target);
        VoterReport {
            applied_catalog_version: self.applied_catalog_version,
            epoch: guards.map(|guards| guards.epoch),
            tracker: source.and_then(|source| source.tracker.as_ref()).map(|tracker| tracker.round),
            write_fence: source.is_some_and(|source| source.write_fence),
            read_fence: source
                .and_then(|source| source.read_fence.as_ref())
                .map(|fence| fence.expected_cutover_version),
            readiness: target.is_some_and(|target| target.readiness.is_some()),
            serves_range: self.serves(range),
            is_closed: self.closed.contains(job),
            running_reads,
        }
    }

    /// Whether the group serves a part of the range.
    pub(super) fn serves(&self, range: &KeyRange) -> bool {
        self.ownership.within(range).any(|(_, ownership)| ownership.is_here())
    }
}
