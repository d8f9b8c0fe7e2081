//! The explorer, a plain search and stateright agree on whole worlds.

use crate::reference::{assert_same, plain};
use crate::toys::{Clashing, Drawn, Followers, Interned, Peterson, Puzzle, Ring};
use splitjob_model::explore::{Completeness, Interner, Options, Space, StaterightAdapter, Verdict, explore};
use stateright::{Checker, Model};
use std::collections::BTreeSet;
use std::hash::Hash;

const INVARIANTS: [&str; 2] = ["invariant 0", "invariant 1"];
const GOALS: [&str; 2] = ["goal 0", "goal 1"];

fn agrees_with_the_plain_search<P: Space>(space: &P)
where
    P::State: Hash,
{
    let plain = plain(space);
    for (threads, edges) in [(0, false), (1, false), (2, false), (2, true), (3, true), (7, false)] {
        let found = explore(space, &Options { threads, edges, ..Options::default() }).expect("no panic");
        assert_eq!(found.completeness(), Completeness::Complete);
        assert_same(&found, space, &plain, |state| *state);
    }
}

fn agrees_with_stateright<P: Space + Send + 'static>(make: impl Fn() -> P)
where
    P::State: Hash,
{
    let found = explore(&make(), &Options { threads: 2, ..Options::default() }).expect("no panic");
    for threads in [1, 2] {
        let checker = StaterightAdapter::new(make(), &INVARIANTS, &GOALS).checker().threads(threads).spawn_bfs().join();
        assert_eq!(checker.unique_state_count(), found.unique());
        assert_eq!(checker.state_count() as u64, found.generated());
        if threads == 1 {
            assert_eq!(checker.max_depth() as u32, found.depth() + 1);
        }
        let names = |names: [&'static str; 2], mask: u64| {
            names.into_iter().zip(0..).filter(move |(_, bit)| mask >> bit & 1 == 1)
        };
        let ours = names(INVARIANTS, found.violated()).chain(names(GOALS, found.reached()));
        let ours: BTreeSet<&str> = ours.map(|(name, _)| name).collect();
        assert_eq!(checker.discoveries().into_keys().collect::<BTreeSet<_>>(), ours);
    }
}

#[test]
fn counters_agree_with_the_plain_search() {
    agrees_with_the_plain_search(&Followers { limit: 3 });
}

#[test]
fn a_puzzle_agrees_with_the_plain_search() {
    agrees_with_the_plain_search(&Puzzle);
}

#[test]
fn a_mutex_agrees_with_the_plain_search() {
    agrees_with_the_plain_search(&Peterson { gives_way: true });
    agrees_with_the_plain_search(&Peterson { gives_way: false });
}

#[test]
fn a_ring_with_many_initial_states_agrees_with_the_plain_search() {
    agrees_with_the_plain_search(&Ring { values: 5 });
}

#[test]
fn levels_of_many_rounds_agree_with_the_plain_search() {
    let states = 300_000;
    let mut chance = 1u64;
    let mut draw = |below: u32| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((chance >> 33) % u64::from(below)) as u32
    };
    let steps = (0..states).map(|_| (0..draw(7)).map(|label| (label, draw(states))).collect()).collect();
    let initial = (0..states).step_by(3).collect();
    agrees_with_the_plain_search(&Drawn { steps, initial, ..Drawn::default() });
}

#[test]
fn counters_agree_with_stateright() {
    agrees_with_stateright(|| Followers { limit: 3 });
}

#[test]
fn a_puzzle_agrees_with_stateright() {
    agrees_with_stateright(|| Puzzle);
}

#[test]
fn a_mutex_agrees_with_stateright() {
    agrees_with_stateright(|| Peterson { gives_way: true });
    agrees_with_stateright(|| Peterson { gives_way: false });
}

#[test]
fn a_ring_agrees_with_stateright() {
    agrees_with_stateright(|| Ring { values: 5 });
}

#[test]
fn stateright_goes_on_when_all_properties_have_their_example() {
    let adapter =
        StaterightAdapter::new(Peterson { gives_way: false }, &["mutual exclusion"], &["process 0 is inside"]);
    let checker = adapter.checker().spawn_bfs().join();
    assert_eq!(checker.discoveries().len(), 2);
    let found = explore(&Peterson { gives_way: false }, &Options::default()).expect("no panic");
    assert_eq!((checker.unique_state_count(), checker.state_count() as u64), (found.unique(), found.generated()));
}

#[test]
#[should_panic(expected = "a name is used twice")]
fn two_properties_of_one_name_are_refused() {
    StaterightAdapter::new(Puzzle, &["sorted"], &["sorted"]);
}

#[test]
fn counts_of_the_toys_stay_as_they_are() {
    let puzzle = explore(&Puzzle, &Options::default()).expect("no panic");
    let mutex = explore(&Peterson { gives_way: true }, &Options::default()).expect("no panic");
    assert_eq!((puzzle.unique(), puzzle.generated(), puzzle.depth()), (181_440, 483_841, 31));
    assert_eq!((mutex.unique(), mutex.generated(), mutex.depth()), (20, 36, 5));
    assert_eq!(mutex.verdict(0), Verdict::Holds);
}

#[test]
fn equal_hashes_lose_no_state() {
    let plain = plain(&Peterson { gives_way: false });
    let counters = crate::reference::plain(&Followers { limit: 1 });
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let space = Clashing(Peterson { gives_way: false });
        assert_same(&explore(&space, &options).expect("no panic"), &space, &plain, |state| state.0);
        let space = Clashing(Followers { limit: 1 });
        assert_same(&explore(&space, &options).expect("no panic"), &space, &counters, |state| state.0);
    }
}

#[test]
fn racing_ids_change_nothing_but_the_ids() {
    let plain = plain(&Puzzle);
    for threads in [1, 2, 3] {
        let space = Interned { space: Puzzle, values: Interner::new() };
        let found = explore(&space, &Options { threads, ..Options::default() }).expect("no panic");
        assert_same(&found, &space, &plain, |[_, id]| **space.values.get(*id));
    }
}

#[test]
fn a_space_without_states_is_complete_and_empty() {
    let space = Drawn::default();
    let found = explore(&space, &Options { edges: true, ..Options::default() }).expect("no panic");
    assert_eq!(
        (found.completeness(), found.unique(), found.generated(), found.depth()),
        (Completeness::Complete, 0, 0, 0)
    );
    assert!(found.graph().is_ok());
}
