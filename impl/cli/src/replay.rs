//! `splitjob replay`: a trace file, run again in the model.

use crate::out::{Out, Style};
use crate::{Conclusion, tell};
use anyhow::{Context, Result};
use clap::Args;
use splitjob_model::trace::TraceFile;
use std::path::PathBuf;

/// Which trace.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The trace file.
    trace: PathBuf,
}

/// Runs the trace again; that it violates what it says it violates is what it is for.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let path = arguments.trace.display();
    let text = std::fs::read_to_string(&arguments.trace).with_context(|| format!("can't read {path}"))?;
    let trace = TraceFile::read(&text).with_context(|| format!("can't replay {path}"))?;
    let replayed = trace.replay().with_context(|| format!("can't replay {path}"))?;
    let mut out = Out::new();
    let gap = replayed.gap.map_or_else(String::new, |gap| format!(" without {}", gap.name));
    let heading = format!("{}{gap}, {} steps", replayed.scenario.name, replayed.steps.len());
    out.line(out.paint(Style::Strong, &heading))?;
    tell::story(&mut out, &replayed.story())?;
    out.line("")?;
    match replayed.violates {
        Some(property) => {
            tell::where_to_walk(&mut out, replayed.scenario, replayed.gap, &replayed.choices)?;
            out.line(format_args!("replayed: {property} is violated as the file says"))?;
            Ok(Conclusion::Violated)
        }
        None => {
            out.line("replayed: every property holds at its end")?;
            Ok(Conclusion::Holds)
        }
    }
}
