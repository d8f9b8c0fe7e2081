//! What a migrator does and waits for, in words.

use super::deed::Proposal;
use splitjob_core::catalog::Advance;
use splitjob_core::group::JobAction;
use splitjob_core::job::{Barrier, FailReason, Phase, SplitJob, WaitingFor};

/// The step, as something that was done or tried.
pub(super) fn proposal(proposal: &Proposal) -> String {
    match proposal {
        Proposal::Advance(advance) => self::advance(advance),
        Proposal::Command { group, action } => format!("{} on group {group}", self::action(action)),
        Proposal::Adopt { group } => format!("let group {group} follow the newest routes"),
    }
}

fn advance(advance: &Advance) -> String {
    match advance {
        Advance::TakeOver => "take the job over".to_owned(),
        Advance::BeginBackfill => "begin the backfill".to_owned(),
        Advance::ChooseWindow { window } => {
            format!("choose the pass's versions: above {}, up to {}", window.after, window.through)
        }
        Advance::NextRound => "begin another pass".to_owned(),
        Advance::BeginFence => "fence the range".to_owned(),
        Advance::BeginDeltaCopy { delta_floor, fence_ts } => {
            format!("begin the delta: above {delta_floor}, up to {fence_ts}")
        }
        Advance::ArmCutover => "name the version of the cutover".to_owned(),
        Advance::CommitCutover { .. } => "commit the cutover".to_owned(),
        Advance::ClearStaged => "tell readers that nothing is staged any more".to_owned(),
        Advance::Finish => "end the job".to_owned(),
        Advance::Unfence => "give the range back to writers".to_owned(),
        Advance::Fail { reason } => format!("fail the job: {}", fail_reason(reason)),
        Advance::Retry => "retry the job".to_owned(),
        Advance::Abandon => "give the job up".to_owned(),
        Advance::FinishAbandon => "end the job that was given up".to_owned(),
    }
}

fn action(action: &JobAction) -> String {
    match action {
        JobAction::ArmTracker { round } => format!("begin pass {round} on the write tracker"),
        JobAction::ArmWriteFence => "arm the write fence".to_owned(),
        JobAction::ArmReadFence { expected_cutover_version } => {
            format!("arm the read fence for catalog version {expected_cutover_version}")
        }
        JobAction::Unfence => "lift the fence".to_owned(),
        JobAction::DeleteMoved { .. } => "delete rows that have moved away".to_owned(),
        JobAction::Import { round, .. } => format!("import rows of pass {round}"),
        JobAction::ArmReadiness { floor } => format!("make the staged range ready, above {floor}"),
        JobAction::Promote { .. } => "promote staged rows".to_owned(),
        JobAction::DiscardStaged { .. } => "discard staged rows".to_owned(),
        JobAction::Close { .. } => "forget the job".to_owned(),
    }
}

/// What is waited for, and on whom (B4).
pub(super) fn waiting(waiting: &WaitingFor) -> String {
    match waiting {
        WaitingFor::Answer { group } => format!("the leader of group {group} doesn't answer"),
        WaitingFor::Lock { group, key } => {
            format!("a transaction holds a lock on key {key} in group {group}: it must commit, abort or expire")
        }
        WaitingFor::Capability { node } => {
            format!("node {node} can't run the protocol, or was not heard of in time: upgrade it, or remove it")
        }
        WaitingFor::Operator => "an operator must let the job go on, or give it up".to_owned(),
        WaitingFor::Voters { group, barrier, pending } => {
            let nodes: Vec<String> = pending.iter().map(ToString::to_string).collect();
            let who = if nodes.len() == 1 { "node" } else { "nodes" };
            let nodes = nodes.join(", ");
            format!("{who} {nodes} of group {group} must apply {}", self::barrier(*barrier))
        }
    }
}

fn barrier(barrier: Barrier) -> &'static str {
    match barrier {
        Barrier::Tracker => "the write tracker",
        Barrier::WriteFence => "the write fence",
        Barrier::ReadFence => "the read fence",
        Barrier::Readiness => "the readiness of the staged range",
        Barrier::StagedCleared => "the routes without staged rows",
        Barrier::ReadDrain => "that the range has moved, and end their reads of it",
    }
}

/// What the job's phase does.
pub(super) fn doing(job: &SplitJob) -> String {
    let (source, target) = (job.source, job.target);
    match &job.phase {
        Phase::Planned(_) => {
            format!("is planned: nothing has begun; the range is to go from group {source} to {target}")
        }
        Phase::Backfill(backfill) => {
            format!("copies the range from group {source} to group {target} while writes flow: pass {}", backfill.round)
        }
        Phase::Fence(_) => format!("has fenced the range on group {source}: writes wait while what was under way ends"),
        Phase::DeltaCopy(_) => format!("copies to group {target} what was written last; writes wait"),
        Phase::Cutover(cutover) => format!(
            "hands the range over to group {target} in catalog version {}; writes wait",
            cutover.expected_cutover_version
        ),
        Phase::Cleanup(_) => format!("has moved the range to group {target}, and removes what it left behind"),
        Phase::Done(_) => format!("is done: the range belongs to group {target}"),
        Phase::Failed(failed) => {
            format!("has failed: {}; the range is on group {source} and takes writes", fail_reason(&failed.reason))
        }
        Phase::Abandoning(_) => format!("is given up: the range stays on group {source}, and what was staged goes"),
        Phase::Abandoned(_) => format!("was given up: the range is on group {source}"),
    }
}

fn fail_reason(reason: &FailReason) -> String {
    match reason {
        FailReason::NotConverging => "every pass leaves more to the next than the pause for writers allows".to_owned(),
        FailReason::FenceAttemptsExhausted => {
            "the range was fenced as often as it may be, and the cutover never came within its budget".to_owned()
        }
        FailReason::Refused { message } => message.clone(),
    }
}
