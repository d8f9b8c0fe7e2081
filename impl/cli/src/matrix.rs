//! `splitjob gaps --matrix`: gap by property, in a form that can be pinned.

use crate::artifacts::JsonFile;
use crate::out::{self, Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, table};
use anyhow::{Context, Result};
use serde::Serialize;
use splitjob_model::check::{Effect, MatrixRow, columns, matrix_row};
use splitjob_model::scenario::{Gap, UNBROKEN};
use splitjob_model::world::Claim;
use std::fmt::Write;

/// What is written as JSON.
#[derive(Serialize)]
struct Matrix<'a> {
    rows: &'a [MatrixRow],
    unbroken: Vec<Unbroken>,
}

/// A property that no gap breaks.
#[derive(Serialize)]
struct Unbroken {
    id: &'static str,
    reason: &'static str,
}

/// Explores each gap to the end and prints what it breaks.
///
/// `is_whole` says that these are all gaps: only then must every column have an entry.
pub(crate) fn run(gaps: &[&'static Gap], is_whole: bool, limits: Limits, json: Option<JsonFile>) -> Result<Conclusion> {
    let mut rows = Vec::new();
    for gap in gaps {
        let row = limits.watched(gap.name, |options| matrix_row(gap, options))?;
        rows.push(row.with_context(|| format!("the gap {} has no scenario {}", gap.name, gap.scenario))?);
    }
    if let Some(json) = json {
        let unbroken = UNBROKEN.iter().map(|(claim, reason)| Unbroken { id: claim.id(), reason }).collect();
        json.finish(&Matrix { rows: &rows, unbroken })?;
    }
    let mut out = Out::new();
    let widths = (widest(rows.iter().map(|row| row.gap)), widest(rows.iter().map(|row| row.scenario)));
    out.line(out.paint(Style::Strong, &heading(widths)))?;
    for row in &rows {
        let line = line(row, widths);
        out.line(if row.is_empty() { out.paint(Style::Bad, &line) } else { line })?;
    }
    legend(&mut out, &rows, is_whole)?;
    // Not where the matrix goes, which is kept in a file.
    let complaints = complaints(&rows, is_whole);
    complaints.iter().for_each(|complaint| out::complain(format_args!("error: {complaint}")));
    Ok(if complaints.is_empty() { Conclusion::Holds } else { Conclusion::Violated })
}

fn widest(names: impl Iterator<Item = &'static str>) -> usize {
    names.map(str::len).max().unwrap_or(0)
}

fn heading((gap, scenario): (usize, usize)) -> String {
    let mut line = format!("{:gap$} {:scenario$}", "gap", "scenario");
    for claim in columns() {
        let _infallible = write!(line, "{:>CELL$}", claim.id());
    }
    line.push_str("  lost");
    line
}

fn line(row: &MatrixRow, (gap, scenario): (usize, usize)) -> String {
    let mut line = format!("{:gap$} {:scenario$}", row.gap, row.scenario);
    for cell in &row.cells {
        let text = match cell.effect {
            Effect::Breaks(steps) => steps.to_string(),
            Effect::Holds => "·".to_owned(),
            Effect::Unknown => "?".to_owned(),
            Effect::NotAsked => "–".to_owned(),
        };
        let _infallible = write!(line, "{text:>CELL$}");
    }
    if !row.lost.is_empty() {
        let shown = row.lost.len().min(LOST);
        let _infallible = write!(line, "  {}", row.lost[..shown].join(" "));
        if row.lost.len() > LOST {
            let _infallible = write!(line, " +{}", row.lost.len() - LOST);
        }
    }
    line
}

fn legend(out: &mut Out, rows: &[MatrixRow], is_whole: bool) -> Result<()> {
    out.line("")?;
    let told = "A number: it breaks, and so many steps lead there at least. A dot: it holds in every reachable state. A dash: the \
                scenario doesn't ask it. Lost: goals that no reachable state meets, the first two.";
    out.paragraph(0, told)?;
    let partial = rows.iter().filter(|row| !row.is_complete);
    let partial: Vec<String> =
        partial.map(|row| format!("{} at {} states", row.gap, table::grouped(row.states))).collect();
    if !partial.is_empty() {
        let told = "A question mark: it was not seen to break before the exploration was cut short, because it had far more \
                    states than the scenario has with every gate:";
        out.paragraph(0, &format!("{told} {}.", partial.join(", ")))?;
    }
    if is_whole {
        for (claim, reason) in UNBROKEN {
            out.hanging(&format!("{claim}: "), 4, reason, None)?;
        }
    }
    Ok(())
}

/// Rows that break nothing, columns that nothing breaks, and reasons for columns that need none.
fn complaints(rows: &[MatrixRow], is_whole: bool) -> Vec<String> {
    let empty = rows.iter().filter(|row| row.is_empty());
    let mut complaints: Vec<String> = empty.map(|row| format!("{} breaks nothing", row.gap)).collect();
    if !is_whole {
        return complaints;
    }
    let is_broken = |claim: &Claim| {
        let mut cells = rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.id == claim.id());
        cells.any(|cell| matches!(cell.effect, Effect::Breaks(_)))
    };
    let is_excused = |claim: &Claim| UNBROKEN.iter().any(|(excused, _)| excused == claim);
    for claim in columns().filter(|claim| is_broken(claim) == is_excused(claim)) {
        complaints.push(match is_broken(&claim) {
            true => format!("{claim} has a reason why no gap breaks it, and one does"),
            false => format!("no gap breaks {claim}, and nothing says why"),
        });
    }
    complaints
}

/// Lost goals that a row has room for.
const LOST: usize = 2;
/// Columns of a cell.
const CELL: usize = 4;
