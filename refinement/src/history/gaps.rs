//! Reads of keys where something may have happened or not.
//!
//! Between two versions that are certain a key may have had others, of writes whose outcome or timestamp nobody knows. What
//! reads saw there, by timestamp, is a sequence of runs of one value. The first may be of the version below; each other
//! run needs a write of its own, and a write makes one run only.

use super::chain::{Chains, newest_at};
use super::ledger::{Ledger, Write};
use super::look::{KeyId, Sight, Source};
use super::snapshots::{mismatch_sentence, who};
use super::text::Quoted;
use super::verdict::{Findings, Judgement};

/// A read of a key where something may have happened or not.
pub(super) struct Loose<'h> {
    pub(super) key: KeyId,
    /// The timestamp of the newest certain version at or below the read's.
    pub(super) above: Option<u64>,
    /// The read's timestamp.
    pub(super) at: u64,
    pub(super) value: Option<&'h [u8]>,
    /// The read was told that it saw that version.
    pub(super) is_told: bool,
    pub(super) source: Source,
    pub(super) returned_at: u64,
    /// What it is a matter of, if it can't be.
    pub(super) judgement: Judgement,
}

/// Such reads.
#[derive(Default)]
pub(super) struct Gaps<'h> {
    reads: Vec<Loose<'h>>,
}

impl<'h> Gaps<'h> {
    /// Keeps a read.
    pub(super) fn add(&mut self, read: Loose<'h>) {
        self.reads.push(read);
    }

    /// Judges them all.
    pub(super) fn judge(mut self, ledger: &Ledger<'h>, chains: &Chains<'h>, findings: &mut Findings) {
        self.reads.sort_by_key(|read| (read.key, read.at, read.source));
        for of_key in self.reads.chunk_by(|one, other| one.key == other.key) {
            let candidates = chains.candidates(of_key[0].key);
            let mut key = Key { ledger, chains, used: vec![false; candidates.len()], candidates };
            for gap in of_key.chunk_by(|one, other| one.above == other.above) {
                key.gap(gap, findings);
            }
        }
    }
}

struct Key<'k, 'h> {
    ledger: &'k Ledger<'h>,
    chains: &'k Chains<'h>,
    candidates: &'k [Write<'h>],
    used: Vec<bool>,
}

impl<'h> Key<'_, 'h> {
    fn gap(&mut self, gap: &[Loose<'h>], findings: &mut Findings) {
        let versions = self.chains.versions(gap[0].key);
        let below = newest_at(versions, gap[0].at).map(|place| &versions[place]);
        let mut run = (below.and_then(|version| version.value), below.map_or(0, |version| version.at));
        let mut is_first = true;
        let mut before: Option<&Loose<'h>> = None;
        for read in gap {
            let twin = before.filter(|before| before.at == read.at && before.value != read.value);
            if let Some(twin) = twin {
                findings.violation(Judgement::Snapshots, [twin.source, read.source], || {
                    let key = Quoted(self.ledger.keys.key(read.key));
                    format!("two reads of {key} at {} don't agree", read.at)
                });
                return;
            }
            before = Some(read);
            let goes_on = read.value == run.0 && (is_first || !read.is_told);
            if !goes_on {
                if read.is_told || !self.takes(read, run.1) {
                    self.mismatch(read, findings);
                    return;
                }
                is_first = false;
            }
            run = (read.value, read.at);
        }
    }

    /// Whether a write that hasn't made another run can have made this one, above a timestamp.
    fn takes(&mut self, read: &Loose<'h>, above: u64) -> bool {
        let may_be = |place: &usize| {
            let write = &self.candidates[*place];
            let is_between = write.at.is_none_or(|at| above < at && at <= read.at);
            !self.used[*place] && is_between && write.value == read.value && write.called_at <= read.returned_at
        };
        // One at a known place is of use nowhere else; of the others the last leaves most to the rest.
        let rank = |place: &usize| (self.candidates[*place].at.is_some(), self.candidates[*place].called_at);
        let best = (0..self.candidates.len()).filter(may_be).max_by_key(rank);
        if let Some(place) = best {
            self.used[place] = true;
        }
        best.is_some()
    }

    fn mismatch(&self, read: &Loose<'h>, findings: &mut Findings) {
        let versions = self.chains.versions(read.key);
        let newest = newest_at(versions, read.at).map(|place| &versions[place]);
        let shown_by = [Some(read.source), newest.and_then(super::chain::Version::source)];
        findings.violation(read.judgement, shown_by.into_iter().flatten(), || {
            let sight = read.value.map(|value| Sight { value, commit_ts: None });
            if newest.and_then(|version| version.value) == read.value {
                let key = Quoted(self.ledger.keys.key(read.key));
                return format!(
                    "{} of {key} at {} saw again what an earlier read found replaced",
                    who(read.source),
                    read.at
                );
            }
            mismatch_sentence(self.ledger, read.source, read.at, read.key, sight, newest)
        });
    }
}
