//! What a step really is: the messages and answers behind an action, as values that can be told.

use super::World;
use super::action::{Action, Delivery, TxnDelivery};
use super::component::RoutesId;
use super::data_group::{DataGroup, Journey};
use super::environment::{advance_command, report};
use super::memo::{Appended, AskId, Served, Worker};
use super::migrator::job_of_move;
use super::state::{State, slot};
use super::view::{Letter, OpenPage, letter, open_page};
use splitjob_core::catalog::{Advance, CatalogCommand};
use splitjob_core::coordinator::route_point;
use splitjob_core::group::{Group, GroupCommand, ReadAnswer, Rejection};
use splitjob_core::id::{CatalogVersion, JobId};
use splitjob_core::key::{RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
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
        /// What of that which it was decided by was seen before the rest.
        earlier: Vec<SeenPart>,
    },
    /// A migrator begins to look.
    Looked {
        /// Which migrator.
        migrator: u8,
        /// At which job.
        job: JobId,
    },
    /// A migrator sends the next import without waiting for the answer to the one before.
    SentAhead {
        /// Which migrator.
        migrator: u8,
        /// To which group.
        group: DataGroup,
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
        group: DataGroup,
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
        group: DataGroup,
        /// Which one.
        voter: u8,
    },
    /// A voter restarts.
    Restarted {
        /// Whose voter.
        group: DataGroup,
        /// Which one.
        voter: u8,
    },
    /// A group gets one voter more, or one that was removed again.
    Added {
        /// Which group.
        group: DataGroup,
        /// The new voter.
        voter: u8,
        /// Whether it was a voter before.
        is_again: bool,
    },
    /// A follower is removed from its group.
    Removed {
        /// Whose voter.
        group: DataGroup,
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
        group: DataGroup,
        /// Their version.
        version: CatalogVersion,
    },
    /// A client writes.
    Wrote {
        /// Which write of the scenario.
        write: u8,
        /// At which timestamp.
        commit_ts: Timestamp,
        /// Whether it asks for the same again, having got no answer.
        is_retry: bool,
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
        /// The part of it that goes to the group.
        part: KeyRange,
        /// How it came to the group.
        via: Via,
    },
    /// A voter answers a client's read, or its first page.
    Read {
        /// Which read of the scenario.
        read: u8,
        /// The part of it that goes to the group.
        part: KeyRange,
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
    /// The operator starts a job.
    Started {
        /// The job.
        job: JobId,
        /// Where its range begins.
        from: RoutingKey,
        /// The group that it moves to.
        target: DataGroup,
    },
    /// A group collects old versions.
    Collected {
        /// Which group.
        group: DataGroup,
        /// Reads below it are refused afterwards.
        through: Timestamp,
    },
    /// A client or a resolver asks a group for a step of a transaction, or for a part of a prefix delete.
    Commanded {
        /// Who.
        by: Sender,
        /// How it came to the group.
        via: Via,
        /// What is asked.
        command: GroupCommand,
        /// What becomes of the message.
        delivery: TxnDelivery,
        /// Why the group refused it, if it did.
        refusal: Option<Rejection>,
    },
    /// A client gives its transaction up while it prepares.
    GaveUp {
        /// Which transaction of the scenario.
        txn: u8,
    },
    /// A client asks for the newest version of a key.
    AskedLatest {
        /// The raw key.
        key: RawKey,
        /// How it came to the group.
        via: Via,
        /// The answer.
        answer: Option<Timestamp>,
    },
    /// An operator, or a node's heartbeat, commands the catalog.
    Operated {
        /// The command.
        command: CatalogCommand,
    },
}

/// A part of what a migrator decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenPart {
    /// Routes and job.
    Catalog,
    /// What the group's leader answers.
    Leader(DataGroup),
    /// What the group's other voters report.
    Voters(DataGroup),
}

/// Who sends a command to a group's log, besides migrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client.
    Client,
    /// A resolver that has found a lock.
    Resolver,
}

