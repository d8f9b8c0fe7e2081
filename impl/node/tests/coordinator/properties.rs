//! Clients of two nodes among lost, late, doubled and reordered calls, while a range moves there and back.

use crate::cluster::{Cluster, Fate, LEFT, RIGHT, Reply, put};
use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, TxnId};
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::io::RequestId;
use std::collections::BTreeMap;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    Write { node: usize, key: usize },
    Transact { node: usize, keys: Vec<usize> },
    // A client asks for its transaction again, at another node perhaps.
    Again { node: usize, which: usize },
    Read { node: usize, key: usize },
    Scan { node: usize, direction: Direction },
    Deliver { node: usize, index: usize, fate: Fate },
    DeliverLate { index: usize },
    StepJob,
    StartJob,
    Hold { node: usize, is_held: bool },
    Pass { ms: u64 },
}

/// What a client has asked, and what it was told.
#[derive(Debug)]
struct Asked {
    node: usize,
    id: RequestId,
    /// The value that it writes: unique to the write or to the transaction.
    value: String,
    keys: Vec<usize>,
    reply: Option<Reply>,
}

/// What a client has looked at.
#[derive(Debug)]
struct Looked {
    node: usize,
    id: RequestId,
    keys: Vec<usize>,
    /// The newest version that had been acknowledged before it asked; of a scan nothing is promised.
    acknowledged: Timestamp,
    reply: Option<Reply>,
}

struct Run {
    cluster: Cluster,
    asked: Vec<Asked>,
    looked: Vec<Looked>,
    txns: Vec<(TxnId, Vec<usize>, String)>,
    writes: usize,
}

