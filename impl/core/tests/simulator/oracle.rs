//! What the service as a whole has promised, told without groups and jobs: each key is one chain of versions.

use std::collections::BTreeMap;

/// A key of the simulation: where it is stored, and where it belongs, written down by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) raw: &'static str,
    pub(crate) routes_as: &'static str,
}

/// In the order of raw keys; all but the two plain ones below `m` move.
pub(crate) const KEYS: [Key; 5] = [
    Key { raw: "!redis|str|p", routes_as: "p" },
    Key { raw: "a", routes_as: "a" },
    Key { raw: "b", routes_as: "b" },
    Key { raw: "m", routes_as: "m" },
    Key { raw: "n", routes_as: "n" },
];

/// Every version that was acknowledged or decided; a deletion has no value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    versions: BTreeMap<(&'static str, u64), Option<String>>,
}

/// What a read shows: raw key, commit timestamp, value.
pub(crate) type Shown = Vec<(String, u64, String)>;

impl Oracle {
    pub(crate) fn decide(&mut self, key: Key, commit_ts: u64, value: Option<String>) {
        let before = self.versions.get(&(key.raw, commit_ts));
        assert!(before.is_none_or(|before| *before == value), "{key:?} has two versions at {commit_ts}");
        self.versions.insert((key.raw, commit_ts), value);
    }

    pub(crate) fn visible(&self, key: Key, read_ts: u64) -> Option<(u64, &String)> {
        let newest = self.versions.range((key.raw, 0)..=(key.raw, read_ts)).next_back();
        newest.and_then(|((_, commit_ts), value)| Some((*commit_ts, value.as_ref()?)))
    }

    pub(crate) fn shown(&self, keys: &[Key], read_ts: u64) -> Shown {
        let one = |key: &Key| {
            let (commit_ts, value) = self.visible(*key, read_ts)?;
            Some((key.raw.to_owned(), commit_ts, value.clone()))
        };
        keys.iter().filter_map(one).collect()
    }
}
