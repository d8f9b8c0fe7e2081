//! The core's functions on interned components, each computed once for a combination of arguments.
//!
//! However many states share a component, the real transition function runs once for it and a command.

use super::World;
use super::bounds::{Look, Side};
use super::component::{CommandId, GroupStateId, Message, RoutesId};
use super::state::{State, head_slot, run_slot, slot};
use rustc_hash::FxHashMap;
use splitjob_core::catalog::{AdvanceJob, Catalog, CatalogCommand, CatalogRejection};
use splitjob_core::gate::Gate;
use splitjob_core::group::{
    Adoption, ApplyContext, GroupCommand, GroupStatus, JobAction, JobCommand, JobGuards, Outcome, ReadRequest,
    ReadShape, VoterReport, next_import,
};
use splitjob_core::id::{CatalogVersion, GroupId, JobEpoch, VoterId};
use splitjob_core::job::{Observed, ObservedGroup, SplitJob, Step, decide};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

/// The identifier of an interned event.
pub(super) type EventId = u32;
/// The identifier of an interned message.
pub(super) type MessageId = u32;

/// What applying a command to a group state did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The state is another.
    Changed(GroupStateId),
    /// It was accepted and changed nothing.
    Unchanged,
    /// It was refused; the number of the rejection.
    Refused(u32),
}

/// What a voter's answer to a read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Served {
    /// The number of the answer.
    Answer(u32),
    /// The number of the rejection.
    Refused(u32),
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addressed {
    /// To the default group.
    Catalog,
    /// To a data group's log.
    Group(Side, CommandId, Option<JobEpoch>),
}

/// The memo tables of one thread.
#[derive(Default)]
pub struct Worker {
    apply: FxHashMap<(GroupStateId, CommandId, RoutesId), Applied>,
    catalog: FxHashMap<(u32, MessageId), Option<u32>>,
    runs: FxHashMap<(u32, CommandId, GroupStateId), u32>,
    serves: FxHashMap<(GroupStateId, u8, CatalogVersion), Served>,
    routed: FxHashMap<(RoutesId, Side, u8), Option<Side>>,
    owners: FxHashMap<(u32, u8), Side>,
    events: FxHashMap<(u32, u32), u32>,
    observed: FxHashMap<(Side, GroupStateId, u32, u32, u32), u32>,
    statuses: FxHashMap<GroupStateId, (Arc<GroupStatus>, Arc<VoterReport>)>,
    decisions: FxHashMap<[u32; 7], Arc<[(u8, MessageId)]>>,
    addressed: FxHashMap<MessageId, Addressed>,
    pub(super) lists: super::process::Lists,
    pub(super) violations: FxHashMap<[u32; 4], u64>,
    pub(super) history_violations: FxHashMap<u32, u64>,
    pub(super) diverged: FxHashMap<u32, bool>,
    pub(super) goals: FxHashMap<[u32; 4], u64>,
    pub(super) goals_on_source: FxHashMap<(u32, u32), u64>,
    pub(super) has_late: FxHashMap<u32, bool>,
    /// Steps taken, by kind.
    pub(super) taken: [u64; super::action::KINDS.len()],
}

/// Looks the key up, or computes its value once.
fn memo<K: Eq + Hash + Clone, V: Clone>(table: &mut FxHashMap<K, V>, key: K, compute: impl FnOnce(&K) -> V) -> V {
    if let Some(value) = table.get(&key) {
        return value.clone();
    }
    let value = compute(&key);
    table.insert(key, value.clone());
    value
}

impl World {
    /// Applies a command to a group's state, as a voter whose node holds `routes` does (A6: they must not matter).
    #[expect(clippy::disallowed_methods, reason = "the model is the one place where gates may be missing")]
    pub(super) fn apply(
        &self,
        worker: &mut Worker,
        state: GroupStateId,
        command: CommandId,
        routes: RoutesId,
    ) -> Applied {
        memo(&mut worker.apply, (state, command, routes), |_| {
            let routes = self.tables.routes.get(routes);
            let context = ApplyContext::of_model(self.gates, Some(&routes));
            let mut group = (*self.tables.groups.get(state)).clone();
            match group.apply(&self.tables.commands.get(command), &context) {
                Ok(Outcome::Unchanged) => Applied::Unchanged,
                // What an outcome says is the core's word; whether the state is another is a fact.
                Ok(_) => match self.tables.groups.intern(group) {
                    same if same == state => Applied::Unchanged,
                    next => Applied::Changed(next),
                },
                Err(rejection) => Applied::Refused(self.tables.rejections.intern(rejection)),
            }
        })
    }

