//! `splitjob get`, `put`, `delete`, `scan`: single requests to a cluster.

use crate::Conclusion;
use crate::out::{self, Out};
use clap::Args;
use serde_json::json;
use splitjob_core::group::{Mutation, SeenRow};
use splitjob_core::key::{RawInterval, RawKey, text};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::Content;
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::TlsSettings;
use std::path::PathBuf;
use std::time::Duration;

/// Where the cluster is, and who asks.
#[derive(Args, Clone)]
pub(crate) struct Where {
    /// The nodes, separated by commas; the others are asked when one can't be reached.
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:7001")]
    at: Vec<String>,
    /// What makes one an operator, where the cluster asks for it.
    #[arg(long)]
    admin_token: Option<String>,
    /// How long to wait for an answer, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    timeout_ms: u64,
    /// The certificate of the cluster's authority.
    #[arg(long, requires_all = ["tls_certificate", "tls_key"])]
    tls_authority: Option<PathBuf>,
    /// The client's certificate.
    #[arg(long)]
    tls_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long)]
    tls_key: Option<PathBuf>,
    /// Write JSON, for machines.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Where {
    /// A client of the cluster; to be made where tasks run.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let tls = match (&self.tls_authority, &self.tls_certificate, &self.tls_key) {
            (Some(authority), Some(certificate), Some(key)) => Some(TlsSettings {
                authority: authority.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
                domain: "splitjob".to_owned(),
            }),
            (_, _, _) => None,
        };
        let timeout = Duration::from_millis(self.timeout_ms);
        let options = ClientOptions { tls, admin_token: self.admin_token.clone(), timeout };
        Ok(Client::connect(self.at.clone(), &options)?)
    }
}

/// Reads a key.
#[derive(Args)]
pub(crate) struct Get {
    /// The key: text, or 0x and hexadecimal digits.
    #[arg(value_parser = parse_key)]
    key: RawKey,
    /// At this timestamp; the newest value, if it isn't said.
    #[arg(long)]
    ts: Option<u64>,
    #[command(flatten)]
    at: Where,
}

/// Writes a key.
#[derive(Args)]
pub(crate) struct Put {
    /// The key: text, or 0x and hexadecimal digits.
    #[arg(value_parser = parse_key)]
    key: RawKey,
    /// The value: text, or 0x and hexadecimal digits.
    value: String,
    /// When the value is gone, in Unix milliseconds.
    #[arg(long)]
    expire_at_ms: Option<u64>,
    #[command(flatten)]
    at: Where,
}

/// Deletes a key, or everything under a prefix.
#[derive(Args)]
pub(crate) struct Delete {
    /// The key: text, or 0x and hexadecimal digits.
    #[arg(value_parser = parse_key)]
    key: RawKey,
    /// Everything that begins so.
    #[arg(long)]
    prefix: bool,
    #[command(flatten)]
    at: Where,
}

/// Reads the rows of an interval.
#[derive(Args)]
pub(crate) struct Scan {
    /// The first key; from the least one, if it isn't said.
    #[arg(value_parser = parse_key)]
    start: Option<RawKey>,
    /// The first key that isn't wanted any more; to the end, if it isn't said.
    #[arg(value_parser = parse_key)]
    end: Option<RawKey>,
    /// The most rows.
    #[arg(long, default_value_t = 100)]
    limit: u64,
    /// From the last key to the first.
    #[arg(long)]
    reverse: bool,
    /// At this timestamp.
    #[arg(long)]
    ts: Option<u64>,
    #[command(flatten)]
    at: Where,
}

fn parse_key(written: &str) -> Result<RawKey, text::TextError> {
    text::decode(written).map(RawKey::from)
}

/// Asks; a refusal is told, and is no failure of this program.
pub(crate) fn ask(
    at: &Where,
    request: ClientRequest,
    show: impl FnOnce(&mut Out, ClientResponse) -> std::io::Result<Conclusion>,
) -> anyhow::Result<Conclusion> {
    let runtime = crate::serve::runtime()?;
    let response = runtime.block_on(async { anyhow::Ok(at.client()?.ask(request).await) })?;
    match response {
        Ok(response) => {
            let mut out = Out::new();
            let conclusion = show(&mut out, response)?;
            out.flush()?;
            Ok(conclusion)
        }
        Err(error) => Ok(refused(&error)),
    }
}

