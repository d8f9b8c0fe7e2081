//! `splitjob bench`: how fast it is, beside something that everybody can run.

use crate::out::Out;
use crate::progress::Limits;
use crate::{Conclusion, names, table};
use anyhow::Result;
use clap::{Args, Subcommand};
use splitjob_model::check::{Count, SecondOpinion, second_opinion};
use splitjob_model::scenario::{Class, Scenario};
use std::time::Duration;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Our explorer beside stateright's breadth-first search, on the same world in the same run.
    Explorer(Arguments),
}

/// How to measure the explorer.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The scenario; all standard ones together unless given.
    scenario: Option<String>,
    /// Worker threads, of each.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Give up on stateright's search of a scenario after so many seconds, and try the next smaller one.
    #[arg(long, value_name = "N", default_value_t = 240)]
    stateright_seconds: u64,
    /// Print JSON and nothing else.
    #[arg(long)]
    json: bool,
}

/// Measures.
pub(crate) fn run(what: &Bench) -> Result<Conclusion> {
    match what {
        Bench::Explorer(arguments) => explorer(arguments),
    }
}

fn explorer(arguments: &Arguments) -> Result<Conclusion> {
    let scenarios: Vec<&'static Scenario> = match &arguments.scenario {
        Some(name) => vec![names::scenario(name)?],
        None => names::of_class(Class::Standard),
    };
    let limits = Limits::threads(Some(arguments.threads));
    let bound = Duration::from_secs(arguments.stateright_seconds);
    let opinion = limits.watched("explorer", |options| second_opinion(&scenarios, bound, options))?;
    let mut out = Out::new();
    if arguments.json {
        out.line(serde_json::to_string_pretty(&opinion)?)?;
    } else {
        show(&mut out, &opinion)?;
    }
    Ok(match opinion.compared {
        _ if opinion.agrees => Conclusion::Holds,
        Some(_) => Conclusion::Violated,
        None => Conclusion::Incomplete,
    })
}

fn show(out: &mut Out, opinion: &SecondOpinion) -> Result<()> {
    let headings = ["scenario", "explorer", "states", "steps", "seconds", "M states/s"];
    let mut table = table::table(&headings, out.is_coloured());
    for (name, counts) in [("splitjob", &opinion.ours), ("stateright BFS", &opinion.stateright)] {
        for count in counts {
            table.add_row(row(name, count));
        }
    }
    table::right(&mut table, &[2, 3, 4, 5]);
    out.line(table)?;
    let together = if opinion.ours.len() > 1 { " together" } else { "" };
    out.line(format_args!(
        "{:.2} M states/s{together} with {} threads, {:.0} bytes a state",
        opinion.states_per_second / 1e6,
        opinion.threads,
        opinion.bytes_per_state,
    ))?;
    match (opinion.compared, opinion.ratio_to_stateright) {
        (Some(scenario), Some(ratio)) => out.line(format_args!(
            "{ratio:.1} times stateright's on {scenario}, {}",
            if opinion.agrees { "counts agree" } else { "counts differ" }
        ))?,
        _ => out.line("stateright has finished none of them in its time: nothing to compare with")?,
    }
    Ok(())
}

fn row(name: &str, count: &Count) -> Vec<String> {
    let states = table::grouped(count.states as u64);
    vec![
        count.scenario.to_owned(),
        name.to_owned(),
        if count.is_complete { states } else { format!("{states}, not all") },
        table::grouped(count.steps),
        format!("{:.1}", count.seconds),
        format!("{:.2}", count.states_per_second() / 1e6),
    ]
}
