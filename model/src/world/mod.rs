//! The world: the core's state machines among voters that lag, messages that are late, doubled and lost, stale copies
//! of the routes, clients, and a second migrator.
//!
//! The world decides nothing that the core decides. It says who sees what and when.

mod action;
mod bounds;
mod claim;
mod client;
mod component;
mod data_group;
mod environment;
mod goals;
pub mod happening;
mod history;
mod judge;
mod liveness;
mod memo;
mod migrator;
mod process;
mod property;
mod start;
mod state;
mod txns;
pub mod view;

pub use action::{Action, Delivery, KINDS, TxnDelivery, TxnStep};
pub use bounds::{
    Bounds, ClientPrefixDelete, ClientRead, ClientTxn, ClientWrite, Collection, Key, Look, Move, Start, deleted,
    deletes, put, put_until, reads, scans, ts, writes, writes_at_clock, writes_until,
};
pub use claim::Claim;
pub use component::Fate;
pub use data_group::{DataGroup, Journey};
pub use judge::Leftover;
pub use liveness::{Demand, Fairness, Liveness, Situation};
pub use memo::Worker;
pub use property::{Goal, Property};
pub use state::State;

use crate::explore::{Space, Successor};
use component::{Clients, Control, Coordinators, History, Network, RoutesId, Run, Site};
use memo::Stored;
use process::{Processes, StepLists};
use splitjob_core::catalog::{Catalog, CatalogLimits, CatalogRejection};
use splitjob_core::gate::{Gate, Gates};
use splitjob_core::group::{ApplyContext, Group, GroupCommand, Mutation, WriteRequest};
use splitjob_core::store::{MemoryStore, Row};
use state::{SLOTS, Tables, slot};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// A bounded world under a set of gates.
pub struct World {
    bounds: Bounds,
    gates: Gates,
    journeys: Vec<Journey>,
    processes: Processes,
    tables: Tables,
    first_routes: RoutesId,
    catalog_rejections: Mutex<BTreeSet<CatalogRejection>>,
}

impl World {
    /// A world with these bounds, where these gates stand.
    pub fn new(bounds: Bounds, gates: Gates) -> World {
        let tables = Tables::default();
        let first_routes = tables.routes.intern(first_catalog(&bounds).routes().clone());
        let journeys = bounds.journeys();
        let processes = Processes::of(&bounds, &journeys, !gates.stands(Gate::ReplicatedOwnership));
        let catalog_rejections = Mutex::default();
        World { bounds, gates, journeys, processes, tables, first_routes, catalog_rejections }
    }

    /// The world's bounds.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The gates that stand.
    pub fn gates(&self) -> Gates {
        self.gates
    }

    /// The numbers of the components that users could tell something of: two states that agree in them look alike.
    pub fn seen_by_users(&self, state: &State) -> [u32; 5] {
        self.stored(state)
    }

    /// What is stored and told: catalog, leaders' states, history.
    fn stored(&self, state: &State) -> Stored {
        let mut stored = [state[slot::CATALOG], 0, 0, 0, state[slot::HISTORY]];
        for group in self.bounds.groups() {
            stored[slot::site(group)] = self.site(state, group).head;
        }
        stored
    }

    /// The enabled steps and the states that they lead to, in canonical order.
    pub fn steps(&self, worker: &mut Worker, state: &State) -> Vec<(Action, State)> {
        self.steps_by(&self.tables.steps, worker, state)
    }

    /// The same, computed without looking at what was computed before.
    pub fn steps_afresh(&self, state: &State) -> Vec<(Action, State)> {
        self.steps_by(&StepLists::default(), &mut Worker::default(), state)
    }

    fn steps_by(&self, lists: &StepLists, worker: &mut Worker, state: &State) -> Vec<(Action, State)> {
        let mut steps = Vec::new();
        self.each_step(lists, worker, state, &mut |label, next| {
            steps.push((Action::of_label(label).expect("every label is that of an action"), next));
        });
        steps
    }

