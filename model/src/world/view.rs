//! States and steps as values that can be told: for stories, traces and pages, never for the search.

use super::World;
use super::component::{Answered, Fate, Message, Wrong};
use super::data_group::DataGroup;
use super::memo::Worker;
use super::state::{State, slot};
use splitjob_core::catalog::{Catalog, CatalogCommand};
use splitjob_core::group::{Group, GroupCommand};
use splitjob_core::id::{CatalogVersion, JobEpoch, JobId};
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::store::MemoryStore;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Progress;
use splitjob_core::version::Content;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that a state says.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Routes and jobs.
    pub catalog: Arc<Catalog>,
    /// The data groups, by number.
    pub groups: BTreeMap<DataGroup, GroupScene>,
    /// Of each job, the migrator that wrote its record last, and the attempt that it holds.
    pub holders: BTreeMap<JobId, (u8, JobEpoch)>,
    /// Messages under way, and whether each has arrived before.
    pub late: Vec<(Letter, bool)>,
    /// The version of each coordinator's routes, oldest first.
    pub coordinators: Vec<CatalogVersion>,
    /// Reads with pages to come: which, where, on which voter, and the key that the next page starts at.
    pub open_reads: Vec<OpenPage>,
    /// How far each transaction of the scenario has come on each of its keys, as its client knows.
    pub progress: Vec<Vec<Progress>>,
    /// What was decided and told.
    pub record: Record,
}

/// A data group: its leader's state, and how far the others are.
#[derive(Clone, Debug)]
pub struct GroupScene {
    /// The voter that leads.
    pub leader: u8,
    /// The state of the leader, who has applied everything.
    pub head: Arc<Group<MemoryStore>>,
    /// Every voter.
    pub voters: Vec<VoterScene>,
}

/// A voter of a group.
#[derive(Clone, Debug)]
pub struct VoterScene {
    /// What it has applied.
    pub applied: Arc<Group<MemoryStore>>,
    /// What it has still to apply, oldest first.
    pub ahead: Vec<Arc<GroupCommand>>,
    /// Whether it was removed from the configuration.
    pub is_removed: bool,
    /// Whether it was added and has nothing yet; `applied` is then what it will have at first.
    pub is_new: bool,
}

/// A message of a migrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// To the default group, which keeps the catalog.
    Catalog(CatalogCommand),
    /// To a data group.
    Group(DataGroup, GroupCommand),
}

/// A read with further pages to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPage {
    /// Which read of the scenario.
    pub read: u8,
    /// The part of it that is served.
    pub part: KeyRange,
    /// The group that serves it.
    pub group: DataGroup,
    /// The voter that serves it.
    pub voter: u8,
    /// Where the next page starts.
    pub next: RawKey,
}

/// What was ever decided and told to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Every version that was ever decided, those stored from the start included.
    pub versions: BTreeMap<(RawKey, Timestamp), Content>,
    /// Versions that clients wrote: whether the client got the answer.
    pub written: BTreeMap<(RawKey, Timestamp), bool>,
    /// Reads that were answered.
    pub reads: Vec<ReadRecord>,
    /// Of each key, up to where old versions have been collected.
    pub collected: BTreeMap<RawKey, Timestamp>,
    /// The greatest commit timestamp that each job's source held when the write fence was applied.
    pub fenced_through: BTreeMap<JobId, Timestamp>,
    /// What became of each transaction of the scenario that has begun.
    pub txns: BTreeMap<u8, Fate>,
    /// What happened that must not.
    pub misdeeds: Vec<Misdeed>,
}

/// A read that was answered, or a page of one. Rows are keys and the commit timestamps of the versions shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadRecord {
    /// Which read of the scenario.
    pub read: u8,
    /// The part of it that was answered.
    pub part: KeyRange,
    /// Where the page started; absent for the first.
    pub from: Option<RawKey>,
    /// What it returned.
    pub returned: Vec<(RawKey, Timestamp)>,
    /// What it should have returned, by all versions that had been decided then.
    pub expected: Vec<(RawKey, Timestamp)>,
    /// What it should have returned, by all versions that are decided at this moment.
    pub expected_since: Vec<(RawKey, Timestamp)>,
}

/// An event that violates a property by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misdeed {
    /// A group admitted a write to a key that the catalog gave to another one.
    AdmittedByNonOwner {
        /// The key.
        key: RawKey,
        /// The group.
        group: DataGroup,
    },
    /// A message that was late or repeated changed a group.
    LateMessageActed {
        /// The group.
        group: DataGroup,
    },
    /// A request outside the ranges of all jobs was refused because of one.
    RefusedOutside {
        /// The routing keys that it asked for.
        footprint: KeyRange,
    },
    /// A group told a version of a key as its newest, and it wasn't (S4).
    StaleLatest {
        /// The raw key.
        key: RawKey,
        /// The group.
        group: DataGroup,
    },
    /// A target admitted a commit timestamp that the source had fenced.
    AdmittedBelowFence {
        /// The key.
        key: RawKey,
        /// The timestamp.
        commit_ts: Timestamp,
        /// The target.
        group: DataGroup,
    },
}

impl Scene {
    /// One of the groups.
    pub fn group(&self, group: DataGroup) -> &GroupScene {
        &self.groups[&group]
    }
}

