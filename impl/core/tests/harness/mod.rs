//! A catalog, three groups of one voter each, and what a migrator sees and does, one step at a time.

use splitjob_core::catalog::{
    Advance, AdvanceJob, Catalog, CatalogCommand, CatalogLimits, CatalogOutcome, CatalogRejection, NodeReport, StartJob,
};
use splitjob_core::gate::Gates;
use splitjob_core::group::{
    Adoption, ApplyContext, DeletePrefix, Group, GroupCommand, JobAction, JobCommand, JobGuards, LatestRequest,
    Mutation, Outcome, ReadAnswer, ReadRequest, ReadShape, Rejection, TxnAction, TxnCommand, WriteRequest, next_import,
};
use splitjob_core::id::{CatalogVersion, GroupId, JobEpoch, NodeId, RouteId, VoterId};
use splitjob_core::job::{
    CopyOrder, FailReason, JobOptions, Observed, ObservedGroup, PhaseName, SplitJob, Step, decide,
};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, Row, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_core::version::Content;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const SOURCE: GroupId = GroupId(1);
pub(crate) const TARGET: GroupId = GroupId(2);
pub(crate) const THIRD: GroupId = GroupId(3);

/// Everything that a job concerns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) catalog: Catalog,
    pub(crate) groups: BTreeMap<GroupId, Group<MemoryStore>>,
    /// Groups that don't answer a migrator.
    pub(crate) silent: BTreeSet<GroupId>,
    /// What the migrator's clock would issue next.
    pub(crate) clock: Timestamp,
    pub(crate) now_ms: u64,
}

impl Cluster {
    pub(crate) fn new() -> Cluster {
        let groups = BTreeSet::from([SOURCE, TARGET, THIRD]);
        let catalog = Catalog::new(SOURCE, groups.clone(), CatalogLimits::default());
        let group = |id: GroupId| (id, Group::new(id, MemoryStore::default(), catalog.routes()));
        let groups = groups.into_iter().map(group).collect();
        Cluster { catalog, groups, silent: BTreeSet::new(), clock: ts(100), now_ms: 0 }
    }

    /// A cluster with some versions, whose job on the range from `m` on has come to this phase.
    pub(crate) fn with_job_in(phase: PhaseName) -> Cluster {
        let mut cluster = Cluster::new();
        for (key, commit_ts) in [("a", 1), ("m", 2), ("m", 5), ("n", 3)] {
            cluster.write(key, commit_ts).expect("nothing stands in the way of the write");
        }
        cluster.start("m", TARGET, JobOptions::default()).expect("the range is at rest");
        cluster.run_to(phase);
        cluster
    }

    /// As [`Cluster::with_job_in`], and then the job is given up.
    pub(crate) fn abandoned_in(phase: PhaseName) -> Cluster {
        let mut cluster = Cluster::with_job_in(phase);
        if cluster.job().epoch == JobEpoch(0) {
            cluster.advance(Advance::TakeOver).expect("any live job can be taken over");
        }
        cluster.advance(Advance::Abandon).expect("the cutover is not committed");
        cluster
    }

    /// As [`Cluster::with_job_in`], also for the phases off the way to DONE.
    pub(crate) fn in_phase(phase: PhaseName) -> Cluster {
        if matches!(phase, PhaseName::Abandoning | PhaseName::Abandoned) {
            let mut cluster = Cluster::abandoned_in(PhaseName::Fence);
            cluster.run_to(phase);
            return cluster;
        }
        if phase == PhaseName::Failed {
            let mut cluster = Cluster::with_job_in(PhaseName::Backfill);
            let reason = FailReason::Refused { message: "a word".to_owned() };
            cluster.advance(Advance::Fail { reason }).expect("BACKFILL can fail");
            return cluster;
        }
        Cluster::with_job_in(phase)
    }

    pub(crate) fn group(&self, id: GroupId) -> &Group<MemoryStore> {
        &self.groups[&id]
    }

    /// The one live job.
    pub(crate) fn job(&self) -> &SplitJob {
        self.catalog.live_jobs().next().expect("the test has a live job")
    }

    pub(crate) fn phase(&self) -> PhaseName {
        let ended = || self.catalog.history().last().expect("the test has started a job");
        self.catalog.live_jobs().next().unwrap_or_else(ended).phase.name()
    }

