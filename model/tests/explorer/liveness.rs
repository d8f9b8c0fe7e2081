//! Liveness on graphs small enough to see the answer.

use crate::lassos::assert_breaks;
use crate::toys::{Drawn, INSIDE, Peterson, Ring, WANTS};
use splitjob_model::explore::{Cut, Exploration, LeadsTo, NoGraph, Options, Space, StateSet, explore};

const EDGES: Options<'_> = Options {
    threads: 1,
    edges: true,
    stop: splitjob_model::explore::StopAt::Exhausted,
    max_states: None,
    expected_states: None,
    max_depth: None,
    max_memory_bytes: None,
    max_time: None,
    cancel: None,
    progress: None,
};

/// Labels 1 to 8 are fair classes of their own; label 0 is owed nothing.
fn by_label(label: u32) -> u64 {
    if label == 0 { 0 } else { 1 << (label - 1) }
}

fn set(found: &Exploration<[u32; 1]>, members: &[u32]) -> StateSet {
    let mut set = StateSet::empty(found.unique() as u32);
    for (state, index) in found.states().zip(0..) {
        if members.contains(&state[0]) {
            set.insert(index);
        }
    }
    set
}

/// Whether, in the graph with these steps, state 0 leads to state 9 or, without it, to the last state.
fn zero_leads_to(goal: u32, states: usize, steps: &[(u32, u32, u32)]) -> LeadsTo<[u32; 1]> {
    let space = Drawn::of(states, steps);
    let found = explore(&space, &EDGES).expect("no panic");
    let (from, to) = (set(&found, &[0]), set(&found, &[goal]));
    let graph = found.graph().expect("complete");
    let answer = graph.leads_to(&from, &to, by_label);
    if let LeadsTo::Fails(lasso) = &answer {
        assert_breaks(lasso, &space, &graph, &from, &to, by_label);
    }
    answer
}

fn assert_fails(answer: LeadsTo<[u32; 1]>, stem: &[u32], cycle: &[u32]) {
    let LeadsTo::Fails(lasso) = answer else { panic!("{answer:?}") };
    let ends = |steps: &[splitjob_model::explore::Successor<[u32; 1]>]| {
        steps.iter().map(|step| step.state[0]).collect::<Vec<_>>()
    };
    assert_eq!((ends(&lasso.stem.steps), ends(&lasso.cycle)), (stem.to_vec(), cycle.to_vec()));
}

#[test]
fn a_straight_way_of_fair_steps_leads_there() {
    assert_eq!(zero_leads_to(2, 3, &[(0, 1, 1), (1, 1, 2)]), LeadsTo::Holds);
}

#[test]
fn a_cycle_is_found() {
    assert_fails(zero_leads_to(3, 4, &[(0, 1, 1), (1, 1, 2), (2, 1, 1), (2, 0, 3)]), &[1], &[2, 1]);
}

#[test]
fn a_self_loop_is_found() {
    assert_fails(zero_leads_to(2, 3, &[(0, 1, 1), (1, 1, 1), (1, 0, 2)]), &[1], &[1]);
}

#[test]
fn two_ways_that_join_are_not_a_cycle() {
    assert_eq!(zero_leads_to(3, 4, &[(0, 1, 1), (0, 2, 2), (1, 1, 3), (2, 2, 3)]), LeadsTo::Holds);
}

#[test]
fn a_cycle_that_neglects_a_fair_class_is_no_excuse() {
    assert_eq!(zero_leads_to(2, 3, &[(0, 1, 1), (1, 1, 0), (0, 2, 2), (1, 2, 2)]), LeadsTo::Holds);
}

#[test]
fn a_cycle_that_disables_the_fair_class_now_and_then_is_fair() {
    assert_fails(zero_leads_to(2, 3, &[(0, 1, 1), (1, 1, 0), (0, 2, 2)]), &[], &[1, 0]);
}

#[test]
fn a_loop_goes_through_all_that_makes_it_fair() {
    let steps = [(0, 1, 1), (1, 1, 0), (0, 2, 2), (2, 2, 0), (0, 3, 3), (1, 3, 3), (2, 3, 3), (2, 3, 0)];
    assert_fails(zero_leads_to(3, 4, &steps), &[], &[1, 0, 2, 0]);
}

#[test]
fn a_cycle_of_which_the_goal_is_part_holds_and_one_beside_it_does_not() {
    let through = [(0, 1, 1), (1, 1, 2), (2, 1, 0)];
    assert_eq!(zero_leads_to(2, 3, &through), LeadsTo::Holds);
    let beside = [through.as_slice(), &[(1, 1, 3), (3, 1, 1)]].concat();
    assert_fails(zero_leads_to(2, 4, &beside), &[1], &[3, 1]);
}

#[test]
fn a_state_without_steps_is_an_end() {
    assert_fails(zero_leads_to(2, 3, &[(0, 1, 1), (0, 2, 2)]), &[1], &[]);
}

#[test]
fn where_only_the_environment_can_move_it_need_not() {
    assert_fails(zero_leads_to(2, 3, &[(0, 1, 1), (1, 0, 2)]), &[1], &[]);
}

