//! A group's state without its rows, guards, and configurations.

use super::{Wire, ascending, optional, present, required, routing_key};
use crate::error::WireError;
use crate::peer::Configuration;
use crate::proto::splitjob::{self as pb, job_guards, ownership_segment};
use splitjob_core::group::{
    ClosedJobs, Floors, GroupState, ImportProgress, JobGuards, Ownership, OwnershipMap, Promotion, ReadFence,
    Readiness, Role, SourceGuards, TargetGuards, WriteTracker,
};
use splitjob_core::id::{CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, VoterId};
use splitjob_core::key::RoutingKey;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

impl Wire for GroupState {
    type Message = pb::GroupState;

    fn to_message(&self) -> pb::GroupState {
        pb::GroupState {
            id: self.id.0,
            ownership: self.ownership.segments().map(segment_message).collect(),
            applied_catalog_version: self.applied_catalog_version.0,
            last_commit_ts: self.last_commit_ts.raw(),
            read_bound: self.read_bound.raw(),
            collected_through: self.collected_through.raw(),
            ceiling: self.ceiling.get(),
            jobs: self.jobs.iter().map(|(job, guards)| guards_message(*job, guards)).collect(),
            closed_below: self.closed.below().0,
            closed: self.closed.exact().iter().map(|job| job.0).collect(),
        }
    }

    fn from_message(message: pb::GroupState) -> Result<GroupState, WireError> {
        Ok(GroupState {
            id: GroupId(message.id),
            ownership: ownership_map(message.ownership)?,
            applied_catalog_version: CatalogVersion(message.applied_catalog_version),
            last_commit_ts: Timestamp::from_raw(message.last_commit_ts),
            read_bound: Timestamp::from_raw(message.read_bound),
            collected_through: Timestamp::from_raw(message.collected_through),
            ceiling: PhysicalMs::new(message.ceiling)?,
            jobs: jobs(message.jobs)?,
            closed: closed_jobs(message.closed_below, message.closed)?,
        })
    }
}

fn segment_message((start, ownership): (&RoutingKey, &Ownership)) -> pb::OwnershipSegment {
    use ownership_segment::Ownership as Message;
    let ownership = match ownership {
        Ownership::Owned(floors) => Message::Owned(floors_message(floors)),
        Ownership::WriteFenced(floors) => Message::WriteFenced(floors_message(floors)),
        Ownership::Incoming { job } => Message::Incoming(job.0),
        Ownership::Moved { version, to } => Message::Moved(pb::Moved { version: version.0, to: to.0 }),
        Ownership::Foreign => Message::Foreign(pb::Nothing {}),
    };
    pb::OwnershipSegment { start: start.as_bytes().to_vec(), ownership: Some(ownership) }
}

fn segment(message: pb::OwnershipSegment) -> Result<(RoutingKey, Ownership), WireError> {
    use ownership_segment::Ownership as Message;
    let ownership = match present(message.ownership, "the ownership of a segment")? {
        Message::Owned(floors) => Ownership::Owned(floors_of(&floors)),
        Message::WriteFenced(floors) => Ownership::WriteFenced(floors_of(&floors)),
        Message::Incoming(job) => Ownership::Incoming { job: JobId(job) },
        Message::Moved(moved) => Ownership::Moved { version: CatalogVersion(moved.version), to: GroupId(moved.to) },
        Message::Foreign(pb::Nothing {}) => Ownership::Foreign,
    };
    Ok((routing_key(message.start)?, ownership))
}

/// The map, if its segments are those that it would be written in: neighbours differ.
fn ownership_map(messages: Vec<pb::OwnershipSegment>) -> Result<OwnershipMap, WireError> {
    let count = messages.len();
    let segments = messages.into_iter().map(segment).collect::<Result<_, _>>()?;
    let map = OwnershipMap::from_segments(segments)?;
    if map.segments().count() != count {
        return Err(WireError::NotCanonical { what: "an ownership map with equal neighbours" });
    }
    Ok(map)
}

fn floors_message(floors: &Floors) -> pb::Floors {
    pb::Floors {
        min_write_ts_exclusive: floors.min_write_ts_exclusive.raw(),
        min_read_ts: floors.min_read_ts.raw(),
        staged_for: floors.staged_for.map(|job| job.0),
        owned_since: floors.owned_since.0,
    }
}

fn floors_of(message: &pb::Floors) -> Floors {
    Floors {
        min_write_ts_exclusive: Timestamp::from_raw(message.min_write_ts_exclusive),
        min_read_ts: Timestamp::from_raw(message.min_read_ts),
        staged_for: message.staged_for.map(JobId),
        owned_since: CatalogVersion(message.owned_since),
    }
}

fn jobs(messages: Vec<pb::JobGuards>) -> Result<BTreeMap<JobId, JobGuards>, WireError> {
    let jobs = messages.into_iter().map(guards_from_message).collect::<Result<_, _>>()?;
    ascending(jobs, |(job, _)| *job, "the jobs of a group")
}

