//! Whether each key's writes, and the reads of what is newest, are linearizable.
//!
//! A history is linearizable if there is one order of its operations that agrees with time and in which every read sees
//! what was written last. An order that is shown is a proof, wherever it comes from; so the one by commit timestamps is
//! tried first ([`is_in_order`]): each write at its timestamp, each read behind the version that it saw, reads of one
//! version in the order in which they were called. It is held against time and values like any other, and nothing is
//! assumed of the timestamps: if they are wrong, the order is no proof, and the search decides ([`search`]). A write whose
//! outcome is unknown, and of which nothing was seen, is left out, as it may never have happened. One that the client
//! stamped itself, below what was there, changes nothing that is newest: the order by timestamps has it below, and the
//! search lets it have no effect.

use super::chain::Chains;
use super::explain;
use super::ledger::{Kind, Ledger, Write};
use super::look::{KeyId, Source};
use super::operation::{Answer, Call, Outcome};
use super::search::{self, Deed, KeyOperation, Stuck};
use super::text::Quoted;
use super::verdict::{Findings, Summary};
use rustc_hash::FxHashMap;

/// Judges every key.
pub(super) fn judge(ledger: &Ledger<'_>, chains: &Chains<'_>, findings: &mut Findings, summary: &mut Summary) {
    let mut reads = reads(ledger);
    reads.sort_unstable_by_key(|read| (read.key, read.called_at, read.source));
    let mut rest = reads.as_slice();
    for key in ledger.key_ids() {
        let (of_key, others) = rest.split_at(rest.partition_point(|read| read.key == key));
        rest = others;
        if of_key.is_empty() {
            continue;
        }
        if is_in_order(ledger, chains, key, of_key) {
            summary.ordered_by_timestamps += 1;
        } else {
            summary.ordered_by_search += 1;
            if !explain::is_behind(ledger, chains, key, of_key, findings) {
                by_search(ledger, key, of_key, findings);
            }
        }
    }
}

/// A read of what is newest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'h> {
    pub(super) key: KeyId,
    pub(super) source: Source,
    pub(super) called_at: u64,
    pub(super) returned_at: u64,
    /// The timestamp that was read at, if told.
    pub(super) read_at: Option<u64>,
    pub(super) seen: Newest<'h>,
}

/// What such a read saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newest<'h> {
    /// A value, and its commit timestamp if told.
    Value(&'h [u8], Option<u64>),
    /// No value.
    Nothing,
    /// A version, of which only the commit timestamp is told.
    Version(u64),
}

fn reads<'h>(ledger: &Ledger<'h>) -> Vec<Read<'h>> {
    let mut reads = Vec::new();
    for (place, operation) in (0..).zip(ledger.history.operations()) {
        let Outcome::Ok(answer) = &operation.outcome else { continue };
        let (called_at, returned_at) = (operation.called_at, operation.returned_at.unwrap_or(u64::MAX));
        let read = |key: &[u8], read_at, seen| {
            let (key, source) = (ledger.keys.id(key), Source::Operation(place));
            Read { key, source, called_at, returned_at, read_at, seen }
        };
        if let (Call::Get { key, read_ts: None }, Answer::Value { seen, read_ts }) = (&operation.call, answer) {
            let seen = seen.as_ref().map_or(Newest::Nothing, |seen| Newest::Value(&seen.value, seen.commit_ts));
            reads.push(read(key, *read_ts, seen));
        }
        if let (Call::Latest { key }, Answer::Newest(at)) = (&operation.call, answer) {
            reads.push(read(key, None, at.map_or(Newest::Nothing, Newest::Version)));
        }
    }
    if ledger.newest_told().is_none_or(|at| at <= ledger.closing.at) {
        reads.extend(closing_reads(ledger));
    }
    reads
}

/// The closing state reads every key once, after everything.
fn closing_reads<'l, 'h>(ledger: &'l Ledger<'h>) -> impl Iterator<Item = Read<'h>> + use<'l, 'h> {
    let mut rows = ledger.closing.rows.iter().peekable();
    let read = move |key: KeyId| {
        let row = rows.next_if(|row| row.key == ledger.keys.key(key));
        let seen = row.map_or(Newest::Nothing, |row| Newest::Value(&row.value, row.commit_ts));
        let read_at = Some(ledger.closing.at);
        Read { key, source: Source::Closing, called_at: u64::MAX, returned_at: u64::MAX, read_at, seen }
    };
    ledger.key_ids().map(read)
}

/// A write in the order by timestamps.
struct Slot<'h> {
    at: u64,
    value: Option<&'h [u8]>,
    called_at: u64,
    returned_at: u64,
}

/// Whether the order by timestamps is a proof.
fn is_in_order(ledger: &Ledger<'_>, chains: &Chains<'_>, key: KeyId, reads: &[Read<'_>]) -> bool {
    let Some(slots) = slots(ledger, chains, key) else { return false };
    // The earliest return from a slot on.
    let mut earliest: Vec<u64> = slots.iter().map(|slot| slot.returned_at).collect();
    for place in (1..earliest.len()).rev() {
        earliest[place - 1] = earliest[place - 1].min(earliest[place]);
    }
    let mut order: Vec<(usize, bool, u64, u64)> = Vec::with_capacity(slots.len() + reads.len());
    order.extend((1..).zip(&slots).map(|(rank, slot)| (rank, false, slot.called_at, slot.returned_at)));
    for read in reads {
        let Some(rank) = rank(&slots, &earliest, read) else { return false };
        order.push((rank, true, read.called_at, read.returned_at));
    }
    order.sort_unstable();
    let mut latest_call = 0;
    order.iter().all(|(_, _, called_at, returned_at)| {
        latest_call = latest_call.max(*called_at);
        *returned_at >= latest_call
    })
}

/// The writes that have happened, by timestamp; none if that of one isn't known.
fn slots<'h>(ledger: &Ledger<'h>, chains: &Chains<'h>, key: KeyId) -> Option<Vec<Slot<'h>>> {
    if chains.candidates(key).iter().any(|write| write.is_certain && write.at.is_none()) {
        return None;
    }
    if chains.versions(key).iter().any(|version| version.write.is_none()) {
        return None;
    }
    let writes = ledger.of_key(key).iter().filter(|write| write.is_certain);
    let slot = |write: &Write<'h>| {
        let (value, called_at, returned_at) = (write.value, write.called_at, write.returned_at);
        write.at.map(|at| Slot { at, value, called_at, returned_at })
    };
    writes.map(slot).collect()
}

