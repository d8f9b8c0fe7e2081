//! A request under way, and the numbers by which the coordinator's parts name one another.

use super::errand::{Errand, LockName, Standing};
use super::plan::Plan;
use crate::io::RequestId;
use std::collections::BTreeMap;

/// The number of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(pub(super) u64);

/// The number of an errand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ErrandId {
    pub(super) task: TaskId,
    pub(super) number: u64,
}

/// Who hears the task's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client.
    Client(RequestId),
    /// Those that wait for a lock.
    Waiters(LockName),
    /// Nobody any more.
    Nobody,
}

/// A plan with its open errands.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) asker: Asker,
    pub(super) plan: Box<dyn Plan>,
    pub(super) errands: BTreeMap<u64, Errand>,
    /// Calls are given up then; a little later the task is, in milliseconds since the process began.
    pub(super) deadline_ms: u64,
}

impl Task {
    /// What the errands have met last.
    pub(super) fn trouble(&self) -> String {
        let waiting = self.errands.values().find(|errand| !matches!(errand.standing, Standing::New));
        waiting.map_or_else(|| "no answer came in time".to_owned(), Errand::trouble)
    }

    /// When the task is given up.
    pub(super) fn expires_ms(&self) -> u64 {
        self.deadline_ms + ANSWER_GRACE_MS
    }
}

/// The answers to calls that were given up at the deadline come within this time, in milliseconds.
const ANSWER_GRACE_MS: u64 = 200;
