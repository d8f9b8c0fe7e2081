//! Whether the operations on one key are linearizable: the search of Wing and Gong with Lowe's memory.
//!
//! Events are taken in the order of time. An operation must have taken effect by the time it returns; at that moment the
//! search tries which of those that are open took effect before it. A configuration is the event, the open operations
//! that have taken effect, and the newest version; none is visited twice. Some rules keep it small, and lose nothing:
//!
//! - A read that fits takes effect at once: it changes nothing, so no later moment is better.
//! - An operation takes effect as late as possible: when one that returns needs it, or when it returns itself.
//! - A write that never returns takes effect only where an open read sees it at once: unseen it may as well not have
//!   happened, and it can always be put off until the first that sees it.
//! - A write whose value nobody ever sees takes effect just before any other write that does so while it is open.
//! - A value that only one operation writes isn't overwritten while a read that sees it is to come.
//!
//! The rules for unseen writes hold only where nothing is seen of a version but its value, and no client chooses
//! timestamps: an unseen version may be what keeps another from being the newest.

use rustc_hash::{FxHashMap, FxHashSet};

/// An operation on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOperation {
    /// When it was called.
    pub called_at: u64,
    /// When it returned; absent: it may take effect at any later time, or never.
    pub returned_at: Option<u64>,
    /// What it does.
    pub deed: Deed,
}

/// A value, by number; [`ABSENT`] is none.
pub type Value = u32;

/// The number of no value.
pub const ABSENT: Value = 0;

/// What an operation does to a key, or sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Its version becomes the newest.
    Write {
        /// Its value.
        value: Value,
        /// Its commit timestamp, if known.
        at: Option<u64>,
    },
    /// Its version, at a timestamp that the client chose, becomes the newest unless there is one at a later.
    WriteAt {
        /// Its value.
        value: Value,
        /// Its commit timestamp.
        at: u64,
    },
    /// A deletion that leaves nothing where nothing is.
    Clear {
        /// The deletion's commit timestamp, if known.
        at: Option<u64>,
    },
    /// Sees the newest version's value.
    See {
        /// The value.
        value: Value,
        /// The version's commit timestamp; absent: any, or one that isn't known.
        at: Option<u64>,
    },
    /// Sees the newest version's commit timestamp, and nothing else.
    SeeVersion {
        /// The timestamp.
        at: u64,
        /// It may be that of a write whose timestamp isn't known.
        may_be_unknown: bool,
    },
}

/// Why no order was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// There is none: whatever is tried, this operation, by its place, can't have taken effect when it returned. No
    /// attempt came further.
    At(usize),
    /// There are too many possibilities; nothing is known.
    TooMany,
}

/// Finds an order that agrees with time and with what was seen, at most one effect for each operation.
///
/// # Errors
/// If there is none, or if it can't be told within [`MOST_CONFIGURATIONS`].
pub fn linearize(operations: &[KeyOperation]) -> Result<(), Stuck> {
    let timeline = Timeline::of(operations)?;
    let sights = Sights::of(operations, &timeline);
    let (visited, todo) = (FxHashSet::default(), Vec::new());
    let mut search = Search { operations, timeline: &timeline, sights: &sights, visited, todo };
    search.run()
}

