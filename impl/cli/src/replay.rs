//! `splitjob replay`: a trace file, run again in the model.

use crate::out::{Out, Style};
use crate::{Conclusion, tell};
use anyhow::{Context, Result};
use clap::Args;
use splitjob_model::story::End;
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
    let gap = replayed.gap.map_or_else(String::new, |gap| format!(" {}", gap.told()));
    let heading = format!("{}{gap}, {} steps", replayed.scenario.name, replayed.steps.len());
    out.line(out.paint(Style::Strong, &heading))?;
    tell::story(&mut out, &replayed.story())?;
    out.line("")?;
    tell::where_to_walk(&mut out, replayed.scenario, replayed.gap, &replayed.choices)?;
    match (replayed.end.broken(), &replayed.end) {
        (Some(claim), _) => {
            out.line(format_args!("replayed: {} as the file says", claim.is_broken()))?;
            Ok(Conclusion::Violated)
        }
        (None, End::Witness(property)) => {
            out.line(format_args!(
                "replayed: {property} is put to the test as the file says, and every property holds"
            ))?;
            Ok(Conclusion::Holds)
        }
        (None, _) => {
            out.line("replayed: every property holds in every state of it")?;
            Ok(Conclusion::Holds)
        }
    }
}
