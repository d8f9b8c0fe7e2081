//! What was written: every write, by key, and for each value that was seen the write that it came from.

use super::look::{KeyId, Keys, Look, Sight, Source, looks};
use super::operation::{Call, Closing, History, Operation, Outcome};
use super::text::Quoted;
use super::verdict::{Findings, Judgement};
use rustc_hash::FxHashSet;
use std::ops::Range;

/// What an operation makes of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'h> {
    pub(super) key: KeyId,
    /// The operation's place in the history.
    pub(super) operation: u32,
    /// The value; absent: the key is deleted.
    pub(super) value: Option<&'h [u8]>,
    /// Its commit timestamp, if the client chose it, or was told, or it was seen.
    pub(super) at: Option<u64>,
    pub(super) kind: Kind,
    /// It has happened: the client was told, or it was seen.
    pub(super) is_certain: bool,
    pub(super) called_at: u64,
    /// [`u64::MAX`] where the client was never told that it has happened.
    pub(super) returned_at: u64,
}

/// What kind of operation a write belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A put or a delete, at a timestamp of the server's choice.
    Plain,
    /// A put or a delete, at a timestamp of the client's choice.
    Chosen,
    /// A prefix delete: where nothing is it need not leave anything.
    Prefix,
    /// A transaction.
    Transaction,
}

/// A version that was seen, and which of several writes it came from nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stray<'h> {
    pub(super) key: KeyId,
    pub(super) at: u64,
    pub(super) value: &'h [u8],
}

/// Every write of a history.
pub(super) struct Ledger<'h> {
    pub(super) history: &'h History,
    pub(super) closing: &'h Closing,
    pub(super) keys: Keys<'h>,
    /// By key, then by timestamp; those without one last.
    writes: Vec<Write<'h>>,
    /// Where each key's writes begin.
    starts: Vec<u32>,
    strays: FxHashSet<Stray<'h>>,
}

impl<'h> Ledger<'h> {
    /// Collects the writes, and finds out the timestamps of those that were seen.
    pub(super) fn of(history: &'h History, closing: &'h Closing, findings: &mut Findings) -> Ledger<'h> {
        let keys = Keys::of(history, closing);
        let mut writes = Vec::new();
        for (place, operation) in (0..).zip(history.operations()) {
            collect(&keys, place, operation, &mut writes);
        }
        writes.sort_unstable_by_key(Write::order);
        let mut ledger = Ledger { history, closing, keys, writes, starts: Vec::new(), strays: FxHashSet::default() };
        ledger.starts = ledger.find_starts();
        let untold = ledger.find_untold();
        for look in looks(history, closing) {
            ledger.attribute(&untold, &look, findings);
        }
        ledger.writes.sort_unstable_by_key(Write::order);
        ledger
    }

    /// Every key, in order.
    pub(super) fn key_ids(&self) -> Range<KeyId> {
        self.keys.within(&[], None)
    }

    /// The writes of a key, by timestamp, those without one last.
    pub(super) fn of_key(&self, key: KeyId) -> &[Write<'h>] {
        &self.writes[self.places(key)]
    }

    /// Versions that were seen and come from one of several writes.
    pub(super) fn strays(&self) -> impl Iterator<Item = &Stray<'h>> {
        self.strays.iter()
    }

    /// The greatest timestamp at which something was written.
    pub(super) fn newest_told(&self) -> Option<u64> {
        self.writes.iter().filter(|write| write.is_certain).filter_map(|write| write.at).max()
    }

    fn places(&self, key: KeyId) -> Range<usize> {
        self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize
    }

    fn find_starts(&self) -> Vec<u32> {
        let mut starts = Vec::with_capacity(self.keys.len() + 1);
        let mut place = 0;
        for key in 0..=self.keys.len() {
            place += self.writes[place..].iter().take_while(|write| (write.key as usize) < key).count();
            starts.push(u32::try_from(place).expect("writes of fewer than 4,294,967,295 operations and parts"));
        }
        starts
    }

    /// Where the writes without a timestamp begin, of each key.
    fn find_untold(&self) -> Vec<u32> {
        let untold = |key: usize| {
            let places = self.starts[key] as usize..self.starts[key + 1] as usize;
            self.starts[key] + self.writes[places].partition_point(|write| write.at.is_some()) as u32
        };
        (0..self.keys.len()).map(untold).collect()
    }

    /// Every version that is told with its timestamp was written: by a write at it, or by one whose outcome is unknown.
    fn attribute(&mut self, untold: &[u32], look: &Look<'h>, findings: &mut Findings) {
        let mut told = Vec::new();
        look.each_there(&self.keys, |key, sight| {
            if let Some(at) = sight.commit_ts {
                told.push((key, at, sight));
            }
        });
        for (key, at, sight) in told {
            let places = self.places(key);
            let untold = untold[key as usize] as usize;
            let first = places.start + self.writes[places.start..untold].partition_point(|write| write.at < Some(at));
            let is_it = |write: &&mut Write<'_>| write.at == Some(at) && write.value == Some(sight.value);
            let at_it = self.writes[first..untold].iter_mut().take_while(|write| write.at == Some(at));
            if let Some(write) = at_it.into_iter().find(is_it) {
                write.is_certain = true;
                continue;
            }
            let unknown = &self.writes[untold..places.end];
            if unknown.iter().any(|write| write.at == Some(at) && write.value == Some(sight.value)) {
                continue;
            }
            let may_be = |write: &Write<'_>| {
                write.at.is_none() && write.value == Some(sight.value) && write.called_at <= look.returned_at
            };
            let mut candidates = (untold..places.end).filter(|place| may_be(&self.writes[*place]));
            match (candidates.next(), candidates.next()) {
                (Some(place), None) => self.settle(place, at),
                (Some(_), Some(_)) => {
                    self.strays.insert(Stray { key, at, value: sight.value });
                }
                (None, _) => self.unwritten(look.source, key, at, sight, findings),
            }
        }
    }

    /// A write has happened, at this timestamp; and with it the whole transaction.
    fn settle(&mut self, place: usize, at: u64) {
        let operation = self.writes[place].operation;
        let parts: Vec<KeyId> = match self.writes[place].kind {
            Kind::Transaction => {
                keys_written(&self.history.operations()[operation as usize]).map(|key| self.keys.id(key)).collect()
            }
            Kind::Plain | Kind::Chosen | Kind::Prefix => vec![self.writes[place].key],
        };
        for key in parts {
            let places = self.places(key);
            for write in self.writes[places].iter_mut().filter(|write| write.operation == operation) {
                write.at = Some(at);
                write.is_certain = true;
            }
        }
    }

    fn unwritten(&self, source: Source, key: KeyId, at: u64, sight: Sight<'h>, findings: &mut Findings) {
        let wrote_it = |write: &&Write<'_>| write.value == Some(sight.value);
        let near = self.of_key(key).iter().find(wrote_it);
        let (key, value) = (Quoted(self.keys.key(key)), Quoted(sight.value));
        let shown_by = [Some(source), near.map(Write::source)];
        match near {
            Some(write) if write.kind == Kind::Transaction => {
                findings.violation(Judgement::TransactionsAtomic, shown_by.into_iter().flatten(), || match write.at {
                    Some(other) => format!("{key} has {value} of {at}, which a transaction wrote at {other}"),
                    None => format!("{key} has {value} of {at}, which a transaction wrote later"),
                });
            }
            Some(_) | None => {
                findings.violation(source.judgement(), shown_by.into_iter().flatten(), || match near {
                    Some(Write { at: Some(other), .. }) => {
                        format!("{key} has {value} of {at}, and that value was written at {other}")
                    }
                    Some(_) => format!("{key} has {value} of {at}, and that value was written later, or once only"),
                    None => format!("{key} has {value} of {at}, which nobody wrote"),
                });
            }
        }
    }
}

