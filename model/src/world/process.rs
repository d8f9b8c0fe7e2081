//! Whose steps depend on what: the steps of each process are computed once for the components that it looks at.
//!
//! A state's steps are those of its processes. Most states differ from others only in components that a process doesn't
//! look at; its list of steps is then found, not computed.

use super::World;
use super::action::Action;
use super::bounds::Side;
use super::history::Event;
use super::memo::{EventId, Worker};
use super::state::{SLOTS, State, head_slot, run_slot, slot};
use rustc_hash::FxHashMap;

/// Takes the steps of a process: what happens, the state after it but for its history, what the history remembers.
pub(super) type Steps<'a> = dyn FnMut(Action, State, Option<Event>) + 'a;

/// A part of the world that takes steps by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Process {
    /// Migrators and their messages.
    Migrators,
    /// The voters of a group.
    Voters(Side),
    /// The coordinators' watchers.
    Watchers,
    /// A group's watcher.
    Adoption(Side),
    /// Whoever splits other ranges.
    Splits,
    /// The source's collector of old versions.
    Collector,
    /// Clients, as far as one group answers them.
    Clients(Side),
}

/// Every process, in the order of their steps.
const PROCESSES: [Process; 10] = [
    Process::Migrators,
    Process::Voters(Side::Source),
    Process::Voters(Side::Target),
    Process::Watchers,
    Process::Adoption(Side::Source),
    Process::Adoption(Side::Target),
    Process::Splits,
    Process::Collector,
    Process::Clients(Side::Source),
    Process::Clients(Side::Target),
];

/// What a process looks at, and nothing else: up to so many components.
type Seen = [u32; 8];

impl Process {
    /// The components that decide about the process's steps. One that is missing here would make the lists wrong; a
    /// test compares them with steps computed afresh.
    fn sees(self, state: &State) -> Seen {
        let pick = |slots: &[usize]| {
            let mut seen = [0; 8];
            for (place, slot) in seen.iter_mut().zip(slots) {
                *place = state[*slot];
            }
            seen
        };
        match self {
            Process::Migrators => pick(&[
                slot::CATALOG,
                slot::SOURCE,
                slot::SOURCE_RUN,
                slot::TARGET,
                slot::TARGET_RUN,
                slot::CONTROL,
                slot::NETWORK,
                slot::OPEN,
            ]),
            Process::Voters(side) => pick(&[head_slot(side), run_slot(side), slot::CONTROL, slot::OPEN]),
            Process::Watchers => pick(&[slot::CATALOG, slot::COORDINATORS]),
            Process::Adoption(side) => pick(&[slot::CATALOG, head_slot(side), run_slot(side)]),
            Process::Splits => pick(&[slot::CATALOG, slot::CONTROL]),
            Process::Collector => pick(&[slot::CATALOG, slot::SOURCE, slot::SOURCE_RUN, slot::CONTROL]),
            Process::Clients(side) => {
                pick(&[slot::CATALOG, slot::COORDINATORS, slot::CLIENTS, slot::OPEN, head_slot(side), run_slot(side)])
            }
        }
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
const MOST_CHANGED: usize = 6;

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
        for (index, process) in PROCESSES.iter().enumerate() {
            let key = (index as u8, process.sees(state));
            let (start, end) = match worker.lists.found.get(&key) {
                Some(range) => *range,
                None => self.compute(worker, *process, key, state),
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
            Process::Migrators => self.migrator_steps(worker, state, &mut take),
            Process::Voters(side) => self.voter_steps(worker, state, side, &mut take),
            Process::Watchers => self.watches(state, &mut take),
            Process::Adoption(side) => self.adoption(worker, state, side, &mut take),
            Process::Splits => self.splits(worker, state, &mut take),
            Process::Collector => self.collections(worker, state, &mut take),
            Process::Clients(side) => self.client_steps(worker, state, side, &mut take),
        }
        let start = worker.lists.changes.len() as u32;
        worker.lists.changes.extend(changes);
        let range = (start, worker.lists.changes.len() as u32);
        worker.lists.found.insert(key, range);
        range
    }
}
