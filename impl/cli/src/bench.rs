//! `splitjob bench`: how fast it is, beside something that everybody can run.

use crate::out::Out;
use crate::progress::Limits;
use crate::{Conclusion, names, table};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use splitjob_model::check::{Count, SecondOpinion};
use splitjob_model::scenario::{ALL, Class, Scenario};

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Our explorer beside stateright's breadth-first search, on the same world in the same run.
    Explorer(Arguments),
}

/// How to measure the explorer.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The scenario; the largest quick or standard one unless given.
    scenario: Option<String>,
    /// Worker threads, of each.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
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
    let scenario = match &arguments.scenario {
        Some(name) => names::scenario(name)?,
        None => largest().context("there is no quick or standard scenario")?,
    };
    let opinion = Limits::threads(Some(arguments.threads)).second_opinion(scenario)?;
    let mut out = Out::new();
    if arguments.json {
        out.line(serde_json::to_string_pretty(&opinion)?)?;
    } else {
        show(&mut out, &opinion)?;
    }
    Ok(if opinion.agrees { Conclusion::Holds } else { Conclusion::Violated })
}

fn largest() -> Option<&'static Scenario> {
    let measured = ALL.iter().filter(|scenario| scenario.class != Class::Deep);
    measured.max_by_key(|scenario| scenario.pinned.states)
}

fn show(out: &mut Out, opinion: &SecondOpinion) -> Result<()> {
    let mut table = table::table(&["explorer", "states", "steps", "seconds", "M states/s"], out.is_coloured());
    for (name, count) in [("splitjob", &opinion.ours), ("stateright BFS", &opinion.stateright)] {
        table.add_row(row(name, count));
    }
    table::right(&mut table, &[1, 2, 3, 4]);
    out.line(table)?;
    out.line(format_args!(
        "{}, {} threads: {:.2} M states/s, {:.1} times stateright's, {:.0} bytes a state, {}",
        opinion.scenario,
        opinion.threads,
        opinion.states_per_second / 1e6,
        opinion.ratio_to_stateright,
        opinion.bytes_per_state,
        if opinion.agrees { "counts agree" } else { "counts differ" }
    ))?;
    Ok(())
}

fn row(name: &str, count: &Count) -> Vec<String> {
    let states = table::grouped(count.states as u64);
    vec![
        name.to_owned(),
        if count.is_complete { states } else { format!("{states}, not all") },
        table::grouped(count.steps),
        format!("{:.1}", count.seconds),
        format!("{:.2}", count.states as f64 / count.seconds.max(f64::MIN_POSITIVE) / 1e6),
    ]
}
