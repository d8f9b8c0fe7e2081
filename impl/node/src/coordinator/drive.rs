//! How errands are driven: asked, put to sleep, woken, and their ends brought to their plans.

use super::Coordinator;
use super::errand::{After, End, Errand, Failure, LockName, Sleep, Standing};
use super::lead::Means;
use super::plan::{Ended, Expiry, Moves, Plan};
use super::question::{Question, Way};
use super::task::{Asker, ErrandId, Task, TaskId};
use crate::api::{ClientResponse, NodeError};
use crate::desk::{CallId, Desk, Destination, Owner};
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::GroupCommand;
use splitjob_core::id::CatalogVersion;
use splitjob_core::txn::Lock;
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::BTreeMap;

impl Coordinator {
    /// Begins a task.
    pub(super) fn open(&mut self, desk: &mut Desk<'_>, asker: Asker, mut plan: Box<dyn Plan>, patience_ms: u64) {
        let id = TaskId(self.next_number());
        let moves = plan.begin(&mut Means { desk, lead: &mut self.lead });
        let deadline_ms = desk.now.elapsed_ms + patience_ms;
        let task = Task { asker, plan, errands: BTreeMap::new(), deadline_ms };
        self.deadlines.insert((task.expires_ms(), id));
        self.tasks.insert(id, task);
        self.follow(desk, id, moves);
    }

    /// An answer has come for an errand.
    pub(super) fn heard(&mut self, desk: &mut Desk<'_>, id: ErrandId, answer: Result<Answer, CallError>) {
        let mut errand = self.take(id).expect("the calls of errands that are dropped are forgotten");
        let after = errand.after(&mut Means { desk, lead: &mut self.lead }, answer);
        self.go_on(desk, id.task, errand, after);
    }

    /// Whose sleep is over goes on, in the order of time; after a change of routes also who waited for it.
    pub(super) fn wake(&mut self, desk: &mut Desk<'_>) {
        let version = desk.routes().version;
        let has_changed = version != self.seen_version;
        self.seen_version = version;
        let now_ms = desk.now.elapsed_ms;
        let is_due = |until_ms: u64, id: &ErrandId| {
            until_ms <= now_ms || (has_changed && self.sleep(*id).is_some_and(|sleep| sleep.is_reached(version)))
        };
        let candidates = self.sleepers.iter().take_while(|(until_ms, _)| has_changed || *until_ms <= now_ms);
        let due: Vec<ErrandId> = candidates.filter(|(until_ms, id)| is_due(*until_ms, id)).map(|(_, id)| *id).collect();
        for id in due {
            self.rouse(desk, id);
        }
    }

    /// Tasks whose time is over are given up.
    pub(super) fn expire(&mut self, desk: &mut Desk<'_>) {
        let now_ms = desk.now.elapsed_ms;
        let due = self.deadlines.iter().take_while(|(expires_ms, _)| *expires_ms <= now_ms);
        let due: Vec<TaskId> = due.map(|(_, id)| *id).collect();
        for id in due {
            let Some(task) = self.tasks.get(&id) else { continue };
            let in_doubt = task.errands.values().any(Errand::may_have_changed);
            let expiry = Expiry { in_doubt, trouble: task.trouble() };
            self.drop_errands(id);
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            if task.asker == Asker::Nobody {
                self.close(id);
                continue;
            }
            let moves = task.plan.expired(&mut Means { desk, lead: &mut self.lead }, expiry);
            self.follow(desk, id, moves);
        }
    }

    /// Does what a plan wants; a task without an errand is over.
    fn follow(&mut self, desk: &mut Desk<'_>, id: TaskId, moves: Moves) {
        if moves.drops_others {
            self.drop_errands(id);
        }
        if let Some(reply) = moves.reply {
            self.reply(desk, id, reply);
        }
        for question in moves.ask {
            self.ask(desk, id, Errand::new(question));
        }
        if self.tasks.get(&id).is_some_and(|task| task.errands.is_empty()) {
            self.close(id);
        }
    }

