//! Whether what must come about does: judged on the whole graph, or not at all.

use super::{CheckError, Options};
use crate::explore::{Exploration, FairClasses, Graph, LeadsTo, StateSet, Successor};
use crate::scenario::Scenario;
use crate::story::End;
use crate::world::{Action, Demand, Fairness, Liveness, Situation, State, World};
use serde::Serialize;

/// A verdict on a liveness property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LivenessReport {
    /// Its identifier.
    pub id: &'static str,
    /// The verdict.
    pub verdict: LivenessVerdict,
    /// The fairness that it assumes of every run.
    pub assuming: Vec<&'static str>,
    /// Steps of the shortest way into the loop, or into the trap, that violates it.
    pub stem: Option<usize>,
    /// Steps of the loop; zero if nothing happens any more. Absent without a loop.
    pub cycle: Option<usize>,
    /// States from which it can't come about any more; absent unless that is what the property is about.
    pub trapped: Option<u64>,
}

/// What the graph says of a liveness property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LivenessVerdict {
    /// It holds.
    Holds,
    /// A run violates it.
    Violated,
    /// Nothing is ever owed: true, and worth nothing.
    Vacuous,
    /// Some of the graph was not visited: a missing way out would look like a trap, a missing loop like progress.
    NotJudged,
}

/// A run that never brings about what is owed.
pub(super) struct Unmet {
    pub(super) steps: Vec<Successor<State>>,
    pub(super) end: End,
}

/// What the exploration, which has kept its edges, says of the property.
pub(super) fn judge(
    scenario: &Scenario,
    world: &World,
    found: &Exploration<State>,
    property: Liveness,
    options: &Options<'_>,
) -> Result<(LivenessReport, Option<Unmet>), CheckError> {
    let assuming = assumed(property, options.unfair);
    let mut report = LivenessReport {
        id: property.id(),
        verdict: LivenessVerdict::NotJudged,
        assuming: assuming.iter().map(|fairness| fairness.id()).collect(),
        stem: None,
        cycle: None,
        trapped: None,
    };
    let Ok(graph) = found.graph() else { return Ok((report, None)) };
    let select = |situation: Situation| {
        let selected = world.select(found, options.threads, situation);
        selected.map_err(|panicked| CheckError::panicked(scenario, &panicked))
    };
    let unmet = match property.demand() {
        Demand::LeadsTo { from, to, .. } => {
            let (from, to) = (select(from)?, select(to)?);
            let verdict = graph.leads_to(&from, &to, classes(&assuming));
            report.verdict = match verdict {
                LeadsTo::Holds => LivenessVerdict::Holds,
                LeadsTo::Vacuous => LivenessVerdict::Vacuous,
                LeadsTo::Fails(_) => LivenessVerdict::Violated,
            };
            lasso(property, assuming, verdict)
        }
        Demand::CanReach { to } => {
            let trapped = graph.cannot_reach(&select(to)?);
            report.trapped = Some(trapped.count() as u64);
            report.verdict = if trapped.first().is_none() { LivenessVerdict::Holds } else { LivenessVerdict::Violated };
            trap(property, &graph, &trapped)
        }
    };
    if let Some(unmet) = &unmet {
        report.stem = Some(unmet.end.stem().unwrap_or(unmet.steps.len()));
        report.cycle = unmet.end.stem().map(|stem| unmet.steps.len() - stem);
    }
    Ok((report, unmet))
}

fn lasso(unmet: Liveness, assuming: Vec<Fairness>, verdict: LeadsTo<State>) -> Option<Unmet> {
    match verdict {
        LeadsTo::Holds | LeadsTo::Vacuous => None,
        LeadsTo::Fails(lasso) => {
            let stem = lasso.stem.steps.len();
            let end = End::Lasso { unmet, open_since: lasso.from, stem, assuming };
            Some(Unmet { steps: lasso.stem.steps.into_iter().chain(lasso.cycle).collect(), end })
        }
    }
}

fn trap(unmet: Liveness, graph: &Graph<'_, State>, trapped: &StateSet) -> Option<Unmet> {
    trapped.first().map(|nearest| Unmet { steps: graph.trace_to(nearest).steps, end: End::Trap(unmet) })
}

/// The fairness that the property assumes, less what is not to be assumed.
fn assumed(property: Liveness, unfair: Option<Fairness>) -> Vec<Fairness> {
    property.assumes().iter().copied().filter(|fairness| Some(*fairness) != unfair).collect()
}

/// The fair classes of a step, by its label.
pub(super) fn classes(assuming: &[Fairness]) -> impl FairClasses + use<'_> {
    move |label| {
        let classes_of = |action| assuming.iter().fold(0, |classes, fairness| classes | fairness.classes(action));
        Action::of_label(label).map_or(0, classes_of)
    }
}
