//! How the history grows, and what a read should have returned: all of it from versions and answers alone.

use super::action::TxnStep;
use super::bounds::{Bounds, Look};
use super::component::{Answered, Decided, Fate, Fenced, History, Wrong};
use super::data_group::{DataGroup, Journey};
use splitjob_core::id::JobId;
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use std::collections::BTreeMap;

/// Something that the history remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    /// A log accepted a client's write, or knew it already.
    Accepted { write: u8, commit_ts: Timestamp, group: DataGroup, is_acked: bool, owner: DataGroup },
    /// A client got the answer to a part of a read, or to a page of it.
    Answered { read: u8, part: KeyRange, from: Option<RawKey>, returned: Vec<(RawKey, Timestamp)> },
    /// A request was refused because of a job.
    Refused { footprint: KeyRange },
    /// A message that was late or repeated changed a group.
    LateMessageActed { group: DataGroup },
    /// A job's write fence was applied on the source, or the delta's bounds were read there.
    Fenced { job: JobId, journey: Journey },
    /// A group collected old versions; these keys belonged to it.
    Collected { through: Timestamp, keys: Vec<RawKey> },
    /// A step of a transaction reached a group's log: what it did there, if anything, and what its client was told.
    Txn { txn: u8, key: u8, group: DataGroup, owner: DataGroup, acted: Option<TxnStep>, told: Option<Told> },
    /// A group did its part of a prefix delete; it did not own `foreign`.
    PrefixDeleted { delete: u8, part: KeyRange, group: DataGroup, foreign: Vec<RawKey> },
    /// A leader told the timestamp of a key's newest version.
    LatestTold { key: RawKey, group: DataGroup, returned: Option<Timestamp> },
}

/// What a client is told about its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Told {
    /// It has committed.
    Committed,
    /// It has been rolled back.
    RolledBack,
    /// The group knows nothing of it.
    Nothing,
}

impl History {
    /// The history after the event.
    pub(super) fn after(&self, event: &Event, bounds: &Bounds) -> History {
        let mut history = self.clone();
        match event {
            Event::Accepted { write, commit_ts, group, is_acked, owner } => {
                history.accept((*write, *commit_ts), *group, *is_acked, *owner, bounds);
            }
            Event::Answered { read, part, from, returned } => {
                let expected = self.expected(*read, part, from.as_ref(), bounds);
                let (part, from, returned) = (part.clone(), from.clone(), returned.clone());
                history.reads.insert(Answered { read: *read, part, from, returned, expected });
            }
            Event::Refused { footprint } => {
                history.wrongs.insert(Wrong::RefusedOutside { footprint: footprint.clone() });
            }
            Event::LateMessageActed { group } => {
                history.wrongs.insert(Wrong::LateMessageActed { group: *group });
            }
            Event::Fenced { job, journey } => {
                let through = self.greatest_on_source(journey, bounds);
                let fenced = Fenced { range: journey.range.clone(), target: journey.target, through };
                history.fenced.insert(*job, fenced);
            }
            Event::Collected { through, keys } => {
                for key in keys {
                    let horizon = history.collected.entry(key.clone()).or_default();
                    *horizon = (*horizon).max(*through);
                }
            }
            Event::Txn { txn, key, group, owner, acted, told } => {
                if let Some(step) = acted {
                    history.take_txn_step(*txn, *key, *step, (*group, *owner), bounds);
                }
                if let Some(told) = told {
                    history.tell(*txn, *told, bounds);
                }
            }
            Event::PrefixDeleted { delete, part, group, foreign } => {
                history.delete_prefix(*delete, part, *group, bounds);
                let wrong = |key: &RawKey| Wrong::AdmittedByNonOwner { key: key.clone(), group: *group };
                history.wrongs.extend(foreign.iter().map(wrong));
            }
            Event::LatestTold { key, group, returned } => {
                let versions = self.versions(bounds);
                let newest = versions.keys().filter(|(other, _)| other == key).map(|(_, commit_ts)| *commit_ts).max();
                if newest != *returned {
                    history.wrongs.insert(Wrong::StaleLatest { key: key.clone(), group: *group });
                }
            }
        }
        history
    }

