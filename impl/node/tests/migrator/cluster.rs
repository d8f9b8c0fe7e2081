//! A cluster in which everything is real but time, network and disk: the core's catalog and groups, and two nodes with
//! migrators.

use crate::chance::Chance;
use crate::clients::Clients;
use crate::groups::DataGroup;
use crate::process::{Process, is_import};
use splitjob_core::catalog::{
    Advance, AdvanceJob, Catalog, CatalogCommand, CatalogLimits, CatalogOutcome, CatalogRejection, StartJob,
};
use splitjob_core::gate::Gates;
use splitjob_core::group::{Group, Mutation};
use splitjob_core::id::{GroupId, JobId, NodeId, VoterId};
use splitjob_core::job::{JobOptions, PhaseName, SplitJob};
use splitjob_core::key::{RawKey, RoutingKey};
use splitjob_core::store::MemoryStore;
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::Content;
use splitjob_node::desk::{Asked, CallId, Desk, Destination};
use splitjob_node::io::Now;
use splitjob_node::migrator::{Migrator, MigratorSettings};
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const SOURCE: GroupId = GroupId(1);
pub(crate) const TARGET: GroupId = GroupId(2);
pub(crate) const THIRD: GroupId = GroupId(3);

/// How hostile the world is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Storm {
    /// Of a hundred messages, how many get lost.
    pub(crate) lost: u64,
    /// Of a hundred questions, how many arrive twice.
    pub(crate) doubled: u64,
    /// Of a hundred messages, how many are later than anybody waits.
    pub(crate) late: u64,
    /// The longest that other messages take, in milliseconds.
    pub(crate) most_delay_ms: u64,
    /// Clients act about so often, in milliseconds; 0: never.
    pub(crate) clients_every_ms: u64,
    /// The default group's leader changes about so often, in milliseconds; 0: never.
    pub(crate) flaps_every_ms: u64,
    /// Then the storm is over, but for clients.
    pub(crate) until_ms: u64,
}

/// Something that comes to pass.
enum Mail {
    Question { process: usize, asked: Asked },
    Answer { process: usize, call: CallId, answer: Result<Answer, CallError> },
    Overdue { process: usize, call: CallId },
    Read { process: usize, read: u64, index: usize },
    Follow { process: usize, index: usize },
    Deposed { process: usize },
    Clients,
    Voters,
    Flap,
}

/// Everything that there is.
pub(crate) struct Cluster {
    pub(crate) now_ms: u64,
    pub(crate) chance: Chance,
    pub(crate) storm: Storm,
    /// The catalog after each entry of the default group's log.
    pub(crate) catalogs: Vec<Catalog>,
    pub(crate) groups: BTreeMap<GroupId, DataGroup>,
    pub(crate) processes: Vec<Process>,
    pub(crate) leader: usize,
    pub(crate) clients: Clients,
    /// Groups whose leader answers nobody.
    pub(crate) silent: BTreeSet<GroupId>,
    /// Until then no leader has counted its rows.
    pub(crate) busy_digests_until_ms: u64,
    /// So many imports are still to be held back.
    pub(crate) imports_to_hold: usize,
    held: Vec<Mail>,
    mail: BTreeMap<(u64, u64), Mail>,
    posted: u64,
}

impl Cluster {
    pub(crate) fn new(seed: u64, storm: Storm, live_jobs: u64) -> Cluster {
        let groups = BTreeSet::from([SOURCE, TARGET, THIRD]);
        let catalog = Catalog::new(SOURCE, groups.clone(), CatalogLimits { live_jobs, ..CatalogLimits::default() });
        let group = |id| (id, DataGroup::new(id, Group::new(id, MemoryStore::default(), catalog.routes())));
        let mut cluster = Cluster {
            now_ms: 100,
            chance: Chance(seed),
            storm,
            groups: groups.into_iter().map(group).collect(),
            catalogs: vec![catalog],
            processes: (1..=2).map(|node| Process::new(NodeId(node), settings())).collect(),
            leader: 0,
            clients: Clients::default(),
            silent: BTreeSet::new(),
            busy_digests_until_ms: 0,
            imports_to_hold: 0,
            held: Vec::new(),
            mail: BTreeMap::new(),
            posted: 0,
        };
        cluster.post(1, Mail::Clients);
        cluster.post(1, Mail::Voters);
        if storm.flaps_every_ms > 0 {
            cluster.post(storm.flaps_every_ms, Mail::Flap);
        }
        cluster
    }

