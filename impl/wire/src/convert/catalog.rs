//! Commands of the catalog, and what they did.

use super::{Wire, ascending, present, required, routing_key};
use crate::error::WireError;
use crate::proto::splitjob::{self as pb, advance_job, catalog_command, catalog_outcome};
use splitjob_core::catalog::{Advance, AdvanceJob, CatalogCommand, CatalogOutcome, NodeReport, StartJob};
use splitjob_core::group::Window;
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, Revision, RouteId};
use splitjob_core::job::FailReason;
use splitjob_core::timestamp::Timestamp;

impl Wire for CatalogCommand {
    type Message = pb::CatalogCommand;

    fn to_message(&self) -> pb::CatalogCommand {
        use catalog_command::Command as Message;
        let command = match self {
            CatalogCommand::SplitRange { expected_version, route, at } => Message::SplitRange(pb::SplitRange {
                expected_version: expected_version.0,
                route: route.0,
                at: at.as_bytes().to_vec(),
            }),
            CatalogCommand::StartJob(start) => Message::StartJob(start.to_message()),
            CatalogCommand::AdvanceJob(advance) => Message::AdvanceJob(advance.to_message()),
            CatalogCommand::ReportNodes { nodes } => {
                Message::ReportNodes(pb::ReportNodes { nodes: nodes.iter().map(node_message).collect() })
            }
            CatalogCommand::SweepHistory { now_ms } => Message::SweepHistory(*now_ms),
        };
        pb::CatalogCommand { command: Some(command) }
    }

    fn from_message(message: pb::CatalogCommand) -> Result<CatalogCommand, WireError> {
        use catalog_command::Command as Message;
        Ok(match present(message.command, "a command of the catalog")? {
            Message::SplitRange(split) => CatalogCommand::SplitRange {
                expected_version: CatalogVersion(split.expected_version),
                route: RouteId(split.route),
                at: routing_key(split.at)?,
            },
            Message::StartJob(start) => CatalogCommand::StartJob(StartJob::from_message(start)?),
            Message::AdvanceJob(advance) => CatalogCommand::AdvanceJob(AdvanceJob::from_message(advance)?),
            Message::ReportNodes(report) => {
                let nodes = report.nodes.into_iter().map(node_from_message).collect();
                CatalogCommand::ReportNodes { nodes: ascending(nodes, |(node, _)| *node, "the nodes of a report")? }
            }
            Message::SweepHistory(now_ms) => CatalogCommand::SweepHistory { now_ms },
        })
    }
}

/// What is known of a node.
pub(crate) fn node_message((node, report): (&NodeId, &NodeReport)) -> pb::NodeReport {
    pb::NodeReport { node: node.0, is_capable: report.is_capable, heard_at_ms: report.heard_at_ms }
}

/// The node, and what is known of it.
pub(crate) fn node_from_message(message: pb::NodeReport) -> (NodeId, NodeReport) {
    let report = NodeReport { is_capable: message.is_capable, heard_at_ms: message.heard_at_ms };
    (NodeId(message.node), report)
}

impl Wire for StartJob {
    type Message = pb::StartJob;

    fn to_message(&self) -> pb::StartJob {
        pb::StartJob {
            expected_version: self.expected_version.0,
            route: self.route.0,
            split_key: self.split_key.as_bytes().to_vec(),
            target: self.target.0,
            options: Some(self.options.to_message()),
            now_ms: self.now_ms,
        }
    }

    fn from_message(message: pb::StartJob) -> Result<StartJob, WireError> {
        Ok(StartJob {
            expected_version: CatalogVersion(message.expected_version),
            route: RouteId(message.route),
            split_key: routing_key(message.split_key)?,
            target: GroupId(message.target),
            options: required(message.options, "the options of a job")?,
            now_ms: message.now_ms,
        })
    }
}

impl Wire for AdvanceJob {
    type Message = pb::AdvanceJob;

    fn to_message(&self) -> pb::AdvanceJob {
        pb::AdvanceJob {
            job: self.job.0,
            expected_revision: self.expected_revision.0,
            expected_version: self.expected_version.0,
            now_ms: self.now_ms,
            advance: Some(advance_message(&self.advance)),
        }
    }

    fn from_message(message: pb::AdvanceJob) -> Result<AdvanceJob, WireError> {
        Ok(AdvanceJob {
            job: JobId(message.job),
            expected_revision: Revision(message.expected_revision),
            expected_version: CatalogVersion(message.expected_version),
            now_ms: message.now_ms,
            advance: advance(present(message.advance, "the step of a job record")?)?,
        })
    }
}

