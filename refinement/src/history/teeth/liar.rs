//! Where a lie has a place, and how it is told.

use super::Lie;
use crate::history::operation::{Answer, Bytes, Call, Closing, History, Operation, Outcome, Row, Seen};
use crate::history::simulation::Random;
use std::collections::BTreeMap;

/// An acknowledged write of a key.
#[derive(Clone, Debug)]
struct Acknowledged {
    place: usize,
    value: Option<Bytes>,
}

/// Who changes a history.
pub(super) struct Liar {
    random: Random,
    operations: Vec<Operation>,
    closing: Closing,
}

impl Liar {
    pub(super) fn new(seed: u64, history: History, closing: Closing) -> Liar {
        Liar { random: Random::new(seed), operations: history.into_operations(), closing }
    }

    pub(super) fn into_history(self) -> (History, Closing) {
        let mut history = History::default();
        for operation in self.operations {
            history.push(operation).expect("a lie is about what was seen, not about the form of an operation");
        }
        (history, self.closing)
    }

    /// Tells it, if there is a place for it: where nothing that is undecided could make it true.
    pub(super) fn tell(&mut self, lie: Lie) -> bool {
        match lie {
            Lie::LostWrite => self.lose_write(),
            Lie::StaleRead => self.change_get(|liar, at, seen, key| liar.before(key, at, seen)),
            Lie::ResurrectedDelete => self.change_get(|liar, at, seen, key| liar.deleted(key, at, seen)),
            Lie::ResurrectedInTheEnd => self.resurrect_in_the_end(),
            Lie::HalfTransaction => self.halve_transaction(),
            Lie::ReadFromTheFuture => self.see_the_future(),
            Lie::SwappedValue => self.swap_values(),
            Lie::InventedValue => self.change_get(|_, _, seen, _| {
                let seen = seen?;
                Some(Some(Seen { value: b"nobody's".to_vec(), ..seen.clone() }))
            }),
            Lie::WriteUnderRead => self.write_under_read(),
            Lie::SameTimestamp => self.repeat_timestamp(),
            Lie::MissingRow => self.drop_row(),
            Lie::LostUpdate => self.lose_update(),
            Lie::StaleTransactionRead => self.read_stale_in_transaction(),
            Lie::StaleNewest => self.tell_older_newest(),
            Lie::StaleWithoutTimestamps => self.see_overwritten(),
        }
    }

    /// Acknowledged puts, deletes and transactions, by key and timestamp.
    fn acknowledged(&self) -> BTreeMap<Bytes, BTreeMap<u64, Acknowledged>> {
        let mut all: BTreeMap<Bytes, BTreeMap<u64, Acknowledged>> = BTreeMap::new();
        for (place, operation) in self.operations.iter().enumerate() {
            let Outcome::Ok(Answer::Written { commit_ts: Some(at) }) = &operation.outcome else { continue };
            for (key, value) in written(&operation.call) {
                all.entry(key).or_default().insert(*at, Acknowledged { place, value });
            }
        }
        all
    }

    fn any<T>(&mut self, mut of: Vec<T>) -> Option<T> {
        let count = of.len() as u64;
        if count == 0 { None } else { Some(of.swap_remove(self.random.below(count) as usize)) }
    }