impl Write<'_> {
    /// The operation.
    pub(super) fn source(&self) -> Source {
        Source::Operation(self.operation)
    }

    fn order(&self) -> (KeyId, u64, bool, u32) {
        (self.key, self.at.unwrap_or(u64::MAX), self.at.is_none(), self.operation)
    }
}

impl Source {
    /// What is violated where a look saw something that can't be.
    pub(super) fn judgement(self) -> Judgement {
        match self {
            Source::Operation(_) => Judgement::Snapshots,
            Source::Closing => Judgement::NoLostWrite,
        }
    }
}

fn collect<'h>(keys: &Keys<'h>, place: u32, operation: &'h Operation, writes: &mut Vec<Write<'h>>) {
    let is_certain = match &operation.outcome {
        Outcome::Refused => return,
        Outcome::Unknown => false,
        Outcome::Ok(_) => true,
    };
    let returned_at = operation.returned_at.filter(|_| is_certain).unwrap_or(u64::MAX);
    let (at, called_at) = (operation.commit_ts(), operation.called_at);
    let write = |key, value, kind| Write { key, operation: place, value, at, kind, is_certain, called_at, returned_at };
    let one = |chosen: &Option<u64>| if chosen.is_some() { Kind::Chosen } else { Kind::Plain };
    match &operation.call {
        Call::Put { key, value, commit_ts } => writes.push(write(keys.id(key), Some(value), one(commit_ts))),
        Call::Delete { key, commit_ts } => writes.push(write(keys.id(key), None, one(commit_ts))),
        Call::DeletePrefix { prefix } => {
            writes.extend(keys.beginning(prefix).map(|key| write(key, None, Kind::Prefix)));
        }
        Call::Transaction { writes: parts, .. } => {
            let part = |(key, value)| write(keys.id(key), value, Kind::Transaction);
            writes.extend(parts.iter().map(|part| (part.key.as_slice(), part.value.as_deref())).map(part));
        }
        Call::Get { .. } | Call::Scan { .. } | Call::Latest { .. } => {}
    }
}

/// The keys that a transaction writes; of another operation none.
pub(super) fn keys_written(operation: &Operation) -> impl Iterator<Item = &[u8]> {
    let writes = match &operation.call {
        Call::Transaction { writes, .. } => writes.as_slice(),
        Call::Put { .. }
        | Call::Delete { .. }
        | Call::DeletePrefix { .. }
        | Call::Get { .. }
        | Call::Scan { .. }
        | Call::Latest { .. } => &[],
    };
    writes.iter().map(|write| write.key.as_slice())
}
