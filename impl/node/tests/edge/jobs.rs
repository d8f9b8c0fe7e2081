//! Operators' calls: routes, jobs, status; one range moves for real.

use crate::harness::{Alone, ask_admin, get, put, values, written};
use splitjob_core::coordinator::Routed;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, RouteId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::range::KeyRange;
use splitjob_node::api::{AdminRequest, AdminResponse, JobView, NodeError};
use splitjob_node::client::Client;
use splitjob_wire::proto;
use splitjob_wire::proto::admin_client::AdminClient;
use splitjob_wire::proto::catalog_watch_event::Payload;
use splitjob_wire::proto::distribution_client::DistributionClient;
use std::time::Duration;

fn start(dry_run: bool) -> AdminRequest {
    AdminRequest::StartJob {
        expected_version: None,
        route: RouteId(1),
        split_key: "m".into(),
        target: GroupId(2),
        options: JobOptions { chunk_rows: 16, ..JobOptions::default() },
        dry_run,
    }
}

async fn start_job(client: &Client) -> JobId {
    // A node counts as capable once it has been heard.
    for _ in 0..100 {
        match ask_admin(client, start(false)).await {
            Ok(AdminResponse::Started(job)) => return job,
            Err(NodeError::CatalogRejected(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            other => panic!("a start was answered with {other:?}"),
        }
    }
    panic!("the job could not be started within 10 s")
}

async fn job(client: &Client, id: JobId) -> JobView {
    match ask_admin(client, AdminRequest::Job(id)).await {
        Ok(AdminResponse::Job(view)) => *view,
        other => panic!("a question for a job was answered with {other:?}"),
    }
}

async fn until_done(client: &Client, id: JobId) -> JobView {
    for _ in 0..600 {
        let view = job(client, id).await;
        match view.job.phase.name() {
            PhaseName::Done => return view,
            PhaseName::Failed | PhaseName::Abandoned => panic!("the job has ended as {:?}", view.job.phase),
            PhaseName::Planned
            | PhaseName::Backfill
            | PhaseName::Fence
            | PhaseName::DeltaCopy
            | PhaseName::Cutover
            | PhaseName::Cleanup
            | PhaseName::Abandoning => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    panic!("the job was not done within 30 s: {:?}", job(client, id).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_moves_and_every_question_about_it_is_answered() {
    let alone = Alone::start().await;
    for number in 0..100 {
        written(alone.client.ask(put(format!("{}{number}", if number % 2 == 0 { "a" } else { "z" }), "v")).await);
    }
    let id = start_job(&alone.client).await;
    match ask_admin(&alone.client, AdminRequest::Explain(id)).await {
        Ok(AdminResponse::Explanation(explanation)) => assert_eq!(explanation.view.job.id, id),
        // It may be between two steps of a migrator that has just begun.
        Err(NodeError::Unavailable { .. }) => {}
        other => panic!("an explanation was asked for, and {other:?} came"),
    }
    let done = until_done(&alone.client, id).await;
    assert_eq!((done.job.source, done.job.target), (GroupId(1), GroupId(2)));
    assert_eq!(values(alone.client.ask(get("z1")).await), [b"v"]);
    let jobs = ask_admin(&alone.client, AdminRequest::Jobs).await;
    assert!(matches!(&jobs, Ok(AdminResponse::Jobs(jobs)) if jobs[0].job == done.job), "{jobs:?}");
    let ownership = AdminRequest::Ownership { range: KeyRange::all(), at_least: CatalogVersion(2) };
    match ask_admin(&alone.client, ownership).await {
        Ok(AdminResponse::Ownership { parts, .. }) => {
            let groups: Vec<GroupId> = parts.iter().map(|part: &Routed| part.group).collect();
            assert_eq!(groups, [GroupId(1), GroupId(2)]);
        }
        other => panic!("an ownership was asked for, and {other:?} came"),
    }
    let abandoned = ask_admin(&alone.client, AdminRequest::Abandon(id)).await;
    assert!(matches!(abandoned, Err(NodeError::CatalogRejected(_))), "{abandoned:?}");
    let retried = ask_admin(&alone.client, AdminRequest::Retry(id)).await;
    assert!(matches!(retried, Err(NodeError::CatalogRejected(_))), "{retried:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_what_would_move_and_changes_nothing() {
    let alone = Alone::start().await;
    let plan = match ask_admin(&alone.client, start(true)).await {
        Ok(AdminResponse::Plan(plan)) => plan,
        other => panic!("a plan was asked for, and {other:?} came"),
    };
    assert_eq!((plan.source, plan.target), (Some(GroupId(1)), GroupId(2)));
    assert!(!plan.checks.is_empty());
    let jobs = ask_admin(&alone.client, AdminRequest::Jobs).await;
    assert_eq!(jobs, Ok(AdminResponse::Jobs(Vec::new())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_makes_two_routes_and_the_status_names_the_node() {
    let alone = Alone::start().await;
    let split = AdminRequest::SplitRange { expected_version: None, route: RouteId(1), at: "m".into() };
    let version = match ask_admin(&alone.client, split).await {
        Ok(AdminResponse::Split(version)) => version,
        other => panic!("a split was answered with {other:?}"),
    };
    match ask_admin(&alone.client, AdminRequest::Routes).await {
        Ok(AdminResponse::Routes { version: known, routes }) => assert_eq!((known, routes.len()), (version, 2)),
        other => panic!("routes were asked for, and {other:?} came"),
    }
    match ask_admin(&alone.client, AdminRequest::Status).await {
        Ok(AdminResponse::Status(status)) => assert_eq!((status.node, status.groups.len()), (NodeId(1), 3)),
        other => panic!("a status was asked for, and {other:?} came"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_distribution_works_in_the_raw() {
    let alone = Alone::start().await;
    let mut raw = DistributionClient::new(alone.channel().await);
    let split = proto::SplitRangeRequest { expected_catalog_version: 0, route_id: 1, split_key: b"m".to_vec() };
    let split = raw.split_range(split).await.expect("it is split").into_inner();
    let (left, right) = (split.left.expect("it is told"), split.right.expect("it is told"));
    assert_eq!((left.end.as_deref(), right.start.as_slice()), (Some(&b"m"[..]), &b"m"[..]));
    let route = raw.get_route(proto::GetRouteRequest { key: b"z".to_vec() }).await.expect("it is told").into_inner();
    assert_eq!((route.start.as_slice(), route.end, route.raft_group_id), (&b"m"[..], None, 1));
    let routes = raw.list_routes(proto::ListRoutesRequest {}).await.expect("they are told").into_inner();
    assert_eq!((routes.catalog_version, routes.routes.len()), (split.catalog_version, 2));
    let asked = proto::GetRouteOwnershipRequest { key: b"a".to_vec(), catalog_version: split.catalog_version };
    let owner = raw.get_route_ownership(asked).await.expect("it is told").into_inner();
    assert_eq!(owner.route.expect("there is one").route_id, left.route_id);
    let asked = proto::GetIntersectingRoutesRequest { start: b"n".to_vec(), ..Default::default() };
    let met = raw.get_intersecting_routes(asked).await.expect("they are told").into_inner();
    assert_eq!(met.routes.len(), 1);
    let capabilities = raw.get_catalog_capabilities(proto::CatalogCapabilitiesRequest {}).await;
    assert_eq!(capabilities.expect("they are told").into_inner().current_version, split.catalog_version);
    let jobs = raw.list_split_jobs(proto::ListSplitJobsRequest::default()).await.expect("they are told").into_inner();
    assert!(jobs.jobs.is_empty() && jobs.next_page_cursor.is_empty());
    let job = raw.get_split_job(proto::GetSplitJobRequest { job_id: 1 }).await.expect_err("there is none");
    assert_eq!(job.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_admin_works_in_the_raw() {
    let alone = Alone::start().await;
    let id = start_job(&alone.client).await;
    until_done(&alone.client, id).await;
    let mut raw = AdminClient::new(alone.channel().await);
    let status = raw.cluster_status(proto::ClusterStatusRequest {}).await.expect("it is told").into_inner();
    assert!(status.groups.iter().all(|group| group.leader_node_id == Some(1)), "{status:?}");
    let explained = raw.explain_job(proto::ExplainJobRequest { job_id: id.0 }).await.expect("it is told").into_inner();
    assert!(explained.doing.contains("done"), "{explained:?}");
    let progress = raw.job_progress(proto::JobProgressRequest { job_id: id.0 }).await.expect("it is told");
    assert_eq!(progress.into_inner().phase(), proto::SplitJobPhase::Done);
    let plan = proto::StartSplitMigrationRequest { route_id: 99, target_group_id: 2, ..Default::default() };
    let plan = raw.dry_run_split_migration(plan).await.expect("it is told").into_inner();
    assert!(!plan.may_start, "{plan:?}");
    let to_itself = proto::TransferLeaderRequest { group_id: 1, to_node_id: 1 };
    // Whatever becomes of it, the call is there and is answered.
    let _ = raw.transfer_leader(to_itself).await;
    let nothing = raw.change_voters(proto::ChangeVotersRequest { group_id: 1, change: None }).await;
    assert!(nothing.expect_err("it is refused").message().contains("add_voter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_the_routes_and_sees_them_again_when_they_change() {
    let alone = Alone::start().await;
    let mut raw = DistributionClient::new(alone.channel().await);
    let watch = proto::CatalogWatchRequest { protocol_version: 1, ..Default::default() };
    let mut events = raw.watch_catalog(watch).await.expect("the watch opens").into_inner();
    let mut next = async || match events.message().await.expect("the watch goes on").and_then(|event| event.payload) {
        Some(Payload::Snapshot(snapshot)) => snapshot,
        other => panic!("{other:?} is no snapshot"),
    };
    let first = next().await;
    assert_eq!(first.routes.len(), 1);
    let split = AdminRequest::SplitRange { expected_version: None, route: RouteId(1), at: "m".into() };
    ask_admin(&alone.client, split).await.expect("it is split");
    let second = next().await;
    assert_eq!((second.routes.len(), second.version > first.version), (2, true));
    alone.server.stop().await;
    assert!(events.message().await.is_err(), "the watch ends when the server does");
}