    /// As [`Cluster::new`] without a storm, with rows, a job on the range from `m` on, and its migrator at work.
    pub(crate) fn calm(options: JobOptions) -> Cluster {
        let mut cluster = Cluster::new(1, Storm { most_delay_ms: 1, ..Storm::default() }, 1);
        cluster.fill(3);
        cluster.start("m", TARGET, options);
        cluster.lead(0);
        cluster
    }

    /// Writes some versions of each letter's keys.
    pub(crate) fn fill(&mut self, versions: u64) {
        for version in 1..=versions {
            for letter in 'a'..='z' {
                assert!(self.write(&format!("{letter}{version}"), version), "nothing is in the way of the write");
            }
        }
    }

    pub(crate) fn write(&mut self, key: &str, back_ms: u64) -> bool {
        let commit_ts = Timestamp::from_parts(physical(WALL_MS + self.now_ms - back_ms), 1);
        let value = format!("{key}@{commit_ts}").into_bytes();
        let content = Content::Put { value, expire_at: Timestamp::ZERO };
        let mutation = Mutation { key: RawKey::from(key), content };
        let catalog = self.catalogs.last().expect("the first catalog is always there");
        self.clients.write(commit_ts, mutation, catalog, &mut self.groups)
    }

    pub(crate) fn start(&mut self, split_key: &str, target: GroupId, options: JobOptions) -> JobId {
        let split_key = RoutingKey::from(split_key);
        let start = StartJob {
            expected_version: self.catalog().routes().version,
            route: self.catalog().routes().covering(&split_key).id,
            split_key,
            target,
            options,
            now_ms: WALL_MS + self.now_ms,
        };
        match self.apply_catalog(&CatalogCommand::StartJob(start)) {
            Ok(CatalogOutcome::JobStarted { job }) => job,
            other => panic!("the job can't be started: {other:?}"),
        }
    }

    /// An operator's step.
    pub(crate) fn operate(&mut self, job: JobId, advance: Advance) -> Result<CatalogOutcome, CatalogRejection> {
        let record = self.catalog().job(job).ok_or(CatalogRejection::NoLiveJob { job })?;
        let request = AdvanceJob {
            job,
            expected_revision: record.revision,
            expected_version: self.catalog().routes().version,
            now_ms: WALL_MS + self.now_ms,
            advance,
        };
        self.apply_catalog(&CatalogCommand::AdvanceJob(request))
    }

    /// The process is told that it leads; the other one is not told yet.
    pub(crate) fn lead(&mut self, process: usize) {
        self.leader = process;
        self.processes[process].applied = self.catalogs.len() - 1;
        self.lend(process, |migrator, desk| migrator.lead(desk, true));
    }

    /// The process learns that it doesn't lead.
    pub(crate) fn depose(&mut self, process: usize) {
        self.lend(process, |migrator, desk| migrator.lead(desk, false));
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        self.catalogs.last().expect("the first catalog is always there")
    }

    /// The record of a job, live or ended.
    pub(crate) fn job(&self, job: JobId) -> &SplitJob {
        let ended = || self.catalog().history().find(|ended| ended.id == job);
        self.catalog().job(job).or_else(ended).expect("the test has started the job")
    }

    pub(crate) fn phase(&self, job: JobId) -> PhaseName {
        self.job(job).phase.name()
    }

    pub(crate) fn group(&mut self, group: GroupId) -> &mut DataGroup {
        self.groups.get_mut(&group).expect("the test names one of the three groups")
    }

    /// Lets time pass until it is so; fails if it takes too long.
    pub(crate) fn run_until(&mut self, most_ms: u64, mut is_so: impl FnMut(&mut Cluster) -> bool) {
        let end_ms = self.now_ms + most_ms;
        while !is_so(self) {
            assert!(self.now_ms < end_ms, "it isn't so after {most_ms} ms: {}", self.told());
            self.step();
        }
    }

