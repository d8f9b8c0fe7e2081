//! What a run says: verdicts with the counts they rest on.

use super::coverage::{self, KindCount};
use super::is_complete;
use super::liveness::{LivenessReport, LivenessVerdict};
use crate::explore::{Completeness, Cut, Exploration, Reachability, Verdict};
use crate::scenario::{Gap, Pinned, Scenario};
use crate::world::{Goal, Property, State, World};
use serde::Serialize;
use std::fmt;

/// What a run of one scenario has shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: &'static str,
    /// The gap, if gates were missing.
    pub gap: Option<&'static str>,
    /// The names of the missing gates.
    pub removes: Vec<&'static str>,
    /// The names of the gates that never open.
    pub jams: Vec<&'static str>,
    /// The verdict.
    pub outcome: Outcome,
    /// Why the verdict is not that everything holds, one sentence each.
    pub reasons: Vec<String>,
    /// Whether every reachable state was visited.
    pub is_complete: bool,
    /// Unique states.
    pub states: u64,
    /// Steps between them, those to states known before included.
    pub steps: u64,
    /// The distance of the farthest state.
    pub depth: u32,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Unique states a second.
    pub states_per_second: f64,
    /// Bytes a state, of the explorer's tables, without the edges that liveness needs.
    pub bytes_per_state: f64,
    /// Every property.
    pub properties: Vec<PropertyCount>,
    /// The liveness properties that were asked.
    pub liveness: Vec<LivenessReport>,
    /// The goals that the scenario names.
    pub goals: Vec<PropertyCount>,
    /// How often each kind of step was taken.
    pub kinds: Vec<KindCount>,
    /// What a complete run should have counted; absent in a gap.
    pub pinned: Option<Pinned>,
}

/// The verdict of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was visited, every property holds, every goal was reached, and the counts are the pinned ones.
    Holds,
    /// Some of it was not visited: nothing can be said.
    Incomplete,
    /// A property is violated, a goal missed, a kind of step never taken, or a count differs.
    Violated,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Holds => "holds",
            Outcome::Incomplete => "incomplete",
            Outcome::Violated => "violated",
        })
    }
}

/// A property or a goal, and what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyCount {
    /// Its identifier.
    pub id: &'static str,
    /// What was seen.
    pub seen: Seen,
    /// Where it was seen first: steps from the first state.
    pub at_depth: Option<u32>,
}

/// What was seen of a property's violation, or of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It occurs.
    Somewhere,
    /// Every state was visited, and it occurs in none.
    Nowhere,
    /// It was not seen, and not everything was.
    NotYet,
}

/// The report of an exploration.
pub(super) fn of(
    scenario: &'static Scenario,
    gap: Option<&'static Gap>,
    world: &World,
    found: &Exploration<State>,
    liveness: Vec<LivenessReport>,
) -> Report {
    let memory = found.memory();
    let mut report = Report {
        scenario: scenario.name,
        gap: gap.map(|gap| gap.name),
        removes: gap.map_or(&[][..], |gap| gap.removes).iter().map(|gate| gate.name()).collect(),
        jams: gap.map_or(&[][..], |gap| gap.jams).iter().map(|gate| gate.name()).collect(),
        outcome: Outcome::Holds,
        reasons: Vec::new(),
        is_complete: is_complete(found),
        states: found.unique() as u64,
        steps: found.generated(),
        depth: found.depth(),
        seconds: found.seconds(),
        states_per_second: found.states_per_second(),
        bytes_per_state: (memory.total() - memory.edges) as f64 / found.unique().max(1) as f64,
        properties: Property::ALL.iter().map(|property| violation(*property, found)).collect(),
        liveness,
        goals: scenario.goals.iter().map(|goal| reached(*goal, found)).collect(),
        kinds: coverage::of(world.bounds(), found.steps_by_kind()),
        pinned: gap.is_none().then_some(scenario.pinned),
    };
    report.judge(found.completeness());
    report
}

