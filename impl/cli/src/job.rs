//! `splitjob job`, `routes`, `cluster`: what operators ask of a cluster.

use crate::Conclusion;
use crate::kv::{Where, ask, refused};
use crate::out::Out;
use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::json;
use splitjob::server::order;
use splitjob_core::catalog::Route;
use splitjob_core::id::{GroupId, JobId, NodeId, RouteId, VoterId};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::{RoutingKey, text};
use splitjob_node::api::{AdminRequest, AdminResponse, ClientRequest, ClientResponse, Explanation, JobView, Plan};
use splitjob_node::edge::job_json;
use splitjob_wire::peer::VoterChange;
use std::io;
use std::time::Duration;

/// Start, follow, explain and end split jobs.
#[derive(Subcommand)]
pub(crate) enum Job {
    /// Move the part of a route from a key on to another group.
    Start(Start),
    /// List jobs, newest first.
    List(Everything),
    /// Show a job.
    Show(One),
    /// Follow a job until it ends.
    Watch(One),
    /// Say what a job waits for, on whom, since when, and what can safely be done.
    Explain(One),
    /// Let a job that has failed go on.
    Retry(One),
    /// Give a job up, before its range is handed over.
    Abandon(One),
}

/// What is to be moved where.
#[derive(Args)]
pub(crate) struct Start {
    /// The route; the one that has the key, if it isn't said.
    #[arg(long)]
    route: Option<u64>,
    /// The first key that moves: text, or 0x and hexadecimal digits.
    #[arg(long, value_parser = parse_key)]
    key: RoutingKey,
    /// The group that it moves to.
    #[arg(long)]
    to: u64,
    /// How the job copies, as name=number; the names are those of JobOptions.
    #[arg(long = "option", value_name = "NAME=NUMBER")]
    options: Vec<String>,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: Where,
}

/// All of them.
#[derive(Args)]
pub(crate) struct Everything {
    #[command(flatten)]
    at: Where,
}

/// One job.
#[derive(Args)]
pub(crate) struct One {
    /// Its number.
    id: u64,
    #[command(flatten)]
    at: Where,
}

/// Look at the routes, or split one.
#[derive(Args)]
pub(crate) struct Routes {
    /// Split this route on its own group.
    #[arg(long, requires = "key")]
    split: Option<u64>,
    /// The first key of the right part.
    #[arg(long, value_parser = parse_key)]
    key: Option<RoutingKey>,
    #[command(flatten)]
    at: Where,
}

/// Look at the cluster, or change who has a vote.
#[derive(Args)]
pub(crate) struct Cluster {
    /// The group that changes.
    #[arg(long)]
    group: Option<u64>,
    /// This node gets a replica that follows without a vote.
    #[arg(long, requires = "group", conflicts_with_all = ["add_voter", "remove", "lead"])]
    add_learner: Option<u64>,
    /// This node's replica gets a vote.
    #[arg(long, requires = "group", conflicts_with_all = ["remove", "lead"])]
    add_voter: Option<u64>,
    /// This node's replica goes.
    #[arg(long, requires = "group", conflicts_with = "lead")]
    remove: Option<u64>,
    /// This node is to lead.
    #[arg(long, requires = "group")]
    lead: Option<u64>,
    #[command(flatten)]
    at: Where,
}

fn parse_key(written: &str) -> Result<RoutingKey, text::TextError> {
    text::decode(written).map(RoutingKey::from)
}

/// Does what is asked of jobs.
pub(crate) fn run(job: Job) -> anyhow::Result<Conclusion> {
    match job {
        Job::Start(start) => begin(&start),
        Job::List(everything) => admin(&everything.at, AdminRequest::Jobs, |out, response| {
            let AdminResponse::Jobs(views) = response else { return Ok(Conclusion::Incomplete) };
            if everything.at.json {
                out.line(json!(views.iter().map(|view| job_json(view, None)).collect::<Vec<_>>()))?;
            } else {
                views.iter().try_for_each(|view| out.line(line(view)))?;
            }
            Ok(Conclusion::Holds)
        }),
        Job::Show(one) => admin(&one.at, AdminRequest::Job(JobId(one.id)), |out, response| {
            let AdminResponse::Job(view) = response else { return Ok(Conclusion::Incomplete) };
            if one.at.json {
                out.line(job_json(&view, None))?;
            } else {
                out.line(line(&view))?;
            }
            Ok(Conclusion::Holds)
        }),
        Job::Watch(one) => watch(&one),
        Job::Explain(one) => admin(&one.at, AdminRequest::Explain(JobId(one.id)), |out, response| {
            let AdminResponse::Explanation(explanation) = response else { return Ok(Conclusion::Incomplete) };
            if one.at.json {
                out.line(job_json(&explanation.view, Some(&explanation)))?;
            } else {
                explain(out, &explanation)?;
            }
            Ok(Conclusion::Holds)
        }),
        Job::Retry(one) => accepted(&one.at, AdminRequest::Retry(JobId(one.id)), "the job goes on"),
        Job::Abandon(one) => accepted(&one.at, AdminRequest::Abandon(JobId(one.id)), "the job is given up"),
    }
}

