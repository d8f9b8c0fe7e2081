//! What can happen in the world, one step at a time.

use super::data_group::DataGroup;
use serde::{Deserialize, Serialize};

/// One step of the world. Numbers are indexes into the lists of the scenario or of the state before the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub enum Action {
    /// A migrator observes, decides about a job, and sends what it decided.
    Migrate {
        /// Which job, by its identifier.
        job: u8,
        /// Which migrator.
        migrator: u8,
        /// Which of its clock's readings.
        clock: u8,
        /// What becomes of the message.
        delivery: Delivery,
    },
    /// A migrator begins to look: what it has seen of catalog and groups by now may be old when it decides.
    Look {
        /// At which job.
        job: u8,
        /// Which migrator.
        migrator: u8,
    },
    /// A migrator decides by what it has seen at different moments, and sends what it decided.
    MigrateTorn {
        /// Which job, by its identifier.
        job: u8,
        /// Which migrator.
        migrator: u8,
        /// Which parts are as they were when it began to look, a bit each.
        old: u8,
        /// Which of its clock's readings.
        clock: u8,
        /// What becomes of the message.
        delivery: Delivery,
    },
    /// A migrator sends the next import without waiting for the one before.
    SendAhead {
        /// Of which job.
        job: u8,
        /// Which migrator.
        migrator: u8,
    },
    /// A message that was held back or doubled arrives.
    Arrive {
        /// Which one.
        message: u8,
    },
    /// A voter applies entries of its log; a new one that applies none installs its snapshot.
    Apply {
        /// Whose voter.
        group: DataGroup,
        /// Which one.
        voter: u8,
        /// How many entries.
        entries: u8,
    },
    /// Another voter becomes leader, having applied everything (A1).
    Lead {
        /// Whose voter.
        group: DataGroup,
        /// Which one.
        voter: u8,
    },
    /// A voter restarts and forgets what only its process knew (A3).
    Restart {
        /// Whose voter.
        group: DataGroup,
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
        group: DataGroup,
    },
    /// A group's leader learns routes that stood before, as a coordinator holds them, and its log adopts them.
    AdoptLate {
        /// Which group.
        group: DataGroup,
        /// Which coordinator's copy is as old.
        coordinator: u8,
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
    /// A client's read makes a group bind it (T5).
    Bind {
        /// Which read.
        read: u8,
        /// Which of the parts that are left of it.
        part: u8,
        /// Through which coordinator.
        coordinator: u8,
    },
    /// A voter serves a client's read, or its first page.
    Read {
        /// Which read.
        read: u8,
        /// Which of the parts that are left of it.
        part: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// Which voter.
        voter: u8,
    },
    /// A voter serves the next page of a read that it admitted before.
    NextPage {
        /// On which group.
        group: DataGroup,
        /// Which of its open reads.
        open: u8,
    },
    /// The left route, which doesn't move, is split on its own group.
    SplitElsewhere,
    /// The moving range's route is split on its own group.
    SplitInside,
    /// A group collects old versions.
    Collect {
        /// Which of the scenario's collections.
        collection: u8,
    },
    /// The operator starts the next of the scenario's moves.
    StartJob,
    /// A group gets one voter more, which has nothing yet (A5).
    AddVoter {
        /// Which group.
        group: DataGroup,
    },
    /// A voter that was removed becomes one again, under its number (A5).
    AddAgain {
        /// Whose voter.
        group: DataGroup,
        /// Which one.
        voter: u8,
    },
    /// A follower is removed from its group, and doesn't learn it (A5).
    RemoveVoter {
        /// Whose voter.
        group: DataGroup,
        /// Which one.
        voter: u8,
    },
    /// A client that got no answer to its write asks for the same again.
    Retry {
        /// Which write.
        write: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// Whether the client gets the answer.
        is_answered: bool,
    },
    /// A client takes its transaction a step further on one of its keys.
    Txn {
        /// Which transaction.
        txn: u8,
        /// Which of its keys.
        key: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// Which of the steps that its client may take on the key.
        step: TxnStep,
        /// What becomes of the message.
        delivery: TxnDelivery,
    },
    /// A client gives its transaction up while it prepares.
    GiveUp {
        /// Which transaction.
        txn: u8,
    },
    /// A resolver finds a lock and settles it, or the transaction behind it.
    Resolve {
        /// Whose lock.
        group: DataGroup,
        /// On which of the scenario's keys.
        key: u8,
        /// Through which coordinator.
        coordinator: u8,
        /// What becomes of the message.
        delivery: TxnDelivery,
    },
    /// A part of a client's prefix delete.
    DeletePrefix {
        /// Which delete.
        delete: u8,
        /// Which of its parts.
        part: u8,
        /// Through which coordinator.
        coordinator: u8,
    },
    /// A client asks for the newest version of a key.
    Latest {
        /// Which question.
        question: u8,
        /// Through which coordinator.
        coordinator: u8,
    },
    /// The operator gives a job up.
    Abandon {
        /// Which job.
        job: u8,
    },
    /// The operator lets a failed job go on.
    RetryJob {
        /// Which job.
        job: u8,
    },
    /// The client of a stream of transactions locks its key, or releases it.
    Stream {
        /// Whether it locks.
        locks: bool,
    },
    /// A node loses the capability to run the protocol, or gets it back.
    Report {
        /// Whether every node has it afterwards.
        is_capable: bool,
    },
}

