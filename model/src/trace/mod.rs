//! Traces as files: what happened, step by step, so that it can be run again and judged again.

mod error;
mod verdict;

pub use error::TraceError;

use crate::check::{Counterexample, Witness};
use crate::scenario::{GAPS, Gap, Scenario};
use crate::story::{End, Story, Teller};
use crate::world::{Action, Claim, Fairness, State, Worker, World};
use serde::{Deserialize, Serialize};
use splitjob_core::gate::Gate;

/// A trace, as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    /// Always [`FORMAT`].
    pub format: String,
    /// The version of the format; this code reads [`VERSION`] alone.
    pub version: u32,
    /// The scenario.
    pub scenario: String,
    /// The gap, if gates were missing.
    pub gap: Option<String>,
    /// The missing gates.
    pub removes: Vec<String>,
    /// The gates that never open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jams: Vec<String>,
    /// The safety property that the last state violates, or the liveness property that the run violates.
    pub violates: Option<String>,
    /// The safety property that the last state puts to the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// How the run goes on for ever; absent if what matters is its last state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forever: Option<Forever>,
    /// Steps before the scenario's first state, which follow from the scenario.
    pub prologue: usize,
    /// What happens then.
    pub steps: Vec<TraceStep>,
}

/// How a run goes on for ever, in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forever {
    /// The steps behind the first `stem` ones repeat for ever; if there are none, nothing happens any more.
    pub stem: usize,
    /// After how many steps something is owed that never comes.
    pub open_since: usize,
    /// The fairness that the run keeps.
    pub assuming: Vec<String>,
}

/// A step in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceStep {
    /// What happens, for the model.
    pub action: Action,
    /// What happens, for people.
    pub text: String,
    /// What it changed, for people.
    pub changes: Vec<String>,
}

/// A trace that was run again in the model.
pub struct Replayed {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// What was missing.
    pub gap: Option<&'static Gap>,
    /// The world that it happened in.
    pub world: World,
    /// The steps from the scenario's first state on.
    pub steps: Vec<(Action, State)>,
    /// For each step, its index among the steps that were enabled.
    pub choices: Vec<usize>,
    /// How the trace ends.
    pub end: End,
}

impl TraceFile {
    /// The file of a counterexample.
    pub fn of(found: &Counterexample) -> TraceFile {
        TraceFile::new(found.scenario, found.gap, &found.world, &found.steps, &found.end)
    }

    /// The file of a witness.
    pub fn of_witness(found: &Witness) -> TraceFile {
        TraceFile::new(found.scenario, None, &found.world, &found.steps, &End::Witness(found.property))
    }

