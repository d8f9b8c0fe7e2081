//! Steps of clients: each write and each read of the scenario, in any order, through any coordinator.

use super::World;
use super::action::Action;
use super::bounds::{ClientPrefixDelete, FIRST_VERSION, Look};
use super::component::{Clients, OpenRead, Site, WriteStatus};
use super::data_group::DataGroup;
use super::history::Event;
use super::memo::{Appended, AskId, Served, Worker};
use super::process::Steps;
use super::state::{Ask, State, slot};
use splitjob_core::coordinator::{Retry, after_refusal, route_point, route_prefix};
use splitjob_core::group::{DeletePrefix, GroupCommand, LatestRequest, ReadAnswer, Rejection};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;

/// A part of a read on its way through a coordinator.
#[derive(Clone, Copy)]
struct Asking {
    read: u8,
    part: u8,
    ask: AskId,
    coordinator: u8,
    /// The version of the coordinator's routes.
    version: CatalogVersion,
}

impl World {
    /// What clients may ask of one of the groups.
    pub(super) fn client_steps(&self, worker: &mut Worker, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let coordinators = self.tables.coordinators.at(state[slot::COORDINATORS]);
        let clients = self.tables.clients.at(state[slot::CLIENTS]);
        for (coordinator, (version, routes)) in coordinators.copies.iter().enumerate() {
            if coordinator > 0 && coordinators.copies[coordinator - 1].1 == *routes {
                continue;
            }
            let coordinator = coordinator as u8;
            for write in (0..self.bounds.writes.len() as u8).filter(|write| clients.may_write(*write)) {
                if self.routed_write(worker, *routes, write) == group {
                    self.write(worker, state, write, (coordinator, *version), group, step);
                }
            }
            for read in 0..self.bounds.reads.len() as u8 {
                let parts = self.routed_read(worker, *routes, state[slot::CLIENTS], read);
                for (part, (_, ask)) in parts.iter().enumerate().filter(|(_, (at, _))| *at == group) {
                    let asking = Asking { read, part: part as u8, ask: *ask, coordinator, version: *version };
                    self.bind(worker, state, asking, group, step);
                    self.read(worker, state, asking, group, step);
                }
            }
            for delete in 0..self.bounds.prefix_deletes.len() as u8 {
                self.delete_prefix(worker, state, (delete, coordinator), group, step);
            }
            for question in 0..self.bounds.latest.len() as u8 {
                self.latest(state, question, (coordinator, *version), group, step);
            }
        }
        self.next_pages(state, group, step);
    }

    /// The parts of a prefix delete that a coordinator sends out: nothing while it knows any of them to be fenced.
    pub(super) fn delete_parts(&self, state: &State, delete: u8, coordinator: u8) -> Vec<(DataGroup, DeletePrefix)> {
        let ClientPrefixDelete { prefix, commit_ts } = &self.bounds.prefix_deletes[usize::from(delete)];
        let (_, routes) = self.tables.coordinators.at(state[slot::COORDINATORS]).copies[usize::from(coordinator)];
        let left = &self.tables.clients.at(state[slot::CLIENTS]).prefix_deletes[usize::from(delete)];
        let Ok(routed) = route_prefix(self.tables.routes.at(routes), prefix) else { return Vec::new() };
        let parts = routed.iter().flat_map(|routed| {
            let parts = left.iter().filter_map(|range| range.intersection(&routed.footprint));
            parts.map(|part| (DataGroup::of(routed.group), part))
        });
        let command = |part| DeletePrefix { prefix: prefix.clone(), part, commit_ts: *commit_ts, routed_by: None };
        parts.map(|(group, part)| (group, command(part))).collect()
    }

    fn delete_prefix(
        &self,
        worker: &mut Worker,
        state: &State,
        (delete, coordinator): (u8, u8),
        group: DataGroup,
        step: &mut Steps<'_>,
    ) {
        let parts = self.delete_parts(state, delete, coordinator);
        for (index, (_, command)) in parts.into_iter().enumerate().filter(|(_, (at, _))| *at == group) {
            let part = command.part.clone();
            let id = self.tables.commands.intern(GroupCommand::DeletePrefix(command));
            let appended = self.append(worker, state, group, id);
            if let Appended::Refused(_) = appended {
                continue;
            }
            let (mut after, has_acted) = appended.after(state);
            let clients = self.tables.clients.at(state[slot::CLIENTS]).with_deleted(delete, &part);
            after[slot::CLIENTS] = self.tables.clients.intern(clients);
            let prefix = &self.bounds.prefix_deletes[usize::from(delete)].prefix;
            let keys = self
                .bounds
                .keys
                .iter()
                .filter(|key| key.raw.as_bytes().starts_with(prefix.as_bytes()) && part.contains(&key.routes_as));
            let is_foreign = |key: &&RawKey| self.owner(state[slot::CATALOG], key) != group;
            let foreign = keys.map(|key| &key.raw).filter(|_| has_acted).filter(is_foreign).cloned().collect();
            let event = Event::PrefixDeleted { delete, part, group, foreign };
            step(Action::DeletePrefix { delete, part: index as u8, coordinator }, after, Some(event));
        }
    }

