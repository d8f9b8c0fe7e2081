//! What a step really is: the messages and answers behind an action, as values that can be told.

use super::World;
use super::action::{Action, Delivery};
use super::bounds::Side;
use super::memo::{Appended, Request, Served, Worker};
use super::state::{State, run_slot, slot};
use super::view::{Letter, OpenPage, letter};
use splitjob_core::group::{Group, GroupCommand, Mutation, ReadAnswer, Rejection, WriteRequest};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::RoutingKey;
use splitjob_core::store::MemoryStore;
use splitjob_core::timestamp::Timestamp;
use std::sync::Arc;

/// What a step really is: the messages and answers behind an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A migrator sends what it has decided.
    Sent {
        /// Which migrator.
        migrator: u8,
        /// The message.
        letter: Letter,
        /// What becomes of it.
        delivery: Delivery,
    },
    /// A migrator sends the next import without waiting for the answer to the one before.
    SentAhead {
        /// Which migrator.
        migrator: u8,
    },
    /// A message that was held back or doubled arrives.
    Arrived {
        /// The message.
        letter: Letter,
        /// Whether it has arrived before.
        is_repeated: bool,
    },
    /// A voter applies entries.
    Applied {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
        /// The entries.
        commands: Vec<Arc<GroupCommand>>,
        /// What the voter holds afterwards.
        after: Arc<Group<MemoryStore>>,
    },
    /// Another voter becomes leader.
    Led {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
    },
    /// A voter restarts.
    Restarted {
        /// Whose voter.
        side: Side,
        /// Which one.
        voter: u8,
    },
    /// A coordinator learns the routes that stand.
    Watched {
        /// Which coordinator, by its place in the state.
        coordinator: u8,
        /// What it held before.
        from: CatalogVersion,
        /// What it holds afterwards.
        to: CatalogVersion,
    },
    /// A group's leader learns the routes that stand.
    Adopted {
        /// Which group.
        side: Side,
        /// Their version.
        version: CatalogVersion,
    },
    /// A client writes.
    Wrote {
        /// Which write of the scenario.
        write: u8,
        /// How it came to the group.
        via: Via,
        /// Whether the client gets the answer.
        is_answered: bool,
        /// Why the group refused it, if it did.
        refusal: Option<Rejection>,
    },
    /// A client's read makes the group bind it.
    Bound {
        /// Which read of the scenario.
        read: u8,
        /// How it came to the group.
        via: Via,
    },
    /// A voter answers a client's read, or its first page.
    Read {
        /// Which read of the scenario.
        read: u8,
        /// How it came to the group.
        via: Via,
        /// Which voter.
        voter: u8,
        /// The answer.
        answer: Result<ReadAnswer, Rejection>,
    },
    /// A voter answers the next page of a read.
    Paged {
        /// The read, and where the page starts.
        page: OpenPage,
        /// The answer.
        answer: ReadAnswer,
    },
    /// A route is split on its own group.
    Split {
        /// The first key of the right part.
        at: RoutingKey,
        /// Whether the route is the one that moves.
        is_inside: bool,
    },
    /// The source collects old versions.
    Collected {
        /// Reads below it are refused afterwards.
        through: Timestamp,
    },
}

/// How a client's request came to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via {
    /// The coordinator, by its place in the state.
    pub coordinator: u8,
    /// The version of its routes.
    pub routed_by: CatalogVersion,
    /// The group that it chose.
    pub side: Side,
}

impl World {
    /// What really happens in a step that is enabled in the state.
    ///
    /// # Panics
    /// If the step is not enabled.
    pub fn happening(&self, worker: &mut Worker, before: &State, action: Action) -> Happening {
        match action {
            Action::Migrate { migrator, clock, delivery } => self.sending(worker, before, migrator, clock, delivery),
            Action::SendAhead { migrator } => Happening::SentAhead { migrator },
            Action::Arrive { message } => {
                let late = &self.tables.networks.get(before[slot::NETWORK]).late[usize::from(message)];
                Happening::Arrived { letter: letter(&late.message), is_repeated: late.is_repeated }
            }
            Action::Apply { side, voter, entries } => self.applying(worker, before, side, voter, entries),
            Action::Lead { side, voter } => Happening::Led { side, voter },
            Action::Restart { side, voter } => Happening::Restarted { side, voter },
            Action::Watch { coordinator } => {
                let copies = &self.tables.coordinators.get(before[slot::COORDINATORS]).copies;
                let to = self.tables.catalogs.get(before[slot::CATALOG]).routes().version;
                Happening::Watched { coordinator, from: copies[usize::from(coordinator)].0, to }
            }
            Action::Adopt { side } => {
                let version = self.tables.catalogs.get(before[slot::CATALOG]).routes().version;
                Happening::Adopted { side, version }
            }
            Action::Write { write, coordinator, is_answered } => {
                let via = self.via(worker, before, coordinator, Request::Write(write));
                let refusal = self.refusal(worker, before, write, via.side);
                Happening::Wrote { write, via, is_answered, refusal }
            }
            Action::Bind { read, coordinator } => {
                Happening::Bound { read, via: self.via(worker, before, coordinator, Request::Read(read)) }
            }
            Action::Read { read, coordinator, voter } => self.reading(worker, before, read, coordinator, voter),
            Action::NextPage { open } => self.paging(before, open),
            Action::SplitElsewhere => splitting(self.bounds.elsewhere.as_ref(), false),
            Action::SplitInside => splitting(self.bounds.inside.as_ref(), true),
            Action::Collect { through } => {
                Happening::Collected { through: self.bounds.collections[usize::from(through)] }
            }
        }
    }

