//! Every read at a timestamp against the versions that are certain: those that came to be known later included, since a
//! read that was served stays true.

use super::chain::{Chains, Version, newest_at};
use super::gaps::{Gaps, Loose};
use super::ledger::{Kind, Ledger, Write, keys_written};
use super::look::{KeyId, Look, Sight, Sights, Source, looks};
use super::text::Quoted;
use super::verdict::{Findings, Judgement};

/// Judges every look; tells how often a key was seen.
pub(super) fn judge(ledger: &Ledger<'_>, chains: &Chains<'_>, findings: &mut Findings) -> u64 {
    let mut judge = Judge { ledger, chains, findings, gaps: Gaps::default(), sights: 0 };
    for look in looks(ledger.history, ledger.closing) {
        judge.look(&look);
    }
    let Judge { findings, gaps, sights, .. } = judge;
    gaps.judge(ledger, chains, findings);
    sights
}

struct Judge<'j, 'h> {
    ledger: &'j Ledger<'h>,
    chains: &'j Chains<'h>,
    findings: &'j mut Findings,
    gaps: Gaps<'h>,
    sights: u64,
}

impl<'h> Judge<'_, 'h> {
    fn look(&mut self, look: &Look<'h>) {
        if let Sights::Rows(scanned) = &look.sights
            && let Some(defect) = scanned.defect()
        {
            self.findings.violation(look.source.judgement(), [look.source], || format!("a scan returned {defect}"));
            return;
        }
        let ledger = self.ledger;
        if let Some(at) = look.at {
            self.check_asked(look, at);
            look.each(&ledger.keys, |key, sight| self.sight(look, at, key, sight));
        }
    }

    fn check_asked(&mut self, look: &Look<'_>, at: u64) {
        if let Some(asked) = asked_at(self.ledger, look.source).filter(|asked| *asked != at) {
            let sentence = || format!("a read at {asked} was answered as of {at}");
            self.findings.violation(Judgement::Snapshots, [look.source], sentence);
        }
    }

    fn sight(&mut self, look: &Look<'h>, at: u64, key: KeyId, sight: Option<Sight<'h>>) {
        self.sights += 1;
        let versions = self.chains.versions(key);
        let place = newest_at(versions, at);
        let newest = place.map(|place| &versions[place]);
        let value = sight.map(|sight| sight.value);
        let told = sight.and_then(|sight| sight.commit_ts);
        let says_the_same = newest.and_then(|version| version.value) == value;
        let is_newest = says_the_same && (told.is_none() || told == newest.map(|version| version.at));
        let is_loose = !self.chains.candidates(key).is_empty();
        if is_newest || (is_loose && told.is_none()) {
            if is_newest {
                self.check_in_time(look, key, place, told.is_some() || !is_loose);
            }
            if is_loose {
                let judgement = self.classify(look, at, sight, newest);
                let above = newest.map(|version| version.at);
                let (source, returned_at) = (look.source, look.returned_at);
                self.gaps.add(Loose { key, above, at, value, is_told: told.is_some(), source, returned_at, judgement });
            }
        } else if told.is_none_or(|told| versions.binary_search_by_key(&told, |version| version.at).is_ok()) {
            // What nobody wrote is told already.
            self.mismatch(look, at, key, sight, newest);
        }
    }

    /// What a read saw was asked for before the read was answered; and nothing that was asked for later changes it.
    fn check_in_time(&mut self, look: &Look<'h>, key: KeyId, place: Option<usize>, is_attributed: bool) {
        let versions = self.chains.versions(key);
        let Some(version) = place.map(|place| &versions[place]) else { return };
        let Some(write) = version.write.filter(|write| write.called_at > look.returned_at) else { return };
        let before = place.and_then(|place| place.checked_sub(1)).and_then(|place| versions[place].value);
        if !is_attributed || before == version.value {
            return;
        }
        self.findings.violation(Judgement::Snapshots, [look.source, write.source()], || {
            let key = Quoted(self.ledger.keys.key(key));
            format!("{} saw the version of {key} at {} before it was asked for", who(look.source), version.at)
        });
    }

    fn mismatch(
        &mut self,
        look: &Look<'h>,
        at: u64,
        key: KeyId,
        sight: Option<Sight<'h>>,
        newest: Option<&Version<'h>>,
    ) {
        let judgement = self.classify(look, at, sight, newest);
        let versions = self.chains.versions(key);
        let told = sight.and_then(|sight| sight.commit_ts);
        let seen = told.and_then(|told| versions.iter().find(|version| version.at == told));
        let shown_by = [Some(look.source), newest.and_then(Version::source), seen.and_then(Version::source)];
        let ledger = self.ledger;
        self.findings.violation(judgement, shown_by.into_iter().flatten(), || {
            mismatch_sentence(ledger, look.source, at, key, sight, newest)
        });
    }

    fn classify(&self, look: &Look<'h>, at: u64, sight: Option<Sight<'h>>, newest: Option<&Version<'h>>) -> Judgement {
        if sight.is_some_and(|sight| sight.commit_ts.is_some_and(|told| told > at)) {
            return Judgement::Snapshots;
        }
        match newest {
            Some(Version { value: None, .. }) if sight.is_some() => return Judgement::NothingResurrected,
            Some(Version { at, write: Some(write), .. }) if self.is_half(look, *at, write) => {
                return Judgement::TransactionsAtomic;
            }
            Some(_) | None => {}
        }
        match (&look.sights, look.source) {
            (Sights::Each(_), _) => Judgement::TransactionsAtomic,
            (Sights::One(..) | Sights::Rows(_), source) => source.judgement(),
        }
    }

    /// Whether the look shows another part of the same transaction.
    fn is_half(&self, look: &Look<'h>, at: u64, missing: &Write<'h>) -> bool {
        if missing.kind != Kind::Transaction {
            return false;
        }
        let operation = &self.ledger.history.operations()[missing.operation as usize];
        keys_written(operation).any(|key| look.sight_of(key).is_some_and(|sight| sight.commit_ts == Some(at)))
    }
}

/// What a read saw, and what it should have seen, as a sentence.
pub(super) fn mismatch_sentence(
    ledger: &Ledger<'_>,
    source: Source,
    at: u64,
    key: KeyId,
    sight: Option<Sight<'_>>,
    newest: Option<&Version<'_>>,
) -> String {
    let seen = match sight {
        None => "nothing".to_owned(),
        Some(Sight { value, commit_ts: None }) => format!("{}", Quoted(value)),
        Some(Sight { value, commit_ts: Some(told) }) => format!("{} of {told}", Quoted(value)),
    };
    let right = match newest {
        None => "nothing is there that is as old".to_owned(),
        Some(Version { value: None, at, .. }) => format!("it was deleted at {at}"),
        Some(Version { value: Some(value), at, .. }) => format!("{} of {at} is the newest", Quoted(value)),
    };
    format!("{} at {at} saw {seen} for {}, and {right}", who(source), Quoted(ledger.keys.key(key)))
}

/// Who looked.
pub(super) fn who(source: Source) -> &'static str {
    match source {
        Source::Operation(_) => "a read",
        Source::Closing => "the closing state",
    }
}

fn asked_at(ledger: &Ledger<'_>, source: Source) -> Option<u64> {
    match source {
        Source::Operation(place) => ledger.history.operations()[place as usize].call.reads_at(),
        Source::Closing => None,
    }
}
