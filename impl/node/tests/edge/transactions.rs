//! Transactions, whole and driven by the client.

use crate::harness::{Alone, get, mutation, put, values, written};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{TxnId, TxnStatus};
use splitjob_node::api::{ClientRequest, ClientResponse};
use splitjob_wire::proto;
use splitjob_wire::proto::transactional_kv_client::TransactionalKvClient;

/// A node whose group has a leader and lets timestamps of the present be used.
async fn start() -> Alone {
    let alone = Alone::start().await;
    written(alone.client.ask(put("before", "v")).await);
    alone
}

async fn begin(alone: &Alone) -> Timestamp {
    match alone.client.ask(ClientRequest::Begin).await {
        Ok(ClientResponse::Begun { start_ts }) => start_ts,
        other => panic!("a beginning was answered with {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_transaction_writes_all_its_keys_and_answers_alike_when_asked_again() {
    let alone = start().await;
    let txn = TxnId { primary: "a".into(), start_ts: begin(&alone).await };
    let request = ClientRequest::Transact { txn, mutations: vec![mutation("a", "1"), mutation("b", "2")] };
    let first = alone.client.ask(request.clone()).await;
    assert!(matches!(first, Ok(ClientResponse::Committed { .. })), "{first:?}");
    assert_eq!(values(alone.client.ask(get("b")).await), [b"2"]);
    assert_eq!(alone.client.ask(request).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_client_drives_can_commit() {
    let alone = start().await;
    let txn = TxnId { primary: "a".into(), start_ts: begin(&alone).await };
    let mutations = vec![mutation("a", "1")];
    let prepare = ClientRequest::Prepare { txn: txn.clone(), commit_ts: None, mutations, ttl_ms: 10_000 };
    let commit_ts = match alone.client.ask(prepare).await {
        Ok(ClientResponse::Prepared { commit_ts }) => commit_ts,
        other => panic!("a prepare was answered with {other:?}"),
    };
    let status = alone.client.ask(ClientRequest::TxnStatus { txn: txn.clone() }).await;
    assert!(matches!(status, Ok(ClientResponse::Txn(TxnStatus::Prepared { .. }))), "{status:?}");
    let commit = ClientRequest::Commit { txn: txn.clone(), commit_ts, keys: vec!["a".into()] };
    assert_eq!(alone.client.ask(commit).await, Ok(ClientResponse::Committed { commit_ts }));
    let status = alone.client.ask(ClientRequest::TxnStatus { txn }).await;
    assert_eq!(status, Ok(ClientResponse::Txn(TxnStatus::Committed { commit_ts })));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_transactional_kv_works_in_the_raw() {
    let alone = start().await;
    let mut raw = TransactionalKvClient::new(alone.channel().await);
    let start_ts = raw.begin(proto::BeginRequest {}).await.expect("it begins").into_inner().start_ts;
    let primary = b"a".to_vec();
    let mutation = proto::KeyMutation { key: primary.clone(), value: b"1".to_vec(), ..Default::default() };
    let prepare = proto::PrepareRequest {
        primary: primary.clone(),
        start_ts,
        mutations: vec![mutation.clone()],
        ..Default::default()
    };
    let commit_ts = raw.prepare(prepare).await.expect("it is prepared").into_inner().commit_ts;
    let abort = proto::AbortRequest { primary: primary.clone(), start_ts, commit_ts, keys: vec![primary.clone()] };
    raw.abort(abort).await.expect("it is aborted");
    let status = proto::TxnStatusRequest { primary: primary.clone(), start_ts };
    let status = raw.status(status).await.expect("it is answered").into_inner();
    assert_eq!(status.state(), proto::TxnState::RolledBack);

    let start_ts = raw.begin(proto::BeginRequest {}).await.expect("it begins").into_inner().start_ts;
    let all = proto::CommitAllRequest { primary: primary.clone(), start_ts, mutations: vec![mutation] };
    let commit_ts = raw.commit_all(all).await.expect("it is done").into_inner().commit_ts;
    let read = proto::ReadRequest { key: primary.clone(), start_ts: commit_ts };
    let seen = raw.read(read).await.expect("it is read").into_inner();
    assert_eq!((seen.exists, seen.commit_ts, seen.value.as_slice()), (true, commit_ts, &b"1"[..]));
    let commit = proto::CommitRequest { primary: primary.clone(), start_ts, commit_ts, keys: vec![primary] };
    assert_eq!(raw.commit(commit).await.expect("it is committed").into_inner().commit_ts, commit_ts);
}
