//! Groups, a catalog and nodes with coordinators, without Raft: a call is applied when it is delivered.

use splitjob_core::catalog::{Catalog, CatalogLimits};
use splitjob_core::clock::HybridClock;
use splitjob_core::gate::Gates;
use splitjob_core::group::{ApplyContext, Group, GroupCommand, Mutation, Outcome, ReadRequest, Rejection};
use splitjob_core::id::{GroupId, NodeId};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionReader};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::txn::TxnId;
use splitjob_core::version::{Content, Version};
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::coordinator::Coordinator;
use splitjob_node::desk::{Asked, Desk};
use splitjob_node::io::{Now, RequestId};
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const LEFT: GroupId = GroupId(1);
pub(crate) const RIGHT: GroupId = GroupId(2);

pub(crate) type Reply = Result<ClientResponse, NodeError>;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is applied and answered.
    Answered,
    /// Nothing is done, and the asker knows.
    Busy,
    /// Nothing is done, and the asker doesn't know.
    Lost,
    /// It is applied, and the answer is lost.
    AnswerLost,
    /// The asker is told that nothing is known, and it is applied some time later.
    Late,
    /// It is applied and answered, and applied again later.
    Doubled,
}

/// A node: its coordinator, its clock, and its copy of the catalog.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) coordinator: Coordinator,
    clock: HybridClock,
    /// The copy; follows the catalog unless the test holds it.
    pub(crate) known: Catalog,
    pub(crate) is_held: bool,
    /// How far its clock is ahead.
    pub(crate) ahead_ms: u64,
    in_flight: Vec<Asked>,
    last_call: u64,
    replies: BTreeMap<RequestId, Reply>,
}

/// Everything that coordinators talk to.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) catalog: Catalog,
    pub(crate) groups: BTreeMap<GroupId, Group<MemoryStore>>,
    leaders: BTreeMap<GroupId, HybridClock>,
    /// How far the clocks of leaders are ahead.
    pub(crate) leaders_ahead_ms: BTreeMap<GroupId, u64>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) elapsed_ms: u64,
    /// Every call that was made, in order.
    pub(crate) asked: Vec<Call>,
    /// What becomes of calls that aren't simply answered.
    pub(crate) fate: fn(&Call) -> Fate,
    pub(crate) late: Vec<Call>,
    last_request: u64,
}

impl Cluster {
    /// Two groups, the left one owning everything, and one node.
    pub(crate) fn new() -> Cluster {
        let ids = BTreeSet::from([LEFT, RIGHT]);
        let catalog = Catalog::new(LEFT, ids.clone(), CatalogLimits::default());
        let group = |id: GroupId| (id, Group::new(id, MemoryStore::default(), catalog.routes()));
        let groups: BTreeMap<GroupId, Group<MemoryStore>> = ids.into_iter().map(group).collect();
        let mut cluster = Cluster {
            leaders: groups.keys().map(|id| (*id, HybridClock::new())).collect(),
            leaders_ahead_ms: BTreeMap::new(),
            nodes: Vec::new(),
            elapsed_ms: 0,
            asked: Vec::new(),
            fate: |_| Fate::Answered,
            late: Vec::new(),
            last_request: 0,
            catalog,
            groups,
        };
        cluster.add_node();
        cluster
    }

    /// The left group owns what is below `m`, the right one the rest: after a whole job.
    pub(crate) fn with_two_owners() -> Cluster {
        let mut cluster = Cluster::new();
        cluster.start_job("m", RIGHT);
        cluster.finish_job();
        cluster
    }

    pub(crate) fn add_node(&mut self) {
        self.nodes.push(Node {
            coordinator: Coordinator::new(),
            clock: HybridClock::new(),
            known: self.catalog.clone(),
            is_held: false,
            ahead_ms: 0,
            in_flight: Vec::new(),
            last_call: 0,
            replies: BTreeMap::new(),
        });
    }

    pub(crate) fn wall(&self, ahead_ms: u64) -> PhysicalMs {
        PhysicalMs::new(WALL_MS + self.elapsed_ms + ahead_ms).expect("a test takes no ages")
    }