    pub(crate) fn start(
        &mut self,
        split_key: &str,
        target: GroupId,
        options: JobOptions,
    ) -> Result<CatalogOutcome, CatalogRejection> {
        let split_key = RoutingKey::from(split_key);
        let start = StartJob {
            expected_version: self.catalog.routes().version,
            route: self.catalog.routes().covering(&split_key).id,
            split_key,
            target,
            options,
            now_ms: self.now_ms,
        };
        self.catalog.apply(&CatalogCommand::StartJob(start), Gates::all())
    }

    pub(crate) fn split(&mut self, at: &str) -> Result<CatalogOutcome, CatalogRejection> {
        let at = RoutingKey::from(at);
        let route = self.catalog.routes().covering(&at).id;
        let expected_version = self.catalog.routes().version;
        self.catalog.apply(&CatalogCommand::SplitRange { expected_version, route, at }, Gates::all())
    }

    pub(crate) fn report_node(&mut self, is_capable: bool) {
        let report = NodeReport { is_capable, heard_at_ms: self.now_ms };
        let nodes = BTreeMap::from([(NodeId(7), report)]);
        self.catalog.apply(&CatalogCommand::ReportNodes { nodes }, Gates::all()).expect("a report is never refused");
    }

    pub(crate) fn advance(&mut self, advance: Advance) -> Result<CatalogOutcome, CatalogRejection> {
        let job = self.job();
        let request = AdvanceJob {
            job: job.id,
            expected_revision: job.revision,
            expected_version: self.catalog.routes().version,
            now_ms: self.now_ms,
            advance,
        };
        self.catalog.apply(&CatalogCommand::AdvanceJob(request), Gates::all())
    }

    fn observe_group(&self, id: GroupId) -> Option<ObservedGroup> {
        if self.silent.contains(&id) {
            return None;
        }
        let job = self.job();
        let leader = self.group(id).report(job.id, &job.range, 0);
        Some(ObservedGroup {
            group: id,
            status: self.group(id).status(job.id, &job.range, Gates::all()),
            leader: leader.clone(),
            configuration: BTreeSet::from([VoterId(1)]),
            reports: BTreeMap::from([(VoterId(1), leader)]),
        })
    }

