//! The way to a state.

use super::crew::caught;
use super::outcome::{Exploration, Sighting};
use super::space::{PackedState, Space, Successor};
use super::store::Store;
use std::fmt;

/// A path from an initial state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<S> {
    /// Where it starts; `None` only if a world panicked before it had an initial state.
    pub initial: Option<S>,
    /// What happens then, and the state after each step.
    pub steps: Vec<Successor<S>>,
}

/// The world did not offer a step again that it had offered before: its successors depend on more than the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the step from {from:?} to {to:?} could not be repeated: {why}")]
pub struct Unrepeatable<S> {
    /// The state before the step.
    pub from: S,
    /// The state after the step.
    pub to: S,
    /// What happened instead.
    pub why: String,
}

impl<S> Trace<S> {
    /// The state at the end.
    pub fn last(&self) -> Option<&S> {
        self.steps.last().map(|step| &step.state).or(self.initial.as_ref())
    }
}

impl<S: PackedState> Exploration<S> {
    /// The shortest way to break an invariant, if it was seen broken. It is the same for every number of threads.
    ///
    /// # Errors
    ///
    /// If the world does not offer the steps again.
    pub fn counterexample<P: Space<State = S>>(
        &self,
        space: &P,
        invariant: u32,
    ) -> Result<Option<Trace<S>>, Unrepeatable<S>> {
        self.trace_to_sighting(space, self.first_violation(invariant))
    }

    /// The shortest way to a goal, if it was seen reached. It is the same for every number of threads.
    ///
    /// # Errors
    ///
    /// If the world does not offer the steps again.
    pub fn witness<P: Space<State = S>>(&self, space: &P, goal: u32) -> Result<Option<Trace<S>>, Unrepeatable<S>> {
        self.trace_to_sighting(space, self.first_reaching(goal))
    }

    fn trace_to_sighting<P: Space<State = S>>(
        &self,
        space: &P,
        sighting: Option<Sighting>,
    ) -> Result<Option<Trace<S>>, Unrepeatable<S>> {
        sighting.map(|sighting| self.trace_to(space, sighting.state)).transpose()
    }

    /// A shortest path to the state with this index: of all shortest ones, the first in canonical order, whatever the
    /// number of threads.
    ///
    /// Only the parents are stored, so the labels are found by expanding the states on the way once more.
    ///
    /// # Errors
    ///
    /// If the world does not offer the steps again.
    pub fn trace_to<P: Space<State = S>>(&self, space: &P, state: u32) -> Result<Trace<S>, Unrepeatable<S>> {
        let (trace, gap) = trace_along(space, &path_to(&self.store, state));
        gap.map_or(Ok(trace), Err)
    }
}

impl<S: PackedState> fmt::Display for Trace<S> {
    /// One line for the initial state and one for each step, with bare labels and ids: for the eyes of whoever debugs a
    /// world. A world that knows what they mean says it better.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(initial) = &self.initial else { return writeln!(f, "nowhere") };
        writeln!(f, "start at {initial:?}")?;
        write_steps(f, &self.steps, 1)
    }
}

/// Writes a line for each step, the first with this number.
pub(super) fn write_steps<S: PackedState>(
    f: &mut fmt::Formatter<'_>,
    steps: &[Successor<S>],
    first: usize,
) -> fmt::Result {
    steps
        .iter()
        .zip(first..)
        .try_for_each(|(step, number)| writeln!(f, "{number:>4}. step {} to {:?}", step.label, step.state))
}

/// The states on the way to `state`, following parents, from an initial state on.
pub(super) fn path_to<S: PackedState>(store: &Store<S>, state: u32) -> Vec<S> {
    let mut path: Vec<S> =
        std::iter::successors(Some(state), |index| store.parent(*index)).map(|index| *store.state(index)).collect();
    path.reverse();
    path
}

/// The steps along these states, as far as they can be repeated.
pub(super) fn trace_along<P: Space>(space: &P, path: &[P::State]) -> (Trace<P::State>, Option<Unrepeatable<P::State>>) {
    let mut trace = Trace { initial: path.first().copied(), steps: Vec::with_capacity(path.len()) };
    for pair in path.windows(2) {
        match repeat(space, pair[0], pair[1]) {
            Ok(step) => trace.steps.push(step),
            Err(gap) => return (trace, Some(gap)),
        }
    }
    (trace, None)
}

/// The first step that leads from one state to the other. Only the panic of a world makes its caches doubtful, so each
/// step takes fresh ones; traces are short.
fn repeat<P: Space>(space: &P, from: P::State, to: P::State) -> Result<Successor<P::State>, Unrepeatable<P::State>> {
    let unrepeatable = |why: String| Unrepeatable { from, to, why };
    let offered = caught(|| {
        let mut offered = Vec::new();
        space.successors(&mut space.worker(), &from, &mut offered);
        offered
    });
    let offered = offered.map_err(unrepeatable)?;
    let step = offered.into_iter().find(|step| step.state == to);
    step.ok_or_else(|| unrepeatable("no successor is that state".to_owned()))
}
