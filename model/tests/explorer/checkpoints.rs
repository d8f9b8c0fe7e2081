//! An exploration that is killed and taken up again ends as if nothing had happened.

use crate::toys::{Drawn, Followers, Peterson, Puzzle, Renumbered, Ring};
use splitjob_model::explore::{
    CheckpointError, Checkpoints, Completeness, Cut, Exploration, Options, Progress, Space, StopAt, Stopped, Successor,
    Trace, explore, explore_with_checkpoints,
};
use splitjob_model::scenario::Scenario;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// Saves after every round.
fn in_directory(directory: &Path) -> Checkpoints<'_> {
    Checkpoints { directory, identity: "toy", every: Duration::ZERO }
}

fn resumed<P: Space>(space: &P, options: Options<'_>, directory: &Path) -> Exploration<P::State> {
    explore_with_checkpoints(space, &options, &in_directory(directory)).expect("it can be taken up")
}

fn refused<P: Space>(space: &P, directory: &Path, identity: &str) -> CheckpointError {
    let checkpoints = Checkpoints { identity, ..in_directory(directory) };
    match explore_with_checkpoints(space, &Options::default(), &checkpoints) {
        Err(Stopped::Checkpoint(error)) => error,
        Err(Stopped::Panicked(panicked)) => panic!("{panicked}"),
        Ok(found) => panic!("it was taken up: {found:?}"),
    }
}

/// Explores until so many rounds have ended, and dies before the last of them is saved.
fn killed<P: Space>(space: &P, threads: usize, directory: &Path, rounds: usize) {
    let ended = Mutex::new(0);
    let progress = |_: &Progress| {
        let mut ended = ended.lock().expect("the one panic is ours");
        *ended += 1;
        assert!(*ended < rounds, "killed");
    };
    let options = Options { threads, progress: Some(&progress), ..Options::default() };
    let explored = || explore_with_checkpoints(space, &options, &in_directory(directory)).map(|_| ());
    assert!(catch_unwind(AssertUnwindSafe(explored)).is_err(), "it ended before it was killed");
}

/// All that two explorations of one space can be compared by, their numbers aside.
fn answers<P: Space>(found: &Exploration<P::State>, space: &Renumbered<P>) -> impl PartialEq + Debug + use<P> {
    let meant = |trace: Trace<P::State>| {
        let step = |step: &Successor<P::State>| (step.label, space.meant(&step.state));
        (trace.initial.map(|state| space.meant(&state)), trace.steps.iter().map(step).collect::<Vec<_>>())
    };
    let last = (found.unique() as u32).checked_sub(1);
    let traces = [0, 1].map(|bit| {
        let counterexample = found.counterexample(space, bit).expect("it can be repeated").map(meant);
        (counterexample, found.witness(space, bit).expect("it can be repeated").map(meant))
    });
    (
        (found.completeness(), found.unique(), found.expanded(), found.generated(), found.level_sizes()),
        (found.terminals(), found.first_terminal(), found.steps_by_kind().to_vec()),
        ([0, 1].map(|bit| found.verdict(bit)), [0, 1].map(|bit| found.reachability(bit)), traces),
        found.states().map(|state| space.meant(state)).collect::<Vec<_>>(),
        last.map(|last| meant(found.trace_to(space, last).expect("it can be repeated"))),
    )
}

/// Kills an exploration again and again, each time taken up where the numbers are others.
fn ends_as_in_one_go<P: Space>(make: impl Fn() -> P, stop: StopAt, kills: &[usize]) {
    let space = Renumbered::after(0, make());
    let options = Options { stop, ..Options::default() };
    let expected = answers(&explore(&space, &options).expect("no panic"), &space);
    let place = tempfile::tempdir().expect("there is room");
    for (number, rounds) in (1..).zip(kills) {
        killed(&Renumbered::after(number, make()), 1 + number as usize % 3, place.path(), *rounds);
    }
    let space = Renumbered::after(7, make());
    let found = resumed(&space, Options { threads: 2, ..options }, place.path());
    assert_eq!(answers(&found, &space), expected);
}

