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
use crate::explore::{Found, Memo, MemoIndex};

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

/// The numbers of the components that a process looks at, two to a word.
type Seen = [u64; SEEN_WORDS];

/// No process looks at more components than this.
const MOST_SEEN: usize = 6;

/// Words that hold so many numbers.
const SEEN_WORDS: usize = MOST_SEEN.div_ceil(2);

/// A process, the components that decide about its steps, and the lists of steps that were found for them. Each has a
/// table of its own: small tables stay in the cache beside large ones.
struct Watching {
    process: Process,
    /// Those that are left over repeat the first.
    slots: [[usize; 2]; SEEN_WORDS],
    lists: Memo<SEEN_WORDS>,
}

impl Watching {
    fn new(process: Process, seen: &[usize]) -> Watching {
        assert!(seen.len() <= MOST_SEEN, "{process:?} looks at {} components", seen.len());
        let slot = |place: usize| seen.get(place).copied().unwrap_or(seen[0]);
        let slots = std::array::from_fn(|word| [slot(2 * word), slot(2 * word + 1)]);
        Watching { process, slots, lists: Memo::new() }
    }

    #[inline]
    fn sees(&self, state: &State) -> Seen {
        self.slots.map(|[low, high]| u64::from(state[low]) | u64::from(state[high]) << 32)
    }
}

/// The processes of a world, in the order of their steps.
#[derive(Default)]
pub(super) struct Processes {
    watching: Vec<Watching>,
    /// The history after another and an event.
    histories: Memo<1>,
}

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
        Processes { watching: list, histories: Memo::new() }
    }
}

/// What one thread knows of the lists.
#[derive(Default)]
pub(super) struct Lists {
    /// By process.
    of: Vec<MemoIndex>,
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

/// A step of one process changes no more components than this; an odd number, since the first value shares a word with
/// the places.
const MOST_CHANGED: usize = 5;

impl Change {
    /// As words of a list: two, and one for each further pair of values.
    fn write(&self, list: &mut Vec<u64>) {
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        list.push(join(self.label, self.event.map_or(0, |event| event + 1)));
        list.push(join(self.places, self.values[0]));
        let (pairs, _) = self.values[1..].as_chunks::<2>();
        list.extend(pairs.iter().take(self.places.count_ones() as usize / 2).map(|[low, high]| join(*low, *high)));
    }

    /// The change in this place of a list, and the place after it.
    #[inline]
    fn read(index: &MemoIndex, list: Found, mut place: u32) -> (Change, u32) {
        let mut next = || {
            let word = index.word(list, place);
            place += 1;
            [word as u32, (word >> 32) as u32]
        };
        let ([label, event], [places, first]) = (next(), next());
        let mut values = [first; MOST_CHANGED];
        let (pairs, _) = values[1..].as_chunks_mut::<2>();
        pairs.iter_mut().take(places.count_ones() as usize / 2).for_each(|pair| *pair = next());
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

    #[inline]
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
        let watching = &self.processes.watching;
        if worker.lists.of.len() < watching.len() {
            worker.lists.of.resize_with(watching.len(), MemoIndex::default);
        }
        for first in (0..watching.len()).step_by(TOGETHER) {
            let last = watching.len().min(first + TOGETHER);
            let mut found = [None; TOGETHER];
            for ((found, watching), index) in
                found.iter_mut().zip(&watching[first..last]).zip(&worker.lists.of[first..last])
            {
                *found = watching.lists.find(index, watching.sees(state));
            }
            for (number, found) in (first..last).zip(found) {
                let list = found.unwrap_or_else(|| self.compute(worker, number, state));
                let mut place = 0;
                while place < list.len() {
                    let (change, next_place) = Change::read(&worker.lists.of[number], list, place);
                    place = next_place;
                    let mut after = change.apply(state);
                    if let Some(event) = change.event {
                        after[slot::HISTORY] = self.history_after(worker, state[slot::HISTORY], event);
                    }
                    step(change.label, after);
                }
            }
        }
    }

    #[inline]
    fn history_after(&self, worker: &mut Worker, history: u32, event: EventId) -> u32 {
        let (memo, key) = (&self.processes.histories, [u64::from(history) | u64::from(event) << 32]);
        let found = memo.find(&worker.lists.histories, key).unwrap_or_else(|| {
            let after = self.remember(worker, history, event);
            memo.learn(&mut worker.lists.histories, key, || vec![after.into()])
        });
        worker.lists.histories.word(found, 0) as u32
    }

    #[cold]
    fn compute(&self, worker: &mut Worker, number: usize, state: &State) -> Found {
        let watching = &self.processes.watching[number];
        let mut index = std::mem::take(&mut worker.lists.of[number]);
        let list = watching.lists.learn(&mut index, watching.sees(state), || {
            let mut list = Vec::new();
            let mut take = |action, after: State, event: Option<Event>| {
                let event = event.map(|event| self.tables.events.intern(event));
                Change::between(state, &after, action, event).write(&mut list);
            };
            match watching.process {
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
            list
        });
        worker.lists.of[number] = index;
        list
    }
}

/// Processes whose lists are looked up before the first of them is used: the processor then waits for memory once and
/// not once for each.
const TOGETHER: usize = 16;
