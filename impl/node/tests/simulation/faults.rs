//! A range moves while messages get lost, nodes die and links are cut; when all that ends, the job ends.

use crate::clients::Clients;
use crate::moves::load;
use crate::{cluster, nodes, phase, run_to, start_job};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_node::simulator::{Faults, Simulation};

/// A stretch of faults, drawn by the seed; then calm, in which the job must end.
fn run(seed: u64) -> (Simulation, Clients) {
    let mut simulation = cluster(seed, Faults::CALM);
    let mut clients = Clients::default();
    load(&mut simulation, &mut clients, 60, 400);
    let options = JobOptions { chunk_rows: 8, sweep_rows: 5, delta_rows: 10, ..JobOptions::default() };
    let job = start_job(&mut simulation, "key0030", 2, options);
    if simulation.random().one_in(2) {
        simulation.set_faults(Faults::HARSH);
    }
    for _ in 0..12 {
        load(&mut simulation, &mut clients, 60, 300);
        let victim = nodes().nth(usize::try_from(simulation.random().below(3)).expect("small")).expect("three nodes");
        match simulation.random().below(5) {
            0 => {
                simulation.crash(victim);
                load(&mut simulation, &mut clients, 60, 200);
                simulation.start(victim).expect("a node starts again from what its disk has");
            }
            1 => simulation.isolate(victim),
            2 => simulation.mend(),
            _ => {}
        }
    }
    simulation.mend();
    simulation.set_faults(Faults::CALM);
    for _ in 0..3 {
        load(&mut simulation, &mut clients, 60, 500);
    }
    if phase(&simulation, job) != Some(PhaseName::Failed) {
        run_to(&mut simulation, job, PhaseName::Done, 60_000);
    }
    simulation.run_for(20_000);
    clients.collect(&simulation, true);
    (simulation, clients)
}

#[test]
fn crashes_losses_and_cut_links_lose_nothing() {
    for seed in 100..112 {
        let (mut simulation, clients) = run(seed);
        assert_eq!(simulation.stopped(), [], "seed {seed}");
        assert!(clients.acknowledged_writes() > 100, "seed {seed}: {} writes", clients.acknowledged_writes());
        clients.check(&mut simulation);
    }
}
