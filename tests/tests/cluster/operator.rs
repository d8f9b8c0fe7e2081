//! What operators do: give jobs up, add voters, and ask with clients that aren't ours.

use super::{Scene, small_steps};
use splitjob::server::moves;
use splitjob::server::{order, order_when_ready};
use splitjob_core::id::{GroupId, VoterId};
use splitjob_core::job::PhaseName;
use splitjob_node::api::{AdminRequest, AdminResponse, NodeError};
use splitjob_wire::peer::VoterChange;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_job_that_is_given_up_leaves_the_range_where_it_was() {
    let scene = Scene::begin(&["--pace-ms", "100"]).await;
    for phase in [PhaseName::Backfill, PhaseName::Backfill] {
        let job = scene.start_job(2, small_steps()).await;
        scene.reach(job, &[phase], PATIENCE).await;
        order_when_ready(&scene.client, AdminRequest::Abandon(job), PATIENCE).await.expect("it can be given up");
        scene.reach(job, &[PhaseName::Abandoned], PATIENCE).await;
    }
    let routes = moves::routes(&scene.client).await.expect("the routes are told");
    assert!(routes.iter().all(|route| route.group == GroupId(1)), "{routes:?}");
    scene.judge().await;
}

/// A5: a node that joins is brought up by a snapshot, and the job's barriers ask it as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_voter_that_joins_is_brought_up_by_a_snapshot_and_takes_part() {
    let mut scene = Scene::begin_with_spare(&[], 1).await;
    scene.cluster.start(4).expect("the process starts");
    for group in [0, 1, 2] {
        let change = VoterChange::AddVoter(VoterId(4));
        let request = AdminRequest::ChangeVoters { group: GroupId(group), change };
        let begun = Instant::now();
        loop {
            match order(&scene.client, request.clone()).await {
                Ok(AdminResponse::Done) => break,
                Ok(other) => panic!("{other:?}"),
                Err(NodeError::Unavailable { .. } | NodeError::Unknown { .. }) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => panic!("group {group} takes no voter: {error}"),
            }
        }
    }
    let job = scene.start_job(2, small_steps()).await;
    scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_standard_client_of_another_language_can_do_it_all() {
    let scene = Scene::begin(&[]).await;
    let script = splitjob_tests::root().join("tests/python/standard_client.py");
    let endpoint = scene.cluster.endpoint(1);
    let run = tokio::task::spawn_blocking(move || {
        let python = std::env::var_os("SPLITJOB_PYTHON").unwrap_or_else(|| "python3".into());
        Command::new(python).arg(script).arg(endpoint).output()
    });
    let run = run.await.expect("the task ends").expect("Python starts");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}", said(&run.stdout), said(&run.stderr));
    scene.judge().await;
}
