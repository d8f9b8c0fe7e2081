//! What operators ask: answered from the node's copy of the catalog, or brought to the leader that can do it.

mod dry_run;
mod order;

use super::errand::CATALOG_WAIT_MS;
use super::lead::Means;
use super::plan::{Ended, Moves, Plan, Single};
use super::question::Question;
use crate::api::{AdminRequest, AdminResponse, ClientResponse, JobProgress, JobView, NodeError};
use order::{CatalogOrder, Order};
use splitjob_core::catalog::{Advance, Catalog, StartJob};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, VoterId};
use splitjob_core::job::SplitJob;
use splitjob_core::range::KeyRange;
use splitjob_wire::peer::{Answer, Call};

/// What becomes of an operator's request: an answer at once, or a plan.
pub(super) fn plan(
    request: AdminRequest,
    means: &mut Means<'_, '_>,
) -> Result<Box<dyn Plan>, Result<ClientResponse, NodeError>> {
    let catalog = means.desk.catalog;
    let order: Box<dyn Plan> = match request {
        AdminRequest::Routes => return Err(Ok(ClientResponse::Admin(routes(catalog)))),
        AdminRequest::Ownership { range, at_least } => Box::new(Ownership { range, at_least }),
        AdminRequest::SplitRange { expected_version, route, at } => {
            Box::new(CatalogOrder::new(Order::Split { expected_version, route, at }))
        }
        AdminRequest::StartJob { expected_version, route, split_key, target, options, dry_run } => {
            let expected = expected_version.unwrap_or(catalog.routes().version);
            let now_ms = means.desk.now.wall.get();
            let start = StartJob { expected_version: expected, route, split_key, target, options, now_ms };
            if dry_run {
                return Err(Ok(ClientResponse::Admin(AdminResponse::Plan(dry_run::plan(catalog, &start)))));
            }
            Box::new(CatalogOrder::new(Order::Start { is_pinned: expected_version.is_some(), start }))
        }
        AdminRequest::Job(job) => return Err(job_view(catalog, job)),
        AdminRequest::Jobs => return Err(Ok(ClientResponse::Admin(AdminResponse::Jobs(job_views(catalog))))),
        AdminRequest::Abandon(job) => Box::new(CatalogOrder::new(Order::Advance { job, advance: Advance::Abandon })),
        AdminRequest::Retry(job) => Box::new(CatalogOrder::new(Order::Advance { job, advance: Advance::Retry })),
        AdminRequest::ChangeVoters { group, change } => to_leader(group, Call::ChangeVoters { group, change }),
        // A voter has the number of its node.
        AdminRequest::TransferLeader { group, to } => {
            to_leader(group, Call::TransferLeader { group, to: VoterId(to.0) })
        }
        AdminRequest::Explain(_) | AdminRequest::Status => {
            return Err(Err(NodeError::Invalid {
                what: "only the node itself can tell: it answers before".to_owned(),
            }));
        }
    };
    Ok(order)
}

fn to_leader(group: GroupId, call: Call) -> Box<dyn Plan> {
    let response =
        |answer| if answer == Answer::Done { Some(ClientResponse::Admin(AdminResponse::Done)) } else { None };
    Box::new(Single::new(Question::Order { group, call }, response))
}

fn routes(catalog: &Catalog) -> AdminResponse {
    let routes = catalog.routes();
    AdminResponse::Routes { version: routes.version, routes: routes.iter().cloned().collect() }
}

/// The record of a job, live or remembered.
fn record(catalog: &Catalog, id: JobId) -> Option<&SplitJob> {
    catalog.job(id).or_else(|| catalog.history().find(|job| job.id == id))
}

fn job_view(catalog: &Catalog, id: JobId) -> Result<ClientResponse, NodeError> {
    let job = record(catalog, id).ok_or_else(|| no_such_job(id))?;
    Ok(ClientResponse::Admin(AdminResponse::Job(Box::new(view(job)))))
}

fn job_views(catalog: &Catalog) -> Vec<JobView> {
    let mut views: Vec<JobView> = catalog.history().chain(catalog.live_jobs()).map(view).collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.job.id));
    views
}

fn view(job: &SplitJob) -> JobView {
    JobView { job: job.clone(), progress: JobProgress::default() }
}

fn no_such_job(id: JobId) -> NodeError {
    NodeError::NotFound { what: format!("job {id}: it never was, or is forgotten") }
}

/// The plan of a question for owners: it waits a bounded time for the version, and doesn't guess (C7).
#[derive(Debug)]
struct Ownership {
    range: KeyRange,
    at_least: CatalogVersion,
}

impl Plan for Ownership {
    fn begin(&mut self, means: &mut Means<'_, '_>) -> Moves {
        let until_ms = means.desk.now.elapsed_ms + CATALOG_WAIT_MS;
        Moves::ask(Question::Version { at_least: self.at_least, until_ms })
    }

    fn ended(&mut self, means: &mut Means<'_, '_>, _ended: Ended) -> Moves {
        let version = means.desk.routes().version;
        let parts = means.desk.catalog.ownership(&self.range, self.at_least);
        Moves::reply(match parts {
            Ok(parts) => Ok(ClientResponse::Admin(AdminResponse::Ownership { version, parts })),
            Err(rejection) => Err(NodeError::CatalogRejected(Box::new(rejection))),
        })
    }
}