/// How a client's request came to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via {
    /// The coordinator, by its place in the state.
    pub coordinator: u8,
    /// The version of its routes.
    pub routed_by: CatalogVersion,
    /// The group that it chose.
    pub group: DataGroup,
}

impl World {
    /// What really happens in a step that is enabled in the state.
    ///
    /// # Panics
    /// If the step is not enabled.
    pub fn happening(&self, worker: &mut Worker, before: &State, action: Action) -> Happening {
        match action {
            Action::Migrate { job, migrator, clock, delivery } => {
                let letter = self.sending(worker, before, job, migrator, clock);
                Happening::Sent { migrator, letter, delivery, earlier: Vec::new() }
            }
            Action::Look { job, migrator } => Happening::Looked { migrator, job: JobId(job.into()) },
            Action::MigrateTorn { job, migrator, old, clock, delivery } => {
                let letter = self.sending_torn(worker, before, old, clock);
                Happening::Sent { migrator, letter, delivery, earlier: self.seen_earlier(job, old) }
            }
            Action::SendAhead { job, migrator } => {
                let group = self.journeys[usize::from(job) - 1].target;
                Happening::SentAhead { migrator, group }
            }
            Action::Arrive { message } => {
                let late = &self.tables.networks.at(before[slot::NETWORK]).late[usize::from(message)];
                Happening::Arrived { letter: letter(&late.message), is_repeated: late.is_repeated }
            }
            Action::Apply { group, voter, entries } => self.applying(worker, before, group, voter, entries),
            Action::Lead { group, voter } => Happening::Led { group, voter },
            Action::Restart { group, voter } => Happening::Restarted { group, voter },
            Action::AddVoter { group } => {
                let voters = self.tables.runs.at(self.site(before, group).run).voters.len();
                Happening::Added { group, voter: voters as u8, is_again: false }
            }
            Action::AddAgain { group, voter } => Happening::Added { group, voter, is_again: true },
            Action::RemoveVoter { group, voter } => Happening::Removed { group, voter },
            Action::Watch { coordinator } => {
                let (from, _) = self.copy(before, coordinator);
                Happening::Watched { coordinator, from, to: self.catalog_version(before) }
            }
            Action::AdoptLate { group, coordinator } => {
                Happening::Adopted { group, version: self.copy(before, coordinator).0 }
            }
            Action::Adopt { group } => Happening::Adopted { group, version: self.catalog_version(before) },
            Action::Write { write, coordinator, is_answered } => {
                self.writing(worker, before, write, coordinator, is_answered, false)
            }
            Action::Retry { write, coordinator, is_answered } => {
                self.writing(worker, before, write, coordinator, is_answered, true)
            }
            Action::Bind { read, part, coordinator } => {
                let (via, ask) = self.asking(worker, before, read, part, coordinator);
                Happening::Bound { read, part: self.tables.asks.at(ask).part.clone(), via }
            }
            Action::Read { read, part, coordinator, voter } => {
                self.reading(worker, before, (read, part), coordinator, voter)
            }
            Action::NextPage { group, open } => self.paging(before, group, open),
            Action::SplitElsewhere => splitting(self.bounds.elsewhere.as_ref(), false),
            Action::SplitInside => splitting(self.bounds.inside.as_ref(), true),
            Action::Collect { collection } => {
                let collection = &self.bounds.collections[usize::from(collection)];
                Happening::Collected { group: collection.group, through: collection.through }
            }
            Action::Txn { txn, key, coordinator, step, delivery } => {
                let command = self.txn_command(txn, usize::from(key), step);
                let raw = &self.bounds.txns[usize::from(txn)].mutations[usize::from(key)].0;
                let (routed_by, routes) = self.copy(before, coordinator);
                let group = DataGroup::of(route_point(self.tables.routes.at(routes), raw).group);
                let via = Via { coordinator, routed_by, group };
                self.commanding(worker, before, (Sender::Client, via), GroupCommand::Txn(command), delivery)
            }
            Action::GiveUp { txn } => Happening::GaveUp { txn },
            Action::Resolve { group, key, coordinator, delivery } => {
                let settling = self.settling(before, group, key, coordinator);
                let settling = settling.expect("an enabled resolver has something to settle");
                let via = Via { coordinator, routed_by: self.copy(before, coordinator).0, group: settling.to };
                let command = GroupCommand::Txn(settling.command);
                self.commanding(worker, before, (Sender::Resolver, via), command, delivery)
            }
            Action::DeletePrefix { delete, part, coordinator } => {
                let (group, command) = self.delete_parts(before, delete, coordinator).swap_remove(usize::from(part));
                let via = Via { coordinator, routed_by: self.copy(before, coordinator).0, group };
                let command = GroupCommand::DeletePrefix(command);
                self.commanding(worker, before, (Sender::Client, via), command, TxnDelivery::Answered)
            }
            Action::Latest { question, coordinator } => {
                let (routed_by, _) = self.copy(before, coordinator);
                let (group, answer) = self.newest(before, question, (coordinator, routed_by));
                let answer = answer.expect("an enabled question is answered");
                let key = self.bounds.latest[usize::from(question)].clone();
                Happening::AskedLatest { key, via: Via { coordinator, routed_by, group }, answer }
            }
            Action::Abandon { job } => self.intervening(before, job, Advance::Abandon),
            Action::RetryJob { job } => self.intervening(before, job, Advance::Retry),
            Action::Stream { .. } => {
                let (group, command, _) = self.next_of_stream(before).expect("an enabled stream goes on");
                let via = Via { coordinator: 0, routed_by: self.copy(before, 0).0, group };
                let command = GroupCommand::Txn(command);
                self.commanding(worker, before, (Sender::Client, via), command, TxnDelivery::Answered)
            }
            Action::Report { is_capable } => Happening::Operated { command: report(is_capable) },
            Action::StartJob => {
                let started = self.tables.controls.at(before[slot::CONTROL]).started;
                let plan = &self.bounds.moves[usize::from(started)];
                Happening::Started { job: job_of_move(started), from: plan.split_key.clone(), target: plan.target }
            }
        }
    }