impl Report {
    fn judge(&mut self, completeness: Completeness) {
        let safety = self.properties.iter().filter(|one| one.seen == Seen::Somewhere).map(|one| one.id);
        let is_violated = |one: &&LivenessReport| one.verdict == LivenessVerdict::Violated;
        let violated: Vec<&str> = safety.chain(self.liveness.iter().filter(is_violated).map(|one| one.id)).collect();
        if !violated.is_empty() {
            let verb = if violated.len() == 1 { "is" } else { "are" };
            self.fail(format!("{} {verb} violated", violated.join(", ")));
        } else if let Completeness::Partial(cut) = completeness {
            self.outcome = Outcome::Incomplete;
            self.reasons.push(format!("cut short: {}", cut_words(cut)));
        } else {
            self.judge_reach();
            if self.gap.is_none() {
                self.judge_kindness();
            }
        }
    }

    /// A complete run must have reached what the scenario is there for.
    fn judge_reach(&mut self) {
        let missed = self.missed_goals();
        if !missed.is_empty() {
            let verb = if missed.len() == 1 { "is" } else { "are" };
            let why = if self.gap.is_none() { ": the scenario is too kind" } else { "" };
            self.fail(format!("{} {verb} never reached{why}", missed.join(", ")));
        }
    }

    /// The goals that no state of a complete run reaches.
    pub fn missed_goals(&self) -> Vec<&'static str> {
        self.goals.iter().filter(|goal| goal.seen == Seen::Nowhere).map(|goal| goal.id).collect()
    }

    /// A complete run with every gate must have done what its bounds let happen, and counted what is pinned.
    fn judge_kindness(&mut self) {
        let vacuous = self.liveness.iter().filter(|one| one.verdict == LivenessVerdict::Vacuous);
        let vacuous: Vec<&str> = vacuous.map(|one| one.id).collect();
        if !vacuous.is_empty() {
            self.fail(format!("nothing is ever owed by {}: the scenario is too kind", vacuous.join(", ")));
        }
        let idle: Vec<&str> =
            self.kinds.iter().filter(|kind| kind.is_expected && kind.steps == 0).map(|kind| kind.kind).collect();
        if !idle.is_empty() {
            self.fail(format!("the bounds let {} happen, and it never does", idle.join(", ")));
        }
        let found = self.found();
        if let Some(pinned) = self.pinned.filter(|pinned| *pinned != found) {
            self.fail(format!(
                "pinned are {} states, {} steps, depth {}; found are {}, {}, {}",
                pinned.states, pinned.steps, pinned.depth, found.states, found.steps, found.depth
            ));
        }
    }

    /// What the run has counted, in the form in which it is pinned.
    pub fn found(&self) -> Pinned {
        Pinned { states: self.states, steps: self.steps, depth: self.depth }
    }

    fn fail(&mut self, reason: String) {
        self.outcome = Outcome::Violated;
        self.reasons.push(reason);
    }
}

fn violation(property: Property, found: &Exploration<State>) -> PropertyCount {
    let (seen, at_depth) = match found.verdict(property as u32) {
        Verdict::Violated(sighting) => (Seen::Somewhere, Some(sighting.depth)),
        Verdict::Holds => (Seen::Nowhere, None),
        Verdict::Incomplete(_) => (Seen::NotYet, None),
    };
    PropertyCount { id: property.id(), seen, at_depth }
}

fn reached(goal: Goal, found: &Exploration<State>) -> PropertyCount {
    let (seen, at_depth) = match found.reachability(goal as u32) {
        Reachability::Reached(sighting) => (Seen::Somewhere, Some(sighting.depth)),
        Reachability::Unreachable => (Seen::Nowhere, None),
        Reachability::Incomplete(_) => (Seen::NotYet, None),
    };
    PropertyCount { id: goal.id(), seen, at_depth }
}

fn cut_words(cut: Cut) -> &'static str {
    match cut {
        Cut::ViolationFound => "a violation was found",
        Cut::States => "the limit of states was reached",
        Cut::Depth => "the limit of depth was reached",
        Cut::Memory => "the limit of memory was reached",
        Cut::Time => "the limit of time was reached",
        Cut::Cancelled => "it was cancelled",
        Cut::Indexes => "there are more states than can be numbered",
    }
}
