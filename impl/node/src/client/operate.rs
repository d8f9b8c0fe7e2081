//! Questions and orders of operators, over `Distribution` and `Admin`.

use super::connection::Connection;
use super::failure::Failure;
use crate::api::{AdminRequest, AdminResponse, JobProgress, JobView, NodeError};
use crate::convert::{
    change_message, counters, explanation, garbled, job, options_message, plan, raw_version, route, status,
};
use splitjob_core::catalog::Route;
use splitjob_core::coordinator::Routed;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, RouteId};
use splitjob_core::job::{JobOptions, SplitJob};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_wire::peer::VoterChange;
use splitjob_wire::proto;

impl Connection {
    pub(super) async fn operate(&self, request: &AdminRequest) -> Result<AdminResponse, Failure> {
        match request {
            AdminRequest::Routes => self.routes().await,
            AdminRequest::Ownership { range, at_least } => self.ownership(range, *at_least).await,
            AdminRequest::SplitRange { expected_version, route, at } => {
                self.split(*expected_version, *route, at.as_bytes()).await
            }
            AdminRequest::StartJob { expected_version, route, split_key, target, options, dry_run } => {
                let message = start_message(*expected_version, *route, split_key, *target, options);
                if *dry_run { self.dry_run(message).await } else { self.start(message).await }
            }
            AdminRequest::Job(id) => self.job(*id).await,
            AdminRequest::Jobs => self.jobs().await,
            AdminRequest::Explain(id) => self.explain(*id).await,
            AdminRequest::Abandon(id) => {
                let message = self.of_operator(proto::AbandonSplitJobRequest { job_id: id.0 });
                self.distribution().abandon_split_job(message).await?;
                Ok(AdminResponse::Accepted)
            }
            AdminRequest::Retry(id) => {
                let message = self.of_operator(proto::RetrySplitJobRequest { job_id: id.0 });
                self.distribution().retry_split_job(message).await?;
                Ok(AdminResponse::Accepted)
            }
            AdminRequest::Status => self.status().await,
            AdminRequest::ChangeVoters { group, change } => self.change_voters(*group, *change).await,
            AdminRequest::TransferLeader { group, to } => self.transfer_leader(*group, *to).await,
        }
    }

