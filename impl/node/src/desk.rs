//! What the deciding parts of a node see and whom they can ask: the coordinator, the migrator and the housekeeping.

use crate::io::Now;
use splitjob_core::catalog::{Catalog, Routes};
use splitjob_core::clock::HybridClock;
use splitjob_core::id::{GroupId, NodeId};
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::peer::Call;

/// The number of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Whom a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// The leader of a group, whoever that is: found, and looked for anew until the call's time is over.
    Leader(GroupId),
    /// A certain node.
    Node(NodeId),
}

/// Who gets the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The coordinator.
    Coordinator,
    /// The migrator.
    Migrator,
    /// The housekeeping.
    Housekeeping,
}

/// A call that is to be made.
#[derive(Debug)]
pub struct Asked {
    /// Its number.
    pub id: CallId,
    /// Who gets the answer.
    pub owner: Owner,
    /// Whom it is for.
    pub to: Destination,
    /// The question.
    pub call: Call,
    /// When it is given up, in milliseconds since the process began. A proposal that was sent by then has an unknown
    /// outcome; everything else has changed nothing.
    pub deadline_ms: u64,
}

/// What a deciding part is lent for one step.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The time.
    pub now: Now,
    /// The node.
    pub node: NodeId,
    /// The catalog as far as this node has applied it: perhaps old.
    pub catalog: &'a Catalog,
    /// The clock of this node's coordinator: for what is not persisted by it, so it has no ceiling.
    pub clock: &'a mut HybridClock,
    /// Calls to be made; an answer comes later, through the part's `answered`, exactly once for each.
    pub asked: &'a mut Vec<Asked>,
    /// The last call's number.
    pub last_call: &'a mut u64,
}

impl Desk<'_> {
    /// The routes as far as this node knows them.
    pub fn routes(&self) -> &Routes {
        self.catalog.routes()
    }

    /// Asks, and names the call by which the answer will come.
    pub fn ask(&mut self, owner: Owner, to: Destination, call: Call, patience_ms: u64) -> CallId {
        *self.last_call += 1;
        let id = CallId(*self.last_call);
        self.asked.push(Asked { id, owner, to, call, deadline_ms: self.now.elapsed_ms + patience_ms });
        id
    }

    /// A timestamp above all that this node has issued or observed.
    pub fn next_ts(&mut self) -> Timestamp {
        self.clock.next(self.now.wall).expect("a 64-bit clock does not run out")
    }

    /// Lets every later timestamp of this node be greater.
    pub fn observe(&mut self, ts: Timestamp) {
        // The greatest timestamp can't be followed, and no group hands it out.
        let _ = self.clock.observe(ts);
    }
}

/// The group of the catalog and the jobs; no range belongs to it.
pub const DEFAULT_GROUP: GroupId = GroupId(0);