impl Run {
    fn new(ahead_ms: &[u64]) -> Run {
        let mut cluster = Cluster::with_two_owners();
        cluster.add_node();
        cluster.nodes[1].ahead_ms = ahead_ms[0];
        cluster.leaders_ahead_ms.insert(LEFT, ahead_ms[1]);
        cluster.leaders_ahead_ms.insert(RIGHT, ahead_ms[2]);
        Run { cluster, asked: Vec::new(), looked: Vec::new(), txns: Vec::new(), writes: 0 }
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Write { node, key } => {
                self.writes += 1;
                let value = format!("w{}", self.writes);
                let request = ClientRequest::Write { mutation: put(KEYS[*key], &value), commit_ts: None };
                self.ask(*node, request, value, vec![*key]);
            }
            Event::Transact { node, keys } => self.begin(*node, keys),
            Event::Again { node, which } if !self.txns.is_empty() => {
                let (txn, keys, value) = self.txns[which % self.txns.len()].clone();
                self.transact(*node, txn, keys, value);
            }
            Event::Read { node, key } => {
                let request = ClientRequest::Get { key: RawKey::from(KEYS[*key]), read_ts: None, routed_by: None };
                self.look(*node, request, vec![*key], self.acknowledged(*key));
            }
            Event::Scan { node, direction } => {
                let (interval, direction) = (RawInterval::all(), *direction);
                let request = ClientRequest::Scan { interval, direction, limit: 100, read_ts: None, routed_by: None };
                self.look(*node, request, (0..KEYS.len()).collect(), Timestamp::ZERO);
            }
            Event::Deliver { node, index, fate } if self.cluster.in_flight(*node) > 0 => {
                let index = index % self.cluster.in_flight(*node);
                self.cluster.deliver(*node, index, *fate);
            }
            Event::DeliverLate { index } if !self.cluster.late.is_empty() => {
                self.cluster.deliver_late(index % self.cluster.late.len());
            }
            Event::StepJob => {
                self.cluster.step_job();
            }
            Event::StartJob if self.cluster.phase().is_none() => {
                let target = if self.cluster.owner("m") == LEFT { RIGHT } else { LEFT };
                self.cluster.start_job("m", target);
            }
            Event::Hold { node, is_held } => self.cluster.nodes[*node].is_held = *is_held,
            Event::Pass { ms } => {
                self.cluster.elapsed_ms += ms;
                self.cluster.wake();
            }
            Event::Again { .. } | Event::Deliver { .. } | Event::DeliverLate { .. } | Event::StartJob => {}
        }
        self.hear();
    }

    fn begin(&mut self, node: usize, keys: &[usize]) {
        let mut start_ts = Timestamp::ZERO;
        self.cluster.at_desk(node, |_, desk| start_ts = desk.next_ts());
        // No two transactions have the same name.
        let primary = RawKey::from(KEYS[keys[0]]);
        let txn = TxnId { primary, start_ts };
        if self.txns.iter().any(|(known, ..)| *known == txn) {
            return;
        }
        let value = format!("t{}", self.txns.len());
        self.txns.push((txn.clone(), keys.to_vec(), value.clone()));
        self.transact(node, txn, keys.to_vec(), value);
    }

    fn transact(&mut self, node: usize, txn: TxnId, keys: Vec<usize>, value: String) {
        let mutations = keys.iter().map(|key| put(KEYS[*key], &value)).collect();
        self.ask(node, ClientRequest::Transact { txn, mutations }, value, keys);
    }

    fn ask(&mut self, node: usize, request: ClientRequest, value: String, keys: Vec<usize>) {
        let id = self.cluster.ask(node, request);
        self.asked.push(Asked { node, id, value, keys, reply: None });
    }

    fn look(&mut self, node: usize, request: ClientRequest, keys: Vec<usize>, acknowledged: Timestamp) {
        let id = self.cluster.ask(node, request);
        self.looked.push(Looked { node, id, keys, acknowledged, reply: None });
    }

    fn acknowledged(&self, key: usize) -> Timestamp {
        let told = self.asked.iter().filter(|asked| asked.keys.contains(&key)).filter_map(|asked| end(&asked.reply));
        told.max().unwrap_or_default()
    }

    fn hear(&mut self) {
        for looked in self.looked.iter_mut().filter(|looked| looked.reply.is_none()) {
            looked.reply = self.cluster.answer(looked.node, looked.id);
        }
        for asked in self.asked.iter_mut().filter(|asked| asked.reply.is_none()) {
            asked.reply = self.cluster.answer(asked.node, asked.id);
        }
    }

    /// Faults stop, everything that is late arrives, the job ends, and whatever is locked is settled.
    fn comes_to_rest(&mut self) {
        for node in &mut self.cluster.nodes {
            node.is_held = false;
        }
        for _ in 0..ROUNDS_TO_REST {
            while !self.cluster.late.is_empty() {
                self.cluster.deliver_late(0);
            }
            while self.cluster.step_job() {}
            self.cluster.pass(1_000);
            self.hear();
            for (key, lock) in self.locks() {
                self.cluster.at_desk(0, |coordinator, desk| coordinator.settle(desk, key, lock));
            }
        }
        self.cluster.pass(1_000);
        self.hear();
    }

    fn locks(&self) -> Vec<(RawKey, Lock)> {
        let groups = self.cluster.groups.values();
        groups.flat_map(|group| group.store().locks(&RawInterval::all()).collect::<Vec<_>>()).collect()
    }

    fn judge(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.cluster.locked(), vec![], "every lock can be settled");
        let held: Vec<Vec<(Timestamp, String)>> = KEYS.iter().map(|key| self.cluster.values(key)).collect();
        for asked in &self.asked {
            self.judge_one(asked, &held)?;
        }
        for looked in &self.looked {
            judge_look(looked, &held)?;
        }
        self.judge_repeated()
    }

    /// What a client was told holds of the rows, for all its keys or for none.
    fn judge_one(&self, asked: &Asked, held: &[Vec<(Timestamp, String)>]) -> Result<(), TestCaseError> {
        let stamps: Vec<Option<Timestamp>> = asked.keys.iter().map(|key| stamp(&held[*key], &asked.value)).collect();
        prop_assert!(stamps.iter().all(|found| *found == stamps[0]), "torn: {asked:?} at {stamps:?}");
        match asked.reply.as_ref().expect("every request is answered in time") {
            Ok(ClientResponse::Written { commit_ts } | ClientResponse::Committed { commit_ts }) => {
                prop_assert_eq!(stamps[0], Some(*commit_ts), "lost: {:?}", asked);
            }
            Err(NodeError::Unknown { .. }) => {}
            // Another attempt of the same client may have committed it: this one has changed nothing.
            Err(NodeError::Unavailable { .. }) if self.is_repeated(asked) => {}
            Err(NodeError::Rejected(_) | NodeError::Unavailable { .. }) => {
                prop_assert_eq!(stamps[0], None, "done although refused: {:?}", asked);
            }
            other => prop_assert!(false, "an answer to something else: {other:?}"),
        }
        Ok(())
    }

    fn is_repeated(&self, asked: &Asked) -> bool {
        self.asked.iter().filter(|other| other.value == asked.value).count() > 1
    }

    /// A transaction that is asked for again is never told two ends.
    fn judge_repeated(&self) -> Result<(), TestCaseError> {
        let mut ends: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for asked in &self.asked {
            if let Some(commit_ts) = end(&asked.reply) {
                let first = *ends.entry(&asked.value).or_insert(commit_ts);
                prop_assert_eq!(first, commit_ts, "two ends of {:?}", asked);
            }
        }
        Ok(())
    }
}

