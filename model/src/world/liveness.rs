//! What must come about, and under which assumptions of fairness: statements about runs, not about single states.

use super::bounds::ClientWrite;
use super::component::WriteStatus;
use super::memo::Appended;
use super::property::named;
use super::state::slot;
use super::{Action, Delivery, Goal, State, TxnDelivery, Worker, World};
use crate::explore::{Exploration, Panicked, StateSet};
use serde::{Deserialize, Serialize};
use splitjob_core::catalog::RouteState;
use splitjob_core::coordinator::{Retry, after_refusal};
use splitjob_core::group::Rejection;
use splitjob_core::job::PhaseName;
use splitjob_core::timestamp::PhysicalMs;
use std::fmt;

named! {
    /// A liveness property: something comes about in every fair run, or can come about from everywhere.
    Liveness {
        /// Every fair run brings every job to its end, or to FAILED with its range writable.
        JobEnds = "L1";
        /// Every write of a client is accepted, or refused for good with a timestamp that would do, though voters may stop.
        WritesSettle = "L2";
        /// A range that is fenced is drained, however steadily new transactions come.
        DrainEnds = "L3";
        /// From every reachable state the job can end.
        JobCanEnd = "L4";
    }
}

named! {
    /// What is assumed of a run before liveness is asked of it: weakly fair, so nobody puts the step off for ever while
    /// it stays possible.
    Fairness {
        /// A migrator goes on, and its messages arrive unless the network's budget holds them back.
        MessagesArrive = "F-MESSAGES";
        /// A client that has begun a read asks for its next page.
        ReadsGoOn = "F-PAGES";
        /// Resolvers settle the locks that they find, and a client releases what it has locked.
        LocksSettle = "F-LOCKS";
        /// A client asks until its write is accepted or refused for good.
        ClientsAsk = "F-CLIENTS";
        /// Coordinators learn the routes that stand.
        RoutesSpread = "F-ROUTES";
        /// Every voter of the configuration applies what its log holds.
        VotersApply = "F-VOTERS";
    }
}

/// What a liveness property asks of the graph of all reachable states.
#[derive(Clone, Copy, Debug)]
pub enum Demand {
    /// Every run that is fair by these assumptions and meets a state of `from` meets one of `to` there or later.
    LeadsTo {
        /// Where the obligation begins.
        from: Situation,
        /// What meets it.
        to: Situation,
        /// What is assumed of the run; nothing else is owed a step.
        assuming: &'static [Fairness],
    },
    /// From every reachable state, one of `to` can be reached. No fairness is assumed.
    CanReach {
        /// What must stay possible.
        to: Situation,
    },
}

/// A set of states, by what is true in them.
#[derive(Clone, Copy, Debug)]
pub enum Situation {
    /// Every state.
    Any,
    /// Those that reach the goal.
    Goal(Goal),
    /// Those of which the function says so.
    Where(fn(&World, &mut Worker, &State) -> bool),
}

impl Liveness {
    /// What the property asks.
    pub fn demand(self) -> Demand {
        match self {
            // J1, J9: whoever takes the job up, and whatever became of a message about the cutover, it goes on.
            Liveness::JobEnds => Demand::LeadsTo {
                from: Situation::Any,
                to: Situation::Where(World::is_at_rest),
                assuming: &[
                    Fairness::MessagesArrive,
                    Fairness::ReadsGoOn,
                    Fairness::LocksSettle,
                    Fairness::VotersApply,
                ],
            },
            // J10: nobody is assumed to apply anything; the budget of the fence has to do.
            Liveness::WritesSettle => Demand::LeadsTo {
                from: Situation::Any,
                to: Situation::Where(World::are_writes_settled),
                assuming: &[
                    Fairness::MessagesArrive,
                    Fairness::LocksSettle,
                    Fairness::ClientsAsk,
                    Fairness::RoutesSpread,
                ],
            },
            // P3: the fence comes before the wait.
            Liveness::DrainEnds => Demand::LeadsTo {
                from: Situation::Goal(Goal::Fenced),
                to: Situation::Where(World::is_past_fence),
                assuming: &[Fairness::MessagesArrive, Fairness::LocksSettle, Fairness::VotersApply],
            },
            Liveness::JobCanEnd => Demand::CanReach { to: Situation::Goal(Goal::Ended) },
        }
    }

    /// What the property assumes of a run.
    pub fn assumes(self) -> &'static [Fairness] {
        match self.demand() {
            Demand::LeadsTo { assuming, .. } => assuming,
            Demand::CanReach { .. } => &[],
        }
    }
}

