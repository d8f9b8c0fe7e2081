//! Servers on loopback, with data that go away with them.

use splitjob_core::group::{Mutation, ReadAnswer, SeenRow};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use splitjob_node::api::{AdminRequest, AdminResponse, ClientRequest, ClientResponse, NodeError};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::{Server, ServerSettings};
use std::net::SocketAddr;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

/// A single node that serves.
pub(crate) struct Alone {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) data: TempDir,
}

impl Alone {
    /// A node with the usual settings.
    pub(crate) async fn start() -> Alone {
        Alone::start_with(|_| {}).await
    }

    /// A node with settings of one's own.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerSettings)) -> Alone {
        let data = tempfile::tempdir().expect("a directory can be made");
        let mut settings = settings(&data);
        change(&mut settings);
        let server = Server::start(settings).await.expect("the settings can be served with");
        let client = client(server.addr());
        Alone { server, client, data }
    }

    /// A connection for generated clients.
    pub(crate) async fn channel(&self) -> Channel {
        channel(self.server.addr()).await
    }
}

/// The settings of a single node that listens where there is room.
pub(crate) fn settings(data: &TempDir) -> ServerSettings {
    let mut settings = ServerSettings::alone();
    settings.data = data.path().to_owned();
    settings.listen = loopback();
    settings
}

/// Any free port of this machine, for this machine.
pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A client of one server, without certificates.
pub(crate) fn client(addr: SocketAddr) -> Client {
    Client::pinned(&addr.to_string(), &ClientOptions::default()).expect("the address is one")
}

/// A connection for generated clients.
pub(crate) async fn channel(addr: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).expect("the address is one");
    endpoint.connect().await.expect("the server listens")
}

/// A put without more ado.
pub(crate) fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> ClientRequest {
    ClientRequest::Write { mutation: mutation(key, value), commit_ts: None }
}

/// What a put does to its key.
pub(crate) fn mutation(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Mutation {
    let content = Content::Put { value: value.into(), expire_at: Timestamp::ZERO };
    Mutation { key: RawKey::from(key.into()), content }
}

/// A read of the newest value.
pub(crate) fn get(key: impl Into<Vec<u8>>) -> ClientRequest {
    ClientRequest::Get { key: RawKey::from(key.into()), read_ts: None, routed_by: None }
}

/// A page of all rows.
pub(crate) fn scan(limit: u64) -> ClientRequest {
    ClientRequest::Scan {
        interval: RawInterval::all(),
        direction: Direction::Forward,
        limit,
        read_ts: None,
        routed_by: None,
    }
}

/// The commit timestamp of a write that was done.
pub(crate) fn written(response: Result<ClientResponse, NodeError>) -> Timestamp {
    match response {
        Ok(ClientResponse::Written { commit_ts }) => commit_ts,
        other => panic!("a write was answered with {other:?}"),
    }
}

/// The rows of a read.
pub(crate) fn rows(response: Result<ClientResponse, NodeError>) -> ReadAnswer {
    match response {
        Ok(ClientResponse::Rows { answer, .. }) => answer,
        other => panic!("a read was answered with {other:?}"),
    }
}

/// The values of a read.
pub(crate) fn values(response: Result<ClientResponse, NodeError>) -> Vec<Vec<u8>> {
    rows(response).rows.into_iter().map(|row: SeenRow| row.value).collect()
}

/// Asks as an operator.
pub(crate) async fn ask_admin(client: &Client, request: AdminRequest) -> Result<AdminResponse, NodeError> {
    let response = client.ask(ClientRequest::Admin(request)).await?;
    let ClientResponse::Admin(response) = response else { panic!("an operator was answered with {response:?}") };
    Ok(response)
}
