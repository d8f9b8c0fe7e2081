//! A range moves while clients write.

use crate::clients::Clients;
use crate::{cluster, phase, route_of, run_to, start_job};
use splitjob_core::id::GroupId;
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_node::simulator::{Faults, Simulation};

/// Clients write for so many milliseconds, a write every two.
pub(crate) fn load(simulation: &mut Simulation, clients: &mut Clients, keys: u64, ms: u64) {
    for _ in 0..ms / 2 {
        clients.write(simulation, keys);
        simulation.run_for(2);
        clients.collect(simulation, false);
    }
}

#[test]
fn a_write_is_seen_through_every_node() {
    let mut simulation = cluster(1, Faults::CALM);
    let mut clients = Clients::default();
    load(&mut simulation, &mut clients, 20, 200);
    simulation.run_for(1_000);
    clients.collect(&simulation, true);
    assert_eq!(clients.acknowledged_writes(), 100, "refused: {:?}", clients.refused);
    clients.check(&mut simulation);
}

#[test]
fn a_range_moves_under_load_and_nothing_is_lost() {
    let mut simulation = cluster(2, Faults::CALM);
    let mut clients = Clients::default();
    load(&mut simulation, &mut clients, 300, 1_000);
    let job = start_job(&mut simulation, "key0150", 2, JobOptions::default());
    for _ in 0..100 {
        load(&mut simulation, &mut clients, 300, 100);
        if phase(&simulation, job) == Some(PhaseName::Done) {
            break;
        }
    }
    run_to(&mut simulation, job, PhaseName::Done, 10_000);
    load(&mut simulation, &mut clients, 300, 300);
    simulation.run_for(2_000);
    clients.collect(&simulation, true);
    assert_eq!(route_of(&simulation, "key0150").group, GroupId(2));
    assert_eq!(clients.refused, [], "a writer waits for the end of a fence and is not refused");
    clients.check(&mut simulation);
}

#[test]
fn a_range_that_moved_there_moves_back() {
    let mut simulation = cluster(3, Faults::CALM);
    let mut clients = Clients::default();
    load(&mut simulation, &mut clients, 100, 500);
    for target in [2, 1, 2] {
        let job = start_job(&mut simulation, "key0050", target, JobOptions::default());
        load(&mut simulation, &mut clients, 100, 1_000);
        run_to(&mut simulation, job, PhaseName::Done, 20_000);
        load(&mut simulation, &mut clients, 100, 200);
    }
    simulation.run_for(2_000);
    clients.collect(&simulation, true);
    clients.check(&mut simulation);
}

#[test]
fn one_seed_gives_one_run() {
    let run = || {
        let mut simulation = cluster(7, Faults::HARSH);
        let mut clients = Clients::default();
        let job = start_job(&mut simulation, "key0010", 2, JobOptions::default());
        load(&mut simulation, &mut clients, 20, 2_000);
        (simulation.trace_hash(), phase(&simulation, job), clients.acknowledged_writes())
    };
    assert_eq!(run(), run());
}