    fn intervening(&self, before: &State, job: u8, advance: Advance) -> Happening {
        let catalog = self.tables.catalogs.at(before[slot::CATALOG]);
        let job = catalog.job(JobId(job.into())).expect("an operator acts on a live job");
        Happening::Operated { command: advance_command(catalog, job, advance) }
    }

    fn commanding(
        &self,
        worker: &mut Worker,
        before: &State,
        (by, via): (Sender, Via),
        command: GroupCommand,
        delivery: TxnDelivery,
    ) -> Happening {
        let refusal = match self.append(worker, before, via.group, self.tables.commands.intern(command.clone())) {
            Appended::Refused(rejection) if delivery != TxnDelivery::Held => {
                Some(self.tables.rejections.at(rejection).clone())
            }
            Appended::Changed(_) | Appended::Unchanged | Appended::Refused(_) => None,
        };
        Happening::Commanded { by, via, command, delivery, refusal }
    }

    fn catalog_version(&self, state: &State) -> CatalogVersion {
        self.tables.catalogs.at(state[slot::CATALOG]).routes().version
    }

    fn copy(&self, state: &State, coordinator: u8) -> (CatalogVersion, RoutesId) {
        self.tables.coordinators.at(state[slot::COORDINATORS]).copies[usize::from(coordinator)]
    }

    fn sending(&self, worker: &mut Worker, before: &State, job: u8, migrator: u8, clock: u8) -> Letter {
        let catalog = self.tables.catalogs.at(before[slot::CATALOG]);
        let job = catalog.job(JobId(job.into())).expect("a migrator steps only while its job lives");
        let held = self.tables.controls.at(before[slot::CONTROL]).holders.get(&job.id);
        let held = held.filter(|holder| holder.migrator == migrator).map(|holder| holder.epoch);
        let seen = self.seen_now(before, job);
        let decisions = self.decisions(worker, &seen, job, held.filter(|epoch| *epoch == job.epoch));
        let decided = decisions.iter().find(|(reading, _)| *reading == clock);
        let (_, message) = *decided.expect("an enabled step of a migrator has a message");
        letter(self.tables.messages.at(message))
    }

