//! One job among clients that write, read, delete prefixes and run transactions, with messages lost, late and doubled.

pub(crate) mod oracle;

use crate::harness::{Cluster, SOURCE, TARGET, put, raw, ts};
use oracle::{KEYS, Key, Oracle, Shown};
use splitjob_core::catalog::{Advance, Routes};
use splitjob_core::coordinator::route_prefix;
use splitjob_core::gate::Gates;
use splitjob_core::group::{
    Adoption, ApplyContext, DeletePrefix, GroupCommand, Mutation, Outcome, ReadRequest, ReadShape, Rejection,
    TxnAction, TxnCommand, WriteRequest,
};
use splitjob_core::id::{GroupId, JobId};
use splitjob_core::job::{JobOptions, PhaseName, Step};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, VersionReader};
use splitjob_core::txn::{Participant, Progress, ResolveStep, TxnId, TxnStep, next_steps, resolve};
use splitjob_core::version::Content;

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Write { key: usize, back: u64, deletes: bool, astray: bool },
    DeletePrefix { prefix: &'static str, back: u64 },
    Read { key: Option<usize>, back: u64, versions_behind: usize },
    BeginTxn { primary: usize, secondary: usize, back: u64 },
    DriveTxn { which: usize, answer_lost: bool },
    RepeatTxn { which: usize },
    Settle,
    JobStep(Fate),
    DeliverLate { which: usize },
    TakeOver,
    SpendBudget,
    Abandon,
    Retry,
    Adopt { group: GroupId },
    HoldAdoption { group: GroupId },
    Collect { back: u64 },
    SetClock { to: u64 },
}

/// What becomes of a migrator's message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Arrives,
    IsLost,
    IsDoubled,
    IsHeldBack,
}

struct Client {
    txn: TxnId,
    commit_ts: u64,
    keys: [Key; 2],
    participants: Vec<Participant>,
}

/// The cluster, what clients know, and what is under way.
pub(crate) struct Simulation {
    pub(crate) cluster: Cluster,
    oracle: Oracle,
    clients: Vec<Client>,
    reads: Vec<(Vec<Key>, u64, Shown)>,
    late: Vec<(GroupId, GroupCommand)>,
    sent: Vec<(Key, TxnCommand)>,
    /// Every version of the routes that there was.
    routes: Vec<Routes>,
    /// Above every timestamp that a client has used.
    next_ts: u64,
}