/// What a client asks for on one of its transaction's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TxnStep {
    /// Everything at once.
    OnePhase,
    /// Lock the key.
    Prepare,
    /// Write the version.
    Commit,
    /// Release the lock.
    Abort,
}

/// What becomes of a message of a transaction's client, or of a resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TxnDelivery {
    /// It arrives, and the sender gets the answer.
    Answered,
    /// It arrives, and the answer gets lost: the sender may ask for the same again.
    Unanswered,
    /// It is held back: it arrives later, or never.
    Held,
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
pub const KINDS: [&str; 32] = [
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
    "start-job",
    "retry",
    "txn",
    "give-up",
    "resolve",
    "delete-prefix",
    "latest",
    "abandon",
    "retry-job",
    "report",
    "add-voter",
    "remove-voter",
    "stream",
    "look",
    "migrate-torn",
    "add-again",
    "adopt-late",
];

impl Action {
    /// The index of the step's kind in [`KINDS`].
    pub fn kind(self) -> usize {
        (self.label() >> 24) as usize
    }

    /// The step with this number.
    pub fn of_label(label: u32) -> Option<Action> {
        let [kind, a, b, c] = label.to_be_bytes();
        let group = DataGroup::numbered;
        let delivery =
            |number: u8| [Delivery::AtOnce, Delivery::Held, Delivery::Doubled].get(usize::from(number)).copied();
        let (high, low) = (|byte: u8| byte >> 4, |byte: u8| byte & 15);
        Some(match kind {
            0 => Action::Migrate { job: high(a), migrator: low(a), clock: b, delivery: delivery(c)? },
            1 => Action::SendAhead { job: high(a), migrator: low(a) },
            2 => Action::Arrive { message: a },
            3 => Action::Apply { group: group(a)?, voter: b, entries: c },
            4 => Action::Lead { group: group(a)?, voter: b },
            5 => Action::Restart { group: group(a)?, voter: b },
            6 => Action::Watch { coordinator: a },
            7 => Action::Adopt { group: group(a)? },
            8 => Action::Write { write: a, coordinator: b, is_answered: c == 1 },
            9 => Action::Bind { read: a, part: high(b), coordinator: low(b) },
            10 => Action::Read { read: a, part: high(b), coordinator: low(b), voter: c },
            11 => Action::NextPage { group: group(a)?, open: b },
            12 => Action::SplitElsewhere,
            13 => Action::SplitInside,
            14 => Action::Collect { collection: a },
            15 => Action::StartJob,
            16 => Action::Retry { write: a, coordinator: b, is_answered: c == 1 },
            17 => Action::Txn {
                txn: high(a),
                key: low(a),
                coordinator: b,
                step: txn_step(high(c))?,
                delivery: txn_delivery(low(c))?,
            },
            18 => Action::GiveUp { txn: a },
            19 => Action::Resolve { group: group(high(a))?, key: low(a), coordinator: b, delivery: txn_delivery(c)? },
            20 => Action::DeletePrefix { delete: a, part: high(b), coordinator: low(b) },
            21 => Action::Latest { question: a, coordinator: b },
            22 => Action::Abandon { job: a },
            23 => Action::RetryJob { job: a },
            24 => Action::Report { is_capable: a == 1 },
            25 => Action::AddVoter { group: group(a)? },
            26 => Action::RemoveVoter { group: group(a)?, voter: b },
            27 => Action::Stream { locks: a == 1 },
            28 => Action::Look { job: high(a), migrator: low(a) },
            29 => {
                let delivery = delivery(b & 3)?;
                Action::MigrateTorn { job: high(a), migrator: low(a), old: b >> 2, clock: c, delivery }
            }
            30 => Action::AddAgain { group: group(a)?, voter: b },
            31 => Action::AdoptLate { group: group(a)?, coordinator: b },
            _ => return None,
        })
    }

