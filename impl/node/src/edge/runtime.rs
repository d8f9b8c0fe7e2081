//! The thread that a node lives on, and how the rest of the process talks to it.
//!
//! One thread steps the node; everything that waits (sockets, clients, work on snapshots) is elsewhere. What comes in
//! while a flush is going on is taken together by the next one, so that one durable write serves many.

use crate::api::{ClientRequest, ClientResponse, ClusterStatus, NodeError};
use crate::io::{Input, Now, Output, RequestId, TICK_MS};
use crate::migrator::MigratorEvent;
use crate::node::{Counters, Node};
use splitjob_core::id::NodeId;
use splitjob_core::timestamp::PhysicalMs;
use splitjob_wire::peer::PeerMessage;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// What the rest of the process says to the node's thread.
enum Said {
    Input(Box<Input>),
    Ask(Box<ClientRequest>, oneshot::Sender<Result<ClientResponse, NodeError>>),
    Look(oneshot::Sender<Glance>),
    Stop,
}

/// What a look at a node shows: for the page of jobs and the metrics.
#[derive(Clone, Debug)]
pub struct Glance {
    /// What it knows of the cluster.
    pub status: ClusterStatus,
    /// What it has counted.
    pub counters: Counters,
    /// What its migrator did lately, newest last.
    pub events: Vec<MigratorEvent>,
    /// Every node that the catalog knows of can run the whole protocol (V1).
    pub migration_v2: bool,
}

/// Where messages to other nodes go.
pub trait Peers: Send {
    /// Sends a message, or drops it: the protocol doesn't rely on any one.
    fn send(&mut self, to: NodeId, message: PeerMessage);
}

/// A handle to a node that runs.
#[derive(Clone)]
pub struct Handle {
    said: SyncSender<Said>,
}

/// A node's thread.
pub struct Running {
    handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Handle {
    /// Asks the node; the request is checked here.
    ///
    /// # Errors
    /// A [`NodeError`]; [`NodeError::Unavailable`] if the node is overrun or stops.
    pub async fn ask(&self, request: ClientRequest) -> Result<ClientResponse, NodeError> {
        request.check()?;
        let may_change = request.may_change();
        let (sender, receiver) = oneshot::channel();
        self.say(Said::Ask(Box::new(request), sender))?;
        receiver.await.unwrap_or_else(|_| Err(abandoned(may_change)))
    }

    /// Gives the node what happens; drops it if the node is overrun, as a network would.
    pub fn give(&self, input: Input) {
        let _ = self.say(Said::Input(Box::new(input)));
    }

    /// Looks at the node.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`] if the node is overrun or stops.
    pub async fn look(&self) -> Result<Glance, NodeError> {
        let (sender, receiver) = oneshot::channel();
        self.say(Said::Look(sender))?;
        receiver.await.map_err(|_| stopping())
    }

    fn say(&self, said: Said) -> Result<(), NodeError> {
        self.said.try_send(said).map_err(|error| match error {
            TrySendError::Full(_) => overrun(),
            TrySendError::Disconnected(_) => stopping(),
        })
    }
}

fn overrun() -> NodeError {
    NodeError::Unavailable { what: "the node is overrun".to_owned(), retry_after_ms: 50 }
}

fn stopping() -> NodeError {
    NodeError::Unavailable { what: "the node is stopping".to_owned(), retry_after_ms: 1_000 }
}

/// What is told about a request that the node had when it stopped: another node may still do what it asked for.
fn abandoned(may_change: bool) -> NodeError {
    match may_change {
        true => NodeError::Unknown { why: "the node stopped before it could answer".to_owned() },
        false => stopping(),
    }
}

impl Running {
    /// Gives a node a thread of its own.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(node: Node, clock: HostClock, peers: Box<dyn Peers>) -> std::io::Result<Running> {
        let (said, heard) = sync_channel(QUEUE);
        let handle = Handle { said };
        let worker = Worker::start(handle.clone())?;
        let thread = std::thread::Builder::new().name(format!("node-{}", node.id())).spawn(move || {
            let mut life = Life {
                node,
                clock,
                peers,
                heard,
                worker,
                asked: BTreeMap::new(),
                last_request: 0,
                events: VecDeque::new(),
            };
            life.live();
        })?;
        Ok(Running { handle, thread: Some(thread) })
    }

    /// A handle to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops the thread, and waits for it. What is not durable is lost, as in a crash: the log has it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.handle.said.send(Said::Stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The host's clocks.
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    began: Instant,
    /// The wall clock is off by so much: for tests of clocks that disagree.
    skew_ms: i64,
}

