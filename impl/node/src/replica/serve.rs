//! What a replica answers to calls: commands go into the log, reads wait until they may be answered.

use super::{Binding, Caller, Proposal, Replica, Reply, Unconfirmed};
use crate::io::Now;
use crate::raft::RaftError;
use crate::work::Work;
use splitjob_core::gate::Gates;
use splitjob_core::group::{BindRead, GroupCommand, ReadRequest, Rejection};
use splitjob_core::id::GroupId;
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::entry::{encode_catalog_command, encode_group_command};
use splitjob_wire::peer::{Answer, Call, CallError, LeaderView, VoterChange};

/// What serving calls brings: answers, and work to be done beside the node's thread.
#[derive(Default)]
pub(crate) struct Served {
    /// Answers that can be given as soon as the turn's changes are durable.
    pub(crate) replies: Vec<Reply>,
    /// Work for a group, and who gets what comes of it.
    pub(crate) work: Vec<(GroupId, Caller, Work)>,
}

impl Served {
    fn refuse(&mut self, caller: Caller, error: impl Into<CallError>) {
        self.replies.push((caller, Err(error.into())));
    }
}

impl Replica {
    /// Takes a call; its answer comes now or in a later turn.
    pub(crate) fn serve(&mut self, now: Now, caller: Caller, call: Call, served: &mut Served) {
        if let Some(why) = &self.stopped {
            return served.refuse(caller, CallError::Stopped { why: why.clone() });
        }
        match call {
            Call::Propose { command, stamped, .. } => self.propose(now, caller, command, stamped, served),
            Call::ProposeCatalog { command } => self.propose_data(caller, encode_catalog_command(&command), served),
            Call::Read { request, latest: false, .. } => self.read(caller, &request, served),
            Call::Report { job, range, .. } => match self.machine.data() {
                // Every page of a read is answered within one turn, so that none is running between turns (P8).
                Some(group) => served.replies.push((caller, Ok(Answer::Report(group.report(job, &range, 0))))),
                None => served.refuse(caller, CallError::NoReplica { group: self.group }),
            },
            Call::Read { request, latest: true, .. } => match self.serves_as_leader() {
                true => self.unbound.push((caller, request)),
                false => served.refuse(caller, self.not_leader()),
            },
            Call::Latest { .. } | Call::TxnStatus { .. } | Call::Observe { .. } | Call::Export(_) | Call::Digest(_) => {
                match self.serves_as_leader() {
                    true => self.unconfirmed.push(Unconfirmed::Call(caller, call)),
                    false => served.refuse(caller, self.not_leader()),
                }
            }
            Call::ChangeVoters { change, .. } => self.change_voters(caller, change, served),
            Call::TransferLeader { to, .. } => match self.raft.is_leader() {
                true => {
                    self.raft.transfer_leader(to);
                    served.replies.push((caller, Ok(Answer::Done)));
                }
                false => served.refuse(caller, self.not_leader()),
            },
        }
    }

    pub(super) fn not_leader(&self) -> CallError {
        CallError::NotLeader { leader: self.leader().filter(|leader| leader.0 != self.me.0) }
    }

    fn propose(&mut self, now: Now, caller: Caller, mut command: GroupCommand, stamped: bool, served: &mut Served) {
        if self.machine.data().is_none() {
            return served.refuse(caller, CallError::NoReplica { group: self.group });
        }
        if !self.serves_as_leader() {
            return served.refuse(caller, self.not_leader());
        }
        if !stamped {
            let ts = self.stamp(now);
            match &mut command {
                GroupCommand::Write(request) => request.commit_ts = ts,
                GroupCommand::DeletePrefix(request) => request.commit_ts = ts,
                GroupCommand::Txn(command) => command.commit_ts = ts,
                GroupCommand::BindRead(request) => request.read_ts = ts,
                GroupCommand::Adopt(_)
                | GroupCommand::Collect { .. }
                | GroupCommand::RaiseCeiling { .. }
                | GroupCommand::Job(_) => {}
            }
        }
        self.propose_data(caller, encode_group_command(&command), served);
    }

