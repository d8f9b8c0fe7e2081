//! What goes into a node and what comes out: nothing else connects it to the world.

use crate::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_core::id::{GroupId, NodeId};
use splitjob_core::timestamp::PhysicalMs;
use splitjob_wire::peer::PeerMessage;

/// The clocks of a node's host, read once for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: it may jump, and differs from node to node (A4).
    pub wall: PhysicalMs,
    /// Milliseconds since the process began: never falls.
    pub elapsed_ms: u64,
}

/// The number of a client's request; never used twice by one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What happens to a node.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most inputs are messages: a box for each would be the cost")]
pub enum Input {
    /// Time has passed; to be given at least every [`TICK_MS`].
    Tick,
    /// A message of another node.
    Peer {
        /// The sender.
        from: NodeId,
        /// What it says.
        message: PeerMessage,
    },
    /// A message to another node could not be sent.
    Unreachable {
        /// That node.
        node: NodeId,
    },
    /// A client asks; checked by [`ClientRequest::check`].
    Client {
        /// The request's number.
        id: RequestId,
        /// What it asks.
        request: ClientRequest,
    },
    /// Work that was given away is done.
    Worked {
        /// The work's number.
        id: u64,
        /// What came of it.
        result: crate::work::Worked,
    },
}

/// What a node wants done. Everything it says is durable by then.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most outputs are messages: a box for each would be the cost")]
pub enum Output {
    /// Send a message; it may get lost.
    Send {
        /// To this node, never to itself.
        to: NodeId,
        /// What it says.
        message: PeerMessage,
    },
    /// Answer a client.
    Reply {
        /// The request's number.
        id: RequestId,
        /// The answer.
        response: Result<ClientResponse, NodeError>,
    },
    /// Do this beside the node's thread, then give [`Input::Worked`].
    Work {
        /// The work's number.
        id: u64,
        /// What is to be done.
        work: crate::work::Work,
    },
    /// A replica can't go on: say so loudly.
    Stopped {
        /// Its group.
        group: GroupId,
        /// What is wrong.
        why: String,
    },
}

/// The longest time between two ticks, in milliseconds.
pub const TICK_MS: u64 = 20;
