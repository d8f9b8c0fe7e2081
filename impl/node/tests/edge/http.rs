//! The port for operators' browsers and for Prometheus.

use crate::harness::{Alone, ask_admin, loopback, put, written};
use serde_json::Value;
use splitjob_core::id::RouteId;
use splitjob_node::api::AdminRequest;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head and the body of an answer.
async fn fetch(addr: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).await.expect("the port is open");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the head ends");
    (head.to_owned(), body.to_owned())
}

async fn start() -> (Alone, SocketAddr) {
    let alone = Alone::start_with(|settings| settings.http = Some(loopback())).await;
    written(alone.client.ask(put("k", "v")).await);
    let addr = alone.server.http_addr().expect("the port was asked for");
    (alone, addr)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_open_metrics() {
    let (_alone, addr) = start().await;
    let (head, body) = fetch(addr, "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/openmetrics-text"), "{head}");
    assert!(
        body.contains("splitjob_requests_total ") && body.contains("splitjob_applied_index{group=\"1\"}"),
        "{body}"
    );
    assert!(body.ends_with("# EOF\n"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_what_it_shows_are_there() {
    let (alone, addr) = start().await;
    let split = AdminRequest::SplitRange { expected_version: None, route: RouteId(1), at: "m".into() };
    ask_admin(&alone.client, split).await.expect("it is split");
    let (head, page) = fetch(addr, "/").await;
    assert!(head.contains("text/html") && page.contains("jobs.json"), "{head}");
    let (_, shown) = fetch(addr, "/jobs.json").await;
    let shown: Value = serde_json::from_str(&shown).expect("it is JSON");
    assert_eq!((shown["node"].as_u64(), shown["routes"].as_array().map(Vec::len)), (Some(1), Some(2)), "{shown}");
    assert_eq!(fetch(addr, "/healthz").await.1, "ok\n");
}
