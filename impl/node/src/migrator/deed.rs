//! One proposal of a migrator, and what its answer means.

use super::fence;
use super::round::GRACE_MS;
use super::turn::Turn;
use super::words;
use crate::desk::{CallId, DEFAULT_GROUP, Destination, Owner};
use splitjob_core::catalog::{Advance, AdvanceJob, CatalogCommand, CatalogOutcome, CatalogRejection};
use splitjob_core::group::{Adoption, GroupCommand, JobAction, JobCommand, Outcome, Rejection};
use splitjob_core::id::{GroupId, Revision};
use splitjob_core::job::SplitJob;
use splitjob_wire::peer::{Answer, Call, CallError};

/// What is proposed.
#[derive(Clone, Debug)]
pub(super) enum Proposal {
    Advance(Advance),
    Command { group: GroupId, action: JobAction },
    Adopt { group: GroupId },
}

/// A proposal on its way.
#[derive(Debug)]
pub(super) struct Deed {
    pub(super) call: CallId,
    pub(super) proposal: Proposal,
    pub(super) give_up_ms: u64,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The record has this revision by this very step.
    Advanced(Revision),
    /// The group has applied the step.
    Applied(Outcome),
    /// It was refused, or may have been done or not: whoever looks again knows (J9).
    LookAgain { why: String },
    /// It was refused for good.
    Hopeless { why: String },
}

impl Deed {
    /// Asks for it, as a step of the record as it stands.
    pub(super) fn propose(turn: &mut Turn<'_, '_>, job: &SplitJob, proposal: Proposal) -> Deed {
        let now_ms = turn.wall_ms();
        let (to, call) = match &proposal {
            Proposal::Advance(advance) => {
                let request = AdvanceJob {
                    job: job.id,
                    expected_revision: job.revision,
                    expected_version: turn.desk.routes().version,
                    now_ms,
                    advance: advance.clone(),
                };
                (DEFAULT_GROUP, Call::ProposeCatalog { command: CatalogCommand::AdvanceJob(request) })
            }
            Proposal::Command { group, action } => (*group, command(job, *group, action.clone())),
            Proposal::Adopt { group } => {
                let command = GroupCommand::Adopt(Adoption::of(turn.desk.routes()));
                (*group, Call::Propose { group: *group, command, stamped: true })
            }
        };
        let patience = fence::patience_ms(job, now_ms, turn.settings.propose_patience_ms);
        let call = turn.desk.ask(Owner::Migrator, Destination::Leader(to), call, patience);
        Deed { call, proposal, give_up_ms: turn.now_ms() + patience + GRACE_MS }
    }

    /// What the answer means.
    pub(super) fn verdict(&self, answer: Result<Answer, CallError>) -> Verdict {
        let error = match answer {
            Ok(Answer::Applied(outcome)) => return Verdict::Applied(outcome),
            Ok(Answer::CatalogApplied(CatalogOutcome::JobAdvanced { revision, .. })) => {
                return Verdict::Advanced(revision);
            }
            Ok(other) => return Verdict::LookAgain { why: format!("answered something else: {other:?}") },
            Err(error) => error,
        };
        let why = format!("{}: {error}", words::proposal(&self.proposal));
        let is_hopeless = match &error {
            CallError::Rejected(rejection) => is_hopeless(rejection),
            CallError::CatalogRejected(rejection) => is_hopeless_in_the_catalog(rejection),
            CallError::NotLeader { .. }
            | CallError::NoReplica { .. }
            | CallError::Busy { .. }
            | CallError::Unknown { .. }
            | CallError::Stopped { .. } => false,
        };
        if is_hopeless { Verdict::Hopeless { why } } else { Verdict::LookAgain { why } }
    }
}

/// The call that carries a command of the job's attempt to a group.
pub(super) fn command(job: &SplitJob, group: GroupId, action: JobAction) -> Call {
    let command = JobCommand { token: job.token(), range: job.range.clone(), action };
    Call::Propose { group, command: GroupCommand::Job(command), stamped: true }
}

/// Whether looking again can't help: the same step would be refused for ever.
///
/// Everything else is the sign of an observation that was overtaken, or of a group that is behind.
pub(super) fn is_hopeless(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::ConflictingGuard | Rejection::ForeignRow { .. } => true,
        Rejection::RouteWriteFenced
        | Rejection::RouteMoved { .. }
        | Rejection::CutoverPending { .. }
        | Rejection::OwnershipUnknown
        | Rejection::TimestampTooLow { .. }
        | Rejection::TimestampTooHigh { .. }
        | Rejection::RoutedTooEarly { .. }
        | Rejection::KeyLocked { .. }
        | Rejection::WriteConflict { .. }
        | Rejection::TxnRolledBack
        | Rejection::TxnCommitted { .. }
        | Rejection::CommitTimestampChanged { .. }
        | Rejection::NoProof { .. }
        | Rejection::CommitBeforeStart { .. }
        | Rejection::PrimaryMissing { .. }
        | Rejection::StagedRowsLeft
        | Rejection::TimestampTaken
        | Rejection::ReadNotBound { .. }
        | Rejection::ReadTooOld { .. }
        | Rejection::NotStamped
        | Rejection::ControlNamespace { .. }
        | Rejection::StaleCatalog { .. }
        | Rejection::StaleEpoch { .. }
        | Rejection::JobClosed { .. }
        | Rejection::ImportBatchGap { .. }
        | Rejection::WrongOwnership => false,
    }
}

fn is_hopeless_in_the_catalog(rejection: &CatalogRejection) -> bool {
    match rejection {
        // P3: no one route covers the range, and while the job lives none will.
        CatalogRejection::SplitKeyOutside { .. } => true,
        CatalogRejection::VersionMoved { .. }
        | CatalogRejection::RevisionMoved { .. }
        | CatalogRejection::VersionNotReached { .. }
        | CatalogRejection::NoSuchRoute { .. }
        | CatalogRejection::SplitJobOverlap { .. }
        | CatalogRejection::OptionWithoutEffect { .. }
        | CatalogRejection::ReservedRange { .. }
        | CatalogRejection::NoSuchGroup { .. }
        | CatalogRejection::TargetIsSource { .. }
        | CatalogRejection::RouteNotAtRest { .. }
        | CatalogRejection::TooManyJobs { .. }
        | CatalogRejection::NoLiveJob { .. }
        | CatalogRejection::NodeNotCapable { .. }
        | CatalogRejection::TooLateToAbandon { .. }
        | CatalogRejection::WrongPhase { .. }
        | CatalogRejection::CutoverVersionMoved { .. } => false,
    }
}