fn advance_message(advance: &Advance) -> advance_job::Advance {
    use advance_job::Advance as Message;
    let nothing = pb::Nothing {};
    match advance {
        Advance::TakeOver => Message::TakeOver(nothing),
        Advance::BeginBackfill => Message::BeginBackfill(nothing),
        Advance::ChooseWindow { window } => Message::ChooseWindow(window.to_message()),
        Advance::NextRound => Message::NextRound(nothing),
        Advance::BeginFence => Message::BeginFence(nothing),
        Advance::BeginDeltaCopy { delta_floor, fence_ts } => {
            Message::BeginDeltaCopy(pb::BeginDeltaCopy { delta_floor: delta_floor.raw(), fence_ts: fence_ts.raw() })
        }
        Advance::ArmCutover => Message::ArmCutover(nothing),
        Advance::CommitCutover { min_write_ts_exclusive, min_read_ts } => Message::CommitCutover(pb::CommitCutover {
            min_write_ts_exclusive: min_write_ts_exclusive.raw(),
            min_read_ts: min_read_ts.raw(),
        }),
        Advance::ClearStaged => Message::ClearStaged(nothing),
        Advance::Finish => Message::Finish(nothing),
        Advance::Unfence => Message::Unfence(nothing),
        Advance::Fail { reason } => Message::Fail(reason.to_message()),
        Advance::Retry => Message::Retry(nothing),
        Advance::Abandon => Message::Abandon(nothing),
        Advance::FinishAbandon => Message::FinishAbandon(nothing),
    }
}

fn advance(message: advance_job::Advance) -> Result<Advance, WireError> {
    use advance_job::Advance as Message;
    let ts = Timestamp::from_raw;
    Ok(match message {
        Message::TakeOver(pb::Nothing {}) => Advance::TakeOver,
        Message::BeginBackfill(pb::Nothing {}) => Advance::BeginBackfill,
        Message::ChooseWindow(window) => Advance::ChooseWindow { window: Window::from_message(window)? },
        Message::NextRound(pb::Nothing {}) => Advance::NextRound,
        Message::BeginFence(pb::Nothing {}) => Advance::BeginFence,
        Message::BeginDeltaCopy(delta) => {
            Advance::BeginDeltaCopy { delta_floor: ts(delta.delta_floor), fence_ts: ts(delta.fence_ts) }
        }
        Message::ArmCutover(pb::Nothing {}) => Advance::ArmCutover,
        Message::CommitCutover(cutover) => Advance::CommitCutover {
            min_write_ts_exclusive: ts(cutover.min_write_ts_exclusive),
            min_read_ts: ts(cutover.min_read_ts),
        },
        Message::ClearStaged(pb::Nothing {}) => Advance::ClearStaged,
        Message::Finish(pb::Nothing {}) => Advance::Finish,
        Message::Unfence(pb::Nothing {}) => Advance::Unfence,
        Message::Fail(reason) => Advance::Fail { reason: FailReason::from_message(reason)? },
        Message::Retry(pb::Nothing {}) => Advance::Retry,
        Message::Abandon(pb::Nothing {}) => Advance::Abandon,
        Message::FinishAbandon(pb::Nothing {}) => Advance::FinishAbandon,
    })
}

impl Wire for CatalogOutcome {
    type Message = pb::CatalogOutcome;

    fn to_message(&self) -> pb::CatalogOutcome {
        use catalog_outcome::Outcome as Message;
        let outcome = match self {
            CatalogOutcome::RoutesChanged { version } => Message::RoutesChanged(version.0),
            CatalogOutcome::JobStarted { job } => Message::JobStarted(job.0),
            CatalogOutcome::NodesReported => Message::NodesReported(pb::Nothing {}),
            CatalogOutcome::JobAdvanced { revision, version } => {
                Message::JobAdvanced(pb::JobAdvanced { revision: revision.0, version: version.0 })
            }
            CatalogOutcome::HistorySwept { kept } => Message::HistorySwept(*kept),
        };
        pb::CatalogOutcome { outcome: Some(outcome) }
    }

    fn from_message(message: pb::CatalogOutcome) -> Result<CatalogOutcome, WireError> {
        use catalog_outcome::Outcome as Message;
        Ok(match present(message.outcome, "what a command of the catalog did")? {
            Message::RoutesChanged(version) => CatalogOutcome::RoutesChanged { version: CatalogVersion(version) },
            Message::JobStarted(job) => CatalogOutcome::JobStarted { job: JobId(job) },
            Message::NodesReported(pb::Nothing {}) => CatalogOutcome::NodesReported,
            Message::JobAdvanced(advanced) => CatalogOutcome::JobAdvanced {
                revision: Revision(advanced.revision),
                version: CatalogVersion(advanced.version),
            },
            Message::HistorySwept(kept) => CatalogOutcome::HistorySwept { kept },
        })
    }
}
