//! A service that is right, and clients that hurry: histories to judge the judge by.
//!
//! Two groups hold the keys, each a map of versions with a clock and a read bound. Everything takes effect in one thread,
//! at a moment between call and return; a prefix delete and a scan do so in two parts, a transaction locks its keys first.
//! Some outcomes are lost, and some requests arrive long after the client has given up, or never.

mod service;

use super::operation::{Answer, Bytes, Call, Closing, History, Operation, Outcome, TransactionRead, TransactionWrite};
use service::Service;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a simulation is like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Clients; each has one operation at a time.
    pub clients: u64,
    /// Keys.
    pub keys: u64,
    /// Operations.
    pub operations: usize,
    /// Different values; absent: each is written once.
    pub values: Option<u64>,
    /// Whether the server tells timestamps that it wasn't given.
    pub tells_timestamps: bool,
    /// One of so many outcomes is lost; 0: none.
    pub lost: u64,
}

impl Shape {
    /// Few keys and clients, with everything that can happen.
    pub const SMALL: Shape =
        Shape { clients: 5, keys: 6, operations: 120, values: None, tells_timestamps: true, lost: 12 };
}

/// A run of the service: what its clients saw, and what was there in the end.
pub fn simulate(seed: u64, shape: &Shape) -> (History, Closing) {
    let mut run = Run {
        random: Random::new(seed),
        shape: *shape,
        service: Service::default(),
        events: BinaryHeap::new(),
        operations: Vec::new(),
        now: 0,
        written: 0,
    };
    for client in 0..shape.clients {
        run.schedule(1 + client, Event::Call { client });
    }
    while let Some(Reverse((at, _, event))) = run.events.pop() {
        run.now = at;
        run.happen(event);
    }
    run.finish()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Call {
        client: u64,
    },
    /// Part of an operation takes effect.
    Effect {
        operation: usize,
        part: u32,
    },
    Return {
        operation: usize,
    },
}

struct Run {
    random: Random,
    shape: Shape,
    service: Service,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    operations: Vec<Running>,
    now: u64,
    written: u64,
}

/// An operation under way.
struct Running {
    seen: Operation,
    /// What the server has decided.
    outcome: Outcome,
    /// The timestamp of all its parts.
    at: u64,
    is_lost: bool,
}

