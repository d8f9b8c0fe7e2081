//! Metrics for machines and a page of jobs for people, on a port of their own.

use super::front::Front;
use super::runtime::Glance;
use crate::api::{Explanation, GroupView, JobView, NodeError};
use crate::desk::DEFAULT_GROUP;
use crate::migrator::{MigratorEvent, MigratorEventKind};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use splitjob_core::catalog::{Route, RouteState};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves the port until the server stops.
pub(super) async fn serve(listener: TcpListener, front: Front, mut stopping: watch::Receiver<bool>) {
    let stop = async move {
        let _ = stopping.wait_for(|stops| *stops).await;
    };
    if let Err(error) = axum::serve(listener, router(front)).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the page is served no more");
    }
}

fn router(front: Front) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/jobs.json", get(jobs))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .with_state(front)
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

/// The node's thread answers.
async fn health(State(front): State<Front>) -> Response {
    match front.look().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// What the page shows, as JSON.
async fn jobs(State(front): State<Front>) -> Response {
    match jobs_json(&front).await {
        Ok(value) => axum::Json(value).into_response(),
        Err(error) => {
            (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}

async fn jobs_json(front: &Front) -> Result<Value, NodeError> {
    let glance = front.look().await?;
    let (_, routes) = front.routes().await?;
    let mut shown = Vec::new();
    for view in front.jobs().await?.into_iter().take(SHOWN_JOBS) {
        let is_live = !view.job.phase.is_terminal();
        // While nobody leads the default group nobody can explain a job, and its record is still worth showing.
        let explanation = if is_live { front.explain(view.job.id, false).await.ok() } else { None };
        let view = explanation.as_ref().map_or(&view, |explanation| &explanation.view);
        shown.push(job_json(view, explanation.as_ref()));
    }
    let node = |(node, ms): &(_, u64)| json!({ "node": node, "silent_ms": ms });
    Ok(json!({
        "node": glance.status.node,
        "catalog_version": glance.status.catalog_version,
        "requests": glance.counters.requests,
        "groups": glance.status.groups.iter().map(group_json).collect::<Vec<_>>(),
        "nodes": glance.status.nodes.iter().map(node).collect::<Vec<_>>(),
        "routes": routes.iter().map(route_json).collect::<Vec<_>>(),
        "jobs": shown,
        "events": glance.events.iter().rev().map(event_json).collect::<Vec<_>>(),
    }))
}

fn event_json(event: &MigratorEvent) -> Value {
    let (kind, text) = match &event.kind {
        MigratorEventKind::PhaseChanged { from, to } => ("phase", format!("{from} → {to}")),
        MigratorEventKind::StepTaken { text } => ("step", text.clone()),
        MigratorEventKind::Waiting { text } => ("wait", text.clone()),
        MigratorEventKind::Condemned { why } => ("fail", format!("the job can't go on: {why}")),
    };
    json!({ "at_ms": event.at_ms, "job": event.job, "kind": kind, "text": text })
}

fn route_json(route: &Route) -> Value {
    json!({
        "route": route.id,
        "start": route.range.start(),
        "end": route.range.end(),
        "group": route.group,
        "write_fenced": match route.state {
            RouteState::Active => false,
            RouteState::WriteFenced => true,
        },
        "staged_for": route.staged_for,
    })
}

/// A job in the stable form of `job show --json`.
pub fn job_json(view: &JobView, explanation: Option<&Explanation>) -> Value {
    let job = &view.job;
    let progress = &view.progress;
    json!({
        "job": job.id,
        "phase": job.phase.name(),
        "epoch": job.epoch,
        "revision": job.revision,
        "source_group": job.source,
        "target_group": job.target,
        "range": { "start": job.range.start(), "end": job.range.end() },
        "started_at_ms": job.started_at_ms,
        "updated_at_ms": job.updated_at_ms,
        "rows": progress.rows,
        "bytes": progress.bytes,
        "rows_per_s": progress.rows_per_s,
        "bytes_per_s": progress.bytes_per_s,
        "rows_expected": progress.rows_expected,
        "eta_ms": progress.eta_ms,
        "swept": progress.swept,
        "waiting": explanation.map(|explanation| json!({
            "doing": explanation.doing,
            "for": explanation.waiting_text,
            "since_ms": explanation.waiting_ms,
            "silent": explanation.silent.iter().map(|(node, ms)| json!({ "node": node, "ms": ms })).collect::<Vec<_>>(),
            "fence": explanation.fence.map(|(stood, budget)| json!({ "stood_ms": stood, "budget_ms": budget })),
            "actions": explanation.actions,
        })),
    })
}

fn group_json(view: &GroupView) -> Value {
    json!({
        "group": view.group,
        "role": if view.group == DEFAULT_GROUP { "catalog" } else { "data" },
        "leader": view.leader,
        "term": view.term,
        "voters": view.voters,
        "learners": view.learners,
        "applied": view.applied,
        "committed": view.committed,
        "catalog_version": view.catalog_version,
        "stopped": view.stopped,
    })
}

/// The label of what is told for each node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNode {
    node: u64,
}

/// The label of what is told for each group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfGroup {
    group: u64,
}

async fn metrics(State(front): State<Front>) -> Response {
    let text = match front.look().await {
        Ok(glance) => metrics_text(&glance),
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The metrics of a node in the text form of OpenMetrics.
fn metrics_text(glance: &Glance) -> String {
    let mut registry = Registry::with_prefix("splitjob");
    let counters = glance.counters;
    let counted = [
        ("requests", "Requests of clients that came", counters.requests),
        ("requests_done", "Requests that were done", counters.done),
        ("requests_refused", "Requests that were refused for good", counters.refused),
        ("log_writes", "Durable writes of the Raft logs", counters.turns),
    ];
    for (name, help, count) in counted {
        registry.register(name, help, ConstCounter::new(count));
    }
    let version = ConstGauge::new(signed(glance.status.catalog_version.0));
    registry.register("catalog_version", "The catalog version that the node knows", version);
    let of_groups: [OfGroups; 5] = [
        ("applied_index", "The last entry applied", |view| view.applied),
        ("committed_index", "The last entry committed", |view| view.committed),
        ("term", "The term", |view| view.term),
        ("leader", "The node that leads; 0: none is known", |view| view.leader.map_or(0, |leader| leader.0)),
        ("stopped", "1 if the replica has stopped", |view| u64::from(view.stopped.is_some())),
    ];
    for (name, help, value) in of_groups {
        let family = Family::<OfGroup, Gauge>::default();
        for view in &glance.status.groups {
            family.get_or_create(&OfGroup { group: view.group.0 }).set(signed(value(view)));
        }
        registry.register(name, help, family);
    }
    let silence = Family::<OfNode, Gauge>::default();
    for (node, ms) in &glance.status.nodes {
        silence.get_or_create(&OfNode { node: node.0 }).set(signed(*ms));
    }
    registry.register("silent_ms", "How long ago a node was heard, in milliseconds", silence);
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing to a string never fails");
    text
}

/// A metric of each group: its name, what it is, and its value.
type OfGroups = (&'static str, &'static str, fn(&GroupView) -> u64);

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Jobs on the page.
const SHOWN_JOBS: usize = 20;