    /// Appends a command to a group's log, where the leader applies it; the others have it to apply.
    pub(super) fn append(&self, worker: &mut Worker, state: &State, side: Side, command: CommandId) -> Appended {
        let head = state[head_slot(side)];
        let routes =
            if self.nodes_routes_matter() { self.current_routes(state[slot::CATALOG]) } else { self.first_routes };
        match self.apply(worker, head, command, routes) {
            Applied::Changed(next) => {
                let run = state[run_slot(side)];
                let run = memo(&mut worker.runs, (run, command, head), |_| {
                    self.tables.runs.intern(self.tables.runs.get(run).append(command, head))
                });
                let mut after = *state;
                after[head_slot(side)] = next;
                after[run_slot(side)] = run;
                Appended::Changed(after)
            }
            Applied::Unchanged => Appended::Unchanged,
            Applied::Refused(rejection) => Appended::Refused(rejection),
        }
    }

    /// Applies a message to the catalog; nothing if it is refused.
    pub(super) fn apply_to_catalog(&self, worker: &mut Worker, catalog: u32, message: MessageId) -> Option<u32> {
        memo(&mut worker.catalog, (catalog, message), |_| {
            let Message::Catalog(command) = &*self.tables.messages.get(message) else {
                unreachable!("only messages to the default group are applied to the catalog");
            };
            let mut next = (*self.tables.catalogs.get(catalog)).clone();
            match next.apply(command, self.gates) {
                Ok(_) => Some(self.tables.catalogs.intern(next)),
                Err(rejection) => {
                    self.note_catalog_rejection(rejection);
                    None
                }
            }
        })
    }

    fn note_catalog_rejection(&self, rejection: CatalogRejection) {
        self.catalog_rejections.lock().expect("no holder of this lock panics").insert(rejection);
    }

    /// What a voter in this state answers to a read that was routed by this version.
    pub(super) fn serve(&self, worker: &mut Worker, state: GroupStateId, read: u8, version: CatalogVersion) -> Served {
        memo(&mut worker.serves, (state, read, version), |_| {
            let request = self.request(read, version, None);
            match self.tables.groups.get(state).read(&request, self.gates) {
                Ok(answer) => Served::Answer(self.tables.answers.intern(answer)),
                Err(rejection) => Served::Refused(self.tables.rejections.intern(rejection)),
            }
        })
    }

    /// The request that a coordinator with routes of this version makes of a client's read, from a page's start on.
    pub(super) fn request(&self, read: u8, version: CatalogVersion, from: Option<&RawKey>) -> ReadRequest {
        let read = &self.bounds.reads[usize::from(read)];
        let shape = match &read.look {
            Look::Point(key) => ReadShape::Point { key: key.clone() },
            Look::Scan { interval, range, direction, page } => ReadShape::Scan {
                interval: from.map_or(interval.clone(), |from| rest_of(interval, from, *direction)),
                range: range.clone(),
                direction: *direction,
                limit: *page,
            },
        };
        ReadRequest { shape, read_ts: read.read_ts, routed_by: read.is_stamped.then_some(version) }
    }

    /// Where a copy of the routes sends a write or a read; nothing if it would be sent in parts.
    pub(super) fn routed(&self, worker: &mut Worker, routes: RoutesId, request: Request) -> Option<Side> {
        let (kind, index) = match request {
            Request::Write(write) => (Side::Source, write),
            Request::Read(read) => (Side::Target, read),
        };
        memo(&mut worker.routed, (routes, kind, index), |_| self.route(&self.tables.routes.get(routes), request))
    }

    /// The group that the catalog gives the key of a write to.
    pub(super) fn owner(&self, worker: &mut Worker, catalog: u32, write: u8) -> Side {
        memo(&mut worker.owners, (catalog, write), |_| {
            let at = &self.bounds.key(&self.bounds.writes[usize::from(write)].key).routes_as;
            side_of(self.tables.catalogs.get(catalog).routes().covering(at).group)
        })
    }

