//! Three nodes over real sockets: links, forwarded questions, fail-over.

use crate::harness::{ask_admin, client, get, put, settings, values, written};
use splitjob_core::id::{GroupId, NodeId, RouteId};
use splitjob_core::job::JobOptions;
use splitjob_node::api::{AdminRequest, AdminResponse, ClusterStatus, NodeError};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::Server;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tempfile::TempDir;

struct Three {
    servers: Vec<Option<Server>>,
    addresses: Vec<SocketAddr>,
    data: Vec<TempDir>,
}

impl Three {
    async fn start() -> Three {
        // Every node must know the others' ports before they listen.
        let reserved: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
        let addresses: Vec<SocketAddr> =
            reserved.iter().map(|listener| listener.local_addr().expect("it listens")).collect();
        drop(reserved);
        let data: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().expect("a directory can be made")).collect();
        let mut three = Three { servers: vec![None, None, None], addresses, data };
        for index in 0..3 {
            three.serve(index).await;
        }
        three
    }

    async fn serve(&mut self, index: usize) {
        let members: BTreeMap<String, SocketAddr> =
            self.addresses.iter().enumerate().map(|(index, address)| ((index + 1).to_string(), *address)).collect();
        let mut settings = settings(&self.data[index]);
        settings.node = index as u64 + 1;
        settings.listen = self.addresses[index];
        settings.members = members;
        self.servers[index] = Some(Server::start(settings).await.expect("the settings can be served with"));
    }

    async fn stop(&mut self, index: usize) {
        self.servers[index].take().expect("it runs").stop().await;
    }

    fn client(&self, index: usize) -> Client {
        client(self.addresses[index])
    }

    fn everywhere(&self) -> Client {
        let addresses = self.addresses.iter().map(ToString::to_string);
        Client::connect(addresses, &ClientOptions::default()).expect("the addresses are some")
    }

    /// The node that leads the group, by a node's own view, once it knows one.
    async fn leader(&self, index: usize, group: u64) -> NodeId {
        for _ in 0..200 {
            let status = status(&self.client(index)).await;
            let view = status.groups.iter().find(|view| view.group == GroupId(group));
            if let Some(leader) = view.and_then(|view| view.leader) {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("group {group} has no leader after 10 s")
    }

    fn cut(&self, index: usize, nodes: &str) {
        std::fs::write(self.data[index].path().join("cut"), nodes).expect("the file can be written");
    }
}

async fn status(client: &Client) -> ClusterStatus {
    match ask_admin(client, AdminRequest::Status).await {
        Ok(AdminResponse::Status(status)) => status,
        other => panic!("a status was asked for, and {other:?} came"),
    }
}

/// Writes, as often as it takes for the cluster to come to itself.
async fn write_in_the_end(client: &Client, key: &str) {
    for _ in 0..100 {
        match client.ask(put(key, "v")).await {
            Ok(_) => return,
            Err(NodeError::Unavailable { .. } | NodeError::Unknown { .. }) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(other) => panic!("the write was refused: {other}"),
        }
    }
    panic!("nothing could be written within 10 s")
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_takes_any_request() {
    let three = Three::start().await;
    for index in 0..3 {
        written(three.client(index).ask(put(format!("k{index}"), "v")).await);
    }
    for index in 0..3 {
        assert_eq!(values(three.client((index + 1) % 3).ask(get(format!("k{index}"))).await), [b"v"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_several_nodes_passes_over_one_that_is_gone_and_the_cluster_goes_on() {
    let mut three = Three::start().await;
    let client = three.everywhere();
    written(client.ask(put("before", "v")).await);
    three.stop(0).await;
    write_in_the_end(&client, "after").await;
    assert_eq!(values(client.ask(get("before")).await), [b"v"]);
    three.serve(0).await;
    assert_eq!(values(three.client(0).ask(get("after")).await), [b"v"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_can_be_asked_what_a_job_waits_for() {
    let three = Three::start().await;
    written(three.client(0).ask(put("z", "v")).await);
    let leader = three.leader(0, 0).await;
    let start = AdminRequest::StartJob {
        expected_version: None,
        route: RouteId(1),
        split_key: "m".into(),
        target: GroupId(2),
        options: JobOptions::default(),
        dry_run: false,
    };
    let other = three.client(leader.0 as usize % 3);
    let id = loop {
        match ask_admin(&other, start.clone()).await {
            Ok(AdminResponse::Started(job)) => break job,
            Err(NodeError::CatalogRejected(_) | NodeError::Unavailable { .. }) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => panic!("a start was answered with {other:?}"),
        }
    };
    for index in 0..3 {
        let mut explained = ask_admin(&three.client(index), AdminRequest::Explain(id)).await;
        while let Err(NodeError::Unavailable { .. }) = explained {
            tokio::time::sleep(Duration::from_millis(50)).await;
            explained = ask_admin(&three.client(index), AdminRequest::Explain(id)).await;
        }
        assert!(matches!(&explained, Ok(AdminResponse::Explanation(it)) if it.view.job.id == id), "{explained:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_is_replaced_and_comes_back_when_the_link_is_mended() {
    let three = Three::start().await;
    written(three.client(0).ask(put("k", "v")).await);
    let lost = three.leader(0, 1).await.0 as usize - 1;
    let others: Vec<usize> = (0..3).filter(|index| *index != lost).collect();
    let numbers: Vec<String> = others.iter().map(|index| (index + 1).to_string()).collect();
    three.cut(lost, &numbers.join(" "));
    write_in_the_end(&three.client(others[0]), "during").await;
    three.cut(lost, "");
    write_in_the_end(&three.client(lost), "after").await;
    assert_eq!(values(three.client(lost).ask(get("during")).await), [b"v"]);
}