    /// A timestamp that this replica may persist: above everything that its group has committed, and, by the time it is
    /// applied, under the group's ceiling (T1, T3, T4).
    fn stamp(&mut self, now: Now) -> Timestamp {
        let group = self.machine.data().expect("only data groups have timestamps");
        let (floor, ceiling) = (group.clock_floor(), group.ceiling());
        // The greatest timestamp is never committed, so it can be followed.
        let _ = self.clock.observe(floor);
        let ts = self.clock.next(now.wall).expect("a 64-bit clock does not run out");
        if ts.physical() > ceiling.max(self.housekeeping.ceiling_asked) {
            // In the log before what needs it.
            self.raise_ceiling(ts.physical());
        }
        ts
    }

    /// Puts a command into the log.
    pub(super) fn propose_data(&mut self, caller: Caller, data: Vec<u8>, served: &mut Served) {
        if self.is_repeated(caller) {
            return;
        }
        if !self.serves_as_leader() {
            return served.refuse(caller, self.not_leader());
        }
        if self.proposals.len() >= MAX_PROPOSALS {
            return served.refuse(caller, busy("too many commands are under way"));
        }
        match self.raft.propose(data) {
            Ok(at) => {
                self.accept(caller);
                self.proposals.insert(at.index, Proposal { term: at.term, caller });
            }
            Err(error) => served.refuse(caller, self.refused(&error)),
        }
    }

    /// Whether the call is in the log already: the first one gets the answer.
    fn is_repeated(&self, caller: Caller) -> bool {
        match caller {
            Caller::Peer { node, id } => self.accepted.contains(&(node, id)),
            Caller::Local(_) | Caller::Nobody => false,
        }
    }

    fn accept(&mut self, caller: Caller) {
        if let Caller::Peer { node, id } = caller {
            self.accepted.insert((node, id));
            // Numbers of a node's calls ascend: its least are the oldest.
            let count = self.accepted.range((node, 0)..=(node, u64::MAX)).count();
            if count > REMEMBERED_CALLS
                && let Some(oldest) = self.accepted.range((node, 0)..).next().copied()
            {
                self.accepted.remove(&oldest);
            }
        }
    }

    fn change_voters(&mut self, caller: Caller, change: VoterChange, served: &mut Served) {
        if !self.serves_as_leader() {
            return served.refuse(caller, self.not_leader());
        }
        match self.raft.propose_change(change) {
            Ok(at) => {
                self.proposals.insert(at.index, Proposal { term: at.term, caller });
            }
            Err(error) => served.refuse(caller, self.refused(&error)),
        }
    }

    fn refused(&self, error: &RaftError) -> CallError {
        match error {
            RaftError::NotLeader => self.not_leader(),
            RaftError::Busy => busy("the log takes no more now"),
            RaftError::Broken(why) => CallError::Stopped { why: why.clone() },
        }
    }

    /// Any voter answers a read at a timestamp that its applied state is bound at (T5).
    fn read(&self, caller: Caller, request: &ReadRequest, served: &mut Served) {
        match self.machine.data() {
            Some(group) => {
                let rows = group.read(request, Gates::all());
                let answer = rows.map(|answer| Answer::Rows { answer, read_ts: request.read_ts });
                served.replies.push((caller, answer.map_err(CallError::from)));
            }
            None => served.refuse(caller, CallError::NoReplica { group: self.group }),
        }
    }

    /// The migrator asks for a moment at which the catalog here is the newest there is.
    pub(crate) fn confirm_catalog(&mut self, read: u64) {
        if self.serves_as_leader() {
            self.unconfirmed.push(Unconfirmed::Catalog(read));
        }
    }

    /// Asks once for all reads that came since the last turn whether this replica still leads.
    pub(super) fn confirm_reads(&mut self) {
        if self.unconfirmed.is_empty() || !self.serves_as_leader() {
            return;
        }
        self.last_context += 1;
        self.raft.read_index(self.last_context);
        self.confirming.insert(self.last_context, std::mem::take(&mut self.unconfirmed));
    }