    /// The history with the event in it.
    pub(super) fn remember(&self, worker: &mut Worker, history: u32, event: EventId) -> u32 {
        memo(&mut worker.events, (history, event), |_| {
            let event = self.tables.events.get(event);
            self.tables.histories.intern(self.tables.histories.get(history).after(&event, &self.bounds))
        })
    }

    /// What a group answers to the migrator of the live job.
    fn observe(&self, worker: &mut Worker, side: Side, state: &State, job: &SplitJob) -> u32 {
        let (head, run, open) = (state[head_slot(side)], state[run_slot(side)], state[slot::OPEN]);
        let key = (side, head, run, open, state[slot::CATALOG]);
        if let Some(observed) = worker.observed.get(&key) {
            return *observed;
        }
        let observation = self.observation(worker, side, state, job);
        let observed = self.tables.observed.intern(observation);
        worker.observed.insert(key, observed);
        observed
    }

    fn observation(&self, worker: &mut Worker, side: Side, state: &State, job: &SplitJob) -> ObservedGroup {
        let head = state[head_slot(side)];
        let run = self.tables.runs.get(state[run_slot(side)]);
        let open = self.tables.open_reads.get(state[slot::OPEN]);
        let applied = |voter: u8| {
            let at = run.voters[usize::from(voter)];
            if at.behind == 0 { head } else { at.state }
        };
        let running = |voter: u8| {
            let here = open.iter().filter(|read| read.side == side && read.voter == voter);
            here.filter(|read| self.footprint(read.read).intersects(&job.range)).count() as u64
        };
        let voters = 0..run.voters.len() as u8;
        let reports: BTreeMap<VoterId, VoterReport> = voters
            .clone()
            .map(|voter| {
                let report = (*self.status(worker, applied(voter), job).1).clone();
                (VoterId(voter.into()), VoterReport { running_reads: running(voter), ..report })
            })
            .collect();
        // Without the gate, a follower answers as if it led.
        let answering = if self.gates.stands(Gate::LinearizableStatus) {
            head
        } else {
            voters.map(applied).find(|state| *state != head).unwrap_or(head)
        };
        ObservedGroup {
            group: group_of(side),
            status: (*self.status(worker, answering, job).0).clone(),
            leader: reports[&VoterId(run.leader.into())].clone(),
            configuration: reports.keys().copied().collect::<BTreeSet<_>>(),
            reports,
        }
    }

    /// What a voter in this state tells of the job, as leader and for itself, reads under way not counted.
    fn status(&self, worker: &mut Worker, state: GroupStateId, job: &SplitJob) -> (Arc<GroupStatus>, Arc<VoterReport>) {
        memo(&mut worker.statuses, state, |_| {
            let group = self.tables.groups.get(state);
            let status = group.status(job.id, &job.range, self.gates);
            (Arc::new(status), Arc::new(group.report(job.id, &job.range, 0)))
        })
    }

    /// What the migrator decides, for each reading of its clock that makes a difference: the message, if there is one.
    pub(super) fn decisions(
        &self,
        worker: &mut Worker,
        state: &State,
        job: &SplitJob,
        holder: Option<JobEpoch>,
    ) -> Arc<[(u8, MessageId)]> {
        let source = self.observe(worker, Side::Source, state, job);
        let target = self.observe(worker, Side::Target, state, job);
        let holder_key = holder.map_or(u32::MAX, |epoch| epoch.0 as u32);
        let heads = [state[slot::SOURCE], state[slot::TARGET]];
        let key = [state[slot::CATALOG], source, target, holder_key, heads[0], heads[1], 0];
        memo(&mut worker.decisions, key, |_| {
            let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
            let mut decided: Vec<(u8, MessageId)> = Vec::new();
            for (clock, reading) in self.clock_readings(state[slot::SOURCE]).into_iter().enumerate() {
                let observed = Observed {
                    routes: catalog.routes(),
                    oldest_live_job: catalog.oldest_live_job(),
                    clock: reading,
                    source: Some((*self.tables.observed.get(source)).clone()),
                    target: Some((*self.tables.observed.get(target)).clone()),
                };
                let step = decide(job, holder, &observed, self.gates);
                if let Some(message) = self.message(state, &catalog, job, step) {
                    let message = self.tables.messages.intern(message);
                    if decided.iter().all(|(_, other)| *other != message) {
                        decided.push((clock as u8, message));
                    }
                }
            }
            decided.into()
        })
    }

