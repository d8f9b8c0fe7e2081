//! Liveness, where the command line doesn't look: what each assumption of fairness is good for, and what a gap traps.

use splitjob_core::gate::Gate;
use splitjob_model::check::{LivenessVerdict, Options, run};
use splitjob_model::explore::{self, explore};
use splitjob_model::scenario::{ALL, Class, Scenario};
use splitjob_model::world::{Demand, Fairness, Liveness, Situation};

fn scenario(name: &str) -> &'static Scenario {
    Scenario::by_name(name).expect("the scenario is in the list")
}

#[test]
fn every_liveness_property_is_asked_somewhere() {
    for property in Liveness::ALL {
        assert!(ALL.iter().any(|scenario| scenario.liveness.contains(property)), "{property}");
    }
}

#[test]
fn every_quick_scenario_that_is_small_enough_is_asked_whether_its_job_ends() {
    let small = ALL.iter().filter(|scenario| scenario.class == Class::Quick && scenario.pinned.steps < 10_000_000);
    for scenario in small {
        // A node that never gets its capability back stops a job for ever: there, only that it can end is asked.
        let is_certain = (scenario.bounds)().downgrades == 0;
        assert_eq!(scenario.liveness.contains(&Liveness::JobEnds), is_certain, "{}", scenario.name);
        assert!(scenario.liveness.contains(&Liveness::JobCanEnd), "{}", scenario.name);
    }
}

/// Where each assumption is needed, and for what.
const NEEDED: [(Fairness, &str, &str); 6] = [
    (Fairness::MessagesArrive, "lagging-voter", "L1"),
    (Fairness::ReadsGoOn, "lagging-voter", "L1"),
    (Fairness::VotersApply, "lagging-voter", "L1"),
    (Fairness::LocksSettle, "drain", "L3"),
    (Fairness::ClientsAsk, "far-future", "L2"),
    (Fairness::RoutesSpread, "far-future", "L2"),
];

#[test]
fn without_any_one_fairness_something_may_never_come_about() {
    assert_eq!(NEEDED.map(|(fairness, ..)| fairness).len(), Fairness::ALL.len());
    for (unfair, place, id) in NEEDED {
        let options = Options { threads: 2, unfair: Some(unfair), ..Options::default() };
        let (report, found) = run(scenario(place), None, &options).expect("the world doesn't panic");
        let judged = report.liveness.iter().find(|judged| judged.id == id).expect("it is asked there");
        assert_eq!(judged.verdict, LivenessVerdict::Violated, "{unfair}");
        assert!(found.is_some_and(|found| found.end.stem().is_some()), "{unfair}");
    }
}

#[test]
fn a_split_of_the_jobs_route_traps_the_job_without_its_gate() {
    let world = scenario("two-migrators").world(&[Gate::SplitOverlap]);
    let options = explore::Options { threads: 2, edges: true, ..explore::Options::default() };
    let found = explore(&world, &options).expect("the world doesn't panic");
    let Demand::CanReach { to } = Liveness::JobCanEnd.demand() else { panic!("L4 is about what can be reached") };
    assert!(matches!(to, Situation::Goal(_)));
    let ended = world.select(&found, 2, to).expect("the world doesn't panic");
    let graph = found.graph().expect("a complete exploration with edges has a graph");
    assert!(graph.cannot_reach(&ended).count() > 0);
}
