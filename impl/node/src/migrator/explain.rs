//! What a job waits for, on whom, since when, and what an operator can do about it (B4).

use super::drive::Drive;
use super::fence;
use super::words;
use crate::api::{Explanation, JobProgress, JobView};
use crate::io::Now;
use splitjob_core::id::{GroupId, NodeId, VoterId};
use splitjob_core::job::{Phase, SplitJob, WaitingFor};
use std::collections::BTreeMap;

/// The explanation of a job, by the record and by what its drive knows.
pub(super) fn explain(
    now: Now,
    job: &SplitJob,
    drive: Option<&Drive>,
    progress: JobProgress,
    heard: &BTreeMap<NodeId, u64>,
) -> Explanation {
    let waiting = drive.and_then(|drive| drive.waiting.as_ref());
    let is_failed = matches!(job.phase, Phase::Failed(_));
    let on = waiting.and_then(|waiting| waiting.on.clone()).or(is_failed.then_some(WaitingFor::Operator));
    let waiting_ms = waiting.map_or(0, |waiting| now.elapsed_ms.saturating_sub(waiting.since_ms));
    let silent: Vec<(NodeId, u64)> = match (&on, drive) {
        (Some(WaitingFor::Voters { group, pending, .. }), Some(drive)) => {
            let silent = |voter: &VoterId| (NodeId(voter.0), silent_ms(now, drive, *group, *voter, waiting_ms, heard));
            pending.iter().map(silent).collect()
        }
        (_, _) => Vec::new(),
    };
    Explanation {
        view: JobView { job: job.clone(), progress },
        doing: match drive.and_then(Drive::detail) {
            Some(detail) => format!("job {} {}; it {detail}", job.id, words::doing(job)),
            None => format!("job {} {}", job.id, words::doing(job)),
        },
        waiting_text: match waiting {
            Some(waiting) => Some(waiting_text(&waiting.text, on.as_ref(), drive, waiting_ms, &silent)),
            None => on.as_ref().map(words::waiting),
        },
        waiting: on,
        waiting_ms,
        silent,
        fence: fence::stood_ms(job, now.wall.get()),
        actions: actions(now, job),
    }
}

/// Since its node was heard, or itself, whichever is later; if neither was, since it is waited for.
fn silent_ms(
    now: Now,
    drive: &Drive,
    group: GroupId,
    voter: VoterId,
    waiting_ms: u64,
    heard: &BTreeMap<NodeId, u64>,
) -> u64 {
    let at_ms = heard.get(&NodeId(voter.0)).copied().max(drive.book.heard_at_ms(group, voter));
    at_ms.map_or(waiting_ms, |at_ms| now.elapsed_ms.saturating_sub(at_ms))
}

fn waiting_text(
    text: &str,
    on: Option<&WaitingFor>,
    drive: Option<&Drive>,
    waiting_ms: u64,
    silent: &[(NodeId, u64)],
) -> String {
    let mut text = format!("{text}, for {} so far", seconds(waiting_ms));
    for (node, silent_ms) in silent {
        let refusal = match (on, drive) {
            (Some(WaitingFor::Voters { group, .. }), Some(drive)) => drive.book.refusal(*group, VoterId(node.0)),
            (_, _) => None,
        };
        text.push_str(&match refusal {
            Some(refusal) => format!("; node {node} says: {refusal}"),
            None => format!("; node {node} has been silent for {}", seconds(*silent_ms)),
        });
    }
    text
}

fn actions(now: Now, job: &SplitJob) -> Vec<String> {
    let mut actions = Vec::new();
    if let (Some((stood, budget)), Some(way_back)) = (fence::stood_ms(job, now.wall.get()), fence::way_back(job)) {
        actions.push(format!(
            "wait: after {} of {} the range takes writes again by itself, and copying goes on (attempt {} of {})",
            seconds(stood),
            seconds(budget),
            way_back.fence_attempts + 1,
            job.options.max_fence_attempts
        ));
    } else if !job.phase.is_terminal() && !matches!(job.phase, Phase::Failed(_)) {
        actions.push("wait: reads and writes of the range go on meanwhile".to_owned());
    }
    if matches!(job.phase, Phase::Failed(_)) {
        actions.push("retry: the job goes on where it stopped, and undoes nothing".to_owned());
    }
    if job.can_be_abandoned() {
        let source = job.source;
        actions.push(format!("abandon: the range stays on group {source} and takes writes, and what was staged goes"));
    }
    if matches!(job.phase, Phase::Cleanup(_)) {
        actions.push("the job can't be given up any more: to undo it, move the range back with another".to_owned());
    }
    actions
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}
