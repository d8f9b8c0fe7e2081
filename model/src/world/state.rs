//! The packed state and the tables that its numbers point into.

use super::component::{Clients, Control, Coordinators, History, Message, Network, OpenRead, Run, Site};
use super::data_group::DataGroup;
use crate::explore::Interner;
use splitjob_core::catalog::Catalog;
use splitjob_core::group::{Group, GroupCommand, ReadAnswer, Rejection};
use splitjob_core::id::JobId;
use splitjob_core::job::ObservedGroup;
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::store::MemoryStore;
use splitjob_core::timestamp::Timestamp;
use std::hash::Hash;
use std::sync::Arc;

/// A state: for each component the number under which its value is interned.
pub type State = [u32; SLOTS];

/// How many components a state has.
pub(super) const SLOTS: usize = 9;

/// A data group of the model.
pub(super) type ModelGroup = Group<MemoryStore>;

/// Which place of a state holds which component.
pub(super) mod slot {
    use super::DataGroup;

    /// The catalog.
    pub(crate) const CATALOG: usize = 0;
    /// Migrators and budgets.
    pub(crate) const CONTROL: usize = 4;
    /// Messages under way.
    pub(crate) const NETWORK: usize = 5;
    /// The coordinators' routes.
    pub(crate) const COORDINATORS: usize = 6;
    /// What clients have done.
    pub(crate) const CLIENTS: usize = 7;
    /// What was decided and told.
    pub(crate) const HISTORY: usize = 8;

    /// A data group; the places of groups that a scenario doesn't have are idle.
    pub(crate) fn site(group: DataGroup) -> usize {
        group.place() + 1
    }
}

/// The values of one component type, each stored once.
pub(super) struct Table<T>(Interner<T>);

impl<T: Eq + Hash> Default for Table<T> {
    fn default() -> Self {
        Table(Interner::new())
    }
}

impl<T: Eq + Hash> Table<T> {
    /// The number of the value.
    pub(super) fn intern(&self, value: T) -> u32 {
        self.0.intern(value)
    }

    /// The value with this number, to be kept.
    pub(super) fn get(&self, id: u32) -> Arc<T> {
        Arc::clone(self.0.get(id))
    }

    /// The value with this number, to be looked at.
    pub(super) fn at(&self, id: u32) -> &T {
        self.0.get(id)
    }
}

/// A part of a client's read, as a coordinator sends it to one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    /// Which read of the scenario.
    pub(super) read: u8,
    /// The routing keys of the part.
    pub(super) part: KeyRange,
}

/// Every value that a state of this world refers to, each stored once.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) catalogs: Table<Catalog>,
    pub(super) sites: Table<Site>,
    pub(super) groups: Table<ModelGroup>,
    pub(super) runs: Table<Run>,
    pub(super) controls: Table<Control>,
    pub(super) networks: Table<Network>,
    pub(super) coordinators: Table<Coordinators>,
    pub(super) clients: Table<Clients>,
    pub(super) open_reads: Table<Vec<OpenRead>>,
    pub(super) histories: Table<History>,
    pub(super) routes: Table<splitjob_core::catalog::Routes>,
    pub(super) commands: Table<GroupCommand>,
    pub(super) messages: Table<Message>,
    pub(super) errands: Table<(JobId, KeyRange)>,
    pub(super) asks: Table<Ask>,
    pub(super) observed: Table<ObservedGroup>,
    pub(super) rejections: Table<Rejection>,
    pub(super) answers: Table<ReadAnswer>,
    pub(super) acked: Table<Vec<(RawKey, Timestamp)>>,
    pub(super) events: Table<super::history::Event>,
    pub(super) steps: super::process::StepLists,
}
