//! The node's own calls: to whom each goes, how long it is waited for, and what no answer means.

use crate::desk::{Asked, CallId, Destination, Owner};
use crate::io::Now;
use splitjob_core::id::{GroupId, NodeId};
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::BTreeMap;

/// The calls under way.
#[derive(Default)]
pub(crate) struct Calls {
    open: BTreeMap<CallId, Open>,
    /// Who was last known to lead a group, where this node has no replica or no opinion.
    leaders: BTreeMap<GroupId, NodeId>,
}

struct Open {
    owner: Owner,
    to: Destination,
    /// Kept to be sent again; a proposal is kept only until it may have arrived, and large ones not at all.
    call: Option<Call>,
    is_proposal: bool,
    sent_to: Option<NodeId>,
    sent_at_ms: u64,
    deadline_ms: u64,
    /// Nobody was there: look again then.
    again_at_ms: Option<u64>,
    tries: u32,
}

/// A call that is to be sent now.
pub(crate) struct Outgoing {
    pub(crate) id: CallId,
    pub(crate) to: NodeId,
    pub(crate) call: Call,
}

/// An answer for one of the node's parts.
pub(crate) struct Answered {
    pub(crate) owner: Owner,
    pub(crate) id: CallId,
    pub(crate) answer: Result<Answer, CallError>,
}

/// Where to look for a leader: the local replica's word, and who may have one.
pub(crate) trait Leaders {
    /// The leader, as far as the local replica knows.
    fn leader(&self, group: GroupId) -> Option<NodeId>;
    /// Nodes that may have a replica of the group.
    fn members(&self, group: GroupId) -> Vec<NodeId>;
}

impl Calls {
    /// Begins a call.
    pub(crate) fn begin(&mut self, now: Now, asked: Asked, leaders: &dyn Leaders, out: &mut Vec<Outgoing>) {
        let Asked { id, owner, to, call, deadline_ms } = asked;
        let is_proposal =
            matches!(call, Call::Propose { .. } | Call::ProposeCatalog { .. } | Call::ChangeVoters { .. });
        let open = Open {
            owner,
            to,
            call: Some(call),
            is_proposal,
            sent_to: None,
            sent_at_ms: now.elapsed_ms,
            deadline_ms,
            again_at_ms: None,
            tries: 0,
        };
        self.open.insert(id, open);
        self.send(now, id, leaders, out);
    }

    fn send(&mut self, now: Now, id: CallId, leaders: &dyn Leaders, out: &mut Vec<Outgoing>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let to = match open.to {
            Destination::Node(node) => Some(node),
            Destination::Leader(group) => {
                // Every other try goes round the members: the word about the leader may be old.
                let known = leaders.leader(group).or_else(|| self.leaders.get(&group).copied());
                let members = leaders.members(group);
                let turn = (open.tries as usize / 2) % members.len().max(1);
                known.filter(|_| open.tries % 2 == 0).or_else(|| members.get(turn).copied())
            }
        };
        open.tries += 1;
        let Some(to) = to else {
            open.again_at_ms = Some(now.elapsed_ms + LOOK_AGAIN_MS);
            return;
        };
        let Some(call) = (if is_large(open.call.as_ref()) { open.call.take() } else { open.call.clone() }) else {
            return;
        };
        open.sent_to = Some(to);
        open.sent_at_ms = now.elapsed_ms;
        open.again_at_ms = None;
        out.push(Outgoing { id, to, call });
    }

