//! Which states to walk to again so that every number gets its meaning back, and walking there.

use super::files::WalkStep;
use super::{CheckpointError, Stopped};
use crate::explore::crew::caught;
use crate::explore::outcome::Panicked;
use crate::explore::search::nowhere;
use crate::explore::space::{PackedState, Space, Successor};
use crate::explore::store::Store;
use rustc_hash::{FxHashMap, FxHashSet};
use std::marker::PhantomData;
use std::path::Path;

/// Walks that meet, in every place of a state, every number that occurs there.
pub(super) struct Walks<S> {
    places: Vec<Numbers>,
    /// The states that are walked to.
    walked: FxHashSet<u32>,
    /// How many states have been looked at.
    seen: u32,
    of: PhantomData<S>,
}

/// The numbers that were met in one place.
///
/// Files don't hold the numbers of a process but saved ones: those are given in the order in which states have them
/// first, and so are the same in every process that has a part in an exploration.
#[derive(Clone, Default)]
struct Numbers {
    /// The saved number of each number of this process.
    saved: FxHashMap<u32, u32>,
    /// The number of this process behind each saved one.
    here: Vec<u32>,
}

impl Numbers {
    /// Gives a number of this process its saved one; says whether it had none.
    fn meet(&mut self, here: u32) -> bool {
        let next = self.here.len() as u32;
        let is_new = *self.saved.entry(here).or_insert(next) == next;
        if is_new {
            self.here.push(here);
        }
        is_new
    }

    /// Whether these can be the same, given what was met before: different values must not become one, nor one value two.
    fn agree(&mut self, saved: u32, here: u32) -> bool {
        self.meet(here);
        self.saved[&here] == saved
    }
}

/// Why walking again has failed.
pub(super) enum Failed<S: PackedState> {
    Panicked(Panicked<S>),
    /// The world is not the one that was saved.
    Differs(String),
}

impl<S: PackedState> Failed<S> {
    pub(super) fn at(self, directory: &Path) -> Stopped<S> {
        match self {
            Failed::Panicked(panicked) => Stopped::Panicked(panicked),
            Failed::Differs(why) => CheckpointError::Foreign { path: directory.to_owned(), why }.into(),
        }
    }
}

impl<S: PackedState> Walks<S> {
    pub(super) fn new() -> Self {
        let places = vec![Numbers::default(); S::WORDS];
        Walks { places, walked: FxHashSet::default(), seen: 0, of: PhantomData }
    }

    /// Takes in the states that have been added; gives the steps that the walks need in addition.
    pub(super) fn extend<P: Space<State = S>>(
        &mut self,
        space: &P,
        store: &Store<S>,
    ) -> Result<Vec<WalkStep>, Panicked<S>> {
        let mut added = Vec::new();
        let mut before: Option<&S> = None;
        for index in self.seen..store.len() {
            let state = store.state(index);
            let mut is_new = false;
            for (place, numbers) in self.places.iter_mut().enumerate() {
                // Neighbours have most numbers in common.
                if before.is_none_or(|before| before.word(place) != state.word(place)) {
                    is_new |= numbers.meet(state.word(place));
                }
            }
            before = Some(state);
            if is_new {
                let on_the_way = std::iter::successors(Some(index), |index| store.parent(*index));
                added.extend(on_the_way.take_while(|index| self.walked.insert(*index)));
            }
        }
        self.seen = store.len();
        added.sort_unstable();
        caught(|| choices(space, store, &added)).map_err(nowhere)
    }

    /// The saved number in a place of a state that was taken in.
    pub(super) fn saved(&self, state: &S, place: usize) -> u32 {
        self.places[place].saved[&state.word(place)]
    }

    /// Walks to the saved states again and translates all states into the numbers of this process.
    pub(super) fn walk_again<P: Space<State = S>>(
        &mut self,
        space: &P,
        store: &mut Store<S>,
        steps: &[WalkStep],
    ) -> Result<(), Failed<S>> {
        let walked = caught(|| walk(space, store, steps)).map_err(|message| Failed::Panicked(nowhere(message)))?;
        self.places = walked.map_err(Failed::Differs)?;
        for state in store.states_mut() {
            *state = translated(state, &self.places).map_err(Failed::Differs)?;
        }
        self.walked = steps.iter().map(|step| step.state).collect();
        self.seen = store.len();
        Ok(())
    }
}

/// Which step leads to each of these states.
fn choices<P: Space>(space: &P, store: &Store<P::State>, states: &[u32]) -> Vec<WalkStep> {
    let mut offers = Offers::of(space);
    let step = |state: &u32| {
        let offered = match store.parent(*state) {
            None => &offers.initial,
            Some(parent) => offers.after(parent, store.state(parent)),
        };
        let choice = offered.iter().position(|offered| offered.same(store.state(*state)));
        let choice = choice.unwrap_or_else(|| panic!("the step to {:?} is not offered again", store.state(*state)));
        WalkStep { state: *state, choice: choice as u32 }
    };
    states.iter().map(step).collect()
}

/// The numbers that the walks meet; or what can't be.
///
/// The steps come in the order of the states that they lead to, so that the saved numbers are met in the order in which
/// they were given.
fn walk<P: Space>(space: &P, store: &Store<P::State>, steps: &[WalkStep]) -> Result<Vec<Numbers>, String> {
    let mut offers = Offers::of(space);
    let mut reached: FxHashMap<u32, P::State> = FxHashMap::default();
    let mut places = vec![Numbers::default(); P::State::WORDS];
    for step in steps {
        let offered = match store.parent(step.state) {
            None => &offers.initial,
            Some(parent) => {
                let parent_state = reached.get(&parent).ok_or_else(|| format!("no walk leads to state {parent}"))?;
                offers.after(parent, parent_state)
            }
        };
        let Some(state) = offered.get(step.choice as usize) else {
            return Err(format!("state {} was reached by step {} of {}", step.state, step.choice, offered.len()));
        };
        let saved = store.state(step.state);
        let other = places
            .iter_mut()
            .enumerate()
            .find_map(|(place, numbers)| (!numbers.agree(saved.word(place), state.word(place))).then_some(place));
        if let Some(place) = other {
            return Err(format!("state {} is another in place {place}", step.state));
        }
        reached.insert(step.state, *state);
    }
    Ok(places)
}

fn translated<S: PackedState>(saved: &S, places: &[Numbers]) -> Result<S, String> {
    let mut missing = None;
    let translated = S::of_words(|place| {
        let here = places[place].here.get(saved.word(place) as usize);
        here.copied().unwrap_or_else(|| *missing.insert(place) as u32)
    });
    match missing {
        Some(place) => Err(format!("no walk meets the number {} in place {place}", saved.word(place))),
        None => Ok(translated),
    }
}

/// What the world offers, asked once for a run of children of one parent.
struct Offers<'a, P: Space> {
    space: &'a P,
    worker: P::Worker,
    initial: Vec<P::State>,
    parent: Option<u32>,
    successors: Vec<Successor<P::State>>,
    states: Vec<P::State>,
}

impl<'a, P: Space> Offers<'a, P> {
    fn of(space: &'a P) -> Self {
        let (worker, initial) = (space.worker(), space.initial());
        Offers { space, worker, initial, parent: None, successors: Vec::new(), states: Vec::new() }
    }

    fn after(&mut self, parent: u32, state: &P::State) -> &Vec<P::State> {
        if self.parent != Some(parent) {
            self.parent = Some(parent);
            self.successors.clear();
            self.space.successors(&mut self.worker, state, &mut self.successors);
            self.states = self.successors.iter().map(|successor| successor.state).collect();
        }
        &self.states
    }
}