impl World {
    /// What the state says.
    pub fn scene(&self, state: &State) -> Scene {
        let network = self.tables.networks.at(state[slot::NETWORK]);
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
        let control = self.tables.controls.at(state[slot::CONTROL]);
        let holders = control.holders.iter().map(|(job, holder)| (*job, (holder.migrator, holder.epoch)));
        Scene {
            catalog: self.tables.catalogs.get(state[slot::CATALOG]),
            groups: self.bounds.groups().map(|group| (group, self.group_scene(state, group))).collect(),
            holders: holders.collect(),
            late: network.late.iter().map(|late| (letter(&late.message), late.is_repeated)).collect(),
            coordinators: coordinators.copies.iter().map(|(version, _)| *version).collect(),
            open_reads: self.bounds.groups().flat_map(|group| self.open_pages(state, group)).collect(),
            progress: self.tables.clients.at(state[slot::CLIENTS]).txns.clone(),
            record: self.record(state),
        }
    }

    fn open_pages(&self, state: &State, group: DataGroup) -> Vec<OpenPage> {
        let open = self.tables.open_reads.at(self.site(state, group).open);
        open.iter().map(|read| open_page(group, read)).collect()
    }

    fn group_scene(&self, state: &State, group: DataGroup) -> GroupScene {
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        let voters = 0..run.voters.len() as u8;
        let voter_scene = |voter| VoterScene {
            applied: self.tables.groups.get(run.applied(voter, site.head)),
            ahead: run.ahead_of(voter).iter().map(|command| self.tables.commands.get(*command)).collect(),
            is_removed: run.voters[usize::from(voter)].is_removed,
            is_new: run.voters[usize::from(voter)].is_new,
        };
        let head = self.tables.groups.get(site.head);
        GroupScene { leader: run.leader, head, voters: voters.map(voter_scene).collect() }
    }

    fn record(&self, state: &State) -> Record {
        let history = self.tables.histories.at(state[slot::HISTORY]);
        let read_record = |answered: &Answered| ReadRecord {
            read: answered.read,
            part: answered.part.clone(),
            from: answered.from.clone(),
            returned: answered.returned.clone(),
            expected: answered.expected.clone(),
            expected_since: history.expected(answered.read, &answered.part, answered.from.as_ref(), &self.bounds),
        };
        let mut written = BTreeMap::new();
        for (version, decided) in &history.decided {
            written.insert(version.clone(), decided.is_acked);
        }
        Record {
            versions: history.versions(&self.bounds),
            written,
            reads: history.reads.iter().map(read_record).collect(),
            collected: history.collected.clone(),
            txns: history.txns.clone(),
            fenced_through: history.fenced.iter().map(|(job, fenced)| (*job, fenced.through)).collect(),
            misdeeds: history.wrongs.iter().map(misdeed).collect(),
        }
    }

    /// The first state of the scenario.
    pub fn first_state(&self) -> State {
        self.start()
    }

    /// The goals that the state reaches, in their order.
    pub fn reached_goals(&self, worker: &mut Worker, state: &State) -> Vec<super::Goal> {
        let reached = self.reached(worker, state);
        super::Goal::ALL.iter().copied().filter(|goal| reached & goal.bit() != 0).collect()
    }

    /// The properties that the state violates, in their order.
    pub fn violated_properties(&self, worker: &mut Worker, state: &State) -> Vec<super::Property> {
        let violated = self.violated(worker, state);
        super::Property::ALL.iter().copied().filter(|property| violated & property.bit() != 0).collect()
    }

    /// The group that the catalog of the scene gives the key to.
    pub fn owner_in(&self, scene: &Scene, key: &RawKey) -> DataGroup {
        DataGroup::of(scene.catalog.routes().covering(&self.bounds.key(key).routes_as).group)
    }

    /// What is left of an ended job on a group of the scene.
    pub fn leftover_in(&self, scene: &Scene, group: DataGroup) -> Option<super::Leftover> {
        self.leftovers(&scene.catalog, group, &scene.group(group).head)
    }
}

pub(super) fn open_page(group: DataGroup, read: &super::component::OpenRead) -> OpenPage {
    OpenPage { read: read.read, part: read.part.clone(), group, voter: read.voter, next: read.next.clone() }
}

pub(super) fn letter(message: &Message) -> Letter {
    match message {
        Message::Catalog(command) => Letter::Catalog(command.clone()),
        Message::Group(group, command) => Letter::Group(*group, command.clone()),
    }
}

fn misdeed(wrong: &Wrong) -> Misdeed {
    match wrong {
        Wrong::AdmittedByNonOwner { key, group } => Misdeed::AdmittedByNonOwner { key: key.clone(), group: *group },
        Wrong::LateMessageActed { group } => Misdeed::LateMessageActed { group: *group },
        Wrong::RefusedOutside { footprint } => Misdeed::RefusedOutside { footprint: footprint.clone() },
        Wrong::StaleLatest { key, group } => Misdeed::StaleLatest { key: key.clone(), group: *group },
        Wrong::AdmittedBelowFence { key, commit_ts, group } => {
            Misdeed::AdmittedBelowFence { key: key.clone(), commit_ts: *commit_ts, group: *group }
        }
    }
}
