//! Bounds of the scenarios with more than one move, with voters that come and go, and with values that expire.

use crate::world::{
    Bounds, Collection, DataGroup, Key, Move, Start, put, put_until, reads, scans, ts, writes, writes_at_clock,
    writes_until,
};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_core::store::Direction;

/// Two keys, the second of which moves twice.
fn moved_twice(target: DataGroup) -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("p")],
        stored: vec![put("m", 1, "m1"), put("p", 2, "p2")],
        moves: vec![Move::of("k", DataGroup::TWO), Move::of("n", target)],
        coordinators: 2,
        writes: vec![writes("p", 4, "p4")],
        reads: vec![reads("p", 3)],
        ..Bounds::calm()
    }
}

pub(super) fn there_and_back() -> Bounds {
    Bounds { holds: 1, writes_are_stamped: true, ..moved_twice(DataGroup::ONE) }
}

pub(super) fn moving_on() -> Bounds {
    Bounds {
        voters: vec![1, 1, 1],
        writes: vec![writes("p", 4, "p4"), writes("m", 5, "m5")],
        reads: vec![reads("p", 3), reads("p", 6), scans("m", Direction::Forward, 1, 3)],
        start: Start::TargetServes,
        ..moved_twice(DataGroup::THREE)
    }
}

pub(super) fn two_jobs() -> Bounds {
    Bounds { start: Start::At(PhaseName::Cutover), ..two_jobs_wide() }
}

pub(super) fn two_jobs_wide() -> Bounds {
    Bounds {
        keys: vec![Key::plain("f"), Key::plain("p")],
        stored: vec![put("f", 1, "f1"), put("p", 2, "p2")],
        voters: vec![1, 1, 1],
        splits: vec![RoutingKey::from("k")],
        moves: vec![Move::of("n", DataGroup::TWO), Move::of("d", DataGroup::THREE)],
        live_jobs: 2,
        writes: vec![writes("f", 4, "f4")],
        reads: vec![reads("p", 5)],
        ..Bounds::calm()
    }
}

pub(super) fn membership() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("n", 1, "n1")],
        voters: vec![2, 1],
        additions: 1,
        removals: 1,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![scans("m", Direction::Forward, 1, 2)],
        ..Bounds::calm()
    }
}

pub(super) fn membership_drain() -> Bounds {
    Bounds { coordinators: 2, leader_changes: 1, start: Start::At(PhaseName::Cutover), ..membership() }
}

pub(super) fn crash_everywhere() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("n", 1, "n1")],
        voters: vec![2, 2],
        migrators: 2,
        leader_changes: 1,
        restarts: 1,
        answers_get_lost: true,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![scans("m", Direction::Forward, 1, 2)],
        ..Bounds::calm()
    }
}

pub(super) fn expiry_and_compaction() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put_until("m", 2, "m2", 4), put_until("n", 1, "n1", 6)],
        writes: vec![writes_until("m", 5, "m5", 8)],
        reads: vec![reads("m", 3), reads("m", 4), scans("m", Direction::Forward, 9, 9)],
        collections: vec![
            Collection { group: DataGroup::ONE, through: ts(2) },
            Collection { group: DataGroup::TWO, through: ts(6) },
        ],
        options: JobOptions { sweep_rows: 1, ..JobOptions::default() },
        start: Start::At(PhaseName::Backfill),
        ..Bounds::calm()
    }
}

pub(super) fn scan_across() -> Bounds {
    Bounds {
        keys: vec![Key::plain("a"), Key::plain("m"), Key::plain("n")],
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1"), put("n", 1, "n1")],
        coordinators: 2,
        writes: vec![writes("m", 4, "m4"), writes("a", 3, "a3")],
        reads: vec![scans("a", Direction::Forward, 1, 2), scans("a", Direction::Reverse, 9, 5)],
        options: JobOptions { sweep_rows: 1, ..JobOptions::default() },
        start: Start::At(PhaseName::Cutover),
        ..Bounds::calm()
    }
}

pub(super) fn torn_observation() -> Bounds {
    Bounds { migrators: 1, splits_elsewhere: 0, elsewhere: None, start: Start::Planned, ..torn_observation_wide() }
}

pub(super) fn torn_takeover() -> Bounds {
    Bounds { holds: 0, start: Start::At(PhaseName::Cutover), ..torn_observation_wide() }
}

pub(super) fn torn_observation_wide() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("n", 1, "n1")],
        voters: vec![2, 1],
        migrators: 2,
        holds: 1,
        looks: 1,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![scans("m", Direction::Forward, 1, 2)],
        splits_elsewhere: 1,
        elsewhere: Some(RoutingKey::from("c")),
        start: Start::At(PhaseName::Fence),
        ..Bounds::calm()
    }
}

pub(super) fn late_adoption() -> Bounds {
    Bounds {
        voters: vec![2, 1],
        groups_watch: true,
        groups_hear_late: true,
        abandons: 1,
        overdue: 1,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![reads("m", 2)],
        options: JobOptions { max_fence_attempts: 1, ..JobOptions::default() },
        start: Start::At(PhaseName::Fence),
        ..Bounds::calm()
    }
}

pub(super) fn foreign_rows() -> Bounds {
    Bounds {
        keys: vec![
            Key::plain("m"),
            Key::internal("!redis|str|a", "a"),
            Key::internal("!redis|str|b", "b"),
            Key::internal("!redis|str|n", "n"),
        ],
        stored: vec![
            put("m", 1, "m1"),
            put("!redis|str|a", 1, "a1"),
            put("!redis|str|b", 1, "b1"),
            put("!redis|str|n", 1, "n1"),
        ],
        writes: vec![writes("!redis|str|n", 3, "n3"), writes("!redis|str|a", 3, "a3")],
        reads: vec![reads("!redis|str|n", 2), reads("!redis|str|a", 4)],
        holds: 1,
        options: JobOptions { scan_rows: 1, ..JobOptions::default() },
        start: Start::At(PhaseName::Backfill),
        ..Bounds::calm()
    }
}

pub(super) fn issued_timestamps() -> Bounds {
    Bounds {
        start: Start::At(PhaseName::Cutover),
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        writes: vec![writes_at_clock("m", 2, "m2"), writes_at_clock("a", 2, "a2")],
        reads: vec![reads("m", 6), reads("a", 4)],
        ..Bounds::calm()
    }
}
