//! States and steps as values that can be told: for stories, traces and pages, never for the search.

use super::World;
use super::bounds::Side;
use super::component::{Answered, Message, Run, Wrong};
use super::memo::{Worker, side_of};
use super::state::{State, head_slot, run_slot, slot};
use splitjob_core::catalog::{Catalog, CatalogCommand};
use splitjob_core::group::{Group, GroupCommand};
use splitjob_core::id::{CatalogVersion, JobEpoch};
use splitjob_core::key::RawKey;
use splitjob_core::store::MemoryStore;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that a state says.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Routes and jobs.
    pub catalog: Arc<Catalog>,
    /// The group that the range leaves.
    pub source: GroupScene,
    /// The group that it moves to.
    pub target: GroupScene,
    /// The attempt of the job that each migrator holds.
    pub migrators: Vec<Option<JobEpoch>>,
    /// Messages under way, and whether each has arrived before.
    pub late: Vec<(Letter, bool)>,
    /// The version of each coordinator's routes, oldest first.
    pub coordinators: Vec<CatalogVersion>,
    /// Reads with pages to come: which, where, on which voter, and the key that the next page starts at.
    pub open_reads: Vec<OpenPage>,
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
}

/// A message of a migrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// To the default group, which keeps the catalog.
    Catalog(CatalogCommand),
    /// To a data group.
    Group(Side, GroupCommand),
}

/// A read with further pages to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPage {
    /// Which read of the scenario.
    pub read: u8,
    /// The group that serves it.
    pub side: Side,
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
    /// Up to where the source has collected old versions.
    pub collected_through: Timestamp,
    /// The greatest commit timestamp on the source when the job entered DELTA_COPY.
    pub fenced_through: Option<Timestamp>,
    /// What happened that must not.
    pub misdeeds: Vec<Misdeed>,
}

/// A read that was answered, or a page of one. Rows are keys and the commit timestamps of the versions shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadRecord {
    /// Which read of the scenario.
    pub read: u8,
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
    /// A group admitted a write to a key that the catalog gave to the other one.
    AdmittedByNonOwner {
        /// The key.
        key: RawKey,
        /// The group.
        side: Side,
    },
    /// A message that was late or repeated changed a group.
    LateMessageActed {
        /// The group.
        side: Side,
    },
    /// A request outside the moving range was refused because of the job.
    RefusedOutside {
        /// The key.
        key: RawKey,
    },
    /// The target admitted a commit timestamp that the source had fenced.
    AdmittedBelowFence {
        /// The key.
        key: RawKey,
        /// The timestamp.
        commit_ts: Timestamp,
    },
}

impl Scene {
    /// One of the groups.
    pub fn group(&self, side: Side) -> &GroupScene {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

impl World {
    /// What the state says.
    pub fn scene(&self, state: &State) -> Scene {
        let network = self.tables.networks.get(state[slot::NETWORK]);
        let coordinators = self.tables.coordinators.get(state[slot::COORDINATORS]);
        let open = self.tables.open_reads.get(state[slot::OPEN]);
        let open_page = |read: &super::component::OpenRead| OpenPage {
            read: read.read,
            side: read.side,
            voter: read.voter,
            next: read.next.clone(),
        };
        Scene {
            catalog: self.tables.catalogs.get(state[slot::CATALOG]),
            source: self.group_scene(state, Side::Source),
            target: self.group_scene(state, Side::Target),
            migrators: self.tables.controls.get(state[slot::CONTROL]).holders.clone(),
            late: network.late.iter().map(|late| (letter(&late.message), late.is_repeated)).collect(),
            coordinators: coordinators.copies.iter().map(|(version, _)| *version).collect(),
            open_reads: open.iter().map(open_page).collect(),
            record: self.record(state),
        }
    }

    fn group_scene(&self, state: &State, side: Side) -> GroupScene {
        let head = self.tables.groups.get(state[head_slot(side)]);
        let run = self.tables.runs.get(state[run_slot(side)]);
        let voters = 0..run.voters.len() as u8;
        let voter_scene = |voter| VoterScene {
            applied: self.tables.groups.get(self.applied(state, side, &run, voter)),
            ahead: run.ahead_of(voter).iter().map(|command| self.tables.commands.get(*command)).collect(),
        };
        GroupScene { leader: run.leader, head, voters: voters.map(voter_scene).collect() }
    }

    /// The number of the state that a voter has applied.
    pub(super) fn applied(&self, state: &State, side: Side, run: &Run, voter: u8) -> u32 {
        let at = run.voters[usize::from(voter)];
        if at.behind == 0 { state[head_slot(side)] } else { at.state }
    }

    fn record(&self, state: &State) -> Record {
        let history = self.tables.histories.get(state[slot::HISTORY]);
        let read_record = |answered: &Answered| ReadRecord {
            read: answered.read,
            from: answered.from.clone(),
            returned: answered.returned.clone(),
            expected: answered.expected.clone(),
            expected_since: history.expected(answered.read, answered.from.as_ref(), &self.bounds),
        };
        let mut written = BTreeMap::new();
        for (version, decided) in &history.decided {
            written.insert(version.clone(), decided.is_acked);
        }
        Record {
            versions: history.versions(&self.bounds),
            written,
            reads: history.reads.iter().map(read_record).collect(),
            collected_through: history.collected_through,
            fenced_through: history.fenced_through,
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
    pub fn owner_in(&self, scene: &Scene, key: &RawKey) -> Side {
        side_of(scene.catalog.routes().covering(&self.bounds.key(key).routes_as).group)
    }
}

pub(super) fn letter(message: &Message) -> Letter {
    match message {
        Message::Catalog(command) => Letter::Catalog(command.clone()),
        Message::Group(side, command) => Letter::Group(*side, command.clone()),
    }
}

fn misdeed(wrong: &Wrong) -> Misdeed {
    match wrong {
        Wrong::AdmittedByNonOwner { key, side } => Misdeed::AdmittedByNonOwner { key: key.clone(), side: *side },
        Wrong::LateMessageActed { side } => Misdeed::LateMessageActed { side: *side },
        Wrong::RefusedOutside { key } => Misdeed::RefusedOutside { key: key.clone() },
        Wrong::AdmittedBelowFence { key, commit_ts } => {
            Misdeed::AdmittedBelowFence { key: key.clone(), commit_ts: *commit_ts }
        }
    }
}