/// Tells why it was not done; 1 if the cluster refused, 2 if it could not be asked, or its answer isn't known.
pub(crate) fn refused(error: &NodeError) -> Conclusion {
    out::complain(format_args!("{error}"));
    match error {
        NodeError::Unavailable { .. } | NodeError::Unknown { .. } => Conclusion::Incomplete,
        NodeError::Rejected(_)
        | NodeError::CatalogRejected(_)
        | NodeError::Invalid { .. }
        | NodeError::NotFound { .. } => Conclusion::Violated,
    }
}

/// Reads a key; a key that isn't there ends with 1.
pub(crate) fn get(arguments: Get) -> anyhow::Result<Conclusion> {
    let json = arguments.at.json;
    let read_ts = arguments.ts.map(Timestamp::from_raw);
    ask(&arguments.at, ClientRequest::Get { key: arguments.key, read_ts, routed_by: None }, |out, response| {
        let ClientResponse::Rows { answer, read_ts } = response else { return Ok(Conclusion::Incomplete) };
        let row = answer.rows.first();
        match (json, row) {
            (true, row) => out.line(json!({ "read_ts": read_ts, "row": row.map(row_json) }))?,
            (false, Some(row)) => out.line(text::encode(&row.value))?,
            (false, None) => out::complain("there is no such key"),
        }
        Ok(if row.is_some() { Conclusion::Holds } else { Conclusion::Violated })
    })
}

/// Writes a key.
pub(crate) fn put(arguments: Put) -> anyhow::Result<Conclusion> {
    let expire_at = match arguments.expire_at_ms {
        Some(ms) => Timestamp::from_parts(PhysicalMs::new(ms)?, 0),
        None => Timestamp::ZERO,
    };
    let content = Content::Put { value: text::decode(&arguments.value)?, expire_at };
    write(&arguments.at, Mutation { key: arguments.key, content })
}

/// Deletes a key, or everything under a prefix.
pub(crate) fn delete(arguments: Delete) -> anyhow::Result<Conclusion> {
    if !arguments.prefix {
        return write(&arguments.at, Mutation { key: arguments.key, content: Content::Tombstone });
    }
    ask(&arguments.at, ClientRequest::DeletePrefix { prefix: arguments.key }, |out, response| {
        let ClientResponse::PrefixDeleted { rows } = response else { return Ok(Conclusion::Incomplete) };
        out.line(if arguments.at.json { json!({ "rows": rows }).to_string() } else { format!("deleted {rows} rows") })?;
        Ok(Conclusion::Holds)
    })
}

fn write(at: &Where, mutation: Mutation) -> anyhow::Result<Conclusion> {
    ask(at, ClientRequest::Write { mutation, commit_ts: None }, |out, response| {
        let ClientResponse::Written { commit_ts } = response else { return Ok(Conclusion::Incomplete) };
        let text = format!("written at {commit_ts}");
        out.line(if at.json { json!({ "commit_ts": commit_ts }).to_string() } else { text })?;
        Ok(Conclusion::Holds)
    })
}

/// Reads rows.
pub(crate) fn scan(arguments: Scan) -> anyhow::Result<Conclusion> {
    let request = ClientRequest::Scan {
        interval: RawInterval { start: arguments.start.unwrap_or_default(), end: arguments.end },
        direction: if arguments.reverse { Direction::Reverse } else { Direction::Forward },
        limit: arguments.limit,
        read_ts: arguments.ts.map(Timestamp::from_raw),
        routed_by: None,
    };
    let json = arguments.at.json;
    ask(&arguments.at, request, |out, response| {
        let ClientResponse::Rows { answer, read_ts } = response else { return Ok(Conclusion::Incomplete) };
        if json {
            let rows: Vec<_> = answer.rows.iter().map(row_json).collect();
            out.line(json!({ "read_ts": read_ts, "rows": rows, "next": answer.next }))?;
            return Ok(Conclusion::Holds);
        }
        for row in &answer.rows {
            out.line(format_args!("{}\t{}", row.key, text::encode(&row.value)))?;
        }
        if let Some(next) = &answer.next {
            out::complain(format_args!("more follows from {next} on, at timestamp {read_ts}"));
        }
        Ok(Conclusion::Holds)
    })
}

fn row_json(row: &SeenRow) -> serde_json::Value {
    json!({ "key": row.key, "value": text::encode(&row.value), "commit_ts": row.commit_ts })
}
