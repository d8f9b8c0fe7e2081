//! States and steps, as the page shows them.

use crate::story::{Teller, portrait};
use crate::world::{Action, State, World};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A state that can say what it is. Equal when the states are.
#[derive(Clone)]
pub struct Moment {
    pub(super) world: Arc<World>,
    pub(super) state: State,
    /// For each place of a coordinator in the state, who sits there: so that a path's coordinators keep their numbers.
    pub(super) seats: Vec<u8>,
}

/// A step that can be chosen, and how it is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    pub(super) action: Action,
    pub(super) text: String,
    pub(super) changes: Vec<String>,
}

impl Moment {
    /// The first moment of a world.
    pub(super) fn first(world: &Arc<World>) -> Moment {
        let seats = (0..world.bounds().coordinators).collect();
        Moment { world: Arc::clone(world), state: world.first_state(), seats }
    }

    /// The step as it is told here, and the moment after it.
    pub(super) fn after(&self, action: Action, next: State) -> (Choice, Moment) {
        let mut teller = Teller::midway(&self.world, self.state, self.seats.clone());
        let told = teller.tell(action, next);
        let seats = teller.seats().to_vec();
        let choice = Choice { action, text: told.text, changes: told.changes };
        (choice, Moment { world: Arc::clone(&self.world), state: next, seats })
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Moment) -> bool {
        self.state == other.state
    }
}

impl Eq for Moment {}

impl Hash for Moment {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scene = self.world.scene(&self.state);
        f.write_str(&portrait(self.world.bounds(), &scene, &self.seats).join("\n"))
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