/// Behind how many writes a read stands.
fn rank(slots: &[Slot<'_>], earliest: &[u64], read: &Read<'_>) -> Option<usize> {
    let at_or_below = |at: u64| slots.partition_point(|slot| slot.at <= at);
    let value = match read.seen {
        Newest::Value(value, Some(at)) => {
            let rank = at_or_below(at);
            let slot = slots[..rank].last()?;
            return (slot.at == at && slot.value == Some(value)).then_some(rank);
        }
        Newest::Version(at) => {
            let rank = at_or_below(at);
            return (slots[..rank].last()?.at == at).then_some(rank);
        }
        Newest::Value(value, None) => Some(value),
        Newest::Nothing => None,
    };
    let fits = |rank: &usize| rank.checked_sub(1).and_then(|place| slots[place].value) == value;
    if let Some(at) = read.read_at {
        return Some(at_or_below(at)).filter(fits);
    }
    // The first that fits behind every write that had returned before.
    let least = earliest.partition_point(|returned_at| *returned_at < read.called_at);
    let may_come_before = |rank: &usize| *rank == least || slots[rank - 1].called_at <= read.returned_at;
    (least..=slots.len()).take_while(may_come_before).find(fits)
}

fn by_search(ledger: &Ledger<'_>, key: KeyId, reads: &[Read<'_>], findings: &mut Findings) {
    let mut values = Values::default();
    let mut operations = Vec::new();
    let mut sources = Vec::new();
    for read in reads {
        let is_known = |at: &u64| ledger.of_key(key).iter().any(|write| write.is_certain && write.at == Some(*at));
        let deed = match read.seen {
            Newest::Value(value, at) => Deed::See { value: values.number(Some(value)), at: at.filter(is_known) },
            Newest::Nothing => Deed::See { value: search::ABSENT, at: None },
            Newest::Version(at) => Deed::SeeVersion { at, may_be_unknown: !is_known(&at) },
        };
        operations.push(KeyOperation { called_at: read.called_at, returned_at: Some(read.returned_at), deed });
        sources.push(read.source);
    }
    let is_stamped = ledger.of_key(key).iter().any(|write| write.kind == Kind::Chosen);
    let may_matter = |write: &Write<'_>| {
        let sees = |read: &Read<'_>| match read.seen {
            Newest::Value(value, _) => write.value == Some(value),
            Newest::Nothing => write.value.is_none(),
            Newest::Version(_) => true,
        };
        write.returned_at != u64::MAX || is_stamped || reads.iter().any(sees)
    };
    for write in ledger.of_key(key).iter().filter(|write| may_matter(write)) {
        let value = values.number(write.value);
        let deed = match (write.kind, write.at) {
            (Kind::Prefix, at) => Deed::Clear { at },
            (Kind::Chosen, Some(at)) => Deed::WriteAt { value, at },
            (Kind::Plain | Kind::Chosen | Kind::Transaction, at) => Deed::Write { value, at },
        };
        let returned_at = Some(write.returned_at).filter(|at| *at != u64::MAX);
        operations.push(KeyOperation { called_at: write.called_at, returned_at, deed });
        sources.push(write.source());
    }
    match search::linearize(&operations) {
        Ok(()) => {}
        Err(Stuck::TooMany) => {
            findings.unjudged(|| format!("the order of {} was not found in time", Quoted(ledger.keys.key(key))));
        }
        Err(Stuck::At(place)) => explain::no_order(ledger, key, reads, sources[place], findings),
    }
}

/// Numbers for values.
#[derive(Default)]
struct Values<'h> {
    numbers: FxHashMap<&'h [u8], search::Value>,
}

impl<'h> Values<'h> {
    fn number(&mut self, value: Option<&'h [u8]>) -> search::Value {
        let Some(value) = value else { return search::ABSENT };
        let next = u32::try_from(self.numbers.len()).expect("a key has fewer values than operations") + 1;
        *self.numbers.entry(value).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::simulation::{Shape, simulate};

    #[test]
    fn what_timestamps_order_the_search_orders_too() {
        let mut ordered = 0;
        for seed in 0..500 {
            let (history, closing) = simulate(seed, &Shape { values: Some(4), ..Shape::SMALL });
            let mut findings = Findings::default();
            let ledger = Ledger::of(&history, &closing, &mut findings);
            let chains = Chains::of(&ledger, &mut findings);
            let reads = reads(&ledger);
            for key in ledger.key_ids() {
                let of_key: Vec<Read<'_>> = reads.iter().filter(|read| read.key == key).copied().collect();
                if is_in_order(&ledger, &chains, key, &of_key) {
                    by_search(&ledger, key, &of_key, &mut findings);
                    ordered += 1;
                }
            }
            let verdict = findings.verdict(Summary::default());
            assert!(verdict.is_ok(), "seed {seed}: {verdict}");
        }
        assert!(ordered > 1_000, "{ordered} keys were ordered by timestamps");
    }
}
