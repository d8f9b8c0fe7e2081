//! What clients asked, when, and what they were told: plain types, of no particular system.

use super::text;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A key or a value.
pub type Bytes = Vec<u8>;

/// One request of a client, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Who asked.
    pub client: u64,
    /// When, in nanoseconds of a clock that all clients of the history share and that never goes back.
    pub called_at: u64,
    /// When the client was told, by the same clock; absent if it never was.
    pub returned_at: Option<u64>,
    /// What it asked for.
    pub call: Call,
    /// What it was told.
    pub outcome: Outcome,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Gives a key a value.
    Put {
        /// The key.
        #[serde(with = "text")]
        key: Bytes,
        /// The value.
        #[serde(with = "text")]
        value: Bytes,
        /// The commit timestamp that the client insists on; absent: the server chooses.
        commit_ts: Option<u64>,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        #[serde(with = "text")]
        key: Bytes,
        /// The commit timestamp that the client insists on; absent: the server chooses.
        commit_ts: Option<u64>,
    },
    /// Deletes every key that is there and begins so; each for itself, at one timestamp.
    DeletePrefix {
        /// How they begin.
        #[serde(with = "text")]
        prefix: Bytes,
    },
    /// Reads a key.
    Get {
        /// The key.
        #[serde(with = "text")]
        key: Bytes,
        /// At this timestamp; absent: what is newest.
        read_ts: Option<u64>,
    },
    /// Reads the keys of an interval, at one timestamp.
    Scan {
        /// The first key that is asked for.
        #[serde(with = "text")]
        start: Bytes,
        /// The first that isn't any more; absent: all that follow.
        #[serde(with = "text::optional", default)]
        end: Option<Bytes>,
        /// The most rows.
        limit: u64,
        /// From the last key to the first.
        reverse: bool,
        /// At this timestamp; absent: the server chooses.
        read_ts: Option<u64>,
    },
    /// Asks for the commit timestamp of a key's newest version, deletions included.
    Latest {
        /// The key.
        #[serde(with = "text")]
        key: Bytes,
    },
    /// Reads at one timestamp and then writes at another, all or nothing.
    Transaction {
        /// What it read at.
        start_ts: u64,
        /// What it read, and saw: also that of a transaction which was refused.
        reads: Vec<TransactionRead>,
        /// What becomes of each key.
        writes: Vec<TransactionWrite>,
    },
}

/// A key that a transaction read, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionRead {
    /// The key.
    #[serde(with = "text")]
    pub key: Bytes,
    /// What was there; absent: nothing.
    pub seen: Option<Seen>,
}

/// What a transaction makes of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionWrite {
    /// The key.
    #[serde(with = "text")]
    pub key: Bytes,
    /// Its value; absent: it is deleted.
    #[serde(with = "text::optional", default)]
    pub value: Option<Bytes>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It was done.
    Ok(Answer),
    /// It was not done, and never will be.
    Refused,
    /// It was done, or will be at any later time, at most once, or never.
    Unknown,
}

/// What a client is told of a request that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To a put, a delete, a prefix delete, a transaction.
    Written {
        /// The commit timestamp, where the server tells it.
        commit_ts: Option<u64>,
    },
    /// To a get.
    Value {
        /// What was there; absent: nothing.
        seen: Option<Seen>,
        /// The timestamp that was read at, where the server tells it.
        read_ts: Option<u64>,
    },
    /// To a scan.
    Rows {
        /// The rows, in the order of the scan.
        rows: Vec<Row>,
        /// The timestamp that was read at, where the server tells it.
        read_ts: Option<u64>,
        /// Where the scan would go on: that key and what follows it were not looked at. Absent: nothing is left, or the
        /// limit was reached.
        #[serde(with = "text::optional", default)]
        next: Option<Bytes>,
    },
    /// To the question for the newest commit timestamp; absent: no version is there.
    Newest(Option<u64>),
}

/// A value that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The value.
    #[serde(with = "text")]
    pub value: Bytes,
    /// The commit timestamp of its version, where the server tells it.
    pub commit_ts: Option<u64>,
}

