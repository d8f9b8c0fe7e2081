//! The core's functions on interned components, each computed once for a combination of arguments.
//!
//! However many states share a component, the real transition function runs once for it and a command.

use super::Judgement;
use super::World;
use super::bounds::{ClientWrite, Look};
use super::component::{CommandId, GroupStateId, Message, RoutesId, Site};
use super::data_group::DataGroup;
use super::environment::advance_command;
use super::state::{Ask, State, slot};
use crate::explore::Recent;
use rustc_hash::FxHashMap;
use splitjob_core::catalog::{Catalog, CatalogRejection};
use splitjob_core::coordinator;
use splitjob_core::gate::Gate;
use splitjob_core::group::{
    Adoption, ApplyContext, GroupCommand, GroupStatus, JobAction, JobCommand, JobGuards, Mutation, Outcome,
    ReadRequest, ReadShape, Rejection, VoterReport, WriteRequest, next_import,
};
use splitjob_core::id::{CatalogVersion, JobEpoch, Token, VoterId};
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
/// The identifier of an interned part of a read.
pub(super) type AskId = u32;
/// A part of a read, and the group that it goes to.
pub(super) type Part = (DataGroup, AskId);

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
    Group(DataGroup, CommandId, Option<Token>),
}

/// The memo tables of one thread.
#[derive(Default)]
pub struct Worker {
    apply: FxHashMap<(GroupStateId, CommandId, RoutesId), Applied>,
    catalog: FxHashMap<(u32, MessageId), Option<u32>>,
    runs: FxHashMap<(u32, CommandId, GroupStateId), u32>,
    serves: FxHashMap<(GroupStateId, AskId, CatalogVersion), Served>,
    write_routes: FxHashMap<(RoutesId, u8), DataGroup>,
    read_routes: FxHashMap<(RoutesId, u32, u8), Arc<[Part]>>,
    events: FxHashMap<(u32, u32), u32>,
    observed: FxHashMap<[u32; 3], u32>,
    statuses: FxHashMap<(GroupStateId, u32), (Arc<GroupStatus>, Arc<VoterReport>)>,
    decisions: FxHashMap<[u32; 7], Arc<[(u8, MessageId)]>>,
    addressed: FxHashMap<MessageId, Addressed>,
    pub(super) lists: super::process::Lists,
    pub(super) judgements: Option<Recent<3, Judgement>>,
    pub(super) catalogs: FxHashMap<u32, (RoutesId, u64)>,
    pub(super) acked: FxHashMap<u32, u32>,
    pub(super) lost: FxHashMap<(u32, RoutesId, GroupStateId), bool>,
    pub(super) left: FxHashMap<(u32, GroupStateId), bool>,
    pub(super) history_violations: FxHashMap<u32, u64>,
    pub(super) goals_of_catalog: FxHashMap<u32, u64>,
    pub(super) goals_of_history: FxHashMap<(u32, u32), u64>,
    pub(super) goals_of_jobs: FxHashMap<[u32; 4], u64>,
    pub(super) goals_of_site: FxHashMap<(u32, u32), u64>,
    pub(super) goals_of_late: FxHashMap<(u32, u32), u64>,
}

/// What a migrator sees before it decides: the numbers of catalog and sites, of one moment or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) catalog: u32,
    /// Source and target.
    pub(super) groups: [SeenGroup; 2],
}

/// What a migrator sees of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenGroup {
    pub(super) group: DataGroup,
    /// Where its leader's answer comes from.
    pub(super) site: u32,
    /// Where the reports of its other voters come from.
    pub(super) voters: u32,
}

