//! A client: the requests and answers of [`crate::api`], asked of any node over gRPC.

mod connection;
mod data;
mod failure;
mod operate;
mod transact;

use crate::api::{ClientRequest, ClientResponse, NodeError};
use crate::edge::tls::{Certificates, endpoint};
use crate::edge::{TlsError, TlsSettings};
use connection::Connection;
use failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Asks any of several nodes; one connection to each, for all requests. Clones share the connections.
#[derive(Clone)]
pub struct Client {
    connections: Arc<[Connection]>,
    /// The connection that is asked first.
    first: Arc<AtomicUsize>,
    timeout: Duration,
}

/// How a client asks.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Certificates; absent: no TLS.
    pub tls: Option<TlsSettings>,
    /// What makes the client an operator.
    pub admin_token: Option<String>,
    /// A request that isn't answered for so long is given up.
    pub timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions { tls: None, admin_token: None, timeout: TIMEOUT }
    }
}

impl Client {
    /// A client of the nodes at these addresses (`127.0.0.1:7001`). It connects when it first asks.
    ///
    /// # Errors
    /// A [`TlsError`]; also for an address that is none, and for no address.
    pub fn connect(endpoints: impl IntoIterator<Item = String>, options: &ClientOptions) -> Result<Client, TlsError> {
        Client::new(endpoints, options, false)
    }

    /// A client of one node, which it never asks another one for.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn pinned(endpoint: &str, options: &ClientOptions) -> Result<Client, TlsError> {
        Client::connect([endpoint.to_owned()], options)
    }

    /// A node's client of another node, which marks what it asks as forwarded.
    pub(crate) fn forwarding(endpoint: &str, options: &ClientOptions) -> Result<Client, TlsError> {
        Client::new([endpoint.to_owned()], options, true)
    }

    fn new(
        endpoints: impl IntoIterator<Item = String>,
        options: &ClientOptions,
        forwards: bool,
    ) -> Result<Client, TlsError> {
        let certificates = options.tls.as_ref().map(Certificates::read).transpose()?;
        let mut connections = Vec::new();
        for address in endpoints {
            let endpoint = endpoint(&address, certificates.as_ref())?;
            connections.push(Connection::new(endpoint, options.admin_token.as_deref(), forwards)?);
        }
        if connections.is_empty() {
            return Err(TlsError::Unusable { why: "a client needs the address of at least one node".to_owned() });
        }
        Ok(Client { connections: connections.into(), first: Arc::default(), timeout: options.timeout })
    }

    /// Asks. A node that can't be reached is passed over for another one, as long as the request can't have been sent,
    /// or changes nothing.
    ///
    /// # Errors
    /// A [`NodeError`]: the node's own; [`NodeError::Unavailable`] if no node can be reached; [`NodeError::Unknown`] if
    /// the request may have been sent, may change something, and was not answered.
    pub async fn ask(&self, request: ClientRequest) -> Result<ClientResponse, NodeError> {
        let first = self.first.load(Ordering::Relaxed);
        let count = self.connections.len();
        let mut last = String::new();
        for index in (0..count).map(|offset| (first + offset) % count) {
            let failure = match self.try_ask(index, &request).await {
                Ok(response) => {
                    if index != first {
                        self.first.store(index, Ordering::Relaxed);
                    }
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Told(error) => return Err(error),
                Failure::Lost(why) if request.may_change() => return Err(NodeError::Unknown { why }),
                Failure::NotSent(why) | Failure::Lost(why) => last = why,
            }
        }
        Err(NodeError::Unavailable { what: format!("no node can be reached: {last}"), retry_after_ms: RETRY_AFTER_MS })
    }

    async fn try_ask(&self, index: usize, request: &ClientRequest) -> Result<ClientResponse, Failure> {
        let connection = &self.connections[index];
        match tokio::time::timeout(self.timeout, connection.ask(request)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Lost(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }
}

/// Longer than the time that a node holds a request for.
const TIMEOUT: Duration = Duration::from_millis(20_000);
const RETRY_AFTER_MS: u64 = 100;
