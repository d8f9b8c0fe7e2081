//! What operators ask.

use crate::cluster::{Cluster, Fate, LEFT, RIGHT, Reply};
use splitjob_core::catalog::{CatalogRejection, RouteState};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, RouteId, VoterId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_node::api::{AdminRequest, AdminResponse, ClientRequest, ClientResponse, NodeError, Plan};
use splitjob_wire::peer::{Call, VoterChange};

fn order(cluster: &mut Cluster, request: AdminRequest) -> Result<AdminResponse, NodeError> {
    told(cluster.call(ClientRequest::Admin(request)))
}

fn told(reply: Reply) -> Result<AdminResponse, NodeError> {
    reply.map(|response| {
        let ClientResponse::Admin(told) = response else { panic!("not for an operator: {response:?}") };
        told
    })
}

fn refusal(reply: Result<AdminResponse, NodeError>) -> CatalogRejection {
    match reply {
        Err(NodeError::CatalogRejected(rejection)) => *rejection,
        other => panic!("the catalog has not refused: {other:?}"),
    }
}

fn start(expected_version: Option<CatalogVersion>, dry_run: bool) -> AdminRequest {
    AdminRequest::StartJob {
        expected_version,
        route: RouteId(1),
        split_key: RoutingKey::from("m"),
        target: RIGHT,
        options: JobOptions::default(),
        dry_run,
    }
}

fn split(expected_version: Option<CatalogVersion>, route: RouteId, at: &str) -> AdminRequest {
    AdminRequest::SplitRange { expected_version, route, at: RoutingKey::from(at) }
}

#[test]
fn the_routes_are_told() {
    let reply = order(&mut Cluster::with_two_owners(), AdminRequest::Routes);
    let Ok(AdminResponse::Routes { version, routes }) = reply else { panic!("not the routes: {reply:?}") };
    let owners: Vec<GroupId> = routes.iter().map(|route| route.group).collect();
    assert_eq!((version, owners), (CatalogVersion(4), vec![LEFT, RIGHT]));
}

#[test]
fn owners_are_told_by_routes_that_are_new_enough() {
    let mut cluster = Cluster::with_two_owners();
    let version = cluster.catalog.routes().version;
    let reply = order(&mut cluster, AdminRequest::Ownership { range: KeyRange::all(), at_least: version });
    let Ok(AdminResponse::Ownership { version: based_on, parts }) = reply else { panic!("no owners: {reply:?}") };
    assert_eq!((based_on, parts.len()), (version, 2));
}

#[test]
fn owners_of_a_version_that_does_not_come_are_not_guessed() {
    let mut cluster = Cluster::new();
    let wanted = CatalogVersion(9);
    let reply = order(&mut cluster, AdminRequest::Ownership { range: KeyRange::all(), at_least: wanted });
    assert_eq!(refusal(reply), CatalogRejection::VersionNotReached { wanted, current: CatalogVersion(1) });
    assert_eq!(cluster.elapsed_ms, 200, "the wait is bounded");
}

#[test]
fn a_question_for_owners_waits_for_the_version() {
    let mut cluster = Cluster::new();
    let ownership = AdminRequest::Ownership { range: KeyRange::all(), at_least: CatalogVersion(2) };
    let id = cluster.ask(0, ClientRequest::Admin(ownership));
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::Fence);
    let reply = told(cluster.wait(0, id));
    assert!(matches!(reply, Ok(AdminResponse::Ownership { version: CatalogVersion(2), .. })), "{reply:?}");
}

#[test]
fn a_route_is_split() {
    let mut cluster = Cluster::new();
    let reply = order(&mut cluster, split(None, RouteId(1), "m"));
    assert_eq!(reply, Ok(AdminResponse::Split(CatalogVersion(2))));
}

#[test]
fn a_split_from_old_routes_is_made_anew_unless_the_operator_named_them() {
    for (expected, is_done) in [(None, true), (Some(CatalogVersion(2)), false)] {
        let mut cluster = Cluster::new();
        order(&mut cluster, split(None, RouteId(1), "m")).expect("nothing stands in the way");
        cluster.nodes[0].is_held = true;
        cluster.add_node();
        let other = cluster.ask(1, ClientRequest::Admin(split(None, RouteId(2), "f")));
        told(cluster.wait(1, other)).expect("nothing stands in the way");
        let id = cluster.ask(0, ClientRequest::Admin(split(expected, RouteId(3), "t")));
        cluster.step();
        cluster.nodes[0].is_held = false;
        assert_eq!(told(cluster.wait(0, id)).is_ok(), is_done);
    }
}

#[test]
fn a_job_is_started_and_listed() {
    let mut cluster = Cluster::new();
    assert_eq!(order(&mut cluster, start(None, false)), Ok(AdminResponse::Started(JobId(1))));
    let reply = order(&mut cluster, AdminRequest::Job(JobId(1)));
    assert!(matches!(reply, Ok(AdminResponse::Job(view)) if view.job.phase.name() == PhaseName::Planned));
    let reply = order(&mut cluster, AdminRequest::Jobs);
    assert!(matches!(reply, Ok(AdminResponse::Jobs(views)) if views.len() == 1));
}