    fn accept(
        &mut self,
        (write, commit_ts): (u8, Timestamp),
        group: DataGroup,
        is_acked: bool,
        owner: DataGroup,
        bounds: &Bounds,
    ) {
        let request = &bounds.writes[usize::from(write)];
        let key = request.key.clone();
        if group != owner {
            self.wrongs.insert(Wrong::AdmittedByNonOwner { key: key.clone(), group });
        }
        self.note_if_fenced(&key, commit_ts, group, bounds);
        let first = Decided { content: request.content.clone(), group, is_acked: false };
        self.decided.entry((key, commit_ts)).or_insert(first).is_acked |= is_acked;
    }

    // S12
    fn note_if_fenced(&mut self, key: &RawKey, commit_ts: Timestamp, group: DataGroup, bounds: &Bounds) {
        let routes_as = &bounds.key(key).routes_as;
        let forbids =
            |fenced: &Fenced| fenced.target == group && fenced.range.contains(routes_as) && commit_ts <= fenced.through;
        if self.fenced.values().any(forbids) {
            self.wrongs.insert(Wrong::AdmittedBelowFence { key: key.clone(), commit_ts, group });
        }
    }

    fn take_txn_step(
        &mut self,
        txn: u8,
        key: u8,
        step: TxnStep,
        (group, owner): (DataGroup, DataGroup),
        bounds: &Bounds,
    ) {
        let request = &bounds.txns[usize::from(txn)];
        let raw = &request.mutations[usize::from(key)].0;
        if group != owner {
            self.wrongs.insert(Wrong::AdmittedByNonOwner { key: raw.clone(), group });
        }
        if matches!(step, TxnStep::Prepare | TxnStep::OnePhase) {
            self.note_if_fenced(raw, request.commit_ts, group, bounds);
        }
        let is_newer =
            |(other, at): &(RawKey, Timestamp)| other == raw && *at > request.start_ts && *at != request.commit_ts;
        let overwrites =
            matches!(step, TxnStep::Prepare | TxnStep::OnePhase) && self.versions(bounds).keys().any(is_newer);
        let fate = self.txns.entry(txn).or_default();
        fate.overwrote |= overwrites;
        let is_primary = key == 0;
        match step {
            TxnStep::Prepare => {}
            TxnStep::Commit | TxnStep::OnePhase => {
                fate.written = true;
                fate.committed |= is_primary;
            }
            TxnStep::Abort => fate.rolled_back |= is_primary,
        }
        // X2: the primary decides for all keys.
        if fate.committed && is_primary {
            for (key, content) in &request.mutations {
                let first = Decided { content: content.clone(), group, is_acked: false };
                self.decided.entry((key.clone(), request.commit_ts)).or_insert(first);
            }
        }
    }

    fn tell(&mut self, txn: u8, told: Told, bounds: &Bounds) {
        let fate = self.txns.entry(txn).or_default();
        match told {
            Told::Committed => fate.told_committed = true,
            Told::RolledBack => fate.told_otherwise = true,
            // Before the decision nothing is known; after it, a client that asks again must get the first answer.
            Told::Nothing => fate.told_otherwise |= fate.committed,
        }
        if fate.told_committed {
            let request = &bounds.txns[usize::from(txn)];
            for (key, _) in &request.mutations {
                if let Some(decided) = self.decided.get_mut(&(key.clone(), request.commit_ts)) {
                    decided.is_acked = true;
                }
            }
        }
    }

    fn delete_prefix(&mut self, delete: u8, part: &KeyRange, group: DataGroup, bounds: &Bounds) {
        let request = &bounds.prefix_deletes[usize::from(delete)];
        let versions = self.versions(bounds);
        let is_met = |key: &&super::bounds::Key| {
            key.raw.as_bytes().starts_with(request.prefix.as_bytes()) && part.contains(&key.routes_as)
        };
        for key in bounds.keys.iter().filter(is_met) {
            if visible(&versions, &key.raw, request.commit_ts).is_none() {
                continue;
            }
            self.note_if_fenced(&key.raw, request.commit_ts, group, bounds);
            let tombstone = Decided { content: Content::Tombstone, group, is_acked: true };
            self.decided.insert((key.raw.clone(), request.commit_ts), tombstone);
        }
    }

    /// Whether some transaction has more than one outcome (S6).
    pub(super) fn is_torn(&self) -> bool {
        self.txns.values().any(Fate::is_torn)
    }