/// A row that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The key.
    #[serde(with = "text")]
    pub key: Bytes,
    /// The value.
    #[serde(with = "text")]
    pub value: Bytes,
    /// The commit timestamp of its version, where the server tells it.
    pub commit_ts: Option<u64>,
}

/// Everything that is there in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The timestamp that was read at, when every client had been told or had given up.
    pub at: u64,
    /// Every row, in the order of the keys.
    pub rows: Vec<Row>,
}

/// What clients asked and were told. What was there before belongs to it as well, as puts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
}

/// Why something is no operation of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// It ends before it begins.
    #[error("it returned before it was called")]
    ReturnsTooEarly,
    /// Somebody was told, and at no time.
    #[error("it has an outcome and no time of return")]
    NoReturn,
    /// The answer is one to another call.
    #[error("the answer is not one to this call")]
    OtherAnswer,
    /// A transaction writes a key twice.
    #[error("a transaction writes a key twice")]
    KeyTwice,
    /// There are more operations than can be counted here.
    #[error("a history has at most {} operations", u32::MAX - 1)]
    TooMany,
}

impl History {
    /// Adds an operation; their order means nothing.
    ///
    /// # Errors
    /// If it contradicts itself.
    pub fn push(&mut self, operation: Operation) -> Result<(), Malformed> {
        operation.check()?;
        if self.operations.len() >= (u32::MAX - 1) as usize {
            return Err(Malformed::TooMany);
        }
        self.operations.push(operation);
        Ok(())
    }

    /// The operations, in the order in which they were added. A verdict counts them from 1.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations, to be taken apart.
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }
}

impl Operation {
    /// Whether times, call and outcome go together.
    ///
    /// # Errors
    /// If they don't.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.returned_at.is_some_and(|returned_at| returned_at < self.called_at) {
            return Err(Malformed::ReturnsTooEarly);
        }
        if let Call::Transaction { writes, .. } = &self.call {
            let mut keys: Vec<&Bytes> = writes.iter().map(|write| &write.key).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Malformed::KeyTwice);
            }
        }
        match &self.outcome {
            Outcome::Unknown => Ok(()),
            Outcome::Refused | Outcome::Ok(_) if self.returned_at.is_none() => Err(Malformed::NoReturn),
            Outcome::Ok(answer) if !self.call.takes(answer) => Err(Malformed::OtherAnswer),
            Outcome::Refused | Outcome::Ok(_) => Ok(()),
        }
    }

    /// The commit timestamp of what it wrote: told, or insisted on.
    pub(super) fn commit_ts(&self) -> Option<u64> {
        let told = match &self.outcome {
            Outcome::Ok(Answer::Written { commit_ts }) => *commit_ts,
            Outcome::Ok(Answer::Value { .. } | Answer::Rows { .. } | Answer::Newest(_)) => None,
            Outcome::Refused | Outcome::Unknown => None,
        };
        told.or(self.call.insists_on())
    }
}

impl Call {
    fn takes(&self, answer: &Answer) -> bool {
        match self {
            Call::Put { .. } | Call::Delete { .. } | Call::DeletePrefix { .. } | Call::Transaction { .. } => {
                matches!(answer, Answer::Written { .. })
            }
            Call::Get { .. } => matches!(answer, Answer::Value { .. }),
            Call::Scan { .. } => matches!(answer, Answer::Rows { .. }),
            Call::Latest { .. } => matches!(answer, Answer::Newest(_)),
        }
    }

    /// The commit timestamp that the client chose.
    pub(super) fn insists_on(&self) -> Option<u64> {
        match self {
            Call::Put { commit_ts, .. } | Call::Delete { commit_ts, .. } => *commit_ts,
            Call::DeletePrefix { .. }
            | Call::Get { .. }
            | Call::Scan { .. }
            | Call::Latest { .. }
            | Call::Transaction { .. } => None,
        }
    }

    /// The timestamp that the client asked to read at.
    pub(super) fn reads_at(&self) -> Option<u64> {
        match self {
            Call::Get { read_ts, .. } | Call::Scan { read_ts, .. } => *read_ts,
            Call::Put { .. }
            | Call::Delete { .. }
            | Call::DeletePrefix { .. }
            | Call::Latest { .. }
            | Call::Transaction { .. } => None,
        }
    }
}