    /// Sends the errand on its way by the routes that the node knows now.
    fn ask(&mut self, desk: &mut Desk<'_>, id: TaskId, mut errand: Errand) {
        errand.asked_by = desk.routes().version;
        match errand.question.way(desk) {
            Way::Call(to, call) => self.call(desk, id, errand, to, call, Standing::Calling),
            Way::Parts(parts) => {
                let Some(task) = self.tasks.get_mut(&id) else { return };
                let parts = task.plan.parted(&mut Means { desk, lead: &mut self.lead }, parts);
                for part in parts {
                    self.ask(desk, id, errand.part(part));
                }
            }
            Way::Holds => self.ended(desk, id, errand, End::Done(Answer::Done)),
            Way::Divided => self.ended(desk, id, errand, End::Divided),
            Way::Refused(rejection) => {
                let after = errand.refused(&mut Means { desk, lead: &mut self.lead }, rejection);
                self.go_on(desk, id, errand, after);
            }
            Way::Later { until_ms, at_least } => {
                self.put_to_sleep(id, errand, Sleep { until_ms, at_least });
            }
            Way::TooLate => {
                let failure = too_late(&errand.question, desk);
                self.ended(desk, id, errand, End::Failed(failure));
            }
        }
    }

    fn call(
        &mut self,
        desk: &mut Desk<'_>,
        id: TaskId,
        mut errand: Errand,
        to: Destination,
        call: Call,
        standing: fn(CallId) -> Standing,
    ) {
        let Some(deadline_ms) = self.tasks.get(&id).map(|task| task.deadline_ms) else { return };
        let left_ms = deadline_ms.saturating_sub(desk.now.elapsed_ms).max(1);
        // What can be repeated is not left to one call; what can't, is given all the time there is.
        let patience_ms = if errand.question.is_repeatable() { left_ms.min(CALL_PATIENCE_MS) } else { left_ms };
        let call = desk.ask(Owner::Coordinator, to, call, patience_ms);
        errand.standing = standing(call);
        let number = self.keep(id, errand);
        self.calls.insert(call, ErrandId { task: id, number });
    }

    fn go_on(&mut self, desk: &mut Desk<'_>, id: TaskId, errand: Errand, after: After) {
        match after {
            After::Ended(end) => self.ended(desk, id, errand, end),
            After::Again => self.ask(desk, id, errand),
            After::Bind => self.bind(desk, id, errand),
            After::Sleep(sleep) => {
                self.put_to_sleep(id, errand, sleep);
            }
            After::Settle(key, lock, sleep) => {
                let name = (key, lock.txn.clone());
                let sleeper = self.put_to_sleep(id, errand, sleep);
                self.wait_for_lock(desk, &name, lock, sleeper);
            }
        }
    }

    /// Asks the group's log for the promise that the read needs (T5).
    fn bind(&mut self, desk: &mut Desk<'_>, id: TaskId, errand: Errand) {
        match errand.question.way(desk) {
            Way::Call(to, Call::Read { group, request, .. }) => {
                let command = GroupCommand::BindRead(request.bind());
                let call = Call::Propose { group, command, stamped: true };
                self.call(desk, id, errand, to, call, Standing::Binding);
            }
            Way::Call(..)
            | Way::Parts(_)
            | Way::Divided
            | Way::Holds
            | Way::Refused(_)
            | Way::Later { .. }
            | Way::TooLate => self.ask(desk, id, errand),
        }
    }

    fn ended(&mut self, desk: &mut Desk<'_>, id: TaskId, errand: Errand, end: End) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let open = task.errands.len();
        let ended = Ended { question: errand.question, end, in_doubt: errand.in_doubt, open };
        let moves = task.plan.ended(&mut Means { desk, lead: &mut self.lead }, ended);
        self.follow(desk, id, moves);
    }