    /// The greatest commit timestamp that a job's source holds: of its own writes, and of what is in the range.
    fn greatest_on_source(&self, journey: &Journey, bounds: &Bounds) -> Timestamp {
        let in_range = |key: &RawKey| journey.range.contains(&bounds.key(key).routes_as);
        let stored = bounds.stored.iter().map(|row| (&row.key, row.version.commit_ts, DataGroup::ONE));
        let decided = self.decided.iter().map(|((key, commit_ts), decided)| (key, *commit_ts, decided.group));
        let held = stored.chain(decided).filter(|(key, _, group)| *group == journey.source || in_range(key));
        held.map(|(_, commit_ts, _)| commit_ts).max().unwrap_or(Timestamp::ZERO)
    }

    /// Whether a collection may have removed the version: a newer one of its key was at or below its timestamp.
    pub(super) fn is_collected(&self, key: &RawKey, commit_ts: Timestamp, bounds: &Bounds) -> bool {
        let Some(horizon) = self.collected.get(key).filter(|horizon| **horizon > commit_ts) else { return false };
        self.versions(bounds).keys().any(|(other, newer)| other == key && *newer > commit_ts && newer <= horizon)
    }

    /// Every version that was ever decided, those stored from the start included.
    pub(super) fn versions(&self, bounds: &Bounds) -> BTreeMap<(RawKey, Timestamp), Content> {
        let stored = bounds.stored.iter().map(|row| (&row.key, row.version.commit_ts, &row.version.content));
        let decided = self.decided.iter().map(|((key, commit_ts), decided)| (key, *commit_ts, &decided.content));
        stored.chain(decided).map(|(key, ts, content)| ((key.clone(), ts), content.clone())).collect()
    }

    /// What a part of a read, or its page from a key on, returns in an ideal service that knows every decided version.
    pub(super) fn expected(
        &self,
        read: u8,
        part: &KeyRange,
        from: Option<&RawKey>,
        bounds: &Bounds,
    ) -> Vec<(RawKey, Timestamp)> {
        let request = &bounds.reads[usize::from(read)];
        let versions = self.versions(bounds);
        let visible = |key: &RawKey| visible(&versions, key, request.read_ts).map(|ts| (key.clone(), ts));
        match &request.look {
            Look::Point(key) => visible(key).into_iter().collect(),
            Look::Scan { interval, direction, page, .. } => {
                let keys = bounds.keys.iter().filter(|key| part.contains(&key.routes_as));
                let mut keys: Vec<&RawKey> = keys.map(|key| &key.raw).collect();
                keys.sort();
                if *direction == Direction::Reverse {
                    keys.reverse();
                }
                let is_on_page = |key: &&RawKey| match direction {
                    Direction::Forward => from.is_none_or(|from| *key >= from),
                    Direction::Reverse => from.is_none_or(|from| *key <= from),
                };
                let found = keys.into_iter().filter(|key| interval.contains(key)).filter(is_on_page);
                found.filter_map(visible).take(usize::try_from(*page).unwrap_or(usize::MAX)).collect()
            }
        }
    }

    /// Whether some read has had answers to two parts of it.
    pub(super) fn has_read_in_parts(&self, bounds: &Bounds) -> bool {
        let is_part = |answered: &&Answered| {
            answered.part != bounds.reads[usize::from(answered.read)].footprint(bounds) && answered.from.is_none()
        };
        let parts = self.reads.iter().filter(is_part);
        parts.clone().zip(parts.skip(1)).any(|(one, next)| one.read == next.read)
    }

    /// Whether the version was told to a client, or stored from the start.
    pub(super) fn is_acked(&self, key: &RawKey, commit_ts: Timestamp) -> bool {
        self.decided.get(&(key.clone(), commit_ts)).is_none_or(|decided| decided.is_acked)
    }
}

/// The commit timestamp of the version that a key shows, in the words of §1: the newest at or below, unless it is a
/// deletion or has expired.
fn visible(versions: &BTreeMap<(RawKey, Timestamp), Content>, key: &RawKey, read_ts: Timestamp) -> Option<Timestamp> {
    let of_key = (key.clone(), Timestamp::ZERO)..=(key.clone(), read_ts);
    let ((_, commit_ts), content) = versions.range(of_key).next_back()?;
    match content {
        Content::Tombstone => None,
        Content::Put { expire_at, .. } if *expire_at != Timestamp::ZERO && *expire_at <= read_ts => None,
        Content::Put { .. } => Some(*commit_ts),
    }
}