    async fn routes(&self) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::ListRoutesRequest {});
        let response = self.distribution().list_routes(message).await?.into_inner();
        Ok(AdminResponse::Routes {
            version: CatalogVersion(response.catalog_version),
            routes: routes(response.routes)?,
        })
    }

    async fn ownership(&self, range: &KeyRange, at_least: CatalogVersion) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::GetIntersectingRoutesRequest {
            start: range.start().as_bytes().to_vec(),
            end: range.end().map_or_else(Vec::new, |end| end.as_bytes().to_vec()),
            catalog_version: at_least.0,
        });
        let response = self.distribution().get_intersecting_routes(message).await?.into_inner();
        let version = CatalogVersion(response.catalog_version);
        Ok(AdminResponse::Ownership { version, parts: parts(version, &routes(response.routes)?, range) })
    }

    async fn split(
        &self,
        expected_version: Option<CatalogVersion>,
        route: RouteId,
        at: &[u8],
    ) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::SplitRangeRequest {
            expected_catalog_version: raw_version(expected_version),
            route_id: route.0,
            split_key: at.to_vec(),
        });
        let response = self.distribution().split_range(message).await?.into_inner();
        Ok(AdminResponse::Split(CatalogVersion(response.catalog_version)))
    }

    async fn start(&self, message: proto::StartSplitMigrationRequest) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(message);
        let response = self.distribution().start_split_migration(message).await?.into_inner();
        Ok(AdminResponse::Started(JobId(response.job_id)))
    }

    async fn dry_run(&self, message: proto::StartSplitMigrationRequest) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(message);
        let response = self.admin().dry_run_split_migration(message).await?.into_inner();
        Ok(AdminResponse::Plan(plan(response)?))
    }

    async fn job(&self, id: JobId) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::GetSplitJobRequest { job_id: id.0 });
        let response = self.distribution().get_split_job(message).await?.into_inner();
        let job = present(response.job)?;
        let progress = if job.phase.is_terminal() { JobProgress::default() } else { self.progress(id).await };
        Ok(AdminResponse::Job(Box::new(JobView { job, progress })))
    }

    /// What is counted of a job; nothing where it can't be learnt, for the record says all that matters.
    async fn progress(&self, id: JobId) -> JobProgress {
        let message = self.of_operator(proto::JobProgressRequest { job_id: id.0 });
        let response = self.admin().job_progress(message).await;
        response.map(|response| counters(response.into_inner().counters)).unwrap_or_default()
    }

    async fn jobs(&self) -> Result<AdminResponse, Failure> {
        let mut jobs = Vec::new();
        let mut page_cursor = Vec::new();
        loop {
            let message = proto::ListSplitJobsRequest { page_cursor, ..proto::ListSplitJobsRequest::default() };
            let message = self.of_operator(message);
            let response = self.distribution().list_split_jobs(message).await?.into_inner();
            for message in response.jobs {
                jobs.push(JobView { job: job(message)?, progress: JobProgress::default() });
            }
            page_cursor = response.next_page_cursor;
            if page_cursor.is_empty() {
                return Ok(AdminResponse::Jobs(jobs));
            }
        }
    }

    async fn explain(&self, id: JobId) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::ExplainJobRequest { job_id: id.0 });
        let mut response = self.admin().explain_job(message).await?.into_inner();
        let job = present(response.job.take())?;
        Ok(AdminResponse::Explanation(Box::new(explanation(job, response)?)))
    }

    async fn status(&self) -> Result<AdminResponse, Failure> {
        let message = self.of_operator(proto::ClusterStatusRequest {});
        let response = self.admin().cluster_status(message).await?.into_inner();
        Ok(AdminResponse::Status(status(response)))
    }

    async fn change_voters(&self, group: GroupId, change: VoterChange) -> Result<AdminResponse, Failure> {
        let message = proto::ChangeVotersRequest { group_id: group.0, change: Some(change_message(change)) };
        self.admin().change_voters(self.of_operator(message)).await?;
        Ok(AdminResponse::Done)
    }

    async fn transfer_leader(&self, group: GroupId, to: NodeId) -> Result<AdminResponse, Failure> {
        let message = proto::TransferLeaderRequest { group_id: group.0, to_node_id: to.0 };
        self.admin().transfer_leader(self.of_operator(message)).await?;
        Ok(AdminResponse::Done)
    }
}

/// The message of a job that is to be started.
fn start_message(
    expected_version: Option<CatalogVersion>,
    route: RouteId,
    split_key: &RoutingKey,
    target: GroupId,
    options: &JobOptions,
) -> proto::StartSplitMigrationRequest {
    proto::StartSplitMigrationRequest {
        expected_catalog_version: raw_version(expected_version),
        route_id: route.0,
        split_key: split_key.as_bytes().to_vec(),
        target_group_id: target.0,
        options: options_message(options),
    }
}

fn present(message: Option<proto::SplitJob>) -> Result<SplitJob, NodeError> {
    job(message.ok_or_else(|| garbled("it has no job"))?)
}

fn routes(messages: Vec<proto::RouteDescriptor>) -> Result<Vec<Route>, NodeError> {
    messages.into_iter().map(route).collect()
}

/// Who owns what of a range: neighbours of one group are one part.
fn parts(version: CatalogVersion, routes: &[Route], range: &KeyRange) -> Vec<Routed> {
    let mut parts: Vec<Routed> = Vec::new();
    for route in routes {
        let Some(part) = route.range.intersection(range) else { continue };
        let joined = parts.last().filter(|last| last.group == route.group);
        let joined = joined.and_then(|last| KeyRange::new(last.footprint.start().clone(), part.end().cloned()).ok());
        match (joined, parts.last_mut()) {
            (Some(joined), Some(last)) => last.footprint = joined,
            (_, _) => parts.push(Routed { group: route.group, footprint: part, routed_by: version }),
        }
    }
    parts
}
