//! Whether jobs end: from every reachable state one can (L4), and under fairness every one does (L1).
//!
//! Fair are the steps that nobody may put off for ever: a migrator's messages that are not held back, and a client that
//! asks for the next page of the read that it has begun. Voters apply what their logs hold. Everything else may happen
//! or not.

use splitjob_core::gate::Gate;
use splitjob_model::explore::{Exploration, LeadsTo, Options, StateSet, explore};
use splitjob_model::scenario::{ALL, Class, Scenario};
use splitjob_model::world::{Action, Delivery, Goal, State, World};

fn explored(world: &World) -> Exploration<State> {
    let options = Options { threads: 2, edges: true, ..Options::default() };
    explore(world, &options).expect("the world doesn't panic")
}

/// The states in which the job has ended.
fn ended(world: &World, found: &Exploration<State>) -> StateSet {
    found.select_goals(world, 2, Goal::Ended.bit()).expect("the world doesn't panic")
}

fn fair_class(label: u32) -> u64 {
    match Action::of_label(label) {
        Some(Action::Migrate { delivery: Delivery::AtOnce, .. }) => 1,
        Some(Action::NextPage { .. }) => 1 << 1,
        Some(Action::Apply { group, voter, .. }) => 1 << (2 + 4 * group.number() + voter),
        Some(_) | None => 0,
    }
}

/// Scenarios whose graph fits into a test.
fn small() -> impl Iterator<Item = &'static Scenario> {
    ALL.iter().filter(|scenario| scenario.class == Class::Quick && scenario.pinned.steps < 10_000_000)
}

#[test]
fn from_every_state_the_job_can_end() {
    for scenario in small() {
        let world = scenario.world(&[]);
        let found = explored(&world);
        let graph = found.graph().expect("a complete exploration with edges has a graph");
        let stuck = graph.cannot_reach(&ended(&world, &found));
        assert_eq!(stuck.count(), 0, "{}: states from which the job can't end", scenario.name);
    }
}

#[test]
fn every_fair_run_ends_the_job() {
    for scenario in small() {
        let world = scenario.world(&[]);
        let found = explored(&world);
        let graph = found.graph().expect("a complete exploration with edges has a graph");
        let all = StateSet::empty(graph.states()).complement();
        let verdict = graph.leads_to(&all, &ended(&world, &found), fair_class);
        assert!(matches!(verdict, LeadsTo::Holds), "{}: {verdict:?}", scenario.name);
    }
}

#[test]
fn a_split_of_the_jobs_route_leaves_it_stuck_without_its_gate() {
    let scenario = Scenario::by_name("two-migrators").expect("the scenario is in the list");
    let world = scenario.world(&[Gate::SplitOverlap]);
    let found = explored(&world);
    let graph = found.graph().expect("a complete exploration with edges has a graph");
    assert!(graph.cannot_reach(&ended(&world, &found)).count() > 0);
}

#[test]
fn a_voter_that_never_applies_keeps_the_job_waiting_for_ever() {
    let scenario = Scenario::by_name("lagging-voter").expect("the scenario is in the list");
    let world = scenario.world(&[]);
    let found = explored(&world);
    let graph = found.graph().expect("a complete exploration with edges has a graph");
    let all = StateSet::empty(graph.states()).complement();
    let verdict = graph.leads_to(&all, &ended(&world, &found), |label| fair_class(label) & 0b11);
    assert!(matches!(verdict, LeadsTo::Fails(_)), "{verdict:?}");
}