    pub(crate) fn observe(&self) -> Observed<'_> {
        Observed {
            routes: self.catalog.routes(),
            oldest_live_job: self.catalog.oldest_live_job(),
            lacking: self.catalog.lacking(self.now_ms),
            clock: self.clock,
            now_ms: self.now_ms,
            source: self.observe_group(self.job().source),
            target: self.observe_group(self.job().target),
        }
    }

    /// What the migrator that holds the newest attempt does next.
    pub(crate) fn decide(&self) -> Step {
        let job = self.job();
        let holder = Some(job.epoch).filter(|epoch| *epoch > JobEpoch(0));
        decide(job, holder, &self.observe(), Gates::all())
    }

    /// The commands that the step sends to groups; none for a step of the record.
    pub(crate) fn commands(&self, step: &Step) -> Vec<(GroupId, GroupCommand)> {
        let command = |action| {
            let job = self.job();
            GroupCommand::Job(JobCommand { token: job.token(), range: job.range.clone(), action })
        };
        match step {
            Step::Command { group, action } => vec![(*group, command(action.clone()))],
            Step::Adopt { group } => vec![(*group, GroupCommand::Adopt(Adoption::of(self.catalog.routes())))],
            Step::Copy(order) => vec![(self.job().target, command(self.import(*order)))],
            Step::Advance(_) | Step::Wait(_) | Step::StandDown => Vec::new(),
        }
    }

    fn import(&self, order: CopyOrder) -> JobAction {
        let job = self.job();
        let target = self.group(job.target).jobs().get(&job.id).and_then(JobGuards::target);
        let progress = target.map(|target| target.imported.clone()).unwrap_or_default().within(order.round);
        let source = self.group(job.source);
        let batches = next_import(source.store(), &job.range, order.window, &progress, &job.options, Gates::all());
        JobAction::Import { round: order.round, batches }
    }

    /// Does the next step; false if it is to wait.
    pub(crate) fn step(&mut self) -> bool {
        let step = self.decide();
        for (group, command) in self.commands(&step) {
            let done = self.apply(group, &command);
            assert!(done.is_ok(), "{command:?} was refused: {done:?}");
        }
        match step {
            Step::Advance(advance) => {
                let done = self.advance(advance.clone());
                assert!(done.is_ok(), "{advance:?} was refused: {done:?}");
                true
            }
            Step::Command { .. } | Step::Adopt { .. } | Step::Copy(_) => true,
            Step::Wait(_) | Step::StandDown => false,
        }
    }

    /// Goes on until the job is in this phase.
    pub(crate) fn run_to(&mut self, phase: PhaseName) {
        for _ in 0..MOST_STEPS {
            if self.phase() == phase {
                return;
            }
            assert!(self.step(), "the job waits in {}: {:?}", self.phase(), self.decide());
        }
        panic!("the job is in {} and doesn't come to {phase}", self.phase());
    }

    /// Goes on until the migrator's next step is this kind of step.
    pub(crate) fn run_before(&mut self, is_wanted: impl Fn(&Step) -> bool) -> Step {
        for _ in 0..MOST_STEPS {
            let step = self.decide();
            if is_wanted(&step) {
                return step;
            }
            assert!(self.step(), "the job waits in {}: {step:?}", self.phase());
        }
        panic!("the job is in {} and the step doesn't come", self.phase());
    }

    pub(crate) fn apply(&mut self, group: GroupId, command: &GroupCommand) -> Result<Outcome, Rejection> {
        let group = self.groups.get_mut(&group).expect("the test names one of the three groups");
        let before = group.clone();
        let applied = group.apply(command, &ApplyContext::production());
        assert!(applied.is_ok() || *group == before, "a refused command changed the group: {command:?}");
        applied
    }

    /// Applies a command of the job's newest attempt.
    pub(crate) fn apply_job(&mut self, group: GroupId, action: JobAction) -> Result<Outcome, Rejection> {
        let job = self.job();
        let command = JobCommand { token: job.token(), range: job.range.clone(), action };
        self.apply(group, &GroupCommand::Job(command))
    }

    /// The group follows the routes that stand.
    pub(crate) fn adopt(&mut self, group: GroupId) {
        let adoption = Adoption::of(self.catalog.routes());
        self.apply(group, &GroupCommand::Adopt(adoption)).expect("newer routes are always adopted");
    }

    pub(crate) fn owner(&self, key: &str) -> GroupId {
        self.catalog.routes().covering(&RoutingKey::from(key)).group
    }

    /// A write at the key's owner; the value names key and timestamp.
    pub(crate) fn write(&mut self, key: &str, commit_ts: u64) -> Result<Outcome, Rejection> {
        let request = WriteRequest { mutations: vec![put(key, commit_ts)], commit_ts: ts(commit_ts), routed_by: None };
        self.apply(self.owner(key), &GroupCommand::Write(request))
    }

    pub(crate) fn delete_prefix(&mut self, group: GroupId, prefix: &str, part: &KeyRange, commit_ts: u64) -> Answer {
        let request = DeletePrefix {
            prefix: RawKey::from(prefix),
            part: part.clone(),
            commit_ts: ts(commit_ts),
            routed_by: None,
        };
        self.apply(group, &GroupCommand::DeletePrefix(request))
    }

    pub(crate) fn txn(&mut self, group: GroupId, txn: &TxnId, commit_ts: u64, action: TxnAction) -> Answer {
        let command = TxnCommand { txn: txn.clone(), commit_ts: ts(commit_ts), routed_by: None, action };
        self.apply(group, &GroupCommand::Txn(command))
    }

    pub(crate) fn prepare(&mut self, group: GroupId, txn: &TxnId, commit_ts: u64, keys: &[&str]) -> Answer {
        let mutations = keys.iter().map(|key| put(key, commit_ts)).collect();
        self.txn(group, txn, commit_ts, TxnAction::Prepare { mutations, expires_at_ms: 50 })
    }

    pub(crate) fn commit(&mut self, group: GroupId, txn: &TxnId, commit_ts: u64, keys: &[&str]) -> Answer {
        self.txn(group, txn, commit_ts, TxnAction::Commit { keys: raw(keys) })
    }

    pub(crate) fn abort(&mut self, group: GroupId, txn: &TxnId, commit_ts: u64, keys: &[&str]) -> Answer {
        self.txn(group, txn, commit_ts, TxnAction::Abort { keys: raw(keys) })
    }

    pub(crate) fn one_phase(&mut self, group: GroupId, txn: &TxnId, commit_ts: u64, keys: &[&str]) -> Answer {
        let mutations = keys.iter().map(|key| put(key, commit_ts)).collect();
        self.txn(group, txn, commit_ts, TxnAction::OnePhase { mutations })
    }

    /// A read of one key, bound first, routed by the routes that stand.
    pub(crate) fn read(&mut self, group: GroupId, key: &str, read_ts: u64) -> Result<ReadAnswer, Rejection> {
        self.read_shape(group, ReadShape::Point { key: RawKey::from(key) }, read_ts)
    }

    /// A scan of every raw key that routes into the range.
    pub(crate) fn scan(&mut self, group: GroupId, range: &KeyRange, read_ts: u64) -> Result<ReadAnswer, Rejection> {
        let (interval, range) = (RawInterval::all(), range.clone());
        self.read_shape(group, ReadShape::Scan { interval, range, direction: Direction::Forward, limit: 100 }, read_ts)
    }

    fn read_shape(&mut self, group: GroupId, shape: ReadShape, read_ts: u64) -> Result<ReadAnswer, Rejection> {
        let routed_by = Some(self.catalog.routes().version);
        let request = ReadRequest { shape, read_ts: ts(read_ts), routed_by };
        self.apply(group, &GroupCommand::BindRead(request.bind()))?;
        self.group(group).read(&request, Gates::all())
    }

    pub(crate) fn latest(&self, group: GroupId, key: &str) -> Result<Option<Timestamp>, Rejection> {
        let routed_by = Some(self.catalog.routes().version);
        self.group(group).latest(&LatestRequest { key: RawKey::from(key), routed_by }, Gates::all())
    }

    /// Rows of a keyspace, as raw key and commit timestamp, transaction rows left out.
    pub(crate) fn stored(&self, group: GroupId, space: Keyspace) -> Vec<(RawKey, u64)> {
        let rows = self.group(group).store().walk(space, &RawInterval::all(), Direction::Forward);
        let is_users = |row: &Row| !row.key.as_bytes().starts_with(b"!txn|");
        rows.filter(is_users).map(|row| (row.key, row.version.commit_ts.raw())).collect()
    }
}

