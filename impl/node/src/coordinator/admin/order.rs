//! Orders that the catalog carries out: made from what this node knows, and made anew where it knew too little.

use super::{no_such_job, record};
use crate::api::{AdminResponse, ClientResponse, NodeError};
use crate::coordinator::errand::{CATALOG_WAIT_MS, End, Failure, pause_ms};
use crate::coordinator::lead::Means;
use crate::coordinator::plan::{Ended, Moves, Plan, misfit};
use crate::coordinator::question::Question;
use splitjob_core::catalog::{Advance, AdvanceJob, CatalogCommand, CatalogOutcome, CatalogRejection, StartJob};
use splitjob_core::id::{CatalogVersion, JobId, RouteId};
use splitjob_core::key::RoutingKey;
use splitjob_wire::peer::Answer;

/// What an operator wants of the catalog.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// A route in two.
    Split { expected_version: Option<CatalogVersion>, route: RouteId, at: RoutingKey },
    /// A job; pinned if the operator named the version that was looked at.
    Start { is_pinned: bool, start: StartJob },
    /// A step of a job's record.
    Advance { job: JobId, advance: Advance },
}

/// The plan of an order.
#[derive(Debug)]
pub(super) struct CatalogOrder {
    order: Order,
    looks: u32,
}

impl CatalogOrder {
    pub(super) fn new(order: Order) -> CatalogOrder {
        CatalogOrder { order, looks: 0 }
    }

    fn is_pinned(&self) -> bool {
        match &self.order {
            Order::Split { expected_version, .. } => expected_version.is_some(),
            Order::Start { is_pinned, .. } => *is_pinned,
            Order::Advance { .. } => false,
        }
    }

    /// Looks at what this node knows, and asks for the step from there.
    fn look(&mut self, means: &mut Means<'_, '_>) -> Moves {
        self.looks += 1;
        let known = means.desk.routes().version;
        let now_ms = means.desk.now.wall.get();
        match &self.order {
            Order::Split { expected_version, route, at } => Moves::ask(Question::Catalog(CatalogCommand::SplitRange {
                expected_version: expected_version.unwrap_or(known),
                route: *route,
                at: at.clone(),
            })),
            Order::Start { is_pinned, start } => {
                let expected_version = if *is_pinned { start.expected_version } else { known };
                let start = StartJob { expected_version, now_ms, ..start.clone() };
                Moves::ask(Question::Catalog(CatalogCommand::StartJob(start)))
            }
            Order::Advance { job, advance } => self.advance(*job, advance.clone(), means),
        }
    }

    fn advance(&self, id: JobId, advance: Advance, means: &Means<'_, '_>) -> Moves {
        let catalog = means.desk.catalog;
        let Some(job) = catalog.job(id) else {
            return match record(catalog, id) {
                Some(_) => refused(CatalogRejection::NoLiveJob { job: id }),
                // This node may not have heard of it yet.
                None if self.looks < MAX_LOOKS => self.pause(means),
                None => Moves::reply(Err(no_such_job(id))),
            };
        };
        Moves::ask(Question::Catalog(CatalogCommand::AdvanceJob(AdvanceJob {
            job: id,
            expected_revision: job.revision,
            expected_version: catalog.routes().version,
            now_ms: means.desk.now.wall.get(),
            advance,
        })))
    }

    fn pause(&self, means: &Means<'_, '_>) -> Moves {
        Moves::ask(Question::Pause { until_ms: means.desk.now.elapsed_ms + pause_ms(self.looks) })
    }

    /// The command was made from an older state of the catalog: it is made anew from a newer one, a few times.
    fn behind(&self, rejection: CatalogRejection, means: &Means<'_, '_>) -> Moves {
        if self.looks >= MAX_LOOKS {
            return refused(rejection);
        }
        if let CatalogRejection::VersionMoved { current, .. } = rejection
            && !self.is_pinned()
        {
            let until_ms = means.desk.now.elapsed_ms + CATALOG_WAIT_MS;
            return Moves::ask(Question::Version { at_least: current, until_ms });
        }
        let has_moved = matches!(rejection, CatalogRejection::RevisionMoved { .. });
        if has_moved { self.pause(means) } else { refused(rejection) }
    }
}

impl Plan for CatalogOrder {
    fn begin(&mut self, means: &mut Means<'_, '_>) -> Moves {
        self.look(means)
    }

    fn ended(&mut self, means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        if !matches!(ended.question, Question::Catalog(_)) {
            return self.look(means);
        }
        match ended.end {
            End::Done(Answer::CatalogApplied(outcome)) => {
                Moves::reply(response(&outcome).map(ClientResponse::Admin).ok_or_else(misfit))
            }
            End::Failed(Failure::CatalogRejected(rejection)) => self.behind(*rejection, means),
            End::Failed(failure) => Moves::reply(Err(failure.into())),
            End::Done(_) | End::Divided => Moves::reply(Err(misfit())),
        }
    }
}

fn refused(rejection: CatalogRejection) -> Moves {
    Moves::reply(Err(NodeError::CatalogRejected(Box::new(rejection))))
}

fn response(outcome: &CatalogOutcome) -> Option<AdminResponse> {
    match outcome {
        CatalogOutcome::RoutesChanged { version } => Some(AdminResponse::Split(*version)),
        CatalogOutcome::JobStarted { job } => Some(AdminResponse::Started(*job)),
        CatalogOutcome::JobAdvanced { .. } => Some(AdminResponse::Accepted),
        CatalogOutcome::NodesReported | CatalogOutcome::HistorySwept { .. } => None,
    }
}

/// So often a command is made anew: a migrator writes its record a few times a second.
const MAX_LOOKS: u32 = 8;
