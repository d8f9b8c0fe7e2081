//! The packed state and the tables that its numbers point into.

use super::bounds::Side;
use super::component::{Control, Coordinators, History, Message, Network, OpenRead, Run};
use crate::explore::Interner;
use splitjob_core::catalog::Catalog;
use splitjob_core::group::{Group, GroupCommand, ReadAnswer, Rejection};
use splitjob_core::job::ObservedGroup;
use splitjob_core::store::MemoryStore;
use std::hash::Hash;
use std::sync::Arc;

/// A state: for each component the number under which its value is interned; clients are packed as they are.
pub type State = [u32; SLOTS];

/// How many components a state has.
pub(super) const SLOTS: usize = 11;

/// A data group of the model.
pub(super) type ModelGroup = Group<MemoryStore>;

/// Which place of a state holds which component.
pub(super) mod slot {
    /// The catalog.
    pub(crate) const CATALOG: usize = 0;
    /// The source's state, as its leader has it.
    pub(crate) const SOURCE: usize = 1;
    /// The source's log and voters.
    pub(crate) const SOURCE_RUN: usize = 2;
    /// The target's state, as its leader has it.
    pub(crate) const TARGET: usize = 3;
    /// The target's log and voters.
    pub(crate) const TARGET_RUN: usize = 4;
    /// Migrators and budgets.
    pub(crate) const CONTROL: usize = 5;
    /// Messages under way.
    pub(crate) const NETWORK: usize = 6;
    /// The coordinators' routes.
    pub(crate) const COORDINATORS: usize = 7;
    /// What clients have done, a bit each: writes in the lower half, reads in the upper.
    pub(crate) const CLIENTS: usize = 8;
    /// Reads with pages to come.
    pub(crate) const OPEN: usize = 9;
    /// What was decided and told.
    pub(crate) const HISTORY: usize = 10;
}

/// The place of a group's leader state.
pub(super) fn head_slot(side: Side) -> usize {
    match side {
        Side::Source => slot::SOURCE,
        Side::Target => slot::TARGET,
    }
}

/// The place of a group's log and voters.
pub(super) fn run_slot(side: Side) -> usize {
    match side {
        Side::Source => slot::SOURCE_RUN,
        Side::Target => slot::TARGET_RUN,
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

    /// The value with this number.
    pub(super) fn get(&self, id: u32) -> Arc<T> {
        Arc::clone(self.0.get(id))
    }
}

/// Every value that a state of this world refers to, each stored once.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) catalogs: Table<Catalog>,
    pub(super) groups: Table<ModelGroup>,
    pub(super) runs: Table<Run>,
    pub(super) controls: Table<Control>,
    pub(super) networks: Table<Network>,
    pub(super) coordinators: Table<Coordinators>,
    pub(super) open_reads: Table<Vec<OpenRead>>,
    pub(super) histories: Table<History>,
    pub(super) routes: Table<splitjob_core::catalog::Routes>,
    pub(super) commands: Table<GroupCommand>,
    pub(super) messages: Table<Message>,
    pub(super) observed: Table<ObservedGroup>,
    pub(super) rejections: Table<Rejection>,
    pub(super) answers: Table<ReadAnswer>,
    pub(super) events: Table<super::history::Event>,
    pub(super) steps: super::process::StepLists,
}
