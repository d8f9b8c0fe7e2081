//! Which operations show that a key's operations have no order, and how.

use super::chain::{Chains, Version};
use super::ledger::{Kind, Ledger, Write};
use super::look::{KeyId, Source};
use super::order::{Newest, Read};
use super::snapshots::who;
use super::text::Quoted;
use super::verdict::{Findings, Judgement};
use rustc_hash::FxHashMap;

/// Whether a read that was told timestamps saw less than what had been acknowledged above before it was called: of two
/// writes at one time the newest is the one with the greater timestamp, in whatever order they happened.
pub(super) fn is_behind(
    ledger: &Ledger<'_>,
    chains: &Chains<'_>,
    key: KeyId,
    reads: &[Read<'_>],
    findings: &mut Findings,
) -> bool {
    let versions = chains.versions(key);
    let returned_at = |version: &Version<'_>| version.write.map_or(u64::MAX, |write| write.returned_at);
    let mut earliest: Vec<(u64, usize)> = versions.iter().map(returned_at).zip(0..).collect();
    for place in (1..earliest.len()).rev() {
        earliest[place - 1] = earliest[place - 1].min(earliest[place]);
    }
    for read in reads {
        let at = match read.seen {
            Newest::Value(_, Some(at)) | Newest::Version(at) => Some(at),
            Newest::Value(_, None) | Newest::Nothing => read.read_at,
        };
        let above = at.and_then(|at| earliest.get(versions.partition_point(|version| version.at <= at)));
        let Some((_, place)) = above.filter(|(returned_at, _)| *returned_at < read.called_at) else { continue };
        let missed = &versions[*place];
        let judgement =
            if missed.value.is_none() { Judgement::NothingResurrected } else { newest_judgement(read.source) };
        findings.violation(judgement, [Some(read.source), missed.source()].into_iter().flatten(), || {
            let (who, key) = (who(read.source), Quoted(ledger.keys.key(key)));
            format!("{who} of what is newest missed the version of {key} at {}, acknowledged before", missed.at)
        });
        return true;
    }
    false
}

/// There is no order: tells why, in the simplest way that is found; else which operation the search could not place.
pub(super) fn no_order(ledger: &Ledger<'_>, key: KeyId, reads: &[Read<'_>], stuck: Source, findings: &mut Findings) {
    let (writes, name) = (ledger.of_key(key), Quoted(ledger.keys.key(key)));
    let overwritten = Overwritten::of(writes);
    let simple = reads.iter().find_map(|read| overwritten.before(read).map(|by| (read, by)));
    if let Some((read, (write, by))) = simple {
        let is_back = by.value.is_none() && read.seen != Newest::Nothing;
        let judgement = if is_back { Judgement::NothingResurrected } else { newest_judgement(read.source) };
        let verb = if is_back { "deleted" } else { "overwritten" };
        findings.violation(judgement, [read.source, write.source(), by.source()], || {
            format!("{} of what is newest saw a value of {name} that had been {verb} before", who(read.source))
        });
        return;
    }
    let read = reads.iter().find(|read| read.source == stuck);
    let judgement = match read {
        Some(read) if comes_back(writes, read) => Judgement::NothingResurrected,
        Some(_) | None => newest_judgement(stuck),
    };
    findings.violation(judgement, [stuck], || match read.map(|read| read.seen) {
        None => format!("what was seen of {name} fits no order in which this write happened before it returned"),
        Some(seen) => {
            let seen = match seen {
                Newest::Value(value, _) => format!("{}", Quoted(value)),
                Newest::Nothing => "nothing".to_owned(),
                Newest::Version(at) => format!("a version of {at}"),
            };
            format!("{} of what is newest saw {seen} for {name}, which fits no order", who(stuck))
        }
    });
}

/// Writes that have returned, to find one that lies between a write and a read.
struct Overwritten<'w, 'h> {
    /// The write of each value; none where there are several.
    single: FxHashMap<&'h [u8], Option<&'w Write<'h>>>,
    /// By their call.
    by_call: Vec<&'w Write<'h>>,
    /// From each on, the place of the one that returns first.
    first_back: Vec<usize>,
}

impl<'w, 'h> Overwritten<'w, 'h> {
    fn of(writes: &'w [Write<'h>]) -> Overwritten<'w, 'h> {
        // One that the client stamped may not have become the newest.
        let counts = |write: &&Write<'_>| write.returned_at != u64::MAX && write.kind != Kind::Chosen;
        let mut by_call: Vec<&Write<'h>> = writes.iter().filter(counts).collect();
        by_call.sort_unstable_by_key(|write| write.called_at);
        let mut first_back: Vec<usize> = (0..by_call.len()).collect();
        for place in (1..by_call.len()).rev() {
            let (here, later) = (place - 1, first_back[place]);
            if by_call[later].returned_at < by_call[here].returned_at {
                first_back[here] = later;
            }
        }
        let mut single = FxHashMap::default();
        for write in writes {
            if let Some(value) = write.value {
                single.entry(value).and_modify(|write| *write = None).or_insert(Some(write));
            }
        }
        Overwritten { single, by_call, first_back }
    }

    /// The only write of what was seen, and one that came wholly between it and the read.
    fn before(&self, read: &Read<'_>) -> Option<(&'w Write<'h>, &'w Write<'h>)> {
        let Newest::Value(value, _) = read.seen else { return None };
        let write = (*self.single.get(value)?)?;
        let place = self.by_call.partition_point(|other| other.called_at <= write.returned_at);
        let between = self.by_call[*self.first_back.get(place)?];
        (between.returned_at < read.called_at).then_some((write, between))
    }
}

/// Whether the value that was seen had been deleted before, and written by nobody since.
fn comes_back(writes: &[Write<'_>], read: &Read<'_>) -> bool {
    let Newest::Value(value, _) = read.seen else { return false };
    let wrote = || writes.iter().filter(|write| write.value == Some(value));
    let mut deletions = writes.iter().filter(|write| write.value.is_none() && write.returned_at < read.called_at);
    deletions.any(|deletion| wrote().all(|write| write.returned_at < deletion.called_at))
}

/// What is violated where a read of what is newest saw something else.
fn newest_judgement(source: Source) -> Judgement {
    match source {
        Source::Operation(_) => Judgement::Linearizable,
        Source::Closing => Judgement::NoLostWrite,
    }
}
