//! Clients of a simulated cluster, and what they remember.

use crate::nodes;
use splitjob_core::group::Mutation;
use splitjob_core::id::NodeId;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::io::RequestId;
use splitjob_node::simulator::Simulation;
use std::collections::BTreeMap;

/// Writes under way and done.
#[derive(Default)]
pub(crate) struct Clients {
    under_way: BTreeMap<RequestId, (RawKey, Vec<u8>)>,
    /// What was acknowledged: key, commit timestamp, value.
    pub(crate) acknowledged: BTreeMap<RawKey, BTreeMap<Timestamp, Vec<u8>>>,
    /// What may have happened.
    pub(crate) in_doubt: BTreeMap<RawKey, Vec<Vec<u8>>>,
    pub(crate) refused: Vec<NodeError>,
    written: u64,
}

impl Clients {
    /// A client writes a value that nobody else writes, through some node.
    pub(crate) fn write(&mut self, simulation: &mut Simulation, keys: u64) {
        let node = NodeId(1 + simulation.random().below(3));
        let key = key_of(simulation.random().below(keys));
        self.written += 1;
        let value = format!("value {}", self.written).into_bytes();
        let content = Content::Put { value: value.clone(), expire_at: Timestamp::ZERO };
        let mutation = Mutation { key: key.clone(), content };
        let id = simulation.ask(node, ClientRequest::Write { mutation, commit_ts: None });
        self.under_way.insert(id, (key, value));
    }

    /// Takes the answers that have come; with `all`, what has none is in doubt for good.
    pub(crate) fn collect(&mut self, simulation: &Simulation, all: bool) {
        for (id, (key, value)) in std::mem::take(&mut self.under_way) {
            match simulation.answer(id) {
                Some((_, Ok(ClientResponse::Written { commit_ts }))) => {
                    let before = self.acknowledged.entry(key).or_default().insert(*commit_ts, value);
                    assert_eq!(before, None, "two writes of one key were acknowledged at {commit_ts}");
                }
                Some((_, Ok(other))) => panic!("a write was answered with {other:?}"),
                Some((_, Err(NodeError::Unknown { .. }))) => self.in_doubt.entry(key).or_default().push(value),
                Some((_, Err(error))) => self.refused.push(error.clone()),
                None if all => self.in_doubt.entry(key).or_default().push(value),
                None => {
                    self.under_way.insert(id, (key, value));
                }
            }
        }
    }

    pub(crate) fn acknowledged_writes(&self) -> usize {
        self.acknowledged.values().map(BTreeMap::len).sum()
    }

    /// Every key shows its newest acknowledged value, or one that is in doubt, through every node.
    pub(crate) fn check(&self, simulation: &mut Simulation) {
        for node in nodes().collect::<Vec<_>>() {
            let rows = scan(simulation, node);
            for (key, versions) in &self.acknowledged {
                let (commit_ts, newest) = versions.last_key_value().expect("a key without versions isn't kept");
                let seen = rows.get(key).unwrap_or_else(|| panic!("{key} is gone; {commit_ts} was acknowledged"));
                let is_in_doubt = self.in_doubt.get(key).is_some_and(|values| values.contains(seen));
                assert!(
                    seen == newest || is_in_doubt,
                    "{key} shows {:?} through node {node}, and {:?} was acknowledged at {commit_ts}",
                    String::from_utf8_lossy(seen),
                    String::from_utf8_lossy(newest)
                );
            }
        }
    }
}

pub(crate) fn key_of(number: u64) -> RawKey {
    RawKey::from(format!("key{number:04}").as_str())
}

/// Everything that a node shows.
pub(crate) fn scan(simulation: &mut Simulation, node: NodeId) -> BTreeMap<RawKey, Vec<u8>> {
    let mut rows = BTreeMap::new();
    let mut interval = RawInterval { start: RawKey::from("key"), end: Some(RawKey::from("kez")) };
    loop {
        let request = ClientRequest::Scan {
            interval: interval.clone(),
            direction: Direction::Forward,
            limit: 100,
            read_ts: None,
            routed_by: None,
        };
        let answer = match simulation.call(node, request, 30_000) {
            Some(Ok(ClientResponse::Rows { answer, .. })) => answer,
            other => panic!("a scan was answered with {other:?}"),
        };
        rows.extend(answer.rows.into_iter().map(|row| (row.key, row.value)));
        match answer.next {
            Some(next) => interval.start = next,
            None => return rows,
        }
    }
}
