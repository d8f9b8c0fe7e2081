//! What a node knows of its cluster, and changes of voters.

use super::invalid;
use crate::api::{ClusterStatus, GroupView, NodeError};
use splitjob_core::id::{CatalogVersion, GroupId, NodeId, VoterId};
use splitjob_wire::peer::VoterChange;
use splitjob_wire::proto;
use splitjob_wire::proto::change_voters_request::Change;

/// What a node knows of the cluster, as a message.
pub(crate) fn status_message(status: &ClusterStatus) -> proto::ClusterStatusResponse {
    let node = |(node, heard_ms_ago): &(NodeId, u64)| proto::NodeInfo { node_id: node.0, heard_ms_ago: *heard_ms_ago };
    proto::ClusterStatusResponse {
        node_id: status.node.0,
        catalog_version: status.catalog_version.0,
        groups: status.groups.iter().map(|view| group_message(status.node, view)).collect(),
        nodes: status.nodes.iter().map(node).collect(),
    }
}

fn group_message(node: NodeId, view: &GroupView) -> proto::GroupInfo {
    let replica = proto::ReplicaInfo {
        node_id: node.0,
        applied_index: view.applied,
        committed_index: view.committed,
        catalog_version: view.catalog_version.0,
        stopped: view.stopped.clone(),
    };
    proto::GroupInfo {
        group_id: view.group.0,
        leader_node_id: view.leader.map(|leader| leader.0),
        term: view.term,
        voters: view.voters.iter().map(|node| node.0).collect(),
        learners: view.learners.iter().map(|node| node.0).collect(),
        replicas: vec![replica],
    }
}

/// What a node says that it knows of the cluster.
pub(crate) fn status(message: proto::ClusterStatusResponse) -> ClusterStatus {
    let node = NodeId(message.node_id);
    ClusterStatus {
        node,
        catalog_version: CatalogVersion(message.catalog_version),
        groups: message.groups.into_iter().map(|group| group_view(node, group)).collect(),
        nodes: message.nodes.into_iter().map(|node| (NodeId(node.node_id), node.heard_ms_ago)).collect(),
    }
}

fn group_view(node: NodeId, group: proto::GroupInfo) -> GroupView {
    let own = group.replicas.into_iter().find(|replica| replica.node_id == node.0).unwrap_or_default();
    GroupView {
        group: GroupId(group.group_id),
        leader: group.leader_node_id.map(NodeId),
        term: group.term,
        voters: group.voters.into_iter().map(NodeId).collect(),
        learners: group.learners.into_iter().map(NodeId).collect(),
        applied: own.applied_index,
        committed: own.committed_index,
        catalog_version: CatalogVersion(own.catalog_version),
        stopped: own.stopped,
    }
}

/// Who gets or loses a vote.
///
/// # Errors
/// [`NodeError::Invalid`] for a request that doesn't say.
pub(crate) fn change(message: Option<Change>) -> Result<VoterChange, NodeError> {
    match message {
        Some(Change::AddLearner(node)) => Ok(VoterChange::AddLearner(VoterId(node))),
        Some(Change::AddVoter(node)) => Ok(VoterChange::AddVoter(VoterId(node))),
        Some(Change::Remove(node)) => Ok(VoterChange::Remove(VoterId(node))),
        None => Err(invalid("the change is missing: give add_learner, add_voter or remove")),
    }
}

/// Who gets or loses a vote, as a message.
pub(crate) fn change_message(change: VoterChange) -> Change {
    match change {
        VoterChange::AddLearner(voter) => Change::AddLearner(voter.0),
        VoterChange::AddVoter(voter) => Change::AddVoter(voter.0),
        VoterChange::Remove(voter) => Change::Remove(voter.0),
    }
}
