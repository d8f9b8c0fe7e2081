//! The coordinator of a node: takes what clients ask, and brings it to the groups that can do it (§11).
//!
//! A pure state machine. A request is a [`plan::Plan`]: it asks [`question::Question`]s, each of one group at a time. An
//! [`errand::Errand`] carries a question: routes it by the newest routes that the node knows, stamps it, waits, asks
//! again, until it is answered for good. What follows a refusal is said by
//! [`after_refusal`](splitjob_core::coordinator::after_refusal) alone.

mod admin;
mod drive;
mod errand;
mod lead;
mod plan;
mod prefix;
mod question;
mod scan;
mod settle;
mod steps;
mod task;
mod transact;
mod txn_part;

use crate::api::{ClientRequest, ClientResponse, NodeError};
use crate::desk::{CallId, Desk};
use crate::io::RequestId;
use errand::LockName;
use lead::{Lead, Means};
use plan::{Plan, RETRY_AFTER_MS, Single};
use question::{Question, ReadAt};
use splitjob_core::group::{Outcome, ReadShape};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RawKey;
use splitjob_core::txn::Lock;
use splitjob_wire::peer::{Answer, CallError};
use std::collections::{BTreeMap, BTreeSet};
use task::{Asker, ErrandId, Task, TaskId};

/// Everything that clients of this node have asked and that is not answered yet.
#[derive(Debug)]
pub struct Coordinator {
    tasks: BTreeMap<TaskId, Task>,
    calls: BTreeMap<CallId, ErrandId>,
    sleepers: BTreeSet<(u64, ErrandId)>,
    deadlines: BTreeSet<(u64, TaskId)>,
    waiters: BTreeMap<LockName, Vec<ErrandId>>,
    replies: Vec<(RequestId, Result<ClientResponse, NodeError>)>,
    open_requests: usize,
    last_number: u64,
    seen_version: CatalogVersion,
    lead: Lead,
}

impl Default for Coordinator {
    fn default() -> Self {
        Coordinator::new()
    }
}

impl Coordinator {
    /// A coordinator that nobody has asked anything.
    pub fn new() -> Coordinator {
        Coordinator {
            tasks: BTreeMap::new(),
            calls: BTreeMap::new(),
            sleepers: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            waiters: BTreeMap::new(),
            replies: Vec::new(),
            open_requests: 0,
            last_number: 0,
            seen_version: CatalogVersion(0),
            lead: Lead::new(),
        }
    }

    /// A client asks; the request keeps the bounds of [`ClientRequest::check`].
    ///
    /// Where too much is open already the answer is [`NodeError::Unavailable`] at once.
    pub fn request(&mut self, desk: &mut Desk<'_>, id: RequestId, request: ClientRequest) {
        if self.open_requests >= MAX_OPEN || self.tasks.len() >= MAX_TASKS {
            let what = format!("{MAX_OPEN} requests are open on this node");
            self.replies.push((id, Err(NodeError::Unavailable { what, retry_after_ms: RETRY_AFTER_MS })));
            return;
        }
        match plan_of(request, &mut Means { desk, lead: &mut self.lead }) {
            Ok(plan) => {
                self.open_requests += 1;
                self.open(desk, Asker::Client(id), plan, REQUEST_PATIENCE_MS);
            }
            Err(reply) => self.replies.push((id, reply)),
        }
    }

    /// Settles a lock whose time may be over, unless that is under way: for locks that nobody meets.
    pub fn settle(&mut self, desk: &mut Desk<'_>, key: RawKey, lock: Lock) {
        let name = (key.clone(), lock.txn.clone());
        if self.waiters.contains_key(&name) || self.tasks.len() >= MAX_TASKS {
            return;
        }
        self.waiters.insert(name.clone(), Vec::new());
        self.open(desk, Asker::Waiters(name), Box::new(settle::Settle::new(key, lock)), SETTLE_PATIENCE_MS);
    }

    /// The answer to a call that this coordinator has asked.
    pub fn answered(&mut self, desk: &mut Desk<'_>, call: CallId, answer: Result<Answer, CallError>) {
        errand::observe(desk, &answer);
        if let Some(id) = self.calls.remove(&call) {
            self.heard(desk, id, answer);
        }
    }

