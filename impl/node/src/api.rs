//! What a client may ask of any node, and what it is told.
//!
//! These are the types behind every surface: gRPC services, command line, tests, simulator. Whoever holds a request has
//! checked it with [`ClientRequest::check`].

use splitjob_core::catalog::{CatalogRejection, Route};
use splitjob_core::coordinator::Routed;
use splitjob_core::group::{Mutation, ReadAnswer, Rejection};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, RouteId};
use splitjob_core::job::{JobOptions, PhaseName, SplitJob, WaitingFor};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{TxnId, TxnStatus};
use splitjob_core::version::Content;
use splitjob_wire::peer::VoterChange;
use thiserror::Error;

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRequest {
    /// The value of a key.
    Get {
        /// The raw key.
        key: RawKey,
        /// At this timestamp; absent for the newest value that was acknowledged when the request came.
        read_ts: Option<Timestamp>,
        /// The catalog version that the client routed by; absent: stamped here.
        routed_by: Option<CatalogVersion>,
    },
    /// A page of the rows of an interval.
    Scan {
        /// The raw keys.
        interval: RawInterval,
        /// The order.
        direction: Direction,
        /// The most rows, 1 to [`MAX_PAGE_ROWS`].
        limit: u64,
        /// At this timestamp; absent: the server chooses one, and says which.
        read_ts: Option<Timestamp>,
        /// The catalog version that the client routed by; absent: stamped here.
        routed_by: Option<CatalogVersion>,
    },
    /// The newest commit timestamp of a key.
    Latest {
        /// The raw key.
        key: RawKey,
        /// The catalog version that the client routed by; absent: stamped here.
        routed_by: Option<CatalogVersion>,
    },
    /// A write of one key.
    Write {
        /// What becomes of the key.
        mutation: Mutation,
        /// The commit timestamp, if the caller insists on one; absent: the group's leader chooses.
        commit_ts: Option<Timestamp>,
    },
    /// A deletion of all that is visible under a raw prefix, in every group.
    DeletePrefix {
        /// The raw prefix.
        prefix: RawKey,
    },
    /// A timestamp to begin a transaction at.
    Begin,
    /// A whole transaction: all its writes or none; asked for again, the first answer.
    Transact {
        /// Its name; the primary is among the keys of the mutations.
        txn: TxnId,
        /// What becomes of each key.
        mutations: Vec<Mutation>,
    },
    /// Locks keys of a transaction that the client drives itself.
    Prepare {
        /// Its name.
        txn: TxnId,
        /// The timestamp of its versions; absent: chosen here, and told.
        commit_ts: Option<Timestamp>,
        /// What becomes of each key.
        mutations: Vec<Mutation>,
        /// After so many milliseconds others may settle the locks.
        ttl_ms: u64,
    },
    /// Writes the versions of locked keys.
    Commit {
        /// The transaction.
        txn: TxnId,
        /// The timestamp that it was prepared for.
        commit_ts: Timestamp,
        /// The raw keys.
        keys: Vec<RawKey>,
    },
    /// Releases locks; where the primary is among the keys, rolls the transaction back.
    Abort {
        /// The transaction.
        txn: TxnId,
        /// The timestamp that it was prepared for.
        commit_ts: Timestamp,
        /// The raw keys.
        keys: Vec<RawKey>,
    },
    /// What became of a transaction.
    TxnStatus {
        /// The transaction.
        txn: TxnId,
    },
    /// A question or an order of an operator.
    Admin(AdminRequest),
}

