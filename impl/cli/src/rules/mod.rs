//! `splitjob trace-rules`: for each rule of the protocol, where it is implemented, checked and broken.

mod id;
mod protocol;
mod sources;
mod trace;

use crate::out::{Out, Style};
use crate::{Conclusion, table};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use comfy_table::Cell;
use id::RuleId;
use protocol::{Exception, Rule};
use sources::Place;
use std::fs;
use std::path::{Path, PathBuf};
use trace::{Evidence, Traced};

/// Which rules, and where.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Every place of these rules, such as G3; all rules in a table unless given.
    rules: Vec<String>,
    /// The root of the repository; the nearest directory upwards that has a specs/protocol.md unless given.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print JSON and nothing else.
    #[arg(long)]
    json: bool,
}

/// Traces the rules.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let wanted = arguments.rules.iter().map(|text| wanted(text)).collect::<Result<Vec<RuleId>>>()?;
    let root = root(arguments.root.as_deref())?;
    let rules = parsed(&root, PROTOCOL, protocol::rules)?;
    let exceptions = parsed(&root, EXCEPTIONS, protocol::exceptions)?;
    let matrix = pinned_matrix(&read(&root, MATRIX)?);
    let evidence = Evidence {
        citations: &sources::citations(&root)?,
        exceptions: &exceptions,
        assumptions: &read(&root, ASSUMPTIONS)?,
        matrix: &matrix,
    };
    let mut traced = trace::trace(&rules, &evidence);
    if let Some(unknown) = wanted.iter().find(|id| !rules.iter().any(|rule| rule.id == **id)) {
        return Err(anyhow!("there is no rule {unknown} in {PROTOCOL}"));
    }
    if !wanted.is_empty() {
        traced.retain(|rule| wanted.contains(&rule.id));
    }
    let mut out = Out::new();
    if arguments.json {
        out.line(serde_json::to_string_pretty(&traced)?)?;
    } else if wanted.is_empty() {
        overview(&mut out, &traced)?;
    } else {
        traced.iter().try_for_each(|rule| places(&mut out, rule))?;
    }
    let complaints = complaints(&traced, &rules, &exceptions);
    if !arguments.json {
        conclude(&mut out, &traced, &complaints)?;
    }
    Ok(if complaints.is_empty() { Conclusion::Holds } else { Conclusion::Violated })
}

fn wanted(text: &str) -> Result<RuleId> {
    text.to_ascii_uppercase().parse().map_err(|error| anyhow!("{text:?} names no rule: {error}"))
}

fn root(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(root) = given {
        return Ok(root.to_owned());
    }
    let here = std::env::current_dir().context("there is no working directory")?;
    let found = here.ancestors().find(|dir| dir.join(PROTOCOL).is_file()).map(ToOwned::to_owned);
    found.ok_or_else(|| anyhow!("no directory from here upwards has a {PROTOCOL}: name the root with --root"))
}

fn read(root: &Path, name: &str) -> Result<String> {
    let path = root.join(name);
    fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
}

fn parsed<T>(root: &Path, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    parse(&read(root, name)?).with_context(|| format!("can't use {name}"))
}

/// For each number in the pinned matrix, the property of its column and the gap of its row.
fn pinned_matrix(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let rows = lines.take_while(|line| !line.is_empty());
    let entries = rows.flat_map(|row| {
        let cells: Vec<&str> = row.split_whitespace().collect();
        let gap = cells.first().copied().unwrap_or_default().to_owned();
        let broken = columns.iter().zip(cells).skip(2).filter(|(_, cell)| cell.parse::<u32>().is_ok());
        broken.map(|(property, _)| ((*property).to_owned(), gap.clone())).collect::<Vec<_>>()
    });
    entries.collect()
}

