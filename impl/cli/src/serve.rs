//! `splitjob serve`: a node on this machine.

use crate::Conclusion;
use crate::out::Out;
use anyhow::{Context, anyhow};
use clap::Args;
use splitjob_node::edge::{Server, ServerSettings, TlsSettings};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Runs a node; without any argument a single one, with everything embedded.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A TOML file with the settings; flags go before it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// This node's number, from 1 on.
    #[arg(long)]
    node: Option<u64>,
    /// Where its data lies.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where it serves gRPC.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where it serves metrics and the page of jobs.
    #[arg(long)]
    http: Option<SocketAddr>,
    /// A node of the cluster and where it serves gRPC, as 2=127.0.0.1:7002; this node among them.
    #[arg(long = "member", value_name = "N=ADDRESS")]
    members: Vec<String>,
    /// The nodes with the first votes; all members, if it isn't said.
    #[arg(long, value_delimiter = ',')]
    voters: Vec<u64>,
    /// The data groups; the first one owns all keys in the beginning.
    #[arg(long, value_delimiter = ',')]
    groups: Vec<u64>,
    /// Serve beyond this machine without TLS.
    #[arg(long)]
    insecure: bool,
    /// The certificate of the authority that nodes and clients must show one of.
    #[arg(long, requires_all = ["tls_certificate", "tls_key"])]
    tls_authority: Option<PathBuf>,
    /// This node's certificate.
    #[arg(long)]
    tls_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long)]
    tls_key: Option<PathBuf>,
    /// What operators must send.
    #[arg(long)]
    admin_token: Option<String>,
    /// Versions that only older reads need are collected, in milliseconds; 0 is never.
    #[arg(long)]
    retention_ms: Option<u64>,
    /// The pause between two exports while writes flow, in milliseconds.
    #[arg(long)]
    pace_ms: Option<u64>,
    /// Shows the node a wall clock that is off by so much: for tests.
    #[arg(long, allow_negative_numbers = true, default_value_t = 0)]
    clock_skew_ms: i64,
    /// Logs as JSON.
    #[arg(long)]
    log_json: bool,
}

impl Arguments {
    fn settings(&self) -> anyhow::Result<ServerSettings> {
        let mut settings = match &self.config {
            Some(path) => ServerSettings::read(path)?,
            None => ServerSettings::alone(),
        };
        settings.node = self.node.unwrap_or(settings.node);
        settings.data = self.data.clone().unwrap_or(settings.data);
        settings.listen = self.listen.unwrap_or(settings.listen);
        settings.http = self.http.or(settings.http);
        for member in &self.members {
            let (name, address) = member
                .split_once('=')
                .ok_or_else(|| anyhow!("--member {member}: write a number and an address, as 2=127.0.0.1:7002"))?;
            let address = address.parse().with_context(|| format!("--member {member}: {address} is no address"))?;
            settings.members.insert(name.to_owned(), address);
        }
        if !self.voters.is_empty() {
            settings.voters = Some(self.voters.clone());
        }
        if !self.groups.is_empty() {
            settings.groups = self.groups.clone();
        }
        settings.insecure |= self.insecure;
        if let (Some(authority), Some(certificate), Some(key)) =
            (&self.tls_authority, &self.tls_certificate, &self.tls_key)
        {
            let (authority, certificate, key) = (authority.clone(), certificate.clone(), key.clone());
            settings.tls = Some(TlsSettings { authority, certificate, key, domain: "splitjob".to_owned() });
        }
        settings.admin_token = self.admin_token.clone().or(settings.admin_token);
        settings.retention_ms = self.retention_ms.or(settings.retention_ms);
        settings.pace_ms = self.pace_ms.or(settings.pace_ms);
        settings.clock_skew_ms += self.clock_skew_ms;
        Ok(settings)
    }
}

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Conclusion> {
    log(arguments.log_json);
    let settings = arguments.settings()?;
    runtime()?.block_on(async {
        let server = Server::start(settings).await?;
        let mut out = Out::new();
        let http = server.http_addr().map_or_else(String::new, |addr| format!(", jobs and metrics on http://{addr}/"));
        out.line(format_args!("serving on {}{http}", server.addr()))?;
        out.flush()?;
        drop(out);
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted?,
            _ = terminated.recv() => {}
        }
        server.stop().await;
        Ok(Conclusion::Holds)
    })
}

/// The threads that wait for sockets; the node has one of its own.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?)
}

fn log(as_json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Whoever has set one up before keeps it.
    let _set = if as_json { subscriber.json().try_init() } else { subscriber.try_init() };
}