#[test]
fn a_from_state_that_is_a_goal_state_is_content() {
    assert_eq!(zero_leads_to(0, 2, &[(0, 1, 1), (1, 1, 1)]), LeadsTo::Holds);
}

#[test]
fn without_a_from_state_the_answer_is_vacuous() {
    let space = Drawn::of(2, &[(0, 1, 1)]);
    let found = explore(&space, &EDGES).expect("no panic");
    let none = StateSet::empty(2);
    assert_eq!(found.graph().expect("complete").leads_to(&none, &none, by_label), LeadsTo::Vacuous);
}

#[test]
fn the_obligation_begins_where_from_is_met_and_not_before() {
    let steps = [(0, 0, 1), (1, 1, 0), (1, 0, 2), (2, 1, 3), (3, 1, 3)];
    let space = Drawn::of(4, &steps);
    let found = explore(&space, &EDGES).expect("no panic");
    let graph = found.graph().expect("complete");
    assert_eq!(graph.leads_to(&set(&found, &[2]), &set(&found, &[3]), by_label), LeadsTo::Holds);
    let LeadsTo::Fails(lasso) = graph.leads_to(&set(&found, &[2]), &set(&found, &[1]), by_label) else {
        panic!("it fails")
    };
    assert_eq!((lasso.from, lasso.stem.steps.len(), lasso.cycle.len()), (2, 3, 1));
    let lines = [
        "start at [0]",
        "   1. step 0 to [1]",
        "   2. step 0 to [2]",
        "   3. step 1 to [3]",
        "open since step 2",
        "and then, again and again:",
        "   4. step 1 to [3]",
        "",
    ];
    assert_eq!(lasso.to_string(), lines.join("\n"));
}

#[test]
fn a_graph_that_was_cut_short_is_refused() {
    let space = Drawn::of(3, &[(0, 1, 1), (1, 1, 2)]);
    let found = explore(&space, &Options { max_depth: Some(0), ..EDGES }).expect("no panic");
    assert_eq!(found.graph().err(), Some(NoGraph::Partial(Cut::Depth)));
}

#[test]
fn a_trap_is_found_and_the_nearest_state_of_it_comes_first() {
    let space = Drawn::of(6, &[(0, 1, 1), (1, 1, 2), (0, 1, 3), (3, 1, 4), (4, 1, 5), (5, 1, 4), (2, 1, 0)]);
    let found = explore(&space, &EDGES).expect("no panic");
    let traps = found.graph().expect("complete").cannot_reach(&set(&found, &[2]));
    assert_eq!(traps, set(&found, &[3, 4, 5]));
    let trace = found.trace_to(&space, traps.first().expect("a trap")).expect("repeatable");
    assert_eq!(trace.last(), Some(&[3]));
}

#[test]
fn everybody_can_reach_a_goal_that_all_ways_meet() {
    let space = Drawn::of(3, &[(0, 1, 1), (0, 2, 2), (1, 1, 2), (2, 1, 0)]);
    let found = explore(&space, &EDGES).expect("no panic");
    assert_eq!(found.graph().expect("complete").cannot_reach(&set(&found, &[2])).count(), 0);
}

/// Each process is one fair class, once it is not idle: nobody is owed that a process wants in.
fn fair_processes(label: u32) -> u64 {
    let (process, place) = (label % 2, label / 2);
    if place == 0 { 0 } else { 1 << process }
}

#[test]
fn who_wants_in_gets_in() {
    let space = Peterson { gives_way: true };
    let found = explore(&space, &EDGES).expect("no panic");
    let graph = found.graph().expect("complete");
    let wants = found.select(&space, 2, |(), state| state[0] == WANTS).expect("no panic");
    let inside = found.select_goals(&space, 2, 1).expect("no panic");
    assert_eq!(inside, found.select(&space, 1, |(), state| state[0] == INSIDE).expect("no panic"));
    assert_eq!(graph.leads_to(&wants, &inside, fair_processes), LeadsTo::Holds);
    let LeadsTo::Fails(lasso) = graph.leads_to(&wants, &inside, |label| fair_processes(label) & 0b10) else {
        panic!("an unfair scheduler starves it")
    };
    assert_breaks(&lasso, &space, &graph, &wants, &inside, |label| fair_processes(label) & 0b10);
}

#[test]
fn a_ring_comes_to_rest_without_any_fairness_but_progress() {
    for (values, rests) in [(5, true), (2, false)] {
        let space = Ring { values };
        let found = explore(&space, &EDGES).expect("no panic");
        let graph = found.graph().expect("complete");
        let all = StateSet::empty(found.unique() as u32).complement();
        let one = found.select_goals(&space, 2, 1).expect("no panic");
        assert_eq!(all.count(), found.unique());
        let answer = graph.leads_to(&all, &one, |_| 1);
        assert_eq!(answer == LeadsTo::Holds, rests);
        if let LeadsTo::Fails(lasso) = answer {
            assert_breaks(&lasso, &space, &graph, &all, &one, |_| 1);
        }
        assert_eq!(space.initial().len(), found.level_sizes()[0]);
    }
}