/// What is stored and told, voters that lag not counted: catalog, leaders' states, history.
pub(super) type Stored = [u32; 5];

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
            let context = ApplyContext::of_model(self.gates, Some(self.tables.routes.at(routes)));
            let mut group = self.tables.groups.at(state).clone();
            match group.apply(self.tables.commands.at(command), &context) {
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
    pub(super) fn append(&self, worker: &mut Worker, state: &State, group: DataGroup, command: CommandId) -> Appended {
        let site = self.site(state, group);
        let head = site.head;
        let routes =
            if self.nodes_routes_matter() { self.current_routes(state[slot::CATALOG]) } else { self.first_routes };
        match self.apply(worker, head, command, routes) {
            Applied::Changed(next) => {
                let run = memo(&mut worker.runs, (site.run, command, head), |_| {
                    self.tables.runs.intern(self.tables.runs.at(site.run).append(command, head))
                });
                Appended::Changed(self.with_site(state, group, Site { head: next, run, ..site }))
            }
            Applied::Unchanged => Appended::Unchanged,
            Applied::Refused(rejection) => Appended::Refused(rejection),
        }
    }

    /// A data group of the state.
    pub(super) fn site(&self, state: &State, group: DataGroup) -> Site {
        *self.tables.sites.at(state[slot::site(group)])
    }

    /// The state with another data group in the place of this one.
    pub(super) fn with_site(&self, state: &State, group: DataGroup, site: Site) -> State {
        let mut after = *state;
        after[slot::site(group)] = self.tables.sites.intern(site);
        after
    }

    /// Applies a message to the catalog; nothing if it is refused.
    pub(super) fn apply_to_catalog(&self, worker: &mut Worker, catalog: u32, message: MessageId) -> Option<u32> {
        memo(&mut worker.catalog, (catalog, message), |_| {
            let Message::Catalog(command) = self.tables.messages.at(message) else {
                unreachable!("only messages to the default group are applied to the catalog");
            };
            let mut next = self.tables.catalogs.at(catalog).clone();
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

    /// What a voter in this state answers to a part of a read that was routed by this version.
    pub(super) fn serve(
        &self,
        worker: &mut Worker,
        state: GroupStateId,
        ask: AskId,
        version: CatalogVersion,
    ) -> Served {
        memo(&mut worker.serves, (state, ask, version), |_| {
            let request = self.request(self.tables.asks.at(ask), version, None);
            match self.tables.groups.at(state).read(&request, self.gates) {
                Ok(answer) => Served::Answer(self.tables.answers.intern(answer)),
                Err(rejection) => Served::Refused(self.tables.rejections.intern(rejection)),
            }
        })
    }

    /// The request that a coordinator with routes of this version makes of a part of a read, from a page's start on.
    pub(super) fn request(&self, ask: &Ask, version: CatalogVersion, from: Option<&RawKey>) -> ReadRequest {
        let read = &self.bounds.reads[usize::from(ask.read)];
        let shape = match &read.look {
            Look::Point(key) => ReadShape::Point { key: key.clone() },
            Look::Scan { interval, direction, page, .. } => ReadShape::Scan {
                interval: from.map_or(interval.clone(), |from| rest_of(interval, from, *direction)),
                range: ask.part.clone(),
                direction: *direction,
                limit: *page,
            },
        };
        ReadRequest { shape, read_ts: read.read_ts, routed_by: read.is_stamped.then_some(version) }
    }

    /// The command that a client's write is to a group's log, at this timestamp.
    fn write_command(&self, write: u8, commit_ts: Timestamp, version: Option<CatalogVersion>) -> CommandId {
        let request = &self.bounds.writes[usize::from(write)];
        let mutation = Mutation { key: request.key.clone(), content: request.content.clone() };
        let routed_by = version.filter(|_| self.bounds.writes_are_stamped);
        let request = WriteRequest { mutations: vec![mutation], commit_ts, routed_by };
        self.tables.commands.intern(GroupCommand::Write(request))
    }

    /// What becomes of a client's write on a group, and at which timestamp.
    pub(super) fn append_write(
        &self,
        worker: &mut Worker,
        state: &State,
        group: DataGroup,
        write: u8,
        version: Option<CatalogVersion>,
    ) -> (Appended, Timestamp) {
        let ClientWrite { commit_ts, is_issued, .. } = self.bounds.writes[usize::from(write)];
        let mut at = commit_ts;
        if is_issued && self.gates.stands(Gate::ClockRecovers) {
            at = at.max(after(self.head(state, group).clock_floor()));
        }
        let appended = self.append(worker, state, group, self.write_command(write, at, version));
        if let Appended::Refused(rejection) = appended
            && let Rejection::TimestampTooLow { floor } = self.tables.rejections.at(rejection)
            && is_issued
            && self.gates.stands(Gate::RefusalsAreObserved)
        {
            let at = after(*floor);
            return (self.append(worker, state, group, self.write_command(write, at, version)), at);
        }
        (appended, at)
    }

    /// Where a copy of the routes sends a write.
    pub(super) fn routed_write(&self, worker: &mut Worker, routes: RoutesId, write: u8) -> DataGroup {
        memo(&mut worker.write_routes, (routes, write), |_| {
            let key = &self.bounds.writes[usize::from(write)].key;
            DataGroup::of(coordinator::route_point(self.tables.routes.at(routes), key).group)
        })
    }

    /// Where a copy of the routes sends the parts of a read that these clients have no answer to.
    pub(super) fn routed_read(&self, worker: &mut Worker, routes: RoutesId, clients: u32, read: u8) -> Arc<[Part]> {
        memo(&mut worker.read_routes, (routes, clients, read), |_| {
            let left = &self.tables.clients.at(clients).reads[usize::from(read)];
            let routes = self.tables.routes.at(routes);
            let parts = left.iter().flat_map(|range| coordinator::route_range(routes, range));
            let asked = parts.map(|part| {
                let ask = Ask { read, part: part.footprint };
                (DataGroup::of(part.group), self.tables.asks.intern(ask))
            });
            asked.collect()
        })
    }

    /// The group that the catalog gives a key to.
    pub(super) fn owner(&self, catalog: u32, key: &RawKey) -> DataGroup {
        let at = &self.bounds.key(key).routes_as;
        DataGroup::of(self.tables.catalogs.at(catalog).routes().covering(at).group)
    }

    /// The history with the event in it.
    pub(super) fn remember(&self, worker: &mut Worker, history: u32, event: EventId) -> u32 {
        memo(&mut worker.events, (history, event), |_| {
            let event = self.tables.events.at(event);
            self.tables.histories.intern(self.tables.histories.at(history).after(event, &self.bounds))
        })
    }

    /// What a migrator of the job sees of the group of a site, and of its voters, which may be those of another moment.
    fn observe(&self, worker: &mut Worker, seen: SeenGroup, errand: u32, job: &SplitJob) -> u32 {
        let key = [seen.site, seen.voters, errand];
        if let Some(observed) = worker.observed.get(&key) {
            return *observed;
        }
        let observation = self.observation(worker, seen, errand, job);
        let observed = self.tables.observed.intern(observation);
        worker.observed.insert(key, observed);
        observed
    }

    /// The leader answers in one moment for the job, for itself and of the configuration; the other voters in another.
    fn observation(&self, worker: &mut Worker, seen: SeenGroup, errand: u32, job: &SplitJob) -> ObservedGroup {
        let [at_once, later] = [seen.site, seen.voters].map(|site| *self.tables.sites.at(site));
        let observed = self.observation_at_once(worker, seen.group, at_once, errand, job);
        if seen.site == seen.voters {
            return observed;
        }
        let mut torn = self.observation_at_once(worker, seen.group, later, errand, job);
        torn.status = observed.status;
        // Without the gate, only the status is of the first moment.
        if self.gates.stands(Gate::StatusOfOneMoment) {
            let leader = VoterId(self.tables.runs.at(at_once.run).leader.into());
            torn.reports.insert(leader, observed.leader.clone());
            (torn.leader, torn.configuration) = (observed.leader, observed.configuration);
        }
        torn
    }

    fn observation_at_once(
        &self,
        worker: &mut Worker,
        group: DataGroup,
        site: Site,
        errand: u32,
        job: &SplitJob,
    ) -> ObservedGroup {
        let run = self.tables.runs.at(site.run);
        let open = self.tables.open_reads.at(site.open);
        let running = |voter: u8| {
            let here = open.iter().filter(|read| read.voter == voter);
            here.filter(|read| read.part.intersects(&job.range)).count() as u64
        };
        let voters = 0..run.voters.len() as u8;
        let reports: BTreeMap<VoterId, VoterReport> = voters
            .clone()
            .map(|voter| {
                if run.voters[usize::from(voter)].is_new {
                    return (VoterId(voter.into()), VoterReport::default());
                }
                let report = (*self.status(worker, run.applied(voter, site.head), errand, job).1).clone();
                (VoterId(voter.into()), VoterReport { running_reads: running(voter), ..report })
            })
            .collect();
        // Without the gate, a follower answers as if it led.
        let answering = if self.gates.stands(Gate::LinearizableStatus) {
            site.head
        } else {
            let applied = voters.map(|voter| run.applied(voter, site.head));
            applied.into_iter().find(|state| *state != site.head).unwrap_or(site.head)
        };
        // Without the gate, the migrator counts on the voters that it knew at first.
        let configuration: Vec<u8> = if self.gates.stands(Gate::CurrentConfiguration) {
            run.members().collect()
        } else {
            (0..self.bounds.voters_of(group)).collect()
        };
        ObservedGroup {
            group: group.id(),
            status: (*self.status(worker, answering, errand, job).0).clone(),
            leader: reports[&VoterId(run.leader.into())].clone(),
            configuration: configuration.into_iter().map(|voter| VoterId(voter.into())).collect::<BTreeSet<_>>(),
            reports,
        }
    }

    /// What a voter in this state tells of the job, as leader and for itself, reads under way not counted.
    fn status(
        &self,
        worker: &mut Worker,
        state: GroupStateId,
        errand: u32,
        job: &SplitJob,
    ) -> (Arc<GroupStatus>, Arc<VoterReport>) {
        memo(&mut worker.statuses, (state, errand), |_| {
            let group = self.tables.groups.at(state);
            let status = group.status(job.id, &job.range, self.gates);
            (Arc::new(status), Arc::new(group.report(job.id, &job.range, 0)))
        })
    }

    /// What the migrator decides, for each reading of its clock that makes a difference: the message, if there is one.
    pub(super) fn decisions(
        &self,
        worker: &mut Worker,
        seen: &Seen,
        job: &SplitJob,
        holder: Option<JobEpoch>,
    ) -> Arc<[(u8, MessageId)]> {
        let errand = self.tables.errands.intern((job.id, job.range.clone()));
        let [source, target] = seen.groups.map(|group| self.observe(worker, group, errand, job));
        let holder_key = holder.map_or(u32::MAX, |epoch| epoch.0 as u32);
        let heads = seen.groups.map(|group| self.tables.sites.at(group.site).head);
        let key = [seen.catalog, errand, source, target, holder_key, heads[0], heads[1]];
        memo(&mut worker.decisions, key, |_| {
            let catalog = self.tables.catalogs.at(seen.catalog);
            let mut decided: Vec<(u8, MessageId)> = Vec::new();
            let readings = self.clock_readings(heads[0]);
            let on_time = readings.iter().enumerate().map(|(clock, reading)| (clock as u8, *reading, 0));
            let overdue = readings.iter().enumerate().filter(|_| self.bounds.overdue > 0);
            let overdue = overdue.map(|(clock, reading)| (clock as u8 | OVERDUE, *reading, u64::MAX));
            for (clock, reading, now_ms) in on_time.chain(overdue) {
                let observed = Observed {
                    routes: catalog.routes(),
                    oldest_live_job: catalog.oldest_live_job(),
                    lacking: catalog.lacking(0),
                    clock: reading,
                    now_ms,
                    source: Some(self.tables.observed.at(source).clone()),
                    target: Some(self.tables.observed.at(target).clone()),
                };
                let step = decide(job, holder, &observed, self.gates);
                if let Some(message) = self.message(heads, catalog, job, step) {
                    let message = self.tables.messages.intern(message);
                    if decided.iter().all(|(_, other)| *other != message) {
                        decided.push((clock, message));
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
        let last = self.tables.groups.at(source).last_commit_ts();
        vec![last.successor().expect("the scenarios' timestamps are small")]
    }

    /// The message that carries out a step, if the step is one for the migrator; source and target are in these states.
    fn message(
        &self,
        [source, target]: [GroupStateId; 2],
        catalog: &Catalog,
        job: &SplitJob,
        step: Step,
    ) -> Option<Message> {
        match step {
            Step::Advance(advance) => Some(Message::Catalog(advance_command(catalog, job, advance))),
            Step::Command { group, action } => Some(job_message(DataGroup::of(group), job, action)),
            Step::Adopt { group } => {
                let adopt = GroupCommand::Adopt(Adoption::of(catalog.routes()));
                Some(Message::Group(DataGroup::of(group), adopt))
            }
            Step::Copy(order) => {
                let guards = self.tables.groups.at(target).jobs().get(&job.id).and_then(JobGuards::target);
                let progress = guards.map(|target| target.imported.within(order.round)).unwrap_or_default();
                let source = self.tables.groups.at(source);
                let batches =
                    next_import(source.store(), &job.range, order.window, &progress, &job.options, self.gates);
                let action = JobAction::Import { round: order.round, batches };
                Some(job_message(DataGroup::of(job.target), job, action))
            }
            Step::Wait(_) | Step::StandDown => None,
        }
    }

    /// Where a message goes; a command of a job also tells of which attempt.
    pub(super) fn addressed(&self, worker: &mut Worker, message: MessageId) -> Addressed {
        memo(&mut worker.addressed, message, |_| match self.tables.messages.at(message) {
            Message::Catalog(_) => Addressed::Catalog,
            Message::Group(group, command) => {
                let token = match command {
                    GroupCommand::Job(command) => Some(command.token),
                    GroupCommand::Write(_)
                    | GroupCommand::BindRead(_)
                    | GroupCommand::Adopt(_)
                    | GroupCommand::DeletePrefix(_)
                    | GroupCommand::Txn(_)
                    | GroupCommand::RaiseCeiling { .. }
                    | GroupCommand::Collect { .. } => None,
                };
                Addressed::Group(*group, self.tables.commands.intern(command.clone()), token)
            }
        })
    }
}

/// What a clock that has observed the timestamp issues next.
fn after(floor: Timestamp) -> Timestamp {
    floor.successor().expect("no scenario with issued timestamps comes to the end of time")
}

/// The bit of a clock's reading at which the budget of a fence is spent.
pub(super) const OVERDUE: u8 = 0x80;

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

impl Appended {
    /// The state afterwards, given the one before, and whether it is another.
    pub(super) fn after(self, before: &State) -> (State, bool) {
        match self {
            Appended::Changed(after) => (after, true),
            Appended::Unchanged | Appended::Refused(_) => (*before, false),
        }
    }
}

pub(super) fn job_message(to: DataGroup, job: &SplitJob, action: JobAction) -> Message {
    let command = JobCommand { token: job.token(), range: job.range.clone(), action };
    Message::Group(to, GroupCommand::Job(command))
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