    /// Time has passed, or the routes have changed: whoever waits for either goes on.
    pub fn woken(&mut self, desk: &mut Desk<'_>) {
        self.expire(desk);
        self.wake(desk);
    }

    /// When the next one wants to be woken, in milliseconds since the process began.
    pub fn next_wake(&self) -> Option<u64> {
        let sleeper = self.sleepers.first().map(|(until_ms, _)| *until_ms);
        let deadline = self.deadlines.first().map(|(expires_ms, _)| *expires_ms);
        sleeper.into_iter().chain(deadline).min()
    }

    /// The requests that were answered since the last call.
    pub fn replies(&mut self) -> Vec<(RequestId, Result<ClientResponse, NodeError>)> {
        std::mem::take(&mut self.replies)
    }

    /// How many requests are not answered yet.
    pub fn open_requests(&self) -> usize {
        self.open_requests
    }
}

/// The plan of a request, or its answer where nobody has to be asked.
fn plan_of(
    request: ClientRequest,
    means: &mut Means<'_, '_>,
) -> Result<Box<dyn Plan>, Result<ClientResponse, NodeError>> {
    Ok(match request {
        ClientRequest::Get { key, read_ts, routed_by } => {
            let at = read_ts.map_or(ReadAt::Latest, ReadAt::Callers);
            single(Question::Read { shape: ReadShape::Point { key }, at, pinned: routed_by })
        }
        ClientRequest::Scan { interval, direction, limit, read_ts, routed_by } => {
            Box::new(scan::Scan::new(interval, direction, limit, read_ts, routed_by))
        }
        ClientRequest::Latest { key, routed_by } => single(Question::Latest { key, pinned: routed_by }),
        ClientRequest::Write { mutation, commit_ts } => single(Question::Write { mutation, commit_ts }),
        ClientRequest::DeletePrefix { prefix } => Box::new(prefix::PrefixDelete::new(prefix)),
        // Greater than everything that this node has told a client: who saw a write here begins above it.
        ClientRequest::Begin => return Err(Ok(ClientResponse::Begun { start_ts: means.desk.next_ts() })),
        ClientRequest::Transact { txn, mutations } => Box::new(transact::Transact::new(txn, mutations)),
        ClientRequest::Prepare { txn, commit_ts, mutations, ttl_ms } => {
            Box::new(steps::Steps::prepare(txn, commit_ts, mutations, ttl_ms, means))
        }
        ClientRequest::Commit { txn, commit_ts, keys } => Box::new(steps::Steps::commit(txn, commit_ts, keys)),
        ClientRequest::Abort { txn, commit_ts, keys } => Box::new(steps::Steps::abort(txn, commit_ts, keys)),
        ClientRequest::TxnStatus { txn } => single(Question::Status { txn }),
        ClientRequest::Admin(request) => admin::plan(request, means)?,
    })
}

fn single(question: Question) -> Box<dyn Plan> {
    Box::new(Single::new(question, response))
}

fn response(answer: Answer) -> Option<ClientResponse> {
    match answer {
        Answer::Rows { answer, read_ts } => Some(ClientResponse::Rows { answer, read_ts }),
        Answer::Newest(newest) => Some(ClientResponse::Newest(newest)),
        Answer::Txn(status) => Some(ClientResponse::Txn(status)),
        Answer::Applied(Outcome::Written { commit_ts }) => Some(ClientResponse::Written { commit_ts }),
        Answer::Applied(_)
        | Answer::CatalogApplied(_)
        | Answer::Observed(_)
        | Answer::Report(_)
        | Answer::Batches(_)
        | Answer::Digests(_)
        | Answer::Done => None,
    }
}

/// Requests that may be open at once.
const MAX_OPEN: usize = 10_000;
/// Requests and what is done beside them, at once.
const MAX_TASKS: usize = 2 * MAX_OPEN;
/// How long a request is tried, in milliseconds: longer than a range is fenced (J10).
const REQUEST_PATIENCE_MS: u64 = 15_000;
/// How long a lock is tried to be settled, in milliseconds; whoever needs it meets it again.
const SETTLE_PATIENCE_MS: u64 = 5_000;
