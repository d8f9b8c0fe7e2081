//! Reads and writes, through the client and in the raw.

use crate::harness::{Alone, get, mutation, put, rows, scan, values, written};
use splitjob_core::group::Mutation;
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::Content;
use splitjob_node::api::{ClientRequest, ClientResponse};
use splitjob_wire::proto;
use splitjob_wire::proto::raw_kv_client::RawKvClient;

#[tokio::test(flavor = "multi_thread")]
async fn a_value_comes_back_as_it_was_written() {
    let alone = Alone::start().await;
    let commit_ts = written(alone.client.ask(put("k", "v")).await);
    let answer = rows(alone.client.ask(get("k")).await);
    assert_eq!((answer.rows[0].commit_ts, &answer.rows[0].value[..]), (commit_ts, &b"v"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_at_a_timestamp_sees_what_stood_there() {
    let alone = Alone::start().await;
    let first = written(alone.client.ask(put("k", "1")).await);
    written(alone.client.ask(put("k", "2")).await);
    let at = ClientRequest::Get { key: "k".into(), read_ts: Some(first), routed_by: None };
    assert_eq!(values(alone.client.ask(at).await), [b"1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_has_no_value_and_a_newest_timestamp() {
    let alone = Alone::start().await;
    written(alone.client.ask(put("k", "v")).await);
    let delete = Mutation { key: "k".into(), content: Content::Tombstone };
    let deleted_at = written(alone.client.ask(ClientRequest::Write { mutation: delete, commit_ts: None }).await);
    assert!(values(alone.client.ask(get("k")).await).is_empty());
    let newest = alone.client.ask(ClientRequest::Latest { key: "k".into(), routed_by: None }).await;
    assert_eq!(newest, Ok(ClientResponse::Newest(Some(deleted_at))));
    let never = alone.client.ask(ClientRequest::Latest { key: "other".into(), routed_by: None }).await;
    assert_eq!(never, Ok(ClientResponse::Newest(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_has_expired_is_gone() {
    let alone = Alone::start().await;
    let long_ago = Timestamp::from_parts(PhysicalMs::new(1_000).expect("it is a millisecond"), 0);
    let content = Content::Put { value: b"v".to_vec(), expire_at: long_ago };
    let write = ClientRequest::Write { mutation: Mutation { key: "k".into(), content }, commit_ts: None };
    written(alone.client.ask(write).await);
    assert!(values(alone.client.ask(get("k")).await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_scan_follow_one_another_in_both_directions() {
    let alone = Alone::start().await;
    for key in ["a", "b", "c"] {
        written(alone.client.ask(put(key, key)).await);
    }
    let page = |interval: RawInterval, direction| {
        let request = ClientRequest::Scan { interval, direction, limit: 2, read_ts: None, routed_by: None };
        alone.client.ask(request)
    };
    let first = rows(page(RawInterval::all(), Direction::Forward).await);
    let keys: Vec<&RawKey> = first.rows.iter().map(|row| &row.key).collect();
    assert_eq!(keys, [&RawKey::from("a"), &RawKey::from("b")]);
    let start = first.next.expect("there is another page");
    let second = rows(page(RawInterval { start, end: None }, Direction::Forward).await);
    assert_eq!((second.rows.len(), second.next), (1, None));
    let last = rows(page(RawInterval::all(), Direction::Reverse).await);
    assert_eq!(last.rows[0].key, RawKey::from("c"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_a_prefix_is_deleted_and_counted() {
    let alone = Alone::start().await;
    for key in ["p1", "p2", "q"] {
        written(alone.client.ask(put(key, "v")).await);
    }
    let deleted = alone.client.ask(ClientRequest::DeletePrefix { prefix: "p".into() }).await;
    assert_eq!(deleted, Ok(ClientResponse::PrefixDeleted { rows: 2 }));
    assert_eq!(rows(alone.client.ask(scan(10)).await).rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_without_a_version_is_stamped_by_the_first_server() {
    let alone = Alone::start().await;
    let mut raw = RawKvClient::new(alone.channel().await);
    let put = proto::RawPutRequest { key: b"k".to_vec(), value: b"v".to_vec(), ..Default::default() };
    raw.raw_put(put).await.expect("the put is done");
    let unstamped = proto::RawGetRequest { key: b"k".to_vec(), read_route_version: 0, ..Default::default() };
    let seen = raw.raw_get(unstamped).await.expect("the read is served").into_inner();
    assert!(seen.exists && seen.value == b"v" && seen.read_ts >= seen.commit_ts, "{seen:?}");
    let stamped = ClientRequest::Get { key: "k".into(), read_ts: None, routed_by: Some(CatalogVersion(1)) };
    assert_eq!(values(alone.client.ask(stamped).await), [b"v"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_raw_kv_works_in_the_raw() {
    let alone = Alone::start().await;
    let mut raw = RawKvClient::new(alone.channel().await);
    for key in ["a", "b"] {
        let put = proto::RawPutRequest { key: key.into(), value: b"v".to_vec(), ..Default::default() };
        let done = raw.raw_put(put).await.expect("the put is done").into_inner();
        assert!(done.success && done.commit_ts > 0, "{done:?}");
    }
    let keys = proto::RawScanAtRequest { limit: 1, keys_only: true, ..Default::default() };
    let page = raw.raw_scan_at(keys).await.expect("the scan is served").into_inner();
    assert_eq!((page.kv[0].key.as_slice(), page.kv[0].value.len(), page.next_key.is_some()), (&b"a"[..], 0, true));
    let delete = proto::RawDeleteRequest { key: b"a".to_vec(), commit_ts: 0 };
    let deleted = raw.raw_delete(delete).await.expect("the delete is done").into_inner();
    let latest = proto::RawLatestCommitTsRequest { key: b"a".to_vec(), read_route_version: 0 };
    let latest = raw.raw_latest_commit_ts(latest).await.expect("the question is answered").into_inner();
    assert_eq!((latest.ts, latest.exists), (deleted.commit_ts, true));
    let prefix = proto::RawDeletePrefixRequest { prefix: b"b".to_vec() };
    assert_eq!(raw.raw_delete_prefix(prefix).await.expect("it is done").into_inner().rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_timestamp_that_the_caller_insists_on_is_kept_or_refused() {
    let alone = Alone::start().await;
    let first = written(alone.client.ask(put("k", "1")).await);
    let again = ClientRequest::Write { mutation: mutation("k", "2"), commit_ts: Some(first) };
    alone.client.ask(again).await.expect_err("the timestamp is taken");
    let above = Timestamp::from_raw(first.raw() + 1);
    let above = ClientRequest::Write { mutation: mutation("k", "2"), commit_ts: Some(above) };
    assert_eq!(written(alone.client.ask(above).await).raw(), first.raw() + 1);
}