impl Run {
    fn schedule(&mut self, at: u64, event: Event) {
        let tie = self.random.next();
        self.events.push(Reverse((at, tie, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Call { client } => self.call(client),
            Event::Effect { operation, part } => self.effect(operation, part),
            Event::Return { operation } => {
                let running = &mut self.operations[operation];
                running.seen.outcome = if running.is_lost { Outcome::Unknown } else { running.outcome.clone() };
                running.seen.returned_at = Some(self.now);
                let client = running.seen.client;
                let pause = 1 + self.random.below(10);
                self.schedule(self.now + pause, Event::Call { client });
            }
        }
    }

    fn call(&mut self, client: u64) {
        if self.operations.len() >= self.shape.operations {
            return;
        }
        let call = self.any_call();
        let operation = self.operations.len();
        let parts = call_parts(&call);
        let is_lost = self.shape.lost > 0 && self.random.below(self.shape.lost) == 0;
        let (mut at, mut until) = (self.now, self.now);
        for part in 0..parts {
            at += 1 + self.random.below(8);
            // A message may come long after the client has given up, or never; but what a transaction reads it knows.
            let is_read = part == 0 && matches!(call, Call::Transaction { .. });
            if is_lost && !is_read && self.random.below(3) == 0 {
                at += 200 + self.random.below(400);
            }
            if is_lost && !is_read && self.random.below(6) == 0 {
                break;
            }
            self.schedule(at, Event::Effect { operation, part });
            if !is_lost || is_read {
                until = at;
            }
        }
        let returns = until + 1 + self.random.below(6);
        self.schedule(returns, Event::Return { operation });
        let seen = Operation { client, called_at: self.now, returned_at: None, call, outcome: Outcome::Unknown };
        self.operations.push(Running { seen, outcome: Outcome::Unknown, at: 0, is_lost });
    }

    fn any_call(&mut self) -> Call {
        let key = self.any_key();
        let newest = self.service.newest_clock();
        let read_ts = (self.random.below(3) == 0).then(|| self.random.below(newest + 2) + 1);
        let commit_ts = (self.random.below(8) == 0).then(|| self.random.below(newest + 4) + 1);
        match self.random.below(16) {
            0..=3 => Call::Put { key, value: self.any_value(), commit_ts },
            4 | 5 => Call::Delete { key, commit_ts },
            6 => Call::DeletePrefix { prefix: if self.random.below(3) == 0 { b"k".to_vec() } else { key } },
            7..=9 => Call::Get { key, read_ts },
            10 | 11 => self.any_scan(key, read_ts),
            12 => Call::Latest { key },
            _ => self.any_transaction(),
        }
    }

    fn any_scan(&mut self, start: Bytes, read_ts: Option<u64>) -> Call {
        let end = (self.random.below(2) == 0).then(|| self.any_key());
        Call::Scan { start, end, limit: 1 + self.random.below(4), reverse: self.random.below(2) == 0, read_ts }
    }

    fn any_transaction(&mut self) -> Call {
        let mut keys: Vec<Bytes> = (0..1 + self.random.below(3)).map(|_| self.any_key()).collect();
        keys.sort_unstable();
        keys.dedup();
        let reads = keys.iter().map(|key| TransactionRead { key: key.clone(), seen: None }).collect();
        let written = keys.into_iter().map(|key| {
            let value = (self.random.below(4) > 0).then(|| self.any_value());
            TransactionWrite { key, value }
        });
        Call::Transaction { start_ts: 0, reads, writes: written.collect() }
    }

    fn any_key(&mut self) -> Bytes {
        format!("k{}", self.random.below(self.shape.keys)).into_bytes()
    }

    fn any_value(&mut self) -> Bytes {
        self.written += 1;
        let number = self.shape.values.map_or(self.written, |values| self.random.below(values));
        format!("v{number}").into_bytes()
    }

    fn effect(&mut self, operation: usize, part: u32) {
        let Running { seen, outcome, at, .. } = &mut self.operations[operation];
        if *outcome == Outcome::Refused {
            return;
        }
        let done = self.service.take(&mut seen.call, part, operation, at);
        match done {
            Some(done) => *outcome = joined(std::mem::replace(outcome, Outcome::Unknown), done),
            // Parts that are done stay done.
            None if part > 0 && matches!(seen.call, Call::DeletePrefix { .. }) => *outcome = Outcome::Unknown,
            None => *outcome = Outcome::Refused,
        }
    }

    fn finish(mut self) -> (History, Closing) {
        self.service.locks.clear();
        let at = self.service.newest_clock() + 1;
        let rows = self.service.scan(b"", None, u64::MAX, false, at);
        let mut closing = Closing { at, rows };
        let mut history = History::default();
        for mut running in self.operations {
            if !self.shape.tells_timestamps {
                forget_timestamps(&mut running.seen);
            }
            history.push(running.seen).expect("the simulation tells each client a time and an answer that fits");
        }
        if !self.shape.tells_timestamps {
            closing.rows.iter_mut().for_each(|row| row.commit_ts = None);
        }
        (history, closing)
    }
}

/// In how many parts a call takes effect.
fn call_parts(call: &Call) -> u32 {
    match call {
        Call::Put { .. } | Call::Delete { .. } | Call::Get { .. } | Call::Latest { .. } => 1,
        Call::Scan { .. } | Call::DeletePrefix { .. } => 2,
        Call::Transaction { .. } => 3,
    }
}

/// The answers of two parts, as one.
fn joined(before: Outcome, answer: Answer) -> Outcome {
    match (before, answer) {
        (Outcome::Ok(Answer::Rows { mut rows, .. }), Answer::Rows { rows: more, read_ts, next }) => {
            rows.extend(more);
            Outcome::Ok(Answer::Rows { rows, read_ts, next })
        }
        (Outcome::Ok(_) | Outcome::Refused | Outcome::Unknown, answer) => Outcome::Ok(answer),
    }
}

fn forget_timestamps(operation: &mut Operation) {
    if let Outcome::Ok(answer) = &mut operation.outcome {
        match answer {
            Answer::Written { commit_ts } => *commit_ts = None,
            Answer::Value { seen, read_ts } => {
                *read_ts = None;
                seen.iter_mut().for_each(|seen| seen.commit_ts = None);
            }
            Answer::Rows { rows, read_ts, .. } => {
                *read_ts = None;
                rows.iter_mut().for_each(|row| row.commit_ts = None);
            }
            Answer::Newest(_) => {}
        }
    }
    if let Call::Transaction { reads, .. } = &mut operation.call {
        reads.iter_mut().filter_map(|read| read.seen.as_mut()).for_each(|seen| seen.commit_ts = None);
    }
}

/// Numbers that look random and are the same for the same seed.
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random { state: seed ^ 0x5851_f42d_4c95_7f2d }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound that isn't 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
