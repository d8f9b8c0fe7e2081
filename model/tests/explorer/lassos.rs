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

/// Whether a fair run exists that meets *from* and then never *to*: tries every set of states that the run could visit
/// for ever.
fn plainly_fails(graph: &Graph<'_, [u32; 1]>, from: &StateSet, to: &StateSet, classes: impl Fn(u32) -> u64) -> bool {
    let states: Vec<u32> = (0..graph.states()).collect();
    let open = |state: u32| !to.contains(state);
    let reach = |starts: Vec<u32>, allowed: &dyn Fn(u32) -> bool| {
        let mut reached: Vec<u32> = starts;
        let mut done = 0;
        while done < reached.len() {
            let ends: Vec<u32> = graph.steps(reached[done]).map(|(_, end)| end).filter(|end| allowed(*end)).collect();
            ends.into_iter().for_each(|end| {
                if !reached.contains(&end) {
                    reached.push(end);
                }
            });
            done += 1;
        }
        reached
    };
    let pending = reach(from.iter().filter(|state| open(*state)).collect(), &open);
    (1u32..1 << states.len()).any(|chosen| {
        let is_in = |state: u32| chosen >> state & 1 == 1;
        let members: Vec<u32> = states.iter().copied().filter(|state| is_in(*state)).collect();
        let possible = members.iter().all(|member| pending.contains(member));
        let connected = || members.iter().all(|member| reach(vec![*member], &is_in).len() == members.len());
        let always = members.iter().fold(u64::MAX, |always, member| always & enabled(graph, *member, &classes));
        let inner = members.iter().flat_map(|member| graph.steps(*member)).filter(|(_, end)| is_in(*end));
        let taken = inner.fold(0, |taken, (label, _)| taken | classes(label));
        possible && always & !taken == 0 && connected()
    })
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
        let fails = plainly_fails(&graph, &from, &to, by_bits);
        match graph.leads_to(&from, &to, by_bits) {
            LeadsTo::Holds => prop_assert!(!fails),
            LeadsTo::Vacuous => prop_assert!(from.count() == 0 && !fails),
            LeadsTo::Fails(lasso) => {
                prop_assert!(fails);
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
            let mut reached = vec![state];
            let mut done = 0;
            while done < reached.len() {
                let ends: Vec<u32> = graph.steps(reached[done]).map(|(_, end)| end).collect();
                ends.into_iter().for_each(|end| if !reached.contains(&end) { reached.push(end) });
                done += 1;
            }
            prop_assert_eq!(traps.contains(state), !reached.iter().any(|state| goal.contains(*state)));
        }
    }
}