impl HostClock {
    /// The host's clocks; the wall clock is shown off by `skew_ms`.
    pub fn new(skew_ms: i64) -> HostClock {
        HostClock { began: Instant::now(), skew_ms }
    }

    /// A reading.
    pub fn read(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(self.skew_ms);
        let wall = PhysicalMs::new(wall_ms).unwrap_or(PhysicalMs::MAX);
        Now { wall, elapsed_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX) }
    }
}

/// What the node's thread holds.
struct Life {
    node: Node,
    clock: HostClock,
    peers: Box<dyn Peers>,
    heard: Receiver<Said>,
    worker: Worker,
    asked: BTreeMap<RequestId, oneshot::Sender<Result<ClientResponse, NodeError>>>,
    last_request: u64,
    events: VecDeque<MigratorEvent>,
}

impl Life {
    fn live(&mut self) {
        let mut ticked_at_ms = 0;
        loop {
            let now = self.clock.read();
            let wait_ms = self.node.next_wake(now).saturating_sub(now.elapsed_ms).min(TICK_MS);
            let is_going = match self.heard.recv_timeout(Duration::from_millis(wait_ms)) {
                Ok(said) => self.take_all(said),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if !is_going {
                return;
            }
            let now = self.clock.read();
            if now.elapsed_ms > ticked_at_ms {
                ticked_at_ms = now.elapsed_ms;
                self.node.step(now, Input::Tick);
            }
            let outputs = self.node.flush(now);
            outputs.into_iter().for_each(|output| self.put(output));
            self.note_events();
        }
    }

    /// Takes what was said and whatever else is there, within bounds; says whether to go on.
    fn take_all(&mut self, first: Said) -> bool {
        if !self.take(first) {
            return false;
        }
        for _ in 1..AT_ONCE {
            let Ok(said) = self.heard.try_recv() else { return true };
            if !self.take(said) {
                return false;
            }
        }
        true
    }

    /// Takes one thing that was said; says whether to go on.
    fn take(&mut self, said: Said) -> bool {
        let now = self.clock.read();
        match said {
            Said::Input(input) => self.node.step(now, *input),
            Said::Ask(_, sender) if self.asked.len() >= MOST_ASKED => {
                let _ = sender.send(Err(overrun()));
            }
            Said::Ask(request, sender) => {
                self.last_request += 1;
                let id = RequestId(self.last_request);
                self.asked.insert(id, sender);
                self.node.step(now, Input::Client { id, request: *request });
            }
            Said::Look(sender) => {
                let glance = Glance {
                    status: self.node.status(now),
                    counters: self.node.counters(),
                    events: self.events.iter().cloned().collect(),
                    migration_v2: self.node.catalog().lacking(now.wall.get()).is_none(),
                };
                let _ = sender.send(glance);
            }
            Said::Stop => return false,
        }
        true
    }

    fn put(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => self.peers.send(to, message),
            Output::Reply { id, response } => {
                if let Some(sender) = self.asked.remove(&id) {
                    // A client that has gone away needs no answer.
                    let _ = sender.send(response);
                }
            }
            Output::Work { id, work } => self.worker.begin(id, work),
            Output::Stopped { group, why } => tracing::error!(%group, %why, "a replica has stopped"),
        }
    }

    fn note_events(&mut self) {
        let events = self.node.events();
        for event in &events {
            tracing::info!(job = %event.job, event = ?event.kind, "split job");
        }
        self.events.extend(events);
        let surplus = self.events.len().saturating_sub(EVENTS);
        self.events.drain(..surplus);
    }
}

/// A thread for work on snapshots: one is enough, and leaves the other cores to requests.
struct Worker {
    works: Option<std::sync::mpsc::Sender<(u64, crate::work::Work)>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Worker {
    fn start(handle: Handle) -> std::io::Result<Worker> {
        let (works, taken) = std::sync::mpsc::channel::<(u64, crate::work::Work)>();
        let thread = std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            for (id, work) in taken {
                let result = work.run();
                // Unlike a message, a result isn't asked for again: it waits for its place.
                if handle.said.send(Said::Input(Box::new(Input::Worked { id, result }))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { works: Some(works), thread: Some(thread) })
    }

    fn begin(&mut self, id: u64, work: crate::work::Work) {
        if let Some(works) = &self.works {
            let _ = works.send((id, work));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.works = None;
        // The thread may be waiting for a place in the queue of a node that is gone: it ends when the queue does.
        drop(self.thread.take());
    }
}

/// The most that waits for a node's thread.
const QUEUE: usize = 16_384;
/// The most that one flush takes together.
const AT_ONCE: usize = 1_024;
/// The most requests of clients that a node has in hand.
const MOST_ASKED: usize = 16_384;
/// The migrator's events that are kept for the page.
const EVENTS: usize = 200;