/// The newest version: its value, and its commit timestamp if known; 0 where there is no version.
type Newest = (Value, Option<u64>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Configuration {
    /// How many returns have been accounted for.
    returned: u32,
    /// The open operations that have taken effect, by slot.
    done: u128,
    newest: Newest,
}

/// The returns, in the order of time, and what is open at each.
struct Timeline {
    returns: Vec<Return>,
    /// Slot and place of open operations; each return has a part of it.
    open: Vec<(u8, u32)>,
    /// Of each operation: its slot, and how many returns come before its call and before its return.
    spans: Vec<(u8, u32, u32)>,
}

struct Return {
    slot: u8,
    place: u32,
    /// Its part of the open operations, itself included.
    open: std::ops::Range<usize>,
}

impl Timeline {
    fn of(operations: &[KeyOperation]) -> Result<Timeline, Stuck> {
        // What returns at the moment at which another is called has not returned before it: calls first.
        let mut events: Vec<(u64, bool, u32)> = Vec::with_capacity(2 * operations.len());
        for (place, operation) in (0..).zip(operations) {
            events.push((operation.called_at, false, place));
            events.extend(operation.returned_at.map(|at| (at, true, place)));
        }
        events.sort_unstable();
        let spans = vec![(0, 0, u32::MAX); operations.len()];
        let mut timeline = Timeline { returns: Vec::new(), open: Vec::new(), spans };
        let mut free: u128 = u128::MAX;
        let mut now_open: Vec<(u8, u32)> = Vec::new();
        for (_, is_return, place) in events {
            let before = u32::try_from(timeline.returns.len()).expect("a key has fewer operations than a history");
            if is_return {
                let index = now_open.iter().position(|open| open.1 == place).expect("it was called before");
                let from = timeline.open.len();
                timeline.open.extend(&now_open);
                let (slot, _) = now_open.swap_remove(index);
                free |= 1 << slot;
                timeline.spans[place as usize].2 = before;
                timeline.returns.push(Return { slot, place, open: from..timeline.open.len() });
            } else {
                if free == 0 {
                    return Err(Stuck::TooMany);
                }
                let slot = free.trailing_zeros();
                free &= !(1 << slot);
                let slot = u8::try_from(slot).expect("a slot is below 128");
                timeline.spans[place as usize] = (slot, before, u32::MAX);
                now_open.push((slot, place));
            }
        }
        Ok(timeline)
    }
}

/// Who sees what is written.
struct Sights {
    /// Unseen versions matter: a client chooses timestamps, or is told nothing but one.
    unseen_matter: bool,
    /// Writes, by place, whose value nobody sees.
    is_unseen: Vec<bool>,
    /// The reads of each value that one operation writes, in the order in which they return.
    of_single: FxHashMap<Value, Vec<u32>>,
}

impl Sights {
    fn of(operations: &[KeyOperation], timeline: &Timeline) -> Sights {
        let mut reads: FxHashMap<Value, Vec<u32>> = FxHashMap::default();
        let mut writers: FxHashMap<Value, u32> = FxHashMap::default();
        let mut unseen_matter = false;
        for (place, operation) in (0..).zip(operations) {
            match operation.deed {
                Deed::See { value, .. } => reads.entry(value).or_default().push(place),
                Deed::Write { value, .. } => *writers.entry(value).or_default() += 1,
                Deed::WriteAt { .. } | Deed::SeeVersion { .. } => unseen_matter = true,
                Deed::Clear { .. } => {}
            }
        }
        let is_unseen = |operation: &KeyOperation| match operation.deed {
            Deed::Write { value, .. } => !unseen_matter && !reads.contains_key(&value),
            Deed::WriteAt { .. } | Deed::Clear { .. } | Deed::See { .. } | Deed::SeeVersion { .. } => false,
        };
        let is_unseen = operations.iter().map(is_unseen).collect();
        reads.retain(|value, _| !unseen_matter && *value != ABSENT && writers.get(value) == Some(&1));
        reads.values_mut().for_each(|reads| reads.sort_by_key(|place| timeline.spans[*place as usize].2));
        Sights { unseen_matter, is_unseen, of_single: reads }
    }
}

struct Search<'s> {
    operations: &'s [KeyOperation],
    timeline: &'s Timeline,
    sights: &'s Sights,
    visited: FxHashSet<Configuration>,
    todo: Vec<Configuration>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(), Stuck> {
        let returns = &self.timeline.returns;
        let mut furthest = 0;
        self.todo.push(Configuration { returned: 0, done: 0, newest: (ABSENT, Some(0)) });
        while let Some(mut configuration) = self.todo.pop() {
            loop {
                let Some(next) = returns.get(configuration.returned as usize) else { return Ok(()) };
                furthest = furthest.max(configuration.returned);
                configuration.done |= self.fitting_reads(&configuration, next);
                let bit = 1 << next.slot;
                if configuration.done & bit == 0 {
                    break;
                }
                configuration.done &= !bit;
                configuration.returned += 1;
            }
            if self.visited.insert(configuration) {
                self.branch(&configuration, &returns[configuration.returned as usize]);
            }
            if self.visited.len() > MOST_CONFIGURATIONS {
                return Err(Stuck::TooMany);
            }
        }
        Err(Stuck::At(returns[furthest as usize].place as usize))
    }

    fn fitting_reads(&self, configuration: &Configuration, next: &Return) -> u128 {
        let open = self.timeline.open[next.open.clone()].iter();
        let fits = |(slot, place): &&(u8, u32)| {
            configuration.done & (1 << slot) == 0 && self.operations[*place as usize].deed.fits(configuration.newest)
        };
        open.filter(fits).fold(0, |bits, (slot, _)| bits | 1 << slot)
    }

    /// Leaves to do what may take effect next; what is tried first last.
    fn branch(&mut self, configuration: &Configuration, next: &Return) {
        let open = &self.timeline.open[next.open.clone()];
        let is_done = |slot: &u8| configuration.done & (1 << slot) != 0;
        let is_unseen = |place: &u32| self.sights.is_unseen[*place as usize];
        let unseen = open.iter().filter(|(_, place)| is_unseen(place)).fold(0, |bits, (slot, _)| bits | 1 << slot);
        let others = open.iter().filter(|(slot, place)| *slot != next.slot && !is_unseen(place));
        let itself = open.iter().filter(|(slot, _)| *slot == next.slot);
        for (slot, place) in others.chain(itself).filter(|(slot, _)| !is_done(slot)) {
            let operation = &self.operations[*place as usize];
            for newest in operation.deed.effects(configuration.newest).into_iter().flatten() {
                let done = configuration.done | 1 << slot | unseen;
                let after = Configuration { done, newest, ..*configuration };
                let may_be_unseen = operation.returned_at.is_some() || self.sights.unseen_matter;
                let is_lost = newest.0 != configuration.newest.0 && self.is_awaited(configuration);
                if !is_lost && (may_be_unseen || self.fitting_reads(&after, next) != 0) {
                    self.todo.push(after);
                }
            }
        }
    }

    /// Whether a read that sees the newest version is still to come, and nobody will write its value again.
    fn is_awaited(&self, configuration: &Configuration) -> bool {
        let Some(reads) = self.sights.of_single.get(&configuration.newest.0) else { return false };
        let spans = reads.iter().rev().map(|place| self.timeline.spans[*place as usize]);
        let mut to_come = spans.take_while(|(_, _, returned)| *returned >= configuration.returned);
        to_come.any(|(slot, called, _)| called > configuration.returned || configuration.done & (1 << slot) == 0)
    }
}

