//! `splitjob explore`: walk through a scenario in a browser.

use crate::out::Out;
use crate::progress::Limits;
use crate::{Conclusion, names, tell};
use anyhow::Result;
use clap::Args;
use splitjob_model::explorer::{self, SplitJob};
use splitjob_model::scenario::{Gap, Scenario};
use std::time::Duration;

/// What to walk through.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The scenario.
    scenario: String,
    /// With the gates of this gap missing, or never opening.
    #[arg(long, value_name = "NAME")]
    gap: Option<String>,
    /// Where to listen, on this machine alone; 0 picks a free port.
    #[arg(long, value_name = "N", default_value_t = tell::DEFAULT_PORT)]
    port: u16,
    /// Look for a violation to show no longer than so many seconds.
    #[arg(long, value_name = "N", default_value_t = 60)]
    max_seconds: u64,
}

/// Explores first, so that there is something to show, then serves until interrupted.
pub(crate) fn run(arguments: &Arguments) -> Result<Conclusion> {
    let scenario = names::scenario(&arguments.scenario)?;
    let gap = arguments.gap.as_deref().map(names::gap).transpose()?;
    let port = explorer::free_port(arguments.port)?;
    let limits = Limits { max_time: Some(Duration::from_secs(arguments.max_seconds)), ..Limits::threads(None) };
    let job = limits.explore(scenario, gap)?;
    let lines = announcement(scenario, gap, &job, port);
    explorer::serve(job, port, move || {
        let mut out = Out::new();
        for line in lines {
            // Whoever doesn't read the announcement may still use the page.
            let _unread = out.line(line);
        }
        let _unread = out.flush();
    })?;
    Ok(Conclusion::Holds)
}

fn announcement(scenario: &Scenario, gap: Option<&Gap>, job: &SplitJob, port: u16) -> Vec<String> {
    let without = gap.map_or_else(String::new, |gap| format!(" {}", gap.told()));
    let found = match (job.violated(), job.proven().is_empty()) {
        ([], true) => "nothing violated so far, and not everything was visited".to_owned(),
        ([], false) if !job.lost().is_empty() => {
            let ids: Vec<&str> = job.lost().iter().map(|goal| goal.id()).collect();
            let verb = if ids.len() == 1 { "is" } else { "are" };
            format!("{} {verb} reached by no state", ids.join(" and "))
        }
        ([], false) => "every property holds in every reachable state".to_owned(),
        (violated, _) => {
            let ids: Vec<&str> = violated.iter().map(|property| property.id()).collect();
            let verb = if ids.len() == 1 { "is" } else { "are" };
            format!("{} {verb} violated after {} steps", ids.join(" and "), job.choices().len())
        }
    };
    vec![
        format!("{}{without}: {found}", scenario.name),
        format!("open {}", tell::link(port, job.choices())),
        "stop with Ctrl-C".to_owned(),
    ]
}