    /// An answer has come; late and doubled ones are nobody's.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        id: CallId,
        answer: Result<Answer, CallError>,
        done: &mut Vec<Answered>,
    ) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if let (Destination::Leader(group), Err(CallError::NotLeader { .. } | CallError::NoReplica { .. })) =
            (open.to, &answer)
        {
            // Nothing was changed: it may be asked of another.
            let hint = match &answer {
                Err(CallError::NotLeader { leader }) => *leader,
                Ok(_) | Err(_) => None,
            };
            let is_news = hint.is_some() && hint != open.sent_to;
            match hint {
                Some(leader) => self.leaders.insert(group, leader),
                None => self.leaders.remove(&group),
            };
            if open.call.is_some() && now.elapsed_ms < open.deadline_ms {
                // An even number of tries asks the one that is named; at once, but not for ever.
                let wait_ms = if is_news && open.tries < MAX_AT_ONCE { 0 } else { LOOK_AGAIN_MS };
                open.tries += open.tries % 2;
                open.again_at_ms = Some(now.elapsed_ms + wait_ms);
                open.sent_to = None;
                return;
            }
        }
        if let (Destination::Leader(group), Some(node), Ok(_)) = (open.to, open.sent_to, &answer) {
            self.leaders.insert(group, node);
        }
        let open = self.open.remove(&id).expect("it was there just before");
        done.push(Answered { owner: open.owner, id, answer });
    }

    /// A node can't be reached: what was sent there may have arrived, or not.
    pub(crate) fn unreachable(&mut self, now: Now, node: NodeId, done: &mut Vec<Answered>) {
        self.leaders.retain(|_, leader| *leader != node);
        let met: Vec<CallId> =
            self.open.iter().filter(|(_, open)| open.sent_to == Some(node)).map(|(id, _)| *id).collect();
        for id in met {
            let open = self.open.get_mut(&id).expect("it was found just before");
            let can_repeat = !open.is_proposal && open.call.is_some() && matches!(open.to, Destination::Leader(_));
            if can_repeat {
                open.sent_to = None;
                open.again_at_ms = Some(now.elapsed_ms + LOOK_AGAIN_MS);
            } else {
                self.end(id, &format!("node {node} can't be reached"), done);
            }
        }
    }

    /// Time has passed: calls are given up, or looked after again.
    pub(crate) fn tend(&mut self, now: Now, leaders: &dyn Leaders, out: &mut Vec<Outgoing>, done: &mut Vec<Answered>) {
        let over: Vec<CallId> =
            self.open.iter().filter(|(_, open)| now.elapsed_ms >= open.deadline_ms).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.end(id, "no answer in time", done));
        let is_due = |open: &Open| match open.again_at_ms {
            Some(at_ms) => now.elapsed_ms >= at_ms,
            None => {
                let is_silent = now.elapsed_ms >= open.sent_at_ms + REPEAT_MS;
                is_silent && !open.is_proposal && matches!(open.to, Destination::Leader(_))
            }
        };
        let due: Vec<CallId> = self.open.iter().filter(|(_, open)| is_due(open)).map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.send(now, id, leaders, out));
    }

    /// Sends one call again, if it is due: it has just been told where to go.
    pub(crate) fn tend_one(&mut self, now: Now, id: CallId, leaders: &dyn Leaders, out: &mut Vec<Outgoing>) {
        let is_due = |open: &Open| open.again_at_ms.is_some_and(|at_ms| now.elapsed_ms >= at_ms);
        if self.open.get(&id).is_some_and(is_due) {
            self.send(now, id, leaders, out);
        }
    }

    fn end(&mut self, id: CallId, why: &str, done: &mut Vec<Answered>) {
        let Some(open) = self.open.remove(&id) else { return };
        let error = if open.is_proposal && open.sent_to.is_some() {
            CallError::Unknown { why: why.to_owned() }
        } else {
            CallError::Busy { what: why.to_owned(), retry_after_ms: LOOK_AGAIN_MS }
        };
        done.push(Answered { owner: open.owner, id, answer: Err(error) });
    }

    /// When [`Calls::tend`] has something to do, in milliseconds since the process began.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        let wakes = self.open.values().map(|open| open.again_at_ms.unwrap_or(open.deadline_ms));
        wakes.min()
    }
}

/// An import is made anew rather than kept.
fn is_large(call: Option<&Call>) -> bool {
    use splitjob_core::group::{GroupCommand, JobAction};
    match call {
        Some(Call::Propose { command: GroupCommand::Job(job), .. }) => matches!(job.action, JobAction::Import { .. }),
        Some(_) | None => false,
    }
}

/// Nobody leads: look again after so many milliseconds.
const LOOK_AGAIN_MS: u64 = 10;
/// A question that changes nothing is asked again after so many milliseconds.
const REPEAT_MS: u64 = 500;
const MAX_AT_ONCE: u32 = 6;
