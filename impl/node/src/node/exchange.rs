//! Who gets what: calls to replicas here and elsewhere, answers to the parts that asked, replies to clients.

use super::{Known, Node};
use crate::calls::{Answered, Outgoing};
use crate::desk::{CallId, DEFAULT_GROUP, Owner};
use crate::io::{Now, Output};
use crate::raft::RaftReady;
use crate::replica::{Caller, Turn};
use splitjob_core::id::GroupId;
use splitjob_store::LogBatch;
use splitjob_wire::peer::{Answer, Call, CallError, PeerMessage};

impl Node {
    /// Makes everything that came in durable, and says what is to be done.
    pub fn flush(&mut self, now: Now) -> Vec<Output> {
        for _ in 0..MAX_ROUNDS {
            let has_exchanged = self.exchange(now);
            let has_turned = self.turn(now);
            if !has_exchanged && !has_turned {
                break;
            }
        }
        std::mem::take(&mut self.outputs)
    }

    /// Everything that is said within the node reaches whom it is for; says whether there was anything.
    fn exchange(&mut self, now: Now) -> bool {
        let mut was_anything = false;
        loop {
            let asked = std::mem::take(&mut self.asked);
            let turn = std::mem::take(&mut self.turn);
            let reads = self.parts.migrator.wants_catalog_reads();
            let is_quiet = asked.is_empty() && turn.is_empty() && reads.is_empty();
            if is_quiet {
                break;
            }
            was_anything = true;
            let mut out = Vec::new();
            for one in asked {
                let known = Known { replicas: &self.replicas, config: &self.config };
                self.calls.begin(now, one, &known, &mut out);
            }
            self.make(now, out);
            if let Some(catalog) = self.replicas.get_mut(&DEFAULT_GROUP) {
                reads.into_iter().for_each(|read| catalog.confirm_catalog(read));
            }
            self.carry_out(now, turn);
        }
        for (id, response) in self.parts.coordinator.replies() {
            match &response {
                Ok(_) => self.counters.done += 1,
                Err(_) => self.counters.refused += 1,
            }
            self.outputs.push(Output::Reply { id, response });
        }
        was_anything
    }

    /// Makes calls: here at once, elsewhere by a message.
    pub(super) fn make(&mut self, now: Now, calls: Vec<Outgoing>) {
        for Outgoing { id, to, call } in calls {
            if to == self.config.node {
                self.serve(now, Caller::Local(id), call);
            } else {
                self.outputs.push(Output::Send { to, message: PeerMessage::Call { id: id.0, call } });
            }
        }
    }

    /// A call to a replica of this node.
    pub(super) fn serve(&mut self, now: Now, caller: Caller, call: Call) {
        let group = group_of(&call);
        match self.replicas.get_mut(&group) {
            Some(replica) => {
                let mut served = std::mem::take(&mut self.turn.served);
                replica.serve(now, caller, call, &mut served);
                self.turn.served = served;
            }
            None => self.turn.served.replies.push((caller, Err(CallError::NoReplica { group }))),
        }
    }

    /// What replicas have brought goes where it belongs.
    fn carry_out(&mut self, now: Now, turn: Turn) {
        for (to, message) in turn.sends {
            self.outputs.push(Output::Send { to, message });
        }
        for (caller, answer) in turn.served.replies {
            match caller {
                Caller::Peer { node, id } => {
                    self.outputs.push(Output::Send { to: node, message: PeerMessage::Answer { id, answer } });
                }
                Caller::Local(id) => self.take_answer(now, id, answer),
                Caller::Nobody => {}
            }
        }
        for (group, caller, work) in turn.served.work {
            self.last_work += 1;
            self.works.insert(self.last_work, (group, caller));
            self.outputs.push(Output::Work { id: self.last_work, work });
        }
        for read in turn.catalog_reads {
            self.with_desk(now, |parts, desk| parts.migrator.catalog_read(desk, read));
        }
        if turn.catalog_changed {
            self.learn_routes(now);
        }
    }

