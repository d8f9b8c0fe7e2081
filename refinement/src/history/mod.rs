//! Judges what clients saw of a running cluster, from their history alone.
//!
//! A [`History`] is what clients asked, when, and what they were told; a [`Closing`] is everything that was there when all
//! was over. [`judge`] says whether users could have told that a range moved underneath. It knows keys, values and
//! timestamps, and no node, group or job, so that another system's history can be judged as well. `specs/history.md` says
//! what exactly is asked, and the form of the files that [`lines`] reads and writes.
//!
//! What is certain and what isn't. A write that was acknowledged has happened at the timestamp that was told. One that was
//! refused has not. One whose outcome is unknown has happened if its version was seen, and then, if it is a transaction,
//! as a whole; else it stays optional for ever, and every judgement lets it happen at any time, or never.

pub mod lines;
pub mod search;
pub mod simulation;
pub mod teeth;

mod atomic;
mod chain;
mod explain;
mod gaps;
mod ledger;
mod look;
mod operation;
mod order;
mod snapshots;
mod text;
mod verdict;

pub use operation::{
    Answer, Bytes, Call, Closing, History, Malformed, Operation, Outcome, Row, Seen, TransactionRead, TransactionWrite,
};
pub use verdict::{Judgement, Summary, Verdict, Violation};

use chain::Chains;
use ledger::Ledger;
use std::time::Instant;
use verdict::Findings;

/// Says whether users could tell.
///
/// The closing state must have been read at a timestamp that no acknowledged write is above; else nothing is said.
pub fn judge(history: &History, closing: &Closing) -> Verdict {
    let begun = Instant::now();
    let mut findings = Findings::default();
    let mut summary = Summary { operations: history.operations().len(), ..Summary::default() };
    let is_unknown = |operation: &&Operation| operation.outcome == Outcome::Unknown;
    summary.undecided = history.operations().iter().filter(is_unknown).count();
    let ledger = Ledger::of(history, closing, &mut findings);
    summary.keys = ledger.keys.len();
    let chains = Chains::of(&ledger, &mut findings);
    summary.sights = snapshots::judge(&ledger, &chains, &mut findings);
    order::judge(&ledger, &chains, &mut findings, &mut summary);
    summary.transactions = atomic::judge(&ledger, &chains, &mut findings);
    check_closing(&ledger, &mut findings);
    summary.seconds = begun.elapsed().as_secs_f64();
    findings.verdict(summary)
}

fn check_closing(ledger: &Ledger<'_>, findings: &mut Findings) {
    let at = ledger.closing.at;
    if let Some(above) = ledger.newest_told().filter(|above| *above > at) {
        findings.unjudged(|| format!("the closing state was read at {at}, and something was written at {above}"));
    }
}