    fn latest(
        &self,
        state: &State,
        question: u8,
        (coordinator, version): (u8, CatalogVersion),
        group: DataGroup,
        step: &mut Steps<'_>,
    ) {
        let clients = self.tables.clients.at(state[slot::CLIENTS]);
        if clients.latest & 1 << question != 0 {
            return;
        }
        let (at, answer) = self.newest(state, question, (coordinator, version));
        if let Ok(returned) = answer
            && at == group
        {
            let key = self.bounds.latest[usize::from(question)].clone();
            let mut after = *state;
            let clients = Clients { latest: clients.latest | 1 << question, ..clients.clone() };
            after[slot::CLIENTS] = self.tables.clients.intern(clients);
            step(Action::Latest { question, coordinator }, after, Some(Event::LatestTold { key, group, returned }));
        }
    }

    /// What a client's question for the newest version of a key is answered, and by whom.
    pub(super) fn newest(
        &self,
        state: &State,
        question: u8,
        (coordinator, version): (u8, CatalogVersion),
    ) -> (DataGroup, Result<Option<Timestamp>, Rejection>) {
        let key = &self.bounds.latest[usize::from(question)];
        let (_, routes) = self.tables.coordinators.at(state[slot::COORDINATORS]).copies[usize::from(coordinator)];
        let group = DataGroup::of(route_point(self.tables.routes.at(routes), key).group);
        let request = LatestRequest { key: key.clone(), routed_by: Some(version) };
        (group, self.head(state, group).latest(&request, self.gates))
    }

    fn write(
        &self,
        worker: &mut Worker,
        state: &State,
        write: u8,
        (coordinator, version): (u8, CatalogVersion),
        group: DataGroup,
        step: &mut Steps<'_>,
    ) {
        let key = &self.bounds.writes[usize::from(write)].key;
        let clients = self.tables.clients.at(state[slot::CLIENTS]);
        let is_retry = clients.writes[usize::from(write)] == WriteStatus::Unsure;
        let action = |is_answered| match is_retry {
            true => Action::Retry { write, coordinator, is_answered },
            false => Action::Write { write, coordinator, is_answered },
        };
        let told = |mut after: State, status| {
            after[slot::CLIENTS] = self.tables.clients.intern(clients.with_write(write, status));
            after
        };
        let (appended, commit_ts) = self.append_write(worker, state, group, write, Some(version));
        let accepted = match appended {
            Appended::Changed(after) => after,
            Appended::Unchanged => *state,
            Appended::Refused(rejection) => {
                let rejection = self.tables.rejections.at(rejection);
                let point = KeyRange::point(&self.bounds.key(key).routes_as);
                if self.is_unjust(state, &point, rejection) {
                    step(action(true), *state, Some(Event::Refused { footprint: point }));
                } else if is_retry && is_final(rejection) {
                    step(action(true), told(*state, WriteStatus::GivenUp), None);
                }
                return;
            }
        };
        let owner = self.owner(state[slot::CATALOG], key);
        let event = |is_acked| Some(Event::Accepted { write, commit_ts, group, is_acked, owner });
        step(action(true), told(accepted, WriteStatus::Done), event(true));
        let unanswered = told(accepted, WriteStatus::Unsure);
        if self.bounds.answers_get_lost && unanswered != *state {
            step(action(false), unanswered, event(false));
        }
    }

    /// Whether a request outside the ranges of all jobs was refused because of one (S11).
    fn is_unjust(&self, state: &State, footprint: &KeyRange, rejection: &Rejection) -> bool {
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        let mut ranges = catalog.live_jobs().chain(catalog.history()).map(|job| &job.range);
        is_caused_by_a_job(rejection) && !ranges.any(|range| range.intersects(footprint))
    }

    fn bind(&self, worker: &mut Worker, state: &State, asking: Asking, group: DataGroup, step: &mut Steps<'_>) {
        let head = self.site(state, group).head;
        let Served::Refused(rejection) = self.serve(worker, head, asking.ask, asking.version) else { return };
        if !matches!(self.tables.rejections.at(rejection), Rejection::ReadNotBound { .. }) {
            return;
        }
        let bind = self.request(self.tables.asks.at(asking.ask), asking.version, None).bind();
        let command = self.tables.commands.intern(GroupCommand::BindRead(bind));
        if let Appended::Changed(after) = self.append(worker, state, group, command) {
            let Asking { read, part, coordinator, .. } = asking;
            step(Action::Bind { read, part, coordinator }, after, None);
        }
    }

