//! One question on its way: asked, refused, asked again, until it is answered for good.

use super::lead::Means;
use super::question::Question;
use crate::api::NodeError;
use crate::desk::{CallId, Desk};
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::coordinator::Retry;
use splitjob_core::group::{Outcome, Rejection};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RawKey;
use splitjob_core::txn::{Lock, TxnId, TxnStatus};
use splitjob_wire::peer::{Answer, CallError};

/// A question and how far it has come.
#[derive(Debug)]
pub(super) struct Errand {
    /// What is asked.
    pub(super) question: Question,
    /// Where it stands.
    pub(super) standing: Standing,
    /// The version of the routes that it was asked by.
    pub(super) asked_by: CatalogVersion,
    /// An earlier time of asking may have been answered, or may yet be.
    pub(super) in_doubt: bool,
    refusals: u32,
    failures: u32,
    trouble: Option<String>,
}

/// Where an errand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nowhere yet.
    New,
    /// A call is under way.
    Calling(CallId),
    /// A call for the promise that the read needs is under way (T5).
    Binding(CallId),
    /// It waits.
    Asleep(Sleep),
}

/// What an errand waits for: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sleep {
    /// A moment, in milliseconds since the process began.
    pub(super) until_ms: u64,
    /// Routes of at least this version.
    pub(super) at_least: Option<CatalogVersion>,
}

/// How an errand ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was answered.
    Done(Answer),
    /// It was not, for good.
    Failed(Failure),
    /// What one group would have to do belongs to several.
    Divided,
}

/// Why an errand was not answered.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// A group refused.
    Rejected(Box<Rejection>),
    /// The catalog refused.
    CatalogRejected(Box<CatalogRejection>),
    /// It is not known whether it was done.
    Unknown(String),
}

/// What follows an answer.
#[derive(Debug)]
pub(super) enum After {
    /// The errand is over.
    Ended(End),
    /// Ask again at once.
    Again,
    /// Ask for the promise that the read needs, then again (T5).
    Bind,
    /// Ask again later.
    Sleep(Sleep),
    /// Find out what became of the lock; ask again when it is settled, or later (X5).
    Settle(RawKey, Lock, Sleep),
}

/// The name of a lock: a key and the transaction that holds it.
pub(super) type LockName = (RawKey, TxnId);

impl Errand {
    pub(super) fn new(question: Question) -> Errand {
        Errand {
            question,
            standing: Standing::New,
            asked_by: CatalogVersion(0),
            in_doubt: false,
            refusals: 0,
            failures: 0,
            trouble: None,
        }
    }

    /// A part of it, which has been refused as often.
    pub(super) fn part(&self, question: Question) -> Errand {
        Errand { question, standing: Standing::New, trouble: self.trouble.clone(), ..*self }
    }

    /// Whether the change that it asks for may have been made, or may yet be.
    pub(super) fn may_have_changed(&self) -> bool {
        let is_calling = matches!(self.standing, Standing::Calling(_));
        self.question.is_a_change() && (self.in_doubt || is_calling)
    }

    /// What it has met last, for the client.
    pub(super) fn trouble(&self) -> String {
        self.trouble.clone().unwrap_or_else(|| "no answer came in time".to_owned())
    }

    /// What follows the answer to its call.
    pub(super) fn after(&mut self, means: &mut Means<'_, '_>, answer: Result<Answer, CallError>) -> After {
        let is_binding = matches!(self.standing, Standing::Binding(_));
        match answer {
            Ok(_) if is_binding => After::Again,
            Ok(answer) => After::Ended(End::Done(answer)),
            Err(CallError::Rejected(rejection)) => self.refused(means, *rejection),
            Err(CallError::CatalogRejected(rejection)) => {
                After::Ended(End::Failed(Failure::CatalogRejected(rejection)))
            }
            Err(CallError::Unknown { why }) if is_binding || self.question.is_repeatable() => {
                self.in_doubt |= !is_binding;
                self.failed(means.desk, why, 0)
            }
            Err(CallError::Unknown { why }) => After::Ended(End::Failed(Failure::Unknown(why))),
            Err(CallError::Busy { what, retry_after_ms }) => self.failed(means.desk, what, retry_after_ms),
            Err(error @ (CallError::NotLeader { .. } | CallError::NoReplica { .. } | CallError::Stopped { .. })) => {
                self.failed(means.desk, error.to_string(), 0)
            }
        }
    }

