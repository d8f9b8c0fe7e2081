//! `splitjob check`: scenarios, explored to the end.

use crate::artifacts::{self, JsonFile};
use crate::out::{Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, names, table, tell};
use anyhow::Result;
use clap::Args;
use comfy_table::Cell;
use splitjob_model::check::{Counterexample, LivenessVerdict, Outcome, Report, Seen};
use splitjob_model::scenario::{Gap, Scenario};
use splitjob_model::world::{Fairness, Liveness};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Which scenarios, and how far.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The scenarios; all of a class unless given.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// All scenarios of this class; quick unless given.
    #[arg(long, conflicts_with_all = ["scenarios", "gap"])]
    class: Option<names::ClassName>,
    /// With the gates of this gap missing, or never opening; in its own scenario unless others are given.
    #[arg(long, value_name = "NAME")]
    gap: Option<String>,
    /// Worker threads; as many as there are cores unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Stop a scenario at so many states: the result is incomplete then, and never passes.
    #[arg(long, value_name = "N")]
    max_states: Option<usize>,
    /// Stop a scenario after so many seconds: the result is incomplete then, and never passes.
    #[arg(long, value_name = "N")]
    max_seconds: Option<u64>,
    /// Ask no liveness property: the edges of the graph, which liveness needs, are not kept.
    #[arg(long)]
    no_liveness: bool,
    /// Do not assume this fairness, to see what liveness owes to it: F-MESSAGES, F-PAGES or F-VOTERS.
    #[arg(long, value_name = "ID", conflicts_with = "no_liveness")]
    unfair: Option<String>,
    /// Keep what was explored in this directory, and go on from what is there: a run that was killed loses minutes.
    #[arg(long, value_name = "DIR", requires = "no_liveness")]
    checkpoint: Option<PathBuf>,
    /// Write a checkpoint every so many seconds, and at the end.
    #[arg(long, value_name = "N", default_value_t = 300, requires = "checkpoint")]
    checkpoint_seconds: u64,
    /// Write the reports to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where a counterexample is written, as JSON and as SVG.
    #[arg(long, value_name = "DIR", default_value = "target/splitjob")]
    out: PathBuf,
}

/// Runs the scenarios.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let gap = arguments.gap.as_deref().map(names::gap).transpose()?;
    let scenarios = chosen(arguments, gap)?;
    let every = Duration::from_secs(arguments.checkpoint_seconds);
    let limits = Limits {
        no_liveness: arguments.no_liveness,
        unfair: arguments.unfair.as_deref().map(names::fairness).transpose()?,
        checkpoint: arguments.checkpoint.as_deref().map(|directory| (directory, every)),
        max_states: arguments.max_states,
        max_time: arguments.max_seconds.map(Duration::from_secs),
        ..Limits::threads(arguments.threads)
    };
    let json = arguments.json.as_deref().map(JsonFile::begin).transpose()?;
    let mut out = Out::new();
    let mut reports = Vec::new();
    for scenario in scenarios {
        let (report, counterexample) = limits.run(scenario, gap)?;
        if let Some(found) = counterexample {
            show_counterexample(&mut out, &found, arguments)?;
        }
        reports.push(report);
    }
    if let Some(json) = json {
        json.finish(&reports)?;
    }
    show(&mut out, &reports)?;
    conclude(&mut out, &reports)
}

