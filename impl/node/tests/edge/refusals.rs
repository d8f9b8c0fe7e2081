//! Bad input: each is refused with a word on what would be right, and changes nothing.

use crate::harness::{Alone, ask_admin, channel, get, put, rows, scan, settings, values, written};
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::{Mutation, Rejection};
use splitjob_core::id::{GroupId, JobId, RouteId};
use splitjob_core::job::JobOptions;
use splitjob_core::version::Content;
use splitjob_node::api::{AdminRequest, ClientRequest, MAX_KEY_BYTES, MAX_VALUE_BYTES, NodeError};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::{ServeError, Server, SettingsError};
use splitjob_wire::proto;
use splitjob_wire::proto::distribution_client::DistributionClient;
use splitjob_wire::proto::internal_client::InternalClient;
use splitjob_wire::proto::raw_kv_client::RawKvClient;
use std::collections::BTreeMap;
use tonic::Code;

/// Asserts that a request is refused as invalid, with these words.
async fn assert_invalid(alone: &Alone, request: ClientRequest, words: &str) {
    match alone.client.ask(request).await {
        Err(NodeError::Invalid { what }) => assert!(what.contains(words), "{what:?} doesn't say {words:?}"),
        other => panic!("{words}: it was answered with {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_or_a_value_that_is_too_long_is_refused_and_the_longest_is_taken() {
    let alone = Alone::start().await;
    assert_invalid(&alone, put(vec![b'k'; MAX_KEY_BYTES + 1], "v"), "may have 1048576").await;
    assert_invalid(&alone, get(vec![b'k'; MAX_KEY_BYTES + 1]), "may have 1048576").await;
    assert_invalid(&alone, put("k", vec![0; MAX_VALUE_BYTES + 1]), "may have 16777216").await;
    written(alone.client.ask(put(vec![b'k'; MAX_KEY_BYTES], "v")).await);
    written(alone.client.ask(put("k", vec![7; MAX_VALUE_BYTES])).await);
    assert_eq!(values(alone.client.ask(get("k")).await)[0].len(), MAX_VALUE_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_1_to_1024_rows() {
    let alone = Alone::start().await;
    assert_invalid(&alone, scan(0), "ask for 1 to 1024").await;
    assert_invalid(&alone, scan(1025), "ask for 1 to 1024").await;
    assert!(rows(alone.client.ask(scan(1024)).await).rows.is_empty());
    let negative = proto::RawScanAtRequest { limit: -1, ..Default::default() };
    let status = RawKvClient::new(alone.channel().await).raw_scan_at(negative).await.expect_err("it is refused");
    assert_eq!((status.code(), status.message().contains("-1 rows")), (Code::InvalidArgument, true), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_namespace_takes_no_writes() {
    let alone = Alone::start().await;
    for request in [put("!dist|meta|version", "1"), put("!migstage|x", "1")] {
        match alone.client.ask(request).await {
            Err(NodeError::Rejected(rejection)) => {
                assert!(matches!(*rejection, Rejection::ControlNamespace { .. }), "{rejection}");
            }
            other => panic!("it was answered with {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_prefix_would_delete_everything_and_is_refused() {
    let alone = Alone::start().await;
    written(alone.client.ask(put("k", "v")).await);
    assert_invalid(&alone, ClientRequest::DeletePrefix { prefix: "".into() }, "prefix").await;
    assert_eq!(values(alone.client.ask(get("k")).await), [b"v"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_option_is_refused_by_its_name() {
    let alone = Alone::start().await;
    let mut raw = DistributionClient::new(alone.channel().await);
    let options = BTreeMap::from([("chunk_row".to_owned(), "7".to_owned())]);
    let start = proto::StartSplitMigrationRequest { route_id: 1, target_group_id: 2, options, ..Default::default() };
    let status = raw.start_split_migration(start).await.expect_err("it is refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("\"chunk_row\"") && status.message().contains("chunk_rows"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let alone = Alone::start().await;
    let job = ask_admin(&alone.client, AdminRequest::Job(JobId(7))).await;
    assert!(matches!(&job, Err(NodeError::NotFound { what }) if what.contains("job 7")), "{job:?}");
    let start = AdminRequest::StartJob {
        expected_version: None,
        route: RouteId(9),
        split_key: "m".into(),
        target: GroupId(2),
        options: JobOptions::default(),
        dry_run: false,
    };
    match ask_admin(&alone.client, start).await {
        Err(NodeError::CatalogRejected(rejection)) => {
            assert_eq!(*rejection, CatalogRejection::NoSuchRoute { route: RouteId(9) });
        }
        other => panic!("it was answered with {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_can_have_no_meaning_here_are_refused_and_not_ignored() {
    let alone = Alone::start().await;
    let mut raw = RawKvClient::new(alone.channel().await);
    let group = proto::RawGetRequest { key: b"k".to_vec(), group_id: 3, ..Default::default() };
    let status = raw.raw_get(group).await.expect_err("it is refused");
    assert!(status.message().contains("group_id 3"), "{status:?}");
    let bounds = proto::RawScanAtRequest { limit: 1, route_start: Some(b"a".to_vec()), ..Default::default() };
    let status = raw.raw_scan_at(bounds).await.expect_err("it is refused");
    assert!(status.message().contains("route_start"), "{status:?}");
    let expiry = proto::RawPutRequest { key: b"k".to_vec(), expire_at_ms: u64::MAX, ..Default::default() };
    let status = raw.raw_put(expiry).await.expect_err("it is refused");
    assert!(status.message().contains("expire_at_ms"), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_is_refused_and_the_server_goes_on() {
    let alone = Alone::start().await;
    let mut raw = RawKvClient::new(alone.channel().await);
    let huge = proto::RawPutRequest { key: b"k".to_vec(), value: vec![0; (64 << 20) + 1], ..Default::default() };
    let status = raw.raw_put(huge).await.expect_err("it is refused");
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert!(values(alone.client.ask(get("k")).await).is_empty());
}

/// What a server says to the frames of somebody who claims to be a node.
async fn exchange(alone: &Alone, frames: Vec<proto::PeerFrame>) -> Option<tonic::Status> {
    let mut raw = InternalClient::new(channel(alone.server.addr()).await);
    let stream = raw.exchange(tokio_stream::iter(frames)).await.expect("the stream opens");
    stream.into_inner().message().await.err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_and_malformed_frames_are_refused_on_exchange() {
    let two = BTreeMap::from([1, 2].map(|node| (node.to_string(), ([127, 0, 0, 1], 1).into())));
    let alone = Alone::start_with(|settings| {
        settings.members = two;
        settings.voters = Some(vec![1]);
    })
    .await;
    let frame = |from, message: &[u8]| proto::PeerFrame { from, messages: vec![message.to_vec()] };
    for stranger in [0, 1, 9] {
        let status = exchange(&alone, vec![frame(stranger, &[])]).await.expect("it is refused");
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    }
    for malformed in [&[][..], b"\xff\xff\xff", &[0x0a, 0x02, 0x08], &[0x92, 0x03, 0x00]] {
        let status = exchange(&alone, vec![frame(2, malformed)]).await.expect("it is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    let empty = |from| proto::PeerFrame { from, messages: Vec::new() };
    let status = exchange(&alone, vec![empty(2), empty(9)]).await.expect("it is refused");
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    written(alone.client.ask(put("k", "v")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_not_exported_and_imported_by_hand() {
    let alone = Alone::start().await;
    let mut raw = InternalClient::new(alone.channel().await);
    let status = raw.export_range_versions(proto::ExportRangeVersionsRequest::default()).await.err();
    let status = status.expect("it is refused");
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("StartSplitMigration"), "{status:?}");
    let status = raw.import_range_versions(proto::ImportRangeVersionsRequest::default()).await;
    assert_eq!(status.expect_err("it is refused").code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_need_the_token_and_questions_do_not() {
    let alone = Alone::start_with(|settings| settings.admin_token = Some("secret".to_owned())).await;
    let addr = alone.server.addr().to_string();
    let with = |token: &str| {
        let options = ClientOptions { admin_token: Some(token.to_owned()), ..ClientOptions::default() };
        Client::pinned(&addr, &options).expect("the address is one")
    };
    let split = || AdminRequest::SplitRange { expected_version: None, route: RouteId(1), at: "m".into() };
    for refused in [alone.client.clone(), with("guess!")] {
        let orders = [split(), AdminRequest::Abandon(JobId(1)), AdminRequest::Retry(JobId(1))];
        for order in orders {
            let error = ask_admin(&refused, order).await.expect_err("the order is refused");
            assert!(error.to_string().contains("admin token"), "{error}");
        }
        ask_admin(&refused, AdminRequest::Routes).await.expect("the question is answered");
    }
    let raw = DistributionClient::new(alone.channel().await).split_range(proto::SplitRangeRequest::default()).await;
    assert_eq!(raw.expect_err("it is refused").code(), Code::Unauthenticated);
    ask_admin(&with("secret"), split()).await.expect("the order is carried out");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_listener_without_tls_is_refused() {
    let data = tempfile::tempdir().expect("a directory can be made");
    let mut open = settings(&data);
    open.listen = ([0, 0, 0, 0], 0).into();
    let refused = Server::start(open).await.err().expect("it is refused");
    assert!(matches!(refused, ServeError::Settings(SettingsError::Open { .. })), "{refused}");
    let mut open = settings(&data);
    open.http = Some(([0, 0, 0, 0], 0).into());
    let refused = Server::start(open).await.err().expect("it is refused");
    assert!(refused.to_string().contains("--insecure"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_another_server_uses_are_refused_until_it_stops() {
    let alone = Alone::start().await;
    let refused = Server::start(settings(&alone.data)).await.err().expect("it is refused");
    assert!(matches!(refused, ServeError::InUse { .. }), "{refused}");
    let Alone { server, client, data } = alone;
    written(client.ask(put("k", "v")).await);
    server.stop().await;
    let server = Server::start(settings(&data)).await.expect("the data are free");
    assert_eq!(values(crate::harness::client(server.addr()).ask(get("k")).await), [b"v"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_expires_within_a_millisecond_is_refused_by_the_client() {
    let alone = Alone::start().await;
    let expire_at = splitjob_core::timestamp::Timestamp::from_raw(1);
    let mutation = Mutation { key: "k".into(), content: Content::Put { value: Vec::new(), expire_at } };
    assert_invalid(&alone, ClientRequest::Write { mutation, commit_ts: None }, "whole millisecond").await;
}