    fn clock_readings(&self, source: GroupStateId) -> Vec<Timestamp> {
        if !self.bounds.clocks.is_empty() {
            return self.bounds.clocks.clone();
        }
        let last = self.tables.groups.get(source).last_commit_ts();
        vec![last.successor().expect("the scenarios' timestamps are small")]
    }

    /// The message that carries out a step, if the step is one for the migrator.
    fn message(&self, state: &State, catalog: &Catalog, job: &SplitJob, step: Step) -> Option<Message> {
        match step {
            Step::Advance(advance) => Some(Message::Catalog(CatalogCommand::AdvanceJob(AdvanceJob {
                job: job.id,
                expected_revision: job.revision,
                expected_version: catalog.routes().version,
                now_ms: 0,
                advance,
            }))),
            Step::Command { group, action } => Some(job_message(side_of(group), job, action)),
            Step::Adopt { group } => {
                Some(Message::Group(side_of(group), GroupCommand::Adopt(Adoption::of(catalog.routes()))))
            }
            Step::Copy(order) => {
                let guards = self.tables.groups.get(state[slot::TARGET]);
                let target = guards.jobs().get(&job.id).and_then(JobGuards::target);
                let progress = target.map(|target| target.imported.within(order.round)).unwrap_or_default();
                let source = self.tables.groups.get(state[slot::SOURCE]);
                let batches = next_import(&source, &job.range, order.window, &progress, &job.options, self.gates);
                let action = JobAction::Import { round: order.round, batches };
                Some(job_message(Side::Target, job, action))
            }
            Step::Wait(_) | Step::StandDown => None,
        }
    }

    /// Where a message goes; a command of a job also tells of which attempt.
    pub(super) fn addressed(&self, worker: &mut Worker, message: MessageId) -> Addressed {
        memo(&mut worker.addressed, message, |_| match &*self.tables.messages.get(message) {
            Message::Catalog(_) => Addressed::Catalog,
            Message::Group(side, command) => {
                let epoch = match command {
                    GroupCommand::Job(command) => Some(command.token.epoch),
                    GroupCommand::Write(_)
                    | GroupCommand::BindRead(_)
                    | GroupCommand::Adopt(_)
                    | GroupCommand::Collect { .. } => None,
                };
                Addressed::Group(*side, self.tables.commands.intern(command.clone()), epoch)
            }
        })
    }
}

/// What came of appending a command to a log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Appended {
    /// The state after it.
    Changed(State),
    /// It changed nothing.
    Unchanged,
    /// It was refused; the number of the rejection.
    Refused(u32),
}

/// A client's request, by its index in the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// A write.
    Write(u8),
    /// A read.
    Read(u8),
}

pub(super) fn job_message(side: Side, job: &SplitJob, action: JobAction) -> Message {
    let command = JobCommand { token: job.token(), range: job.range.clone(), action };
    Message::Group(side, GroupCommand::Job(command))
}

/// The groups of the world, by their identifiers.
pub(super) fn side_of(group: GroupId) -> Side {
    if group == SOURCE_GROUP { Side::Source } else { Side::Target }
}

/// The identifiers of the world's groups.
pub(super) fn group_of(side: Side) -> GroupId {
    match side {
        Side::Source => SOURCE_GROUP,
        Side::Target => TARGET_GROUP,
    }
}

/// What is left of an interval from a page's start on.
fn rest_of(interval: &RawInterval, from: &RawKey, direction: Direction) -> RawInterval {
    match direction {
        Direction::Forward => RawInterval { start: from.clone(), end: interval.end.clone() },
        Direction::Reverse => {
            let mut after = from.as_bytes().to_vec();
            after.push(0);
            RawInterval { start: interval.start.clone(), end: Some(RawKey::from(after)) }
        }
    }
}

/// The source.
pub(super) const SOURCE_GROUP: GroupId = GroupId(1);
/// The target.
pub(super) const TARGET_GROUP: GroupId = GroupId(2);