    /// One bound serves all reads of the newest values that came since the last one: it lies above everything that was
    /// acknowledged when they came, since this replica's clock has observed all of it (T4, T5).
    pub(super) fn bind_reads(&mut self, now: Now, served: &mut Served) {
        if self.binding.is_some() || self.unbound.is_empty() || !self.serves_as_leader() {
            return;
        }
        let reads = std::mem::take(&mut self.unbound);
        let read_ts = self.stamp(now);
        let first = &reads[0].1;
        let bind = BindRead { footprint: first.footprint(), read_ts, routed_by: first.routed_by };
        match self.raft.propose(encode_group_command(&GroupCommand::BindRead(bind))) {
            Ok(at) => self.binding = Some(Binding { at, read_ts, reads }),
            Err(error) => {
                let error = self.refused(&error);
                served.replies.extend(reads.into_iter().map(|(caller, _)| (caller, Err(error.clone()))));
            }
        }
    }

    /// The bound's entry is applied: each read is answered, or asks anew if the refusal was another one's.
    pub(super) fn bound(&mut self, refusal: Option<Rejection>, served: &mut Served) {
        let Some(binding) = self.binding.take() else { return };
        let mut reads = binding.reads.into_iter();
        if let Some(refusal) = refusal {
            let (caller, _) = reads.next().expect("a bound is asked for by a read");
            served.refuse(caller, refusal);
            return self.unbound.extend(reads);
        }
        for (caller, mut request) in reads {
            request.read_ts = binding.read_ts;
            self.read(caller, &request, served);
        }
    }

    /// Answers a read that is known to be asked of the leader, from everything that it had applied then.
    pub(super) fn answer_confirmed(&mut self, caller: Caller, call: Call, served: &mut Served) {
        let Some(group) = self.machine.data() else {
            return served.refuse(caller, CallError::NoReplica { group: self.group });
        };
        let answer = match call {
            Call::Latest { request, .. } => {
                group.latest(&request, Gates::all()).map(Answer::Newest).map_err(CallError::from)
            }
            Call::TxnStatus { txn, routed_by, .. } => {
                group.txn_status(&txn, routed_by, Gates::all()).map(Answer::Txn).map_err(CallError::from)
            }
            Call::Observe { job, range, .. } => Ok(Answer::Observed(Box::new(LeaderView {
                status: group.status(job, &range, Gates::all()),
                report: group.report(job, &range, 0),
                configuration: self.configuration.voters.union(&self.configuration.voters_outgoing).copied().collect(),
            }))),
            // A deposed leader's rows would lack what its successor has admitted: so an export is confirmed too (P4).
            Call::Export(call) => match self.machine.store().view() {
                Ok(view) => {
                    let work = Work::Export { view, call: Box::new(call) };
                    return served.work.push((self.group, caller, work));
                }
                Err(error) => Err(CallError::Stopped { why: error.to_string() }),
            },
            Call::Digest(call) => self.digest(&call),
            Call::Propose { .. }
            | Call::ProposeCatalog { .. }
            | Call::Read { .. }
            | Call::Report { .. }
            | Call::ChangeVoters { .. }
            | Call::TransferLeader { .. } => unreachable!("only reads of a leader are confirmed"),
        };
        served.replies.push((caller, answer));
    }

    /// The office is lost: what waits for it learns so; what is in the log may still be applied.
    pub(super) fn lose_office(&mut self, served: &mut Served) {
        let error = self.not_leader();
        let confirming = std::mem::take(&mut self.confirming).into_values().flatten();
        let reads = std::mem::take(&mut self.unconfirmed).into_iter().chain(confirming);
        let reads = reads.filter_map(|read| match read {
            Unconfirmed::Call(caller, _) => Some(caller),
            // The migrator is told that its node doesn't lead any more.
            Unconfirmed::Catalog(_) => None,
        });
        let bound = self.binding.take().map(|binding| binding.reads).unwrap_or_default();
        let unbound = std::mem::take(&mut self.unbound).into_iter().chain(bound).map(|(caller, _)| caller);
        served.replies.extend(reads.chain(unbound).map(|caller| (caller, Err(error.clone()))));
        self.confirmed.clear();
        self.housekeeping.lose_office();
        self.stop_digests();
    }
}

/// The answer to what can't be taken now.
pub(super) fn busy(what: &str) -> CallError {
    CallError::Busy { what: what.to_owned(), retry_after_ms: RETRY_AFTER_MS }
}

/// So many calls of each node are remembered.
const REMEMBERED_CALLS: usize = 1_024;
/// The most commands of one replica that wait for being applied.
const MAX_PROPOSALS: usize = 4096;
const RETRY_AFTER_MS: u64 = 20;
