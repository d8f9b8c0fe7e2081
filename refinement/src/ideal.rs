//! The service as its users see it: each key one chain of versions.

use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A key, as bytes.
pub type Key = Vec<u8>;

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    /// This value, until it expires; 0 is never.
    Value(Vec<u8>, u64),
    /// Nothing: the key is deleted.
    Nothing,
}

/// An answered read: at this timestamp, of these keys in this order, as many as there are places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// The timestamp.
    pub at: u64,
    /// The keys that it looked at, in its order.
    pub keys: Vec<Key>,
    /// The most rows that it returns.
    pub places: usize,
    /// Each key returned, and the commit timestamp of what was seen.
    pub returned: Vec<(Key, u64)>,
}

/// The state of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ideal {
    /// The versions of each key, by commit timestamp.
    pub chains: BTreeMap<Key, BTreeMap<u64, Says>>,
    /// The reads that were answered.
    pub answers: BTreeSet<Answer>,
    /// Of each key: reads below it are answered no more; versions that only they could see may be gone.
    pub horizons: BTreeMap<Key, u64>,
}

/// A step of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Nothing that a user could tell.
    None,
    /// One version is added.
    Write,
    /// One read is answered.
    Read,
    /// Versions go that no read from the horizon on can see.
    Collect,
}

/// What the service never does.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Impossible {
    /// A version is gone or says something else.
    #[error("the version of {key:?} at {at} is lost")]
    Lost {
        /// Its key.
        key: Key,
        /// Its commit timestamp.
        at: u64,
    },
    /// A version appears below a timestamp at which the key was read.
    #[error("a version of {key:?} appears at {at}, below a read that was answered")]
    UnderRead {
        /// Its key.
        key: Key,
        /// Its commit timestamp.
        at: u64,
    },
    /// An answer isn't what the versions say.
    #[error("a read at {} returned {:?}, and {right:?} is right", answer.at, answer.returned)]
    WrongAnswer {
        /// The answer.
        answer: Answer,
        /// What it should have been.
        right: Vec<(Key, u64)>,
    },
    /// More than one thing happens at once, or something is taken back.
    #[error("more than one thing happens at once, or an answer is taken back")]
    NotAStep,
}

impl Ideal {
    /// What a read at a timestamp sees of a key.
    fn sees(&self, key: &Key, at: u64) -> Option<u64> {
        let (commit, says) = self.chains.get(key)?.range(..=at).next_back()?;
        match says {
            Says::Value(_, expires) if *expires == 0 || at < *expires => Some(*commit),
            Says::Value(..) | Says::Nothing => None,
        }
    }

    fn answer(&self, asked: &Answer) -> Vec<(Key, u64)> {
        let seen = asked.keys.iter().filter_map(|key| Some((key.clone(), self.sees(key, asked.at)?)));
        seen.take(asked.places).collect()
    }

    /// Which step leads from this state to that one.
    ///
    /// # Errors
    /// If none does.
    pub fn step_to(&self, next: &Ideal) -> Result<Step, Impossible> {
        let goes_back = self.horizons.iter().any(|(key, at)| next.horizons.get(key) < Some(at));
        if !self.answers.is_subset(&next.answers) || goes_back {
            return Err(Impossible::NotAStep);
        }
        let lost = self.missing_in(next);
        let new = next.missing_in(self);
        let answered: Vec<&Answer> = next.answers.difference(&self.answers).collect();
        match (lost.as_slice(), new.as_slice(), answered.as_slice()) {
            ([], [], []) => Ok(if next.horizons == self.horizons { Step::None } else { Step::Collect }),
            (lost, [], []) => self.collect(lost, &next.horizons),
            ([], [(_, at), ..], []) if new.iter().all(|(_, other)| other == at) => self.write(&new, *at),
            ([], [], [answer]) => self.read(answer),
            ([(key, at), ..], _, _) => Err(Impossible::Lost { key: key.clone(), at: *at }),
            _ => Err(Impossible::NotAStep),
        }
    }

    fn missing_in(&self, other: &Ideal) -> Vec<(Key, u64)> {
        let versions = self.chains.iter().flat_map(|(key, chain)| chain.iter().map(move |(at, says)| (key, at, says)));
        let is_missing = |(key, at, says): &(&Key, &u64, &Says)| {
            other.chains.get(*key).and_then(|chain| chain.get(at)) != Some(*says)
        };
        versions.filter(is_missing).map(|(key, at, _)| (key.clone(), *at)).collect()
    }

    fn collect(&self, lost: &[(Key, u64)], horizons: &BTreeMap<Key, u64>) -> Result<Step, Impossible> {
        let is_hidden = |(key, at): &&(Key, u64)| {
            let newer = self.chains.get(key).and_then(|chain| chain.keys().find(|newer| *newer > at));
            newer.is_some_and(|newer| horizons.get(key).is_some_and(|horizon| newer <= horizon))
        };
        match lost.iter().find(|version| !is_hidden(version)) {
            Some((key, at)) => Err(Impossible::Lost { key: key.clone(), at: *at }),
            None => Ok(Step::Collect),
        }
    }

    /// Versions of one or more keys appear at one timestamp.
    fn write(&self, new: &[(Key, u64)], at: u64) -> Result<Step, Impossible> {
        let binds = |key: &Key, answer: &Answer| {
            let last = if answer.returned.len() == answer.places { answer.returned.last() } else { None };
            let reach = last.and_then(|(last, _)| answer.keys.iter().position(|key| key == last));
            let looked_at = &answer.keys[..reach.map_or(answer.keys.len(), |reach| reach + 1)];
            at <= answer.at && looked_at.contains(key)
        };
        match new.iter().find(|(key, _)| self.answers.iter().any(|answer| binds(key, answer))) {
            Some((key, _)) => Err(Impossible::UnderRead { key: key.clone(), at }),
            None => Ok(Step::Write),
        }
    }

    fn read(&self, answer: &Answer) -> Result<Step, Impossible> {
        let right = self.answer(answer);
        if right == answer.returned {
            Ok(Step::Read)
        } else {
            Err(Impossible::WrongAnswer { answer: answer.clone(), right })
        }
    }
}
