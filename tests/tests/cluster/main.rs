//! Clusters of real processes: a range moves while they are killed and cut off from one another; what every client saw is
//! judged in the end.

mod demo;
mod faults;
mod operator;

use splitjob::server::cluster::Cluster;
use splitjob::server::load::{self, Load};
use splitjob::server::moves::{self, Move};
use splitjob::server::order;
use splitjob::server::recorder::{Recorder, closing, newest_told};
use splitjob_core::id::{GroupId, JobId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_node::api::{AdminRequest, AdminResponse, JobView};
use splitjob_node::client::Client;
use splitjob_refinement::history::judge;
use splitjob_tests::{Place, binary};
use std::time::{Duration, Instant};

/// A cluster under load, with everything that its clients saw.
pub(crate) struct Scene {
    _place: Place,
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    recorder: Recorder,
    pub(crate) load: Load,
}

pub(crate) const ROWS: u64 = 2_000;
pub(crate) const BOUNDARY: u64 = ROWS / 2;

impl Scene {
    /// Three processes with some rows, and clients at work.
    pub(crate) async fn begin(arguments: &[&str]) -> Scene {
        Scene::begin_with_spare(arguments, 0).await
    }

    /// The same, with nodes that may join later.
    pub(crate) async fn begin_with_spare(arguments: &[&str], spare: u64) -> Scene {
        let place = Place::new();
        let mut cluster =
            Cluster::new(binary(), &place.path("cluster"), 3, spare, arguments).expect("there are free ports");
        cluster.start_all().expect("the processes start");
        cluster.ready(Duration::from_secs(60)).await.expect("the cluster answers");
        let recorder = Recorder::new();
        load::fill(&cluster, &recorder, ROWS).await.expect("every row can be put");
        let load = Load::start(&cluster, &recorder, 4, ROWS, BOUNDARY).expect("the addresses are right");
        let client = cluster.client().expect("the addresses are right");
        Scene { _place: place, cluster, client, recorder, load }
    }

    /// Starts a job that moves the right half.
    pub(crate) async fn start_job(&self, target: u64, options: JobOptions) -> JobId {
        let wanted = Move { from_key: load::key(BOUNDARY), target: GroupId(target), options };
        moves::start(&self.client, &wanted).await.expect("the job starts")
    }

    /// The job, as soon as somebody tells.
    pub(crate) async fn job(&self, job: JobId) -> JobView {
        let begun = Instant::now();
        loop {
            match order(&self.client, AdminRequest::Job(job)).await {
                Ok(AdminResponse::Job(view)) => return *view,
                other if begun.elapsed() > Duration::from_secs(30) => panic!("nobody tells of the job: {other:?}"),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Waits until the job has been in one of these phases.
    pub(crate) async fn reach(&self, job: JobId, wanted: &[PhaseName], patience: Duration) -> PhaseName {
        let begun = Instant::now();
        loop {
            let phase = self.job(job).await.job.phase.name();
            if wanted.contains(&phase) {
                return phase;
            }
            assert!(begun.elapsed() < patience, "job {job} is in {phase} after {patience:?}, and not in {wanted:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The node that leads a group.
    pub(crate) async fn leader(&self, group: u64) -> u64 {
        let begun = Instant::now();
        loop {
            if let Ok(AdminResponse::Status(status)) = order(&self.client, AdminRequest::Status).await
                && let Some(view) = status.groups.iter().find(|view| view.group == GroupId(group))
                && let Some(leader) = view.leader
            {
                return leader.0;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody leads group {group}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many writes of the moving range are done.
    pub(crate) fn moved_writes(&self) -> usize {
        self.load.seen().moved_writes.len()
    }

    /// Ends the load, and holds what clients saw against what is there: nobody could tell, and no job is left.
    pub(crate) async fn judge(self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let seen = self.load.stop().await;
        let history = self.recorder.history();
        let closing = closing(&self.client, load::PREFIX, newest_told(&history)).await.expect("everything can be read");
        let verdict = judge(&history, &closing);
        assert!(verdict.is_ok(), "{verdict}\n{} refused: {:?}", seen.refused, seen.why);
        assert!(seen.moved_writes.len() > 20, "only {} writes of the range were done", seen.moved_writes.len());
        let routes = moves::routes(&self.client).await.expect("the routes are told");
        assert!(routes.iter().all(|route| route.staged_for.is_none()), "a job is left in {routes:?}");
    }
}

/// A job whose every entry is small, so that it can be met in each phase.
pub(crate) fn small_steps() -> JobOptions {
    JobOptions { chunk_rows: 50, sweep_rows: 25, delta_rows: 200, ..JobOptions::default() }
}