/// What an operator may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminRequest {
    /// The routes, as this node knows them.
    Routes,
    /// Who owns what of a range, by routes of at least this version; waits a bounded time for it (C7).
    Ownership {
        /// The range.
        range: KeyRange,
        /// The least catalog version that the answer may be based on.
        at_least: CatalogVersion,
    },
    /// Splits a route on its own group (C4).
    SplitRange {
        /// The catalog version that the operator saw; absent: the one that this node knows.
        expected_version: Option<CatalogVersion>,
        /// The route.
        route: RouteId,
        /// The first key of the right part.
        at: RoutingKey,
    },
    /// Creates a split job (P1).
    StartJob {
        /// The catalog version that the operator saw; absent: the one that this node knows.
        expected_version: Option<CatalogVersion>,
        /// The route.
        route: RouteId,
        /// The first key that moves.
        split_key: RoutingKey,
        /// The group that it moves to.
        target: GroupId,
        /// How it copies.
        options: JobOptions,
        /// Only says what would happen, and changes nothing.
        dry_run: bool,
    },
    /// One job, live or remembered.
    Job(JobId),
    /// Jobs, newest first.
    Jobs,
    /// What a job waits for.
    Explain(JobId),
    /// Gives a job up (J8).
    Abandon(JobId),
    /// Lets a failed job go on (J7).
    Retry(JobId),
    /// Groups, replicas, leaders.
    Status,
    /// Changes who has a vote in a group (A5).
    ChangeVoters {
        /// The group.
        group: GroupId,
        /// The change.
        change: VoterChange,
    },
    /// Hands the office of a group's leader to another node.
    TransferLeader {
        /// The group.
        group: GroupId,
        /// The node.
        to: NodeId,
    },
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientResponse {
    /// To `Get` and `Scan`.
    Rows {
        /// The rows.
        answer: ReadAnswer,
        /// The timestamp that was read at.
        read_ts: Timestamp,
    },
    /// To `Latest`.
    Newest(Option<Timestamp>),
    /// To `Write`.
    Written {
        /// The version's commit timestamp.
        commit_ts: Timestamp,
    },
    /// To `DeletePrefix`.
    PrefixDeleted {
        /// How many rows got a tombstone.
        rows: u64,
    },
    /// To `Begin`.
    Begun {
        /// The timestamp that the transaction reads at.
        start_ts: Timestamp,
    },
    /// To `Prepare`.
    Prepared {
        /// The timestamp that it can commit at.
        commit_ts: Timestamp,
    },
    /// To `Transact` and `Commit`.
    Committed {
        /// The timestamp of its versions.
        commit_ts: Timestamp,
    },
    /// To `Abort`.
    Aborted,
    /// To `TxnStatus`.
    Txn(TxnStatus),
    /// To an operator.
    Admin(AdminResponse),
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminResponse {
    /// To `Routes`.
    Routes {
        /// Their version.
        version: CatalogVersion,
        /// The routes, in key order.
        routes: Vec<Route>,
    },
    /// To `Ownership`.
    Ownership {
        /// The version that the answer is based on.
        version: CatalogVersion,
        /// The parts of the range, in key order.
        parts: Vec<Routed>,
    },
    /// To `SplitRange`: the new version.
    Split(CatalogVersion),
    /// To `StartJob`.
    Started(JobId),
    /// To `StartJob` with `dry_run`.
    Plan(Plan),
    /// To `Job`.
    Job(Box<JobView>),
    /// To `Jobs`.
    Jobs(Vec<JobView>),
    /// To `Explain`.
    Explanation(Box<Explanation>),
    /// To `Abandon` and `Retry`.
    Accepted,
    /// To `Status`.
    Status(ClusterStatus),
    /// To `ChangeVoters` and `TransferLeader`.
    Done,
}

/// What a job would do, and whether it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The range that would move.
    pub range: Option<KeyRange>,
    /// The group that it would leave.
    pub source: Option<GroupId>,
    /// The group that it would move to.
    pub target: GroupId,
    /// Each check, in order, and what it found.
    pub checks: Vec<PlanCheck>,
}

/// One check of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanCheck {
    /// What is checked, as a sentence.
    pub what: String,
    /// Why it fails; absent where it holds.
    pub problem: Option<String>,
}

/// A job, and how far it has come by this process's own counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// The durable record.
    pub job: SplitJob,
    /// Counted by the migrator that drives it; zero elsewhere.
    pub progress: JobProgress,
}

/// What a migrator has counted of a job since it took it over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// Rows copied.
    pub rows: u64,
    /// Bytes of keys and values copied.
    pub bytes: u64,
    /// Rows copied in the last second.
    pub rows_per_s: u64,
    /// Bytes copied in the last second.
    pub bytes_per_s: u64,
    /// Rows that the pass is expected to carry in all; absent before it is known.
    pub rows_expected: Option<u64>,
    /// Milliseconds until the pass ends, at this rate; absent before it is known.
    pub eta_ms: Option<u64>,
    /// Rows promoted or deleted.
    pub swept: u64,
}

