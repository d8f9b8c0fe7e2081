//! Prefix deletes: range writes that leave tombstones (§11, K5).

#[allow(dead_code, reason = "each test file uses a part of it")]
mod harness;

use harness::{Cluster, SOURCE, TARGET, moving, range, seen, ts, txn};
use splitjob_core::coordinator::route_prefix;
use splitjob_core::group::{JobGuards, Outcome, Rejection};
use splitjob_core::job::{PhaseName, Step};
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::store::Keyspace;

const NONE_DELETED: Result<Outcome, Rejection> = Ok(Outcome::PrefixDeleted { rows: 0 });

fn deleted(rows: u64) -> Result<Outcome, Rejection> {
    Ok(Outcome::PrefixDeleted { rows })
}

#[test]
fn what_lies_under_the_prefix_is_gone_and_what_lay_there_before_is_still_read() {
    let mut cluster = Cluster::new();
    for (key, commit_ts) in [("ma", 2), ("mb", 3), ("n", 4)] {
        cluster.write(key, commit_ts).expect("the key is free");
    }
    assert_eq!(cluster.delete_prefix(SOURCE, "m", &KeyRange::all(), 9), deleted(2));
    assert_eq!(seen(cluster.scan(SOURCE, &moving(), 9)), [4]);
    assert_eq!(seen(cluster.scan(SOURCE, &moving(), 8)), [2, 3, 4]);
}

#[test]
fn a_prefix_delete_asked_for_again_deletes_nothing_more() {
    let mut cluster = Cluster::new();
    cluster.write("ma", 2).expect("the key is free");
    assert_eq!(cluster.delete_prefix(SOURCE, "m", &KeyRange::all(), 9), deleted(1));
    let before = cluster.clone();
    assert_eq!(cluster.delete_prefix(SOURCE, "m", &KeyRange::all(), 9), NONE_DELETED);
    assert_eq!(cluster, before);
}

#[test]
fn a_delete_hides_what_was_visible_at_its_timestamp_and_nothing_newer() {
    let mut cluster = Cluster::new();
    for commit_ts in [2, 12] {
        cluster.write("m", commit_ts).expect("the key is free");
    }
    assert_eq!(cluster.delete_prefix(SOURCE, "m", &moving(), 9), deleted(1));
    assert_eq!(seen(cluster.read(SOURCE, "m", 11)), []);
    assert_eq!(seen(cluster.read(SOURCE, "m", 12)), [12]);
}

#[test]
fn a_prefix_that_reaches_internal_rows_deletes_those_that_route_into_its_part() {
    let mut cluster = Cluster::new();
    for key in ["!redis|str|a", "!redis|str|p"] {
        cluster.write(key, 2).expect("the key is free");
    }
    assert_eq!(cluster.delete_prefix(SOURCE, "!redis|", &moving(), 9), deleted(1));
    assert_eq!(seen(cluster.read(SOURCE, "!redis|str|a", 10)), [2]);
    assert_eq!(seen(cluster.read(SOURCE, "!redis|str|p", 10)), []);
}

#[test]
fn the_records_of_transactions_outlive_a_delete_of_everything() {
    let mut cluster = Cluster::new();
    let one = txn("m", 1);
    cluster.one_phase(SOURCE, &one, 5, &["m"]).expect("the key is free");
    assert_eq!(cluster.delete_prefix(SOURCE, "", &KeyRange::all(), 9), deleted(1), "the user's row alone");
    assert_eq!(cluster.commit(SOURCE, &one, 5, &["m"]), Ok(Outcome::Committed { commit_ts: ts(5) }));
}

#[test]
fn a_prefix_inside_a_protected_namespace_is_refused() {
    let mut cluster = Cluster::new();
    for prefix in ["!dist|", "!txn|cmt|", "!txn|lock|a", "!migfence|x"] {
        let refused = Err(Rejection::ControlNamespace { key: RawKey::from(prefix) });
        assert_eq!(cluster.delete_prefix(SOURCE, prefix, &KeyRange::all(), 9), refused);
    }
}

#[test]
fn a_part_that_the_prefix_can_not_reach_is_no_reason_to_refuse() {
    let mut cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    assert_eq!(cluster.delete_prefix(SOURCE, "a", &moving(), 40), NONE_DELETED);
    assert_eq!(cluster.delete_prefix(SOURCE, "a", &range("", "m"), 40), deleted(1));
}

#[test]
fn an_interval_that_is_partly_fenced_is_refused_though_no_row_lies_in_that_part() {
    let mut cluster = Cluster::with_job_in(PhaseName::DeltaCopy);
    let before = cluster.clone();
    assert_eq!(cluster.delete_prefix(SOURCE, "", &range("a", "mm"), 40), Err(Rejection::RouteWriteFenced));
    assert_eq!(cluster, before, "refused as a whole");
    let routed = route_prefix(cluster.catalog.routes(), &RawKey::from(""));
    assert_eq!(routed, Err(Rejection::RouteWriteFenced), "the coordinator refuses before any part has an effect");
}

#[test]
fn a_part_that_is_not_wholly_the_groups_is_refused() {
    let mut cluster = Cluster::with_job_in(PhaseName::Done);
    let refused = cluster.delete_prefix(SOURCE, "", &range("a", "n"), 40);
    assert!(matches!(refused, Err(Rejection::RouteMoved { to: TARGET, .. })), "{refused:?}");
    let refused = cluster.delete_prefix(TARGET, "", &range("a", "n"), 40);
    assert_eq!(refused, Err(Rejection::OwnershipUnknown));
}

#[test]
fn the_coordinator_sends_each_owner_its_part() {
    let cluster = Cluster::with_job_in(PhaseName::Done);
    let parts = route_prefix(cluster.catalog.routes(), &RawKey::from("")).expect("nothing is fenced");
    let parts: Vec<_> = parts.into_iter().map(|part| (part.group, part.footprint)).collect();
    assert_eq!(parts, [(SOURCE, range("", "m")), (TARGET, moving())]);
}

#[test]
fn a_delete_below_the_snapshot_is_tracked_and_carried() {
    let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
    cluster.run_before(|step| matches!(step, Step::Copy(_)));
    assert_eq!(cluster.delete_prefix(SOURCE, "n", &moving(), 4), deleted(1));
    let guards = cluster.group(SOURCE).jobs().values().next().and_then(JobGuards::source).cloned();
    assert_eq!(guards.and_then(|guards| guards.tracker).and_then(|tracker| tracker.least), Some(ts(4)));
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.read(TARGET, "n", 50)), []);
    assert_eq!(seen(cluster.read(TARGET, "m", 50)), [5]);
}

#[test]
fn a_delete_on_the_target_hides_rows_that_are_still_staged() {
    let mut cluster = Cluster::with_job_in(PhaseName::Cleanup);
    cluster.adopt(TARGET);
    assert_eq!(cluster.delete_prefix(TARGET, "m", &moving(), 110), deleted(1));
    assert_eq!(cluster.stored(TARGET, Keyspace::Live), [(RawKey::from("m"), 110)]);
    cluster.run_to(PhaseName::Done);
    assert_eq!(seen(cluster.read(TARGET, "m", 120)), [], "promotion brings nothing back");
}

#[test]
fn a_delete_obeys_the_floors_of_a_write() {
    let mut cluster = Cluster::new();
    cluster.read(SOURCE, "n", 40).expect("the group serves the range");
    let refused = cluster.delete_prefix(SOURCE, "m", &moving(), 40);
    assert_eq!(refused, Err(Rejection::TimestampTooLow { floor: ts(40) }));
}
