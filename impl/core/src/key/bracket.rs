//! Raw keys by what may be done with them: export brackets, and the namespaces nobody may touch (K3–K5).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::family::Handling;
use super::{KeyFamily, RawInterval, RawKey, RoutingKey};
use crate::range::KeyRange;

/// The durable name of a bracket within a job: never zero, unique in the job, the same in every plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BracketId(pub u64);

/// An interval of raw keys, minus the intervals of other families inside it (K3).
///
/// It holds every row of its family that can route into the planned range, and others: whoever works through a bracket
/// asks `route_key` for each row (K2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// Its name: the number of its family.
    pub id: BracketId,
    /// The family of all its rows.
    pub family: KeyFamily,
    /// The least raw key of the interval.
    pub start: RawKey,
    /// The least raw key above the interval, or `None` for +∞.
    pub end: Option<RawKey>,
    /// Where a scan jumps: disjoint, ascending, meeting the interval.
    pub skips: Vec<RawInterval>,
}

impl Bracket {
    /// Whether a row stored under `key` is in the bracket.
    #[must_use]
    pub fn contains(&self, key: &RawKey) -> bool {
        let within = self.start <= *key && self.end.as_ref().is_none_or(|end| key < end);
        within && !self.skips.iter().any(|skip| skip.contains(key))
    }
}

/// The brackets that hold between them every row to be moved with `range` (K3).
///
/// One for plain user rows, then one per moved internal family, by id. They are disjoint: a row that routes into `range`
/// is in exactly one, a lock or an intent in none.
#[must_use]
pub fn export_plan(range: &KeyRange) -> Vec<Bracket> {
    KeyFamily::ALL
        .iter()
        .copied()
        .filter(|family| family.handling() == Handling::Moved)
        .map(|family| bracket(family, range))
        .collect()
}

/// The names of the brackets of every plan, by id.
pub fn bracket_ids() -> impl Iterator<Item = BracketId> {
    let moved = KeyFamily::ALL.iter().filter(|family| family.handling() == Handling::Moved);
    moved.map(|family| BracketId(u64::from(family.number())))
}

/// The control namespace that `range` intersects, if any: such a range can't be moved (K4).
#[must_use]
pub fn reserved_namespace_conflict(range: &KeyRange) -> Option<KeyFamily> {
    control_namespaces().find(|namespace| range.intersects(&routes_of(*namespace)))
}

/// The namespace that a user's point write to `key`, or a prefix delete of `key`, must not lie in: control rows, and the
/// rows of transactions, which are written by transactions alone (K5).
///
/// A prefix that merely spans one isn't meant here, see [`clip_prefix_delete`].
#[must_use]
pub fn protected_namespace(key: &RawKey) -> Option<KeyFamily> {
    protected_namespaces().find(|namespace| key.as_bytes().starts_with(namespace.prefix()))
}

/// The control namespace that `key` lies in, if any (K4, K5).
#[must_use]
pub fn targets_control_namespace(key: &RawKey) -> Option<KeyFamily> {
    control_namespaces().find(|namespace| key.as_bytes().starts_with(namespace.prefix()))
}

/// The raw intervals, disjoint and ascending, that a delete of everything under `prefix` may touch: all but control
/// rows and the rows of transactions (K5).
///
/// None if and only if the prefix itself lies in a protected namespace, which the caller must refuse and not ignore.
#[must_use]
pub fn clip_prefix_delete(prefix: &RawKey) -> Vec<RawInterval> {
    clip(prefix, protected_namespaces())
}

/// As [`clip_prefix_delete`], as it was published: the rows of transactions are not spared.
///
/// For [`crate::gate::Gate::PrefixSparesTransactions`] alone.
pub(crate) fn clip_control_rows(prefix: &RawKey) -> Vec<RawInterval> {
    clip(prefix, control_namespaces())
}

