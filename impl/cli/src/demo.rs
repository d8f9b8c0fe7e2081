//! `splitjob demo`: three processes, two data groups, a load, and a hot range that moves live; judged in the end.

use crate::Conclusion;
use crate::out::{self, Out, Style};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use splitjob::server::cluster::Cluster;
use splitjob::server::load::{self, Load, Seen, percentile_ms};
use splitjob::server::moves::{self, Move, Moved};
use splitjob::server::order;
use splitjob::server::recorder::{Recorder, closing, newest_told};
use splitjob_core::id::GroupId;
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_node::api::{AdminRequest, AdminResponse, JobProgress};
use splitjob_node::client::Client;
use splitjob_refinement::history::{Verdict, judge};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Runs a cluster on this machine and moves a hot range of it live, under load; judges what clients saw.
#[derive(Args, Clone)]
pub(crate) struct Arguments {
    /// Rows of the range that is split; the right half of them moves.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Seconds of load before the first move, and after the last one.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Moves: there, back again, and so on.
    #[arg(long, default_value_t = 1)]
    moves: u64,
    /// Clients of the load.
    #[arg(long, default_value_t = 8)]
    clients: u64,
    /// Processes, each with a voter of every group.
    #[arg(long, default_value_t = 3)]
    nodes: u64,
    /// Ends with one line of JSON.
    #[arg(long)]
    json: bool,
    /// Where the processes put their data and logs; a temporary directory that goes with the demonstration, if it isn't said.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// What a demonstration came to.
struct Report {
    moved: Vec<Moved>,
    seen: Seen,
    load_took: Duration,
    fill_rate: f64,
    leftovers: Vec<String>,
    verdict: Verdict,
}

/// Runs the demonstration; 0 only if the range has moved, nothing of the job is left, and no client could tell.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Conclusion> {
    let report = crate::serve::runtime()?.block_on(play(arguments))?;
    let mut out = Out::new();
    tell(&mut out, &report)?;
    let conclusion = report.conclusion();
    if arguments.json {
        out.line(report.json(arguments.rows))?;
    }
    out.flush()?;
    Ok(conclusion)
}

async fn play(arguments: &Arguments) -> anyhow::Result<Report> {
    if arguments.rows < 100 {
        bail!("--rows {}: a range of at least 100 rows can be split and moved under load", arguments.rows);
    }
    let temporary = tempfile::tempdir()?;
    let folder = arguments.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    let binary = std::env::current_exe().context("where this program is")?;
    let mut cluster = Cluster::new(&binary, &folder, arguments.nodes, 0, &[])?;
    cluster.start_all()?;
    let bar = progress_bar();
    bar.set_message(format!("{} processes begin", arguments.nodes));
    let acts = act(arguments, &cluster, &bar);
    tokio::select! {
        report = acts => {
            bar.finish_and_clear();
            report
        }
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(anyhow!("interrupted"))
        }
    }
}

async fn act(arguments: &Arguments, cluster: &Cluster, bar: &ProgressBar) -> anyhow::Result<Report> {
    cluster.ready(READY).await.context("the cluster doesn't answer")?;
    let recorder = Recorder::new();
    let client = cluster.client()?;
    bar.set_message(format!("{} rows are put", arguments.rows));
    let filling = Instant::now();
    load::fill(cluster, &recorder, arguments.rows).await.map_err(|why| anyhow!(why))?;
    let fill_rate = arguments.rows as f64 / filling.elapsed().as_secs_f64();
    let boundary = arguments.rows / 2;
    let loading = Instant::now();
    let load =
        Load::start(cluster, &recorder, arguments.clients, arguments.rows, boundary).map_err(|why| anyhow!(why))?;
    rest(arguments.seconds, &load, bar).await;
    let mut moved = Vec::new();
    for number in 0..arguments.moves {
        let wanted =
            Move { from_key: load::key(boundary), target: GroupId(2 - number % 2), options: JobOptions::default() };
        let mut rate = Rate::new(&load);
        let one = moves::run(&client, &wanted, Some(&load), MOVE, |phase, progress| {
            bar.set_message(line(phase, progress, &rate.of(&load)));
        });
        moved.push(one.await.context("the range doesn't move")?);
    }
    rest(arguments.seconds, &load, bar).await;
    let seen = load.stop().await;
    let load_took = loading.elapsed();
    bar.set_message("what clients saw is judged");
    let history = recorder.history();
    let closing = closing(&client, load::PREFIX, newest_told(&history)).await.context("the closing scan")?;
    let leftovers = leftovers(&client).await?;
    let verdict = judge(&history, &closing);
    Ok(Report { moved, seen, load_took, fill_rate, leftovers, verdict })
}

/// What the catalog still says of jobs that have ended.
async fn leftovers(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    for route in moves::routes(client).await? {
        if let Some(job) = route.staged_for {
            left.push(format!("route {} still names job {job}", route.id));
        }
    }
    if let AdminResponse::Jobs(jobs) = order(client, AdminRequest::Jobs).await? {
        let live = jobs.iter().filter(|view| !view.job.phase.is_terminal());
        left.extend(live.map(|view| format!("job {} is in {}", view.job.id, view.job.phase.name())));
    }
    Ok(left)
}