    /// The places of operations, in an order of chance.
    fn places(&mut self) -> Vec<usize> {
        let mut places: Vec<(u64, usize)> =
            (0..self.operations.len()).map(|place| (self.random.next(), place)).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// Changes what a get saw, where there is another thing to be seen.
    fn change_get(&mut self, other: impl Fn(&Liar, u64, Option<&Seen>, &Bytes) -> Option<Option<Seen>>) -> bool {
        for place in self.places() {
            let Operation { call: Call::Get { key, .. }, outcome, .. } = &self.operations[place] else { continue };
            let Outcome::Ok(Answer::Value { seen, read_ts: Some(at) }) = outcome else { continue };
            let Some(lie) = other(self, *at, seen.as_ref(), key) else { continue };
            let read_ts = Some(*at);
            self.operations[place].outcome = Outcome::Ok(Answer::Value { seen: lie, read_ts });
            return true;
        }
        false
    }

    /// Whether something undecided could have deleted the version of a key at a timestamp.
    fn may_be_deleted(&self, key: &Bytes, at: u64) -> bool {
        self.operations.iter().any(|operation| {
            let is_unknown = operation.outcome == Outcome::Unknown;
            if let Call::DeletePrefix { prefix } = &operation.call {
                return key.starts_with(prefix) && (is_unknown || operation.commit_ts().is_some_and(|own| own > at));
            }
            is_unknown && written(&operation.call).contains(&(key.clone(), None))
        })
    }

    /// The version before the one that was seen, which was acknowledged.
    fn before(&self, key: &Bytes, _at: u64, seen: Option<&Seen>) -> Option<Option<Seen>> {
        let commit_ts = seen?.commit_ts?;
        let all = self.acknowledged();
        let chain = all.get(key)?;
        chain.get(&commit_ts)?;
        let (at, before) = chain.range(..commit_ts).next_back()?;
        if before.value.is_none() && self.may_be_deleted(key, commit_ts) {
            return None;
        }
        Some(before.value.clone().map(|value| Seen { value, commit_ts: Some(*at) }))
    }

    /// The value before a deletion that was acknowledged.
    fn deleted(&self, key: &Bytes, at: u64, seen: Option<&Seen>) -> Option<Option<Seen>> {
        let all = self.acknowledged();
        let mut below = all.get(key)?.range(..=at).rev();
        let (_, deletion) = below.next()?;
        let (at, before) = below.find(|(_, version)| version.value.is_some())?;
        let is_gone = seen.is_none() && deletion.value.is_none();
        let value = before.value.clone().filter(|_| is_gone)?;
        Some(Some(Seen { value, commit_ts: Some(*at) }))
    }

    fn place_of(&self, row: &Row) -> Option<Acknowledged> {
        self.acknowledged().get(&row.key)?.get(&row.commit_ts?).cloned()
    }

    /// Whether nothing undecided can have deleted the row.
    fn is_firm(&self, row: &Row) -> bool {
        row.commit_ts.is_some_and(|at| !self.may_be_deleted(&row.key, at))
    }

    fn lose_write(&mut self) -> bool {
        let rows = &self.closing.rows;
        let known = (0..rows.len()).filter(|place| self.place_of(&rows[*place]).is_some());
        let known = known.filter(|place| self.is_firm(&rows[*place])).collect();
        let Some(place) = self.any(known) else { return false };
        self.forget_row(place);
        true
    }

    /// The row is as it was before its last write.
    fn forget_row(&mut self, place: usize) {
        let row = &self.closing.rows[place];
        let seen = Seen { value: row.value.clone(), commit_ts: row.commit_ts };
        match self.before(&row.key, self.closing.at, Some(&seen)).flatten() {
            Some(Seen { value, commit_ts }) => {
                let row = &mut self.closing.rows[place];
                (row.value, row.commit_ts) = (value, commit_ts);
            }
            None => drop(self.closing.rows.remove(place)),
        }
    }

    fn resurrect_in_the_end(&mut self) -> bool {
        let is_there = |key: &Bytes| self.closing.rows.iter().any(|row| row.key == *key);
        let gone = self.acknowledged().into_keys().filter(|key| !is_there(key));
        let found = gone.filter_map(|key| self.deleted(&key, self.closing.at, None).flatten().map(|seen| (key, seen)));
        let found = found.collect();
        let Some((key, seen)) = self.any(found) else { return false };
        self.closing.rows.push(Row { key, value: seen.value, commit_ts: seen.commit_ts });
        self.closing.rows.sort_by(|one, other| one.key.cmp(&other.key));
        true
    }

    fn halve_transaction(&mut self) -> bool {
        let rows = &self.closing.rows;
        let of_transaction: Vec<(usize, usize)> = (0..rows.len())
            .filter_map(|place| self.place_of(&rows[place]).map(|version| (place, version.place)))
            .filter(|(_, by)| matches!(self.operations[*by].call, Call::Transaction { .. }))
            .collect();
        let is_pair = |(place, by): &&(usize, usize)| {
            of_transaction.iter().any(|(other, by_other)| other != place && by_other == by)
        };
        let halves = of_transaction.iter().filter(is_pair).map(|(place, _)| *place);
        let halves = halves.filter(|place| self.is_firm(&rows[*place])).collect();
        let Some(place) = self.any(halves) else { return false };
        self.forget_row(place);
        true
    }

    fn see_the_future(&mut self) -> bool {
        let all = self.acknowledged();
        for place in self.places() {
            let Operation { call: Call::Get { key, .. }, outcome, returned_at, .. } = &self.operations[place] else {
                continue;
            };
            let Outcome::Ok(Answer::Value { read_ts: Some(read_at), .. }) = outcome else { continue };
            let is_later = |version: &Acknowledged| Some(self.operations[version.place].called_at) > *returned_at;
            let later = all.get(key).into_iter().flat_map(|chain| chain.range(read_at + 1..));
            let mut later = later.filter(|(_, version)| is_later(version));
            let Some((at, value)) = later.find_map(|(at, version)| Some((*at, version.value.clone()?))) else {
                continue;
            };
            let (seen, read_ts) = (Some(Seen { value, commit_ts: Some(at) }), Some(*read_at));
            self.operations[place].outcome = Outcome::Ok(Answer::Value { seen, read_ts });
            return true;
        }
        false
    }

    fn swap_values(&mut self) -> bool {
        let rows = &mut self.closing.rows;
        let Some([one, other, ..]) = rows.get_mut(..2) else { return false };
        std::mem::swap(&mut one.value, &mut other.value);
        true
    }

    fn write_under_read(&mut self) -> bool {
        for (key, chain) in self.acknowledged() {
            for (commit_ts, version) in chain {
                let write = &self.operations[version.place];
                let is_put = matches!(write.call, Call::Put { commit_ts: None, .. });
                let called_at = write.called_at;
                let under = self.operations.iter().find_map(|operation| {
                    let Call::Get { key: read, .. } = &operation.call else { return None };
                    let Outcome::Ok(Answer::Value { seen, read_ts: Some(at) }) = &operation.outcome else {
                        return None;
                    };
                    let seen_at = seen.as_ref().and_then(|seen| seen.commit_ts).unwrap_or(0);
                    let is_firm = seen.is_some() || !self.may_be_deleted(&key, 0);
                    let is_under = *read == key && *at > seen_at && *at < commit_ts && is_firm;
                    (is_under && operation.returned_at < Some(called_at)).then_some(*at)
                });
                if let Some(at) = under.filter(|_| is_put) {
                    self.restamp(version.place, &key, commit_ts, at);
                    return true;
                }
            }
        }
        false
    }

    /// A write has another timestamp, and everybody says so.
    fn restamp(&mut self, place: usize, key: &Bytes, from: u64, to: u64) {
        self.operations[place].outcome = Outcome::Ok(Answer::Written { commit_ts: Some(to) });
        let restamp = |seen: &mut Option<u64>| {
            if *seen == Some(from) {
                *seen = Some(to);
            }
        };
        for operation in &mut self.operations {
            let is_get = matches!(&operation.call, Call::Get { key: read, .. } if read == key);
            if let Outcome::Ok(Answer::Value { seen: Some(seen), .. }) = &mut operation.outcome {
                if is_get {
                    restamp(&mut seen.commit_ts);
                }
            } else if let Outcome::Ok(Answer::Rows { rows, .. }) = &mut operation.outcome {
                rows.iter_mut().filter(|row| row.key == *key).for_each(|row| restamp(&mut row.commit_ts));
            }
        }
        self.closing.rows.iter_mut().filter(|row| row.key == *key).for_each(|row| restamp(&mut row.commit_ts));
    }

    fn repeat_timestamp(&mut self) -> bool {
        let all = self.acknowledged();
        let is_put =
            |version: &Acknowledged| matches!(self.operations[version.place].call, Call::Put { commit_ts: None, .. });
        let pairs = all.values().filter_map(|chain| {
            let mut puts = chain.iter().filter(|(_, version)| is_put(version));
            let (at, _) = puts.next()?;
            puts.next().map(|(_, version)| (version.place, *at))
        });
        let pairs = pairs.collect();
        let Some((place, at)) = self.any(pairs) else { return false };
        self.operations[place].outcome = Outcome::Ok(Answer::Written { commit_ts: Some(at) });
        true
    }

    fn drop_row(&mut self) -> bool {
        let all = self.acknowledged();
        for place in self.places() {
            let Outcome::Ok(Answer::Rows { rows, .. }) = &self.operations[place].outcome else { continue };
            let is_known = |row: &Row| {
                row.commit_ts.is_some_and(|at| all.get(&row.key).is_some_and(|chain| chain.contains_key(&at)))
            };
            // The last may be where a full page ends; without it the page ends earlier.
            let inner = 0..rows.len().saturating_sub(1);
            let missing = inner.into_iter().find(|index| is_known(&rows[*index]) && self.is_firm(&rows[*index]));
            if let (Some(index), Outcome::Ok(Answer::Rows { rows, .. })) =
                (missing, &mut self.operations[place].outcome)
            {
                rows.remove(index);
                return true;
            }
        }
        false
    }

    fn lose_update(&mut self) -> bool {
        let all = self.acknowledged();
        for place in self.places() {
            let operation = &self.operations[place];
            let Call::Transaction { start_ts, writes, .. } = &operation.call else { continue };
            let Outcome::Ok(Answer::Written { commit_ts: Some(at) }) = &operation.outcome else { continue };
            let is_plain = |version: &Acknowledged| self.operations[version.place].call.insists_on().is_none();
            let before = writes.iter().filter_map(|write| all.get(&write.key)?.range(..*at).next_back());
            let before = before.filter(|(at, version)| **at <= *start_ts && **at > 0 && is_plain(version));
            let Some(earlier) = before.map(|(at, _)| at - 1).min() else { continue };
            if let Call::Transaction { start_ts, reads, .. } = &mut self.operations[place].call {
                *start_ts = earlier;
                reads.clear();
            }
            return true;
        }
        false
    }

    fn read_stale_in_transaction(&mut self) -> bool {
        for place in self.places() {
            let Call::Transaction { start_ts, reads, .. } = &self.operations[place].call else { continue };
            let stale = (0..reads.len()).find_map(|index| {
                let before = self.before(&reads[index].key, *start_ts, reads[index].seen.as_ref())?;
                before.map(|before| (index, before))
            });
            let Some((index, before)) = stale else { continue };
            if let Call::Transaction { reads, .. } = &mut self.operations[place].call {
                reads[index].seen = Some(before);
            }
            return true;
        }
        false
    }

    fn tell_older_newest(&mut self) -> bool {
        let all = self.acknowledged();
        for place in self.places() {
            let operation = &self.operations[place];
            let (Call::Latest { key }, Outcome::Ok(Answer::Newest(Some(newest)))) =
                (&operation.call, &operation.outcome)
            else {
                continue;
            };
            let Some(chain) = all.get(key) else { continue };
            let Some(version) = chain.get(newest) else { continue };
            let (write, before) = (&self.operations[version.place], chain.range(..newest).next_back());
            let is_over = write.returned_at.is_some_and(|at| at < operation.called_at);
            let is_plain = matches!(write.call, Call::Put { commit_ts: None, .. });
            let Some((before, _)) = before.filter(|_| is_over && is_plain) else { continue };
            self.operations[place].outcome = Outcome::Ok(Answer::Newest(Some(*before)));
            return true;
        }
        false
    }

    fn see_overwritten(&mut self) -> bool {
        let wrote = |value: &Bytes| {
            self.operations.iter().find(|operation| {
                let is_put = matches!(&operation.call, Call::Put { value: own, commit_ts: None, .. } if own == value);
                is_put && operation.outcome != Outcome::Unknown
            })
        };
        let lie = self.operations.iter().enumerate().find_map(|(place, read)| {
            let Call::Get { key, read_ts: None } = &read.call else { return None };
            let Outcome::Ok(Answer::Value { seen: Some(seen), .. }) = &read.outcome else { return None };
            let write = wrote(&seen.value).filter(|write| write.returned_at < Some(read.called_at))?;
            let before = self.operations.iter().find_map(|before| {
                let Call::Put { key: own, value, commit_ts: None } = &before.call else { return None };
                let is_over = before.returned_at < Some(write.called_at) && matches!(before.outcome, Outcome::Ok(_));
                (own == key && is_over).then(|| value.clone())
            })?;
            Some((place, before))
        });
        let Some((place, value)) = lie else { return false };
        let seen = Some(Seen { value, commit_ts: None });
        self.operations[place].outcome = Outcome::Ok(Answer::Value { seen, read_ts: None });
        true
    }
}

/// What an operation makes of single keys.
fn written(call: &Call) -> Vec<(Bytes, Option<Bytes>)> {
    match call {
        Call::Put { key, value, .. } => vec![(key.clone(), Some(value.clone()))],
        Call::Delete { key, .. } => vec![(key.clone(), None)],
        Call::Transaction { writes, .. } => {
            writes.iter().map(|write| (write.key.clone(), write.value.clone())).collect()
        }
        Call::DeletePrefix { .. } | Call::Get { .. } | Call::Scan { .. } | Call::Latest { .. } => Vec::new(),
    }
}