fn clip(prefix: &RawKey, protected: impl Iterator<Item = KeyFamily>) -> Vec<RawInterval> {
    let protected: Vec<KeyFamily> = protected.collect();
    if protected.iter().any(|namespace| prefix.as_bytes().starts_with(namespace.prefix())) {
        return Vec::new();
    }
    let whole = RawInterval::of_prefix(prefix.as_bytes());
    let mut clipped = Vec::new();
    let mut start = whole.start;
    let inside = protected.into_iter().filter(|namespace| namespace.prefix().starts_with(prefix.as_bytes()));
    for namespace in intervals(inside) {
        if start < namespace.start {
            clipped.push(RawInterval { start, end: Some(namespace.start) });
        }
        start = namespace.end.expect("a protected prefix is printable, so something sorts above it");
    }
    clipped.push(RawInterval { start, end: whole.end });
    clipped
}

/// The routing keys that rows under the raw prefix can have (K2).
///
/// A prefix of plain keys routes as it is written; one that can reach internal rows can reach every routing key.
#[must_use]
pub fn prefix_footprint(prefix: &RawKey) -> KeyRange {
    let prefix = prefix.as_bytes();
    let is_met = |family: &KeyFamily| {
        *family != KeyFamily::User && (family.prefix().starts_with(prefix) || prefix.starts_with(family.prefix()))
    };
    if KeyFamily::ALL.iter().any(is_met) {
        return KeyRange::all();
    }
    let interval = RawInterval::of_prefix(prefix);
    let end = interval.end.map(|end| RoutingKey::from(end.into_bytes()));
    KeyRange::new(RoutingKey::from(prefix), end).expect("what begins with a prefix sorts below the end of the prefix")
}

fn bracket(family: KeyFamily, range: &KeyRange) -> Bracket {
    let interval = if family == KeyFamily::User {
        // Plain rows route as themselves, so that the range bounds their raw keys too.
        RawInterval { start: range.start().as_bytes().into(), end: range.end().map(|end| end.as_bytes().into()) }
    } else {
        RawInterval::of_prefix(family.prefix())
    };
    let skips = nested(family).iter().filter(|skip| interval.meets(skip)).cloned().collect();
    Bracket { id: BracketId(u64::from(family.number())), family, start: interval.start, end: interval.end, skips }
}

/// What a family's bracket skips wherever it lies: the intervals of the families within its own.
///
/// The table of families is constant, and every step of a copy asks for a plan.
fn nested(family: KeyFamily) -> &'static Vec<RawInterval> {
    static NESTED: LazyLock<BTreeMap<KeyFamily, Vec<RawInterval>>> = LazyLock::new(|| {
        let nested = |family: KeyFamily| {
            let is_within = |other: &KeyFamily| *other != family && other.prefix().starts_with(family.prefix());
            intervals(KeyFamily::ALL.iter().copied().filter(is_within))
        };
        KeyFamily::ALL.iter().map(|family| (*family, nested(*family))).collect()
    });
    &NESTED[&family]
}

/// The intervals of some families, ascending; those inside another one are left out.
fn intervals(families: impl Iterator<Item = KeyFamily>) -> Vec<RawInterval> {
    let mut prefixes: Vec<&[u8]> = families.map(KeyFamily::prefix).collect();
    prefixes.sort_unstable();
    // A prefix sorts right before what it covers.
    prefixes.dedup_by(|later, earlier| later.starts_with(earlier));
    prefixes.into_iter().map(RawInterval::of_prefix).collect()
}

fn protected_namespaces() -> impl Iterator<Item = KeyFamily> {
    let is_protected = |family: &KeyFamily| family.handling() == Handling::Control || family.is_of_transactions();
    KeyFamily::ALL.iter().copied().filter(is_protected)
}

fn control_namespaces() -> impl Iterator<Item = KeyFamily> {
    KeyFamily::ALL.iter().copied().filter(|family| family.handling() == Handling::Control)
}

