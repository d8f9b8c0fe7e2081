//! The components of a state that are not the core's own: logs and voters, migrators, messages, coordinators, clients,
//! history. All are small values, equal when they mean the same.

use super::bounds::{Bounds, ClientTxn};
use super::data_group::DataGroup;
use splitjob_core::catalog::CatalogCommand;
use splitjob_core::group::GroupCommand;
use splitjob_core::id::{CatalogVersion, JobEpoch, JobId};
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Progress;
use splitjob_core::version::Content;
use std::collections::{BTreeMap, BTreeSet};

/// The identifier of an interned group state.
pub(super) type GroupStateId = u32;
/// The identifier of an interned group command.
pub(super) type CommandId = u32;
/// The identifier of interned routes.
pub(super) type RoutesId = u32;

/// Everything that belongs to one data group, as the numbers of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site {
    /// The group's state, as its leader has it.
    pub(super) head: GroupStateId,
    /// Its log and voters.
    pub(super) run: u32,
    /// The reads with pages to come on its voters.
    pub(super) open: u32,
}

/// The log of a group and its voters' positions in it.
///
/// The leader has applied everything; its state is a component of its own. A follower that has applied everything has
/// the leader's state, and keeps none here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Run {
    /// The voter that leads.
    pub(super) leader: u8,
    /// The entries that the slowest follower has not applied, oldest first.
    pub(super) entries: Vec<CommandId>,
    /// By voter; the leader's place is idle.
    pub(super) voters: Vec<Voter>,
    /// Two voters that applied the same entries differed (S5).
    pub(super) has_diverged: bool,
}

/// A follower's position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Voter {
    /// How many entries it has still to apply.
    pub(super) behind: u8,
    /// Its applied state while it is behind, or since it was removed; else 0.
    pub(super) state: GroupStateId,
    /// It is no longer in the configuration: no entry reaches it, and it doesn't know why (A5).
    pub(super) is_removed: bool,
    /// It was added and has nothing yet; what its place says is what it will have at first (A5).
    pub(super) is_new: bool,
}

impl Voter {
    /// A voter that has just been added.
    const NEW: Voter = Voter { behind: 0, state: 0, is_removed: false, is_new: true };

    /// Whether it has what the leader has.
    pub(super) fn is_current(&self) -> bool {
        self.behind == 0 && !self.is_removed
    }
}

impl Run {
    /// The state that the voter has applied, given the leader's.
    pub(super) fn applied(&self, voter: u8, head: GroupStateId) -> GroupStateId {
        let at = self.voters[usize::from(voter)];
        if at.is_current() { head } else { at.state }
    }

    /// The voters of the configuration.
    pub(super) fn members(&self) -> impl Iterator<Item = u8> {
        (0..self.voters.len() as u8).filter(|voter| !self.voters[usize::from(*voter)].is_removed)
    }

    /// The voters that were removed.
    pub(super) fn removed(&self) -> impl Iterator<Item = u8> {
        (0..self.voters.len() as u8).filter(|voter| self.voters[usize::from(*voter)].is_removed)
    }

    /// A voter more, which will start from a snapshot of what the leader has applied.
    pub(super) fn with_one_more(&self) -> Run {
        let mut run = self.clone();
        run.voters.push(Voter::NEW);
        run
    }

    /// A voter that was removed is one again, from a snapshot of what the leader has applied.
    pub(super) fn with_again(&self, voter: u8) -> Run {
        let mut run = self.clone();
        run.voters[usize::from(voter)] = Voter::NEW;
        run
    }

    /// The follower is removed from the configuration.
    pub(super) fn without(&self, voter: u8, head: GroupStateId) -> Run {
        let mut run = self.clone();
        let is_new = run.voters[usize::from(voter)].is_new;
        run.voters[usize::from(voter)] =
            Voter { behind: 0, state: self.applied(voter, head), is_removed: true, is_new };
        run.trim();
        run
    }

    pub(super) fn new(voters: u8) -> Run {
        Run { voters: vec![Voter::default(); voters.into()], ..Run::default() }
    }