    fn new(scenario: &Scenario, gap: Option<&Gap>, world: &World, steps: &[(Action, State)], end: &End) -> TraceFile {
        let story = Story::of(world, steps, end);
        let steps = steps.iter().zip(story.steps).map(|((action, _), step)| TraceStep {
            action: *action,
            text: step.text,
            changes: step.changes,
        });
        let names = |gates: &[Gate]| gates.iter().map(|gate| gate.name().to_owned()).collect();
        TraceFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            scenario: scenario.name.to_owned(),
            gap: gap.map(|gap| gap.name.to_owned()),
            removes: names(gap.map_or(&[], |gap| gap.removes)),
            jams: names(gap.map_or(&[], |gap| gap.jams)),
            violates: end.broken().map(|claim| claim.id().to_owned()),
            tests: match end {
                End::Witness(property) => Some(property.id().to_owned()),
                End::Open | End::Violation(_) | End::Trap(_) | End::Lasso { .. } => None,
            },
            forever: match end {
                End::Lasso { open_since, stem, assuming, .. } => Some(Forever {
                    stem: *stem,
                    open_since: *open_since,
                    assuming: assuming.iter().map(|fairness| fairness.id().to_owned()).collect(),
                }),
                End::Open | End::Violation(_) | End::Trap(_) | End::Witness(_) => None,
            },
            prologue: world.way_to_start().len(),
            steps: steps.collect(),
        }
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a trace is plain data");
        text.push('\n');
        text
    }

    /// Reads the text of a file; whether it is true is for [`TraceFile::replay`] to say.
    ///
    /// # Errors
    /// If it isn't a trace, or one of another version.
    pub fn read(text: &str) -> Result<TraceFile, TraceError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(TraceError::NotJson)?;
        match value.get("format").and_then(serde_json::Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(TraceError::NotATrace { found: format!("format {other:?}") }),
            None => return Err(TraceError::NotATrace { found: "no format".to_owned() }),
        }
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            found => return Err(TraceError::WrongVersion { found }),
        }
        serde_json::from_value(value).map_err(TraceError::Malformed)
    }

    /// Runs the trace again.
    ///
    /// # Errors
    /// If anything in the file is not what happens.
    pub fn replay(&self) -> Result<Replayed, TraceError> {
        let scenario = Scenario::by_name(&self.scenario);
        let scenario = scenario.ok_or_else(|| TraceError::UnknownScenario { name: self.scenario.clone() })?;
        let gap = self.known_gap()?;
        self.check_gates(gap)?;
        let world = scenario.world_of(gap);
        let end = self.end()?;
        self.check_prologue(&world)?;
        let (steps, choices) = self.walk(&world)?;
        verdict::check(&world, &steps, &end)?;
        Ok(Replayed { scenario, gap, world, steps, choices, end })
    }

    fn known_gap(&self) -> Result<Option<&'static Gap>, TraceError> {
        let Some(name) = &self.gap else { return Ok(None) };
        let gap = GAPS.iter().find(|gap| gap.name == name);
        gap.map(Some).ok_or_else(|| TraceError::UnknownGap { name: name.clone() })
    }

    fn check_gates(&self, gap: Option<&Gap>) -> Result<(), TraceError> {
        let registered = gap.map_or((&[][..], &[][..]), |gap| (gap.removes, gap.jams));
        for (named, registered) in [(&self.removes, registered.0), (&self.jams, registered.1)] {
            let gate = |name: &String| {
                let gate = Gate::ALL.iter().copied().find(|gate| gate.name() == name);
                gate.ok_or_else(|| TraceError::UnknownGate { name: name.clone() })
            };
            let mut gates: Vec<Gate> = named.iter().map(gate).collect::<Result<_, _>>()?;
            let mut registered = registered.to_vec();
            gates.sort_unstable();
            registered.sort_unstable();
            if gates != registered {
                return Err(TraceError::OtherGates { gap: self.gap.clone(), named: named.clone() });
            }
        }
        Ok(())
    }

    /// How the file says that the trace ends.
    fn end(&self) -> Result<End, TraceError> {
        let claim = |id: &String| Claim::by_id(id).ok_or_else(|| TraceError::UnknownProperty { id: id.clone() });
        let violates = self.violates.as_ref().map(claim).transpose()?;
        let tests = self.tests.as_ref().map(claim).transpose()?;
        match (violates, tests, &self.forever) {
            (None, None, None) => Ok(End::Open),
            (None, Some(Claim::Safety(property)), None) => Ok(End::Witness(property)),
            (Some(Claim::Safety(property)), None, None) => Ok(End::Violation(property)),
            (Some(Claim::Liveness(unmet)), None, None) => Ok(End::Trap(unmet)),
            (Some(Claim::Liveness(unmet)), None, Some(forever)) => {
                let (stem, steps) = (forever.stem, self.steps.len());
                if stem > steps || forever.open_since > stem {
                    return Err(TraceError::NoLoop { stem, steps });
                }
                let assumed =
                    |id: &String| Fairness::by_id(id).ok_or_else(|| TraceError::UnknownFairness { id: id.clone() });
                let assuming = forever.assuming.iter().map(assumed).collect::<Result<_, _>>()?;
                Ok(End::Lasso { unmet, open_since: forever.open_since, stem, assuming })
            }
            (Some(Claim::Reach(_)), ..) | (_, Some(_), _) | (_, _, Some(_)) => Err(TraceError::OtherEnd),
        }
    }

    fn check_prologue(&self, world: &World) -> Result<(), TraceError> {
        let happens = world.way_to_start().len();
        if self.prologue == happens { Ok(()) } else { Err(TraceError::OtherPrologue { says: self.prologue, happens }) }
    }

    /// The steps and their choices, each enabled where it stands, and told as it happens.
    #[expect(clippy::type_complexity, reason = "two lists of one length")]
    fn walk(&self, world: &World) -> Result<(Vec<(Action, State)>, Vec<usize>), TraceError> {
        let mut worker = Worker::default();
        let mut at = world.first_state();
        let mut teller = Teller::new(world, at);
        let (mut steps, mut choices) = (Vec::new(), Vec::new());
        for (index, step) in self.steps.iter().enumerate() {
            let enabled = world.steps(&mut worker, &at);
            let Some(choice) = enabled.iter().position(|(action, _)| *action == step.action) else {
                let told = |(action, state): &(Action, State)| {
                    Teller::midway(world, at, teller.seats().to_vec()).tell(*action, *state).text
                };
                return Err(TraceError::NotEnabled {
                    step: index + 1,
                    text: step.text.clone(),
                    enabled: enabled.iter().map(told).collect(),
                });
            };
            let happens = teller.tell(enabled[choice].0, enabled[choice].1);
            if happens.text != step.text {
                return Err(TraceError::OtherText { step: index + 1, says: step.text.clone(), happens: happens.text });
            }
            if happens.changes != step.changes {
                return Err(TraceError::OtherChanges { step: index + 1, happens: happens.changes });
            }
            at = enabled[choice].1;
            steps.push(enabled[choice]);
            choices.push(choice);
        }
        Ok((steps, choices))
    }
}

impl Replayed {
    /// The trace, told.
    pub fn story(&self) -> Story {
        Story::of(&self.world, &self.steps, &self.end)
    }
}

/// What every trace file calls itself.
pub const FORMAT: &str = "splitjob-trace";
/// The version of the format that is written and read here.
pub const VERSION: u32 = 1;