impl Simulation {
    pub(crate) fn new(options: JobOptions) -> Simulation {
        let mut simulation = Simulation {
            cluster: Cluster::new(),
            oracle: Oracle::default(),
            clients: Vec::new(),
            reads: Vec::new(),
            late: Vec::new(),
            sent: Vec::new(),
            routes: vec![Cluster::new().catalog.routes().clone()],
            next_ts: 20,
        };
        for key in 0..KEYS.len() {
            simulation.happen(Event::Write { key, back: key as u64, deletes: false, astray: false });
        }
        simulation.cluster.start("m", TARGET, options).expect("the range is at rest");
        simulation
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.cluster.catalog.live_jobs().next().is_none()
    }

    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Write { key, back, deletes, astray } => self.write(KEYS[key], back, deletes, astray),
            Event::DeletePrefix { prefix, back } => self.delete_prefix(prefix, back),
            Event::Read { key, back, versions_behind } => self.read(key, back, versions_behind),
            Event::BeginTxn { primary, secondary, back } => self.begin(primary, secondary, back),
            Event::DriveTxn { which, answer_lost } => self.drive(which, answer_lost),
            Event::RepeatTxn { which } => self.repeat(which),
            Event::Settle => self.settle(),
            Event::DeliverLate { which } => self.deliver_late(which),
            Event::Adopt { group } => self.cluster.adopt(group),
            Event::HoldAdoption { group } => {
                let adoption = Adoption::of(self.cluster.catalog.routes());
                self.late.push((group, GroupCommand::Adopt(adoption)));
            }
            Event::Collect { back } => {
                let through = ts(self.next_ts.saturating_sub(back + 8));
                let _ =
                    self.apply(SOURCE, &GroupCommand::Collect { through, from: RawKey::default(), limit: u64::MAX });
            }
            Event::SetClock { to } => self.cluster.clock = ts(to),
            Event::SpendBudget => self.cluster.now_ms += 10_000,
            Event::JobStep(_) | Event::TakeOver | Event::Abandon | Event::Retry if self.has_ended() => {}
            Event::JobStep(fate) => self.job_step(fate),
            Event::TakeOver => drop(self.cluster.advance(Advance::TakeOver)),
            Event::Abandon => drop(self.cluster.advance(Advance::Abandon)),
            Event::Retry => drop(self.cluster.advance(Advance::Retry)),
        }
        let routes = self.cluster.catalog.routes();
        if self.routes.last().is_some_and(|last| last.version < routes.version) {
            self.routes.push(routes.clone());
        }
    }

    /// Moves the range again, to the group that doesn't own it.
    pub(crate) fn move_again(&mut self, options: JobOptions) {
        let target = other(self.cluster.owner("m"));
        self.cluster.start("m", target, options).expect("the range is at rest");
    }

    fn apply(&mut self, group: GroupId, command: &GroupCommand) -> Result<Outcome, Rejection> {
        let group = self.cluster.groups.get_mut(&group).expect("the simulation names one of the groups");
        group.apply(command, &ApplyContext::production())
    }

    fn timestamp(&mut self, back: u64) -> u64 {
        self.next_ts += 1;
        (self.next_ts - 1).saturating_sub(back).max(2)
    }

    fn write(&mut self, key: Key, back: u64, deletes: bool, astray: bool) {
        let (owner, commit_ts) = (self.cluster.owner(key.routes_as), self.timestamp(back));
        let group = if astray { other(owner) } else { owner };
        let value = format!("write {}", self.next_ts);
        let put = Content::Put { value: value.clone().into_bytes(), expire_at: ts(0) };
        let content = if deletes { Content::Tombstone } else { put };
        let mutations = vec![Mutation { key: RawKey::from(key.raw), content }];
        let request = WriteRequest { mutations, commit_ts: ts(commit_ts), routed_by: None };
        if self.apply(group, &GroupCommand::Write(request)).is_ok() {
            assert_eq!(group, owner, "S4: a group that doesn't own {key:?} admitted a write");
            self.oracle.decide(key, commit_ts, Some(value).filter(|_| !deletes));
        }
    }

    fn delete_prefix(&mut self, prefix: &'static str, back: u64) {
        let commit_ts = self.timestamp(back);
        let Ok(parts) = route_prefix(self.cluster.catalog.routes(), &RawKey::from(prefix)) else { return };
        for part in parts {
            let footprint = part.footprint;
            let request = DeletePrefix {
                prefix: RawKey::from(prefix),
                part: footprint.clone(),
                commit_ts: ts(commit_ts),
                routed_by: Some(part.routed_by),
            };
            let Ok(outcome) = self.apply(part.group, &GroupCommand::DeletePrefix(request)) else { continue };
            let is_met =
                |key: &&Key| key.raw.starts_with(prefix) && footprint.contains(&RoutingKey::from(key.routes_as));
            let is_visible = |key: &&Key| self.oracle.visible(**key, commit_ts).is_some();
            let hidden: Vec<Key> = KEYS.iter().filter(is_met).filter(is_visible).copied().collect();
            assert_eq!(outcome, Outcome::PrefixDeleted { rows: hidden.len() as u64 }, "under {prefix:?}");
            hidden.iter().for_each(|key| self.oracle.decide(*key, commit_ts, None));
        }
    }

    /// A read by a coordinator whose copy of the routes is so many versions old.
    fn read(&mut self, key: Option<usize>, back: u64, versions_behind: usize) {
        let read_ts = self.next_ts.saturating_sub(back).max(1);
        let routes = &self.routes[self.routes.len().saturating_sub(versions_behind + 1)];
        let at = routes.covering(&RoutingKey::from(key.map_or("m", |key| KEYS[key].routes_as))).group;
        let routed_by = Some(routes.version);
        let keys: Vec<Key> = match key {
            Some(key) => vec![KEYS[key]],
            None => KEYS.iter().filter(|key| key.routes_as >= "m").copied().collect(),
        };
        let shape = match key {
            Some(key) => ReadShape::Point { key: RawKey::from(KEYS[key].raw) },
            None => ReadShape::Scan {
                interval: RawInterval::all(),
                range: KeyRange::new(RoutingKey::from("m"), None).expect("no end is above every start"),
                direction: Direction::Forward,
                limit: 10,
            },
        };
        let request = ReadRequest { shape, read_ts: ts(read_ts), routed_by };
        let _ = self.apply(at, &GroupCommand::BindRead(request.bind()));
        let Ok(answer) = self.cluster.group(at).read(&request, Gates::all()) else { return };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the simulation writes text");
        let shown: Shown =
            answer.rows.into_iter().map(|row| (row.key.to_string(), row.commit_ts.raw(), text(row.value))).collect();
        assert_eq!(shown, self.oracle.shown(&keys, read_ts), "S2: a read at {read_ts} on group {at}");
        self.reads.push((keys, read_ts, shown));
    }

    fn begin(&mut self, primary: usize, secondary: usize, back: u64) {
        if primary == secondary {
            return;
        }
        let commit_ts = self.timestamp(back);
        // The name is unique: the start of each transaction is another one.
        let txn = TxnId { primary: RawKey::from(KEYS[primary].raw), start_ts: ts(commit_ts - 1) };
        if self.clients.iter().any(|client| client.txn == txn) {
            return;
        }
        let keys = [KEYS[primary], KEYS[secondary]];
        let participants = keys.map(|key| Participant { key: RawKey::from(key.raw), progress: Progress::Unsent });
        self.clients.push(Client { txn, commit_ts, keys, participants: participants.into() });
    }

    fn drive(&mut self, which: usize, answer_lost: bool) {
        if self.clients.is_empty() {
            return;
        }
        let which = which % self.clients.len();
        let client = &self.clients[which];
        let Some((index, step)) = next_steps(&client.participants, Gates::all()).pop() else { return };
        let key = client.keys[index];
        let keys = raw(&[key.raw]);
        let action = match step {
            TxnStep::Prepare => {
                TxnAction::Prepare { mutations: vec![put(key.raw, client.commit_ts)], expires_at_ms: 0 }
            }
            TxnStep::Commit => TxnAction::Commit { keys },
            TxnStep::Abort => TxnAction::Abort { keys },
        };
        let command = TxnCommand { txn: client.txn.clone(), commit_ts: ts(client.commit_ts), routed_by: None, action };
        let answer = self.send(key, command);
        if let Some(progress) = progress(step, &answer).filter(|_| !answer_lost) {
            self.clients[which].participants[index].progress = progress;
        }
    }

    /// Sends a step of a transaction to the key's owner; a primary that commits decides for all keys (X2).
    fn send(&mut self, key: Key, command: TxnCommand) -> Result<Outcome, Rejection> {
        let answer = self.apply(self.cluster.owner(key.routes_as), &GroupCommand::Txn(command.clone()));
        if let (Ok(Outcome::Committed { commit_ts }), true) = (&answer, command.txn.primary == RawKey::from(key.raw)) {
            let client = self.clients.iter().find(|client| client.txn == command.txn);
            let client = client.expect("every transaction has a client");
            assert_eq!(commit_ts.raw(), client.commit_ts, "S6: another timestamp than the first answer's");
            for key in client.keys {
                let value = format!("{}@{}", key.raw, client.commit_ts);
                self.oracle.decide(key, client.commit_ts, Some(value));
            }
        }
        self.sent.push((key, command));
        answer
    }

    fn repeat(&mut self, which: usize) {
        if !self.sent.is_empty() {
            let (key, command) = self.sent[which % self.sent.len()].clone();
            let _ = self.send(key, command);
        }
    }

    /// Does what follows from the first lock of each group, as somebody who finds it expired (X5).
    pub(crate) fn settle(&mut self) {
        for group in [SOURCE, TARGET] {
            let Some((key, lock)) = self.cluster.group(group).store().locks(&RawInterval::all()).next() else {
                continue;
            };
            let primary = known(&lock.txn.primary);
            let routed_by = Some(self.cluster.catalog.routes().version);
            let at = self.cluster.group(self.cluster.owner(primary.routes_as));
            let Ok(status) = at.txn_status(&lock.txn, routed_by, Gates::all()) else { continue };
            let (key, action) = match resolve(&status, true, Gates::all()) {
                ResolveStep::Commit => (known(&key), TxnAction::Commit { keys: vec![key] }),
                ResolveStep::Abort => (known(&key), TxnAction::Abort { keys: vec![key] }),
                ResolveStep::RollBackPrimary => (primary, TxnAction::Abort { keys: vec![lock.txn.primary.clone()] }),
                ResolveStep::Wait => continue,
            };
            let command = TxnCommand { txn: lock.txn, commit_ts: lock.commit_ts, routed_by: None, action };
            let _ = self.send(key, command);
        }
    }

    fn job_step(&mut self, fate: Fate) {
        let step = self.cluster.decide();
        let commands = self.cluster.commands(&step);
        match fate {
            Fate::Arrives | Fate::IsDoubled => {
                for (group, command) in &commands {
                    let done = self.apply(*group, command);
                    assert!(done.is_ok(), "{command:?} was refused: {done:?}");
                }
                if let Step::Advance(advance) = step {
                    let done = self.cluster.advance(advance.clone());
                    assert!(done.is_ok(), "{advance:?} was refused: {done:?}");
                }
            }
            Fate::IsLost | Fate::IsHeldBack => {}
        }
        if matches!(fate, Fate::IsDoubled | Fate::IsHeldBack) {
            self.late.extend(commands);
        }
    }

    fn deliver_late(&mut self, which: usize) {
        if !self.late.is_empty() {
            let (group, command) = self.late[which % self.late.len()].clone();
            let _ = self.apply(group, &command);
        }
    }

    /// Faults stop: clients and job go on until both have ended.
    pub(crate) fn come_to_rest(&mut self) {
        for round in 0..MOST_ROUNDS {
            (0..self.clients.len()).for_each(|which| self.drive(which, false));
            self.settle();
            if !self.has_ended() {
                if self.cluster.phase() == PhaseName::Failed {
                    self.happen(Event::Abandon);
                }
                if matches!(self.cluster.decide(), Step::Wait(_)) && round % 50 == 49 {
                    self.happen(Event::SpendBudget);
                }
                self.happen(Event::JobStep(Fate::Arrives));
            }
        }
        assert!(self.has_ended(), "L1: the job is in {} and waits: {:?}", self.cluster.phase(), self.cluster.decide());
    }

    /// What must be true when everything has ended (S1–S3, S6, S9).
    pub(crate) fn judge(&mut self) {
        let late: Vec<_> = (0..self.late.len()).collect();
        late.into_iter().for_each(|which| self.deliver_late(which));
        for (keys, read_ts, shown) in &self.reads {
            assert_eq!(&self.oracle.shown(keys, *read_ts), shown, "S3: a read at {read_ts} came untrue");
        }
        if self.cluster.phase() == PhaseName::Abandoned {
            let commit_ts = self.next_ts + 1;
            self.next_ts = commit_ts;
            let written = self.cluster.write("m", commit_ts);
            assert!(written.is_ok(), "J8: the range takes no writes: {written:?}");
            self.oracle.decide(KEYS[3], commit_ts, Some(format!("m@{commit_ts}")));
        }
        self.cluster.adopt(SOURCE);
        self.cluster.adopt(TARGET);
        for (index, key) in KEYS.iter().enumerate() {
            let served = self.reads.len();
            for back in 0..self.next_ts {
                self.read(Some(index), back, 0);
            }
            assert!(self.reads.len() > served, "nobody serves {key:?}");
        }
        self.judge_remains();
    }

    fn judge_remains(&self) {
        for group in [SOURCE, TARGET] {
            let group = self.cluster.group(group);
            assert!(group.jobs().is_empty(), "S9: guards are left on group {}", group.id());
            assert_eq!(group.store().locks(&RawInterval::all()).count(), 0, "locks are left on group {}", group.id());
            let moving = KeyRange::new(RoutingKey::from("m"), None).expect("no end is above every start");
            let status = group.status(JobId(1), &moving, Gates::all());
            assert_eq!(status.first_staged, None, "S9: staged rows are left on group {}", group.id());
            let keeps = group.id() == self.cluster.owner("m");
            assert!(keeps || status.first_row.is_none(), "S9: rows are left on group {}", group.id());
        }
    }
}