    /// Tells whoever asked; what the plan still does is done for nobody, and for a bounded time.
    fn reply(&mut self, desk: &mut Desk<'_>, id: TaskId, reply: Result<ClientResponse, NodeError>) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        self.deadlines.remove(&(task.expires_ms(), id));
        task.deadline_ms = desk.now.elapsed_ms + BESIDE_PATIENCE_MS;
        self.deadlines.insert((task.expires_ms(), id));
        match std::mem::replace(&mut task.asker, Asker::Nobody) {
            Asker::Client(request) => {
                self.open_requests -= 1;
                self.replies.push((request, reply));
            }
            Asker::Waiters(name) => {
                let waiters = self.waiters.remove(&name).unwrap_or_default();
                // A lock that stays is met again when the sleep of those that wait is over.
                for waiter in waiters.into_iter().filter(|_| reply.is_ok()) {
                    self.rouse(desk, waiter);
                }
            }
            Asker::Nobody => {}
        }
    }

    fn wait_for_lock(&mut self, desk: &mut Desk<'_>, name: &LockName, lock: Lock, sleeper: ErrandId) {
        self.settle(desk, name.0.clone(), lock);
        if let Some(waiters) = self.waiters.get_mut(name) {
            waiters.push(sleeper);
        }
    }

    fn rouse(&mut self, desk: &mut Desk<'_>, id: ErrandId) {
        let Some(sleep) = self.sleep(id) else { return };
        self.sleepers.remove(&(sleep.until_ms, id));
        if let Some(errand) = self.take(id) {
            self.ask(desk, id.task, errand);
        }
    }

    fn sleep(&self, id: ErrandId) -> Option<Sleep> {
        match self.tasks.get(&id.task)?.errands.get(&id.number)?.standing {
            Standing::Asleep(sleep) => Some(sleep),
            Standing::New | Standing::Calling(_) | Standing::Binding(_) => None,
        }
    }

    fn put_to_sleep(&mut self, id: TaskId, mut errand: Errand, sleep: Sleep) -> ErrandId {
        errand.standing = Standing::Asleep(sleep);
        let id = ErrandId { task: id, number: self.keep(id, errand) };
        self.sleepers.insert((sleep.until_ms, id));
        id
    }

    fn keep(&mut self, id: TaskId, errand: Errand) -> u64 {
        let number = self.next_number();
        let task = self.tasks.get_mut(&id).expect("a task outlives its errands");
        task.errands.insert(number, errand);
        number
    }

    fn take(&mut self, id: ErrandId) -> Option<Errand> {
        self.tasks.get_mut(&id.task)?.errands.remove(&id.number)
    }

    fn drop_errands(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        for (number, errand) in std::mem::take(&mut task.errands) {
            match errand.standing {
                Standing::Calling(call) | Standing::Binding(call) => {
                    self.calls.remove(&call);
                }
                Standing::Asleep(sleep) => {
                    self.sleepers.remove(&(sleep.until_ms, ErrandId { task: id, number }));
                }
                Standing::New => {}
            }
        }
    }

    fn close(&mut self, id: TaskId) {
        let Some(task) = self.tasks.remove(&id) else { return };
        self.deadlines.remove(&(task.expires_ms(), id));
        assert!(task.asker == Asker::Nobody, "a plan ended without an answer: {:?}", task.plan);
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Sleep {
    fn is_reached(&self, version: CatalogVersion) -> bool {
        self.at_least.is_some_and(|at_least| version >= at_least)
    }
}

fn too_late(question: &Question, desk: &Desk<'_>) -> Failure {
    match question {
        Question::Version { at_least, .. } => {
            let (wanted, current) = (*at_least, desk.routes().version);
            Failure::CatalogRejected(Box::new(CatalogRejection::VersionNotReached { wanted, current }))
        }
        Question::Write { .. }
        | Question::DeletePrefix { .. }
        | Question::Read { .. }
        | Question::Latest { .. }
        | Question::Txn(_)
        | Question::Status { .. }
        | Question::Catalog(_)
        | Question::Order { .. }
        | Question::Unfenced { .. }
        | Question::Pause { .. } => Failure::Unknown("the time was over".to_owned()),
    }
}

/// How long one call of what can be repeated is waited for, in milliseconds.
const CALL_PATIENCE_MS: u64 = 2_000;
/// How long what a request has left to do is done after its answer, in milliseconds.
const BESIDE_PATIENCE_MS: u64 = 15_000;
