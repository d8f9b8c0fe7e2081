//! What is said of a history.

use super::look::Source;
use std::fmt;

/// What is asked of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judgement {
    /// Each key's writes, and reads of what is newest, happened in an order that agrees with time.
    Linearizable,
    /// A read at a timestamp saw the newest versions at or below it, and that stays true.
    Snapshots,
    /// What was acknowledged is there in the end, and nothing else.
    NoLostWrite,
    /// What was deleted doesn't come back.
    NothingResurrected,
    /// A transaction happened as a whole, on what it had read, or not at all.
    TransactionsAtomic,
}

/// Something that must not be, and was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is violated.
    pub judgement: Judgement,
    /// How, in a sentence.
    pub sentence: String,
    /// The operations that show it, counted from 1 in the order of the history; the closing state has no number.
    pub operations: Vec<usize>,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Operations.
    pub operations: usize,
    /// Those whose outcome is unknown.
    pub undecided: usize,
    /// Keys.
    pub keys: usize,
    /// How often a key was seen, or seen to be absent, at a timestamp.
    pub sights: u64,
    /// Keys whose order is shown by the timestamps that the server told.
    pub ordered_by_timestamps: usize,
    /// Keys whose order had to be searched for.
    pub ordered_by_search: usize,
    /// Transactions that were judged.
    pub transactions: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What is said of a history: only [`Verdict::Ok`] passes.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Users could not tell.
    Ok(Summary),
    /// They could.
    Violated {
        /// How; of each judgement the first few.
        violations: Vec<Violation>,
        /// How many there are, those that aren't listed included.
        count: usize,
        /// What was looked at.
        summary: Summary,
    },
    /// Nothing was found, and not everything could be judged.
    Unjudged {
        /// What could not be judged, a sentence each; the first few.
        reasons: Vec<String>,
        /// What was looked at.
        summary: Summary,
    },
}

impl Judgement {
    /// All of them.
    pub const ALL: [Judgement; 5] = [
        Judgement::Linearizable,
        Judgement::Snapshots,
        Judgement::NoLostWrite,
        Judgement::NothingResurrected,
        Judgement::TransactionsAtomic,
    ];

    /// Its name, as in `specs/history.md`.
    pub fn name(self) -> &'static str {
        match self {
            Judgement::Linearizable => "linearizable",
            Judgement::Snapshots => "snapshots",
            Judgement::NoLostWrite => "no_lost_write",
            Judgement::NothingResurrected => "nothing_resurrected",
            Judgement::TransactionsAtomic => "transactions_atomic",
        }
    }
}

impl Verdict {
    /// Whether users could not tell.
    pub fn is_ok(&self) -> bool {
        match self {
            Verdict::Ok(_) => true,
            Verdict::Violated { .. } | Verdict::Unjudged { .. } => false,
        }
    }

    /// What was looked at.
    pub fn summary(&self) -> &Summary {
        match self {
            Verdict::Ok(summary) | Verdict::Violated { summary, .. } | Verdict::Unjudged { summary, .. } => summary,
        }
    }

    /// The violations that are listed.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Verdict::Violated { violations, .. } => violations,
            Verdict::Ok(_) | Verdict::Unjudged { .. } => &[],
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.judgement, self.sentence)?;
        let numbers: Vec<String> = self.operations.iter().map(ToString::to_string).collect();
        match numbers.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " (operation {one})"),
            more => write!(f, " (operations {})", more.join(", ")),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} of them undecided, {} keys, {} sights, {:.1} s",
            self.operations, self.undecided, self.keys, self.sights, self.seconds
        )
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Ok(summary) => write!(f, "users could not tell: {summary}"),
            Verdict::Violated { violations, count, summary } => {
                write!(f, "users could tell: {count} violations in {summary}")?;
                violations.iter().try_for_each(|violation| write!(f, "\n{violation}"))
            }
            Verdict::Unjudged { reasons, summary } => {
                write!(f, "not judged: {summary}")?;
                reasons.iter().try_for_each(|reason| write!(f, "\n{reason}"))
            }
        }
    }
}

/// What has been found so far.
#[derive(Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
    count: usize,
    reasons: Vec<String>,
    is_partial: bool,
}

impl Findings {
    /// Notes a violation; the sentence is made only if it will be listed.
    pub(super) fn violation(
        &mut self,
        judgement: Judgement,
        shown_by: impl IntoIterator<Item = Source>,
        sentence: impl FnOnce() -> String,
    ) {
        self.count += 1;
        if self.violations.iter().filter(|other| other.judgement == judgement).count() >= MOST_LISTED {
            return;
        }
        let mut operations: Vec<usize> = shown_by.into_iter().filter_map(Source::number).collect();
        operations.sort_unstable();
        operations.dedup();
        self.violations.push(Violation { judgement, sentence: sentence(), operations });
    }

    /// Notes that something can't be judged.
    pub(super) fn unjudged(&mut self, reason: impl FnOnce() -> String) {
        self.is_partial = true;
        if self.reasons.len() < MOST_LISTED {
            self.reasons.push(reason());
        }
    }

    /// The verdict.
    pub(super) fn verdict(mut self, summary: Summary) -> Verdict {
        self.violations.sort_by_key(|violation| violation.judgement);
        if self.count > 0 {
            Verdict::Violated { violations: self.violations, count: self.count, summary }
        } else if self.is_partial {
            Verdict::Unjudged { reasons: self.reasons, summary }
        } else {
            Verdict::Ok(summary)
        }
    }
}

impl Source {
    fn number(self) -> Option<usize> {
        match self {
            Source::Operation(place) => Some(place as usize + 1),
            Source::Closing => None,
        }
    }
}

/// The most violations that are listed of one judgement, and the most reasons.
const MOST_LISTED: usize = 3;