/// Rules that lack something, exceptions that nobody needs, and exceptions of no rule.
fn complaints(traced: &[Traced], rules: &[Rule], exceptions: &[Exception]) -> Vec<String> {
    let mut complaints = Vec::new();
    for rule in traced {
        if rule.is_incomplete() {
            complaints.push(format!("{} lacks {}", rule.id, rule.lacks.join(" and ")));
        } else if rule.is_excused_for_nothing() {
            complaints.push(format!("{} lacks nothing any more: take its row out of {EXCEPTIONS}", rule.id));
        }
    }
    let unknown = exceptions.iter().filter(|exception| !rules.iter().any(|rule| rule.id == exception.id));
    complaints.extend(unknown.map(|one| format!("{EXCEPTIONS}:{}: there is no rule {}", one.line, one.id)));
    complaints
}

fn overview(out: &mut Out, traced: &[Traced]) -> Result<()> {
    let mut table = table::table(&["rule", "implemented", "checked", "broken by", ""], out.is_coloured());
    for rule in traced {
        let verdict = match (&rule.exception, rule.is_incomplete()) {
            (_, true) => table::cell(&format!("lacks {}", rule.lacks.join(" and ")), Style::Bad),
            (Some(reason), false) => table::cell(reason, Style::Unsure),
            (None, false) => table::cell("traced", Style::Good),
        };
        let broken = rule.broken.first().map_or_else(String::new, |first| with_more(first, rule.broken.len()));
        let plain = [rule.id.to_string(), first(&rule.implemented), first(&rule.checked), broken];
        table.add_row(plain.iter().map(Cell::new).chain([verdict]));
    }
    out.line(table)?;
    Ok(())
}

/// The first place, without its directories, and how many more there are.
fn first(places: &[Place]) -> String {
    let Some(first) = places.first() else { return String::new() };
    let names: Vec<&str> = first.file.rsplitn(3, '/').collect();
    let name = match names.as_slice() {
        [file, dir, _] if *file == "mod.rs" => format!("{dir}/{file}"),
        [file, ..] => (*file).to_owned(),
        [] => String::new(),
    };
    with_more(&format!("{name}:{}", first.line), places.len())
}

fn with_more(first: &str, count: usize) -> String {
    if count > 1 { format!("{first} +{}", count - 1) } else { first.to_owned() }
}

fn places(out: &mut Out, rule: &Traced) -> Result<()> {
    out.line(out.paint(Style::Strong, &format!("{}  {}", rule.id, rule.written)))?;
    out.paragraph(2, rule.text.trim_start_matches("- "))?;
    for (what, places) in [("implemented", &rule.implemented), ("checked", &rule.checked)] {
        let places: Vec<String> = places.iter().map(ToString::to_string).collect();
        let told = if places.is_empty() { "nowhere".to_owned() } else { places.join(", ") };
        out.hanging(&format!("  {what:<12}"), 14, &told, None)?;
    }
    let broken = if rule.broken.is_empty() { "by no gap".to_owned() } else { rule.broken.join(", ") };
    out.hanging("  broken by   ", 14, &broken, None)?;
    if let Some(reason) = &rule.exception {
        out.hanging("  exception   ", 14, reason, Some(Style::Unsure))?;
    }
    out.line("")?;
    Ok(())
}

fn conclude(out: &mut Out, traced: &[Traced], complaints: &[String]) -> Result<()> {
    for complaint in complaints {
        out.hanging("", 2, complaint, Some(Style::Bad))?;
    }
    let excused = traced.iter().filter(|rule| rule.exception.is_some()).count();
    let count = if traced.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", traced.len()) };
    let verdict = match complaints.len() {
        0 => "none is missing".to_owned(),
        wrong => format!("{wrong} not as they must be"),
    };
    out.line(format_args!("{count}, {excused} with a written exception: {verdict}"))?;
    Ok(())
}

/// The rules.
const PROTOCOL: &str = "specs/protocol.md";
/// The rules that may lack something, with reasons.
const EXCEPTIONS: &str = "specs/rules.md";
/// Where each assumption has its place.
const ASSUMPTIONS: &str = "specs/assumptions.md";
/// What each gap breaks, as `splitjob gaps --matrix` prints it.
const MATRIX: &str = "specs/gap-matrix.txt";
