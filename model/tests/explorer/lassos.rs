//! Lassos on random graphs: checked against every set of states that a run could stay in.

use crate::toys::Drawn;
use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_model::explore::{Graph, Lasso, LeadsTo, Options, Space, StateSet, Successor, explore};
use std::fmt::Debug;
use std::hash::Hash;

/// Asserts that the lasso is a run of the space, that it is fair, and that it meets *from* and then never *to*.
pub(crate) fn assert_breaks<P: Space>(
    lasso: &Lasso<P::State>,
    space: &P,
    graph: &Graph<'_, P::State>,
    from: &StateSet,
    to: &StateSet,
    classes: impl Fn(u32) -> u64,
) where
    P::State: Hash + Debug,
{
    let index = |state: &P::State| {
        (0..graph.states()).find(|index| graph.state(*index) == state).expect("a state of the graph")
    };
    let initial = lasso.stem.initial.expect("a start");
    assert!(space.initial().contains(&initial));
    let mut at = initial;
    let mut states = vec![index(&at)];
    for step in lasso.stem.steps.iter().chain(&lasso.cycle) {
        assert!(successors(space, &at).contains(step), "{step:?} is no step of {at:?}");
        at = step.state;
        states.push(index(&at));
    }
    let turn = lasso.stem.steps.len();
    assert_eq!(states.last(), Some(&states[turn]), "the loop is not closed");
    assert!(from.contains(states[lasso.from]), "no obligation begins");
    assert!(states[lasso.from..].iter().all(|state| !to.contains(*state)), "the goal is met");
    let taken = lasso.cycle.iter().fold(0, |taken, step| taken | classes(step.label));
    let always_enabled =
        states[turn..].iter().fold(u64::MAX, |always, state| always & enabled(graph, *state, &classes));
    assert_eq!(always_enabled & !taken, 0, "a fair class is neglected");
}

fn successors<P: Space>(space: &P, state: &P::State) -> Vec<Successor<P::State>> {
    let mut out = Vec::new();
    space.successors(&mut space.worker(), state, &mut out);
    out
}

fn enabled<S: splitjob_model::explore::PackedState>(
    graph: &Graph<'_, S>,
    state: u32,
    classes: impl Fn(u32) -> u64,
) -> u64 {
    graph.steps(state).fold(0, |enabled, (label, _)| enabled | classes(label))
}

/// The least number of steps before the loop of a fair run that meets *from* and then never *to*, if there is one: tries
/// every set of states that the run could visit for ever.
fn shortest_stem(
    graph: &Graph<'_, [u32; 1]>,
    from: &StateSet,
    to: &StateSet,
    classes: impl Fn(u32) -> u64,
) -> Option<u32> {
    let states: Vec<u32> = (0..graph.states()).collect();
    let pending = pending_after(graph, from, to);
    let fair_sets = (1u32..1 << states.len()).filter_map(|chosen| {
        let is_in = |state: u32| chosen >> state & 1 == 1;
        let members: Vec<u32> = states.iter().copied().filter(|state| is_in(*state)).collect();
        let possible = members.iter().all(|member| pending[*member as usize].is_some());
        let connected = || members.iter().all(|member| reach(graph, *member, is_in).len() == members.len());
        let always = members.iter().fold(u64::MAX, |always, member| always & enabled(graph, *member, &classes));
        let inner = members.iter().flat_map(|member| graph.steps(*member)).filter(|(_, end)| is_in(*end));
        let taken = inner.fold(0, |taken, (label, _)| taken | classes(label));
        let fair = possible && always & !taken == 0 && connected();
        members.into_iter().filter_map(|member| pending[member as usize]).min().filter(|_| fair)
    });
    fair_sets.min()
}

/// For each state, the least number of steps of a run to it that has met *from* and then no *to*.
fn pending_after(graph: &Graph<'_, [u32; 1]>, from: &StateSet, to: &StateSet) -> Vec<Option<u32>> {
    let begins = |state: u32| (from.contains(state) && !to.contains(state)).then(|| graph.depth_of(state));
    let mut after: Vec<Option<u32>> = (0..graph.states()).map(begins).collect();
    for _ in 0..graph.states() {
        for state in 0..graph.states() {
            for (_, end) in graph.steps(state).filter(|(_, end)| !to.contains(*end)) {
                let one_more = after[state as usize].map(|steps| steps + 1);
                after[end as usize] = after[end as usize].into_iter().chain(one_more).min();
            }
        }
    }
    after
}

/// The states that can be reached from one through allowed ones.
fn reach(graph: &Graph<'_, [u32; 1]>, start: u32, allowed: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut reached = vec![start];
    let mut done = 0;
    while done < reached.len() {
        for (_, end) in graph.steps(reached[done]) {
            if allowed(end) && !reached.contains(&end) {
                reached.push(end);
            }
        }
        done += 1;
    }
    reached
}

/// Label `l` belongs to the classes of the bits of `l`, of which there are three.
fn by_bits(label: u32) -> u64 {
    u64::from(label % 8)
}

fn drawn() -> impl Strategy<Value = (Drawn, Vec<bool>, Vec<bool>)> {
    (2..9usize).prop_flat_map(|states| {
        let step = (0..8u32, 0..states as u32);
        let steps = vec(vec(step, 0..4), states);
        let marks = || vec(proptest::bool::weighted(0.3), states);
        (steps, marks(), marks()).prop_map(|(steps, from, to)| {
            // No two steps of a state share a label.
            let unique = |steps: Vec<(u32, u32)>| {
                (0..).map(|copy| copy * 8).zip(steps).map(|(copy, (label, end))| (copy + label, end))
            };
            let steps = steps.into_iter().map(|steps| unique(steps).collect()).collect();
            (Drawn { steps, initial: vec![0], ..Drawn::default() }, from, to)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn leads_to_agrees_with_trying_every_set((space, from, to) in drawn()) {
        let found = explore(&space, &Options { edges: true, ..Options::default() }).expect("no panic");
        let graph = found.graph().expect("complete");
        let from = found.select(&space, 1, |(), state| from[state[0] as usize]).expect("no panic");
        let to = found.select(&space, 2, |(), state| to[state[0] as usize]).expect("no panic");
        let stem = shortest_stem(&graph, &from, &to, by_bits);
        match graph.leads_to(&from, &to, by_bits) {
            LeadsTo::Holds => prop_assert_eq!(stem, None),
            LeadsTo::Vacuous => prop_assert!(from.count() == 0 && stem.is_none()),
            LeadsTo::Fails(lasso) => {
                prop_assert_eq!(stem, Some(lasso.stem.steps.len() as u32));
                assert_breaks(&lasso, &space, &graph, &from, &to, by_bits);
            }
        }
    }

    #[test]
    fn what_cannot_reach_agrees_with_going_forward_from_each((space, goal, _) in drawn()) {
        let found = explore(&space, &Options { edges: true, ..Options::default() }).expect("no panic");
        let graph = found.graph().expect("complete");
        let goal = found.select(&space, 1, |(), state| goal[state[0] as usize]).expect("no panic");
        let traps = graph.cannot_reach(&goal);
        for state in 0..graph.states() {
            let reached = reach(&graph, state, |_| true);
            prop_assert_eq!(traps.contains(state), !reached.iter().any(|state| goal.contains(*state)));
        }
    }
}
