//! A world that panics is reported, with the way to the state it panicked at.

use crate::toys::Followers;
use splitjob_model::explore::{Options, Panicked, Space, Successor, explore};

/// Counters that panic somewhere.
struct Broken {
    counters: Followers,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Worker,
    Initial,
    Successors,
    Violations,
    Goals,
}

/// Far enough for many chunks and two threads.
const FATAL_SUM: u32 = 12;

impl Broken {
    fn at(&self, place: Place, state: &[u32; 10]) {
        if self.place == place && state.iter().sum::<u32>() == FATAL_SUM {
            panic!("{place:?} of a bad state");
        }
    }
}

impl Space for Broken {
    type State = [u32; 10];
    type Worker = ();

    fn worker(&self) {
        assert!(self.place != Place::Worker, "Worker");
    }

    fn initial(&self) -> Vec<[u32; 10]> {
        assert!(self.place != Place::Initial, "Initial");
        self.counters.initial()
    }

    fn successors(&self, (): &mut (), state: &[u32; 10], out: &mut Vec<Successor<[u32; 10]>>) {
        self.at(Place::Successors, state);
        self.counters.successors(&mut (), state, out);
    }

    fn violations(&self, (): &mut (), state: &[u32; 10]) -> u64 {
        self.at(Place::Violations, state);
        self.counters.violations(&mut (), state)
    }

    fn goals(&self, (): &mut (), state: &[u32; 10]) -> u64 {
        self.at(Place::Goals, state);
        self.counters.goals(&mut (), state)
    }
}

fn panicked(place: Place, threads: usize) -> Panicked<[u32; 10]> {
    let space = Broken { counters: Followers { limit: 3 }, place };
    explore(&space, &Options { threads, ..Options::default() }).expect_err("the world panics")
}

#[test]
fn a_panic_at_a_state_comes_with_the_way_there() {
    for place in [Place::Successors, Place::Violations, Place::Goals] {
        let alone = panicked(place, 1);
        assert_eq!(alone.message, format!("{place:?} of a bad state"));
        assert_eq!(alone.trace.steps.len() as u32, FATAL_SUM);
        assert_eq!(alone.trace.last().expect("a state").iter().sum::<u32>(), FATAL_SUM);
        for threads in [2, 3] {
            let panicked = panicked(place, threads);
            assert_eq!((panicked.message, panicked.trace), (alone.message.clone(), alone.trace.clone()));
        }
    }
}

#[test]
fn a_panic_before_there_is_a_state_comes_without_one() {
    for (place, threads) in [(Place::Worker, 1), (Place::Worker, 2), (Place::Initial, 1), (Place::Initial, 2)] {
        let panicked = panicked(place, threads);
        assert_eq!(panicked.message, format!("{place:?}"));
        assert_eq!(panicked.trace.last(), None);
    }
}

/// A world whose steps depend on how often it was asked.
struct Forgetful(std::sync::atomic::AtomicU32);

impl Space for Forgetful {
    type State = [u32; 1];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 1]> {
        vec![[0]]
    }

    fn successors(&self, (): &mut (), [state]: &[u32; 1], out: &mut Vec<Successor<[u32; 1]>>) {
        let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if *state == 0 {
            out.push(Successor { label: 0, state: [asked + 1] });
        }
    }

    fn violations(&self, (): &mut (), _: &[u32; 1]) -> u64 {
        0
    }

    fn goals(&self, (): &mut (), _: &[u32; 1]) -> u64 {
        0
    }
}

#[test]
fn a_step_that_does_not_come_again_is_reported() {
    let space = Forgetful(0.into());
    let found = explore(&space, &Options::default()).expect("no panic");
    let unrepeatable = found.trace_to(&space, 1).expect_err("the second answer differs");
    assert_eq!((unrepeatable.from, unrepeatable.to), ([0], [1]));
}
