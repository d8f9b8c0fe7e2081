//! What operators ask beyond the catalog.

use super::distribution::start_job;
use super::{Operators, answer, was_forwarded};
use crate::api::{AdminRequest, AdminResponse, NodeError};
use crate::convert::{
    barriers, change, counters_message, explanation_message, job_message, phase_number, plan_message, status_message,
};
use crate::edge::front::{Front, misfit};
use splitjob_core::id::{GroupId, JobId, NodeId};
use splitjob_wire::proto;
use splitjob_wire::proto::admin_server::Admin;
use tonic::{Request, Response, Status};

/// The service.
pub(crate) struct AdminService {
    front: Front,
    operators: Operators,
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn cluster_status(
        &self,
        _: Request<proto::ClusterStatusRequest>,
    ) -> Result<Response<proto::ClusterStatusResponse>, Status> {
        answer(self.front.status().await.map(|status| status_message(&status)))
    }

    async fn explain_job(
        &self,
        request: Request<proto::ExplainJobRequest>,
    ) -> Result<Response<proto::ExplainJobResponse>, Status> {
        let was_forwarded = was_forwarded(request.metadata());
        let explanation = self.front.explain(JobId(request.into_inner().job_id), was_forwarded).await;
        answer(explanation.map(|explanation| explanation_message(job_message(&explanation.view.job), &explanation)))
    }

    async fn dry_run_split_migration(
        &self,
        request: Request<proto::StartSplitMigrationRequest>,
    ) -> Result<Response<proto::DryRunSplitMigrationResponse>, Status> {
        answer(self.dry_run(request.into_inner()).await)
    }

    async fn change_voters(
        &self,
        request: Request<proto::ChangeVotersRequest>,
    ) -> Result<Response<proto::ChangeVotersResponse>, Status> {
        self.operators.check(request.metadata())?;
        answer(self.change_voters(request.into_inner()).await)
    }

    async fn transfer_leader(
        &self,
        request: Request<proto::TransferLeaderRequest>,
    ) -> Result<Response<proto::TransferLeaderResponse>, Status> {
        self.operators.check(request.metadata())?;
        let request = request.into_inner();
        let order = AdminRequest::TransferLeader { group: GroupId(request.group_id), to: NodeId(request.to_node_id) };
        answer(self.order(order).await.map(|()| proto::TransferLeaderResponse {}))
    }

    async fn job_progress(
        &self,
        request: Request<proto::JobProgressRequest>,
    ) -> Result<Response<proto::JobProgressResponse>, Status> {
        let was_forwarded = was_forwarded(request.metadata());
        answer(self.progress(JobId(request.into_inner().job_id), was_forwarded).await)
    }
}

impl AdminService {
    /// The service of a node.
    pub(crate) fn new(front: Front, operators: Operators) -> AdminService {
        AdminService { front, operators }
    }

    async fn dry_run(
        &self,
        request: proto::StartSplitMigrationRequest,
    ) -> Result<proto::DryRunSplitMigrationResponse, NodeError> {
        let AdminResponse::Plan(plan) = self.front.ask_admin(start_job(request, true)?).await? else {
            return Err(misfit());
        };
        Ok(plan_message(&plan))
    }

    async fn change_voters(
        &self,
        request: proto::ChangeVotersRequest,
    ) -> Result<proto::ChangeVotersResponse, NodeError> {
        let change = change(request.change)?;
        self.order(AdminRequest::ChangeVoters { group: GroupId(request.group_id), change }).await?;
        Ok(proto::ChangeVotersResponse {})
    }

    async fn progress(&self, job: JobId, was_forwarded: bool) -> Result<proto::JobProgressResponse, NodeError> {
        let explanation = self.front.explain(job, was_forwarded).await?;
        let status = self.front.status().await?;
        let view = &explanation.view;
        Ok(proto::JobProgressResponse {
            phase: phase_number(view.job.phase.name()).into(),
            counters: Some(counters_message(&view.progress)),
            barriers: barriers(&explanation, &status),
        })
    }

    async fn order(&self, order: AdminRequest) -> Result<(), NodeError> {
        let AdminResponse::Done = self.front.ask_admin(order).await? else { return Err(misfit()) };
        Ok(())
    }
}
