//! Any [`Space`] as a stateright model: a second opinion on counts and verdicts, and the Explorer.

use super::space::{Space, Successor};
use ::stateright::{Model, Path, Property};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// A space that stateright can check and show.
///
/// stateright stops as soon as every property has an example, so one property that never gets one,
/// [`EXPLORED_TO_THE_END`](Self::EXPLORED_TO_THE_END), keeps it going until nothing is left. It finds *a*
/// counterexample, often not a shortest one, and the verdict is not here but in [`Exploration`](super::Exploration).
pub struct StaterightAdapter<P: Space> {
    space: P,
    invariants: Vec<&'static str>,
    goals: Vec<&'static str>,
    captions: Captions<P>,
    workers: Mutex<Vec<Desk<P>>>,
}

/// How the Explorer shows labels, states and paths. The default shows what `Debug` shows.
pub struct Captions<P: Space> {
    /// A step in a few words: its label, and the state after it.
    pub step: fn(&P, u32, &P::State) -> String,
    /// A state, on several lines.
    pub state: fn(&P, &P::State) -> String,
    /// A picture of a path, as SVG or any other HTML: the initial state, and the steps.
    pub picture: Picture<P>,
}

/// Draws a path of a space, given its initial state and its steps, if it can.
pub type Picture<P> = fn(&P, &<P as Space>::State, &[Successor<<P as Space>::State>]) -> Option<String>;

/// A worker of the space, with what it has found out about the state it has looked at last: stateright asks for each
/// property anew.
struct Desk<P: Space> {
    worker: P::Worker,
    last: Option<(P::State, Masks)>,
}

#[derive(Clone, Copy)]
struct Masks {
    violations: u64,
    goals: u64,
}

impl<P: Space> StaterightAdapter<P> {
    /// The name of the property that holds everywhere.
    pub const EXPLORED_TO_THE_END: &'static str = "explored to the end";

    /// Adapts `space`; invariant `i` is reported as `invariants[i]` and goal `i` as `goals[i]`. At most 64 of each.
    ///
    /// # Panics
    ///
    /// If there are more, or if two properties have the same name: stateright would merge them silently.
    pub fn new(space: P, invariants: &[&'static str], goals: &[&'static str]) -> Self {
        assert!(invariants.len() <= 64 && goals.len() <= 64, "at most 64 invariants and 64 goals");
        let mut names = [invariants, goals, &[Self::EXPLORED_TO_THE_END]].concat();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a name is used twice among {names:?}");
        StaterightAdapter {
            space,
            invariants: invariants.to_vec(),
            goals: goals.to_vec(),
            captions: Captions::default(),
            workers: Mutex::default(),
        }
    }

    /// Shows steps, states and paths in the Explorer with these functions.
    pub fn with_captions(self, captions: Captions<P>) -> Self {
        StaterightAdapter { captions, ..self }
    }

    /// The space behind it.
    pub fn space(&self) -> &P {
        &self.space
    }

    fn at_desk<R>(&self, work: impl FnOnce(&mut Desk<P>) -> R) -> R {
        let idle = || self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut desk = taken.unwrap_or_else(|| Desk { worker: self.space.worker(), last: None });
        let result = work(&mut desk);
        idle().push(desk);
        result
    }

    fn masks(&self, state: &P::State) -> Masks {
        self.at_desk(|desk| match desk.last {
            Some((last, masks)) if last == *state => masks,
            Some(_) | None => {
                let violations = self.space.violations(&mut desk.worker, state);
                let masks = Masks { violations, goals: self.space.goals(&mut desk.worker, state) };
                desk.last = Some((*state, masks));
                masks
            }
        })
    }
}

impl<P: Space> Model for StaterightAdapter<P>
where
    P::State: Hash,
{
    type State = P::State;
    type Action = Successor<P::State>;

    fn init_states(&self) -> Vec<P::State> {
        self.space.initial()
    }

    fn actions(&self, state: &P::State, actions: &mut Vec<Successor<P::State>>) {
        self.at_desk(|desk| self.space.successors(&mut desk.worker, state, actions));
    }

    fn next_state(&self, _: &P::State, action: Successor<P::State>) -> Option<P::State> {
        Some(action.state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let invariants = self.invariants.iter().zip(holds()).map(|(name, holds)| Property::always(name, holds));
        let goals = self.goals.iter().zip(reached()).map(|(name, reached)| Property::sometimes(name, reached));
        let explored_to_the_end = Property::always(Self::EXPLORED_TO_THE_END, |_, _| true);
        invariants.chain(goals).chain([explored_to_the_end]).collect()
    }

    fn format_step(&self, _: &P::State, action: Successor<P::State>) -> Option<String> {
        Some((self.captions.state)(&self.space, &action.state))
    }

    fn format_action(&self, action: &Successor<P::State>) -> String {
        (self.captions.step)(&self.space, action.label, &action.state)
    }

    fn as_svg(&self, path: Path<P::State, Successor<P::State>>) -> Option<String> {
        let steps = path.into_vec();
        let (initial, _) = steps.first()?;
        let actions: Vec<_> = steps.iter().filter_map(|(_, action)| *action).collect();
        (self.captions.picture)(&self.space, initial, &actions)
    }
}

impl<P: Space> Default for Captions<P> {
    fn default() -> Self {
        Captions {
            step: |_, label, _| format!("step {label}"),
            state: |_, state| format!("{state:#?}"),
            picture: |_, _, _| None,
        }
    }
}

type Condition<P> = fn(&StaterightAdapter<P>, &<P as Space>::State) -> bool;

fn holds_at<P: Space, const BIT: u32>(adapter: &StaterightAdapter<P>, state: &P::State) -> bool {
    adapter.masks(state).violations >> BIT & 1 == 0
}

fn reached_at<P: Space, const BIT: u32>(adapter: &StaterightAdapter<P>, state: &P::State) -> bool {
    adapter.masks(state).goals >> BIT & 1 == 1
}

/// A property's condition is a plain function that captures nothing, so there is one for each bit.
macro_rules! for_each_bit {
    ($condition:ident) => {
        for_each_bit!($condition: 0 8 16 24 32 40 48 56)
    };
    ($condition:ident: $($byte:literal)*) => {
        [$(
            $condition::<P, { $byte }>, $condition::<P, { $byte + 1 }>, $condition::<P, { $byte + 2 }>, $condition::<P, { $byte + 3 }>,
            $condition::<P, { $byte + 4 }>, $condition::<P, { $byte + 5 }>, $condition::<P, { $byte + 6 }>, $condition::<P, { $byte + 7 }>,
        )*]
    };
}

fn holds<P: Space>() -> [Condition<P>; 64] {
    for_each_bit!(holds_at)
}

fn reached<P: Space>() -> [Condition<P>; 64] {
    for_each_bit!(reached_at)
}