impl Deed {
    /// Whether it is a read that sees this.
    fn fits(self, (value, at): Newest) -> bool {
        match self {
            Deed::Write { .. } | Deed::WriteAt { .. } | Deed::Clear { .. } => false,
            Deed::See { value: seen, at: told } => value == seen && (told.is_none() || told == at),
            Deed::SeeVersion { at: told, may_be_unknown } => at.map_or(may_be_unknown, |at| at == told),
        }
    }

    /// The newest version after a write; two where either may be.
    fn effects(self, newest: Newest) -> [Option<Newest>; 2] {
        match self {
            Deed::Write { value, at } => [Some((value, at)), None],
            Deed::WriteAt { value, at } => match newest {
                (_, Some(later)) if later > at => [Some(newest), None],
                (_, Some(_)) => [Some((value, Some(at))), None],
                (_, None) => [Some(newest), Some((value, Some(at)))],
            },
            // Another system may leave a deletion there as well.
            Deed::Clear { at } if newest.0 == ABSENT => [Some((ABSENT, at)), Some(newest)],
            Deed::Clear { at } => [Some((ABSENT, at)), None],
            Deed::See { .. } | Deed::SeeVersion { .. } => [None, None],
        }
    }
}

/// The most configurations that are kept, 64 bytes each.
pub const MOST_CONFIGURATIONS: usize = 2_000_000;