    /// The log has one more entry; the leader has applied it, the others have not.
    pub(super) fn append(&self, entry: CommandId, before: GroupStateId) -> Run {
        let mut run = self.clone();
        if run.members().count() == 1 {
            return run;
        }
        run.entries.push(entry);
        let leader = usize::from(run.leader);
        let followers = run.voters.iter_mut().enumerate().filter(|(voter, at)| *voter != leader && !at.is_removed);
        for (_, at) in followers {
            if at.behind == 0 {
                at.state = before;
            }
            at.behind = at.behind.checked_add(1).expect("a log of more than 255 entries: the bounds are too wide");
        }
        run
    }

    /// The entries that the voter has still to apply, oldest first.
    pub(super) fn ahead_of(&self, voter: u8) -> &[CommandId] {
        let behind = usize::from(self.voters[usize::from(voter)].behind);
        &self.entries[self.entries.len() - behind..]
    }

    /// The voter has this state, and so many entries still to apply.
    pub(super) fn advance(&self, voter: u8, behind: u8, state: GroupStateId, head: GroupStateId) -> Run {
        let mut run = self.clone();
        run.has_diverged |= behind == 0 && state != head;
        let state = if behind == 0 { 0 } else { state };
        run.voters[usize::from(voter)] = Voter { behind, state, is_removed: false, is_new: false };
        run.trim();
        run
    }

    pub(super) fn lead(&self, voter: u8) -> Run {
        let mut run = self.clone();
        run.voters[usize::from(voter)] = Voter::default();
        run.leader = voter;
        run.trim();
        run
    }

    fn trim(&mut self) {
        let slowest = self.voters.iter().map(|voter| usize::from(voter.behind)).max().unwrap_or(0);
        self.entries.drain(..self.entries.len() - slowest);
    }
}

/// Who migrates, and what is left of the budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Control {
    /// Of each job, the migrator that wrote its record last, and the attempt that it holds.
    pub(super) holders: BTreeMap<JobId, Holder>,
    /// How many of the scenario's moves have been started.
    pub(super) started: u8,
    pub(super) takeovers_left: u8,
    pub(super) splits_left: u8,
    pub(super) leader_changes_left: u8,
    pub(super) restarts_left: u8,
    pub(super) additions_left: u8,
    pub(super) removals_left: u8,
    pub(super) looks_left: u8,
    /// What a migrator has seen, while it hasn't seen all that it decides by.
    pub(super) look: Option<Look>,
    pub(super) abandons_left: u8,
    pub(super) retries_left: u8,
    pub(super) overdue_left: u8,
    pub(super) downgrades_left: u8,
    /// Which collections have been made.
    pub(super) collected: u8,
    /// The newest attempt of each job of which each group has applied a command.
    pub(super) newest_epoch: BTreeMap<(DataGroup, JobId), JobEpoch>,
}

/// What a migrator saw when it began to look; what it sees later is of another moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) job: JobId,
    pub(super) migrator: u8,
    /// The attempt that it held.
    pub(super) holds: JobEpoch,
    pub(super) catalog: u32,
    /// Source and target, as the numbers of their sites.
    pub(super) sites: [u32; 2],
}

/// The migrator that holds a job's attempt; nobody does if the record has a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Holder {
    pub(super) migrator: u8,
    pub(super) epoch: JobEpoch,
}

impl Control {
    pub(super) fn new(bounds: &Bounds) -> Control {
        Control {
            holders: BTreeMap::new(),
            started: 0,
            takeovers_left: bounds.takeovers,
            splits_left: bounds.splits_elsewhere,
            leader_changes_left: bounds.leader_changes,
            restarts_left: bounds.restarts,
            additions_left: bounds.additions,
            removals_left: bounds.removals,
            looks_left: bounds.looks,
            look: None,
            abandons_left: bounds.abandons,
            retries_left: bounds.retries,
            overdue_left: bounds.overdue,
            downgrades_left: bounds.downgrades,
            collected: 0,
            newest_epoch: BTreeMap::new(),
        }
    }
}

/// How far the clients have come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Clients {
    /// Of each write of the scenario.
    pub(super) writes: Vec<WriteStatus>,
    /// Of each read of the scenario, the routing keys that no answer has covered yet, in order.
    pub(super) reads: Vec<Vec<KeyRange>>,
    /// Of each transaction of the scenario, how far each of its keys has come.
    pub(super) txns: Vec<Vec<Progress>>,
    /// Of each prefix delete of the scenario, the routing keys that it has not reached yet, in order.
    pub(super) prefix_deletes: Vec<Vec<KeyRange>>,
    /// Which of the scenario's questions for the newest version have been answered.
    pub(super) latest: u8,
}