    /// Asks the first node and goes on until it has answered.
    pub(crate) fn call(&mut self, request: ClientRequest) -> Reply {
        let id = self.ask(0, request);
        self.wait(0, id)
    }

    /// Asks a node.
    pub(crate) fn ask(&mut self, node: usize, request: ClientRequest) -> RequestId {
        request.check().expect("the test keeps the bounds of requests");
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.at_desk(node, |coordinator, desk| coordinator.request(desk, id, request));
        id
    }

    /// Goes on until the node has answered.
    pub(crate) fn wait(&mut self, node: usize, id: RequestId) -> Reply {
        for _ in 0..MOST_STEPS {
            if let Some(reply) = self.nodes[node].replies.remove(&id) {
                return reply;
            }
            if !self.step() {
                assert!(self.sleep(), "nothing will answer request {id:?}: {:?}", self.nodes[node].coordinator);
            }
        }
        panic!("request {id:?} is not answered");
    }

    /// The answer, if it is there.
    pub(crate) fn answer(&mut self, node: usize, id: RequestId) -> Option<Reply> {
        self.nodes[node].replies.remove(&id)
    }

    /// Lets time pass, and everything happen that happens meanwhile.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end_ms = self.elapsed_ms + ms;
        while self.step() {}
        while self.next_wake().is_some_and(|at_ms| at_ms <= end_ms) {
            self.sleep();
            while self.step() {}
        }
        self.elapsed_ms = self.elapsed_ms.max(end_ms);
        self.wake();
        while self.step() {}
    }

    /// Delivers the oldest call of some node; false if there is none.
    pub(crate) fn step(&mut self) -> bool {
        match self.nodes.iter().position(|node| !node.in_flight.is_empty()) {
            Some(node) => {
                let fate = (self.fate)(&self.nodes[node].in_flight[0].call);
                self.deliver(node, 0, fate);
                true
            }
            None => false,
        }
    }

    /// The calls of a node that are under way.
    pub(crate) fn in_flight(&self, node: usize) -> usize {
        self.nodes[node].in_flight.len()
    }

    /// Delivers one of the calls that are under way.
    pub(crate) fn deliver(&mut self, node: usize, index: usize, fate: Fate) {
        let Asked { id, call, .. } = self.nodes[node].in_flight.remove(index);
        let unknown = || Err(CallError::Unknown { why: "the connection broke".to_owned() });
        let answer = match fate {
            Fate::Answered => self.execute(&call),
            Fate::Busy => Err(CallError::Busy { what: "an election".to_owned(), retry_after_ms: 10 }),
            Fate::Lost => unknown(),
            Fate::AnswerLost => {
                let _ = self.execute(&call);
                unknown()
            }
            Fate::Late => {
                self.late.push(call.clone());
                unknown()
            }
            // What was refused and comes again might be done, and so might what a leader stamps anew: that a call is
            // carried out once at most is for whoever takes it to see to.
            Fate::Doubled => {
                let answer = self.execute(&call);
                if answer.is_ok() && !matches!(call, Call::Propose { stamped: false, .. }) {
                    self.late.push(call);
                }
                answer
            }
        };
        self.follow_catalog();
        self.at_desk(node, |coordinator, desk| coordinator.answered(desk, id, answer));
    }

    /// Applies a call that nobody waits for any more.
    pub(crate) fn deliver_late(&mut self, index: usize) {
        let call = self.late.remove(index);
        let _ = self.execute(&call);
        self.follow_catalog();
    }

    /// Jumps to the next moment that a coordinator waits for; false if none does.
    pub(crate) fn sleep(&mut self) -> bool {
        let Some(at_ms) = self.next_wake() else { return false };
        self.elapsed_ms = self.elapsed_ms.max(at_ms);
        self.wake();
        true
    }

    fn next_wake(&self) -> Option<u64> {
        self.nodes.iter().filter_map(|node| node.coordinator.next_wake()).min()
    }

    /// The nodes learn of routes and time.
    pub(crate) fn wake(&mut self) {
        self.follow_catalog();
        for node in 0..self.nodes.len() {
            self.at_desk(node, Coordinator::woken);
        }
    }

    fn follow_catalog(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.is_held) {
            node.known.clone_from(&self.catalog);
        }
    }

    /// Lends a node's coordinator its desk, and takes what it asks and replies.
    pub(crate) fn at_desk(&mut self, node: usize, act: impl FnOnce(&mut Coordinator, &mut Desk<'_>)) {
        let (wall, elapsed_ms) = (self.wall(self.nodes[node].ahead_ms), self.elapsed_ms);
        let Node { coordinator, clock, known, in_flight, last_call, replies, .. } = &mut self.nodes[node];
        let before = in_flight.len();
        let now = Now { wall, elapsed_ms };
        let mut desk = Desk { now, node: NodeId(node as u64 + 1), catalog: known, clock, asked: in_flight, last_call };
        act(coordinator, &mut desk);
        self.asked.extend(in_flight[before..].iter().map(|asked| asked.call.clone()));
        replies.extend(coordinator.replies());
    }

    fn execute(&mut self, call: &Call) -> Result<Answer, CallError> {
        match call {
            Call::Propose { group, command, stamped } => {
                let command = if *stamped { command.clone() } else { self.stamp(*group, command) };
                Ok(Answer::Applied(self.apply(*group, &command)?))
            }
            Call::ProposeCatalog { command } => Ok(Answer::CatalogApplied(self.catalog.apply(command, Gates::all())?)),
            Call::Read { group, request, latest: true } => self.read_latest(*group, request),
            Call::Read { group, request, latest: false } => {
                let answer = self.groups[group].read(request, Gates::all())?;
                Ok(Answer::Rows { answer, read_ts: request.read_ts })
            }
            Call::Latest { group, request } => Ok(Answer::Newest(self.groups[group].latest(request, Gates::all())?)),
            Call::TxnStatus { group, txn, routed_by } => {
                Ok(Answer::Txn(self.groups[group].txn_status(txn, *routed_by, Gates::all())?))
            }
            Call::ChangeVoters { .. } | Call::TransferLeader { .. } => Ok(Answer::Done),
            Call::Observe { .. } | Call::Report { .. } | Call::Export(_) | Call::Digest(_) => {
                panic!("a coordinator doesn't ask what migrators ask: {call:?}")
            }
        }
    }

    fn stamp(&mut self, group: GroupId, command: &GroupCommand) -> GroupCommand {
        let mut command = command.clone();
        let GroupCommand::Write(request) = &mut command else { panic!("only writes are stamped here: {command:?}") };
        request.commit_ts = self.leader_ts(group);
        command
    }

    fn read_latest(&mut self, group: GroupId, request: &ReadRequest) -> Result<Answer, CallError> {
        let request = ReadRequest { read_ts: self.leader_ts(group), ..request.clone() };
        self.apply(group, &GroupCommand::BindRead(request.bind()))?;
        let answer = self.groups[&group].read(&request, Gates::all())?;
        Ok(Answer::Rows { answer, read_ts: request.read_ts })
    }

    /// A timestamp above everything that the group has promised, stored or locked: a lock's transaction may have been
    /// acknowledged, where its primary is another group's.
    pub(crate) fn leader_ts(&mut self, group: GroupId) -> Timestamp {
        let wall = self.wall(self.leaders_ahead_ms.get(&group).copied().unwrap_or(0));
        let clock = self.leaders.get_mut(&group).expect("every group has a leader");
        let locks = self.groups[&group].store().locks(&RawInterval::all()).map(|(_, lock)| lock.commit_ts);
        clock.recover(locks.chain([self.groups[&group].clock_floor()])).expect("no group is at the end of time");
        clock.next(wall).expect("no clock is at the end of time")
    }

    /// Applies a command, under a ceiling that its leader has raised.
    pub(crate) fn apply(&mut self, group: GroupId, command: &GroupCommand) -> Result<Outcome, Rejection> {
        let ahead_ms = self.leaders_ahead_ms.get(&group).copied().unwrap_or(0);
        let ceiling = self.wall(ahead_ms).saturating_add(CEILING_WINDOW_MS);
        let group = self.groups.get_mut(&group).expect("the routes name groups that exist");
        let context = ApplyContext::production();
        group.apply(&GroupCommand::RaiseCeiling { ceiling }, &context).expect("a ceiling can always be raised");
        group.apply(command, &context)
    }

    pub(crate) fn owner(&self, key: &str) -> GroupId {
        self.catalog.routes().covering(&RoutingKey::from(key)).group
    }

    /// The values that the key's owner holds, live or staged, newest first.
    pub(crate) fn values(&self, key: &str) -> Vec<(Timestamp, String)> {
        let store = self.groups[&self.owner(key)].store();
        let interval = RawInterval::point(&RawKey::from(key));
        let rows = [Keyspace::Live, Keyspace::Staged]
            .into_iter()
            .flat_map(|space| store.walk(space, &interval, Direction::Forward));
        let mut values: Vec<(Timestamp, String)> = rows.map(|row| value_of(&row.version)).collect();
        values.sort_unstable_by(|left, right| right.cmp(left));
        values.dedup();
        values
    }

    /// The keys that are locked anywhere.
    pub(crate) fn locked(&self) -> Vec<RawKey> {
        let locks = self.groups.values().flat_map(|group| group.store().locks(&RawInterval::all()));
        locks.map(|(key, _)| key).collect()
    }

    /// How many calls of this kind were made.
    pub(crate) fn count(&self, is_meant: impl Fn(&Call) -> bool) -> usize {
        self.asked.iter().filter(|call| is_meant(call)).count()
    }

    /// A transaction that begins now at the first node.
    pub(crate) fn begin(&mut self, primary: &str) -> TxnId {
        let begun = self.call(ClientRequest::Begin).expect("a transaction can always begin");
        let ClientResponse::Begun { start_ts } = begun else { panic!("not the answer to Begin: {begun:?}") };
        TxnId { primary: RawKey::from(primary), start_ts }
    }
}

