//! What a node is told about itself and its cluster.

use crate::desk::DEFAULT_GROUP;
use splitjob_core::catalog::CatalogLimits;
use splitjob_core::id::{GroupId, NodeId};
use std::collections::BTreeSet;
use thiserror::Error;

/// What a node's deciding core must know; the same on every node, but for `node` and `seed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// This node.
    pub node: NodeId,
    /// Every node that can be reached, this one included.
    pub members: BTreeSet<NodeId>,
    /// The nodes that have the first votes in every group; the others join later.
    pub first_voters: BTreeSet<NodeId>,
    /// The data groups; the first one owns the whole key space in the beginning.
    pub data_groups: Vec<GroupId>,
    /// The numbers that bound the catalog.
    pub limits: CatalogLimits,
    /// Decides the order of elections.
    pub seed: u64,
    /// The store's cache, in bytes, for each replica.
    pub cache_bytes: usize,
    /// Versions that only reads older than so many milliseconds need are collected; absent: never.
    pub retention_ms: Option<u64>,
    /// The pause between two exports while writes flow, in milliseconds.
    pub pace_ms: u64,
    /// Whether this binary says that it can run the protocol (V1); a test of mixed versions says no.
    pub is_capable: bool,
}

/// Why a configuration can't be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The node isn't among the members.
    #[error("node {node} is not among the members: list it with its address")]
    NotAMember {
        /// The node.
        node: NodeId,
    },
    /// A voter isn't among the members.
    #[error("voter {node} is not among the members: list it with its address")]
    UnknownVoter {
        /// The voter.
        node: NodeId,
    },
    /// Nobody has a vote.
    #[error("no node has a vote: name at least one")]
    NoVoter,
    /// A node's number is zero.
    #[error("0 is no node: number them from 1 on")]
    NodeZero,
    /// There is no data group, or one is named twice, or is the default group.
    #[error("the data groups must be different numbers from 1 on, at least one; got {groups:?}")]
    Groups {
        /// The groups.
        groups: Vec<GroupId>,
    },
}

impl NodeConfig {
    /// A configuration with the usual numbers.
    pub fn new(node: NodeId, members: BTreeSet<NodeId>, data_groups: Vec<GroupId>) -> NodeConfig {
        let limits = CatalogLimits { heartbeat_ms: 2 * HEARTBEAT_MS, ..CatalogLimits::default() };
        NodeConfig {
            node,
            first_voters: members.clone(),
            members,
            data_groups,
            limits,
            seed: 0,
            cache_bytes: DEFAULT_CACHE_BYTES,
            retention_ms: Some(DEFAULT_RETENTION_MS),
            pace_ms: 5,
            is_capable: true,
        }
    }

    /// Checks that it can be run.
    ///
    /// # Errors
    /// A [`ConfigError`], which says what would be right.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.members.contains(&NodeId(0)) {
            return Err(ConfigError::NodeZero);
        }
        if !self.members.contains(&self.node) {
            return Err(ConfigError::NotAMember { node: self.node });
        }
        if let Some(node) = self.first_voters.difference(&self.members).next() {
            return Err(ConfigError::UnknownVoter { node: *node });
        }
        if self.first_voters.is_empty() {
            return Err(ConfigError::NoVoter);
        }
        let distinct: BTreeSet<GroupId> = self.data_groups.iter().copied().collect();
        let is_wrong = distinct.is_empty() || distinct.len() != self.data_groups.len();
        if is_wrong || distinct.contains(&DEFAULT_GROUP) {
            return Err(ConfigError::Groups { groups: self.data_groups.clone() });
        }
        Ok(())
    }
}

/// A node says so often that it is there, in milliseconds; the catalog counts it for two such times (V1).
pub const HEARTBEAT_MS: u64 = 1_000;
const DEFAULT_CACHE_BYTES: usize = 64 << 20;
const DEFAULT_RETENTION_MS: u64 = 600_000;