pub(crate) type Answer = Result<Outcome, Rejection>;

pub(crate) const fn ts(raw: u64) -> Timestamp {
    Timestamp::from_raw(raw)
}

pub(crate) fn raw(keys: &[&str]) -> Vec<RawKey> {
    keys.iter().map(|key| RawKey::from(*key)).collect()
}

/// The mutation that the write of a key at a timestamp makes: the value names both.
pub(crate) fn put(key: &str, commit_ts: u64) -> Mutation {
    let value = format!("{key}@{commit_ts}").into_bytes();
    Mutation { key: RawKey::from(key), content: Content::Put { value, expire_at: Timestamp::ZERO } }
}

pub(crate) fn txn(primary: &str, start_ts: u64) -> TxnId {
    TxnId { primary: RawKey::from(primary), start_ts: ts(start_ts) }
}

pub(crate) fn range(start: &str, end: &str) -> KeyRange {
    KeyRange::new(RoutingKey::from(start), Some(RoutingKey::from(end))).expect("the test's range is not empty")
}

pub(crate) fn moving() -> KeyRange {
    range("m", "")
}

/// What a read saw, as commit timestamps.
pub(crate) fn seen(answer: Result<ReadAnswer, Rejection>) -> Vec<u64> {
    answer.expect("the read is served").rows.iter().map(|row| row.commit_ts.raw()).collect()
}

pub(crate) fn version(raw: u64) -> CatalogVersion {
    CatalogVersion(raw)
}

pub(crate) fn route_id(cluster: &Cluster, key: &str) -> RouteId {
    cluster.catalog.routes().covering(&RoutingKey::from(key)).id
}

/// More steps than any job of a few rows takes.
const MOST_STEPS: usize = 400;
