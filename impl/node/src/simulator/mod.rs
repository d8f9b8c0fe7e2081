//! A whole cluster in one thread: production nodes over a simulated clock, network and disks.
//!
//! One seed gives one order of events, and so one run: [`Simulation::trace_hash`] of two runs with one seed is the same.
//! What a test says happens (crashes, cut links, requests) is part of the order.

mod random;

pub use random::Random;
pub(crate) use random::mix;

use crate::api::{AdminRequest, ClientRequest, ClientResponse, NodeError};
use crate::config::NodeConfig;
use crate::io::{Input, Now, Output, RequestId, TICK_MS};
use crate::node::{Node, OpenError};
use splitjob_core::id::{GroupId, NodeId};
use splitjob_core::timestamp::PhysicalMs;
use splitjob_store::{Disk, MemoryDisk};
use splitjob_wire::peer::PeerMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How the simulated network and clocks behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A message takes at least so many microseconds.
    pub least_delay_us: u64,
    /// And at most so many.
    pub most_delay_us: u64,
    /// One message in so many is lost; 0: none.
    pub loses_one_in: u64,
    /// One message in so many comes twice; 0: none.
    pub doubles_one_in: u64,
    /// The wall clock of node n is off by `n * skew_ms` (A4).
    pub skew_ms: i64,
}

impl Faults {
    /// A network that is fast and loses nothing.
    pub const CALM: Faults =
        Faults { least_delay_us: 100, most_delay_us: 900, loses_one_in: 0, doubles_one_in: 0, skew_ms: 0 };
    /// Delays, losses, repetitions and clocks that disagree.
    pub const HARSH: Faults =
        Faults { least_delay_us: 100, most_delay_us: 40_000, loses_one_in: 25, doubles_one_in: 25, skew_ms: 700 };
}

/// A cluster under simulation.
pub struct Simulation {
    config: NodeConfig,
    faults: Faults,
    random: Random,
    now_us: u64,
    last_event: u64,
    events: BTreeMap<(u64, u64), Event>,
    hosts: BTreeMap<NodeId, Host>,
    cut: BTreeSet<(NodeId, NodeId)>,
    last_request: u64,
    replies: BTreeMap<RequestId, (u64, Result<ClientResponse, NodeError>)>,
    stopped: Vec<(NodeId, GroupId, String)>,
    hash: u64,
}

/// One machine.
struct Host {
    disk: MemoryDisk,
    node: Option<Node>,
    started_us: u64,
    /// Which life of the process it is: what was on its way to an earlier one doesn't reach this one.
    life: u64,
}

#[expect(clippy::large_enum_variant, reason = "most events are messages")]
enum Event {
    Wake { node: NodeId, life: u64 },
    Deliver { from: NodeId, to: NodeId, message: PeerMessage },
    Client { node: NodeId, id: RequestId, request: Box<ClientRequest> },
    Worked { node: NodeId, life: u64, id: u64, work: crate::work::Work },
}

impl Simulation {
    /// A cluster of the members of `config`, all started.
    ///
    /// # Panics
    /// If a node can't be opened: the configuration is wrong.
    pub fn new(config: &NodeConfig, seed: u64, faults: Faults) -> Simulation {
        let mut simulation = Simulation {
            config: config.clone(),
            faults,
            random: Random::new(seed),
            now_us: 0,
            last_event: 0,
            events: BTreeMap::new(),
            hosts: BTreeMap::new(),
            cut: BTreeSet::new(),
            last_request: 0,
            replies: BTreeMap::new(),
            stopped: Vec::new(),
            hash: 0,
        };
        for node in config.members.iter().copied() {
            let host = Host { disk: MemoryDisk::new(), node: None, started_us: 0, life: 0 };
            simulation.hosts.insert(node, host);
            simulation.start(node).expect("a new node can be opened with a configuration that is right");
        }
        simulation
    }

