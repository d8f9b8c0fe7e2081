//! Whether a gap breaks what it is registered for.

use super::{CheckError, Counterexample, Options, Outcome, Report, Search, explored, is_complete, run};
use crate::scenario::{GAPS, Gap, REDUNDANT, Redundant, Scenario};
use crate::world::Claim;
use serde::Serialize;
use splitjob_core::gate::Gate;

/// What a gap has broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapReport {
    /// The gap.
    pub gap: &'static str,
    /// The scenario it is registered for.
    pub scenario: &'static str,
    /// What it is registered to break.
    pub registered: &'static str,
    /// What the shortest trace breaks; without one, the goals that nothing reaches any more.
    pub broken: Vec<&'static str>,
    /// Steps of the shortest trace; absent if a goal is lost, for which the whole exploration is the evidence.
    pub steps: Option<usize>,
    /// Why the gap is not as registered; absent if it is.
    pub complaint: Option<String>,
    /// The run that showed it; absent if there is no such scenario.
    pub report: Option<Report>,
}

/// Runs the gap's scenario with its gates as the gap has them, up to the first violation.
///
/// # Errors
/// As [`run`].
pub fn run_gap(gap: &'static Gap, options: &Options<'_>) -> Result<(GapReport, Option<Counterexample>), CheckError> {
    let empty = GapReport {
        gap: gap.name,
        scenario: gap.scenario,
        registered: gap.breaks.id(),
        broken: Vec::new(),
        steps: None,
        complaint: None,
        report: None,
    };
    let Some(scenario) = Scenario::by_name(gap.scenario) else {
        let complaint = Some(format!("there is no scenario {}", gap.scenario));
        return Ok((GapReport { complaint, ..empty }, None));
    };
    // Edges cost memory, and only a gap of liveness needs them.
    let no_liveness = options.no_liveness || !matches!(gap.breaks, Claim::Liveness(_));
    let (report, counterexample) = run(scenario, Some(gap), &Options { no_liveness, ..*options })?;
    let found = GapReport {
        broken: match &counterexample {
            Some(found) => found.all_violated.iter().map(|claim| claim.id()).collect(),
            None => report.missed_goals(),
        },
        steps: counterexample.as_ref().map(|found| found.steps.len()),
        complaint: complaint(gap, &report, counterexample.as_ref()),
        report: Some(report),
        ..empty
    };
    Ok((found, counterexample))
}

fn complaint(gap: &Gap, report: &Report, found: Option<&Counterexample>) -> Option<String> {
    match (found, report.outcome) {
        (Some(found), _) if !found.all_violated.contains(&gap.breaks) => {
            let broken: Vec<&str> = found.all_violated.iter().map(|claim| claim.id()).collect();
            Some(format!("breaks {} first, not {}", broken.join(", "), gap.breaks))
        }
        (Some(found), _) if found.steps.len() > LONGEST_STORY => {
            Some(format!("takes {} steps, and a story has at most {LONGEST_STORY}", found.steps.len()))
        }
        (Some(_), _) => None,
        (None, Outcome::Incomplete) => Some(format!("nothing broken so far; {}", report.reasons.join("; "))),
        (None, Outcome::Holds | Outcome::Violated) => {
            let lost = report.missed_goals();
            match gap.breaks {
                Claim::Reach(goal) if lost.contains(&goal.id()) => None,
                Claim::Safety(_) | Claim::Liveness(_) | Claim::Reach(_) if lost.is_empty() => {
                    Some("breaks nothing: every property holds without it".to_owned())
                }
                Claim::Safety(_) | Claim::Liveness(_) | Claim::Reach(_) => {
                    Some(format!("only keeps {} from being reached, and doesn't break {}", lost.join(", "), gap.breaks))
                }
            }
        }
    }
}

/// Whether a gate that another stands behind breaks nothing alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedundantReport {
    /// The gate.
    pub gate: &'static str,
    /// The gate that stands behind it.
    pub behind: &'static str,
    /// The gap without both.
    pub gap: &'static str,
    /// Unique states of the gap's scenario without the gate alone.
    pub states: usize,
    /// Why it is not so; absent if it is.
    pub complaint: Option<String>,
}

/// Explores all of the gap's scenario without the gate alone.
///
/// # Errors
/// As [`run`].
pub fn run_redundant(redundant: &Redundant, options: &Options<'_>) -> Result<RedundantReport, CheckError> {
    let mut report = RedundantReport {
        gate: redundant.gate.name(),
        behind: redundant.behind.name(),
        gap: redundant.gap,
        states: 0,
        complaint: None,
    };
    let gap = Gap::by_name(redundant.gap);
    let Some((gap, scenario)) = gap.and_then(|gap| Some((gap, Scenario::by_name(gap.scenario)?))) else {
        report.complaint = Some(format!("there is no gap {}, or it has no scenario", redundant.gap));
        return Ok(report);
    };
    let world = scenario.world(&[redundant.gate]);
    let found = explored(scenario, &world, Search::for_violations(), options)?;
    report.states = found.unique();
    report.complaint = match found.stopped_at() {
        _ if !(gap.removes.contains(&redundant.gate) && gap.removes.contains(&redundant.behind)) => {
            Some(format!("the gap {} doesn't remove both", gap.name))
        }
        Some(first) => Some(format!("breaks something alone, after {} steps", first.depth)),
        None if !is_complete(&found) => Some("not explored to the end".to_owned()),
        None => None,
    };
    Ok(report)
}

/// The gates that nobody has shown to be needed: no gap removes them alone, and none stands behind them.
pub fn uncovered_gates() -> Vec<Gate> {
    let is_covered = |gate: &&Gate| {
        GAPS.iter().any(|gap| gap.is_without_only(**gate)) || REDUNDANT.iter().any(|one| one.gate == **gate)
    };
    Gate::ALL.iter().filter(|gate| !is_covered(gate)).copied().collect()
}

/// Steps of the longest story that somebody will read.
const LONGEST_STORY: usize = 25;