/// What a client knows of its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WriteStatus {
    /// It has not been accepted yet.
    NotYet,
    /// It was accepted, and the answer got lost: the client may ask for the same again.
    Unsure,
    /// The client was told that it is accepted.
    Done,
    /// Asked again, a group refused it for good: the client will never know.
    GivenUp,
}

impl Clients {
    pub(super) fn new(bounds: &Bounds) -> Clients {
        let reads = bounds.reads.iter().map(|read| vec![read.footprint(bounds)]).collect();
        let unsent = |txn: &ClientTxn| vec![Progress::Unsent; txn.mutations.len()];
        Clients {
            writes: vec![WriteStatus::NotYet; bounds.writes.len()],
            reads,
            txns: bounds.txns.iter().map(unsent).collect(),
            prefix_deletes: bounds.prefix_deletes.iter().map(|_| vec![KeyRange::all()]).collect(),
            latest: 0,
        }
    }

    /// The clients after one has been told about its write, or not.
    pub(super) fn with_write(&self, write: u8, status: WriteStatus) -> Clients {
        let mut clients = self.clone();
        clients.writes[usize::from(write)] = status;
        clients
    }

    /// The clients after one knows how far its transaction has come on a key.
    pub(super) fn with_progress(&self, txn: u8, key: usize, progress: Progress) -> Clients {
        let mut clients = self.clone();
        clients.txns[usize::from(txn)][key] = progress;
        clients
    }

    /// The clients after a part of a prefix delete has been done.
    pub(super) fn with_deleted(&self, delete: u8, part: &KeyRange) -> Clients {
        let mut clients = self.clone();
        let left = &mut clients.prefix_deletes[usize::from(delete)];
        *left = left.iter().flat_map(|range| without(range, part)).collect();
        clients
    }

    /// The clients after one has got the answer to a part of its read.
    pub(super) fn with_answer(&self, read: u8, part: &KeyRange) -> Clients {
        let mut clients = self.clone();
        let left = &mut clients.reads[usize::from(read)];
        *left = left.iter().flat_map(|range| without(range, part)).collect();
        clients
    }
}

/// What is left of a range without a part of it.
fn without(range: &KeyRange, part: &KeyRange) -> Vec<KeyRange> {
    if !range.intersects(part) {
        return vec![range.clone()];
    }
    let before = range.split_at(part.start()).map(|(before, _)| before);
    let after = part.end().and_then(|end| range.split_at(end)).map(|(_, after)| after);
    before.into_iter().chain(after).collect()
}

/// A message of a migrator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Message {
    /// To the default group.
    Catalog(CatalogCommand),
    /// To a data group.
    Group(DataGroup, GroupCommand),
}

impl Message {
    /// Whether it is a client's or a resolver's.
    pub(super) fn is_of_txn(&self) -> bool {
        matches!(self, Message::Group(_, GroupCommand::Txn(_)))
    }

    /// The data group that it goes to; nothing if to the default group.
    pub(super) fn to(&self) -> Option<DataGroup> {
        match self {
            Message::Catalog(_) => None,
            Message::Group(group, _) => Some(*group),
        }
    }
}

/// The messages that are under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network {
    /// In the order of their contents: the order of sending means nothing.
    pub(super) late: Vec<Late>,
    pub(super) holds_left: u8,
    pub(super) txn_holds_left: u8,
}

/// A message that arrives some time, or never.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Late {
    pub(super) message: Message,
    /// The same message has arrived before: this one must change nothing (S10).
    pub(super) is_repeated: bool,
}

impl Network {
    pub(super) fn with(&self, message: Message, is_repeated: bool) -> Network {
        let mut network = self.clone();
        let left = if message.is_of_txn() { &mut network.txn_holds_left } else { &mut network.holds_left };
        *left -= 1;
        network.late.push(Late { message, is_repeated });
        network.late.sort();
        network
    }

    pub(super) fn without(&self, index: usize) -> Network {
        let mut network = self.clone();
        network.late.remove(index);
        network
    }

