//! Bounds of the scenarios about transactions, prefix deletes, and what operators do.

use crate::world::{Bounds, ClientPrefixDelete, ClientTxn, Key, Start, put, reads, scans, ts, writes};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RawKey;
use splitjob_core::store::Direction;

pub(super) fn straddling() -> Bounds {
    Bounds {
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        txns: vec![ClientTxn::of(&["m", "a"], 2, 4)],
        txns_are_given_up: true,
        resolvers: true,
        txn_holds: 1,
        answers_get_lost: true,
        coordinators: 2,
        reads: vec![reads("a", 5), reads("m", 5)],
        latest: vec![RawKey::from("m")],
        ..Bounds::calm()
    }
}

pub(super) fn straddling_wide() -> Bounds {
    Bounds { txn_holds: 2, holds: 1, coordinators: 1, reads: vec![reads("a", 5)], latest: Vec::new(), ..straddling() }
}

pub(super) fn straddling_deep() -> Bounds {
    Bounds { coordinators: 2, ..straddling_wide() }
}

pub(super) fn straddling_back() -> Bounds {
    Bounds {
        keys: vec![Key::plain("a"), Key::internal("!redis|str|n", "n")],
        stored: vec![put("a", 1, "a1"), put("!redis|str|n", 1, "n1")],
        txns: vec![ClientTxn::of(&["a", "!redis|str|n"], 2, 4)],
        txns_are_given_up: true,
        resolvers: true,
        txn_holds: 2,
        answers_get_lost: true,
        reads: vec![reads("!redis|str|n", 5)],
        ..Bounds::calm()
    }
}

pub(super) fn low_transactions() -> Bounds {
    Bounds {
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        clocks: vec![ts(3), ts(6)],
        txns: vec![ClientTxn::of(&["a", "m"], 2, 4), ClientTxn { is_one_phase: true, ..ClientTxn::of(&["m"], 4, 5) }],
        resolvers: true,
        reads: vec![reads("m", 7)],
        ..Bounds::calm()
    }
}

pub(super) fn rivals() -> Bounds {
    Bounds {
        stored: vec![put("m", 3, "m3")],
        txns: vec![ClientTxn::of(&["m", "a"], 3, 5), ClientTxn::of(&["m"], 2, 6)],
        txns_are_given_up: true,
        resolvers: true,
        answers_get_lost: true,
        writes: vec![writes("m", 5, "other")],
        start: Start::At(PhaseName::Fence),
        ..Bounds::calm()
    }
}

pub(super) fn drain() -> Bounds {
    Bounds {
        stored: vec![put("m", 1, "m1")],
        stream: Some(RawKey::from("m")),
        start: Start::At(PhaseName::Backfill),
        ..Bounds::calm()
    }
}

pub(super) fn prefix_deletes() -> Bounds {
    let delete = |prefix: &str, at: u64| ClientPrefixDelete { prefix: RawKey::from(prefix), commit_ts: ts(at) };
    Bounds {
        keys: vec![Key::plain("a"), Key::plain("m"), Key::internal("!redis|str|p", "p")],
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1"), put("!redis|str|p", 1, "p1")],
        clocks: vec![ts(3), ts(6)],
        prefix_deletes: vec![delete("", 4)],
        writes: vec![writes("m", 5, "m5")],
        reads: vec![reads("m", 6), scans("a", Direction::Forward, 9, 4)],
        latest: vec![RawKey::from("m")],
        options: JobOptions { sweep_rows: 1, ..JobOptions::default() },
        ..Bounds::calm()
    }
}

pub(super) fn prefix_and_locks() -> Bounds {
    Bounds {
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        prefix_deletes: vec![ClientPrefixDelete { prefix: RawKey::from(""), commit_ts: ts(5) }],
        txns: vec![ClientTxn::of(&["m", "a"], 2, 4)],
        resolvers: true,
        answers_get_lost: true,
        reads: vec![scans("", Direction::Forward, 9, 6)],
        start: Start::At(PhaseName::Fence),
        ..Bounds::calm()
    }
}

pub(super) fn abandon_everywhere() -> Bounds {
    Bounds {
        voters: vec![2, 1],
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        abandons: 1,
        overdue: 1,
        holds: 1,
        groups_watch: true,
        writes: vec![writes("m", 3, "m3")],
        options: JobOptions { max_fence_attempts: 1, ..JobOptions::default() },
        ..Bounds::calm()
    }
}

pub(super) fn bounded_pause() -> Bounds {
    Bounds {
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        overdue: 2,
        retries: 1,
        holds: 1,
        clocks: vec![ts(4)],
        writes: vec![writes("m", 3, "m3")],
        reads: vec![reads("m", 5)],
        options: JobOptions { max_fence_attempts: 2, ..JobOptions::default() },
        ..Bounds::calm()
    }
}

pub(super) fn catch_up() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("n", 1, "n1")],
        clocks: vec![ts(3), ts(6)],
        writes: vec![writes("m", 4, "m4"), writes("n", 2, "n2"), writes("m", 5, "m5")],
        retries: 1,
        abandons: 1,
        options: JobOptions { delta_rows: 0, max_rounds: 2, ..JobOptions::default() },
        ..Bounds::calm()
    }
}

pub(super) fn mixed_versions() -> Bounds {
    Bounds {
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        voters: vec![2, 1],
        downgrades: 2,
        abandons: 1,
        overdue: 1,
        writes: vec![writes("m", 3, "m3")],
        options: JobOptions { max_fence_attempts: 1, ..JobOptions::default() },
        ..Bounds::calm()
    }
}

pub(super) fn far_future() -> Bounds {
    const YEARS_AHEAD: u64 = 1 << 60;
    Bounds {
        stored: vec![put("m", 1, "m1")],
        writes: vec![writes("m", 3, "m3"), writes("a", YEARS_AHEAD, "a")],
        reads: vec![reads("m", u64::MAX), reads("m", 4)],
        latest: vec![RawKey::from("m")],
        ..Bounds::calm()
    }
}
