//! Gap by property: everything that a gap breaks when nothing stops the exploration at the first violation.

use super::liveness::{self, LivenessVerdict};
use super::{CheckError, Options, Search, explored, is_complete};
use crate::explore::{Reachability, StopAt, Verdict};
use crate::scenario::{Gap, Scenario};
use crate::world::{Claim, Liveness, Property};
use serde::Serialize;

/// What one gap breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    /// The gap.
    pub gap: &'static str,
    /// Its scenario.
    pub scenario: &'static str,
    /// Whether every reachable state was visited.
    pub is_complete: bool,
    /// Unique states.
    pub states: u64,
    /// Every property, in the order of [`columns`].
    pub cells: Vec<MatrixCell>,
    /// The goals of the scenario that nothing reaches any more; none unless every reachable state was visited.
    pub lost: Vec<&'static str>,
}

/// What a gap does to one property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    /// The property.
    pub id: &'static str,
    /// What was seen.
    pub effect: Effect,
}

/// What a gap does to a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It breaks it; the shortest trace has so many steps, those of a loop not counted.
    Breaks(u32),
    /// Every reachable state was visited, and it holds.
    Holds,
    /// It was not seen to break, and not every reachable state was visited.
    Unknown,
    /// The scenario doesn't ask it: it keeps no edges.
    NotAsked,
}

impl MatrixRow {
    /// Whether the gap breaks nothing and loses nothing.
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && !self.cells.iter().any(|cell| matches!(cell.effect, Effect::Breaks(_)))
    }
}

/// The properties that a matrix has a column for.
pub fn columns() -> impl Iterator<Item = Claim> {
    let safety = Property::ALL.iter().copied().map(Claim::Safety);
    safety.chain(Liveness::ALL.iter().copied().map(Claim::Liveness))
}

/// Explores the gap's scenario to the end, whatever breaks on the way; but not if it has far more states than with every
/// gate, because some gaps let something grow for ever.
///
/// # Errors
/// As [`run`](super::run); nothing if there is no such scenario.
pub fn matrix_row(gap: &'static Gap, options: &Options<'_>) -> Result<Option<MatrixRow>, CheckError> {
    let Some(scenario) = Scenario::by_name(gap.scenario) else { return Ok(None) };
    let world = scenario.world_of(Some(gap));
    let options = Options { max_states: Some(limit(scenario)), ..*options };
    let search = Search { stop: StopAt::Exhausted, keeps_edges: !scenario.liveness.is_empty() };
    let found = explored(scenario, &world, search, &options)?;
    let mut cells = Vec::new();
    for claim in columns() {
        let effect = match claim {
            Claim::Safety(property) => match found.verdict(property as u32) {
                Verdict::Violated(first) => Effect::Breaks(first.depth),
                Verdict::Holds => Effect::Holds,
                Verdict::Incomplete(_) => Effect::Unknown,
            },
            Claim::Liveness(property) if scenario.liveness.contains(&property) => {
                let (report, _) = liveness::judge(scenario, &world, &found, property, &options)?;
                match report.verdict {
                    LivenessVerdict::Violated => Effect::Breaks(report.stem.unwrap_or(0) as u32),
                    LivenessVerdict::Holds | LivenessVerdict::Vacuous => Effect::Holds,
                    LivenessVerdict::NotJudged => Effect::Unknown,
                }
            }
            Claim::Liveness(_) | Claim::Reach(_) => Effect::NotAsked,
        };
        cells.push(MatrixCell { id: claim.id(), effect });
    }
    let is_lost = |goal: &&crate::world::Goal| found.reachability(**goal as u32) == Reachability::Unreachable;
    Ok(Some(MatrixRow {
        gap: gap.name,
        scenario: scenario.name,
        is_complete: is_complete(&found),
        states: found.unique() as u64,
        cells,
        lost: scenario.goals.iter().filter(is_lost).map(|goal| goal.id()).collect(),
    }))
}

/// Where the exploration of a row ends at the latest.
fn limit(scenario: &Scenario) -> usize {
    scenario.pinned.states as usize * MOST_TIMES + SPARE_STATES
}

/// A gap may have so many times the states that its scenario has with every gate.
const MOST_TIMES: usize = 3;
/// And so many more.
const SPARE_STATES: usize = 500_000;