    /// The step as one number: distinct steps of a state have distinct numbers.
    pub fn label(self) -> u32 {
        let pack = |kind: u32, a: u8, b: u8, c: u8| kind << 24 | u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c);
        match self {
            Action::Migrate { job, migrator, clock, delivery } => pack(0, pair(job, migrator), clock, delivery as u8),
            Action::SendAhead { job, migrator } => pack(1, pair(job, migrator), 0, 0),
            Action::Arrive { message } => pack(2, message, 0, 0),
            Action::Apply { group, voter, entries } => pack(3, group.number(), voter, entries),
            Action::Lead { group, voter } => pack(4, group.number(), voter, 0),
            Action::Restart { group, voter } => pack(5, group.number(), voter, 0),
            Action::Watch { coordinator } => pack(6, coordinator, 0, 0),
            Action::Adopt { group } => pack(7, group.number(), 0, 0),
            Action::Write { write, coordinator, is_answered } => pack(8, write, coordinator, u8::from(is_answered)),
            Action::Bind { read, part, coordinator } => pack(9, read, pair(part, coordinator), 0),
            Action::Read { read, part, coordinator, voter } => pack(10, read, pair(part, coordinator), voter),
            Action::NextPage { group, open } => pack(11, group.number(), open, 0),
            Action::SplitElsewhere => pack(12, 0, 0, 0),
            Action::SplitInside => pack(13, 0, 0, 0),
            Action::Collect { collection } => pack(14, collection, 0, 0),
            Action::StartJob => pack(15, 0, 0, 0),
            Action::AddVoter { group } => pack(25, group.number(), 0, 0),
            Action::RemoveVoter { group, voter } => pack(26, group.number(), voter, 0),
            Action::Retry { write, coordinator, is_answered } => pack(16, write, coordinator, u8::from(is_answered)),
            Action::Txn { txn, key, coordinator, step, delivery } => {
                pack(17, pair(txn, key), coordinator, pair(step as u8, delivery as u8))
            }
            Action::GiveUp { txn } => pack(18, txn, 0, 0),
            Action::Resolve { group, key, coordinator, delivery } => {
                pack(19, pair(group.number(), key), coordinator, delivery as u8)
            }
            Action::DeletePrefix { delete, part, coordinator } => pack(20, delete, pair(part, coordinator), 0),
            Action::Latest { question, coordinator } => pack(21, question, coordinator, 0),
            Action::Abandon { job } => pack(22, job, 0, 0),
            Action::RetryJob { job } => pack(23, job, 0, 0),
            Action::Stream { locks } => pack(27, u8::from(locks), 0, 0),
            Action::Look { job, migrator } => pack(28, pair(job, migrator), 0, 0),
            Action::MigrateTorn { job, migrator, old, clock, delivery } => {
                pack(29, pair(job, migrator), old << 2 | delivery as u8, clock)
            }
            Action::AddAgain { group, voter } => pack(30, group.number(), voter, 0),
            Action::AdoptLate { group, coordinator } => pack(31, group.number(), coordinator, 0),
            Action::Report { is_capable } => pack(24, u8::from(is_capable), 0, 0),
        }
    }
}

/// Two small numbers in one byte.
fn pair(high: u8, low: u8) -> u8 {
    debug_assert!(high < 16 && low < 16, "{high} and {low} don't fit into one byte");
    high << 4 | low
}

fn txn_step(number: u8) -> Option<TxnStep> {
    [TxnStep::OnePhase, TxnStep::Prepare, TxnStep::Commit, TxnStep::Abort].get(usize::from(number)).copied()
}

fn txn_delivery(number: u8) -> Option<TxnDelivery> {
    [TxnDelivery::Answered, TxnDelivery::Unanswered, TxnDelivery::Held].get(usize::from(number)).copied()
}