    /// Starts a node that isn't running, from what its disk has.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub fn start(&mut self, id: NodeId) -> Result<(), OpenError> {
        let host = self.hosts.get_mut(&id).expect("the node is a member");
        host.started_us = self.now_us;
        let seed = self.config.seed ^ self.random.seed() ^ (id.0 << 8);
        let config = NodeConfig { node: id, seed, ..self.config.clone() };
        let disk: Arc<dyn Disk> = Arc::new(host.disk.clone());
        let now = now_of(self.now_us, host.started_us, id, &self.faults);
        host.node = Some(Node::open(config, &disk, now)?);
        host.life += 1;
        let life = host.life;
        self.schedule(0, Event::Wake { node: id, life });
        Ok(())
    }

    /// Kills a node's process and, with it, whatever its disk hadn't made durable (A3).
    pub fn crash(&mut self, id: NodeId) {
        let seed = self.random.next();
        let host = self.hosts.get_mut(&id).expect("the node is a member");
        // Power fails first: a store that is closed in good order makes durable what it holds.
        host.disk.crash(seed);
        host.node = None;
    }

    /// The disk of a node.
    pub fn disk(&self, id: NodeId) -> &MemoryDisk {
        &self.hosts[&id].disk
    }

    /// A node, if it is running.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.hosts[&id].node.as_ref()
    }

    /// Cuts the link between two nodes, in both directions.
    pub fn cut(&mut self, one: NodeId, other: NodeId) {
        self.cut.extend([(one, other), (other, one)]);
    }

    /// Cuts a node off from all others.
    pub fn isolate(&mut self, id: NodeId) {
        for other in self.config.members.clone() {
            self.cut(id, other);
        }
    }

    /// Mends every link.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Replaces the network's faults.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// What a node's clocks show.
    pub fn now(&self, id: NodeId) -> Now {
        now_of(self.now_us, self.hosts[&id].started_us, id, &self.faults)
    }

    /// Milliseconds since the simulation began.
    pub fn elapsed_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Numbers that depend on the seed alone.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Asks a node; the answer is found under the number that is returned.
    pub fn ask(&mut self, node: NodeId, request: ClientRequest) -> RequestId {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.schedule(0, Event::Client { node, id, request: Box::new(request) });
        id
    }

    /// The answer to a request and the time of it, in microseconds, if there is one. A node that crashes answers nothing.
    pub fn answer(&self, id: RequestId) -> Option<&(u64, Result<ClientResponse, NodeError>)> {
        self.replies.get(&id)
    }

    /// Asks and runs until the answer is there, at most so many milliseconds.
    pub fn call(
        &mut self,
        node: NodeId,
        request: ClientRequest,
        patience_ms: u64,
    ) -> Option<Result<ClientResponse, NodeError>> {
        let id = self.ask(node, request);
        self.run_until(patience_ms, |simulation| simulation.answer(id).is_some());
        self.answer(id).map(|(_, response)| response.clone())
    }

    /// As [`Simulation::call`], of an operator.
    pub fn order(&mut self, node: NodeId, request: AdminRequest) -> Option<Result<ClientResponse, NodeError>> {
        self.call(node, ClientRequest::Admin(request), 20_000)
    }

    /// Replicas that have stopped, and why.
    pub fn stopped(&self) -> &[(NodeId, GroupId, String)] {
        &self.stopped
    }

    /// A number that two runs share only if the same happened in the same order.
    pub fn trace_hash(&self) -> u64 {
        self.hash
    }

    /// Lets so many milliseconds pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    /// Lets time pass until the condition holds, at most so many milliseconds; says whether it held.
    pub fn run_until(&mut self, ms: u64, condition: impl Fn(&Simulation) -> bool) -> bool {
        let end_us = self.now_us + ms * 1000;
        loop {
            if condition(self) {
                return true;
            }
            match self.events.first_key_value() {
                Some(((at_us, _), _)) if *at_us <= end_us => {}
                Some(_) | None => {
                    self.now_us = end_us;
                    return false;
                }
            }
            let ((at_us, _), event) = self.events.pop_first().expect("it was there just before");
            self.now_us = self.now_us.max(at_us);
            self.happen(event);
        }
    }

    fn schedule(&mut self, delay_us: u64, event: Event) {
        self.last_event += 1;
        self.events.insert((self.now_us + delay_us, self.last_event), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { node, life } => {
                if self.hosts[&node].life == life && self.hosts[&node].node.is_some() {
                    self.give(node, Input::Tick);
                    self.schedule(TICK_MS * 1000, Event::Wake { node, life });
                }
            }
            Event::Deliver { from, to, message } => {
                if !self.cut.contains(&(from, to)) {
                    self.give(to, Input::Peer { from, message });
                }
            }
            Event::Client { node, id, request } => self.give(node, Input::Client { id, request: *request }),
            Event::Worked { node, life, id, work } => {
                if self.hosts[&node].life == life {
                    let result = work.run();
                    self.give(node, Input::Worked { id, result });
                }
            }
        }
    }

    fn give(&mut self, id: NodeId, input: Input) {
        let host = self.hosts.get_mut(&id).expect("the node is a member");
        let Some(node) = &mut host.node else { return };
        let now = now_of(self.now_us, host.started_us, id, &self.faults);
        node.step(now, input);
        let outputs = node.flush(now);
        let life = host.life;
        self.note(id.0, outputs.len() as u64);
        for output in outputs {
            self.take(id, life, output);
        }
    }

    fn take(&mut self, from: NodeId, life: u64, output: Output) {
        match output {
            Output::Send { to, message } => self.carry(from, to, message),
            Output::Reply { id, response } => {
                self.note(id.0, u64::from(response.is_ok()));
                self.replies.insert(id, (self.now_us, response));
            }
            Output::Work { id, work } => {
                let delay_us = 200 + self.random.below(800);
                self.schedule(delay_us, Event::Worked { node: from, life, id, work });
            }
            Output::Stopped { group, why } => self.stopped.push((from, group, why)),
        }
    }

    fn carry(&mut self, from: NodeId, to: NodeId, message: PeerMessage) {
        let is_lost = self.random.one_in(self.faults.loses_one_in);
        if is_lost || self.cut.contains(&(from, to)) {
            return;
        }
        if self.random.one_in(self.faults.doubles_one_in) {
            let delay_us = self.delay_us();
            self.schedule(delay_us, Event::Deliver { from, to, message: message.clone() });
        }
        let delay_us = self.delay_us();
        self.schedule(delay_us, Event::Deliver { from, to, message });
    }

    fn delay_us(&mut self) -> u64 {
        let spread = self.faults.most_delay_us - self.faults.least_delay_us;
        self.faults.least_delay_us + self.random.below(spread.max(1))
    }

    fn note(&mut self, one: u64, other: u64) {
        self.hash = random::mix(self.hash ^ self.now_us ^ one.rotate_left(32) ^ other);
    }
}

fn now_of(now_us: u64, started_us: u64, node: NodeId, faults: &Faults) -> Now {
    let skew_ms = i64::try_from(node.0).expect("nodes are few") * faults.skew_ms;
    let wall_ms = (BEGINNING_MS + now_us / 1000).saturating_add_signed(skew_ms);
    let wall = PhysicalMs::new(wall_ms).expect("a simulation ends long before its calendar");
    Now { wall, elapsed_ms: (now_us - started_us) / 1000 }
}

/// The wall clock when a simulation begins, in Unix milliseconds.
const BEGINNING_MS: u64 = 1_800_000_000_000;
