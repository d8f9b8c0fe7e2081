//! What a node answers about itself without asking anybody.

use super::Node;
use crate::api::{
    AdminRequest, AdminResponse, ClientRequest, ClientResponse, ClusterStatus, JobProgress, JobView, NodeError,
};
use crate::desk::DEFAULT_GROUP;
use crate::io::Now;
use crate::migrator::MigratorEvent;
use crate::replica::Replica;
use splitjob_core::id::{JobId, NodeId};
use splitjob_core::job::SplitJob;
use std::collections::BTreeMap;

impl Node {
    /// Answers a request that is about this node; absent if the coordinator must see to it.
    pub(super) fn answer_itself(
        &mut self,
        now: Now,
        request: &ClientRequest,
    ) -> Option<Result<ClientResponse, NodeError>> {
        let ClientRequest::Admin(request) = request else { return None };
        let response = match request {
            AdminRequest::Status => Ok(AdminResponse::Status(self.status(now))),
            AdminRequest::Job(job) => {
                self.find_job(*job).map(|job| AdminResponse::Job(Box::new(self.job_view(job.clone()))))
            }
            AdminRequest::Jobs => {
                let catalog = self.catalog();
                let mut jobs: Vec<SplitJob> = catalog.live_jobs().chain(catalog.history()).cloned().collect();
                jobs.sort_by_key(|job| std::cmp::Reverse(job.id));
                Ok(AdminResponse::Jobs(jobs.into_iter().map(|job| self.job_view(job)).collect()))
            }
            AdminRequest::Explain(job) => self.explain(now, *job),
            AdminRequest::Routes
            | AdminRequest::Ownership { .. }
            | AdminRequest::SplitRange { .. }
            | AdminRequest::StartJob { .. }
            | AdminRequest::Abandon(_)
            | AdminRequest::Retry(_)
            | AdminRequest::ChangeVoters { .. }
            | AdminRequest::TransferLeader { .. } => return None,
        };
        Some(response.map(ClientResponse::Admin))
    }

    fn find_job(&self, job: JobId) -> Result<&SplitJob, NodeError> {
        let catalog = self.catalog();
        let found = catalog.job(job).or_else(|| catalog.history().find(|ended| ended.id == job));
        found.ok_or_else(|| NodeError::NotFound { what: format!("there is no job {job}, live or remembered") })
    }

    fn job_view(&self, job: SplitJob) -> JobView {
        let progress = match self.tending.leads {
            true => self.parts.migrator.progress(job.id),
            false => JobProgress::default(),
        };
        JobView { job, progress }
    }

    fn explain(&mut self, now: Now, job: JobId) -> Result<AdminResponse, NodeError> {
        self.find_job(job)?;
        if !self.tending.leads {
            let leader = self.replicas[&DEFAULT_GROUP].leader().filter(|leader| *leader != self.config.node);
            let what = match leader {
                Some(leader) => format!("node {leader} drives the job: ask it"),
                None => "nobody leads the default group now".to_owned(),
            };
            return Err(NodeError::Unavailable { what, retry_after_ms: 200 });
        }
        let mut heard: BTreeMap<NodeId, u64> =
            self.heard.iter().map(|(node, heard)| (*node, heard.elapsed_ms)).collect();
        heard.insert(self.config.node, now.elapsed_ms);
        let explanation = self.with_desk(now, |parts, desk| parts.migrator.explain(desk, job, &heard));
        let explanation = explanation.ok_or_else(|| NodeError::Unavailable {
            what: "the job has just been taken over".to_owned(),
            retry_after_ms: 100,
        })?;
        Ok(AdminResponse::Explanation(Box::new(explanation)))
    }

    /// What the migrator did since the last call.
    pub fn events(&mut self) -> Vec<MigratorEvent> {
        self.parts.migrator.events()
    }

    /// What this node knows of the cluster.
    pub fn status(&self, now: Now) -> ClusterStatus {
        let silence = |node: &NodeId| match self.heard.get(node) {
            _ if *node == self.config.node => 0,
            Some(heard) => now.elapsed_ms.saturating_sub(heard.elapsed_ms),
            None => now.elapsed_ms,
        };
        ClusterStatus {
            node: self.config.node,
            catalog_version: self.catalog().routes().version,
            groups: self.replicas.values().map(Replica::view).collect(),
            nodes: self.config.members.iter().map(|node| (*node, silence(node))).collect(),
        }
    }
}