fn other(group: GroupId) -> GroupId {
    if group == SOURCE { TARGET } else { SOURCE }
}

fn known(raw: &RawKey) -> Key {
    let key = KEYS.iter().find(|key| RawKey::from(key.raw) == *raw);
    *key.expect("only the simulation's keys are locked")
}

/// What a client makes of an answer; nothing, where it will ask again.
fn progress(step: TxnStep, answer: &Result<Outcome, Rejection>) -> Option<Progress> {
    match (step, answer) {
        (TxnStep::Prepare, Ok(_)) => Some(Progress::Prepared),
        (TxnStep::Commit, Ok(_)) | (TxnStep::Abort, Err(Rejection::TxnCommitted { .. })) => Some(Progress::Committed),
        (TxnStep::Abort, Ok(_)) | (TxnStep::Commit, Err(Rejection::TxnRolledBack)) => Some(Progress::Aborted),
        (
            TxnStep::Prepare,
            Err(
                Rejection::KeyLocked { .. }
                | Rejection::WriteConflict { .. }
                | Rejection::TimestampTooLow { .. }
                | Rejection::TimestampTaken
                | Rejection::TxnRolledBack,
            ),
        ) => Some(Progress::Refused),
        (TxnStep::Prepare | TxnStep::Commit | TxnStep::Abort, Err(_)) => None,
    }
}

const MOST_ROUNDS: usize = 1000;
