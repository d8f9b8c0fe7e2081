//! Routes and split jobs, as clients and operators see them.

use super::{Operators, answer};
use crate::api::{AdminRequest, AdminResponse, JobView, NodeError};
use crate::convert::{invalid, job_message, options, phase_number, range, route_message, some_version, status_of};
use crate::edge::front::{Front, misfit};
use splitjob_core::catalog::Route;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, RouteId};
use splitjob_core::key::{RawKey, RoutingKey, route_key};
use splitjob_core::range::KeyRange;
use splitjob_wire::proto::distribution_server::Distribution;
use splitjob_wire::proto::{self, catalog_watch_event::Payload};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// The service.
pub(crate) struct DistributionService {
    front: Front,
    operators: Operators,
    stopping: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl Distribution for DistributionService {
    type WatchCatalogStream = ReceiverStream<Result<proto::CatalogWatchEvent, Status>>;

    async fn get_route(
        &self,
        request: Request<proto::GetRouteRequest>,
    ) -> Result<Response<proto::GetRouteResponse>, Status> {
        answer(self.route(request.into_inner()).await)
    }

    async fn list_routes(
        &self,
        _: Request<proto::ListRoutesRequest>,
    ) -> Result<Response<proto::ListRoutesResponse>, Status> {
        answer(self.front.routes().await.map(|(version, routes)| proto::ListRoutesResponse {
            catalog_version: version.0,
            routes: routes.iter().map(route_message).collect(),
        }))
    }

    async fn split_range(
        &self,
        request: Request<proto::SplitRangeRequest>,
    ) -> Result<Response<proto::SplitRangeResponse>, Status> {
        self.operators.check(request.metadata())?;
        answer(self.split(request.into_inner()).await)
    }

    async fn get_catalog_capabilities(
        &self,
        _: Request<proto::CatalogCapabilitiesRequest>,
    ) -> Result<Response<proto::CatalogCapabilitiesResponse>, Status> {
        answer(self.front.look().await.map(|glance| proto::CatalogCapabilitiesResponse {
            supported_protocol_versions: vec![WATCH_PROTOCOL],
            current_version: glance.status.catalog_version.0,
            oldest_delta_version: glance.status.catalog_version.0,
            max_batch_size: 1,
            migration_v2: glance.migration_v2,
        }))
    }

    async fn watch_catalog(
        &self,
        request: Request<proto::CatalogWatchRequest>,
    ) -> Result<Response<Self::WatchCatalogStream>, Status> {
        let request = request.into_inner();
        if request.protocol_version > WATCH_PROTOCOL {
            let what =
                format!("protocol version {} isn't spoken here: ask for {WATCH_PROTOCOL}", request.protocol_version);
            return Err(status_of(&invalid(what)));
        }
        let (events, stream) = mpsc::channel(WATCHED_AHEAD);
        let (front, mut stopping) = (self.front.clone(), self.stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = watch_routes(&front, request.after_version, &events) => {}
                _ = stopping.wait_for(|stops| *stops) => {
                    let _ = events.try_send(Err(Status::unavailable("the node is stopping: watch another one")));
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn start_split_migration(
        &self,
        request: Request<proto::StartSplitMigrationRequest>,
    ) -> Result<Response<proto::StartSplitMigrationResponse>, Status> {
        self.operators.check(request.metadata())?;
        answer(self.start(request.into_inner()).await)
    }

    async fn get_split_job(
        &self,
        request: Request<proto::GetSplitJobRequest>,
    ) -> Result<Response<proto::GetSplitJobResponse>, Status> {
        let view = self.front.job(JobId(request.into_inner().job_id)).await;
        answer(view.map(|view| proto::GetSplitJobResponse { job: Some(job_message(&view.job)) }))
    }

    async fn list_split_jobs(
        &self,
        request: Request<proto::ListSplitJobsRequest>,
    ) -> Result<Response<proto::ListSplitJobsResponse>, Status> {
        answer(self.list(&request.into_inner()).await)
    }

    async fn abandon_split_job(
        &self,
        request: Request<proto::AbandonSplitJobRequest>,
    ) -> Result<Response<proto::AbandonSplitJobResponse>, Status> {
        self.operators.check(request.metadata())?;
        let job = JobId(request.into_inner().job_id);
        let view = self.order(AdminRequest::Abandon(job), job).await;
        answer(view.map(|view| proto::AbandonSplitJobResponse { job: Some(job_message(&view.job)) }))
    }

    async fn retry_split_job(
        &self,
        request: Request<proto::RetrySplitJobRequest>,
    ) -> Result<Response<proto::RetrySplitJobResponse>, Status> {
        self.operators.check(request.metadata())?;
        let job = JobId(request.into_inner().job_id);
        let view = self.order(AdminRequest::Retry(job), job).await;
        answer(view.map(|view| proto::RetrySplitJobResponse { job: Some(job_message(&view.job)) }))
    }

    async fn get_route_ownership(
        &self,
        request: Request<proto::GetRouteOwnershipRequest>,
    ) -> Result<Response<proto::GetRouteOwnershipResponse>, Status> {
        let request = request.into_inner();
        let key = route_key(&RawKey::from(request.key));
        let routes = self.routes_over(KeyRange::point(&key), CatalogVersion(request.catalog_version)).await;
        answer(routes.map(|(version, routes)| proto::GetRouteOwnershipResponse {
            catalog_version: version.0,
            route: routes.first().map(route_message),
        }))
    }

    async fn get_intersecting_routes(
        &self,
        request: Request<proto::GetIntersectingRoutesRequest>,
    ) -> Result<Response<proto::GetIntersectingRoutesResponse>, Status> {
        let request = request.into_inner();
        let range = range(request.start, request.end).map_err(|error| status_of(&error))?;
        let routes = self.routes_over(range, CatalogVersion(request.catalog_version)).await;
        answer(routes.map(|(version, routes)| proto::GetIntersectingRoutesResponse {
            catalog_version: version.0,
            routes: routes.iter().map(route_message).collect(),
        }))
    }
}

impl DistributionService {
    /// The service of a node.
    pub(crate) fn new(front: Front, operators: Operators, stopping: watch::Receiver<bool>) -> DistributionService {
        DistributionService { front, operators, stopping }
    }

    async fn route(&self, request: proto::GetRouteRequest) -> Result<proto::GetRouteResponse, NodeError> {
        let key = route_key(&RawKey::from(request.key));
        let (_, routes) = self.front.routes().await?;
        let route = routes.iter().find(|route| route.range.contains(&key)).expect("C1: the routes cover every key");
        Ok(proto::GetRouteResponse {
            start: route.range.start().as_bytes().to_vec(),
            end: route.range.end().map(|end| end.as_bytes().to_vec()),
            raft_group_id: route.group.0,
        })
    }

    async fn split(&self, request: proto::SplitRangeRequest) -> Result<proto::SplitRangeResponse, NodeError> {
        let at = RoutingKey::from(request.split_key);
        let order = AdminRequest::SplitRange {
            expected_version: some_version(request.expected_catalog_version),
            route: RouteId(request.route_id),
            at: at.clone(),
        };
        let AdminResponse::Split(version) = self.front.ask_admin(order).await? else { return Err(misfit()) };
        // The range is split: whatever can't be learnt of its parts is left out, and is no error.
        let routes = self.routes_over(KeyRange::all(), version).await.map(|(_, routes)| routes).unwrap_or_default();
        let left = routes.iter().find(|route| route.range.end() == Some(&at));
        let right = routes.iter().find(|route| *route.range.start() == at);
        Ok(proto::SplitRangeResponse {
            catalog_version: version.0,
            left: left.map(route_message),
            right: right.map(route_message),
        })
    }

    async fn start(
        &self,
        request: proto::StartSplitMigrationRequest,
    ) -> Result<proto::StartSplitMigrationResponse, NodeError> {
        let order = start_job(request, false)?;
        let AdminResponse::Started(job) = self.front.ask_admin(order).await? else { return Err(misfit()) };
        let version = self.front.routes().await.map(|(version, _)| version).unwrap_or_default();
        Ok(proto::StartSplitMigrationResponse { catalog_version: version.0, job_id: job.0 })
    }

    async fn list(&self, request: &proto::ListSplitJobsRequest) -> Result<proto::ListSplitJobsResponse, NodeError> {
        let phase = proto::SplitJobPhase::try_from(request.phase)
            .map_err(|_| invalid(format!("no phase has the number {}", request.phase)))?;
        let below = cursor(&request.page_cursor)?;
        let ended_since = u64::try_from(request.since_terminal_at_ms).unwrap_or(0);
        let is_wanted = |view: &JobView| {
            below.is_none_or(|below| view.job.id < below)
                && (phase == proto::SplitJobPhase::None || phase_number(view.job.phase.name()) == phase)
                && (!view.job.phase.is_terminal() || view.job.updated_at_ms >= ended_since)
        };
        let mut wanted = self.front.jobs().await?.into_iter().filter(is_wanted);
        let page: Vec<JobView> = wanted.by_ref().take(PAGE).collect();
        let last = page.last().filter(|_| wanted.next().is_some());
        Ok(proto::ListSplitJobsResponse {
            next_page_cursor: last.map_or_else(Vec::new, |view| view.job.id.0.to_be_bytes().to_vec()),
            jobs: page.iter().map(|view| job_message(&view.job)).collect(),
        })
    }

    /// Gives an order about a job, and shows what has become of the job.
    async fn order(&self, order: AdminRequest, job: JobId) -> Result<JobView, NodeError> {
        let AdminResponse::Accepted = self.front.ask_admin(order).await? else { return Err(misfit()) };
        self.front.job(job).await
    }

    /// The routes that meet a range, of at least a version; waits a bounded time for it (C7).
    async fn routes_over(
        &self,
        range: KeyRange,
        at_least: CatalogVersion,
    ) -> Result<(CatalogVersion, Vec<Route>), NodeError> {
        self.front.ask_admin(AdminRequest::Ownership { range: range.clone(), at_least }).await?;
        // What the node knows never gets older: these are of that version or of a newer one.
        let (version, routes) = self.front.routes().await?;
        Ok((version, routes.into_iter().filter(|route| route.range.intersects(&range)).collect()))
    }
}

/// The order that a message is.
///
/// # Errors
/// [`NodeError::Invalid`] for options that are none.
pub(super) fn start_job(request: proto::StartSplitMigrationRequest, dry_run: bool) -> Result<AdminRequest, NodeError> {
    Ok(AdminRequest::StartJob {
        expected_version: some_version(request.expected_catalog_version),
        route: RouteId(request.route_id),
        split_key: RoutingKey::from(request.split_key),
        target: GroupId(request.target_group_id),
        options: options(&request.options)?,
        dry_run,
    })
}

/// The job that a page ended with: the next page is below it.
fn cursor(bytes: &[u8]) -> Result<Option<JobId>, NodeError> {
    match (bytes.len(), bytes.first_chunk::<8>()) {
        (0, _) => Ok(None),
        (8, Some(number)) => Ok(Some(JobId(u64::from_be_bytes(*number)))),
        (_, _) => Err(invalid("page_cursor is none that this server gave: begin with an empty one")),
    }
}

/// Tells all routes, and all of them again whenever they have changed.
async fn watch_routes(
    front: &Front,
    after_version: u64,
    events: &mpsc::Sender<Result<proto::CatalogWatchEvent, Status>>,
) {
    let mut told = after_version;
    while !events.is_closed() {
        match front.routes().await {
            Ok((version, routes)) if version.0 != told => {
                let routes = routes.iter().map(route_message).collect();
                let snapshot = proto::CatalogSnapshotReset { version: version.0, routes };
                let event = proto::CatalogWatchEvent { payload: Some(Payload::Snapshot(snapshot)) };
                if events.send(Ok(event)).await.is_err() {
                    return;
                }
                told = version.0;
            }
            Ok(_) => {}
            Err(error) => {
                let _ = events.send(Err(status_of(&error))).await;
                return;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The version of the watch's protocol that is spoken here.
const WATCH_PROTOCOL: u32 = 1;
/// The most events that wait for a watcher.
const WATCHED_AHEAD: usize = 4;
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The most jobs of a page.
const PAGE: usize = 200;
