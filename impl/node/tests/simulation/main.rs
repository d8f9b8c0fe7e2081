//! Whole clusters of production nodes in one thread, over a simulated clock, network and disks.

mod clients;
mod faults;
mod moves;

use splitjob_core::catalog::Route;
use splitjob_core::id::{GroupId, JobId, NodeId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_node::api::{AdminRequest, AdminResponse, ClientResponse};
use splitjob_node::config::NodeConfig;
use splitjob_node::simulator::{Faults, Simulation};

/// Three nodes, each with a voter of the default group and of two data groups.
pub(crate) fn cluster(seed: u64, faults: Faults) -> Simulation {
    let members = [1, 2, 3].map(NodeId).into_iter().collect();
    let mut config = NodeConfig::new(NodeId(1), members, vec![GroupId(1), GroupId(2)]);
    config.cache_bytes = 1 << 20;
    config.seed = seed;
    let simulation = Simulation::new(&config, seed, faults);
    settled(simulation)
}

/// The same, once every group has a leader.
pub(crate) fn settled(mut simulation: Simulation) -> Simulation {
    let has_leaders =
        |simulation: &Simulation| [0, 1, 2].map(GroupId).into_iter().all(|group| leader(simulation, group).is_some());
    assert!(simulation.run_until(20_000, has_leaders), "no leaders within 20 s");
    // The catalog hears of every node before a job may begin (V1).
    simulation.run_for(2_500);
    simulation
}

/// The node that leads a group by the word of a majority.
pub(crate) fn leader(simulation: &Simulation, group: GroupId) -> Option<NodeId> {
    let named: Vec<NodeId> = nodes()
        .filter_map(|node| {
            let status = simulation.node(node)?.status(simulation.now(node));
            status.groups.iter().find(|view| view.group == group).and_then(|view| view.leader)
        })
        .collect();
    named.iter().copied().find(|leader| named.iter().filter(|other| *other == leader).count() >= 2)
}

pub(crate) fn nodes() -> impl Iterator<Item = NodeId> {
    [1, 2, 3].map(NodeId).into_iter()
}

/// Starts a job that moves everything from `at` on to group 2.
pub(crate) fn start_job(simulation: &mut Simulation, at: &str, target: u64, options: JobOptions) -> JobId {
    let route = route_of(simulation, at);
    let request = AdminRequest::StartJob {
        expected_version: None,
        route: route.id,
        split_key: RoutingKey::from(at),
        target: GroupId(target),
        options,
        dry_run: false,
    };
    match simulation.order(NodeId(1), request) {
        Some(Ok(ClientResponse::Admin(AdminResponse::Started(job)))) => job,
        other => panic!("the job doesn't start: {other:?}"),
    }
}

/// The route that covers a key, by the word of the first node that runs.
pub(crate) fn route_of(simulation: &Simulation, at: &str) -> Route {
    let node = nodes().find_map(|node| simulation.node(node)).expect("a node runs");
    node.catalog().routes().covering(&RoutingKey::from(at)).clone()
}

/// The phase of a job, by the word of the node that has applied most of the catalog.
pub(crate) fn phase(simulation: &Simulation, job: JobId) -> Option<PhaseName> {
    let newest = nodes().filter_map(|node| simulation.node(node)).max_by_key(|node| node.catalog().routes().version)?;
    let catalog = newest.catalog();
    let found = catalog.job(job).or_else(|| catalog.history().find(|ended| ended.id == job));
    found.map(|job| job.phase.name())
}

/// Runs until the job has ended so, at most so many milliseconds.
pub(crate) fn run_to(simulation: &mut Simulation, job: JobId, wanted: PhaseName, ms: u64) {
    let is_there = |simulation: &Simulation| phase(simulation, job) == Some(wanted);
    let came = simulation.run_until(ms, is_there);
    assert!(came, "job {job} is in {:?} after {ms} ms; stopped: {:?}", phase(simulation, job), simulation.stopped());
}