    /// What follows a refusal, of a group or of the node's own routes.
    pub(super) fn refused(&mut self, means: &mut Means<'_, '_>, rejection: Rejection) -> After {
        self.refusals += 1;
        self.trouble = Some(rejection.to_string());
        let surfaced = |rejection| After::Ended(End::Failed(Failure::Rejected(Box::new(rejection))));
        match self.question.retry(&rejection, self.refusals) {
            Retry::Refresh { at_least, backoff_ms } => self.refresh(means.desk, at_least, backoff_ms),
            Retry::Observe { floor } => {
                means.desk.observe(floor);
                self.question.restamp(means);
                After::Again
            }
            Retry::Bind => After::Bind,
            Retry::Settle { backoff_ms, .. } => {
                let Rejection::KeyLocked { key, lock } = rejection else { return surfaced(rejection) };
                let until_ms = means.desk.now.elapsed_ms + backoff_ms;
                After::Settle(key, *lock, Sleep { until_ms, at_least: None })
            }
            Retry::Surface => surfaced(rejection),
        }
    }

    /// Waits for routes that can help: at least those that were named, and newer than those it was asked by. Groups
    /// follow the catalog too: after a while the same routes may do.
    fn refresh(&self, desk: &Desk<'_>, at_least: Option<CatalogVersion>, backoff_ms: u64) -> After {
        let version = desk.routes().version;
        let wanted = at_least.unwrap_or_default().max(self.asked_by.successor());
        if version >= wanted {
            return After::Again;
        }
        let is_behind = at_least.is_some_and(|at_least| version < at_least);
        let wait_ms = backoff_ms.max(if is_behind { CATALOG_WAIT_MS } else { pause_ms(self.refusals) });
        After::Sleep(Sleep { until_ms: desk.now.elapsed_ms + wait_ms, at_least: Some(wanted) })
    }

    fn failed(&mut self, desk: &Desk<'_>, what: String, retry_after_ms: u64) -> After {
        self.failures += 1;
        self.trouble = Some(what);
        let wait_ms = retry_after_ms.clamp(pause_ms(self.failures), MAX_RETRY_AFTER_MS);
        After::Sleep(Sleep { until_ms: desk.now.elapsed_ms + wait_ms, at_least: None })
    }
}

impl From<Failure> for NodeError {
    fn from(failure: Failure) -> NodeError {
        match failure {
            Failure::Rejected(rejection) => NodeError::Rejected(rejection),
            Failure::CatalogRejected(rejection) => NodeError::CatalogRejected(rejection),
            Failure::Unknown(why) => NodeError::Unknown { why },
        }
    }
}

/// Lets later timestamps of this node be greater than what a group has told: whoever was told of it here begins above.
pub(super) fn observe(desk: &mut Desk<'_>, answer: &Result<Answer, CallError>) {
    match answer {
        Ok(Answer::Rows { read_ts, .. }) => desk.observe(*read_ts),
        Ok(Answer::Newest(Some(commit_ts))) => desk.observe(*commit_ts),
        Ok(Answer::Applied(Outcome::Written { commit_ts } | Outcome::Committed { commit_ts })) => {
            desk.observe(*commit_ts);
        }
        Ok(Answer::Applied(Outcome::Bound { read_bound })) => desk.observe(*read_bound),
        Ok(Answer::Txn(TxnStatus::Committed { commit_ts })) => desk.observe(*commit_ts),
        Err(CallError::Rejected(rejection)) => observe_refusal(desk, rejection),
        Ok(_) | Err(_) => {}
    }
}

fn observe_refusal(desk: &mut Desk<'_>, rejection: &Rejection) {
    if let Rejection::TimestampTooLow { floor } = rejection {
        desk.observe(*floor);
    } else if let Rejection::WriteConflict { newest, .. } = rejection {
        desk.observe(*newest);
    } else if let Rejection::TxnCommitted { commit_ts } = rejection {
        desk.observe(*commit_ts);
    }
}

/// The wait after the `count`-th failure in a row, in milliseconds.
pub(super) fn pause_ms(count: u32) -> u64 {
    (FIRST_PAUSE_MS << count.saturating_sub(1).min(MAX_DOUBLINGS)).min(MAX_PAUSE_MS)
}

/// How long routes that are known to exist are waited for before a group is asked again, in milliseconds.
pub(super) const CATALOG_WAIT_MS: u64 = 200;
/// The first wait, in milliseconds; it doubles with every failure.
const FIRST_PAUSE_MS: u64 = 5;
/// The longest wait, in milliseconds.
const MAX_PAUSE_MS: u64 = 200;
/// So many doublings lead past the longest wait.
const MAX_DOUBLINGS: u32 = 8;
/// A busy node may ask for so long a wait, in milliseconds.
const MAX_RETRY_AFTER_MS: u64 = 1_000;