    /// An answer to a call of this node.
    pub(super) fn take_answer(&mut self, now: Now, id: CallId, answer: Result<Answer, CallError>) {
        let mut done = Vec::new();
        self.calls.answered(now, id, answer, &mut done);
        let mut out = Vec::new();
        let known = Known { replicas: &self.replicas, config: &self.config };
        self.calls.tend_one(now, id, &known, &mut out);
        self.make(now, out);
        self.deliver(now, done);
    }

    pub(super) fn deliver(&mut self, now: Now, done: Vec<Answered>) {
        for Answered { owner, id, answer } in done {
            self.with_desk(now, |parts, desk| match owner {
                Owner::Coordinator => parts.coordinator.answered(desk, id, answer),
                Owner::Migrator => parts.migrator.answered(desk, id, answer),
                Owner::Housekeeping => {}
            });
        }
    }

    /// The routes are others: groups that this node leads follow them, and whoever waits for them goes on.
    fn learn_routes(&mut self, now: Now) {
        let routes = self.catalog().routes().clone();
        for replica in self.replicas.values_mut() {
            replica.follow(now, &routes);
        }
        self.with_desk(now, |parts, desk| {
            parts.coordinator.woken(desk);
            parts.migrator.woken(desk);
        });
    }

    /// One turn of all replicas, with one durable write for their logs; says whether there was anything.
    fn turn(&mut self, now: Now) -> bool {
        let mut batch = self.carried.take().unwrap_or_else(|| self.log.batch());
        let mut begun: Vec<(GroupId, RaftReady)> = Vec::new();
        for (group, replica) in &mut self.replicas {
            begun.extend(replica.begin_turn(now, &mut batch, &mut self.turn).map(|ready| (*group, ready)));
        }
        if begun.is_empty() {
            if !batch.is_empty() {
                self.carried = Some(batch);
            }
            return false;
        }
        if !batch.is_empty() {
            if let Err(error) = self.log.commit(batch) {
                let why = format!("the log can't be written: {error}");
                self.replicas.values_mut().for_each(|replica| replica.damaged(why.clone()));
                return true;
            }
            self.counters.turns += 1;
        }
        let mut next = self.log.batch();
        for (group, ready) in begun {
            self.end_turn_of(now, group, ready, &mut next);
        }
        self.carried = Some(next).filter(|batch| !batch.is_empty());
        true
    }

    fn end_turn_of(&mut self, now: Now, group: GroupId, ready: RaftReady, batch: &mut LogBatch) {
        let mut turn = std::mem::take(&mut self.turn);
        let replica = self.replicas.get_mut(&group).expect("the turn was begun by it");
        let was_stopped = replica.stopped().is_some();
        replica.end_turn(now, ready, batch, &mut turn);
        if let Some(why) = replica.stopped().filter(|_| !was_stopped) {
            self.outputs.push(Output::Stopped { group, why: why.to_owned() });
        }
        self.turn = turn;
        self.tell_migrator(now);
    }

    /// The migrator works where the default group is led.
    pub(super) fn tell_migrator(&mut self, now: Now) {
        let leads = self.replicas[&DEFAULT_GROUP].serves_as_leader();
        if leads != self.tending.leads {
            self.tending.leads = leads;
            self.with_desk(now, |parts, desk| parts.migrator.lead(desk, leads));
        }
    }
}

fn group_of(call: &Call) -> GroupId {
    match call {
        Call::ProposeCatalog { .. } => DEFAULT_GROUP,
        Call::Propose { group, .. }
        | Call::Read { group, .. }
        | Call::Latest { group, .. }
        | Call::TxnStatus { group, .. }
        | Call::Observe { group, .. }
        | Call::Report { group, .. }
        | Call::ChangeVoters { group, .. }
        | Call::TransferLeader { group, .. } => *group,
        Call::Export(call) => call.group,
        Call::Digest(call) => call.group,
    }
}

/// A flush ends after so many rounds though more may follow: what is said must be sent at some time.
const MAX_ROUNDS: usize = 16;
