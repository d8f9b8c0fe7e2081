//! Traces as stories: what happens in each step, in the words of the field, and what it changed.
//!
//! Everything told here is read off the states and the real messages; nothing is decided here, and equal traces are
//! told alike.

mod changes;
pub mod diagram;
mod end;
mod ending;
mod names;
mod opening;
mod portrait;
mod telling;
pub(crate) mod typeset;
mod words;

pub use end::{End, Ending};
pub use opening::bounds;
pub use portrait::portrait;

use crate::world::happening::Happening;
use crate::world::view::Scene;
use crate::world::{Action, Bounds, DataGroup, State, Worker, World};
use names::Names;
use splitjob_core::job::PhaseName;

/// A trace, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Who is there, and what moves.
    pub cast: String,
    /// How far the job has come before the first step.
    pub prologue: String,
    /// The job's phase before the first step.
    pub first_phase: PhaseName,
    /// What happens.
    pub steps: Vec<StepView>,
    /// How many steps lead to those that repeat for ever, if any do.
    pub stem: Option<usize>,
    /// What it comes to.
    pub ending: Option<Ending>,
    /// Everyone who takes part, with their names, in the order in which a diagram shows them.
    pub lanes: Vec<(Lane, String)>,
}

/// A step, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepView {
    /// Who acts.
    pub from: Lane,
    /// Who passes it on.
    pub via: Option<Lane>,
    /// Whom it reaches; the actor itself if nobody else.
    pub to: Lane,
    /// What happens, as a label of an arrow.
    pub label: String,
    /// What happens, with who and whom.
    pub text: String,
    /// What it changed, one line each.
    pub changes: Vec<String>,
    /// The job's phase afterwards.
    pub phase: PhaseName,
    /// Whether the message goes astray: it is held back, or refused.
    pub is_lost: bool,
}

impl StepView {
    /// The changes that the text doesn't tell already.
    pub fn news(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().map(String::as_str).filter(|change| !self.text.contains(change))
    }
}

/// Somebody who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Any client.
    Client,
    /// A coordinator.
    Coordinator(u8),
    /// A migrator.
    Migrator(u8),
    /// The network, which holds messages back.
    Network,
    /// The default group, which keeps routes and jobs.
    Catalog,
    /// A voter of a data group.
    Voter(DataGroup, u8),
}

impl Lane {
    /// The lane's name in a world of these bounds.
    pub fn title(self, bounds: &Bounds) -> String {
        let name = |group| Names::of(bounds).group(group);
        let numbered = |name: &str, index: u8, of: u8| {
            if of == 1 { name.to_owned() } else { format!("{name} {}", index + 1) }
        };
        match self {
            Lane::Client => "client".to_owned(),
            Lane::Coordinator(index) => numbered("coordinator", index, bounds.coordinators),
            Lane::Migrator(index) => numbered("migrator", index, bounds.migrators),
            Lane::Network => "network".to_owned(),
            Lane::Catalog => "catalog".to_owned(),
            Lane::Voter(group, _) if bounds.voters_of(group) == 1 && bounds.additions == 0 => name(group).to_owned(),
            Lane::Voter(group, index) => format!("{} voter {}", name(group), index + 1),
        }
    }
}

/// Tells the steps of one trace, one after the other.
///
/// A state keeps its coordinators in the order of their routes; the teller remembers who is who.
pub struct Teller<'w> {
    world: &'w World,
    worker: Worker,
    state: State,
    scene: Scene,
    /// For each place of a coordinator in the state, who sits there.
    seats: Vec<u8>,
}

