//! `splitjob witnesses`: traces to the situations that put the properties to the test.

use crate::out::{Out, Style};
use crate::progress::Limits;
use crate::{Conclusion, table, tell};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use comfy_table::Cell;
use splitjob_model::check::{Antecedent, Witness, witness};
use splitjob_model::trace::TraceFile;
use splitjob_model::world::Property;
use std::fs;
use std::path::{Path, PathBuf};

/// Which traces, and where to.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only for these properties, such as S3, and told step by step; for all of them in a table unless given.
    properties: Vec<String>,
    /// Write each trace into this directory, as PROPERTY.json.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Worker threads; as many as there are cores unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Looks for the traces.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let properties = chosen(&arguments.properties)?;
    if let Some(dir) = &arguments.write {
        fs::create_dir_all(dir).with_context(|| format!("can't make the directory {}", dir.display()))?;
    }
    let limits = Limits::threads(arguments.threads);
    let mut found = Vec::new();
    for property in properties {
        let witness = limits.watched(property.id(), |options| witness(property, options))?;
        if let (Some(witness), Some(dir)) = (&witness, &arguments.write) {
            write(dir, witness)?;
        }
        found.push((property, witness));
    }
    let mut out = Out::new();
    if arguments.properties.is_empty() {
        overview(&mut out, &found)?;
    } else {
        stories(&mut out, &found)?;
    }
    conclude(&mut out, &found)
}

fn conclude(out: &mut Out, found: &[(Property, Option<Witness>)]) -> Result<Conclusion> {
    let ids = |is_missing: &dyn Fn(Property) -> bool| {
        let missing = found.iter().filter(|(property, witness)| witness.is_none() && is_missing(*property));
        missing.map(|(property, _)| property.id()).collect::<Vec<_>>().join(", ")
    };
    let has_scenario = |property: Property| Antecedent::of(property).scenario.is_some();
    let (missed, unable) = (ids(&has_scenario), ids(&|property| !has_scenario(property)));
    let count = if found.len() == 1 { "1 property".to_owned() } else { format!("{} properties", found.len()) };
    let (told, conclusion) = match (missed.is_empty(), unable.is_empty()) {
        (true, true) => ("each is put to the test".to_owned(), Conclusion::Holds),
        (true, false) => (format!("no scenario can put {unable} to the test"), Conclusion::Incomplete),
        (false, _) => (format!("{missed} never put to the test"), Conclusion::Violated),
    };
    out.line(format_args!("{count}: {told}"))?;
    Ok(conclusion)
}

fn chosen(given: &[String]) -> Result<Vec<Property>> {
    if given.is_empty() {
        return Ok(Property::ALL.to_vec());
    }
    let known = || Property::ALL.iter().map(|property| property.id()).collect::<Vec<_>>().join(", ");
    let property = |id: &String| {
        Property::by_id(id).ok_or_else(|| anyhow!("there is no safety property {id:?}; there are {}", known()))
    };
    given.iter().map(property).collect()
}

fn write(dir: &Path, witness: &Witness) -> Result<()> {
    let path = dir.join(format!("{}.json", witness.property));
    let text = TraceFile::of_witness(witness).to_json();
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
}

fn overview(out: &mut Out, found: &[(Property, Option<Witness>)]) -> Result<()> {
    let mut table = table::table(&["", "scenario", "steps", "put to the test when"], out.is_coloured());
    for (property, witness) in found {
        let Antecedent { says, scenario, .. } = Antecedent::of(*property);
        let steps = match (witness, scenario) {
            (Some(witness), _) => Cell::new(witness.steps.len()),
            (None, Some(_)) => table::cell("never", Style::Bad),
            (None, None) => Cell::new(""),
        };
        let scenario = scenario.map_or_else(|| table::cell("none", Style::Unsure), Cell::new);
        table.add_row([Cell::new(property), scenario, steps, Cell::new(says)]);
    }
    table::right(&mut table, &[2]);
    out.line(table)?;
    Ok(())
}

fn stories(out: &mut Out, found: &[(Property, Option<Witness>)]) -> Result<()> {
    for (property, witness) in found {
        let Antecedent { says, scenario, .. } = Antecedent::of(*property);
        let scenario = scenario.map_or_else(String::new, |scenario| format!(" in {scenario}"));
        out.line(out.paint(Style::Strong, &format!("{property}{scenario}")))?;
        out.paragraph(2, property.says())?;
        match witness {
            Some(witness) => {
                tell::story(out, &witness.story())?;
                out.line("")?;
                tell::where_to_walk(out, witness.scenario, None, &witness.choices)?;
            }
            None => out.paragraph(2, &format!("It is not put to the test: {says}"))?,
        }
        out.line("")?;
    }
    Ok(())
}
