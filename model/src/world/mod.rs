//! The world: the core's state machines among voters that lag, messages that are late, doubled and lost, stale copies
//! of the routes, clients, and a second migrator.
//!
//! The world decides nothing that the core decides. It says who sees what and when.

mod action;
mod bounds;
mod claim;
mod client;
mod component;
mod environment;
pub mod happening;
mod history;
mod liveness;
mod memo;
mod migrator;
mod process;
mod property;
mod start;
mod state;
pub mod view;

pub use action::{Action, Delivery, KINDS};
pub use bounds::{
    Bounds, ClientRead, ClientWrite, Key, Look, Side, Start, deleted, deletes, put, reads, scans, ts, writes,
};
pub use claim::Claim;
pub use liveness::{Demand, Fairness, Liveness, Situation};
pub use memo::Worker;
pub use property::{Goal, Property};
pub use state::State;

use crate::explore::{Space, Successor};
use component::{Control, Coordinators, History, Network, RoutesId, Run};
use memo::{Request, SOURCE_GROUP, TARGET_GROUP, side_of};
use splitjob_core::catalog::{Catalog, CatalogLimits, CatalogRejection, Routes};
use splitjob_core::coordinator;
use splitjob_core::gate::{Gate, Gates};
use splitjob_core::group::{ApplyContext, Group, GroupCommand, Mutation, WriteRequest};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{MemoryStore, Row};
use state::{SLOTS, Tables, slot};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// How many steps of each kind were generated.
type StepsByKind = [u64; KINDS.len()];

/// The memo tables of one thread, which tell what they have counted when the thread is done.
pub struct Counting {
    worker: Worker,
    total: Arc<Mutex<StepsByKind>>,
}

impl Drop for Counting {
    fn drop(&mut self) {
        if let Ok(mut total) = self.total.lock() {
            for (sum, taken) in total.iter_mut().zip(self.worker.taken) {
                *sum += taken;
            }
        }
    }
}

/// A bounded world under a set of gates.
pub struct World {
    bounds: Bounds,
    gates: Gates,
    tables: Tables,
    first_routes: RoutesId,
    catalog_rejections: Mutex<BTreeSet<CatalogRejection>>,
    taken: Arc<Mutex<StepsByKind>>,
}

impl World {
    /// A world with these bounds, where these gates stand.
    pub fn new(bounds: Bounds, gates: Gates) -> World {
        let tables = Tables::default();
        let first_routes = tables.routes.intern(Routes::one(SOURCE_GROUP));
        World { bounds, gates, tables, first_routes, catalog_rejections: Mutex::default(), taken: Arc::default() }
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
    pub fn seen_by_users(state: &State) -> [u32; 4] {
        [state[slot::CATALOG], state[slot::SOURCE], state[slot::TARGET], state[slot::HISTORY]]
    }

    /// How many steps of each kind were generated since the world was made.
    pub fn steps_by_kind(&self) -> StepsByKind {
        *self.taken.lock().expect("no holder of this lock panics")
    }

    /// The enabled steps and the states that they lead to, in canonical order.
    pub fn steps(&self, worker: &mut Worker, state: &State) -> Vec<(Action, State)> {
        let mut steps = Vec::new();
        self.each_step(worker, state, &mut |label, next| {
            steps.push((Action::of_label(label).expect("every label is that of an action"), next));
        });
        steps
    }

    /// The state before anything has happened: no job, everything stored on the source, every copy of the routes fresh.
    fn at_rest(&self) -> State {
        let routes = Routes::one(SOURCE_GROUP);
        let groups = BTreeSet::from([SOURCE_GROUP, TARGET_GROUP]);
        let catalog = Catalog::new(SOURCE_GROUP, groups, CatalogLimits::default());
        let mut source = Group::new(SOURCE_GROUP, MemoryStore::default(), &routes);
        for Row { key, version } in &self.bounds.stored {
            let mutations = vec![Mutation { key: key.clone(), content: version.content.clone() }];
            let write = GroupCommand::Write(WriteRequest { mutations, commit_ts: version.commit_ts });
            source.apply(&write, &ApplyContext::production()).expect("a group at rest takes every write of a user key");
        }
        let target = Group::new(TARGET_GROUP, MemoryStore::default(), &routes);
        let copies = vec![(routes.version, self.first_routes); self.bounds.coordinators.into()];
        let tables = &self.tables;
        let mut state = [0; SLOTS];
        state[slot::CATALOG] = tables.catalogs.intern(catalog);
        state[slot::SOURCE] = tables.groups.intern(source);
        state[slot::SOURCE_RUN] = tables.runs.intern(Run::new(self.bounds.source_voters));
        state[slot::TARGET] = tables.groups.intern(target);
        state[slot::TARGET_RUN] = tables.runs.intern(Run::new(self.bounds.target_voters));
        state[slot::CONTROL] = tables.controls.intern(Control::new(&self.bounds));
        state[slot::NETWORK] = tables.networks.intern(Network { late: Vec::new(), holds_left: self.bounds.holds });
        state[slot::COORDINATORS] = tables.coordinators.intern(Coordinators { copies });
        state[slot::OPEN] = tables.open_reads.intern(Vec::new());
        state[slot::HISTORY] = tables.histories.intern(History::default());
        state
    }

    /// The routes that stand in this catalog.
    fn current_routes(&self, catalog: u32) -> RoutesId {
        self.tables.routes.intern(self.tables.catalogs.get(catalog).routes().clone())
    }

    /// Whether apply looks at a node's copy of the routes: only in the gap that shows why it must not.
    fn nodes_routes_matter(&self) -> bool {
        !self.gates.stands(Gate::ReplicatedOwnership)
    }

    /// Where these routes send a request; nothing if in parts, which the world's clients don't make.
    fn route(&self, routes: &Routes, request: Request) -> Option<Side> {
        let footprint = match request {
            Request::Write(write) => {
                let key = &self.bounds.writes[usize::from(write)].key;
                return Some(side_of(coordinator::route_point(routes, key).group));
            }
            Request::Read(read) => self.footprint(read),
        };
        match coordinator::route_range(routes, &footprint).as_slice() {
            [part] => Some(side_of(part.group)),
            _ => None,
        }
    }

    /// The routing keys that a read covers.
    fn footprint(&self, read: u8) -> KeyRange {
        match &self.bounds.reads[usize::from(read)].look {
            Look::Point(key) => KeyRange::point(&self.bounds.key(key).routes_as),
            Look::Scan { range, .. } => range.clone(),
        }
    }
}

impl Space for World {
    type State = State;
    type Worker = Counting;

    fn worker(&self) -> Counting {
        Counting { worker: Worker::default(), total: Arc::clone(&self.taken) }
    }

    fn initial(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn successors(&self, worker: &mut Counting, state: &State, out: &mut Vec<Successor<State>>) {
        let mut taken = worker.worker.taken;
        self.each_step(&mut worker.worker, state, &mut |label, next| {
            taken[(label >> 24) as usize] += 1;
            out.push(Successor { label, state: next });
        });
        worker.worker.taken = taken;
    }

    fn violations(&self, worker: &mut Counting, state: &State) -> u64 {
        self.violated(&mut worker.worker, state)
    }

    fn goals(&self, worker: &mut Counting, state: &State) -> u64 {
        self.reached(&mut worker.worker, state)
    }
}
