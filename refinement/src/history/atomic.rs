//! Transactions: what each overwrites it had seen.
//!
//! That a transaction happened as a whole follows from the versions: once one part is known to have happened, all parts
//! are versions at its timestamp, and every read and the closing state are held against them.

use super::chain::{Chains, Version, newest_at};
use super::ledger::{Kind, Ledger, Write};
use super::look::Source;
use super::operation::Call;
use super::text::Quoted;
use super::verdict::{Findings, Judgement};

/// Judges every transaction that has happened; tells how many there are.
pub(super) fn judge(ledger: &Ledger<'_>, chains: &Chains<'_>, findings: &mut Findings) -> usize {
    let mut happened = 0;
    for (place, operation) in (0..).zip(ledger.history.operations()) {
        let Call::Transaction { start_ts, writes, .. } = &operation.call else { continue };
        let mut is_there = false;
        for part in writes {
            let versions = chains.versions(ledger.keys.id(&part.key));
            let Some(own) = version_of(versions, Source::Operation(place), operation.commit_ts()) else { continue };
            is_there = true;
            unseen(ledger, versions, own, *start_ts, findings);
        }
        happened += usize::from(is_there);
    }
    happened
}

/// The version that an operation wrote: at the timestamp that was told, or wherever it was seen.
fn version_of<'v, 'h>(versions: &'v [Version<'h>], source: Source, told: Option<u64>) -> Option<&'v Version<'h>> {
    let place = match told {
        Some(at) => versions.binary_search_by_key(&at, |version| version.at).ok(),
        None => versions.iter().position(|version| version.source() == Some(source)),
    };
    place.map(|place| &versions[place]).filter(|version| version.source() == Some(source))
}

/// First committer wins: between a transaction's start and its commit nobody else has written what it writes.
fn unseen(ledger: &Ledger<'_>, versions: &[Version<'_>], own: &Version<'_>, start_ts: u64, findings: &mut Findings) {
    let shown_by = own.source();
    if own.at <= start_ts {
        findings.violation(Judgement::TransactionsAtomic, shown_by, || {
            format!("a transaction that started at {start_ts} committed at {}", own.at)
        });
        return;
    }
    let start = newest_at(versions, start_ts).map_or(0, |place| place + 1);
    let between = versions[start..].iter().take_while(|version| version.at < own.at);
    // What a client stamped itself, and what a prefix delete left, may have come later and be placed below.
    let counts = |write: &&Write<'_>| match write.kind {
        Kind::Plain | Kind::Transaction => true,
        Kind::Chosen | Kind::Prefix => false,
    };
    if let Some(other) = between.filter_map(|version| version.write.as_ref()).find(counts) {
        findings.violation(Judgement::TransactionsAtomic, shown_by.into_iter().chain([other.source()]), || {
            let key = Quoted(ledger.keys.key(own.key));
            format!("a transaction from {start_ts} to {} overwrote a version of {key} that it had not seen", own.at)
        });
    }
}
