//! Running a scenario to a report that can't mistake "not seen" for "can't happen".

mod counterexample;
mod coverage;
mod gap;
mod liveness;
mod matrix;
mod report;
mod second;
mod witness;

pub use counterexample::Counterexample;
pub use coverage::KindCount;
pub use gap::{GapReport, RedundantReport, run_gap, run_redundant, uncovered_gates};
pub use liveness::{LivenessReport, LivenessVerdict};
pub use matrix::{Effect, MatrixCell, MatrixRow, columns, matrix_row};
pub use report::{Outcome, PropertyCount, Report, Seen};
pub use second::{Count, SecondOpinion, second_opinion};
pub use witness::{Antecedent, Witness, witness};

pub(crate) use counterexample::{Way, way_to};

use crate::explore::{self, Checkpoints, Completeness, Exploration, Panicked, Progress, StopAt, Stopped};
use crate::scenario::{Gap, Scenario};
use crate::story::End;
use crate::world::{Claim, Fairness, Liveness, Property, State, World};
use splitjob_core::gate::Gates;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// How to run a scenario.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Worker threads; zero counts as one.
    pub threads: usize,
    /// Stops when this many unique states are known; the report is then incomplete.
    pub max_states: Option<usize>,
    /// Stops after this long; the report is then incomplete.
    pub max_time: Option<Duration>,
    /// Asks no liveness property, and keeps no edges.
    pub no_liveness: bool,
    /// A fairness that is not assumed, whatever a liveness property says: to see what it is good for.
    pub unfair: Option<Fairness>,
    /// Where to keep what was explored, and how often; without edges only. Each scenario has a directory of its own there.
    pub checkpoint: Option<(&'a Path, Duration)>,
    /// Told many times a second.
    pub progress: Option<&'a (dyn Fn(&Progress) + Sync)>,
}

/// Why there is no report.
#[derive(Clone, Debug, Error)]
pub enum CheckError {
    /// The model is wrong about itself.
    #[error("the model panicked {steps} steps into {scenario}: {message}")]
    Panicked {
        /// The scenario.
        scenario: &'static str,
        /// How far from the first state.
        steps: usize,
        /// What the panic said.
        message: String,
    },
    /// The way to a state that was found can't be walked again.
    #[error("a trace of {scenario} can't be repeated: {message}")]
    Unrepeatable {
        /// The scenario.
        scenario: &'static str,
        /// Where it stopped.
        message: String,
    },
    /// What was explored can't be kept, or not be taken up again.
    #[error("{0}")]
    Checkpoint(String),
}

impl CheckError {
    fn panicked(scenario: &Scenario, panicked: &Panicked<State>) -> CheckError {
        CheckError::Panicked {
            scenario: scenario.name,
            steps: panicked.trace.steps.len(),
            message: panicked.message.clone(),
        }
    }
}

/// Explores the scenario, all of it unless a safety property breaks, with the gates of the gap as the gap has them; then
/// asks the scenario's liveness properties of the graph, and the one that the gap is there for.
///
/// # Errors
/// If the model panics, or contradicts itself.
pub fn run(
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    options: &Options<'_>,
) -> Result<(Report, Option<Counterexample>), CheckError> {
    let Examined { world, found, verdicts, broken } = examined(scenario, gap, options)?;
    let report = report::of(scenario, gap, &world, &found, verdicts);
    let counterexample = broken.map(|Broken { way: (steps, choices), all_violated, end }| {
        let violates = all_violated[0];
        Counterexample { scenario, gap, world, steps, choices, violates, all_violated, end }
    });
    Ok((report, counterexample))
}

/// All that a run finds out.
pub(crate) struct Examined {
    pub(crate) world: World,
    pub(crate) found: Exploration<State>,
    pub(crate) verdicts: Vec<LivenessReport>,
    pub(crate) broken: Option<Broken>,
}

/// A shortest trace that breaks something.
pub(crate) struct Broken {
    pub(crate) way: Way,
    /// What it breaks, at least one claim: that which the gap is there for comes first.
    pub(crate) all_violated: Vec<Claim>,
    pub(crate) end: End,
}

/// What [`run`] reports of.
pub(crate) fn examined(
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    options: &Options<'_>,
) -> Result<Examined, CheckError> {
    let world = scenario.world_of(gap);
    let asked = asked(scenario, gap, options);
    let search = Search { keeps_edges: !asked.is_empty(), ..Search::for_violations() };
    let found = explored(scenario, &world, search, options)?;
    let mut broken = counterexample::of_violation(scenario, gap, &world, &found)?;
    let mut verdicts = Vec::new();
    for property in asked {
        let (verdict, unmet) = liveness::judge(scenario, &world, &found, property, options)?;
        verdicts.push(verdict);
        if let (None, Some(unmet)) = (&broken, unmet) {
            broken = Some(counterexample::of_unmet(scenario, &world, unmet)?);
        }
    }
    Ok(Examined { world, found, verdicts, broken })
}

/// The liveness properties to judge, the one that the gap is there for first.
fn asked(scenario: &Scenario, gap: Option<&Gap>, options: &Options<'_>) -> Vec<Liveness> {
    if options.no_liveness {
        return Vec::new();
    }
    let registered = gap.and_then(|gap| match gap.breaks {
        Claim::Liveness(liveness) => Some(liveness),
        Claim::Safety(_) | Claim::Reach(_) => None,
    });
    let others = scenario.liveness.iter().copied().filter(|one| Some(*one) != registered);
    registered.into_iter().chain(others).collect()
}

/// How far to look, and what to keep.
#[derive(Clone, Copy)]
pub(crate) struct Search {
    pub(crate) stop: StopAt,
    pub(crate) keeps_edges: bool,
}

impl Search {
    /// Everything, unless a safety property breaks.
    pub(crate) fn for_violations() -> Search {
        let mask = Property::ALL.iter().fold(0, |mask, property| mask | property.bit());
        Search { stop: StopAt::FirstViolation { mask }, keeps_edges: false }
    }
}

/// The exploration behind a report.
pub(crate) fn explored(
    scenario: &Scenario,
    world: &World,
    search: Search,
    options: &Options<'_>,
) -> Result<Exploration<State>, CheckError> {
    let is_pinned = world.gates() == Gates::all();
    let how = explore::Options {
        threads: options.threads,
        stop: search.stop,
        edges: search.keeps_edges,
        max_states: options.max_states,
        max_time: options.max_time,
        expected_states: is_pinned.then_some(scenario.pinned.states as usize),
        progress: options.progress,
        ..explore::Options::default()
    };
    let Some((directory, every)) = options.checkpoint else {
        return explore::explore(world, &how).map_err(|panicked| CheckError::panicked(scenario, &panicked));
    };
    let identity = identity(scenario, world);
    let checkpoints = Checkpoints { directory: &directory.join(scenario.name), identity: &identity, every };
    explore::explore_with_checkpoints(world, &how, &checkpoints).map_err(|stopped| match stopped {
        Stopped::Panicked(panicked) => CheckError::panicked(scenario, &panicked),
        Stopped::Checkpoint(error) => CheckError::Checkpoint(error.to_string()),
    })
}

/// What decides about the states and steps of a scenario, apart from the program.
fn identity(scenario: &Scenario, world: &World) -> String {
    let bounds = crc32fast::hash(format!("{:?}", world.bounds()).as_bytes());
    format!("{}, bounds {bounds:08x}, {:?}", scenario.name, world.gates())
}

/// Whether every reachable state was seen.
fn is_complete(found: &Exploration<State>) -> bool {
    matches!(found.completeness(), Completeness::Complete)
}

#[cfg(test)]
mod tests;