/// What a job waits for, on whom, since when, and what an operator can safely do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The job.
    pub view: JobView,
    /// What is being done, as a sentence.
    pub doing: String,
    /// What is waited for, if anything.
    pub waiting: Option<WaitingFor>,
    /// The same as a sentence.
    pub waiting_text: Option<String>,
    /// For how long, in milliseconds.
    pub waiting_ms: u64,
    /// For each voter that is waited for: how long it has been silent, in milliseconds (B4).
    pub silent: Vec<(NodeId, u64)>,
    /// How long the range has been fenced, and may be, in milliseconds.
    pub fence: Option<(u64, u64)>,
    /// What can be done now, each with what follows.
    pub actions: Vec<String>,
}

/// What a node knows of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterStatus {
    /// The node that answers.
    pub node: NodeId,
    /// The catalog version that it knows.
    pub catalog_version: CatalogVersion,
    /// Its replicas.
    pub groups: Vec<GroupView>,
    /// The nodes that it knows, and how long ago each was heard, in milliseconds.
    pub nodes: Vec<(NodeId, u64)>,
}

/// A replica of a group, as its node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: GroupId,
    /// Its leader, as far as is known.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: u64,
    /// The voters.
    pub voters: Vec<NodeId>,
    /// The replicas without a vote.
    pub learners: Vec<NodeId>,
    /// The last entry applied here.
    pub applied: u64,
    /// The last entry known to be committed.
    pub committed: u64,
    /// The catalog version that the group follows; the catalog's own, for the default group.
    pub catalog_version: CatalogVersion,
    /// Why the replica has stopped, if it has.
    pub stopped: Option<String>,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NodeError {
    /// A group refused, and asking again is of no use now; nothing was changed.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// The catalog refused; nothing was changed.
    #[error(transparent)]
    CatalogRejected(Box<CatalogRejection>),
    /// Nobody could be asked in time; nothing was changed.
    #[error("unavailable: {what}; retry after {retry_after_ms} ms")]
    Unavailable {
        /// What was missing.
        what: String,
        /// When to ask again, in milliseconds.
        retry_after_ms: u64,
    },
    /// It is not known whether the request was done, or will be.
    #[error("the outcome is unknown: {why}")]
    Unknown {
        /// What happened.
        why: String,
    },
    /// The request can't be what was meant; nothing was changed.
    #[error("invalid request: {what}")]
    Invalid {
        /// What is wrong, and what would be right.
        what: String,
    },
    /// There is no such thing.
    #[error("not found: {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
}

impl ClientRequest {
    /// Checks the bounds that every request must keep.
    ///
    /// # Errors
    /// [`NodeError::Invalid`], which says what is wrong and what would be right.
    pub fn check(&self) -> Result<(), NodeError> {
        match self {
            ClientRequest::Get { key, .. } | ClientRequest::Latest { key, .. } => check_key(key),
            ClientRequest::Scan { interval, limit, .. } => {
                check_key(&interval.start)?;
                check_page(*limit)
            }
            ClientRequest::Write { mutation, .. } => check_mutation(mutation),
            ClientRequest::DeletePrefix { prefix } => check_key(prefix),
            ClientRequest::Transact { txn, mutations } => {
                check_txn(txn, mutations)?;
                if mutations.iter().any(|mutation| mutation.key == txn.primary) {
                    return Ok(());
                }
                invalid(format!("the primary {} is not among the keys: name one of them", txn.primary))
            }
            ClientRequest::Prepare { txn, mutations, .. } => check_txn(txn, mutations),
            ClientRequest::Commit { keys, .. } | ClientRequest::Abort { keys, .. } => check_keys(keys),
            ClientRequest::TxnStatus { txn } => check_key(&txn.primary),
            ClientRequest::Begin | ClientRequest::Admin(_) => Ok(()),
        }
    }

