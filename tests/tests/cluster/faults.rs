//! Nodes die, links are cut; the job goes on without anybody's help.

use super::{Scene, small_steps};
use splitjob::server::order;
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_node::api::{AdminRequest, AdminResponse};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(90);

/// Kills the leader of a group (0: of the catalog, who drives the job) when the job is in a phase, and starts it again.
async fn kill_the_leader(group: u64, phases: &[PhaseName]) {
    let mut scene = Scene::begin(&[]).await;
    let job = scene.start_job(2, small_steps()).await;
    let met = scene.reach(job, phases, PATIENCE).await;
    assert_ne!(met, PhaseName::Done, "the job was too quick to be met");
    let victim = scene.leader(group).await;
    scene.cluster.kill(victim);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    scene.cluster.start(victim).expect("the process starts again");
    scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn the_driver_of_the_job_dies_while_history_is_copied() {
    kill_the_leader(0, &[PhaseName::Backfill]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn the_source_s_leader_dies_while_history_is_copied() {
    kill_the_leader(1, &[PhaseName::Backfill]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn the_target_s_leader_dies_while_the_range_is_handed_over() {
    kill_the_leader(2, &[PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover, PhaseName::Cleanup]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn the_driver_of_the_job_dies_while_the_range_is_handed_over() {
    kill_the_leader(0, &[PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover, PhaseName::Cleanup]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn the_source_s_leader_dies_while_what_moved_is_removed() {
    kill_the_leader(1, &[PhaseName::Cleanup]).await;
}

/// B4, J10, V2: one voter stays dead. Writers go on, and the job says on whom it waits; when it is back, the job ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_voter_that_stays_dead_holds_writers_no_longer_than_the_budget_and_is_named() {
    let mut scene = Scene::begin(&[]).await;
    let options = JobOptions { fence_budget_ms: 2_000, ..small_steps() };
    let job = scene.start_job(2, options).await;
    scene.reach(job, &[PhaseName::Backfill], PATIENCE).await;
    let driver = scene.leader(0).await;
    let victim = (1..=3).find(|node| *node != driver).expect("there are three nodes");
    scene.cluster.kill(victim);
    // Elections, the node's silence, and a fence that may just have begun.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let before = scene.moved_writes();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(scene.moved_writes() > before, "writers of the range are still held");
    let begun = Instant::now();
    loop {
        if let Ok(AdminResponse::Explanation(told)) = order(&scene.client, AdminRequest::Explain(job)).await
            && told.waiting_text.as_ref().is_some_and(|text| text.contains(&format!("node {victim}")))
        {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody says that the job waits for node {victim}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.cluster.start(victim).expect("the process starts again");
    scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_node_that_is_cut_off_for_a_while_changes_nothing_for_clients() {
    let scene = Scene::begin(&[]).await;
    let job = scene.start_job(2, small_steps()).await;
    scene.reach(job, &[PhaseName::Backfill, PhaseName::Fence, PhaseName::DeltaCopy], PATIENCE).await;
    let source = scene.leader(1).await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != source).collect();
    scene.cluster.cut(source, &others).expect("links can be cut");
    tokio::time::sleep(Duration::from_secs(4)).await;
    scene.cluster.cut(source, &[]).expect("links can be mended");
    scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn clocks_that_disagree_by_seconds_change_nothing_for_clients() {
    let mut scene = Scene::begin(&[]).await;
    for (node, skew) in [(1, "2500"), (2, "-2500")] {
        scene.cluster.kill(node);
        scene.cluster.set_arguments(node, &["--clock-skew-ms", skew]);
        scene.cluster.start(node).expect("the process starts again");
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }
    let job = scene.start_job(2, small_steps()).await;
    scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    scene.judge().await;
}

/// Every node is killed once, one after the other, while the range moves there and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: run with --run-ignored all"]
async fn a_rolling_restart_while_a_range_moves_there_and_back() {
    let mut scene = Scene::begin(&[]).await;
    for target in [2, 1] {
        let job = scene.start_job(target, small_steps()).await;
        for node in 1..=3 {
            scene.cluster.kill(node);
            tokio::time::sleep(Duration::from_millis(500)).await;
            scene.cluster.start(node).expect("the process starts again");
            tokio::time::sleep(Duration::from_millis(2_500)).await;
        }
        scene.reach(job, &[PhaseName::Done], PATIENCE).await;
    }
    scene.judge().await;
}
