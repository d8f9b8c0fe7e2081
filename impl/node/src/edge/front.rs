//! What every surface of a node asks through: the node itself, or the node that can answer.

use super::runtime::{Glance, Handle};
use crate::api::{
    AdminRequest, AdminResponse, ClientRequest, ClientResponse, ClusterStatus, Explanation, JobView, NodeError,
};
use crate::client::Client;
use crate::desk::DEFAULT_GROUP;
use splitjob_core::catalog::Route;
use splitjob_core::id::{CatalogVersion, JobId, NodeId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A node, and the clients by which it asks the others.
#[derive(Clone)]
pub(super) struct Front {
    handle: Handle,
    others: Arc<BTreeMap<NodeId, Client>>,
}

impl Front {
    /// The node behind the handle, among these others.
    pub(super) fn new(handle: Handle, others: BTreeMap<NodeId, Client>) -> Front {
        Front { handle, others: Arc::new(others) }
    }

    /// Asks this node.
    pub(super) async fn ask(&self, request: ClientRequest) -> Result<ClientResponse, NodeError> {
        self.handle.ask(request).await
    }

    /// Asks this node as an operator.
    pub(super) async fn ask_admin(&self, request: AdminRequest) -> Result<AdminResponse, NodeError> {
        let ClientResponse::Admin(response) = self.handle.ask(ClientRequest::Admin(request)).await? else {
            return Err(misfit());
        };
        Ok(response)
    }

    /// Looks at this node.
    pub(super) async fn look(&self) -> Result<Glance, NodeError> {
        self.handle.look().await
    }

    /// The routes, as this node knows them.
    pub(super) async fn routes(&self) -> Result<(CatalogVersion, Vec<Route>), NodeError> {
        let AdminResponse::Routes { version, routes } = self.ask_admin(AdminRequest::Routes).await? else {
            return Err(misfit());
        };
        Ok((version, routes))
    }

    /// What this node knows of the cluster.
    pub(super) async fn status(&self) -> Result<ClusterStatus, NodeError> {
        let AdminResponse::Status(status) = self.ask_admin(AdminRequest::Status).await? else { return Err(misfit()) };
        Ok(status)
    }

    /// One job.
    pub(super) async fn job(&self, job: JobId) -> Result<JobView, NodeError> {
        let AdminResponse::Job(view) = self.ask_admin(AdminRequest::Job(job)).await? else { return Err(misfit()) };
        Ok(*view)
    }

    /// Jobs, newest first.
    pub(super) async fn jobs(&self) -> Result<Vec<JobView>, NodeError> {
        let AdminResponse::Jobs(jobs) = self.ask_admin(AdminRequest::Jobs).await? else { return Err(misfit()) };
        Ok(jobs)
    }

    /// What a job waits for, by the node that drives it: this one, or the one that it forwards to. A question that was
    /// forwarded is not forwarded again, so that two nodes with old views don't pass it to and fro.
    pub(super) async fn explain(&self, job: JobId, was_forwarded: bool) -> Result<Explanation, NodeError> {
        let request = AdminRequest::Explain(job);
        let response = match self.driver().await?.filter(|_| !was_forwarded) {
            Some(driver) => driver.ask(ClientRequest::Admin(request)).await?,
            None => self.handle.ask(ClientRequest::Admin(request)).await?,
        };
        let ClientResponse::Admin(AdminResponse::Explanation(explanation)) = response else { return Err(misfit()) };
        Ok(*explanation)
    }

    /// The node that drives the jobs, if it is another one.
    async fn driver(&self) -> Result<Option<&Client>, NodeError> {
        let status = self.status().await?;
        let catalog = status.groups.iter().find(|view| view.group == DEFAULT_GROUP);
        let leader = catalog.and_then(|view| view.leader).filter(|leader| *leader != status.node);
        Ok(leader.and_then(|leader| self.others.get(&leader)))
    }
}

/// An answer to another question. The node would be wrong, and whoever asked mustn't hear that nothing was changed.
pub(super) fn misfit() -> NodeError {
    NodeError::Unknown { why: "the node's answer doesn't fit the question".to_owned() }
}
