//! What a key was, timestamp by timestamp: its versions, and what may be versions.

use super::ledger::{Kind, Ledger, Write};
use super::look::{KeyId, Source};
use super::text::Quoted;
use super::verdict::{Findings, Judgement};
use std::ops::Range;

/// A version that is there for certain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'h> {
    pub(super) key: KeyId,
    pub(super) at: u64,
    /// Absent: the key is deleted.
    pub(super) value: Option<&'h [u8]>,
    /// Where it comes from; absent: from one of several.
    pub(super) write: Option<Write<'h>>,
}

/// The versions of every key.
pub(super) struct Chains<'h> {
    /// By key, then by timestamp.
    versions: Vec<Version<'h>>,
    version_starts: Vec<usize>,
    /// Writes that may be there, anywhere or at their timestamp: by key.
    candidates: Vec<Write<'h>>,
    candidate_starts: Vec<usize>,
}

impl<'h> Chains<'h> {
    /// Sorts what is certain from what isn't.
    pub(super) fn of(ledger: &Ledger<'h>, findings: &mut Findings) -> Chains<'h> {
        let mut versions: Vec<Version<'h>> = Vec::new();
        let mut candidates = Vec::new();
        for key in ledger.key_ids() {
            let writes = ledger.of_key(key);
            for (place, write) in writes.iter().enumerate() {
                let is_there = write.is_certain && (write.kind != Kind::Prefix || hides_something(writes, place));
                match write.at {
                    Some(at) if is_there => {
                        versions.push(Version { key, at, value: write.value, write: Some(*write) });
                    }
                    Some(_) | None => candidates.push(*write),
                }
            }
        }
        let of_stray = |stray: &super::ledger::Stray<'h>| Version {
            key: stray.key,
            at: stray.at,
            value: Some(stray.value),
            write: None,
        };
        versions.extend(ledger.strays().map(of_stray));
        versions.sort_by_key(|version| (version.key, version.at));
        find_twins(ledger, &versions, findings);
        versions.dedup_by_key(|version| (version.key, version.at));
        let version_starts = starts(ledger, versions.iter().map(|version| version.key));
        let candidate_starts = starts(ledger, candidates.iter().map(|write| write.key));
        Chains { versions, version_starts, candidates, candidate_starts }
    }

    /// The certain versions of a key, by timestamp.
    pub(super) fn versions(&self, key: KeyId) -> &[Version<'h>] {
        &self.versions[range(&self.version_starts, key)]
    }

    /// The writes of a key of which it isn't known whether, or where, they are there.
    pub(super) fn candidates(&self, key: KeyId) -> &[Write<'h>] {
        &self.candidates[range(&self.candidate_starts, key)]
    }
}

/// The newest at or below a timestamp, by its place.
pub(super) fn newest_at(versions: &[Version<'_>], at: u64) -> Option<usize> {
    versions.partition_point(|version| version.at <= at).checked_sub(1)
}

/// Whether a prefix delete must have left a deletion: it must have found a value that was acknowledged before.
///
/// Looking down from its timestamp, a value that may have come later proves nothing, and one that was there before proves
/// it. A deletion in between, or one that may lie anywhere, leaves it open.
fn hides_something(writes: &[Write<'_>], place: usize) -> bool {
    let own = writes[place];
    let Some(at) = own.at else { return false };
    let may_have_come_before = |write: &Write<'_>| write.called_at <= own.returned_at;
    let is_in_doubt = |write: &&Write<'_>| write.at.is_none() && write.value.is_none() && may_have_come_before(write);
    if writes.iter().rev().take_while(|write| write.at.is_none()).any(|write| is_in_doubt(&write)) {
        return false;
    }
    let below = writes[..place].iter().rev().filter(|write| write.at < Some(at));
    for write in below.filter(|write| may_have_come_before(write)) {
        match write.value {
            None => return false,
            Some(_) if write.is_certain && write.returned_at < own.called_at => return true,
            Some(_) => {}
        }
    }
    false
}

/// Two versions at one timestamp say the same.
fn find_twins(ledger: &Ledger<'_>, versions: &[Version<'_>], findings: &mut Findings) {
    let is_twin = |pair: &&[Version<'_>]| {
        pair[0].key == pair[1].key && pair[0].at == pair[1].at && pair[0].value != pair[1].value
    };
    for pair in versions.windows(2).filter(is_twin) {
        let shown_by = pair.iter().filter_map(|version| version.write.as_ref()).map(Write::source);
        findings.violation(Judgement::Snapshots, shown_by, || {
            format!("{} has two versions at {}", Quoted(ledger.keys.key(pair[0].key)), pair[0].at)
        });
    }
}

impl Version<'_> {
    /// The operation that wrote it, if it is known.
    pub(super) fn source(&self) -> Option<Source> {
        self.write.as_ref().map(Write::source)
    }
}

fn starts(ledger: &Ledger<'_>, keys: impl Iterator<Item = KeyId>) -> Vec<usize> {
    let mut starts = vec![0; ledger.keys.len() + 1];
    for key in keys {
        starts[key as usize + 1] += 1;
    }
    for key in 0..ledger.keys.len() {
        starts[key + 1] += starts[key];
    }
    starts
}

fn range(starts: &[usize], key: KeyId) -> Range<usize> {
    starts[key as usize]..starts[key as usize + 1]
}