    /// Whether it can change anything: a lost answer to it leaves the outcome unknown.
    pub fn may_change(&self) -> bool {
        match self {
            ClientRequest::Get { .. }
            | ClientRequest::Scan { .. }
            | ClientRequest::Latest { .. }
            | ClientRequest::Begin
            | ClientRequest::TxnStatus { .. } => false,
            ClientRequest::Write { .. }
            | ClientRequest::DeletePrefix { .. }
            | ClientRequest::Transact { .. }
            | ClientRequest::Prepare { .. }
            | ClientRequest::Commit { .. }
            | ClientRequest::Abort { .. } => true,
            ClientRequest::Admin(request) => request.is_order(),
        }
    }
}

impl AdminRequest {
    /// Whether it is an order, not a question.
    pub fn is_order(&self) -> bool {
        match self {
            AdminRequest::StartJob { dry_run, .. } => !dry_run,
            AdminRequest::SplitRange { .. }
            | AdminRequest::Abandon(_)
            | AdminRequest::Retry(_)
            | AdminRequest::ChangeVoters { .. }
            | AdminRequest::TransferLeader { .. } => true,
            AdminRequest::Routes
            | AdminRequest::Ownership { .. }
            | AdminRequest::Job(_)
            | AdminRequest::Jobs
            | AdminRequest::Explain(_)
            | AdminRequest::Status => false,
        }
    }
}

fn invalid<T>(what: impl Into<String>) -> Result<T, NodeError> {
    Err(NodeError::Invalid { what: what.into() })
}

fn check_key(key: &RawKey) -> Result<(), NodeError> {
    let length = key.as_bytes().len();
    if length > MAX_KEY_BYTES {
        return invalid(format!("the key has {length} bytes, and may have {MAX_KEY_BYTES}"));
    }
    Ok(())
}

fn check_page(limit: u64) -> Result<(), NodeError> {
    if limit == 0 || limit > MAX_PAGE_ROWS {
        return invalid(format!(
            "a page of {limit} rows: ask for 1 to {MAX_PAGE_ROWS}, and for the next page after it"
        ));
    }
    Ok(())
}

fn check_mutation(mutation: &Mutation) -> Result<(), NodeError> {
    check_key(&mutation.key)?;
    match &mutation.content {
        Content::Put { value, .. } if value.len() > MAX_VALUE_BYTES => {
            invalid(format!("the value has {} bytes, and may have {MAX_VALUE_BYTES}", value.len()))
        }
        Content::Put { .. } | Content::Tombstone => Ok(()),
    }
}

fn check_keys(keys: &[RawKey]) -> Result<(), NodeError> {
    if keys.is_empty() || keys.len() > MAX_TXN_KEYS {
        return invalid(format!("a transaction of {} keys: it may have 1 to {MAX_TXN_KEYS}", keys.len()));
    }
    keys.iter().try_for_each(check_key)
}

fn check_txn(txn: &TxnId, mutations: &[Mutation]) -> Result<(), NodeError> {
    check_key(&txn.primary)?;
    let mut keys: Vec<RawKey> = mutations.iter().map(|mutation| mutation.key.clone()).collect();
    check_keys(&keys)?;
    keys.sort_unstable();
    if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return invalid(format!("key {} occurs twice: say once what becomes of it", pair[0]));
    }
    let bytes: usize = mutations.iter().map(size).sum();
    if bytes > MAX_MESSAGE_BYTES {
        return invalid(format!("the transaction has {bytes} bytes, and may have {MAX_MESSAGE_BYTES}"));
    }
    mutations.iter().try_for_each(check_mutation)
}

fn size(mutation: &Mutation) -> usize {
    let value = match &mutation.content {
        Content::Put { value, .. } => value.len(),
        Content::Tombstone => 0,
    };
    mutation.key.as_bytes().len() + value
}

/// The phases in which a job takes writes of its range.
pub fn takes_writes(phase: PhaseName) -> bool {
    match phase {
        PhaseName::Planned
        | PhaseName::Backfill
        | PhaseName::Cleanup
        | PhaseName::Done
        | PhaseName::Failed
        | PhaseName::Abandoning
        | PhaseName::Abandoned => true,
        PhaseName::Fence | PhaseName::DeltaCopy | PhaseName::Cutover => false,
    }
}

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1 << 20;
/// The longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 16 << 20;
/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// The most rows of a page.
pub const MAX_PAGE_ROWS: u64 = 1024;
/// The most keys of a transaction.
pub const MAX_TXN_KEYS: usize = 4096;
