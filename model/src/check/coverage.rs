//! Which kinds of steps a scenario's bounds let happen: what is allowed and never happens makes a scenario hollow.

use crate::world::{Bounds, KINDS, Look, Start};
use serde::Serialize;

/// How often a kind of step was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: &'static str,
    /// How many steps of it were generated.
    pub steps: u64,
    /// Whether the scenario's bounds let it happen, with every gate in place.
    pub is_expected: bool,
}

/// The counts by kind, against what the bounds let happen.
pub(super) fn of(bounds: &Bounds, steps: &[u64]) -> Vec<KindCount> {
    let counted = KINDS.iter().zip(steps).zip(expected(bounds));
    counted.map(|((kind, steps), is_expected)| KindCount { kind, steps: *steps, is_expected }).collect()
}

/// In the order of [`KINDS`].
fn expected(bounds: &Bounds) -> [bool; KINDS.len()] {
    let has_job = bounds.start != Start::Ended;
    let has_followers = bounds.additions > 0 || bounds.voters.iter().any(|voters| *voters > 1);
    let has_reads = !bounds.reads.is_empty();
    let splits = has_job && bounds.splits_elsewhere > 0;
    [
        has_job,
        bounds.pipelined_imports,
        bounds.holds + bounds.txn_holds > 0,
        has_followers,
        bounds.leader_changes > 0 && has_followers,
        bounds.restarts > 0,
        bounds.coordinators_watch && bounds.coordinators > 0,
        bounds.groups_watch,
        !bounds.writes.is_empty(),
        has_reads,
        has_reads,
        bounds.reads.iter().any(|read| has_pages(&read.look, bounds)),
        splits && bounds.elsewhere.is_some(),
        // The catalog refuses it while every gate stands (C4).
        false,
        !bounds.collections.is_empty(),
        bounds.moves.len() > 1,
        bounds.answers_get_lost && !bounds.writes.is_empty(),
        !bounds.txns.is_empty(),
        bounds.txns_are_given_up,
        bounds.resolvers,
        !bounds.prefix_deletes.is_empty(),
        !bounds.latest.is_empty(),
        bounds.abandons > 0,
        bounds.retries > 0,
        bounds.downgrades > 0,
        bounds.additions > 0,
        bounds.removals > 0,
        bounds.stream.is_some(),
        bounds.looks > 0,
        bounds.looks > 0,
        bounds.additions > 0 && bounds.removals > 0,
        bounds.groups_watch && bounds.groups_hear_late,
    ]
}

fn has_pages(look: &Look, bounds: &Bounds) -> bool {
    match look {
        Look::Point(_) => false,
        Look::Scan { interval, page, .. } => {
            bounds.keys.iter().filter(|key| interval.contains(&key.raw)).count() as u64 > *page
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::scans;
    use splitjob_core::store::Direction;

    #[test]
    fn the_order_of_expectations_is_the_order_of_kinds() {
        let bounds = Bounds { holds: 1, ..Bounds::calm() };
        let counts = of(&bounds, &[0; KINDS.len()]);
        let expected: Vec<&str> = counts.iter().filter(|count| count.is_expected).map(|count| count.kind).collect();
        assert_eq!(expected, ["migrate", "arrive", "watch"]);
    }

    #[test]
    fn a_scan_of_more_keys_than_a_page_has_further_pages() {
        let bounds = Bounds { reads: vec![scans("a", Direction::Forward, 1, 5)], ..Bounds::calm() };
        assert!(has_pages(&bounds.reads[0].look, &bounds), "two keys, one a page");
    }
}
