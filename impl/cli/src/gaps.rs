//! `splitjob gaps`: each gate is needed, because each gap breaks its property.

use crate::artifacts::JsonFile;
use crate::out::{Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, matrix, names, table};
use anyhow::Result;
use clap::Args;
use comfy_table::Cell;
use serde::Serialize;
use splitjob_core::gate::Gate;
use splitjob_model::check::{GapReport, RedundantReport, uncovered_gates};
use splitjob_model::scenario::{GAPS, Gap, REDUNDANT, Scenario};
use std::path::PathBuf;

/// Which gaps.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these gaps.
    names: Vec<String>,
    /// Only gaps in scenarios of this class.
    #[arg(long, conflicts_with = "names")]
    class: Option<names::ClassName>,
    /// Worker threads; as many as there are cores unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print everything that each gap breaks, not only what it breaks first: gap by property.
    #[arg(long)]
    matrix: bool,
    /// Write the reports, or the matrix, to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the gaps.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let gaps = chosen(arguments)?;
    let is_whole = arguments.names.is_empty() && arguments.class.is_none();
    let uncovered = if is_whole { uncovered_gates() } else { Vec::new() };
    let json = arguments.json.as_deref().map(JsonFile::begin).transpose()?;
    if arguments.matrix {
        return matrix::run(&gaps, is_whole, Limits::threads(arguments.threads), json);
    }
    let mut reports = Vec::new();
    for gap in gaps {
        let (report, _) = Limits::threads(arguments.threads).run_gap(gap)?;
        reports.push(report);
    }
    let mut redundant = Vec::new();
    for gate in REDUNDANT.iter().filter(|one| reports.iter().any(|report| report.gap == one.gap)) {
        redundant.push(Limits::threads(arguments.threads).run_redundant(gate)?);
    }
    if let Some(json) = json {
        json.finish(&Reports { gaps: &reports, redundant: &redundant })?;
    }
    let mut out = Out::new();
    show(&mut out, &reports)?;
    let is_redundant = show_redundant(&mut out, &redundant)?;
    let shown = conclude(&mut out, &reports, &uncovered)?;
    Ok(shown.max(if is_redundant { Conclusion::Holds } else { Conclusion::Violated }))
}

/// What is written as JSON.
#[derive(Serialize)]
struct Reports<'a> {
    gaps: &'a [GapReport],
    redundant: &'a [RedundantReport],
}

fn chosen(arguments: &Arguments) -> Result<Vec<&'static Gap>> {
    if !arguments.names.is_empty() {
        return arguments.names.iter().map(|name| names::gap(name)).collect();
    }
    let is_of_class = |gap: &&Gap| match arguments.class {
        None => true,
        Some(class) => Scenario::by_name(gap.scenario).is_some_and(|scenario| scenario.class == class.class()),
    };
    Ok(GAPS.iter().filter(is_of_class).collect())
}

fn show(out: &mut Out, reports: &[GapReport]) -> Result<()> {
    let mut table = table::table(&["gap", "scenario", "breaks", "steps", ""], out.is_coloured());
    for report in reports {
        let verdict = match &report.complaint {
            None => table::cell("as registered", Style::Good),
            Some(complaint) => table::cell(complaint, Style::Bad),
        };
        let steps = report.steps.map_or_else(String::new, |steps| steps.to_string());
        let plain = [report.gap, report.scenario, report.registered, &steps].map(Cell::new);
        table.add_row(plain.into_iter().chain([verdict]));
    }
    table::right(&mut table, &[3]);
    out.line(table)?;
    Ok(())
}

/// Whether each gate that another stands behind breaks nothing alone.
fn show_redundant(out: &mut Out, reports: &[RedundantReport]) -> Result<bool> {
    for report in reports {
        let states = table::grouped(report.states as u64);
        let told = match &report.complaint {
            None => format!("breaks nothing alone in {states} states: {} stands behind it", report.behind),
            Some(complaint) => {
                out.paint(Style::Bad, &format!("{complaint}; it should be covered by {}", report.behind))
            }
        };
        out.line(format_args!("{}: {told}", report.gate))?;
    }
    Ok(reports.iter().all(|report| report.complaint.is_none()))
}

fn conclude(out: &mut Out, reports: &[GapReport], uncovered: &[Gate]) -> Result<Conclusion> {
    let wrong = reports.iter().filter(|report| report.complaint.is_some()).count();
    if !uncovered.is_empty() {
        let names: Vec<&str> = uncovered.iter().map(|gate| gate.name()).collect();
        out.hanging("no gap shows what happens without ", 2, &names.join(", "), None)?;
    }
    if reports.is_empty() {
        out.line("no gaps: nothing was shown")?;
        return Ok(Conclusion::Incomplete);
    }
    if wrong > 0 {
        out.line(format_args!("{} gaps: {wrong} not as registered", reports.len()))?;
        return Ok(Conclusion::Violated);
    }
    out.line(format_args!("{} gaps: each breaks its property", reports.len()))?;
    Ok(if uncovered.is_empty() { Conclusion::Holds } else { Conclusion::Violated })
}
