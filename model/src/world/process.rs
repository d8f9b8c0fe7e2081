//! Whose steps depend on what: the steps of each process are computed once for the components that it looks at.
//!
//! A state's steps are those of its processes. Most states differ from others only in components that a process doesn't
//! look at; its list of steps is then found, not computed.

use super::World;
use super::action::Action;
use super::bounds::Bounds;
use super::data_group::{DataGroup, Journey};
use super::history::Event;
use super::memo::{EventId, Worker};
use super::state::{SLOTS, State, slot};
use rustc_hash::FxHashMap;

/// Takes the steps of a process: what happens, the state after it but for its history, what the history remembers.
pub(super) type Steps<'a> = dyn FnMut(Action, State, Option<Event>) + 'a;

/// A part of the world that takes steps by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Process {
    /// Migrators at work on the job of one of the scenario's moves.
    Job(u8),
    /// Messages under way to the default group.
    LateToCatalog,
    /// Messages under way to a data group.
    LateTo(DataGroup),
    /// The voters of a group.
    Voters(DataGroup),
    /// The coordinators' watchers.
    Watchers,
    /// A group's watcher.
    Adoption(DataGroup),
    /// Whoever splits routes and starts jobs.
    Operator,
    /// A group's collector of old versions.
    Collector(DataGroup),
    /// Clients, as far as one group answers them.
    Clients(DataGroup),
    /// Clients of transactions, as far as one group answers them.
    Txns(DataGroup),
    /// Clients that give their transactions up.
    GivingUp,
    /// Resolvers of locks.
    Resolvers,
}

/// The numbers of the components that a process looks at; places that it doesn't need are zero.
type Seen = [u32; MOST_SEEN];

/// No process looks at more components than this.
const MOST_SEEN: usize = 6;

/// A process, and the components that decide about its steps.
#[derive(Clone, Copy, Debug)]
struct Watching {
    process: Process,
    slots: [usize; MOST_SEEN],
    count: usize,
}

impl Watching {
    fn new(process: Process, seen: &[usize]) -> Watching {
        let mut slots = [0; MOST_SEEN];
        slots[..seen.len()].copy_from_slice(seen);
        Watching { process, slots, count: seen.len() }
    }

    fn sees(&self, state: &State) -> Seen {
        let mut seen = [0; MOST_SEEN];
        for (place, slot) in seen.iter_mut().zip(&self.slots[..self.count]) {
            *place = state[*slot];
        }
        seen
    }
}

/// The processes of a world, in the order of their steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes(Vec<Watching>);

impl Processes {
    /// Those that the bounds let take steps, each with what it looks at. A component that is missing here would make the
    /// lists wrong; a test compares them with steps computed afresh.
    pub(super) fn of(bounds: &Bounds, journeys: &[Journey], nodes_routes_matter: bool) -> Processes {
        use slot::{CATALOG, CLIENTS, CONTROL, COORDINATORS, NETWORK, site};
        let groups = || bounds.groups();
        let mut list = Vec::new();
        let mut add = |process, seen: &[usize]| list.push(Watching::new(process, seen));
        for (index, journey) in journeys.iter().enumerate() {
            let seen = [CATALOG, site(journey.source), site(journey.target), CONTROL, NETWORK];
            add(Process::Job(index as u8), &seen);
        }
        if bounds.holds > 0 {
            add(Process::LateToCatalog, &[CATALOG, NETWORK]);
        }
        for group in groups().filter(|_| bounds.holds + bounds.txn_holds > 0) {
            // Without the gate, a node's copy of the routes decides what an entry does; the history asks whose a key is
            // when a transaction's step arrives.
            let seen = [site(group), NETWORK, CONTROL, CATALOG];
            let needs_catalog = nodes_routes_matter || bounds.txn_holds > 0;
            add(Process::LateTo(group), if needs_catalog { &seen } else { &seen[..3] });
        }
        for group in groups().filter(|group| bounds.voters_of(*group) > 1) {
            add(Process::Voters(group), &[site(group), CONTROL]);
        }
        if bounds.coordinators_watch {
            add(Process::Watchers, &[CATALOG, COORDINATORS]);
        }
        for group in groups().filter(|_| bounds.groups_watch) {
            add(Process::Adoption(group), &[CATALOG, site(group)]);
        }
        add(Process::Operator, &[CATALOG, CONTROL]);
        for group in groups().filter(|group| bounds.collections.iter().any(|one| one.group == *group)) {
            let seen = [site(group), CONTROL, CATALOG];
            add(Process::Collector(group), &seen);
        }
        for group in groups() {
            add(Process::Clients(group), &[CATALOG, COORDINATORS, CLIENTS, site(group)]);
        }
        for group in groups().filter(|_| !bounds.txns.is_empty()) {
            add(Process::Txns(group), &[CATALOG, COORDINATORS, CLIENTS, NETWORK, site(group)]);
        }
        if bounds.txns_are_given_up {
            add(Process::GivingUp, &[CLIENTS]);
        }
        if bounds.resolvers {
            let mut seen = vec![CATALOG, COORDINATORS, NETWORK];
            seen.extend(groups().map(site));
            add(Process::Resolvers, &seen);
        }
        Processes(list)
    }
}