impl Fairness {
    /// The fair classes that a step belongs to, a bit each; none if the assumption is not about it.
    pub fn classes(self, action: Action) -> u64 {
        match self {
            Fairness::MessagesArrive => {
                u64::from(matches!(action, Action::Migrate { delivery: Delivery::AtOnce, .. })) << MESSAGES
            }
            Fairness::LocksSettle => {
                let resolves = matches!(action, Action::Resolve { delivery: TxnDelivery::Answered, .. });
                let releases = matches!(action, Action::Stream { locks: false });
                u64::from(resolves || releases) << LOCKS
            }
            Fairness::ClientsAsk => {
                let is_answered =
                    matches!(action, Action::Write { is_answered: true, .. } | Action::Retry { is_answered: true, .. });
                u64::from(is_answered) << CLIENTS
            }
            Fairness::RoutesSpread => u64::from(matches!(action, Action::Watch { .. })) << ROUTES,
            Fairness::ReadsGoOn => u64::from(matches!(action, Action::NextPage { .. })) << PAGES,
            Fairness::VotersApply => {
                let Action::Apply { group, voter, .. } = action else { return 0 };
                1 << (VOTERS + VOTERS_A_GROUP * group.number() + voter)
            }
        }
    }
}

impl World {
    /// Whether the state is in the situation.
    pub fn is_in(&self, worker: &mut Worker, state: &State, situation: Situation) -> bool {
        match situation {
            Situation::Any => true,
            Situation::Goal(goal) => self.reached(worker, state) & goal.bit() != 0,
            Situation::Where(holds) => holds(self, worker, state),
        }
    }

    /// Whether no job has anything left to do: each live one is FAILED, and keeps nobody from writing.
    fn is_at_rest(&self, _: &mut Worker, state: &State) -> bool {
        let catalog = self.tables.catalogs.get(state[slot::CATALOG]);
        let is_writable = || catalog.routes().iter().all(|route| route.state == RouteState::Active);
        catalog.live_jobs().all(|job| job.phase.name() == PhaseName::Failed && is_writable())
    }

    /// Whether no client waits: its write was accepted, it has given up, or it would be refused in a way that it can do
    /// something about.
    fn are_writes_settled(&self, worker: &mut Worker, state: &State) -> bool {
        let clients = self.tables.clients.at(state[slot::CLIENTS]);
        clients.writes.iter().enumerate().all(|(write, status)| match status {
            WriteStatus::Done | WriteStatus::GivenUp => true,
            WriteStatus::NotYet | WriteStatus::Unsure => {
                let ClientWrite { key, is_issued, .. } = &self.bounds.writes[write];
                let owner = self.owner(state[slot::CATALOG], key);
                let (appended, _) = self.append_write(worker, state, owner, write as u8, None);
                match appended {
                    Appended::Refused(rejection) => is_settled(self.tables.rejections.at(rejection), !is_issued),
                    Appended::Changed(_) | Appended::Unchanged => false,
                }
            }
        })
    }

    /// Whether no job is in FENCE.
    fn is_past_fence(&self, _: &mut Worker, state: &State) -> bool {
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        catalog.live_jobs().all(|job| job.phase.name() != PhaseName::Fence)
    }

    /// The explored states that are in the situation, asked with `threads` threads.
    ///
    /// # Errors
    /// If the world panics.
    pub fn select(
        &self,
        found: &Exploration<State>,
        threads: usize,
        situation: Situation,
    ) -> Result<StateSet, Panicked<State>> {
        found.select(self, threads, |worker, state| self.is_in(worker, state, situation))
    }
}

/// Whether a client can do something about the refusal: choose another timestamp, of which there must be some.
fn is_settled(rejection: &Rejection, client_chose_ts: bool) -> bool {
    if let Rejection::TimestampTooLow { floor } = rejection {
        return client_chose_ts && floor.physical() < PhysicalMs::MAX;
    }
    after_refusal(rejection, 1, true) == Retry::Surface
}

/// The class of migrators' messages.
const MESSAGES: u8 = 0;
/// The class of further pages.
const PAGES: u8 = 1;
/// The class of locks that are settled.
const LOCKS: u8 = 2;
/// The class of clients that ask.
const CLIENTS: u8 = 3;
/// The class of routes that spread.
const ROUTES: u8 = 4;
/// The class of the first group's first voter; each voter of each group has a class of its own.
const VOTERS: u8 = 8;
/// Classes that are set aside for a group's voters.
const VOTERS_A_GROUP: u8 = 8;
