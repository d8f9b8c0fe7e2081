//! Messages to other nodes: to each one gRPC stream, kept open for as long as the node lives.
//!
//! A message is dropped where its queue is full, when the connection breaks, and while there is none: nothing relies on
//! any one of them (A2). The node hears of the last two, so that whoever waits for an answer needn't wait in vain.

use super::cut::Cut;
use super::runtime::{Handle, Peers};
use super::tls::causes;
use crate::io::Input;
use splitjob_core::id::NodeId;
use splitjob_wire::peer::PeerMessage;
use splitjob_wire::proto::PeerFrame;
use splitjob_wire::proto::internal_client::InternalClient;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

/// The queues to other nodes, for the node's thread.
pub(super) struct Transport {
    queues: BTreeMap<NodeId, mpsc::Sender<PeerMessage>>,
}

/// What waits in a queue, for the link that will carry it.
pub(super) struct Waiting {
    to: NodeId,
    queue: mpsc::Receiver<PeerMessage>,
}

impl Transport {
    /// A queue to each node, and what its link takes from.
    pub(super) fn new(nodes: impl IntoIterator<Item = NodeId>) -> (Transport, Vec<Waiting>) {
        let mut queues = BTreeMap::new();
        let mut waiting = Vec::new();
        for to in nodes {
            let (sender, queue) = mpsc::channel(QUEUE);
            queues.insert(to, sender);
            waiting.push(Waiting { to, queue });
        }
        (Transport { queues }, waiting)
    }
}

impl Peers for Transport {
    fn send(&mut self, to: NodeId, message: PeerMessage) {
        if let Some(queue) = self.queues.get(&to) {
            let _ = queue.try_send(message);
        }
    }
}

impl Waiting {
    /// The node that it is for.
    pub(super) fn to(&self) -> NodeId {
        self.to
    }

    /// Carries what is in the queue over one connection after another, until the queue's other end is gone.
    pub(super) async fn carry(self, from: NodeId, endpoint: Endpoint, handle: Handle, cut: Cut) {
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * 2);
        let link = Link { from, to: self.to, endpoint, handle, cut, queue: self.queue, told_at: None };
        link.keep().await;
    }
}

/// One direction between two nodes.
struct Link {
    from: NodeId,
    to: NodeId,
    endpoint: Endpoint,
    handle: Handle,
    cut: Cut,
    queue: mpsc::Receiver<PeerMessage>,
    /// When the node was last told that the other one can't be reached.
    told_at: Option<Instant>,
}

/// Why a link carries nothing now.
enum Down {
    /// The node is gone: there is nothing left to carry.
    Over,
    /// There was no connection.
    Unconnected(String),
    /// There was a connection since then, and it broke.
    Broken(Instant, String),
}

impl Link {
    async fn keep(mut self) {
        let mut pause = LEAST_PAUSE;
        loop {
            match self.try_carry().await {
                Down::Over => return,
                Down::Unconnected(why) => {
                    tracing::debug!(to = %self.to, why, "no connection to a node");
                    pause = (pause * 2).min(MOST_PAUSE);
                    if self.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                        self.tell();
                    }
                }
                Down::Broken(since, why) => {
                    tracing::info!(to = %self.to, why, "the connection to a node broke");
                    // One that is refused as soon as it is made is no better than none.
                    pause = if since.elapsed() > MOST_PAUSE { LEAST_PAUSE } else { (pause * 2).min(MOST_PAUSE) };
                    self.tell();
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Drops what waits, and tells the node that the other one can't be reached. What comes after that waits for the next
    /// connection, or for the next word like this one: a question is never lost without a word.
    fn tell(&mut self) {
        while self.queue.try_recv().is_ok() {}
        self.told_at = Some(Instant::now());
        self.handle.give(Input::Unreachable { node: self.to });
    }

    async fn try_carry(&mut self) -> Down {
        if self.queue.is_closed() {
            return Down::Over;
        }
        if self.is_cut() {
            return Down::Unconnected("the link is cut".to_owned());
        }
        let channel = match self.endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return Down::Unconnected(causes(&error)),
        };
        let (frames, sent) = mpsc::channel(FRAMES);
        let mut client = InternalClient::new(channel).max_encoding_message_size(MAX_FRAME_BYTES);
        let mut heard = match client.exchange(ReceiverStream::new(sent)).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Down::Unconnected(causes(&status)),
        };
        tracing::info!(to = %self.to, "connected to a node");
        let since = Instant::now();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                ended = heard.message() => match ended {
                    // The other end has its own stream to send by.
                    Ok(Some(_)) => {}
                    Ok(None) => return Down::Broken(since, "the other end closed it".to_owned()),
                    Err(status) => return Down::Broken(since, causes(&status)),
                },
                _ = self.cut.changed() => if self.is_cut() {
                    return Down::Broken(since, "the link was cut".to_owned());
                },
                count = self.queue.recv_many(&mut batch, AT_ONCE) => {
                    if count == 0 {
                        return Down::Over;
                    }
                    for frame in frames_of(self.from, batch.drain(..)) {
                        if frames.send(frame).await.is_err() {
                            return Down::Broken(since, "the stream ended".to_owned());
                        }
                    }
                }
            }
        }
    }

    fn is_cut(&self) -> bool {
        self.cut.borrow().contains(&self.to)
    }
}

/// The messages in frames of a reasonable size; one that no frame may hold is left out.
fn frames_of(from: NodeId, messages: impl Iterator<Item = PeerMessage>) -> Vec<PeerFrame> {
    let mut frames = Vec::new();
    let mut frame = PeerFrame { from: from.0, messages: Vec::new() };
    let mut bytes = 0;
    for message in messages {
        let message = message.encode();
        if message.len() > MAX_FRAME_BYTES - FRAME_OVERHEAD {
            tracing::error!(bytes = message.len(), "a message to another node is too long, and was not sent");
            continue;
        }
        if bytes > 0 && bytes + message.len() > FULL_FRAME_BYTES {
            frames.push(std::mem::replace(&mut frame, PeerFrame { from: from.0, messages: Vec::new() }));
            bytes = 0;
        }
        bytes += message.len();
        frame.messages.push(message);
    }
    if !frame.messages.is_empty() {
        frames.push(frame);
    }
    frames
}

/// The most messages that wait for one link.
const QUEUE: usize = 8_192;
/// The most messages that are taken together.
const AT_ONCE: usize = 512;
/// The most frames that wait for the connection.
const FRAMES: usize = 4;
/// A frame that is so long gets no further message.
const FULL_FRAME_BYTES: usize = 1 << 20;
const FRAME_OVERHEAD: usize = 64;
/// The longest frame: the longest message, and a margin for what it is wrapped in.
pub(super) const MAX_FRAME_BYTES: usize = crate::api::MAX_MESSAGE_BYTES + (1 << 20);
/// What may be under way on a stream before the receiver has taken it, in bytes.
pub(super) const STREAM_WINDOW: u32 = 8 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// A connection that is silent for two of these is broken.
const KEEP_ALIVE: Duration = Duration::from_millis(1_000);
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(1_000);
const TELL_EVERY: Duration = Duration::from_millis(1_000);
