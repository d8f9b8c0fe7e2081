//! Traces as files: what happened, step by step, so that it can be run again and judged again.

mod error;

pub use error::TraceError;

use crate::check::Counterexample;
use crate::scenario::{GAPS, Gap, Scenario};
use crate::story::{Story, Teller};
use crate::world::{Action, Property, State, Worker, World};
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
    /// The property that the last state violates.
    pub violates: Option<String>,
    /// Steps before the scenario's first state, which follow from the scenario.
    pub prologue: usize,
    /// What happens then.
    pub steps: Vec<TraceStep>,
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
    /// The property that the last state violates.
    pub violates: Option<Property>,
}

impl TraceFile {
    /// The file of a counterexample.
    pub fn of(found: &Counterexample) -> TraceFile {
        let story = found.story();
        let steps = found.steps.iter().zip(story.steps).map(|((action, _), step)| TraceStep {
            action: *action,
            text: step.text,
            changes: step.changes,
        });
        TraceFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            scenario: found.scenario.name.to_owned(),
            gap: found.gap.map(|gap| gap.name.to_owned()),
            removes: found.world.gates().missing().iter().map(|gate| gate.name().to_owned()).collect(),
            violates: Some(found.violates.id().to_owned()),
            prologue: found.world.way_to_start().len(),
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
        let world = scenario.world(&self.removed(gap)?);
        let violates = self.violated()?;
        self.check_prologue(&world)?;
        let (steps, choices) = self.walk(&world)?;
        let last = steps.last().map_or_else(|| world.first_state(), |(_, state)| *state);
        self.check_end(&world, &last, violates)?;
        Ok(Replayed { scenario, gap, world, steps, choices, violates })
    }

    fn known_gap(&self) -> Result<Option<&'static Gap>, TraceError> {
        let Some(name) = &self.gap else { return Ok(None) };
        let gap = GAPS.iter().find(|gap| gap.name == name);
        gap.map(Some).ok_or_else(|| TraceError::UnknownGap { name: name.clone() })
    }

    fn removed(&self, gap: Option<&Gap>) -> Result<Vec<Gate>, TraceError> {
        let gate = |name: &String| {
            let gate = Gate::ALL.iter().copied().find(|gate| gate.name() == name);
            gate.ok_or_else(|| TraceError::UnknownGate { name: name.clone() })
        };
        let removed: Vec<Gate> = self.removes.iter().map(gate).collect::<Result<_, _>>()?;
        let mut registered: Vec<Gate> = gap.map_or(&[][..], |gap| gap.removes).to_vec();
        registered.sort_unstable();
        let mut named = removed.clone();
        named.sort_unstable();
        if named != registered {
            return Err(TraceError::OtherGates { gap: self.gap.clone(), named: self.removes.clone() });
        }
        Ok(removed)
    }

    fn violated(&self) -> Result<Option<Property>, TraceError> {
        let Some(id) = &self.violates else { return Ok(None) };
        let property = Property::ALL.iter().copied().find(|property| property.id() == id);
        property.map(Some).ok_or_else(|| TraceError::UnknownProperty { id: id.clone() })
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

    fn check_end(&self, world: &World, last: &State, violates: Option<Property>) -> Result<(), TraceError> {
        let broken = world.violated_properties(&mut Worker::default(), last);
        match violates {
            Some(property) if !broken.contains(&property) => {
                Err(TraceError::NotViolated { property, steps: self.steps.len() })
            }
            None if !broken.is_empty() => Err(TraceError::UnnamedViolation { property: broken[0] }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Replayed {
    /// The trace, told.
    pub fn story(&self) -> Story {
        Story::of(&self.world, &self.steps, self.violates)
    }
}

/// What every trace file calls itself.
pub const FORMAT: &str = "splitjob-trace";
/// The version of the format that is written and read here.
pub const VERSION: u32 = 1;
