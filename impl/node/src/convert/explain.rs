//! What jobs wait for, how far they have come, and what they would do.

use super::garbled;
use crate::api::{ClusterStatus, Explanation, JobProgress, JobView, NodeError, Plan, PlanCheck};
use splitjob_core::id::{GroupId, NodeId, VoterId};
use splitjob_core::job::{Barrier, SplitJob, WaitingFor};
use splitjob_core::key::{RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_wire::proto;
use splitjob_wire::proto::job_wait::On;

/// How far a job has come, as a message.
pub(crate) fn counters_message(progress: &JobProgress) -> proto::JobCounters {
    proto::JobCounters {
        rows: progress.rows,
        bytes: progress.bytes,
        rows_per_s: progress.rows_per_s,
        bytes_per_s: progress.bytes_per_s,
        rows_expected: progress.rows_expected,
        eta_ms: progress.eta_ms,
        swept: progress.swept,
    }
}

/// How far a job has come.
pub(crate) fn counters(message: Option<proto::JobCounters>) -> JobProgress {
    let message = message.unwrap_or_default();
    JobProgress {
        rows: message.rows,
        bytes: message.bytes,
        rows_per_s: message.rows_per_s,
        bytes_per_s: message.bytes_per_s,
        rows_expected: message.rows_expected,
        eta_ms: message.eta_ms,
        swept: message.swept,
    }
}

/// An explanation, as a message about a job that is given as one.
pub(crate) fn explanation_message(job: proto::SplitJob, explanation: &Explanation) -> proto::ExplainJobResponse {
    let silent = |(node, ms): &(NodeId, u64)| proto::SilentVoter { voter_id: node.0, silent_ms: *ms };
    let action = |text: &String| proto::SafeAction { action: action_named(text).into(), text: text.clone() };
    proto::ExplainJobResponse {
        job: Some(job),
        counters: Some(counters_message(&explanation.view.progress)),
        doing: explanation.doing.clone(),
        waiting: explanation.waiting.as_ref().map(|waiting| proto::JobWait { on: Some(wait_message(waiting)) }),
        waiting_text: explanation.waiting_text.clone().unwrap_or_default(),
        waiting_ms: explanation.waiting_ms,
        silent: explanation.silent.iter().map(silent).collect(),
        fence: explanation.fence.map(|(stood_ms, budget_ms)| proto::FenceTime { stood_ms, budget_ms }),
        actions: explanation.actions.iter().map(action).collect(),
    }
}

/// An explanation of a job that was read from the message before.
///
/// # Errors
/// [`NodeError::Unknown`] for what no server of this system says.
pub(crate) fn explanation(job: SplitJob, message: proto::ExplainJobResponse) -> Result<Explanation, NodeError> {
    Ok(Explanation {
        view: JobView { job, progress: counters(message.counters) },
        doing: message.doing,
        waiting: message.waiting.map(wait).transpose()?,
        waiting_text: (!message.waiting_text.is_empty()).then_some(message.waiting_text),
        waiting_ms: message.waiting_ms,
        silent: message.silent.into_iter().map(|voter| (NodeId(voter.voter_id), voter.silent_ms)).collect(),
        fence: message.fence.map(|fence| (fence.stood_ms, fence.budget_ms)),
        actions: message.actions.into_iter().map(|action| action.text).collect(),
    })
}

/// The verb that the sentence begins with.
fn action_named(text: &str) -> proto::JobAction {
    match text.split_once(':') {
        Some(("wait", _)) => proto::JobAction::Wait,
        Some(("retry", _)) => proto::JobAction::Retry,
        Some(("abandon", _)) => proto::JobAction::Abandon,
        Some((_, rest)) if rest.contains("move the range back") => proto::JobAction::MoveBack,
        Some(_) | None => proto::JobAction::Unspecified,
    }
}

fn wait_message(waiting: &WaitingFor) -> On {
    match waiting {
        WaitingFor::Answer { group } => On::GroupAnswer(group.0),
        WaitingFor::Lock { group, key } => {
            On::Lock(proto::LockWait { group_id: group.0, key: key.as_bytes().to_vec() })
        }
        WaitingFor::Capability { node } => On::NodeCapability(node.0),
        WaitingFor::Operator => On::Operator(proto::OperatorWait {}),
        WaitingFor::Voters { group, barrier, pending } => On::Voters(proto::VoterWait {
            group_id: group.0,
            barrier: barrier_message(*barrier).into(),
            pending: pending.iter().map(|voter| voter.0).collect(),
        }),
    }
}

fn wait(message: proto::JobWait) -> Result<WaitingFor, NodeError> {
    Ok(match message.on {
        Some(On::GroupAnswer(group)) => WaitingFor::Answer { group: GroupId(group) },
        Some(On::Lock(lock)) => WaitingFor::Lock { group: GroupId(lock.group_id), key: RawKey::from(lock.key) },
        Some(On::NodeCapability(node)) => WaitingFor::Capability { node: NodeId(node) },
        Some(On::Operator(proto::OperatorWait {})) => WaitingFor::Operator,
        Some(On::Voters(voters)) => WaitingFor::Voters {
            group: GroupId(voters.group_id),
            barrier: barrier(voters.barrier())?,
            pending: voters.pending.into_iter().map(VoterId).collect(),
        },
        None => return Err(garbled("it doesn't say what the job waits for")),
    })
}

fn barrier_message(barrier: Barrier) -> proto::JobBarrier {
    match barrier {
        Barrier::Tracker => proto::JobBarrier::Tracker,
        Barrier::WriteFence => proto::JobBarrier::WriteFence,
        Barrier::ReadFence => proto::JobBarrier::ReadFence,
        Barrier::Readiness => proto::JobBarrier::Readiness,
        Barrier::StagedCleared => proto::JobBarrier::StagedCleared,
        Barrier::ReadDrain => proto::JobBarrier::ReadDrain,
    }
}

fn barrier(message: proto::JobBarrier) -> Result<Barrier, NodeError> {
    Ok(match message {
        proto::JobBarrier::Tracker => Barrier::Tracker,
        proto::JobBarrier::WriteFence => Barrier::WriteFence,
        proto::JobBarrier::ReadFence => Barrier::ReadFence,
        proto::JobBarrier::Readiness => Barrier::Readiness,
        proto::JobBarrier::StagedCleared => Barrier::StagedCleared,
        proto::JobBarrier::ReadDrain => Barrier::ReadDrain,
        proto::JobBarrier::Unspecified => return Err(garbled("a barrier has no name")),
    })
}

/// The barrier that the job is at, voter by voter.
pub(crate) fn barriers(explanation: &Explanation, status: &ClusterStatus) -> Vec<proto::BarrierInfo> {
    let Some(WaitingFor::Voters { group, barrier, pending }) = &explanation.waiting else { return Vec::new() };
    let voters = status.groups.iter().find(|view| view.group == *group).map_or(&[][..], |view| &view.voters[..]);
    let voter = |node: &NodeId| {
        let silent = explanation.silent.iter().find(|(silent, _)| silent == node);
        proto::BarrierVoter {
            voter_id: node.0,
            applied: !pending.contains(&VoterId(node.0)),
            silent_ms: silent.map_or(0, |(_, ms)| *ms),
        }
    };
    vec![proto::BarrierInfo {
        group_id: group.0,
        barrier: barrier_message(*barrier).into(),
        voters: voters.iter().map(voter).collect(),
    }]
}

/// What a job would do, as a message.
pub(crate) fn plan_message(plan: &Plan) -> proto::DryRunSplitMigrationResponse {
    let check = |check: &PlanCheck| proto::PlanCheck { what: check.what.clone(), problem: check.problem.clone() };
    proto::DryRunSplitMigrationResponse {
        start: plan.range.as_ref().map(|range| range.start().as_bytes().to_vec()),
        end: plan.range.as_ref().and_then(KeyRange::end).map(|end| end.as_bytes().to_vec()),
        source_group_id: plan.source.map(|source| source.0),
        target_group_id: plan.target.0,
        checks: plan.checks.iter().map(check).collect(),
        may_start: plan.checks.iter().all(|check| check.problem.is_none()),
    }
}

/// What a job would do.
///
/// # Errors
/// [`NodeError::Unknown`] for a range without a key.
pub(crate) fn plan(message: proto::DryRunSplitMigrationResponse) -> Result<Plan, NodeError> {
    let range = |start: Vec<u8>| KeyRange::new(RoutingKey::from(start), message.end.map(RoutingKey::from));
    Ok(Plan {
        range: message.start.map(range).transpose().map_err(|error| garbled(&error.to_string()))?,
        source: message.source_group_id.map(GroupId),
        target: GroupId(message.target_group_id),
        checks: message
            .checks
            .into_iter()
            .map(|check| PlanCheck { what: check.what, problem: check.problem })
            .collect(),
    })
}
