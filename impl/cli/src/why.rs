//! `splitjob why`: the story of the disaster that a gate prevents.

use crate::out::{Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, names, tell};
use anyhow::{Result, bail};
use clap::Args;
use splitjob_core::gate::Gate;
use splitjob_model::scenario::{Gap, REDUNDANT};

/// What to explain.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The gate, or the wrong design.
    gate: String,
}

/// Tells the story.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let (gate, gap) = names::gate_or_gap(&arguments.gate)?;
    let (report, found) = Limits::threads(None).run_gap(gap)?;
    let Some(found) = found else {
        bail!("nothing breaks without {} in {}: {}", gap.name, gap.scenario, report.complaint.unwrap_or_default());
    };
    let mut out = Out::new();
    demands(&mut out, gate, gap)?;
    out.paragraph(2, gap.moral)?;
    if let Some(redundant) = gate.and_then(|gate| REDUNDANT.iter().find(|one| one.gate == gate)) {
        let told = "breaks nothing alone, because the other stands behind it; this is what happens without both.";
        out.paragraph(2, &format!("Either of {} and {} {told}", redundant.gate, redundant.behind))?;
    }
    out.line("")?;
    let property = found.violates;
    let without = if gap.removes.len() == 1 { "Without it" } else { "Without them" };
    out.line(format_args!(
        "{without}, {property} breaks after {} steps of the scenario {}:",
        found.steps.len(),
        found.scenario.name
    ))?;
    out.paragraph(2, &format!("{property}: {}", property.says()))?;
    out.line("")?;
    tell::story(&mut out, &found.story())?;
    out.line("")?;
    tell::where_to_walk(&mut out, found.scenario, found.gap, &found.choices)?;
    match report.complaint {
        None => Ok(Conclusion::Holds),
        Some(complaint) => {
            out.line(format_args!("\nThe gap {} is not as it is registered: it {complaint}.", gap.name))?;
            Ok(Conclusion::Violated)
        }
    }
}

fn demands(out: &mut Out, asked: Option<Gate>, gap: &Gap) -> Result<()> {
    if asked.is_none() || gap.removes.len() > 1 {
        let name = out.paint(Style::Strong, gap.name);
        out.line(format_args!("{name}, a design without {}", list(gap.removes)))?;
    }
    for gate in gap.removes {
        let name = out.paint(Style::Strong, gate.name());
        out.line(format_args!("{name} (rule {})", gate.rule()))?;
        out.paragraph(2, gate.demands())?;
    }
    Ok(())
}

fn list(gates: &[Gate]) -> String {
    gates.iter().map(|gate| gate.name()).collect::<Vec<_>>().join(" and ")
}