/// The lists of steps that one thread has computed.
#[derive(Default)]
pub(super) struct Lists {
    found: FxHashMap<(u8, Seen), (u32, u32)>,
    changes: Vec<Change>,
}

/// A step, as what it changes in the components that its process looks at.
#[derive(Clone, Copy, Debug)]
struct Change {
    label: u32,
    /// A bit for every component that changes.
    places: u16,
    values: [u32; MOST_CHANGED],
    event: Option<EventId>,
}

/// A step of one process changes no more components than this.
const MOST_CHANGED: usize = 4;

impl Change {
    fn between(before: &State, after: &State, action: Action, event: Option<EventId>) -> Change {
        let mut change = Change { label: action.label(), places: 0, values: [0; MOST_CHANGED], event };
        let changed = (0..SLOTS).filter(|place| before[*place] != after[*place]);
        for (value, place) in changed.enumerate() {
            change.places |= 1 << place;
            change.values[value] = after[place];
        }
        change
    }

    fn apply(&self, state: &State) -> State {
        let mut after = *state;
        let mut places = self.places;
        for value in self.values {
            if places == 0 {
                break;
            }
            after[places.trailing_zeros() as usize] = value;
            places &= places - 1;
        }
        after
    }
}

impl World {
    /// Every step of the state, as its label and the state after it.
    pub(super) fn each_step(&self, worker: &mut Worker, state: &State, step: &mut dyn FnMut(u32, State)) {
        for (index, watching) in self.processes.0.iter().enumerate() {
            let key = (index as u8, watching.sees(state));
            let (start, end) = match worker.lists.found.get(&key) {
                Some(range) => *range,
                None => self.compute(worker, watching.process, key, state),
            };
            for change in start..end {
                let change = worker.lists.changes[change as usize];
                let mut after = change.apply(state);
                if let Some(event) = change.event {
                    after[slot::HISTORY] = self.remember(worker, state[slot::HISTORY], event);
                }
                step(change.label, after);
            }
        }
    }

    fn compute(&self, worker: &mut Worker, process: Process, key: (u8, Seen), state: &State) -> (u32, u32) {
        let mut changes = Vec::new();
        let mut take = |action, after: State, event: Option<Event>| {
            let event = event.map(|event| self.tables.events.intern(event));
            changes.push(Change::between(state, &after, action, event));
        };
        match process {
            Process::Job(index) => self.migrator_steps(worker, state, index, &mut take),
            Process::LateToCatalog => self.arrivals(worker, state, None, &mut take),
            Process::LateTo(group) => self.arrivals(worker, state, Some(group), &mut take),
            Process::Voters(group) => self.voter_steps(worker, state, group, &mut take),
            Process::Watchers => self.watches(state, &mut take),
            Process::Adoption(group) => self.adoption(worker, state, group, &mut take),
            Process::Operator => self.operator_steps(worker, state, &mut take),
            Process::Collector(group) => self.collections(worker, state, group, &mut take),
            Process::Clients(group) => self.client_steps(worker, state, group, &mut take),
            Process::Txns(group) => self.txn_steps(worker, state, group, &mut take),
            Process::GivingUp => self.give_up(state, &mut take),
            Process::Resolvers => self.resolver_steps(worker, state, &mut take),
        }
        let start = worker.lists.changes.len() as u32;
        worker.lists.changes.extend(changes);
        let range = (start, worker.lists.changes.len() as u32);
        worker.lists.found.insert(key, range);
        range
    }
}
