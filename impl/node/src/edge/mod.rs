//! A node on this machine: its thread, its sockets, its files.
//!
//! One thread steps the node; tasks of tokio do everything that waits. [`runtime`] is the seam between the two.

mod cut;
mod front;
mod http;
pub mod runtime;
pub(crate) mod services;
pub mod settings;
pub(crate) mod tls;
mod transport;

pub use http::job_json;
pub use runtime::Handle;
pub use settings::{ServerSettings, SettingsError, TlsSettings};
pub use tls::TlsError;

use crate::api::MAX_MESSAGE_BYTES;
use crate::client::{Client, ClientOptions};
use crate::node::{Node, OpenError};
use cut::Cut;
use front::Front;
use runtime::{HostClock, Running};
use services::TransactionalKvService;
use services::{AdminService, DistributionService, Doorman, InternalService, Operators, RawKvService};
use splitjob_core::id::NodeId;
use splitjob_store::{Disk, FileDisk, StoreError};
use splitjob_wire::proto::admin_server::AdminServer;
use splitjob_wire::proto::distribution_server::DistributionServer;
use splitjob_wire::proto::internal_server::InternalServer;
use splitjob_wire::proto::raw_kv_server::RawKvServer;
use splitjob_wire::proto::transactional_kv_server::TransactionalKvServer;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tls::Certificates;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use transport::{Transport, Waiting};

/// A server that runs.
pub struct Server {
    handle: Handle,
    running: Option<Running>,
    addr: SocketAddr,
    http_addr: Option<SocketAddr>,
    stopping: watch::Sender<bool>,
    /// What serves; ends soon after `stopping`.
    serving: JoinSet<()>,
    /// What connects to other nodes; ends when it is dropped.
    links: JoinSet<()>,
    /// Nobody else may use the data directory while this is open.
    _lock: File,
}

/// Why a server can't be started.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The settings can't be served with.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The certificates can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Another process uses the data.
    #[error("{data} is used by another process: stop that one, or choose another directory")]
    InUse {
        /// The data directory.
        data: PathBuf,
    },
    /// The data directory can't be used.
    #[error("{data}: {why}")]
    Data {
        /// The data directory.
        data: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The node can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An address can't be listened on.
    #[error("{listen} can't be listened on: {why}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What is wrong.
        why: String,
    },
    /// The system gives no thread.
    #[error("no thread can be started: {why}")]
    Thread {
        /// What is wrong.
        why: String,
    },
}

impl Server {
    /// Opens the data, and serves.
    ///
    /// # Errors
    /// A [`ServeError`]; nothing runs then.
    pub async fn start(settings: ServerSettings) -> Result<Server, ServeError> {
        let config = settings.node_config()?;
        let certificates = settings.tls.as_ref().map(Certificates::read).transpose()?;
        let clock = HostClock::new(settings.clock_skew_ms);
        let (lock, disk) = open_data(&settings.data)?;
        let listener = listen(settings.listen).await?;
        let http = match settings.http {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let (addr, http_addr) = (local(&listener, settings.listen)?, settings.http);
        let http_addr = http.as_ref().zip(http_addr).map(|(http, wanted)| local(http, wanted)).transpose()?;

        let others: BTreeMap<NodeId, SocketAddr> =
            settings.addresses()?.into_iter().filter(|(node, _)| *node != config.node).collect();
        let (transport, waiting) = Transport::new(others.keys().copied());
        let me = config.node;
        let node = Node::open(config, &(Arc::new(disk) as Arc<dyn Disk>), clock.read())?;
        let running = Running::start(node, clock, Box::new(transport))
            .map_err(|error| ServeError::Thread { why: error.to_string() })?;
        let handle = running.handle();

        let (stopping, stops) = watch::channel(false);
        let cut = cut::watch(&settings.data);
        let links = connect(me, waiting, &others, certificates.as_ref(), &handle, &cut)?;
        let front = Front::new(handle.clone(), clients(&others, settings.tls.as_ref())?);
        let doorman = Doorman { others: Arc::new(others.into_keys().collect()), cut, stopping: stops.clone() };
        let mut serving = JoinSet::new();
        if let Some(http) = http {
            serving.spawn(http::serve(http, front.clone(), stops.clone()));
        }
        let services = Services { handle: handle.clone(), front, doorman, stops, token: settings.admin_token };
        services.serve(listener, certificates.as_ref(), &mut serving)?;
        tracing::info!(node = %me, %addr, "serving");
        Ok(Server { handle, running: Some(running), addr, http_addr, stopping, serving, links, _lock: lock })
    }

    /// Where it serves gRPC.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it serves metrics and the page of jobs, if it does.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http_addr
    }

    /// A handle to the node.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Lets requests that are under way end, within bounds, then stops.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        let served = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_REQUESTS, served).await.is_err() {
            tracing::warn!("requests are still under way, and are left unanswered");
        }
        self.serving.shutdown().await;
        self.links.shutdown().await;
        if let Some(running) = self.running.take() {
            // It waits for the node's thread.
            let _ = tokio::task::spawn_blocking(move || running.stop()).await;
        }
    }
}

