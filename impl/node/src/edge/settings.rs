//! What a server is started with: one TOML file, or flags, or nothing for a single node on this machine.

use crate::config::{ConfigError, NodeConfig};
use serde::Deserialize;
use splitjob_core::id::{GroupId, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// Everything that a server process must know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// This node's number, from 1 on.
    #[serde(default = "one")]
    pub node: u64,
    /// Where its data lies; made if it isn't there.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// Where it serves gRPC.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where it serves metrics and the page of jobs; absent: nowhere.
    #[serde(default)]
    pub http: Option<SocketAddr>,
    /// Every node of the cluster and where it serves gRPC; absent: this node alone.
    #[serde(default)]
    pub members: BTreeMap<String, SocketAddr>,
    /// The nodes with the first votes; absent: all members.
    #[serde(default)]
    pub voters: Option<Vec<u64>>,
    /// The data groups.
    #[serde(default = "default_groups")]
    pub groups: Vec<u64>,
    /// The store's cache for each replica, in bytes.
    #[serde(default)]
    pub cache_bytes: Option<usize>,
    /// Versions that only older reads need are collected, in milliseconds; 0: never.
    #[serde(default)]
    pub retention_ms: Option<u64>,
    /// The pause between two exports while writes flow, in milliseconds.
    #[serde(default)]
    pub pace_ms: Option<u64>,
    /// The wall clock is shown off by so many milliseconds: for tests.
    #[serde(default)]
    pub clock_skew_ms: i64,
    /// Serve beyond this machine without TLS.
    #[serde(default)]
    pub insecure: bool,
    /// Certificates; absent: no TLS.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// What an operator must send as `authorization: Bearer …`; absent: whoever reaches the node is an operator.
    #[serde(default)]
    pub admin_token: Option<String>,
}

/// Mutual TLS: who can show a certificate of the authority is a node or a client of the cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate of the authority, in PEM.
    pub authority: PathBuf,
    /// This node's certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The name that the nodes' certificates are made out to.
    #[serde(default = "default_domain")]
    pub domain: String,
}

/// Why settings can't be served with.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A member's name is no number.
    #[error("member {name:?} has no number: write members as `1 = \"127.0.0.1:7001\"`")]
    MemberName {
        /// The name.
        name: String,
    },
    /// The node would be reached by anybody, in the clear.
    #[error("{listen} can be reached from other machines without TLS: give certificates, or say --insecure")]
    Open {
        /// The address.
        listen: SocketAddr,
    },
    /// The cluster's configuration can't be run.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ServerSettings {
    /// The settings of a single node on this machine.
    pub fn alone() -> ServerSettings {
        toml::from_str("").expect("every setting has a default")
    }

    /// The settings in a file.
    ///
    /// # Errors
    /// [`SettingsError::File`], with the line where it is wrong.
    pub fn read(path: &std::path::Path) -> Result<ServerSettings, SettingsError> {
        let file = |why: String| SettingsError::File { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
        toml::from_str(&text).map_err(|error| file(error.to_string()))
    }

    /// The addresses of all members, this node's included.
    ///
    /// # Errors
    /// [`SettingsError::MemberName`].
    pub fn addresses(&self) -> Result<BTreeMap<NodeId, SocketAddr>, SettingsError> {
        let mut addresses = BTreeMap::new();
        for (name, address) in &self.members {
            let number: u64 = name.parse().map_err(|_| SettingsError::MemberName { name: name.clone() })?;
            addresses.insert(NodeId(number), *address);
        }
        if addresses.is_empty() {
            addresses.insert(NodeId(self.node), self.listen);
        }
        Ok(addresses)
    }

    /// What the node itself must know, checked.
    ///
    /// # Errors
    /// A [`SettingsError`], which says what would be right.
    pub fn node_config(&self) -> Result<NodeConfig, SettingsError> {
        for listen in std::iter::once(self.listen).chain(self.http) {
            if !listen.ip().is_loopback() && self.tls.is_none() && !self.insecure {
                return Err(SettingsError::Open { listen });
            }
        }
        let members: BTreeSet<NodeId> = self.addresses()?.into_keys().collect();
        let groups = self.groups.iter().copied().map(GroupId).collect();
        let mut config = NodeConfig::new(NodeId(self.node), members, groups);
        if let Some(voters) = &self.voters {
            config.first_voters = voters.iter().copied().map(NodeId).collect();
        }
        config.cache_bytes = self.cache_bytes.unwrap_or(config.cache_bytes);
        config.retention_ms = match self.retention_ms {
            Some(0) => None,
            Some(ms) => Some(ms),
            None => config.retention_ms,
        };
        config.pace_ms = self.pace_ms.unwrap_or(config.pace_ms);
        config.seed = self.node;
        config.check()?;
        Ok(config)
    }
}

fn one() -> u64 {
    1
}

fn default_data() -> PathBuf {
    PathBuf::from("splitjob-data")
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7001))
}

fn default_groups() -> Vec<u64> {
    vec![1, 2]
}

fn default_domain() -> String {
    "splitjob".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> ServerSettings {
        toml::from_str(text).expect("the test's settings can be read")
    }

    #[test]
    fn a_single_node_needs_no_settings() {
        let config = ServerSettings::alone().node_config().expect("the defaults can be run");
        assert_eq!((config.node, config.members.len(), config.data_groups.len()), (NodeId(1), 1, 2));
    }

    #[test]
    fn a_listener_beyond_this_machine_needs_tls_or_a_word() {
        let open = settings("listen = \"0.0.0.0:7001\"");
        assert!(matches!(open.node_config(), Err(SettingsError::Open { .. })));
        assert!(settings("listen = \"0.0.0.0:7001\"\ninsecure = true").node_config().is_ok());
    }

    #[test]
    fn an_unknown_setting_is_refused_by_its_name() {
        let error = toml::from_str::<ServerSettings>("lissten = \"127.0.0.1:7001\"").expect_err("it is misspelt");
        assert!(error.to_string().contains("lissten"), "{error}");
    }

    #[test]
    fn a_node_that_is_not_a_member_is_refused() {
        let alone = settings("node = 3\n[members]\n1 = \"127.0.0.1:7001\"");
        assert!(matches!(alone.node_config(), Err(SettingsError::Config(ConfigError::NotAMember { node: NodeId(3) }))));
    }
}