    fn sending_torn(&self, worker: &mut Worker, before: &State, old: u8, clock: u8) -> Letter {
        let look = self.tables.controls.at(before[slot::CONTROL]).look;
        let look = look.expect("a migrator that acts on what it saw earlier has looked");
        let decisions = self.torn_decisions(worker, before, look, old);
        let decided = decisions.iter().find(|(reading, _)| *reading == clock);
        let (_, message) = *decided.expect("an enabled step of a migrator has a message");
        letter(self.tables.messages.at(message))
    }

    fn seen_earlier(&self, job: u8, old: u8) -> Vec<SeenPart> {
        let Journey { source, target, .. } = self.journeys[usize::from(job) - 1];
        let parts = [
            SeenPart::Catalog,
            SeenPart::Leader(source),
            SeenPart::Voters(source),
            SeenPart::Leader(target),
            SeenPart::Voters(target),
        ];
        (0..).zip(parts).filter(|(place, _)| old & 1 << place != 0).map(|(_, part)| part).collect()
    }

    fn applying(&self, worker: &mut Worker, before: &State, group: DataGroup, voter: u8, entries: u8) -> Happening {
        let run = self.tables.runs.at(self.site(before, group).run);
        let commands = &run.ahead_of(voter)[..usize::from(entries)];
        let is_old = self.is_old(before, voter);
        let mut at = run.applied(voter, self.site(before, group).head);
        for command in commands {
            at = self.apply_entry(worker, at, *command, is_old).unwrap_or(at);
        }
        let commands = commands.iter().map(|command| self.tables.commands.get(*command)).collect();
        Happening::Applied { group, voter, commands, after: self.tables.groups.get(at) }
    }

    fn writing(
        &self,
        worker: &mut Worker,
        before: &State,
        write: u8,
        coordinator: u8,
        is_answered: bool,
        is_retry: bool,
    ) -> Happening {
        let (routed_by, routes) = self.copy(before, coordinator);
        let via = Via { coordinator, routed_by, group: self.routed_write(worker, routes, write) };
        let (appended, commit_ts) = self.append_write(worker, before, via.group, write, Some(routed_by));
        let refusal = match appended {
            Appended::Changed(_) | Appended::Unchanged => None,
            Appended::Refused(rejection) => Some(self.tables.rejections.at(rejection).clone()),
        };
        Happening::Wrote { write, commit_ts, is_retry, via, is_answered, refusal }
    }

    fn asking(&self, worker: &mut Worker, before: &State, read: u8, part: u8, coordinator: u8) -> (Via, AskId) {
        let (routed_by, routes) = self.copy(before, coordinator);
        let parts = self.routed_read(worker, routes, before[slot::CLIENTS], read);
        let (group, ask) = parts[usize::from(part)];
        (Via { coordinator, routed_by, group }, ask)
    }

    fn reading(
        &self,
        worker: &mut Worker,
        before: &State,
        (read, part): (u8, u8),
        coordinator: u8,
        voter: u8,
    ) -> Happening {
        let (via, ask) = self.asking(worker, before, read, part, coordinator);
        let site = self.site(before, via.group);
        let applied = self.tables.runs.at(site.run).applied(voter, site.head);
        let answer = match self.serve(worker, applied, ask, via.routed_by) {
            Served::Answer(answer) => Ok(self.tables.answers.at(answer).clone()),
            Served::Refused(rejection) => Err(self.tables.rejections.at(rejection).clone()),
        };
        Happening::Read { read, part: self.tables.asks.at(ask).part.clone(), via, voter, answer }
    }

    fn paging(&self, before: &State, group: DataGroup, open: u8) -> Happening {
        let site = self.site(before, group);
        let at = &self.tables.open_reads.at(site.open)[usize::from(open)];
        Happening::Paged { page: open_page(group, at), answer: self.page(site, at) }
    }
}

fn splitting(at: Option<&RoutingKey>, is_inside: bool) -> Happening {
    Happening::Split { at: at.expect("an enabled split has a place").clone(), is_inside }
}
