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
    /// The client of a stream of transactions, as far as one group answers it.
    Stream(DataGroup),
}

/// The numbers of the components that a process looks at, two to a word; places that it doesn't need are zero.
type Seen = [u64; MOST_SEEN / 2];

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

    #[inline(always)]
    fn sees(&self, state: &State) -> Seen {
        let mut seen = [0; MOST_SEEN / 2];
        for (number, slot) in self.slots[..self.count].iter().enumerate() {
            seen[number / 2] |= u64::from(state[*slot]) << (number % 2 * 32);
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
            let mut seen = vec![CATALOG, CONTROL, NETWORK];
            // A job that is given up leaves its range where it was: then a later one may have another source.
            let is_certain = bounds.abandons == 0 || index == 0;
            let takes_part = |group: &DataGroup| [journey.source, journey.target].contains(group) || !is_certain;
            seen.extend(groups().filter(takes_part).map(site));
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
        for group in groups().filter(|group| bounds.has_followers(*group)) {
            // Which entries a voter can read is in the catalog: what its node can do.
            let seen = [site(group), CONTROL, CATALOG];
            add(Process::Voters(group), if bounds.downgrades > 0 { &seen } else { &seen[..2] });
        }
        if bounds.coordinators_watch {
            add(Process::Watchers, &[CATALOG, COORDINATORS]);
        }
        for group in groups().filter(|_| bounds.groups_watch) {
            let seen = [CATALOG, site(group), COORDINATORS];
            add(Process::Adoption(group), if bounds.groups_hear_late { &seen } else { &seen[..2] });
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
        for group in groups().filter(|_| bounds.stream.is_some()) {
            add(Process::Stream(group), &[COORDINATORS, site(group)]);
        }
        if bounds.resolvers {
            let mut seen = vec![CATALOG, COORDINATORS, NETWORK];
            seen.extend(groups().map(site));
            add(Process::Resolvers, &seen);
        }
        assert!(list.len() <= MOST_PROCESSES, "{} processes: raise the number of places", list.len());
        Processes(list)
    }
}

/// No world has more processes than this.
const MOST_PROCESSES: usize = 32;

/// The lists of steps that were computed, for each process by itself: small tables stay in the cache beside large ones.
#[derive(Default)]
pub(super) struct StepLists {
    of: [Memo<{ MOST_SEEN / 2 }>; MOST_PROCESSES],
    /// The history after another and an event.
    histories: Memo<1>,
}

/// What one thread knows of them.
#[derive(Default)]
pub(super) struct Lists {
    of: [MemoIndex; MOST_PROCESSES],
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
const MOST_CHANGED: usize = 5;

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
    ///
    /// What the lists and the worker know is found, not computed.
    pub(super) fn each_step(
        &self,
        lists: &StepLists,
        worker: &mut Worker,
        state: &State,
        step: &mut impl FnMut(u32, State),
    ) {
        // All lists first: the processor then waits for memory once and not once for each process.
        let mut found: [Option<Found>; MOST_PROCESSES] = [None; MOST_PROCESSES];
        for (number, watching) in self.processes.0.iter().enumerate() {
            found[number] = lists.of[number].find(&worker.lists.of[number], watching.sees(state));
        }
        for (number, list) in found.into_iter().enumerate().take(self.processes.0.len()) {
            let list = list.unwrap_or_else(|| self.compute(lists, worker, number, state));
            let mut place = 0;
            while place < list.len() {
                let (change, after) = Change::read(&worker.lists.of[number], list, place);
                place = after;
                let mut next = change.apply(state);
                if let Some(event) = change.event {
                    next[slot::HISTORY] = self.history_after(lists, worker, state[slot::HISTORY], event);
                }
                step(change.label, next);
            }
        }
    }

    #[inline]
    fn history_after(&self, lists: &StepLists, worker: &mut Worker, history: u32, event: EventId) -> u32 {
        let (memo, key) = (&lists.histories, [u64::from(history) | u64::from(event) << 32]);
        let found = memo.find(&worker.lists.histories, key).unwrap_or_else(|| {
            let after = self.remember(worker, history, event);
            memo.learn(&mut worker.lists.histories, key, || vec![after.into()])
        });
        worker.lists.histories.word(found, 0) as u32
    }

    #[cold]
    fn compute(&self, lists: &StepLists, worker: &mut Worker, number: usize, state: &State) -> Found {
        let watching = &self.processes.0[number];
        let mut index = std::mem::take(&mut worker.lists.of[number]);
        let list = lists.of[number].learn(&mut index, watching.sees(state), || {
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
                Process::Stream(group) => self.stream_steps(worker, state, group, &mut take),
            }
            list
        });
        worker.lists.of[number] = index;
        list
    }
}
