//! The migrator's one decision: from the durable job and from what the groups answer, the next thing to do (J1).

use super::{Phase, SplitJob};
use crate::barrier;
use crate::catalog::{Advance, Routes};
use crate::gate::{Gate, Gates};
use crate::group::{GroupStatus, JobAction, VoterReport, Window, WriteTracker};
use crate::id::{CopyRound, GroupId, JobEpoch, JobId, NodeId, VoterId};
use crate::key::RawKey;
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
    /// A node that can't run the protocol, or was not heard of in time, if there is one (V2).
    pub lacking: Option<NodeId>,
    /// What the migrator's clock would issue next.
    pub clock: Timestamp,
    /// The migrator's wall clock, in Unix milliseconds: it bounds waiting, and no rule of safety looks at it (A4).
    pub now_ms: u64,
    /// The source, if it answers.
    pub source: Option<ObservedGroup>,
    /// The target, if it answers.
    pub target: Option<ObservedGroup>,
}

/// What a group answers.
///
/// `status`, `leader` and `configuration` are one answer, from one applied state of the leader: taken one after the other
/// they lose writes (P4). The other voters' reports, and the other group's, may be of any moments since the migrator began
/// to look.
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
    /// A transaction holds a lock in the range.
    Lock {
        /// The group.
        group: GroupId,
        /// The first locked key.
        key: RawKey,
    },
    /// A node can't run the protocol, or was not heard of in time (V2).
    Capability {
        /// The node.
        node: NodeId,
    },
    /// An operator must say whether to go on or to give up.
    Operator,
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
        // J10: whatever is in the way of the cutover, writers have waited long enough.
        let is_overdue = self.job.way_back().is_some_and(|way_back| way_back.is_budget_spent(self));
        if is_overdue && self.gates.stands(Gate::FenceBudget) {
            return Ok(Step::Advance(Advance::Unfence));
        }
        if self.gates.stands(Gate::WritersWaitForNoNode) {
            self.writable()?;
        }
        let is_given_up = matches!(self.job.phase, Phase::Abandoning(_));
        if let Some(node) = self.observed.lacking.filter(|_| self.gates.stands(Gate::CapableNodes) && !is_given_up) {
            return Ok(Step::Wait(WaitingFor::Capability { node }));
        }
        match &self.job.phase {
            Phase::Planned(phase) => phase.step(),
            Phase::Backfill(phase) => phase.step(self),
            Phase::Fence(phase) => phase.step(self),
            Phase::DeltaCopy(phase) => phase.step(self),
            Phase::Cutover(phase) => phase.step(self),
            Phase::Cleanup(phase) => phase.step(self),
            Phase::Abandoning(phase) => phase.step(self),
            Phase::Failed(_) => Ok(Step::Wait(WaitingFor::Operator)),
            Phase::Done(_) | Phase::Abandoned(_) => Ok(Step::StandDown),
        }
    }

    /// V2: the record has given the range back, or handed it over; writers wait until the group knows, whatever nodes can do.
    fn writable(&self) -> First {
        match &self.job.phase {
            Phase::Backfill(phase) => phase.given_back(self),
            Phase::Cleanup(phase) => phase.handed_over(self),
            Phase::Planned(_)
            | Phase::Fence(_)
            | Phase::DeltaCopy(_)
            | Phase::Cutover(_)
            | Phase::Failed(_)
            | Phase::Abandoning(_)
            | Phase::Done(_)
            | Phase::Abandoned(_) => Ok(()),
        }
    }

    /// The record has given the range back: the source follows the routes that say so, and holds no fence (J8, J10).
    ///
    /// It must follow the newest routes and not only be unfenced now: older routes may still be on their way to it.
    pub(super) fn lifted(&self, knows_attempt: bool) -> First {
        let source = self.source()?;
        if source.status.applied_catalog_version < self.observed.routes.version {
            return Err(Step::Adopt { group: source.group });
        }
        if knows_attempt && !source.leader.write_fence && source.leader.read_fence.is_none() {
            return Ok(());
        }
        Err(Step::Command { group: source.group, action: JobAction::Unfence })
    }

    /// The group forgets the job, and refuses what still comes of it (G10).
    pub(super) fn close(&self, at: &ObservedGroup) -> Step {
        let action = JobAction::Close { oldest_live_job: self.observed.oldest_live_job };
        Step::Command { group: at.group, action }
    }

    pub(super) fn source(&self) -> Result<&ObservedGroup, Step> {
        self.observed.source.as_ref().ok_or(Step::Wait(WaitingFor::Answer { group: self.job.source }))
    }

    pub(super) fn target(&self) -> Result<&ObservedGroup, Step> {
        self.observed.target.as_ref().ok_or(Step::Wait(WaitingFor::Answer { group: self.job.target }))
    }

    /// The condition, as its gate has it: without the gate it is not asked for, and a jammed one never holds.
    pub(super) fn behind(&self, gate: Gate, condition: First) -> First {
        match condition {
            Err(step) if self.gates.stands(gate) => Err(step),
            Ok(()) | Err(_) if self.gates.is_jammed(gate) => Err(Step::StandDown),
            Ok(()) | Err(_) => Ok(()),
        }
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
        let is_complete = target.is_some_and(|target| target.imported.is_complete(order.round, self.gates));
        if is_complete { Ok(()) } else { Err(Step::Copy(order)) }
    }

    /// The greatest snapshot that nothing admitted in this pass, and no lock, can come to lie at or below (P2).
    pub(super) fn below_unsettled(&self, at_most: Timestamp) -> Result<Timestamp, Step> {
        let below_tracked = self.below_tracked(at_most)?;
        if !self.gates.stands(Gate::SnapshotBelowLocks) {
            return Ok(below_tracked);
        }
        Ok(below(below_tracked, self.source()?.status.least_locked))
    }

    /// The greatest timestamp below every version admitted since the newest pass began (P4).
    pub(super) fn below_tracked(&self, at_most: Timestamp) -> Result<Timestamp, Step> {
        Ok(below(at_most, self.tracker()?.and_then(|tracker| tracker.least)))
    }

    /// The greatest timestamp below every version admitted in the pass before (P2).
    pub(super) fn below_tracked_before(&self, at_most: Timestamp) -> Result<Timestamp, Step> {
        Ok(below(at_most, self.tracker()?.and_then(|tracker| tracker.least_before)))
    }

    fn tracker(&self) -> Result<Option<&WriteTracker>, Step> {
        let guards = self.source()?.status.guards.as_ref();
        let source = guards.and_then(crate::group::JobGuards::source);
        Ok(source.and_then(|source| source.tracker.as_ref()))
    }
}

fn below(at_most: Timestamp, least: Option<Timestamp>) -> Timestamp {
    least.map_or(at_most, |least| at_most.min(least.saturating_predecessor()))
}
