//! `splitjob why`: the story of the disaster that a gate prevents.

use crate::out::{Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, names, table, tell};
use anyhow::{Result, bail};
use clap::Args;
use splitjob_core::gate::Gate;
use splitjob_model::check::{Counterexample, GapReport};
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
    if let (None, Some(complaint)) = (&found, &report.complaint) {
        bail!("nothing breaks {} in {}: {complaint}", gap.told(), gap.scenario);
    }
    let mut out = Out::new();
    demands(&mut out, gate, gap)?;
    out.paragraph(2, gap.moral)?;
    if let Some(redundant) = gate.and_then(|gate| REDUNDANT.iter().find(|one| one.gate == gate)) {
        let told = "breaks nothing alone, because the other stands behind it; this is what happens without both.";
        out.paragraph(2, &format!("Either of {} and {} {told}", redundant.gate, redundant.behind))?;
    }
    out.line("")?;
    match &found {
        Some(found) => disaster(&mut out, gap, found)?,
        None => loss(&mut out, gap, &report)?,
    }
    match report.complaint {
        None => Ok(Conclusion::Holds),
        Some(complaint) => {
            out.line(format_args!("\nThe gap {} is not as it is registered: it {complaint}.", gap.name))?;
            Ok(Conclusion::Violated)
        }
    }
}

/// The shortest trace.
fn disaster(out: &mut Out, gap: &Gap, found: &Counterexample) -> Result<()> {
    let (property, steps, scenario) = (found.violates, found.steps.len(), found.scenario.name);
    let condition = condition(gap);
    out.line(match found.end.stem() {
        None => format!("{condition}, {property} breaks after {steps} steps of the scenario {scenario}:"),
        Some(_) => format!("{condition}, {} in the scenario {scenario}:", found.summary()),
    })?;
    out.paragraph(2, &format!("{property}: {}", property.says()))?;
    out.line("")?;
    tell::story(out, &found.story())?;
    out.line("")?;
    tell::where_to_walk(out, found.scenario, found.gap, &found.choices)?;
    Ok(())
}

/// What can't be reached any more: there is no trace to tell, and all states are the evidence.
fn loss(out: &mut Out, gap: &Gap, report: &GapReport) -> Result<()> {
    let states = report.report.as_ref().map_or(0, |report| report.states);
    out.line(format_args!(
        "{}, none of the {} states of the scenario {} reaches {}:",
        condition(gap),
        table::grouped(states),
        gap.scenario,
        report.broken.join(", ")
    ))?;
    out.paragraph(2, &format!("{}: {}", gap.breaks, gap.breaks.says()))?;
    Ok(())
}

fn condition(gap: &Gap) -> &'static str {
    match (gap.removes.len(), gap.jams.len()) {
        (1, 0) => "Without it",
        (_, 0) => "Without them",
        (0, 1) => "When it never opens",
        (0, _) => "When they never open",
        (_, _) => "So",
    }
}

fn demands(out: &mut Out, asked: Option<Gate>, gap: &Gap) -> Result<()> {
    if asked.is_none() || gap.gates().count() > 1 || !gap.jams.is_empty() {
        let name = out.paint(Style::Strong, gap.name);
        let without = (!gap.removes.is_empty()).then(|| format!("without {}", list(gap.removes)));
        let jammed = (!gap.jams.is_empty()).then(|| format!("in which {} never opens", list(gap.jams)));
        let design: Vec<String> = without.into_iter().chain(jammed).collect();
        out.line(format_args!("{name}, a design {}", design.join(" and ")))?;
    }
    for gate in gap.gates() {
        let name = out.paint(Style::Strong, gate.name());
        out.line(format_args!("{name} (rule {})", gate.rule()))?;
        out.paragraph(2, gate.demands())?;
    }
    Ok(())
}

fn list(gates: &[Gate]) -> String {
    gates.iter().map(|gate| gate.name()).collect::<Vec<_>>().join(" and ")
}