#[test]
fn counters_end_as_in_one_go() {
    ends_as_in_one_go(|| Followers { limit: 3 }, StopAt::Exhausted, &[4]);
    ends_as_in_one_go(|| Followers { limit: 3 }, StopAt::Exhausted, &[2, 3, 2, 9, 5]);
}

#[test]
fn a_puzzle_ends_as_in_one_go() {
    ends_as_in_one_go(|| Puzzle, StopAt::Exhausted, &[10, 12]);
}

#[test]
fn a_mutex_and_its_shortest_violation_end_as_in_one_go() {
    ends_as_in_one_go(|| Peterson { gives_way: false }, StopAt::Exhausted, &[2, 2]);
    ends_as_in_one_go(|| Peterson { gives_way: false }, StopAt::FirstViolation { mask: 1 }, &[3]);
}

#[test]
fn a_ring_with_many_initial_states_ends_as_in_one_go() {
    ends_as_in_one_go(|| Ring { values: 5 }, StopAt::Exhausted, &[2]);
}

#[test]
fn a_level_of_many_rounds_ends_as_in_one_go() {
    let drawn = || {
        let states = 400_000u32;
        let steps =
            |state: u32| (0..3).map(move |label| (label, state.wrapping_mul(2_654_435_761) % states / (label + 1)));
        let steps = (0..states).map(|state| steps(state).collect()).collect();
        Drawn { steps, initial: (0..states).step_by(2).collect(), ..Drawn::default() }
    };
    ends_as_in_one_go(drawn, StopAt::Exhausted, &[2, 3]);
}

