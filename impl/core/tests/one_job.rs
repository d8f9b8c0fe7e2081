//! A whole job, end to end, among clients and faults, judged by what the service has promised.

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;
mod simulator;

use harness::{SOURCE, TARGET};
use proptest::collection::vec;
use proptest::prelude::*;
use simulator::oracle::KEYS;
use simulator::{Event, Fate, Simulation};
use splitjob_core::job::{JobOptions, PhaseName};

fn key() -> impl Strategy<Value = usize> {
    0..KEYS.len()
}

/// How far below the newest timestamp: often not at all, sometimes below a snapshot.
fn back() -> impl Strategy<Value = u64> {
    prop_oneof![4 => Just(0), 2 => 1u64..6, 1 => 6u64..40]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        2 => Just(Fate::IsDoubled),
        1 => Just(Fate::IsHeldBack),
    ]
}

fn group() -> impl Strategy<Value = splitjob_core::id::GroupId> {
    prop_oneof![Just(SOURCE), Just(TARGET)]
}

fn client() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (key(), back(), prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(key, back, deletes, astray)| Event::Write { key, back, deletes, astray }),
        1 => (prop::sample::select(vec!["", "m", "n", "!redis|"]), back())
            .prop_map(|(prefix, back)| Event::DeletePrefix { prefix, back }),
        4 => (prop::option::of(key()), back(), 0usize..3)
            .prop_map(|(key, back, versions_behind)| Event::Read { key, back, versions_behind }),
        2 => (key(), key(), back())
            .prop_map(|(primary, secondary, back)| Event::BeginTxn { primary, secondary, back }),
        8 => (0usize..8, prop::bool::weighted(0.2))
            .prop_map(|(which, answer_lost)| Event::DriveTxn { which, answer_lost }),
        1 => (0usize..64).prop_map(|which| Event::RepeatTxn { which }),
        1 => Just(Event::Settle),
    ]
}

fn fault() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0usize..64).prop_map(|which| Event::DeliverLate { which }),
        3 => group().prop_map(|group| Event::Adopt { group }),
        1 => group().prop_map(|group| Event::HoldAdoption { group }),
        1 => Just(Event::TakeOver),
        1 => Just(Event::SpendBudget),
        1 => Just(Event::Retry),
        1 => back().prop_map(|back| Event::Collect { back }),
        1 => (1u64..80).prop_map(|to| Event::SetClock { to }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![10 => client(), 12 => fate().prop_map(Event::JobStep), 3 => fault()]
}

fn options() -> impl Strategy<Value = JobOptions> {
    (1u64..4, 1u64..4, prop_oneof![Just(0u64), Just(2), Just(4096)]).prop_map(|(chunk_rows, sweep_rows, delta_rows)| {
        JobOptions { chunk_rows, sweep_rows, delta_rows, scan_rows: 3, ..JobOptions::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_job_ends_and_no_client_could_tell_that_it_ran(options in options(), events in vec(event(), 0..160)) {
        let mut simulation = Simulation::new(options);
        events.into_iter().for_each(|event| simulation.happen(event));
        simulation.come_to_rest();
        simulation.judge();
    }

    #[test]
    fn a_job_that_is_given_up_anywhere_ends_and_no_client_could_tell(
        options in options(),
        before in vec(event(), 0..120),
        after in vec(event(), 0..40),
    ) {
        let mut simulation = Simulation::new(options);
        before.into_iter().for_each(|event| simulation.happen(event));
        simulation.happen(Event::Abandon);
        after.into_iter().for_each(|event| simulation.happen(event));
        simulation.come_to_rest();
        simulation.judge();
    }

    #[test]
    fn a_range_that_moves_twice_keeps_everything(
        options in options(),
        during_the_first in vec(event(), 0..60),
        during_the_second in vec(event(), 0..80),
    ) {
        let mut simulation = Simulation::new(options.clone());
        during_the_first.into_iter().for_each(|event| simulation.happen(event));
        simulation.come_to_rest();
        simulation.move_again(options);
        during_the_second.into_iter().for_each(|event| simulation.happen(event));
        simulation.come_to_rest();
        simulation.judge();
    }
}

#[test]
fn a_job_that_nothing_disturbs_hands_the_range_over() {
    let mut simulation = Simulation::new(JobOptions::default());
    simulation.come_to_rest();
    assert_eq!(simulation.cluster.phase(), PhaseName::Done);
    simulation.judge();
}
