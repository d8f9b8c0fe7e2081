//! Explorations that end early say so, and never pass.

use crate::reference::plain;
use crate::toys::{Followers, Puzzle};
use splitjob_model::explore::{
    Completeness, Cut, Exploration, NoGraph, Options, Progress, Reachability, StopAt, Verdict, explore,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LIMIT: Followers = Followers { limit: 3 };

fn assert_cut(options: Options<'_>, cut: Cut) -> Exploration<[u32; 10]> {
    let found = explore(&LIMIT, &Options { edges: true, ..options }).expect("no panic");
    assert_eq!(found.completeness(), Completeness::Partial(cut));
    assert_eq!(found.verdict(0), Verdict::Incomplete(cut));
    assert_eq!(found.reachability(1), Reachability::Incomplete(cut));
    assert_eq!(found.graph().err(), Some(NoGraph::Partial(cut)));
    assert!(found.expanded() < found.unique());
    found
}

#[test]
fn a_limit_of_states_makes_it_partial() {
    let found = assert_cut(Options { max_states: Some(500), ..Options::default() }, Cut::States);
    assert!((500..100_000).contains(&found.unique()));
    for threads in [2, 3] {
        let again = assert_cut(Options { threads, max_states: Some(500), ..Options::default() }, Cut::States);
        let counts =
            |found: &Exploration<_>| (found.unique(), found.expanded(), found.generated(), found.level_sizes());
        assert_eq!(counts(&again), counts(&found));
    }
}

#[test]
fn a_limit_of_depth_makes_it_partial_and_expands_that_depth() {
    let found = assert_cut(Options { max_depth: Some(4), ..Options::default() }, Cut::Depth);
    assert_eq!(found.depth(), 5);
    assert_eq!(found.expanded(), found.level_sizes()[..5].iter().sum::<usize>());
}

#[test]
fn a_limit_of_memory_makes_it_partial() {
    assert_cut(Options { max_memory_bytes: Some(1 << 20), ..Options::default() }, Cut::Memory);
}

#[test]
fn a_limit_of_time_makes_it_partial() {
    assert_cut(Options { max_time: Some(Duration::ZERO), ..Options::default() }, Cut::Time);
}

#[test]
fn cancelling_makes_it_partial() {
    let cancel = AtomicBool::new(false);
    let progress = |progress: &Progress| cancel.store(progress.depth >= 3, Ordering::Relaxed);
    let options = Options { cancel: Some(&cancel), progress: Some(&progress), ..Options::default() };
    assert_eq!(assert_cut(options, Cut::Cancelled).depth(), 3);
}

#[test]
fn limits_that_are_not_reached_leave_it_complete() {
    let options = Options { max_states: Some(100_001), max_depth: Some(30), ..Options::default() };
    let found = explore(&LIMIT, &options).expect("no panic");
    assert_eq!((found.completeness(), found.unique()), (Completeness::Complete, 100_000));
}

#[test]
fn a_limit_reached_by_the_last_state_leaves_it_complete() {
    let options = Options { max_states: Some(100_000), ..Options::default() };
    let space = crate::toys::Drawn::of(1, &[]);
    let one = explore(&space, &Options { max_states: Some(1), ..Options::default() }).expect("no panic");
    assert_eq!(one.completeness(), Completeness::Partial(Cut::States), "the only state was not looked at");
    let all = explore(&LIMIT, &options).expect("no panic");
    assert_eq!(all.completeness(), Completeness::Partial(Cut::States), "the last state was not looked at");
}

#[test]
fn the_first_violation_is_the_first_in_canonical_order_with_any_number_of_threads() {
    let plain = plain(&Puzzle);
    for threads in [1, 2, 5] {
        let options = Options { threads, stop: StopAt::FirstViolation { mask: 1 }, ..Options::default() };
        let found = explore(&Puzzle, &options).expect("no panic");
        assert_eq!(found.completeness(), Completeness::Partial(Cut::ViolationFound));
        let first = found.stopped_at().expect("there is one");
        assert_eq!(plain.verdict(0), Verdict::Violated(first));
        assert_eq!(found.verdict(0), Verdict::Violated(first));
        assert_eq!(found.verdict(1), Verdict::Incomplete(Cut::ViolationFound));
        let trace = found.counterexample(&Puzzle, 0).expect("the puzzle is repeatable").expect("it is violated");
        assert_eq!(trace, plain.trace_to(first.state as usize));
        assert_eq!(trace.steps.len() as u32, first.depth);
    }
}

#[test]
fn a_violation_that_is_not_asked_for_does_not_stop_it() {
    let options = Options { stop: StopAt::FirstViolation { mask: 0b10 }, ..Options::default() };
    let found = explore(&Puzzle, &options).expect("no panic");
    assert_eq!((found.completeness(), found.stopped_at()), (Completeness::Complete, None));
    assert!(matches!(found.verdict(0), Verdict::Violated(_)));
}

#[test]
fn a_complete_exploration_without_edges_has_no_graph() {
    let found = explore(&LIMIT, &Options::default()).expect("no panic");
    assert_eq!(found.graph().err(), Some(NoGraph::NoEdges));
}

#[test]
fn progress_grows_and_ends_with_everything() {
    let seen = Mutex::new(Vec::new());
    let progress = |progress: &Progress| seen.lock().expect("no panic").push(*progress);
    let found =
        explore(&Puzzle, &Options { threads: 2, progress: Some(&progress), ..Options::default() }).expect("no panic");
    let seen = seen.into_inner().expect("no panic");
    assert!(seen.windows(2).all(|pair| pair[0].unique <= pair[1].unique && pair[0].expanded < pair[1].expanded));
    let last = seen.last().expect("there were rounds");
    assert_eq!((last.unique, last.expanded, last.generated), (found.unique(), found.unique(), found.generated()));
}