async fn rest(seconds: u64, load: &Load, bar: &ProgressBar) {
    let mut rate = Rate::new(load);
    for _ in 0..seconds * 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bar.set_message(format!("at rest: {}", rate.of(load)));
    }
}

/// How much is done in a second, for the progress line.
struct Rate {
    since: Instant,
    counts: (usize, usize),
    told: String,
}

impl Rate {
    fn new(load: &Load) -> Rate {
        Rate { since: Instant::now(), counts: load.counts(), told: String::new() }
    }

    fn of(&mut self, load: &Load) -> String {
        let took = self.since.elapsed();
        if took >= Duration::from_millis(500) {
            let counts = load.counts();
            let a_second = |more: usize| more as f64 / took.as_secs_f64();
            let p99 = percentile_ms(load.seen().moved_writes.as_slice(), 99);
            self.told = format!(
                "{:.0} writes/s, {:.0} reads/s, p99 {p99:.1} ms",
                a_second(counts.0 - self.counts.0),
                a_second(counts.1 - self.counts.1)
            );
            (self.since, self.counts) = (Instant::now(), counts);
        }
        self.told.clone()
    }
}

fn line(phase: PhaseName, progress: &JobProgress, rate: &str) -> String {
    let eta = progress.eta_ms.map_or_else(String::new, |ms| format!(", {:.1} s left", ms as f64 / 1e3));
    let megabytes = progress.bytes as f64 / 1e6;
    format!("{phase}: {} rows, {megabytes:.1} MB, {} rows/s{eta}; {rate}", progress.rows, progress.rows_per_s)
}

fn progress_bar() -> ProgressBar {
    let bar = if out::is_watched() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} {spinner} {msg}").expect("the template is right"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn tell(out: &mut Out, report: &Report) -> anyhow::Result<()> {
    for moved in &report.moved {
        out.line(format_args!(
            "job {} is {}: {} rows, {:.1} MB copied in {:.1} s ({:.1} MB/s), writers of the range paused for {:.0} ms, all done after {:.1} s",
            moved.job,
            moved.phase,
            moved.rows,
            moved.bytes as f64 / 1e6,
            moved.copy_took.as_secs_f64(),
            megabytes_per_s(moved),
            moved.pause.as_secs_f64() * 1e3,
            moved.took.as_secs_f64()
        ))?;
    }
    let seen = &report.seen;
    out.line(format_args!(
        "{:.0} writes/s (p99 {:.1} ms), {:.0} reads/s (p99 {:.1} ms), {} refused{}",
        report.writes_per_s(),
        percentile_ms(&seen.moved_writes, 99),
        report.reads_per_s(),
        percentile_ms(&seen.reads, 99),
        seen.refused,
        seen.why.as_ref().map_or_else(String::new, |why| format!(" (the first: {why})"))
    ))?;
    for left in &report.leftovers {
        out.line(out.paint(Style::Bad, left))?;
    }
    let style = if report.verdict.is_ok() { Style::Good } else { Style::Bad };
    out.line(out.paint(style, &report.verdict.to_string()))?;
    Ok(())
}

fn megabytes_per_s(moved: &Moved) -> f64 {
    moved.bytes as f64 / 1e6 / moved.copy_took.as_secs_f64().max(1e-3)
}

impl Report {
    fn writes_per_s(&self) -> f64 {
        (self.seen.moved_writes.len() + self.seen.other_writes.len()) as f64 / self.load_took.as_secs_f64()
    }

    fn reads_per_s(&self) -> f64 {
        self.seen.reads.len() as f64 / self.load_took.as_secs_f64()
    }

    /// What failed, if anything did.
    fn failure(&self) -> Option<String> {
        if let Some(moved) = self.moved.iter().find(|moved| moved.phase != PhaseName::Done) {
            return Some(format!("job {} ended in {}", moved.job, moved.phase));
        }
        if let Some(left) = self.leftovers.first() {
            return Some(left.clone());
        }
        (!self.verdict.is_ok()).then(|| self.verdict.to_string())
    }

    fn conclusion(&self) -> Conclusion {
        if self.failure().is_none() { Conclusion::Holds } else { Conclusion::Violated }
    }

    fn json(&self, rows: u64) -> Value {
        let pauses: Vec<f64> = self.moved.iter().map(|moved| moved.pause.as_secs_f64() * 1e3).collect();
        let rate = self.moved.iter().map(megabytes_per_s).sum::<f64>() / self.moved.len().max(1) as f64;
        json!({
            "rows": rows,
            "moves": self.moved.len(),
            "moved_rows": self.moved.iter().map(|moved| moved.rows).collect::<Vec<_>>(),
            "write_pause_ms": pauses.iter().copied().fold(0.0, f64::max),
            "write_pauses_ms": pauses,
            "refused": self.seen.refused,
            "copy_mb_per_s": rate,
            "reads_per_s": self.reads_per_s(),
            "writes_per_s": self.writes_per_s(),
            "write_p99_ms": percentile_ms(&self.seen.moved_writes, 99),
            "read_p99_ms": percentile_ms(&self.seen.reads, 99),
            "fill_rows_per_s": self.fill_rate,
            "operations": self.verdict.summary().operations,
            "verdict": self.failure().unwrap_or_else(|| "ok".to_owned()),
        })
    }
}

const READY: Duration = Duration::from_secs(30);
const MOVE: Duration = Duration::from_secs(300);
