//! Fair leads-to: whatever starts is brought to an end, by every run that is fair.
//!
//! A run may stop for good (*stutter*) at any state where no fair class is enabled: the environment owes nobody a step.
//! So a state without successors can be an end, and so can one where only a client could move. Who wants *some* step to
//! be taken while one is possible puts all labels into a class of its own.

use super::components::{Component, components};
use super::graph::Graph;
use super::region::Region;
use super::space::{PackedState, Successor};
use super::state_set::StateSet;
use super::trace::{Trace, write_steps};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::fmt;

/// What the graph says about a leads-to property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadsTo<S> {
    /// Every fair run that meets a *from* state meets a *to* state there or later.
    Holds,
    /// No *from* state is reachable: true, and worth nothing.
    Vacuous,
    /// This fair run does not.
    Fails(Lasso<S>),
}

/// A run that ends in a loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasso<S> {
    /// The way from an initial state to the loop, the shortest there is to any loop that breaks the property.
    pub stem: Trace<S>,
    /// After how many steps of the stem the *from* state is met; no state from there on is a *to* state.
    pub from: usize,
    /// The steps that repeat for ever, back to the end of the stem; empty if nothing happens any more.
    pub cycle: Vec<Successor<S>>,
}

impl<S: PackedState> fmt::Display for Lasso<S> {
    /// The stem, a mark where the obligation begins, and the loop, with bare labels and ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stem)?;
        writeln!(f, "open since step {}", self.from)?;
        if self.cycle.is_empty() {
            return writeln!(f, "and then nothing, for ever");
        }
        writeln!(f, "and then, again and again:")?;
        write_steps(f, &self.cycle, self.stem.steps.len() + 1)
    }
}

/// Which classes of actions a label belongs to: bit `i` for class `i`. Each class is weakly fair: it is not enabled for
/// ever, from some state on, without ever being taken. Labels without a class are never owed a step.
pub trait FairClasses: Fn(u32) -> u64 {}

impl<F: Fn(u32) -> u64> FairClasses for F {}

impl<S: PackedState> Graph<'_, S> {
    /// Whether every fair run that meets a state of `from` meets a state of `to` there or later.
    ///
    /// Looks for a reachable set of states, each reachable from each, outside `to` and entered from `from` without
    /// meeting `to`, in which every fair class is taken or somewhere disabled. A step that changes nothing counts as a
    /// step.
    pub fn leads_to(&self, from: &StateSet, to: &StateSet, classes: impl FairClasses) -> LeadsTo<S> {
        assert_eq!((from.states(), to.states()), (self.states(), self.states()), "a set is of another exploration");
        if from.first().is_none() {
            return LeadsTo::Vacuous;
        }
        let region = Region::of(self, from, to);
        let mut nearest: Option<Component> = None;
        components(self, &region, |component| {
            let nearer = nearest.as_ref().is_none_or(|nearest| component.entry < nearest.entry);
            if nearer && is_fair(self, &region, &component, &classes) {
                nearest = Some(component);
            }
        });
        nearest.map_or(LeadsTo::Holds, |component| LeadsTo::Fails(lasso(self, &region, &component, &classes)))
    }
}

/// Whether a run can stay in the component for ever and be fair: by visiting all of it again and again, or by stopping
/// in it.
fn is_fair<S: PackedState>(
    graph: &Graph<'_, S>,
    region: &Region,
    component: &Component,
    classes: &impl FairClasses,
) -> bool {
    let (mut always_enabled, mut taken) = (u64::MAX, 0);
    for rank in &component.members {
        let mut enabled = 0;
        for (label, end) in graph.steps(region.state(*rank)) {
            let classes = classes(label);
            enabled |= classes;
            if classes & !taken != 0 && component.contains(region, end) {
                taken |= classes;
            }
        }
        always_enabled &= enabled;
    }
    always_enabled & !taken == 0
}

fn enabled<S: PackedState>(graph: &Graph<'_, S>, state: u32, classes: &impl FairClasses) -> u64 {
    graph.steps(state).fold(0, |enabled, (label, _)| enabled | classes(label))
}

fn lasso<S: PackedState>(
    graph: &Graph<'_, S>,
    region: &Region,
    component: &Component,
    classes: &impl FairClasses,
) -> Lasso<S> {
    let path = region.path_to(component.entry);
    let mut stem = graph.trace_to(path[0]);
    let from = stem.steps.len();
    stem.steps.extend(path.windows(2).map(|pair| graph.step(pair[0], pair[1])));
    let walk = Walk { graph, region, component, classes };
    Lasso { stem, from, cycle: walk.cycle() }
}

/// Builds the loop of a lasso: from the entry of a fair component through what makes each class content, and back.
struct Walk<'a, S, C> {
    graph: &'a Graph<'a, S>,
    region: &'a Region,
    component: &'a Component,
    classes: &'a C,
}

impl<S: PackedState, C: FairClasses> Walk<'_, S, C> {
    fn cycle(&self) -> Vec<Successor<S>> {
        let entry = self.region.state(self.component.entry);
        let mut owed = enabled(self.graph, entry, self.classes);
        let mut cycle: Vec<(u32, u32)> = Vec::new();
        while owed != 0 {
            let at = cycle.last().map_or(entry, |(_, state)| *state);
            let steps = self.nearest(at, |label, state| self.content(label, state) & owed != 0);
            owed &= !steps.iter().fold(0, |content, (label, state)| content | self.content(*label, *state));
            cycle.extend(steps);
        }
        match cycle.last() {
            Some((_, state)) if *state != entry => cycle.extend(self.nearest(*state, |_, state| state == entry)),
            Some(_) | None => {}
        }
        cycle.into_iter().map(|(label, state)| Successor { label, state: *self.graph.state(state) }).collect()
    }

    /// The classes that this step contents: those it belongs to, and those that are disabled after it.
    fn content(&self, label: u32, state: u32) -> u64 {
        (self.classes)(label) | !enabled(self.graph, state, self.classes)
    }

    /// The shortest walk within the component, of at least one step, whose last step is wanted.
    fn nearest(&self, from: u32, wanted: impl Fn(u32, u32) -> bool) -> Vec<(u32, u32)> {
        let mut came_by: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
        let mut pending = VecDeque::from([from]);
        while let Some(at) = pending.pop_front() {
            for (label, state) in self.graph.steps(at).filter(|(_, end)| self.component.contains(self.region, *end)) {
                if wanted(label, state) {
                    return walk_back(&came_by, from, at, (label, state));
                }
                if state != from && !came_by.contains_key(&state) {
                    came_by.insert(state, (label, at));
                    pending.push_back(state);
                }
            }
        }
        unreachable!("in a fair component every class is contented by a step that can be reached")
    }
}

fn walk_back(came_by: &FxHashMap<u32, (u32, u32)>, from: u32, mut at: u32, last: (u32, u32)) -> Vec<(u32, u32)> {
    let mut steps = vec![last];
    while at != from {
        let (label, before) = came_by[&at];
        steps.push((label, at));
        at = before;
    }
    steps.reverse();
    steps
}