fn value_of(version: &Version) -> (Timestamp, String) {
    let value = match &version.content {
        Content::Put { value, .. } => String::from_utf8_lossy(value).into_owned(),
        Content::Tombstone => "†".to_owned(),
    };
    (version.commit_ts, value)
}

pub(crate) fn put(key: &str, value: &str) -> Mutation {
    let content = Content::Put { value: value.as_bytes().to_vec(), expire_at: Timestamp::ZERO };
    Mutation { key: RawKey::from(key), content }
}

pub(crate) fn write(key: &str, value: &str) -> ClientRequest {
    ClientRequest::Write { mutation: put(key, value), commit_ts: None }
}

pub(crate) fn get(key: &str) -> ClientRequest {
    ClientRequest::Get { key: RawKey::from(key), read_ts: None, routed_by: None }
}

/// The values of rows that were read.
pub(crate) fn seen(reply: Reply) -> Vec<String> {
    let rows = match reply {
        Ok(ClientResponse::Rows { answer, .. }) => answer.rows,
        other => panic!("the read was not served: {other:?}"),
    };
    rows.into_iter().map(|row| String::from_utf8_lossy(&row.value).into_owned()).collect()
}

/// The timestamp of a write, or of a transaction that has committed.
pub(crate) fn committed(reply: Reply) -> Timestamp {
    match reply {
        Ok(ClientResponse::Written { commit_ts } | ClientResponse::Committed { commit_ts }) => commit_ts,
        other => panic!("it has not committed: {other:?}"),
    }
}

/// What a group has refused with.
pub(crate) fn rejection(reply: Reply) -> Rejection {
    match reply {
        Err(NodeError::Rejected(rejection)) => *rejection,
        other => panic!("no group has refused: {other:?}"),
    }
}

/// The wall clock when a test begins.
const WALL_MS: u64 = 1_000_000;
/// How far a leader's ceiling is ahead of its clock.
const CEILING_WINDOW_MS: u64 = 3_000;
/// More steps than any test takes.
const MOST_STEPS: usize = 100_000;