#[test]
fn a_scenario_ends_with_its_pinned_counts() {
    let scenario = Scenario::by_name("read-fence").expect("it is in the catalogue");
    let place = tempfile::tempdir().expect("there is room");
    killed(&scenario.world(&[]), 2, place.path(), 12);
    killed(&scenario.world(&[]), 1, place.path(), 6);
    let world = scenario.world(&[]);
    let found = resumed(&world, Options { threads: 2, ..Options::default() }, place.path());
    let counted = (found.unique() as u64, found.generated(), found.depth());
    assert_eq!(counted, (scenario.pinned.states, scenario.pinned.steps, scenario.pinned.depth));
    let other = scenario.world(&[]);
    let alone = explore(&other, &Options::default()).expect("no panic");
    assert_eq!((found.level_sizes(), found.reached(), found.violated()), (alone.level_sizes(), alone.reached(), 0));
    for goal in (0..64).filter(|goal| alone.reached() >> goal & 1 == 1) {
        assert_eq!(found.first_reaching(goal), alone.first_reaching(goal));
        let labels = |found: &Exploration<_>, world| {
            let trace = found.witness(world, goal).expect("it can be repeated").expect("it was reached");
            trace.steps.iter().map(|step| step.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(&found, &world), labels(&alone, &other));
    }
}

#[test]
fn a_limit_can_be_raised() {
    let place = tempfile::tempdir().expect("there is room");
    let space = Renumbered::after(1, Followers { limit: 3 });
    let cut = resumed(&space, Options { max_states: Some(500), ..Options::default() }, place.path());
    assert_eq!(cut.completeness(), Completeness::Partial(Cut::States));
    let space = Renumbered::after(2, Followers { limit: 3 });
    let found = resumed(&space, Options::default(), place.path());
    let alone = explore(&space, &Options::default()).expect("no panic");
    assert_eq!(answers(&found, &space), answers(&alone, &space));
}

#[test]
fn what_is_complete_is_complete_at_once() {
    let place = tempfile::tempdir().expect("there is room");
    let first = resumed(&Puzzle, Options::default(), place.path());
    let no_round = |progress: &Progress| panic!("{progress:?}");
    let again = resumed(&Puzzle, Options { progress: Some(&no_round), ..Options::default() }, place.path());
    assert_eq!((again.completeness(), again.unique()), (Completeness::Complete, first.unique()));
    assert!(again.seconds() > first.seconds(), "the time that it took counts");
}

#[test]
fn another_identity_is_refused() {
    let place = tempfile::tempdir().expect("there is room");
    killed(&Puzzle, 1, place.path(), 5);
    let before = contents(place.path());
    let error = refused(&Puzzle, place.path(), "another toy");
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
    assert_eq!(contents(place.path()), before);
}

#[test]
fn another_model_of_the_same_identity_is_refused() {
    let place = tempfile::tempdir().expect("there is room");
    killed(&Peterson { gives_way: false }, 1, place.path(), 5);
    let error = refused(&Ring { values: 5 }, place.path(), "toy");
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
    // The same shape, other steps.
    let place = tempfile::tempdir().expect("there is room");
    let toy = |end| Drawn::of(6, &[(0, 0, 1), (1, 0, 2), (1, 1, end), (3, 0, 4), (4, 0, 5)]);
    killed(&toy(3), 1, place.path(), 4);
    let error = refused(&Renumbered::after(1, toy(1)), place.path(), "toy");
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let place = tempfile::tempdir().expect("there is room");
    killed(&Puzzle, 1, place.path(), 5);
    let whole = contents(place.path());
    let written: Vec<&PathBuf> = whole.keys().filter(|path| !path.ends_with("lock")).collect();
    assert!(written.len() > 3, "a manifest and segments: {written:?}");
    for path in written {
        let bytes = &whole[path];
        let mut flipped = bytes.clone();
        flipped[bytes.len() * 2 / 3] ^= 1;
        for damaged in [flipped, bytes[..bytes.len() - 1].to_vec(), Vec::new()] {
            fs::write(path, &damaged).expect("it can be written");
            let error = refused(&Puzzle, place.path(), "toy");
            assert!(matches!(&error, CheckpointError::Damaged { path: at, .. } if at == path), "{error}");
            assert_eq!(fs::read(path).expect("it is there"), damaged);
        }
        fs::remove_file(path).expect("it is there");
        if !path.ends_with("manifest") {
            let error = refused(&Puzzle, place.path(), "toy");
            assert!(matches!(&error, CheckpointError::Io { path: at, .. } if at == path), "{error}");
        }
        fs::write(path, bytes).expect("it can be written");
    }
    assert_eq!(contents(place.path()), whole);
    assert_eq!(resumed(&Puzzle, Options::default(), place.path()).unique(), 181_440);
}

#[test]
fn a_manifest_of_another_version_is_refused() {
    let place = tempfile::tempdir().expect("there is room");
    killed(&Puzzle, 1, place.path(), 3);
    let path = place.path().join("manifest");
    let text = fs::read_to_string(&path).expect("it is text");
    fs::write(&path, text.replacen("checkpoint 1", "checkpoint 2", 1)).expect("it can be written");
    let error = refused(&Puzzle, place.path(), "toy");
    assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
}

#[test]
fn two_explorations_do_not_share_a_directory() {
    let place = tempfile::tempdir().expect("there is room");
    let told = Mutex::new(None);
    let progress = |_: &Progress| *told.lock().expect("nobody panics") = Some(refused(&Puzzle, place.path(), "toy"));
    resumed(&Peterson { gives_way: true }, Options { progress: Some(&progress), ..Options::default() }, place.path());
    let told = told.into_inner().expect("nobody panicked").expect("there was a round");
    assert!(matches!(told, CheckpointError::InUse(_)), "{told}");
}

#[test]
fn edges_are_not_saved() {
    let place = tempfile::tempdir().expect("there is room");
    let options = Options { edges: true, ..Options::default() };
    let stopped = explore_with_checkpoints(&Puzzle, &options, &in_directory(place.path())).expect_err("it is refused");
    assert!(matches!(stopped, Stopped::Checkpoint(CheckpointError::Edges)), "{stopped}");
}

fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).expect("it is a directory").map(|file| file.expect("it is readable").path());
    files.map(|path| (path.clone(), fs::read(&path).expect("it is a file"))).collect()
}