    fn sending(&self, worker: &mut Worker, before: &State, migrator: u8, clock: u8, delivery: Delivery) -> Happening {
        let catalog = self.tables.catalogs.get(before[slot::CATALOG]);
        let job = catalog.live_jobs().next().expect("a migrator steps only while a job lives");
        let held = self.tables.controls.get(before[slot::CONTROL]).holders[usize::from(migrator)];
        let holder = held.filter(|epoch| *epoch == job.epoch);
        let decisions = self.decisions(worker, before, job, holder);
        let decided = decisions.iter().find(|(reading, _)| *reading == clock);
        let (_, message) = *decided.expect("an enabled step of a migrator has a message");
        Happening::Sent { migrator, letter: letter(&self.tables.messages.get(message)), delivery }
    }

    fn applying(&self, worker: &mut Worker, before: &State, side: Side, voter: u8, entries: u8) -> Happening {
        let run = self.tables.runs.get(before[run_slot(side)]);
        let commands = &run.ahead_of(voter)[..usize::from(entries)];
        let mut at = run.voters[usize::from(voter)].state;
        for command in commands {
            if let super::memo::Applied::Changed(next) = self.apply(worker, at, *command, self.first_routes) {
                at = next;
            }
        }
        let commands = commands.iter().map(|command| self.tables.commands.get(*command)).collect();
        Happening::Applied { side, voter, commands, after: self.tables.groups.get(at) }
    }

    fn via(&self, worker: &mut Worker, before: &State, coordinator: u8, request: Request) -> Via {
        let copies = &self.tables.coordinators.get(before[slot::COORDINATORS]).copies;
        let (routed_by, routes) = copies[usize::from(coordinator)];
        let side = self.routed(worker, routes, request).expect("an enabled request is routed to one group");
        Via { coordinator, routed_by, side }
    }

    fn refusal(&self, worker: &mut Worker, before: &State, write: u8, side: Side) -> Option<Rejection> {
        let request = &self.bounds.writes[usize::from(write)];
        let mutations = vec![Mutation { key: request.key.clone(), content: request.content.clone() }];
        let command = GroupCommand::Write(WriteRequest { mutations, commit_ts: request.commit_ts });
        let command = self.tables.commands.intern(command);
        match self.append(worker, before, side, command) {
            Appended::Changed(_) | Appended::Unchanged => None,
            Appended::Refused(rejection) => Some((*self.tables.rejections.get(rejection)).clone()),
        }
    }

    fn reading(&self, worker: &mut Worker, before: &State, read: u8, coordinator: u8, voter: u8) -> Happening {
        let via = self.via(worker, before, coordinator, Request::Read(read));
        let run = self.tables.runs.get(before[run_slot(via.side)]);
        let applied = self.applied(before, via.side, &run, voter);
        let answer = match self.serve(worker, applied, read, via.routed_by) {
            Served::Answer(answer) => Ok((*self.tables.answers.get(answer)).clone()),
            Served::Refused(rejection) => Err((*self.tables.rejections.get(rejection)).clone()),
        };
        Happening::Read { read, via, voter, answer }
    }

    fn paging(&self, before: &State, open: u8) -> Happening {
        let at = self.tables.open_reads.get(before[slot::OPEN])[usize::from(open)].clone();
        let run = self.tables.runs.get(before[run_slot(at.side)]);
        let group = self.tables.groups.get(self.applied(before, at.side, &run, at.voter));
        let request = self.request(at.read, super::bounds::FIRST_VERSION, Some(&at.next));
        let answer = group.read_admitted(&request, self.gates);
        Happening::Paged { page: OpenPage { read: at.read, side: at.side, voter: at.voter, next: at.next }, answer }
    }
}

fn splitting(at: Option<&RoutingKey>, is_inside: bool) -> Happening {
    Happening::Split { at: at.expect("an enabled split has a place").clone(), is_inside }
}
