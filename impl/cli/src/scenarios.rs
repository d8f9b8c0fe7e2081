//! `splitjob scenarios`: what is explored, how far, and what for.

use crate::Conclusion;
use crate::out::{Out, Style};
use crate::table::grouped;
use anyhow::Result;
use splitjob_model::scenario::ALL;

/// Lists the scenarios.
pub(crate) fn run() -> Result<Conclusion> {
    let mut out = Out::new();
    for scenario in ALL {
        let name = out.paint(Style::Strong, scenario.name);
        out.line(format_args!("{name}  ({})", scenario.class))?;
        out.paragraph(2, scenario.purpose)?;
        out.hanging("  bounds  ", 10, &splitjob_model::story::bounds(&(scenario.bounds)()), None)?;
        let goals: Vec<&str> = scenario.goals.iter().map(|goal| goal.id()).collect();
        out.hanging("  reaches ", 10, &goals.join(", "), None)?;
        if !scenario.liveness.is_empty() {
            let asked: Vec<&str> = scenario.liveness.iter().map(|liveness| liveness.id()).collect();
            out.hanging("  asks    ", 10, &asked.join(", "), None)?;
        }
        let pinned = scenario.pinned;
        out.line(format_args!(
            "  counted {} states, {} steps, depth {}\n",
            grouped(pinned.states),
            grouped(pinned.steps),
            pinned.depth
        ))?;
    }
    out.line(format_args!("{} scenarios", ALL.len()))?;
    Ok(Conclusion::Holds)
}