/// The routing keys of a control namespace, whose rows route as themselves.
fn routes_of(namespace: KeyFamily) -> KeyRange {
    let interval = RawInterval::of_prefix(namespace.prefix());
    let end = interval.end.map(|end| RoutingKey(end.into_bytes()));
    KeyRange::new(RoutingKey(interval.start.into_bytes()), end).expect("a prefix sorts below its own end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> KeyRange {
        KeyRange::new(start.into(), Some(end.into())).expect("the test's bounds are in order")
    }

    #[test]
    fn a_plan_has_the_user_bracket_and_one_for_each_moved_family() {
        let plan = export_plan(&range("m", ""));
        assert_eq!(plan[0].family, KeyFamily::User);
        assert_eq!((&plan[0].start, &plan[0].end), (&"m".into(), &None));
        assert!(plan[0].skips.is_empty(), "no internal family sorts above m");
        assert!(plan.is_sorted_by(|left, right| left.id < right.id));
        let moved = KeyFamily::ALL.iter().filter(|family| family.handling() == Handling::Moved).count();
        assert_eq!(plan.len(), moved);
    }

    #[test]
    fn the_user_bracket_skips_every_internal_prefix() {
        let plan = export_plan(&KeyRange::all());
        for family in KeyFamily::ALL.iter().filter(|family| **family != KeyFamily::User) {
            assert!(!plan[0].contains(&family.prefix().into()), "{family}");
        }
        assert!(plan[0].contains(&"!lst|zzz|a".into()) && plan[0].contains(&"".into()));
    }

    #[test]
    fn a_range_that_meets_a_control_namespace_conflicts() {
        assert_eq!(reserved_namespace_conflict(&KeyRange::all()), Some(KeyFamily::Catalog));
        assert_eq!(reserved_namespace_conflict(&range("!migfence|x", "!migfence|y")), Some(KeyFamily::MigrationFence));
        assert_eq!(reserved_namespace_conflict(&range("!di", "!dist|")), None);
        assert_eq!(reserved_namespace_conflict(&range("!dist}", "!mi")), None);
        assert_eq!(reserved_namespace_conflict(&range("a", "")), None);
    }

    #[test]
    fn a_write_into_a_control_namespace_is_told_and_a_key_that_only_resembles_one_is_not() {
        assert_eq!(targets_control_namespace(&"!dist|route|1".into()), Some(KeyFamily::Catalog));
        assert_eq!(targets_control_namespace(&"!migwrite|".into()), Some(KeyFamily::MigrationWrite));
        assert_eq!(targets_control_namespace(&"!dist".into()), None);
        assert_eq!(targets_control_namespace(&"!migration|".into()), None);
    }

    #[test]
    fn a_prefix_delete_leaves_the_control_rows_it_spans() {
        let bounds = |intervals: Vec<RawInterval>| -> Vec<(String, Option<String>)> {
            intervals.iter().map(|i| (i.start.to_string(), i.end.as_ref().map(ToString::to_string))).collect()
        };
        let owned = |start: &str, end: Option<&str>| (start.to_owned(), end.map(ToOwned::to_owned));
        assert_eq!(bounds(clip_prefix_delete(&"user".into())), [owned("user", Some("uses"))]);
        assert_eq!(
            bounds(clip_prefix_delete(&"!mig".into())),
            [
                owned("!mig", Some("!migfence|")),
                owned("!migfence}", Some("!migstage|")),
                owned("!migstage}", Some("!migwrite|")),
                owned("!migwrite}", Some("!mih")),
            ]
        );
        assert_eq!(bounds(clip_prefix_delete(&"!txn|".into()))[0], owned("!txn|", Some("!txn|cmt|")));
        assert_eq!(clip_prefix_delete(&"!txn|lock|a".into()), []);
        assert_eq!(bounds(clip_prefix_delete(&"".into())).last(), Some(&owned("!txn|rb}", None)));
        assert_eq!(clip_prefix_delete(&"!dist|job|".into()), []);
    }
}