    /// The state before anything has happened: no job, everything stored on group 1, every copy of the routes fresh.
    fn at_rest(&self) -> State {
        let tables = &self.tables;
        let catalog = first_catalog(&self.bounds);
        let copies = vec![(catalog.routes().version, self.first_routes); self.bounds.coordinators.into()];
        let open = tables.open_reads.intern(Vec::new());
        let mut state = [0; SLOTS];
        for group in self.bounds.groups() {
            let mut head = Group::new(group.id(), MemoryStore::default(), catalog.routes());
            for Row { key, version } in self.bounds.stored.iter().filter(|_| group == DataGroup::ONE) {
                let mutations = vec![Mutation { key: key.clone(), content: version.content.clone() }];
                let write =
                    GroupCommand::Write(WriteRequest { mutations, commit_ts: version.commit_ts, routed_by: None });
                let stored = head.apply(&write, &ApplyContext::production());
                stored.expect("a group at rest takes every write of a user key");
            }
            let head = tables.groups.intern(head);
            let run = tables.runs.intern(Run::new(self.bounds.voters_of(group)));
            state[slot::site(group)] = tables.sites.intern(Site { head, run, open });
        }
        state[slot::CATALOG] = tables.catalogs.intern(catalog);
        state[slot::CONTROL] = tables.controls.intern(Control::new(&self.bounds));
        state[slot::NETWORK] = tables.networks.intern(Network {
            late: Vec::new(),
            holds_left: self.bounds.holds,
            txn_holds_left: self.bounds.txn_holds,
        });
        state[slot::COORDINATORS] = tables.coordinators.intern(Coordinators { copies });
        state[slot::CLIENTS] = tables.clients.intern(Clients::new(&self.bounds));
        state[slot::HISTORY] = tables.histories.intern(History::default());
        state
    }

    /// The routes that stand in this catalog.
    fn current_routes(&self, catalog: u32) -> RoutesId {
        self.tables.routes.intern(self.tables.catalogs.at(catalog).routes().clone())
    }

    /// Whether apply looks at a node's copy of the routes: only in the gap that shows why it must not.
    fn nodes_routes_matter(&self) -> bool {
        !self.gates.stands(Gate::ReplicatedOwnership)
    }
}

/// The catalog at rest: every key on group 1, in the scenario's first routes.
fn first_catalog(bounds: &Bounds) -> Catalog {
    let groups = bounds.groups().map(DataGroup::id).collect::<BTreeSet<_>>();
    let limits = CatalogLimits { live_jobs: bounds.live_jobs, ..CatalogLimits::default() };
    let mut catalog = Catalog::new(DataGroup::ONE.id(), groups, limits);
    for at in &bounds.splits {
        let split = environment::split_command(&catalog, at);
        catalog.apply(&split, Gates::all()).expect("a scenario splits inside of ranges");
    }
    catalog
}

/// What is violated and what is reached in a state.
#[derive(Clone, Copy)]
pub(crate) struct Judgement {
    violated: u64,
    reached: u64,
}

impl World {
    /// Both at once: the explorer asks for them one after the other, and most neighbours differ in what nobody judges. A
    /// component that is judged and missing in the key would make it wrong; a test compares it with a fresh one.
    fn judgement(&self, worker: &mut Worker, state: &State) -> Judgement {
        use slot::{CATALOG, HISTORY, NETWORK};
        let [one, two, three] = DataGroup::ALL.map(|group| state[slot::site(group)]);
        let key = [[state[CATALOG], state[HISTORY]], [one, two], [three, state[NETWORK]]];
        let key = key.map(|[low, high]| u64::from(low) | u64::from(high) << 32);
        let mut judgements = std::mem::take(&mut worker.judgements);
        let judgement = judgements
            .get_or_insert_default()
            .get_or(key, || Judgement { violated: self.violated(worker, state), reached: self.reached(worker, state) });
        worker.judgements = judgements;
        judgement
    }
}

impl Space for World {
    type State = State;
    type Worker = Worker;

    fn worker(&self) -> Worker {
        Worker::default()
    }

    fn initial(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn successors(&self, worker: &mut Worker, state: &State, out: &mut Vec<Successor<State>>) {
        self.each_step(&self.tables.steps, worker, state, &mut |label, next| {
            out.push(Successor { label, state: next });
        });
    }

    /// The index in [`KINDS`].
    fn kind(&self, label: u32) -> usize {
        (label >> 24) as usize
    }

    fn violations(&self, worker: &mut Worker, state: &State) -> u64 {
        self.judgement(worker, state).violated
    }

    fn goals(&self, worker: &mut Worker, state: &State) -> u64 {
        self.judgement(worker, state).reached
    }
}
