//! One live move, watched from start to end.

use super::load::{Load, pause};
use super::{order, order_when_ready};
use splitjob_core::catalog::Route;
use splitjob_core::id::{GroupId, JobId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_node::api::{AdminRequest, AdminResponse, JobProgress, NodeError};
use splitjob_node::client::Client;
use std::time::{Duration, Instant};

/// What is to be moved.
#[derive(Clone, Debug)]
pub struct Move {
    /// The first key that moves.
    pub from_key: Vec<u8>,
    /// Where to.
    pub target: GroupId,
    /// How it copies.
    pub options: JobOptions,
}

/// A move that has ended.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The job.
    pub job: JobId,
    /// How it ended.
    pub phase: PhaseName,
    /// From its start to its end.
    pub took: Duration,
    /// From its start to the fence: the copy.
    pub copy_took: Duration,
    /// What was copied.
    pub rows: u64,
    /// The same in bytes of keys and values.
    pub bytes: u64,
    /// The largest time between two writes of the range, around the cutover.
    pub pause: Duration,
}

/// The routes as a node knows them.
///
/// # Errors
/// As [`Client::ask`].
pub async fn routes(client: &Client) -> Result<Vec<Route>, NodeError> {
    let response = order(client, AdminRequest::Routes).await?;
    let AdminResponse::Routes { routes, .. } = response else {
        return Err(NodeError::Invalid { what: format!("a question for routes was answered with {response:?}") });
    };
    Ok(routes)
}

/// Starts a job, as soon as the cluster takes it.
///
/// # Errors
/// The last refusal.
pub async fn start(client: &Client, wanted: &Move) -> Result<JobId, NodeError> {
    let split_key = RoutingKey::from(&wanted.from_key[..]);
    let routes = routes(client).await?;
    let route = routes.iter().find(|route| route.range.contains(&split_key)).map(|route| route.id);
    let request = AdminRequest::StartJob {
        expected_version: None,
        route: route.ok_or_else(|| NodeError::NotFound { what: "no route has the key".to_owned() })?,
        split_key,
        target: wanted.target,
        options: wanted.options.clone(),
        dry_run: false,
    };
    let response = order_when_ready(client, request, START_PATIENCE).await?;
    let AdminResponse::Started(job) = response else {
        return Err(NodeError::Invalid { what: format!("a start was answered with {response:?}") });
    };
    Ok(job)
}

/// Moves a range under load, telling `progress` how far it is.
///
/// # Errors
/// A refusal to start; [`NodeError::Unavailable`] if the job doesn't end in time.
pub async fn run(
    client: &Client,
    wanted: &Move,
    load: Option<&Load>,
    patience: Duration,
    mut progress: impl FnMut(PhaseName, &JobProgress),
) -> Result<Moved, NodeError> {
    let begun = Instant::now();
    let job = start(client, wanted).await?;
    let (mut fenced, mut cut_over) = (None, None);
    let mut greatest = JobProgress::default();
    loop {
        if let Ok(AdminResponse::Job(view)) = order(client, AdminRequest::Job(job)).await {
            let phase = view.job.phase.name();
            if view.progress.rows >= greatest.rows {
                greatest = view.progress;
            }
            progress(phase, &view.progress);
            let now = Instant::now();
            if matches!(phase, PhaseName::Fence | PhaseName::DeltaCopy | PhaseName::Cutover | PhaseName::Cleanup) {
                fenced.get_or_insert(now);
            }
            if matches!(phase, PhaseName::Cleanup | PhaseName::Done) {
                cut_over.get_or_insert(now);
            }
            if view.job.phase.is_terminal() || phase == PhaseName::Failed {
                let fenced = fenced.unwrap_or(now);
                let around = (fenced.checked_sub(AROUND).unwrap_or(begun).max(begun), cut_over.unwrap_or(now) + AROUND);
                if let Some(rest) = around.1.checked_duration_since(now) {
                    tokio::time::sleep(rest).await;
                }
                let pause = load.map_or(Duration::ZERO, |load| pause(&load.seen().moved_writes, around.0, around.1));
                let (took, copy_took) = (now - begun, fenced - begun);
                return Ok(Moved { job, phase, took, copy_took, rows: greatest.rows, bytes: greatest.bytes, pause });
            }
        }
        if begun.elapsed() > patience {
            let what = format!("job {job} has not ended within {} s", patience.as_secs());
            return Err(NodeError::Unavailable { what, retry_after_ms: 0 });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(20);
const START_PATIENCE: Duration = Duration::from_secs(20);
/// A pause is looked for from so long before the fence to so long after the cutover.
const AROUND: Duration = Duration::from_millis(400);