fn admin(
    at: &Where,
    request: AdminRequest,
    show: impl FnOnce(&mut Out, AdminResponse) -> io::Result<Conclusion>,
) -> anyhow::Result<Conclusion> {
    ask(at, ClientRequest::Admin(request), |out, response| match response {
        ClientResponse::Admin(response) => show(out, response),
        ClientResponse::Rows { .. }
        | ClientResponse::Newest(_)
        | ClientResponse::Written { .. }
        | ClientResponse::PrefixDeleted { .. }
        | ClientResponse::Begun { .. }
        | ClientResponse::Prepared { .. }
        | ClientResponse::Committed { .. }
        | ClientResponse::Aborted
        | ClientResponse::Txn(_) => Ok(Conclusion::Incomplete),
    })
}

fn accepted(at: &Where, request: AdminRequest, told: &str) -> anyhow::Result<Conclusion> {
    admin(at, request, |out, _| {
        out.line(if at.json { json!({ "accepted": true }).to_string() } else { told.to_owned() })?;
        Ok(Conclusion::Holds)
    })
}

fn begin(start: &Start) -> anyhow::Result<Conclusion> {
    let runtime = crate::serve::runtime()?;
    let route = match start.route {
        Some(route) => RouteId(route),
        None => {
            match runtime.block_on(async { anyhow::Ok(splitjob::server::moves::routes(&start.at.client()?).await) })? {
                Ok(routes) => routes
                    .iter()
                    .find(|route| route.range.contains(&start.key))
                    .map(|route| route.id)
                    .ok_or_else(|| anyhow!("no route has the key {:?}", start.key))?,
                Err(error) => return Ok(refused(&error)),
            }
        }
    };
    let request = AdminRequest::StartJob {
        expected_version: None,
        route,
        split_key: start.key.clone(),
        target: GroupId(start.to),
        options: options(&start.options)?,
        dry_run: start.dry_run,
    };
    admin(&start.at, request, |out, response| match response {
        AdminResponse::Started(job) => {
            let text = format!("job {job} has begun: follow it with `splitjob job watch {job}`");
            out.line(if start.at.json { json!({ "job": job }).to_string() } else { text })?;
            Ok(Conclusion::Holds)
        }
        AdminResponse::Plan(plan) => show_plan(out, &plan),
        AdminResponse::Routes { .. }
        | AdminResponse::Ownership { .. }
        | AdminResponse::Split(_)
        | AdminResponse::Job(_)
        | AdminResponse::Jobs(_)
        | AdminResponse::Explanation(_)
        | AdminResponse::Accepted
        | AdminResponse::Status(_)
        | AdminResponse::Done => Ok(Conclusion::Incomplete),
    })
}

/// The options of a job, by the names of the fields of `JobOptions`.
fn options(written: &[String]) -> anyhow::Result<JobOptions> {
    let mut value = serde_json::to_value(JobOptions::default())?;
    for one in written {
        let (name, number) = one.split_once('=').ok_or_else(|| anyhow!("--option {one}: write name=number"))?;
        let number: u64 = number.parse().map_err(|_| anyhow!("--option {one}: {number} is no number"))?;
        let known = value.as_object_mut().expect("the options are an object");
        let names = known.keys().cloned().collect::<Vec<_>>().join(", ");
        let field = known.get_mut(name).ok_or_else(|| anyhow!("there is no option {name}; there are {names}"))?;
        *field = json!(number);
    }
    Ok(serde_json::from_value(value)?)
}

fn show_plan(out: &mut Out, plan: &Plan) -> io::Result<Conclusion> {
    if let (Some(range), Some(source)) = (&plan.range, plan.source) {
        out.line(format_args!("would move {range} from group {source} to group {}", plan.target))?;
    }
    for check in &plan.checks {
        match &check.problem {
            None => out.line(format_args!("  holds  {}", check.what))?,
            Some(problem) => out.line(format_args!("  FAILS  {}: {problem}", check.what))?,
        }
    }
    let may_start = plan.checks.iter().all(|check| check.problem.is_none());
    Ok(if may_start { Conclusion::Holds } else { Conclusion::Violated })
}

fn line(view: &JobView) -> String {
    let job = &view.job;
    let progress = &view.progress;
    let copied = match progress.rows {
        0 => String::new(),
        rows => format!(", {rows} rows copied, {} rows/s", progress.rows_per_s),
    };
    let eta = progress.eta_ms.map_or_else(String::new, |ms| format!(", {:.1} s left", ms as f64 / 1e3));
    format!(
        "job {} {} {} from group {} to {}{copied}{eta}",
        job.id,
        job.phase.name(),
        job.range,
        job.source,
        job.target
    )
}