impl<'w> Teller<'w> {
    /// A teller who stands before the first step.
    pub fn new(world: &'w World, state: State) -> Teller<'w> {
        let seats = (0..world.bounds().coordinators).collect();
        Teller::midway(world, state, seats)
    }

    /// A teller who knows already who sits where.
    pub fn midway(world: &'w World, state: State, seats: Vec<u8>) -> Teller<'w> {
        Teller { world, worker: Worker::default(), state, scene: world.scene(&state), seats }
    }

    /// Who sits where.
    pub fn seats(&self) -> &[u8] {
        &self.seats
    }

    /// What the state says.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Tells a step that is enabled in the teller's state, and goes on to the state that it leads to.
    pub fn tell(&mut self, action: Action, next: State) -> StepView {
        let happening = self.world.happening(&mut self.worker, &self.state, action);
        let after = self.world.scene(&next);
        let seats = self.seats_after(&happening, &after);
        let told = telling::told(self.world.bounds(), &self.scene, &after, &self.seats, &happening);
        let mut changes = changes::between(self.world.bounds(), (&self.scene, &self.seats), (&after, &seats));
        if let Happening::Applied { group, voter, after: applied, .. } = &happening {
            let head = &after.group(*group).head;
            let is_current = after.group(*group).voters[usize::from(*voter)].ahead.is_empty();
            if is_current && applied != head {
                let differs = changes::of_group(Names::of(self.world.bounds()), head, applied).join("; ");
                changes.push(format!(
                    "{} voter {} differs from its leader, who has applied the same: {differs}",
                    Names::of(self.world.bounds()).group(*group),
                    voter + 1
                ));
            }
        }
        if let Happening::Looked { migrator, .. } = &happening {
            changes.push(format!("migrator {migrator} keeps what it saw until it decides"));
        }
        let phase = phase_of(&after);
        (self.state, self.scene, self.seats) = (next, after, seats);
        StepView {
            from: told.from,
            via: told.via,
            to: told.to,
            label: told.label,
            text: told.text,
            changes,
            phase,
            is_lost: told.is_lost,
        }
    }

    /// The coordinator that has learned something moves behind those that know less, as the state has it.
    fn seats_after(&self, happening: &Happening, after: &Scene) -> Vec<u8> {
        let Happening::Watched { coordinator, to, .. } = happening else { return self.seats.clone() };
        let versions = self.scene.coordinators.iter().zip(&self.seats).enumerate();
        let mut sitting: Vec<_> = versions
            .map(|(place, (version, who))| (if place == usize::from(*coordinator) { *to } else { *version }, *who))
            .collect();
        sitting.sort_by_key(|(version, _)| *version);
        debug_assert!(sitting.iter().map(|(version, _)| version).eq(&after.coordinators));
        sitting.into_iter().map(|(_, who)| who).collect()
    }
}

impl Story {
    /// Tells the steps from the first state of the world on, and what they come to.
    pub fn of(world: &World, steps: &[(Action, State)], end: &End) -> Story {
        let way = world.way_to_start();
        let mut teller = Teller::new(world, world.first_state());
        let cast = opening::cast(world.bounds());
        let prologue = opening::prologue(world, teller.scene(), &way);
        let first_phase = phase_of(teller.scene());
        let steps: Vec<StepView> = steps.iter().map(|(action, state)| teller.tell(*action, *state)).collect();
        let ending = end::told(world, teller.scene(), &steps, end);
        let lanes = lanes(&steps, world.bounds());
        Story { cast, prologue, first_phase, steps, stem: end.stem(), ending, lanes }
    }
}

/// The phase of the oldest live job; DONE when none is.
fn phase_of(scene: &Scene) -> PhaseName {
    scene.catalog.live_jobs().next().map_or(PhaseName::Done, |job| job.phase.name())
}

/// Who takes part in the steps.
fn lanes(steps: &[StepView], bounds: &Bounds) -> Vec<(Lane, String)> {
    let mut lanes: Vec<Lane> = Vec::new();
    for step in steps {
        lanes.extend([step.from, step.to].into_iter().chain(step.via));
    }
    lanes.sort_unstable();
    lanes.dedup();
    lanes.into_iter().map(|lane| (lane, lane.title(bounds))).collect()
}

#[cfg(test)]
mod tests;