/// What was read is what the rows show at that timestamp, then and at the end: whole transactions, and nothing that was
/// acknowledged is missing.
fn judge_look(looked: &Looked, held: &[Vec<(Timestamp, String)>]) -> Result<(), TestCaseError> {
    let (answer, read_ts) = match looked.reply.as_ref().expect("every request is answered in time") {
        Ok(ClientResponse::Rows { answer, read_ts }) => (answer, *read_ts),
        Err(NodeError::Rejected(_) | NodeError::Unavailable { .. }) => return Ok(()),
        other => return Err(TestCaseError::fail(format!("not the answer to a read: {other:?}"))),
    };
    prop_assert!(read_ts >= looked.acknowledged, "an acknowledged version is missing: {looked:?}");
    for key in &looked.keys {
        let expected =
            held[*key].iter().find(|(commit_ts, _)| *commit_ts <= read_ts).map(|(_, value)| value.as_bytes());
        let rows: Vec<&[u8]> = answer
            .rows
            .iter()
            .filter(|row| row.key == RawKey::from(KEYS[*key]))
            .map(|row| row.value.as_slice())
            .collect();
        prop_assert_eq!(rows, Vec::from_iter(expected), "{} in {:?}", KEYS[*key], looked);
    }
    Ok(())
}

/// The timestamp that a client was told.
fn end(reply: &Option<Reply>) -> Option<Timestamp> {
    match reply {
        Some(Ok(ClientResponse::Written { commit_ts } | ClientResponse::Committed { commit_ts })) => Some(*commit_ts),
        Some(Ok(_) | Err(_)) | None => None,
    }
}

fn stamp(values: &[(Timestamp, String)], value: &str) -> Option<Timestamp> {
    values.iter().find(|(_, held)| held == value).map(|(commit_ts, _)| *commit_ts)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Answered),
        1 => Just(Fate::Busy),
        1 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::Late),
        1 => Just(Fate::Doubled),
    ]
}

fn keys() -> impl Strategy<Value = Vec<usize>> {
    Just((0..KEYS.len()).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_flat_map(|keys| (1..=3_usize).prop_map(move |count| keys[..count].to_vec()))
}

fn event() -> impl Strategy<Value = Event> {
    let node = 0..2_usize;
    let key = 0..KEYS.len();
    prop_oneof![
        2 => (node.clone(), key.clone()).prop_map(|(node, key)| Event::Write { node, key }),
        4 => (node.clone(), keys()).prop_map(|(node, keys)| Event::Transact { node, keys }),
        1 => (node.clone(), 0..8_usize).prop_map(|(node, which)| Event::Again { node, which }),
        1 => (node.clone(), key).prop_map(|(node, key)| Event::Read { node, key }),
        1 => (node.clone(), prop_oneof![Just(Direction::Forward), Just(Direction::Reverse)])
            .prop_map(|(node, direction)| Event::Scan { node, direction }),
        24 => (node.clone(), 0..8_usize, fate()).prop_map(|(node, index, fate)| Event::Deliver { node, index, fate }),
        1 => (0..8_usize).prop_map(|index| Event::DeliverLate { index }),
        8 => Just(Event::StepJob),
        1 => Just(Event::StartJob),
        1 => (node, any::<bool>()).prop_map(|(node, is_held)| Event::Hold { node, is_held }),
        4 => prop_oneof![3 => 1..20_u64, 1 => Just(300_u64), 1 => Just(6_000)].prop_map(|ms| Event::Pass { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_transaction_over_two_groups_is_all_or_nothing_whatever_answers_are_lost(
        events in vec(event(), 0..200),
        ahead_ms in vec(0..300_u64, 3),
    ) {
        let mut run = Run::new(&ahead_ms);
        for event in &events {
            run.happens(event);
        }
        run.comes_to_rest();
        run.judge()?;
    }
}

/// Two on each side, and one of another family whose owner is on the right.
const KEYS: [&str; 5] = ["a", "b", "m", "n", "!redis|z"];
/// Seconds: more than a request's patience, and what is done beside after it.
const ROUNDS_TO_REST: usize = 40;