fn chosen(arguments: &Arguments, gap: Option<&'static Gap>) -> Result<Vec<&'static Scenario>> {
    match (&arguments.scenarios[..], gap) {
        ([], Some(gap)) => Ok(vec![names::scenario(gap.scenario)?]),
        ([], None) => Ok(names::of_class(arguments.class.unwrap_or(names::ClassName::Quick).class())),
        (given, _) => given.iter().map(|name| names::scenario(name)).collect(),
    }
}

fn show_counterexample(out: &mut Out, found: &Counterexample, arguments: &Arguments) -> Result<()> {
    let gap = found.gap.map_or_else(String::new, |gap| format!(" {}", gap.told()));
    let heading = format!("{}{gap}: {}", found.scenario.name, found.summary());
    out.line(out.paint(Style::Strong, &heading))?;
    out.paragraph(2, &format!("{}: {}", found.violates, found.violates.says()))?;
    out.line("")?;
    tell::story(out, &found.story())?;
    out.line("")?;
    tell::where_to_walk(out, found.scenario, found.gap, &found.choices)?;
    let written = artifacts::counterexample(&arguments.out, found)?;
    out.line(format_args!("  written:         {}\n                   {}", written[0].display(), written[1].display()))?;
    out.line("")?;
    Ok(())
}

fn show(out: &mut Out, reports: &[Report]) -> Result<()> {
    let headings =
        ["scenario", "states", "steps", "depth", "seconds", "M states/s", "bytes", "properties", "goals", ""];
    let mut table = table::table(&headings, out.is_coloured());
    for report in reports {
        let plain = [
            report.scenario.to_owned(),
            table::grouped(report.states),
            table::grouped(report.steps),
            report.depth.to_string(),
            format!("{:.1}", report.seconds),
            format!("{:.2}", report.states_per_second / 1e6),
            format!("{:.0}", report.bytes_per_state),
            properties(report),
            tally(&report.goals, Seen::Somewhere),
        ];
        table.add_row(plain.iter().map(Cell::new).chain([verdict(report)]));
    }
    table::right(&mut table, &[1, 2, 3, 4, 5, 6, 7, 8]);
    out.line(table)?;
    show_liveness(out, reports)
}

/// A line for each verdict on liveness, and what it assumes.
fn show_liveness(out: &mut Out, reports: &[Report]) -> Result<()> {
    let (mut asked, mut assumed) = (BTreeSet::new(), BTreeSet::new());
    for report in reports {
        for judged in &report.liveness {
            let (verdict, style) = match judged.verdict {
                LivenessVerdict::Holds => ("holds", Style::Good),
                LivenessVerdict::Violated => ("is violated", Style::Bad),
                LivenessVerdict::Vacuous => ("is never put to the test", Style::Bad),
                LivenessVerdict::NotJudged => ("is not judged: not everything was visited", Style::Unsure),
            };
            let under = if judged.assuming.is_empty() {
                String::new()
            } else {
                format!(", assuming {}", judged.assuming.join(", "))
            };
            let told = format!("{} {verdict}{under}", judged.id);
            out.hanging(&format!("{}: ", report.scenario), 2, &told, Some(style))?;
            asked.extend(Liveness::by_id(judged.id));
            assumed.extend(judged.assuming.iter().filter_map(|id| Fairness::by_id(id)));
        }
    }
    let asked = asked.iter().map(|liveness| (liveness.id(), liveness.says()));
    for (id, says) in asked.chain(assumed.iter().map(|fairness| (fairness.id(), fairness.says()))) {
        out.hanging(&format!("  {id}: "), 4, says, Some(Style::Faint))?;
    }
    Ok(())
}

/// How many properties hold; or which ones don't.
fn properties(report: &Report) -> String {
    let violated: Vec<&str> =
        report.properties.iter().filter(|one| one.seen == Seen::Somewhere).map(|one| one.id).collect();
    if violated.is_empty() { tally(&report.properties, Seen::Nowhere) } else { format!("not {}", violated.join(", ")) }
}

fn tally(of: &[splitjob_model::check::PropertyCount], wanted: Seen) -> String {
    format!("{}/{}", of.iter().filter(|one| one.seen == wanted).count(), of.len())
}

fn verdict(report: &Report) -> Cell {
    let style = match report.outcome {
        Outcome::Holds => Style::Good,
        Outcome::Incomplete => Style::Unsure,
        Outcome::Violated => Style::Bad,
    };
    table::cell(&report.outcome.to_string(), style)
}

fn conclude(out: &mut Out, reports: &[Report]) -> Result<Conclusion> {
    for report in reports {
        for reason in &report.reasons {
            out.hanging(&format!("{}: ", report.scenario), 2, reason, None)?;
        }
    }
    let states: u64 = reports.iter().map(|report| report.states).sum();
    let seconds: f64 = reports.iter().map(|report| report.seconds).sum();
    let worst = reports.iter().map(|report| report.outcome).max().unwrap_or(Outcome::Incomplete);
    let count = if reports.len() == 1 { "1 scenario".to_owned() } else { format!("{} scenarios", reports.len()) };
    let total = format!("{count}, {} states, {seconds:.1} s", table::grouped(states));
    let (line, conclusion) = match worst {
        Outcome::Holds => (format!("{total}: every property holds"), Conclusion::Holds),
        Outcome::Incomplete => {
            (format!("{total}: not explored to the end, so nothing is shown"), Conclusion::Incomplete)
        }
        Outcome::Violated => (format!("{total}: not as it must be"), Conclusion::Violated),
    };
    out.line(line)?;
    Ok(conclusion)
}
