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
use crate::explore::{Found, Memo, MemoIndex};

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

/// What a process looks at, and nothing else: up to eight components, two to a word.
type Seen = [u64; 4];

impl Process {
    /// The components that decide about the process's steps. One that is missing here would make the lists wrong; a
    /// test compares them with steps computed afresh.
    #[inline(always)]
    fn sees(self, state: &State) -> Seen {
        match self {
            Process::Migrators => pick(
                state,
                [
                    slot::CATALOG,
                    slot::SOURCE,
                    slot::SOURCE_RUN,
                    slot::TARGET,
                    slot::TARGET_RUN,
                    slot::CONTROL,
                    slot::NETWORK,
                    slot::OPEN,
                ],
            ),
            Process::Voters(side) => pick(state, [head_slot(side), run_slot(side), slot::CONTROL, slot::OPEN]),
            Process::Watchers => pick(state, [slot::CATALOG, slot::COORDINATORS]),
            Process::Adoption(side) => pick(state, [slot::CATALOG, head_slot(side), run_slot(side)]),
            Process::Splits => pick(state, [slot::CATALOG, slot::CONTROL]),
            Process::Collector => pick(state, [slot::CATALOG, slot::SOURCE, slot::SOURCE_RUN, slot::CONTROL]),
            Process::Clients(side) => pick(
                state,
                [slot::CATALOG, slot::COORDINATORS, slot::CLIENTS, slot::OPEN, head_slot(side), run_slot(side)],
            ),
        }
    }
}

#[inline(always)]
fn pick<const PLACES: usize>(state: &State, places: [usize; PLACES]) -> Seen {
    let mut seen = [0; 4];
    for (number, place) in places.into_iter().enumerate() {
        seen[number / 2] |= u64::from(state[place]) << (number % 2 * 32);
    }
    seen
}

/// The lists of steps that were computed, for each process by itself: small tables stay in the cache beside large ones.
#[derive(Default)]
pub(super) struct StepLists {
    of: [Memo<4>; PROCESSES.len()],
    /// The history after another and an event.
    histories: Memo<1>,
}

/// What one thread knows of them.
#[derive(Default)]
pub(super) struct Lists {
    of: [MemoIndex; PROCESSES.len()],
    histories: MemoIndex,
}

/// A step, as what it changes in the components that its process looks at.
#[derive(Clone, Copy, Debug)]
struct Change {
    label: u32,
    event: Option<EventId>,
    /// A bit for every component that changes.
    places: u32,
    values: [u32; MOST_CHANGED],
}

/// A step of one process changes no more components than this.
const MOST_CHANGED: usize = 7;

impl Change {
    /// As words of a list; how many there are depends on how much changes.
    fn write(&self, list: &mut Vec<u64>) {
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        list.push(join(self.label, self.event.map_or(0, |event| event + 1)));
        list.push(join(self.places, self.values[0]));
        let (pairs, _) = self.values[1..].as_chunks::<2>();
        list.extend(pairs.iter().take(self.places.count_ones() as usize / 2).map(|[low, high]| join(*low, *high)));
    }

    /// The change in this place of a list, and the place after it.
    #[inline(always)]
    fn read(index: &MemoIndex, list: Found, mut place: u32) -> (Change, u32) {
        let mut next = || {
            let word = index.word(list, place);
            place += 1;
            (word as u32, (word >> 32) as u32)
        };
        let ((label, event), (places, first)) = (next(), next());
        let mut values = [first; MOST_CHANGED];
        let (pairs, _) = values[1..].as_chunks_mut::<2>();
        for pair in pairs.iter_mut().take(places.count_ones() as usize / 2) {
            *pair = next().into();
        }
        (Change { label, event: event.checked_sub(1), places, values }, place)
    }

    fn between(before: &State, after: &State, action: Action, event: Option<EventId>) -> Change {
        let mut change = Change { label: action.label(), places: 0, values: [0; MOST_CHANGED], event };
        let changed = (0..SLOTS).filter(|place| before[*place] != after[*place]);
        for (value, place) in changed.enumerate() {
            change.places |= 1 << place;
            change.values[value] = after[place];
        }
        change
    }

    #[inline(always)]
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
    pub(super) fn each_step(&self, worker: &mut Worker, state: &State, step: &mut impl FnMut(u32, State)) {
        // All lists first: the processor then waits for memory once and not once for each process.
        let lists: [Option<Found>; PROCESSES.len()] = std::array::from_fn(|number| {
            self.tables.steps.of[number].find(&worker.lists.of[number], PROCESSES[number].sees(state))
        });
        for (number, list) in lists.into_iter().enumerate() {
            let list = list.unwrap_or_else(|| self.compute(worker, number, state));
            let mut place = 0;
            while place < list.len() {
                let (change, after) = Change::read(&worker.lists.of[number], list, place);
                place = after;
                let mut next = change.apply(state);
                if let Some(event) = change.event {
                    next[slot::HISTORY] = self.history_after(worker, state[slot::HISTORY], event);
                }
                step(change.label, next);
            }
        }
    }

    #[inline]
    fn history_after(&self, worker: &mut Worker, history: u32, event: EventId) -> u32 {
        let (memo, key) = (&self.tables.steps.histories, [u64::from(history) | u64::from(event) << 32]);
        let found = memo.find(&worker.lists.histories, key).unwrap_or_else(|| {
            let after = self.remember(worker, history, event);
            memo.learn(&mut worker.lists.histories, key, || vec![after.into()])
        });
        worker.lists.histories.word(found, 0) as u32
    }

    #[cold]
    fn compute(&self, worker: &mut Worker, number: usize, state: &State) -> Found {
        let process = PROCESSES[number];
        let mut index = std::mem::take(&mut worker.lists.of[number]);
        let list = self.tables.steps.of[number].learn(&mut index, process.sees(state), || {
            let mut list = Vec::new();
            let mut take = |action, after: State, event: Option<Event>| {
                let event = event.map(|event| self.tables.events.intern(event));
                Change::between(state, &after, action, event).write(&mut list);
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
            list
        });
        worker.lists.of[number] = index;
        list
    }
}
