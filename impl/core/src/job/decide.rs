//! The migrator's one decision: from the durable job and from what the groups answer, the next thing to do (J1).

use super::{Phase, SplitJob};
use crate::barrier;
use crate::catalog::{Advance, Routes};
use crate::gate::Gates;
use crate::group::{GroupStatus, JobAction, VoterReport, Window};
use crate::id::{CopyRound, GroupId, JobEpoch, JobId, VoterId};
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a migrator sees when it decides; nothing of it is remembered.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The routes, read linearizably with the job.
    pub routes: &'a Routes,
    /// Every job below it has ended.
    pub oldest_live_job: JobId,
    /// What the migrator's clock would issue next.
    pub clock: Timestamp,
    /// The source, if it answers.
    pub source: Option<ObservedGroup>,
    /// The target, if it answers.
    pub target: Option<ObservedGroup>,
}

/// What a group answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObservedGroup {
    /// The group.
    pub group: GroupId,
    /// Its state concerning the job: a linearizable read (P4).
    pub status: GroupStatus,
    /// The leader's own report.
    pub leader: VoterReport,
    /// The voters of the configuration that stands (B1).
    pub configuration: BTreeSet<VoterId>,
    /// What each voter that answers has applied.
    pub reports: BTreeMap<VoterId, VoterReport>,
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Write the job record, and the routes where the step changes them.
    Advance(Advance),
    /// Ask the group for a step of the job.
    Command {
        /// The group.
        group: GroupId,
        /// The step.
        action: JobAction,
    },
    /// Make the group follow the routes that stand.
    Adopt {
        /// The group.
        group: GroupId,
    },
    /// Export from the source what the target lacks, and import it there.
    Copy(CopyOrder),
    /// Nothing can be done until someone else moves.
    Wait(WaitingFor),
    /// Another migrator has the job.
    StandDown,
}

/// One pass over the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyOrder {
    /// Which pass.
    pub round: CopyRound,
    /// The versions that it carries.
    pub window: Window,
}

/// What a job waits for, and on whom (B4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitingFor {
    /// The group doesn't answer.
    Answer {
        /// The group.
        group: GroupId,
    },
    /// Voters have not applied an entry yet.
    Voters {
        /// The group.
        group: GroupId,
        /// What is waited for.
        barrier: Barrier,
        /// The voters.
        pending: Vec<VoterId>,
    },
}

/// What every voter must have applied (B1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Barrier {
    /// The write tracker and the retention pin (G1, G2).
    Tracker,
    /// The write fence (G3).
    WriteFence,
    /// The read fence (G4).
    ReadFence,
    /// The descriptor of the staged range (G5).
    Readiness,
    /// The routes without the staged flag (P8).
    StagedCleared,
    /// The moved marker, and no running read of the range (G9, P8).
    ReadDrain,
}

/// Decides for a migrator that holds the job's attempt `holder`, or none yet.
pub fn decide(job: &SplitJob, holder: Option<JobEpoch>, observed: &Observed<'_>, gates: Gates) -> Step {
    match holder {
        Some(epoch) if epoch == job.epoch => Context { job, observed, gates }.step().unwrap_or_else(|step| step),
        Some(epoch) if epoch < job.epoch => Step::StandDown,
        Some(_) | None => Step::Advance(Advance::TakeOver),
    }
}

/// A decision in the making. `Err` is a step that comes first, so that the phases read as lists of what must hold.
pub(super) struct Context<'a> {
    pub(super) job: &'a SplitJob,
    pub(super) observed: &'a Observed<'a>,
    pub(super) gates: Gates,
}

/// What is to be done first, if a condition doesn't hold yet.
pub(super) type First = Result<(), Step>;

impl Context<'_> {
    fn step(&self) -> Result<Step, Step> {
        match &self.job.phase {
            Phase::Planned(phase) => phase.step(),
            Phase::Backfill(phase) => phase.step(self),
            Phase::Fence(phase) => phase.step(self),
            Phase::DeltaCopy(phase) => phase.step(self),
            Phase::Cutover(phase) => phase.step(self),
            Phase::Cleanup(phase) => phase.step(self),
            Phase::Done(_) => Ok(Step::StandDown),
        }
    }

    pub(super) fn source(&self) -> Result<&ObservedGroup, Step> {
        self.observed.source.as_ref().ok_or(Step::Wait(WaitingFor::Answer { group: self.job.source }))
    }

    pub(super) fn target(&self) -> Result<&ObservedGroup, Step> {
        self.observed.target.as_ref().ok_or(Step::Wait(WaitingFor::Answer { group: self.job.target }))
    }

    /// The guard stands on the leader, else it is asked for; then on every voter, else they are waited for (B1).
    pub(super) fn armed(
        &self,
        at: &ObservedGroup,
        barrier: Barrier,
        action: JobAction,
        applied: impl Fn(&VoterReport) -> bool,
    ) -> First {
        if !applied(&at.leader) {
            return Err(Step::Command { group: at.group, action });
        }
        self.applied_by_all(at, barrier, applied)
    }

    /// Every voter has applied what is looked for, else they are waited for (B1).
    pub(super) fn applied_by_all(
        &self,
        at: &ObservedGroup,
        barrier: Barrier,
        applied: impl Fn(&VoterReport) -> bool,
    ) -> First {
        let pending = barrier::pending(&at.configuration, &at.reports, applied, self.gates);
        if pending.is_empty() {
            return Ok(());
        }
        Err(Step::Wait(WaitingFor::Voters { group: at.group, barrier, pending }))
    }

    /// The pass is complete on the target, else it goes on.
    pub(super) fn copied(&self, order: CopyOrder) -> First {
        let guards = self.target()?.status.guards.as_ref();
        let target = guards.and_then(crate::group::JobGuards::target);
        let is_complete =
            target.is_some_and(|target| target.imported.is_complete(order.round, &self.job.range, self.gates));
        if is_complete { Ok(()) } else { Err(Step::Copy(order)) }
    }

    /// The greatest snapshot below every version that the tracker has seen (P2, P4).
    pub(super) fn below_tracked(&self, at_most: Timestamp) -> Result<Timestamp, Step> {
        let guards = self.source()?.status.guards.as_ref();
        let tracker = guards.and_then(crate::group::JobGuards::source).and_then(|source| source.tracker.as_ref());
        let least = tracker.and_then(|tracker| tracker.least);
        Ok(least.map_or(at_most, |least| at_most.min(least.saturating_predecessor())))
    }
}