    fn read(&self, worker: &mut Worker, state: &State, asking: Asking, group: DataGroup, step: &mut Steps<'_>) {
        let Asking { read, part, ask, coordinator, version } = asking;
        let site = self.site(state, group);
        let run = self.tables.runs.at(site.run);
        for (voter, at) in run.voters.iter().enumerate() {
            let voter = voter as u8;
            if at.is_new {
                continue;
            }
            // A follower that has applied everything answers as the leader does; only its pin is its own.
            if at.is_current() && voter != run.leader && !self.is_paged(read) {
                continue;
            }
            let action = Action::Read { read, part, coordinator, voter };
            match self.serve(worker, run.applied(voter, site.head), ask, version) {
                Served::Answer(answer) => {
                    let answer = self.tables.answers.at(answer);
                    let (after, event) = self.answered(state, group, ask, voter, answer);
                    step(action, after, Some(event));
                }
                Served::Refused(rejection) => {
                    let footprint = &self.tables.asks.at(ask).part;
                    if self.is_unjust(state, footprint, self.tables.rejections.at(rejection)) {
                        step(action, *state, Some(Event::Refused { footprint: footprint.clone() }));
                    }
                }
            }
        }
    }

    /// The state after a voter has answered a part of a read, or its first page, and what the history remembers.
    fn answered(&self, state: &State, group: DataGroup, ask: AskId, voter: u8, answer: &ReadAnswer) -> (State, Event) {
        let Ask { read, part } = self.tables.asks.at(ask);
        let mut after = *state;
        if let Some(next) = answer.next.clone() {
            let site = self.site(state, group);
            let begun = OpenRead { read: *read, part: part.clone(), voter, next };
            let open = self.with_open(site.open, None, Some(begun));
            after = self.with_site(state, group, Site { open, ..site });
        }
        let clients = self.tables.clients.at(state[slot::CLIENTS]).with_answer(*read, part);
        after[slot::CLIENTS] = self.tables.clients.intern(clients);
        (after, told(*read, part, None, answer))
    }

    fn is_paged(&self, read: u8) -> bool {
        matches!(self.bounds.reads[usize::from(read)].look, Look::Scan { .. })
    }

    fn with_open(&self, open: u32, ended: Option<usize>, begun: Option<OpenRead>) -> u32 {
        let mut reads = self.tables.open_reads.at(open).clone();
        if let Some(ended) = ended {
            reads.remove(ended);
        }
        reads.extend(begun);
        reads.sort();
        self.tables.open_reads.intern(reads)
    }

    // P8: a page of an admitted read asks no guard again; the pin keeps its rows.
    fn next_pages(&self, state: &State, group: DataGroup, step: &mut Steps<'_>) {
        let site = self.site(state, group);
        for (index, at) in self.tables.open_reads.at(site.open).iter().enumerate() {
            let answer = self.page(site, at);
            let event = told(at.read, &at.part, Some(at.next.clone()), &answer);
            let next = answer.next.map(|next| OpenRead { next, ..at.clone() });
            let open = self.with_open(site.open, Some(index), next);
            let after = self.with_site(state, group, Site { open, ..site });
            step(Action::NextPage { group, open: index as u8 }, after, Some(event));
        }
    }

    /// What the voter answers to the next page of a read that it runs.
    pub(super) fn page(&self, site: Site, at: &OpenRead) -> ReadAnswer {
        let applied = self.tables.runs.at(site.run).applied(at.voter, site.head);
        let ask = Ask { read: at.read, part: at.part.clone() };
        let request = self.request(&ask, FIRST_VERSION, Some(&at.next));
        self.tables.groups.at(applied).read_admitted(&request, self.gates)
    }
}

impl Clients {
    fn may_write(&self, write: u8) -> bool {
        match self.writes[usize::from(write)] {
            WriteStatus::NotYet | WriteStatus::Unsure => true,
            WriteStatus::Done | WriteStatus::GivenUp => false,
        }
    }
}

fn told(read: u8, part: &KeyRange, from: Option<RawKey>, answer: &ReadAnswer) -> Event {
    let returned = answer.rows.iter().map(|row| (row.key.clone(), row.commit_ts)).collect();
    Event::Answered { read, part: part.clone(), from, returned }
}

/// Whether a coordinator tells its client of the refusal: the timestamp is the client's own.
fn is_final(rejection: &Rejection) -> bool {
    after_refusal(rejection, 1, true) == Retry::Surface
}

/// Whether only a job can be the reason for the refusal.
///
/// By the kind of the refusal alone; whether it was right is not asked here.
fn is_caused_by_a_job(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::RouteWriteFenced
            | Rejection::RouteMoved { .. }
            | Rejection::CutoverPending { .. }
            | Rejection::OwnershipUnknown
    )
}