/// What the services are made of.
struct Services {
    handle: Handle,
    front: Front,
    doorman: Doorman,
    stops: watch::Receiver<bool>,
    token: Option<String>,
}

impl Services {
    fn serve(
        self,
        listener: TcpListener,
        certificates: Option<&Certificates>,
        serving: &mut JoinSet<()>,
    ) -> Result<(), ServeError> {
        let Services { handle, front, doorman, mut stops, token } = self;
        let operators = Operators::new(token.as_deref());
        let unusable = |error: tonic::transport::Error| TlsError::Unusable { why: tls::causes(&error) };
        let mut server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .initial_stream_window_size(transport::STREAM_WINDOW)
            .initial_connection_window_size(transport::STREAM_WINDOW * 2)
            .max_concurrent_streams(MOST_STREAMS);
        if let Some(certificates) = certificates {
            server = server.tls_config(certificates.of_server()).map_err(unusable)?;
        }
        let raw_kv = RawKvServer::new(RawKvService::new(front.clone()));
        let transactional_kv = TransactionalKvServer::new(TransactionalKvService::new(front.clone()));
        let distribution = DistributionService::new(front.clone(), operators.clone(), stops.clone());
        let internal = InternalServer::new(InternalService::new(handle, doorman));
        let (v1, v1alpha) = (reflection().build_v1(), reflection().build_v1alpha());
        let (health, health_server) = tonic_health::server::health_reporter();
        let router = server
            .add_service(raw_kv.max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(transactional_kv.max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(DistributionServer::new(distribution))
            .add_service(AdminServer::new(AdminService::new(front, operators)))
            .add_service(internal.max_decoding_message_size(transport::MAX_FRAME_BYTES))
            .add_service(health_server)
            .add_service(v1.expect("the descriptors were generated with the services"))
            .add_service(v1alpha.expect("the descriptors were generated with the services"));
        serving.spawn(async move {
            health.set_serving::<RawKvServer<RawKvService>>().await;
            health.set_serving::<TransactionalKvServer<TransactionalKvService>>().await;
            health.set_serving::<DistributionServer<DistributionService>>().await;
            health.set_serving::<AdminServer<AdminService>>().await;
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let stop = async move {
                let _ = stops.wait_for(|stops| *stops).await;
            };
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, stop).await {
                tracing::error!(why = tls::causes(&error), "serving has ended");
            }
        });
        Ok(())
    }
}

fn reflection<'a>() -> tonic_reflection::server::Builder<'a> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(splitjob_wire::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Locks the data directory for this process.
fn open_data(data: &Path) -> Result<(File, FileDisk), ServeError> {
    let failed = |why: String| ServeError::Data { data: data.to_owned(), why };
    let disk = FileDisk::new(data).map_err(|error: StoreError| failed(error.to_string()))?;
    let lock = File::create(data.join(LOCK)).map_err(|error| failed(error.to_string()))?;
    match lock.try_lock() {
        Ok(()) => Ok((lock, disk)),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::InUse { data: data.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}

async fn listen(listen: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(listen).await.map_err(|error| ServeError::Listen { listen, why: error.to_string() })
}

fn local(listener: &TcpListener, listen: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|error| ServeError::Listen { listen, why: error.to_string() })
}

/// Opens a link to each other node.
fn connect(
    me: NodeId,
    waiting: Vec<Waiting>,
    others: &BTreeMap<NodeId, SocketAddr>,
    certificates: Option<&Certificates>,
    handle: &Handle,
    cut: &Cut,
) -> Result<JoinSet<()>, ServeError> {
    let mut links = JoinSet::new();
    for waiting in waiting {
        let address = others[&waiting.to()];
        let endpoint = tls::endpoint(&address.to_string(), certificates)?;
        links.spawn(waiting.carry(me, endpoint, handle.clone(), cut.clone()));
    }
    Ok(links)
}

/// A client of each other node, for questions that only it can answer.
fn clients(
    others: &BTreeMap<NodeId, SocketAddr>,
    tls: Option<&TlsSettings>,
) -> Result<BTreeMap<NodeId, Client>, ServeError> {
    let client = |(node, address): (&NodeId, &SocketAddr)| {
        let options = ClientOptions { tls: tls.cloned(), timeout: FORWARDED_TIMEOUT, ..ClientOptions::default() };
        Ok((*node, Client::forwarding(&address.to_string(), &options)?))
    };
    others.iter().map(client).collect()
}

/// Requests that are under way have so long when the server stops.
const LAST_REQUESTS: Duration = Duration::from_millis(2_000);
/// A connection is asked for a sign of life so often.
const KEEP_ALIVE: Duration = Duration::from_millis(10_000);
/// The most requests that are under way on one connection.
const MOST_STREAMS: u32 = 4_096;
const FORWARDED_TIMEOUT: Duration = Duration::from_millis(5_000);
/// The file whose lock says that the data are used.
const LOCK: &str = "lock";
