//! What can happen in the world, one step at a time.

use super::bounds::Side;
use serde::{Deserialize, Serialize};

/// One step of the world. Numbers are indexes into the lists of the scenario or of the state before the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub enum Action {
    /// A migrator observes, decides, and sends what it decided.
    Migrate {
        /// Which one.
        migrator: u8,
        /// Which of its clock's readings.
        clock: u8,
        /// What becomes of the message.
        delivery: Delivery,
    },
    /// A migrator sends the next import without waiting for the one before.
    SendAhead {
        /// Which one.
        migrator: u8,
    },
    /// A message that was held back or doubled arrives.
    Arrive {
        /// Which one.
        message: u8,
    },
    /// A voter applies entries of its log.
    Apply {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
        /// How many entries.
        entries: u8,
    },
    /// Another voter becomes leader, having applied everything (A1).
    Lead {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
    },
    /// A voter restarts and forgets what only its process knew (A3).
    Restart {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
    },
    /// A coordinator learns the routes that stand.
    Watch {
        /// Which one.
        coordinator: u8,
    },
    /// A group's leader learns the routes that stand and its log adopts them.
    Adopt {
        /// Which group.
        side: Side,
    },
    /// A client writes.
    Write {
        /// Which write.
        write: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// Whether the client gets the answer.
        is_answered: bool,
    },
    /// A client's read makes the group bind it (T5).
    Bind {
        /// Which read.
        read: u8,
        /// Through which coordinator.
        coordinator: u8,
    },
    /// A voter serves a client's read, or its first page.
    Read {
        /// Which read.
        read: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// Which voter.
        voter: u8,
    },
    /// A voter serves the next page of a read that it admitted before.
    NextPage {
        /// Which of the open reads.
        open: u8,
    },
    /// The left route, which doesn't move, is split on its own group.
    SplitElsewhere,
    /// The moving range's route is split on its own group.
    SplitInside,
    /// The source collects old versions.
    Collect {
        /// Up to which of the scenario's timestamps.
        through: u8,
    },
}

/// What becomes of a message of a migrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It arrives.
    AtOnce,
    /// It is held back: it arrives later, or never.
    Held,
    /// It arrives, and a copy of it later, or never.
    Doubled,
}

/// The kinds of steps, for counting.
pub const KINDS: [&str; 15] = [
    "migrate",
    "send-ahead",
    "arrive",
    "apply",
    "lead",
    "restart",
    "watch",
    "adopt",
    "write",
    "bind",
    "read",
    "next-page",
    "split-elsewhere",
    "split-inside",
    "collect",
];

impl Action {
    /// The index of the step's kind in [`KINDS`].
    pub fn kind(self) -> usize {
        (self.label() >> 24) as usize
    }

    /// The step with this number.
    pub fn of_label(label: u32) -> Option<Action> {
        let [kind, a, b, c] = label.to_be_bytes();
        let side = |number: u8| [Side::Source, Side::Target].get(usize::from(number)).copied();
        let delivery =
            |number: u8| [Delivery::AtOnce, Delivery::Held, Delivery::Doubled].get(usize::from(number)).copied();
        Some(match kind {
            0 => Action::Migrate { migrator: a, clock: b, delivery: delivery(c)? },
            1 => Action::SendAhead { migrator: a },
            2 => Action::Arrive { message: a },
            3 => Action::Apply { side: side(a)?, voter: b, entries: c },
            4 => Action::Lead { side: side(a)?, voter: b },
            5 => Action::Restart { side: side(a)?, voter: b },
            6 => Action::Watch { coordinator: a },
            7 => Action::Adopt { side: side(a)? },
            8 => Action::Write { write: a, coordinator: b, is_answered: c == 1 },
            9 => Action::Bind { read: a, coordinator: b },
            10 => Action::Read { read: a, coordinator: b, voter: c },
            11 => Action::NextPage { open: a },
            12 => Action::SplitElsewhere,
            13 => Action::SplitInside,
            14 => Action::Collect { through: a },
            _ => return None,
        })
    }

    /// The step as one number: distinct steps of a state have distinct numbers.
    pub fn label(self) -> u32 {
        let pack = |kind: u32, a: u8, b: u8, c: u8| kind << 24 | u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
        match self {
            Action::Migrate { migrator, clock, delivery } => pack(0, migrator, clock, delivery as u8),
            Action::SendAhead { migrator } => pack(1, migrator, 0, 0),
            Action::Arrive { message } => pack(2, message, 0, 0),
            Action::Apply { side, voter, entries } => pack(3, side as u8, voter, entries),
            Action::Lead { side, voter } => pack(4, side as u8, voter, 0),
            Action::Restart { side, voter } => pack(5, side as u8, voter, 0),
            Action::Watch { coordinator } => pack(6, coordinator, 0, 0),
            Action::Adopt { side } => pack(7, side as u8, 0, 0),
            Action::Write { write, coordinator, is_answered } => pack(8, write, coordinator, u8::from(is_answered)),
            Action::Bind { read, coordinator } => pack(9, read, coordinator, 0),
            Action::Read { read, coordinator, voter } => pack(10, read, coordinator, voter),
            Action::NextPage { open } => pack(11, open, 0, 0),
            Action::SplitElsewhere => pack(12, 0, 0, 0),
            Action::SplitInside => pack(13, 0, 0, 0),
            Action::Collect { through } => pack(14, through, 0, 0),
        }
    }
}