    pub(crate) fn run_to(&mut self, job: JobId, phase: PhaseName) {
        self.run_until(60_000, |cluster| cluster.phase(job) == phase);
    }

    /// What the migrators have told lately.
    pub(crate) fn told(&self) -> String {
        let lately = |process: &Process| {
            let from = process.told.len().saturating_sub(12);
            process.told[from..].iter().map(|event| format!("\n  node {}: {event:?}", process.node)).collect::<String>()
        };
        self.processes.iter().map(lately).collect()
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: physical(WALL_MS + self.now_ms), elapsed_ms: self.now_ms }
    }

    /// The next thing comes to pass.
    fn step(&mut self) {
        let wakes = self.processes.iter().enumerate();
        let wakes = wakes.filter_map(|(process, at)| Some((at.migrator.next_wake()?.max(self.now_ms), process)));
        let wake = wakes.min();
        let ((at_ms, number), _) = self.mail.first_key_value().expect("voters always have something to come");
        if let Some((wake_ms, process)) = wake.filter(|(wake_ms, _)| wake_ms < at_ms) {
            // A clock that stands still would let a migrator that wants to be woken for nothing be woken for ever.
            self.now_ms = wake_ms.max(self.now_ms + 1).min(*at_ms);
            self.lend(process, Migrator::woken);
            return;
        }
        let key = (*at_ms, *number);
        let mail = self.mail.remove(&key).expect("the key was read from the map");
        self.now_ms = self.now_ms.max(key.0);
        self.arrive(mail);
    }

    fn arrive(&mut self, mail: Mail) {
        match mail {
            Mail::Question { process, asked } => self.ask(process, &asked),
            Mail::Answer { process, call, answer } => self.answer(process, call, answer),
            Mail::Overdue { process, call } => {
                let why = "the time is over".to_owned();
                self.answer(process, call, Err(CallError::Unknown { why }));
            }
            Mail::Read { process, read, index } => {
                let applied = &mut self.processes[process].applied;
                *applied = index.max(*applied);
                self.lend(process, |migrator, desk| migrator.catalog_read(desk, read));
            }
            Mail::Follow { process, index } => {
                let applied = &mut self.processes[process].applied;
                *applied = index.max(*applied);
                self.lend(process, Migrator::woken);
            }
            Mail::Deposed { process } => self.depose(process),
            Mail::Clients => {
                if self.storm.clients_every_ms > 0 {
                    let catalog = self.catalogs.last().expect("the first catalog is always there");
                    self.clients.act(&mut self.chance, self.now_ms, catalog, &mut self.groups);
                    let rest = self.chance.between(1, 2 * self.storm.clients_every_ms);
                    self.post(rest, Mail::Clients);
                }
            }
            Mail::Voters => self.voters_apply(),
            Mail::Flap => self.flap(),
        }
    }

    fn voters_apply(&mut self) {
        for group in self.groups.values_mut() {
            for voter in [VoterId(1), VoterId(2), VoterId(3)] {
                group.catch_up(voter, self.chance.between(0, 12));
            }
        }
        let rest = self.chance.between(1, 1 + self.storm.most_delay_ms);
        self.post(rest, Mail::Voters);
    }

    fn flap(&mut self) {
        if self.now_ms >= self.storm.until_ms {
            return;
        }
        let before = self.leader;
        self.lead(1 - before);
        let deaf = self.chance.between(0, self.storm.flaps_every_ms / 2);
        self.post(deaf, Mail::Deposed { process: before });
        let rest = self.chance.between(1 + deaf, 2 * self.storm.flaps_every_ms);
        self.post(rest, Mail::Flap);
    }

    /// A question arrives; its answer is sent.
    fn ask(&mut self, process: usize, asked: &Asked) {
        let answer = match (&asked.to, &asked.call) {
            (_, Call::ProposeCatalog { command }) => Some(match self.apply_catalog(command) {
                Ok(outcome) => Ok(Answer::CatalogApplied(outcome)),
                Err(rejection) => Err(rejection.into()),
            }),
            (Destination::Node(node), Call::Report { group, job, range }) => {
                let report = self.groups[group].report(self.now_ms, VoterId(node.0), *job, range);
                report.map(Ok)
            }
            (Destination::Leader(group), Call::Digest(_)) if self.now_ms < self.busy_digests_until_ms => {
                Some(Err(CallError::Busy { what: format!("group {group} counts"), retry_after_ms: 15 }))
            }
            (Destination::Leader(group), call) if !self.silent.contains(group) => {
                let now_ms = self.now_ms;
                Some(self.group(*group).answer(now_ms, call))
            }
            (Destination::Leader(_) | Destination::Node(_), _) => None,
        };
        if let Some(answer) = answer {
            self.send(Mail::Answer { process, call: asked.id, answer });
        }
    }

    fn answer(&mut self, process: usize, call: CallId, answer: Result<Answer, CallError>) {
        if self.processes[process].takes(call, &answer) {
            self.lend(process, |migrator, desk| migrator.answered(desk, call, answer));
        }
    }

    fn apply_catalog(&mut self, command: &CatalogCommand) -> Result<CatalogOutcome, CatalogRejection> {
        let mut catalog = self.catalog().clone();
        let outcome = catalog.apply(command, Gates::all())?;
        self.catalogs.push(catalog);
        let index = self.catalogs.len() - 1;
        for process in 0..self.processes.len() {
            let delay = self.delay();
            self.post(delay, Mail::Follow { process, index });
        }
        Ok(outcome)
    }

    /// Lends the desk to a migrator, and sends what it asks.
    pub(crate) fn lend(&mut self, process: usize, act: impl FnOnce(&mut Migrator, &mut Desk<'_>)) {
        let now = self.now();
        let asked = self.processes[process].lend(now, &self.catalogs, act);
        for asked in asked {
            let until = asked.deadline_ms.saturating_sub(self.now_ms);
            self.post(until.max(1), Mail::Overdue { process, call: asked.id });
            if self.storm_percent(self.storm.doubled) {
                let Asked { id, owner, to, ref call, deadline_ms } = asked;
                self.send(Mail::Question { process, asked: Asked { id, owner, to, call: call.clone(), deadline_ms } });
            }
            if self.imports_to_hold > 0 && is_import(&asked.call) {
                self.imports_to_hold -= 1;
                self.held.push(Mail::Question { process, asked });
            } else {
                self.send(Mail::Question { process, asked });
            }
        }
        let reads = self.processes[process].migrator.wants_catalog_reads();
        let is_leading = process == self.leader;
        for read in reads.into_iter().filter(|_| is_leading) {
            let index = self.catalogs.len() - 1;
            self.send(Mail::Read { process, read, index });
        }
    }

    /// What was held back arrives next.
    pub(crate) fn release(&mut self) {
        for mail in std::mem::take(&mut self.held) {
            self.arrive(mail);
        }
    }

    fn send(&mut self, mail: Mail) {
        if !self.storm_percent(self.storm.lost) {
            let delay = self.delay();
            self.post(delay, mail);
        }
    }

    fn delay(&mut self) -> u64 {
        match self.storm_percent(self.storm.late) {
            true => self.chance.between(200, 6_000),
            false => self.chance.between(0, self.storm.most_delay_ms),
        }
    }

    fn storm_percent(&mut self, percent: u64) -> bool {
        self.now_ms < self.storm.until_ms && self.chance.percent(percent)
    }

    fn post(&mut self, delay_ms: u64, mail: Mail) {
        self.posted += 1;
        self.mail.insert((self.now_ms + delay_ms, self.posted), mail);
    }
}

fn physical(ms: u64) -> PhysicalMs {
    PhysicalMs::new(ms).expect("the test's time fits 48 bits")
}

/// Patience that fits a small cluster.
pub(crate) fn settings() -> MigratorSettings {
    MigratorSettings { pace_ms: 1, ..MigratorSettings::default() }
}

/// The wall clock when the processes begin.
pub(crate) const WALL_MS: u64 = 1_700_000_000_000;
