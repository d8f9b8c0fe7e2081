//! One node, and the services by which it is asked.

use super::failure::Failure;
use crate::api::{ClientRequest, ClientResponse, MAX_MESSAGE_BYTES};
use crate::edge::TlsError;
use crate::edge::services::FORWARDED;
use splitjob_wire::proto::admin_client::AdminClient;
use splitjob_wire::proto::distribution_client::DistributionClient;
use splitjob_wire::proto::raw_kv_client::RawKvClient;
use splitjob_wire::proto::transactional_kv_client::TransactionalKvClient;
use std::time::Duration;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// A connection to one node, made when it is first needed and again when it breaks.
pub(super) struct Connection {
    channel: Channel,
    authorization: Option<MetadataValue<Ascii>>,
    forwards: bool,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, token: Option<&str>, forwards: bool) -> Result<Connection, TlsError> {
        let authorization = token.map(|token| format!("Bearer {token}").parse()).transpose();
        let authorization =
            authorization.map_err(|_| TlsError::Unusable { why: "the admin token isn't plain ASCII".to_owned() })?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW * 2)
            .buffer_size(BUFFERED);
        Ok(Connection { channel: endpoint.connect_lazy(), authorization, forwards })
    }

    /// Asks by the service that the request belongs to.
    pub(super) async fn ask(&self, request: &ClientRequest) -> Result<ClientResponse, Failure> {
        match request {
            ClientRequest::Get { key, read_ts, routed_by } => self.get(key, *read_ts, *routed_by).await,
            ClientRequest::Scan { interval, direction, limit, read_ts, routed_by } => {
                self.scan(interval, *direction, *limit, *read_ts, *routed_by).await
            }
            ClientRequest::Latest { key, routed_by } => self.latest(key, *routed_by).await,
            ClientRequest::Write { mutation, commit_ts } => self.write(mutation, *commit_ts).await,
            ClientRequest::DeletePrefix { prefix } => self.delete_prefix(prefix).await,
            ClientRequest::Begin => self.begin().await,
            ClientRequest::Transact { txn, mutations } => self.transact(txn, mutations).await,
            ClientRequest::Prepare { txn, commit_ts, mutations, ttl_ms } => {
                self.prepare(txn, *commit_ts, mutations, *ttl_ms).await
            }
            ClientRequest::Commit { txn, commit_ts, keys } => self.commit(txn, *commit_ts, keys).await,
            ClientRequest::Abort { txn, commit_ts, keys } => self.abort(txn, *commit_ts, keys).await,
            ClientRequest::TxnStatus { txn } => self.txn_status(txn).await,
            ClientRequest::Admin(request) => self.operate(request).await.map(ClientResponse::Admin),
        }
    }

    pub(super) fn raw_kv(&self) -> RawKvClient<Channel> {
        RawKvClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn transactional_kv(&self) -> TransactionalKvClient<Channel> {
        TransactionalKvClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn distribution(&self) -> DistributionClient<Channel> {
        DistributionClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// A request of an operator.
    pub(super) fn of_operator<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        if self.forwards {
            request.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
        }
        request
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// A connection that is silent for two of these while requests wait is broken.
const KEEP_ALIVE: Duration = Duration::from_millis(5_000);
const WINDOW: u32 = 8 << 20;
/// The most requests that wait for the connection's task.
const BUFFERED: usize = 4_096;