    /// The message has arrived: equal ones under way are repetitions from now on.
    pub(super) fn after_arrival(&self, message: &Message) -> Network {
        let mut network = self.clone();
        for late in network.late.iter_mut().filter(|late| late.message == *message) {
            late.is_repeated = true;
        }
        network.late.sort();
        network
    }
}

/// The coordinators' copies of the routes, oldest first: which coordinator holds which means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Coordinators {
    pub(super) copies: Vec<(CatalogVersion, RoutesId)>,
}

impl Coordinators {
    pub(super) fn watch(&self, coordinator: usize, version: CatalogVersion, routes: RoutesId) -> Coordinators {
        let mut copies = self.copies.clone();
        copies[coordinator] = (version, routes);
        copies.sort_by_key(|(version, _)| *version);
        Coordinators { copies }
    }
}

/// A read with further pages to come: the voter keeps its range pinned (P8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OpenRead {
    pub(super) read: u8,
    /// The part of it that the voter serves.
    pub(super) part: KeyRange,
    pub(super) voter: u8,
    /// Where the next page starts.
    pub(super) next: RawKey,
}

/// What was ever decided and told to clients: the only thing that client properties speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct History {
    /// Versions that a group's log has accepted, beyond those stored from the start.
    pub(super) decided: BTreeMap<(RawKey, Timestamp), Decided>,
    /// Reads that were answered.
    pub(super) reads: BTreeSet<Answered>,
    /// Of each key, the greatest timestamp through which its owner has collected old versions.
    pub(super) collected: BTreeMap<RawKey, Timestamp>,
    /// What became of each transaction of the scenario.
    pub(super) txns: BTreeMap<u8, Fate>,
    /// What each job had fenced when its write fence was applied, or when the delta's bounds were read.
    pub(super) fenced: BTreeMap<JobId, Fenced>,
    /// What happened that must not.
    pub(super) wrongs: BTreeSet<Wrong>,
}

/// What became of a transaction, by what the groups' logs did and told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fate {
    /// Its primary committed.
    pub committed: bool,
    /// It was rolled back.
    pub rolled_back: bool,
    /// Some key of it was written.
    pub written: bool,
    /// Its client, or one that asked again, was told that it committed.
    pub told_committed: bool,
    /// Its client was told that it did not, or that nobody knows.
    pub told_otherwise: bool,
    /// It took a key that had been written after it began.
    pub overwrote: bool,
}

impl Fate {
    /// It ended in two ways, was written in part without having committed, was told otherwise, or committed over a version
    /// that it had not seen (S6).
    pub fn is_torn(&self) -> bool {
        if self.committed {
            self.rolled_back || self.told_otherwise || self.overwrote
        } else {
            self.written || self.told_committed
        }
    }
}

/// A version that a log has accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Decided {
    pub(super) content: Content,
    pub(super) group: DataGroup,
    pub(super) is_acked: bool,
}

/// What a job had fenced when its write fence was applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fenced {
    pub(super) range: KeyRange,
    pub(super) target: DataGroup,
    /// The greatest commit timestamp that its source held.
    pub(super) through: Timestamp,
}

/// A read, what it returned, and what it should have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Answered {
    pub(super) read: u8,
    /// The part of it that was answered.
    pub(super) part: KeyRange,
    /// Where the page started.
    pub(super) from: Option<RawKey>,
    pub(super) returned: Vec<(RawKey, Timestamp)>,
    /// By all versions that had been decided then.
    pub(super) expected: Vec<(RawKey, Timestamp)>,
}

/// An event that violates a property by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wrong {
    /// S4: a group admitted a write to a key that the catalog gave to another group at that moment.
    AdmittedByNonOwner { key: RawKey, group: DataGroup },
    /// S10: a message that was late or repeated had an effect.
    LateMessageActed { group: DataGroup },
    /// S11: a request outside every moving range was refused because of a job.
    RefusedOutside { footprint: KeyRange },
    /// S4: a group told a version of a key as its newest, and it wasn't.
    StaleLatest { key: RawKey, group: DataGroup },
    /// S12: a target admitted a commit timestamp that the source had fenced.
    AdmittedBelowFence { key: RawKey, commit_ts: Timestamp, group: DataGroup },
}