/// The closed jobs, if they are those that would be written: none below the mark.
fn closed_jobs(below: u64, exact: Vec<u64>) -> Result<ClosedJobs, WireError> {
    if exact.first().is_some_and(|job| *job < below) {
        return Err(WireError::invalid("closed jobs", format!("those below {below} are known to have ended")));
    }
    let exact: BTreeSet<u64> = ascending(exact, |job| *job, "closed jobs")?;
    Ok(ClosedJobs::new(JobId(below), exact.into_iter().map(JobId)))
}

/// The guards of a job.
pub(crate) fn guards_message(job: JobId, guards: &JobGuards) -> pb::JobGuards {
    let role = match &guards.role {
        Role::Source(source) => job_guards::Role::Source(source_message(source)),
        Role::Target(target) => job_guards::Role::Target(target_message(target)),
    };
    pb::JobGuards { job: job.0, epoch: guards.epoch.0, range: Some(guards.range.to_message()), role: Some(role) }
}

/// The job, and its guards.
pub(crate) fn guards_from_message(message: pb::JobGuards) -> Result<(JobId, JobGuards), WireError> {
    let role = match present(message.role, "the role of a group in a job")? {
        job_guards::Role::Source(source) => Role::Source(source_guards(source)),
        job_guards::Role::Target(target) => Role::Target(target_guards(target)?),
    };
    let range = required(message.range, "the range of a job's guards")?;
    Ok((JobId(message.job), JobGuards { epoch: JobEpoch(message.epoch), range, role }))
}

fn source_message(source: &SourceGuards) -> pb::SourceGuards {
    pb::SourceGuards {
        tracker: source.tracker.as_ref().map(|tracker| pb::WriteTracker {
            round: tracker.round.0,
            least: tracker.least.map(Timestamp::raw),
            least_before: tracker.least_before.map(Timestamp::raw),
            horizon: tracker.horizon.raw(),
        }),
        write_fence: source.write_fence,
        read_fence: source.read_fence.as_ref().map(|fence| pb::ReadFence {
            expected_cutover_version: fence.expected_cutover_version.0,
            read_bound: fence.read_bound.raw(),
        }),
    }
}

fn source_guards(message: pb::SourceGuards) -> SourceGuards {
    SourceGuards {
        tracker: message.tracker.map(|tracker| WriteTracker {
            round: CopyRound(tracker.round),
            least: tracker.least.map(Timestamp::from_raw),
            least_before: tracker.least_before.map(Timestamp::from_raw),
            horizon: Timestamp::from_raw(tracker.horizon),
        }),
        write_fence: message.write_fence,
        read_fence: message.read_fence.map(|fence| ReadFence {
            expected_cutover_version: CatalogVersion(fence.expected_cutover_version),
            read_bound: Timestamp::from_raw(fence.read_bound),
        }),
    }
}

fn target_message(target: &TargetGuards) -> pb::TargetGuards {
    pb::TargetGuards {
        imported: Some(target.imported.to_message()),
        max_imported_ts: target.max_imported_ts.raw(),
        readiness: target.readiness.as_ref().map(|readiness| readiness.floor.raw()),
        promoted_after: target.promotion.after.as_ref().map(Wire::to_message),
        promotion_done: target.promotion.done,
    }
}

fn target_guards(message: pb::TargetGuards) -> Result<TargetGuards, WireError> {
    let imported: ImportProgress = required(message.imported, "how far an import has come")?;
    let readiness = message.readiness.map(|floor| Readiness { floor: Timestamp::from_raw(floor) });
    let promotion = Promotion { after: optional(message.promoted_after)?, done: message.promotion_done };
    Ok(TargetGuards { imported, max_imported_ts: Timestamp::from_raw(message.max_imported_ts), readiness, promotion })
}

/// The members of a group.
pub(crate) fn configuration_message(configuration: &Configuration) -> pb::Configuration {
    let ids = |voters: &BTreeSet<VoterId>| voters.iter().map(|voter| voter.0).collect();
    pb::Configuration {
        voters: ids(&configuration.voters),
        learners: ids(&configuration.learners),
        voters_outgoing: ids(&configuration.voters_outgoing),
        learners_next: ids(&configuration.learners_next),
        auto_leave: configuration.auto_leave,
    }
}

/// The members of a group.
pub(crate) fn configuration_from_message(message: pb::Configuration) -> Result<Configuration, WireError> {
    Ok(Configuration {
        voters: voters(message.voters)?,
        learners: voters(message.learners)?,
        voters_outgoing: voters(message.voters_outgoing)?,
        learners_next: voters(message.learners_next)?,
        auto_leave: message.auto_leave,
    })
}

/// The voters in a list.
pub(crate) fn voters(ids: Vec<u64>) -> Result<BTreeSet<VoterId>, WireError> {
    ascending(ids.into_iter().map(VoterId).collect(), |voter| *voter, "voters")
}
