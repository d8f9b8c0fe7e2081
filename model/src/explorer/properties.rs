//! The world as a model of stateright's, with only those properties that the page may speak of.

use super::page;
use super::{Choice, Moment, SplitJob};
use crate::world::{Claim, Goal, Liveness, Property};
use stateright::{Model, Path};
use std::sync::LazyLock;

impl Model for SplitJob {
    type State = Moment;
    type Action = Choice;

    fn init_states(&self) -> Vec<Moment> {
        vec![Moment::first(&self.world)]
    }

    fn actions(&self, moment: &Moment, choices: &mut Vec<Choice>) {
        let steps = {
            let mut worker = self.worker.lock().expect("no holder of this lock panics");
            self.world.steps(&mut worker, &moment.state)
        };
        choices.extend(steps.into_iter().map(|(action, next)| moment.after(action, next).0));
    }

    fn next_state(&self, moment: &Moment, choice: Choice) -> Option<Moment> {
        let steps = {
            let mut worker = self.worker.lock().expect("no holder of this lock panics");
            self.world.steps(&mut worker, &moment.state)
        };
        let chosen = steps.into_iter().find(|(action, _)| *action == choice.action);
        chosen.map(|(action, next)| moment.after(action, next).1)
    }

    fn format_action(&self, choice: &Choice) -> String {
        choice.text.clone()
    }

    fn format_step(&self, _: &Moment, choice: Choice) -> Option<String> {
        let changes: String = choice.changes.iter().map(|change| format!("\n  · {change}")).collect();
        Some(format!("{}\n{changes}", choice.text))
    }

    fn as_svg(&self, path: Path<Moment, Choice>) -> Option<String> {
        Some(page::of(self, &path.into_vec()))
    }

    /// What our explorer has shown, and nothing else: the page marks as holding whatever it doesn't see violated.
    fn properties(&self) -> Vec<stateright::Property<SplitJob>> {
        let judged = self.violated.iter().chain(&self.proven).filter_map(|claim| match claim {
            Claim::Safety(property) => {
                let index = *property as usize;
                Some(stateright::Property::always(name(index, &PROPERTIES), HOLDS[index]))
            }
            Claim::Liveness(liveness) => {
                let index = *liveness as usize;
                Some(stateright::Property::always(name(index, &LIVENESS), LIVES[index]))
            }
            Claim::Reach(_) => None,
        });
        let reached = self
            .reached
            .iter()
            .map(|(goal, _)| stateright::Property::sometimes(name(*goal as usize, &GOALS), REACHED[*goal as usize]));
        judged.chain(reached).collect()
    }

    /// The checker sees only what our explorer found to be worth naming; the browser may go anywhere.
    fn within_boundary(&self, moment: &Moment) -> bool {
        self.shown.contains(&moment.state)
    }
}

fn holds<const INDEX: usize>(job: &SplitJob, moment: &Moment) -> bool {
    !job.violated_in(&moment.state).contains(&Property::ALL[INDEX])
}

/// The run that violates a liveness property is shown by the state where it stops, or where its loop begins.
fn lives<const INDEX: usize>(job: &SplitJob, moment: &Moment) -> bool {
    !job.unmet.as_ref().is_some_and(|(unmet, at, _)| *unmet == Liveness::ALL[INDEX] && *at == moment.state)
}

/// Only the first state counts, so that the path to it is the shortest.
fn is_first<const INDEX: usize>(job: &SplitJob, moment: &Moment) -> bool {
    job.reached.iter().any(|(goal, first)| *goal == Goal::ALL[INDEX] && *first == moment.state)
}

fn name(index: usize, names: &'static LazyLock<Vec<String>>) -> &'static str {
    &names[index]
}

type Condition = fn(&SplitJob, &Moment) -> bool;

/// The instances of a function for the numbers from 0 on.
macro_rules! instances {
    ($function:ident: $($index:literal)+) => { &[$($function::<$index>,)+] };
}

const HOLDS: &[Condition] = instances!(holds: 0 1 2 3 4 5 6 7 8 9 10 11);
const LIVES: &[Condition] = instances!(lives: 0 1 2 3);
const REACHED: &[Condition] =
    instances!(is_first: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
static PROPERTIES: LazyLock<Vec<String>> =
    LazyLock::new(|| Property::ALL.iter().map(|property| format!("{property}: {}", property.says())).collect());
static LIVENESS: LazyLock<Vec<String>> =
    LazyLock::new(|| Liveness::ALL.iter().map(|liveness| format!("{liveness}: {}", liveness.says())).collect());
static GOALS: LazyLock<Vec<String>> =
    LazyLock::new(|| Goal::ALL.iter().map(|goal| format!("{goal}: {}", goal.says())).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_and_every_goal_has_its_condition() {
        assert_eq!((HOLDS.len(), REACHED.len()), (Property::ALL.len(), Goal::ALL.len()));
        assert_eq!(LIVES.len(), Liveness::ALL.len());
    }
}