fn explain(out: &mut Out, explanation: &Explanation) -> io::Result<()> {
    out.line(line(&explanation.view))?;
    out.line(&explanation.doing)?;
    if let Some(waiting) = &explanation.waiting_text {
        out.line(format_args!("waits {:.1} s for {waiting}", explanation.waiting_ms as f64 / 1e3))?;
    }
    for (node, silent_ms) in &explanation.silent {
        out.line(format_args!("  node {node} has been silent for {:.1} s", *silent_ms as f64 / 1e3))?;
    }
    if let Some((stood_ms, budget_ms)) = explanation.fence {
        out.line(format_args!("writers have waited {stood_ms} ms of at most {budget_ms} ms"))?;
    }
    explanation.actions.iter().try_for_each(|action| out.line(format_args!("  {action}")))
}

/// A line for each change, until the job ends; 1 if it doesn't end in DONE.
fn watch(one: &One) -> anyhow::Result<Conclusion> {
    crate::serve::runtime()?.block_on(async {
        let client = one.at.client()?;
        let mut out = Out::new();
        let mut last = String::new();
        loop {
            let view = match order(&client, AdminRequest::Job(JobId(one.id))).await {
                Ok(AdminResponse::Job(view)) => view,
                Ok(_) => return Ok(Conclusion::Incomplete),
                Err(error) => return Ok(refused(&error)),
            };
            let told = if one.at.json { job_json(&view, None).to_string() } else { line(&view) };
            if told != last {
                out.line(&told)?;
                out.flush()?;
                last = told;
            }
            match view.job.phase.name() {
                PhaseName::Done => return Ok(Conclusion::Holds),
                PhaseName::Abandoned | PhaseName::Failed => return Ok(Conclusion::Violated),
                PhaseName::Planned
                | PhaseName::Backfill
                | PhaseName::Fence
                | PhaseName::DeltaCopy
                | PhaseName::Cutover
                | PhaseName::Cleanup
                | PhaseName::Abandoning => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    })
}

/// Shows the routes, or splits one.
pub(crate) fn routes(arguments: &Routes) -> anyhow::Result<Conclusion> {
    if let (Some(route), Some(at)) = (arguments.split, &arguments.key) {
        let request = AdminRequest::SplitRange { expected_version: None, route: RouteId(route), at: at.clone() };
        return accepted(&arguments.at, request, "the route is split");
    }
    admin(&arguments.at, AdminRequest::Routes, |out, response| {
        let AdminResponse::Routes { version, routes } = response else { return Ok(Conclusion::Incomplete) };
        if arguments.at.json {
            out.line(json!({ "version": version, "routes": routes.iter().map(route_json).collect::<Vec<_>>() }))?;
            return Ok(Conclusion::Holds);
        }
        out.line(format_args!("catalog version {version}"))?;
        for route in &routes {
            let staged = route.staged_for.map_or_else(String::new, |job| format!(", job {job} is promoting its rows"));
            out.line(format_args!(
                "route {:<4} group {:<4} {:?} {}{staged}",
                route.id, route.group, route.state, route.range
            ))?;
        }
        Ok(Conclusion::Holds)
    })
}

fn route_json(route: &Route) -> serde_json::Value {
    json!({
        "route": route.id, "group": route.group, "state": route.state,
        "start": route.range.start(), "end": route.range.end(), "staged_for": route.staged_for,
    })
}

/// Shows the cluster, or changes who has a vote.
pub(crate) fn cluster(arguments: &Cluster) -> anyhow::Result<Conclusion> {
    let group = GroupId(arguments.group.unwrap_or(0));
    let change = [
        arguments.add_learner.map(|node| VoterChange::AddLearner(VoterId(node))),
        arguments.add_voter.map(|node| VoterChange::AddVoter(VoterId(node))),
        arguments.remove.map(|node| VoterChange::Remove(VoterId(node))),
    ];
    if let Some(change) = change.into_iter().flatten().next() {
        return accepted(&arguments.at, AdminRequest::ChangeVoters { group, change }, "changed");
    }
    if let Some(node) = arguments.lead {
        let request = AdminRequest::TransferLeader { group, to: NodeId(node) };
        return accepted(&arguments.at, request, "asked for");
    }
    admin(&arguments.at, AdminRequest::Status, |out, response| {
        let AdminResponse::Status(status) = response else { return Ok(Conclusion::Incomplete) };
        out.line(format_args!("node {} knows catalog version {}", status.node, status.catalog_version))?;
        for view in &status.groups {
            let leader = view.leader.map_or_else(|| "nobody".to_owned(), |node| format!("node {node}"));
            let stopped = view.stopped.as_ref().map_or_else(String::new, |why| format!(", STOPPED: {why}"));
            out.line(format_args!(
                "group {:<4} led by {leader} in term {}, voters {:?}, learners {:?}, applied {} of {}{stopped}",
                view.group, view.term, view.voters, view.learners, view.applied, view.committed
            ))?;
        }
        for (node, silent_ms) in &status.nodes {
            out.line(format_args!("node {node} was heard {silent_ms} ms ago"))?;
        }
        Ok(Conclusion::Holds)
    })
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