#[test]
fn a_job_that_may_not_be_is_refused() {
    let mut cluster = Cluster::new();
    order(&mut cluster, start(None, false)).expect("nothing stands in the way");
    assert_eq!(refusal(order(&mut cluster, start(None, false))), CatalogRejection::TooManyJobs { live: 1, limit: 1 });
}

fn plan(reply: Result<AdminResponse, NodeError>) -> Plan {
    match reply {
        Ok(AdminResponse::Plan(plan)) => plan,
        other => panic!("not a plan: {other:?}"),
    }
}

#[test]
fn a_dry_run_says_what_would_move_and_changes_nothing() {
    let mut cluster = Cluster::new();
    let before = cluster.catalog.clone();
    let plan = plan(order(&mut cluster, start(None, true)));
    let moved = KeyRange::new(RoutingKey::from("m"), None).expect("the range is not empty");
    assert_eq!((plan.range, plan.source, plan.target), (Some(moved), Some(LEFT), RIGHT));
    assert!(plan.checks.iter().all(|check| check.problem.is_none()), "{:?}", plan.checks);
    assert_eq!((cluster.catalog, cluster.asked), (before, vec![]));
}

#[test]
fn a_dry_run_names_every_problem_and_not_only_the_first() {
    let mut cluster = Cluster::new();
    order(&mut cluster, start(None, false)).expect("nothing stands in the way");
    let request = AdminRequest::StartJob {
        expected_version: Some(CatalogVersion(7)),
        route: RouteId(1),
        split_key: RoutingKey::from("!"),
        target: GroupId(9),
        options: JobOptions { max_rounds: 0, ..JobOptions::default() },
        dry_run: true,
    };
    let plan = plan(order(&mut cluster, request));
    let failing = plan.checks.iter().filter(|check| check.problem.is_some());
    let failing: Vec<&str> = failing.map(|check| check.what.as_str()).collect();
    let expected = [
        "the routes are at the version that was looked at",
        "another job may be live",
        "every option has an effect",
        "the target exists",
        "no live job's range meets the route",
        "the range meets no reserved namespace",
        "the catalog would take the command",
    ];
    assert_eq!(failing, expected);
}

#[test]
fn a_job_is_given_up() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.run_job_to(PhaseName::DeltaCopy);
    assert_eq!(order(&mut cluster, AdminRequest::Abandon(JobId(1))), Ok(AdminResponse::Accepted));
    assert_eq!(cluster.phase(), Some(PhaseName::Abandoning));
    assert!(cluster.catalog.routes().iter().all(|route| route.state == RouteState::Active));
}

#[test]
fn an_order_about_a_record_that_has_moved_on_is_made_anew() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    cluster.wake();
    cluster.nodes[0].is_held = true;
    cluster.run_job_to(PhaseName::Backfill);
    let id = cluster.ask(0, ClientRequest::Admin(AdminRequest::Abandon(JobId(1))));
    cluster.step();
    assert_eq!(cluster.answer(0, id), None, "the revision has moved");
    cluster.nodes[0].is_held = false;
    assert_eq!(told(cluster.wait(0, id)), Ok(AdminResponse::Accepted));
}

#[test]
fn a_job_that_does_not_wait_for_an_operator_is_not_retried() {
    let mut cluster = Cluster::new();
    cluster.start_job("m", RIGHT);
    let reply = order(&mut cluster, AdminRequest::Retry(JobId(1)));
    assert_eq!(refusal(reply), CatalogRejection::WrongPhase { job: JobId(1), phase: PhaseName::Planned });
}

#[test]
fn a_job_that_nobody_knows_is_looked_for_and_not_found() {
    let mut cluster = Cluster::new();
    let replies =
        [AdminRequest::Job(JobId(5)), AdminRequest::Abandon(JobId(5))].map(|request| order(&mut cluster, request));
    assert!(replies.iter().all(|reply| matches!(reply, Err(NodeError::NotFound { .. }))), "{replies:?}");
}

#[test]
fn a_job_that_has_ended_is_not_given_up() {
    let mut cluster = Cluster::with_two_owners();
    let reply = order(&mut cluster, AdminRequest::Abandon(JobId(1)));
    assert_eq!(refusal(reply), CatalogRejection::NoLiveJob { job: JobId(1) });
}

#[test]
fn an_order_whose_outcome_is_unknown_is_not_repeated() {
    let mut cluster = Cluster::new();
    cluster.fate = |_| Fate::AnswerLost;
    let reply = order(&mut cluster, start(None, false));
    assert!(matches!(reply, Err(NodeError::Unknown { .. })), "{reply:?}");
    assert_eq!(cluster.asked.len(), 1);
}

#[test]
fn voters_and_leaders_are_changed_by_the_leader() {
    let mut cluster = Cluster::new();
    let change = VoterChange::AddLearner(VoterId(4));
    let replies = [
        AdminRequest::ChangeVoters { group: LEFT, change },
        AdminRequest::TransferLeader { group: RIGHT, to: NodeId(3) },
    ]
    .map(|request| order(&mut cluster, request));
    assert_eq!(replies, [Ok(AdminResponse::Done), Ok(AdminResponse::Done)]);
    let asked = [Call::ChangeVoters { group: LEFT, change }, Call::TransferLeader { group: RIGHT, to: VoterId(3) }];
    assert_eq!(cluster.asked, asked);
}
