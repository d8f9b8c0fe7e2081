//! Steps of clients: each write and each read of the scenario once, in any order, through any coordinator.

use super::World;
use super::action::Action;
use super::bounds::{Look, Side};
use super::component::OpenRead;
use super::history::Event;
use super::memo::{Appended, Request, Served, Worker};
use super::process::Steps;
use super::state::{State, head_slot, run_slot, slot};
use splitjob_core::group::{GroupCommand, Mutation, ReadAnswer, Rejection, WriteRequest};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RawKey;

impl World {
    /// What clients may ask of one of the groups.
    pub(super) fn client_steps(&self, worker: &mut Worker, state: &State, side: Side, step: &mut Steps<'_>) {
        let coordinators = self.tables.coordinators.get(state[slot::COORDINATORS]);
        let done = state[slot::CLIENTS];
        for (coordinator, (version, routes)) in coordinators.copies.iter().enumerate() {
            if coordinator > 0 && coordinators.copies[coordinator - 1].1 == *routes {
                continue;
            }
            let coordinator = coordinator as u8;
            for write in (0..self.bounds.writes.len() as u8).filter(|write| done & 1 << write == 0) {
                if self.routed(worker, *routes, Request::Write(write)) == Some(side) {
                    self.write(worker, state, write, coordinator, side, step);
                }
            }
            for read in (0..self.bounds.reads.len() as u8).filter(|read| done & 1 << (16 + read) == 0) {
                if self.routed(worker, *routes, Request::Read(read)) == Some(side) {
                    self.bind(worker, state, read, (coordinator, *version), side, step);
                    self.read(worker, state, read, (coordinator, *version), side, step);
                }
            }
        }
        self.next_pages(state, side, step);
    }

    fn write(&self, worker: &mut Worker, state: &State, write: u8, coordinator: u8, side: Side, step: &mut Steps<'_>) {
        let request = &self.bounds.writes[usize::from(write)];
        let mutation = Mutation { key: request.key.clone(), content: request.content.clone() };
        let command = WriteRequest { mutations: vec![mutation], commit_ts: request.commit_ts };
        let command = self.tables.commands.intern(GroupCommand::Write(command));
        let action = |is_answered| Action::Write { write, coordinator, is_answered };
        match self.append(worker, state, side, command) {
            Appended::Changed(mut after) => {
                after[slot::CLIENTS] |= 1 << write;
                let owner = self.owner(worker, state[slot::CATALOG], write);
                for is_acked in [true, false].into_iter().filter(|is_acked| *is_acked || self.bounds.answers_get_lost) {
                    step(action(is_acked), after, Some(Event::Accepted { write, side, is_acked, owner }));
                }
            }
            Appended::Unchanged => {}
            Appended::Refused(rejection) => {
                self.unjustly_refused(state, &request.key, rejection, action(true), step);
            }
        }
    }

    // S11
    fn unjustly_refused(&self, state: &State, key: &RawKey, rejection: u32, action: Action, step: &mut Steps<'_>) {
        let is_outside = !self.bounds.moving().contains(&self.bounds.key(key).routes_as);
        if !is_outside || !is_caused_by_a_job(&self.tables.rejections.get(rejection)) {
            return;
        }
        step(action, *state, Some(Event::Refused { key: key.clone() }));
    }

    fn bind(
        &self,
        worker: &mut Worker,
        state: &State,
        read: u8,
        (coordinator, version): (u8, CatalogVersion),
        side: Side,
        step: &mut Steps<'_>,
    ) {
        let Served::Refused(rejection) = self.serve(worker, state[head_slot(side)], read, version) else { return };
        if !matches!(*self.tables.rejections.get(rejection), Rejection::ReadNotBound { .. }) {
            return;
        }
        let bind = self.request(read, version, None).bind();
        let command = self.tables.commands.intern(GroupCommand::BindRead(bind));
        if let Appended::Changed(after) = self.append(worker, state, side, command) {
            step(Action::Bind { read, coordinator }, after, None);
        }
    }

    fn read(
        &self,
        worker: &mut Worker,
        state: &State,
        read: u8,
        (coordinator, version): (u8, CatalogVersion),
        side: Side,
        step: &mut Steps<'_>,
    ) {
        let run = self.tables.runs.get(state[run_slot(side)]);
        for (voter, at) in run.voters.iter().enumerate() {
            let voter = voter as u8;
            let is_current = at.behind == 0;
            // A follower that has applied everything answers as the leader does; only its pin is its own.
            if is_current && voter != run.leader && !self.is_paged(read) {
                continue;
            }
            let applied = if is_current { state[head_slot(side)] } else { at.state };
            let action = Action::Read { read, coordinator, voter };
            match self.serve(worker, applied, read, version) {
                Served::Answer(answer) => {
                    let answer = self.tables.answers.get(answer);
                    let mut after = *state;
                    after[slot::CLIENTS] |= 1 << (16 + read);
                    if let Some(next) = answer.next.clone() {
                        let open = OpenRead { read, side, voter, next };
                        after[slot::OPEN] = self.with_open(state[slot::OPEN], None, Some(open));
                    }
                    step(action, after, Some(answered(read, None, &answer)));
                }
                Served::Refused(rejection) => self.refused_read(state, read, rejection, action, step),
            }
        }
    }

    fn refused_read(&self, state: &State, read: u8, rejection: u32, action: Action, step: &mut Steps<'_>) {
        if let Look::Point(key) = &self.bounds.reads[usize::from(read)].look {
            self.unjustly_refused(state, key, rejection, action, step);
        }
    }

    fn is_paged(&self, read: u8) -> bool {
        matches!(self.bounds.reads[usize::from(read)].look, Look::Scan { .. })
    }

    fn with_open(&self, open: u32, ended: Option<usize>, begun: Option<OpenRead>) -> u32 {
        let mut reads = (*self.tables.open_reads.get(open)).clone();
        if let Some(ended) = ended {
            reads.remove(ended);
        }
        reads.extend(begun);
        reads.sort();
        self.tables.open_reads.intern(reads)
    }

    // P8: a page of an admitted read asks no guard again; the pin keeps its rows.
    fn next_pages(&self, state: &State, side: Side, step: &mut Steps<'_>) {
        let open = self.tables.open_reads.get(state[slot::OPEN]);
        for (index, at) in open.iter().enumerate().filter(|(_, at)| at.side == side) {
            let run = self.tables.runs.get(state[run_slot(at.side)]);
            let voter = run.voters[usize::from(at.voter)];
            let applied = if voter.behind == 0 { state[head_slot(at.side)] } else { voter.state };
            let request = self.request(at.read, super::bounds::FIRST_VERSION, Some(&at.next));
            let answer = self.tables.groups.get(applied).read_admitted(&request, self.gates);
            let mut after = *state;
            let event = answered(at.read, Some(at.next.clone()), &answer);
            let next = answer.next.map(|next| OpenRead { next, ..at.clone() });
            after[slot::OPEN] = self.with_open(state[slot::OPEN], Some(index), next);
            step(Action::NextPage { open: index as u8 }, after, Some(event));
        }
    }
}

fn answered(read: u8, from: Option<RawKey>, answer: &ReadAnswer) -> Event {
    let returned = answer.rows.iter().map(|row| (row.key.clone(), row.commit_ts)).collect();
    Event::Answered { read, from, returned }
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
