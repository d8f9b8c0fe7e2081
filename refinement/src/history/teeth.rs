//! Lies planted into right histories: each must be caught.

mod liar;

use super::judge;
use super::operation::{Closing, History};
use super::simulation::{Shape, simulate};
use super::verdict::{Judgement, Verdict};
use liar::Liar;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lie {
    /// The closing state lacks a write that was acknowledged.
    LostWrite,
    /// A read at a timestamp sees the version before the one that it should.
    StaleRead,
    /// A read sees what was deleted.
    ResurrectedDelete,
    /// The closing state has what was deleted.
    ResurrectedInTheEnd,
    /// The closing state, or a scan, lacks one of the writes of a transaction.
    HalfTransaction,
    /// A read at a timestamp sees a version above it, of a write that was called later.
    ReadFromTheFuture,
    /// Two rows have each other's values.
    SwappedValue,
    /// A read sees a value that nobody wrote.
    InventedValue,
    /// A write is acknowledged below a timestamp that was read at.
    WriteUnderRead,
    /// Two writes of a key are acknowledged at one timestamp.
    SameTimestamp,
    /// A scan lacks a row.
    MissingRow,
    /// A transaction that overwrote what it hadn't seen.
    LostUpdate,
    /// A transaction reads what it would have read earlier.
    StaleTransactionRead,
    /// The question for the newest timestamp is answered with the one before.
    StaleNewest,
    /// No timestamps are told, and a read of what is newest sees what was overwritten before it was called.
    StaleWithoutTimestamps,
}

/// How many lies of a kind were planted, and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// Histories in which there was a place for one.
    pub planted: u32,
    /// Those that were found violated.
    pub killed: u32,
    /// Those that were found violated by the judgement that it is a matter of.
    pub named: u32,
}

impl Lie {
    /// All of them.
    pub const ALL: [Lie; 15] = [
        Lie::LostWrite,
        Lie::StaleRead,
        Lie::ResurrectedDelete,
        Lie::ResurrectedInTheEnd,
        Lie::HalfTransaction,
        Lie::ReadFromTheFuture,
        Lie::SwappedValue,
        Lie::InventedValue,
        Lie::WriteUnderRead,
        Lie::SameTimestamp,
        Lie::MissingRow,
        Lie::LostUpdate,
        Lie::StaleTransactionRead,
        Lie::StaleNewest,
        Lie::StaleWithoutTimestamps,
    ];

    /// The judgements that it is a matter of; any of them names it.
    pub fn is_a_matter_of(self) -> &'static [Judgement] {
        match self {
            Lie::LostWrite => &[Judgement::NoLostWrite, Judgement::NothingResurrected, Judgement::TransactionsAtomic],
            Lie::StaleRead | Lie::MissingRow => {
                &[Judgement::Snapshots, Judgement::NothingResurrected, Judgement::TransactionsAtomic]
            }
            Lie::ResurrectedDelete | Lie::ResurrectedInTheEnd => &[Judgement::NothingResurrected],
            Lie::HalfTransaction | Lie::LostUpdate | Lie::StaleTransactionRead => &[Judgement::TransactionsAtomic],
            Lie::ReadFromTheFuture | Lie::WriteUnderRead | Lie::SameTimestamp => &[Judgement::Snapshots],
            Lie::SwappedValue => &[Judgement::NoLostWrite, Judgement::TransactionsAtomic],
            Lie::InventedValue => &[Judgement::Snapshots],
            Lie::StaleNewest | Lie::StaleWithoutTimestamps => &[Judgement::Linearizable, Judgement::NothingResurrected],
        }
    }

    /// The history of a seed with the lie in it; nothing if it has no place for one.
    pub fn told(self, seed: u64) -> Option<(History, Closing)> {
        let shape = Shape { tells_timestamps: self != Lie::StaleWithoutTimestamps, ..Shape::SMALL };
        let (history, closing) = simulate(seed, &shape);
        let mut liar = Liar::new(seed, history, closing);
        if !liar.tell(self) {
            return None;
        }
        Some(liar.into_history())
    }
}

/// Plants a lie into the history of each seed that has a place for it.
pub fn kills(lie: Lie, seeds: std::ops::Range<u64>) -> Kills {
    let mut kills = Kills::default();
    for (history, closing) in seeds.filter_map(|seed| lie.told(seed)) {
        let verdict = judge(&history, &closing);
        kills.planted += 1;
        kills.killed += u32::from(matches!(verdict, Verdict::Violated { .. }));
        let is_named = |name: &Judgement| verdict.violations().iter().any(|violation| violation.judgement == *name);
        kills.named += u32::from(lie.is_a_matter_of().iter().any(is_named));
    }
    kills
}
