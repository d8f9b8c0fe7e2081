//! Whole transactions: one entry where one group owns all keys, else prepared everywhere and decided by the primary.
//!
//! The client is answered when the transaction is decided: when the primary's record, of its commit or of its rollback,
//! is applied (X2). The other keys are then brought to the same end beside; what is not reached is left to resolvers.

use super::errand::{End, Failure};
use super::lead::Means;
use super::plan::{Ended, Expiry, Moves, Plan, RETRY_AFTER_MS, failure};
use super::question::Question;
use super::txn_part::{Stamp, TxnPart, by_group, keys_of};
use crate::api::{ClientResponse, NodeError};
use splitjob_core::gate::Gates;
use splitjob_core::group::{Mutation, Outcome, Rejection, TxnAction};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Participant, Progress, TxnId, TxnStep, next_steps};
use splitjob_wire::peer::Answer;
use std::collections::BTreeSet;

/// The plan of a whole transaction.
#[derive(Debug)]
pub(super) struct Transact {
    txn: TxnId,
    /// In the order of the participants: the primary's first.
    mutations: Vec<Mutation>,
    participants: Vec<Participant>,
    commit_ts: Timestamp,
    /// What the rollback of the primary must name: another attempt may have locked it (X1).
    rollback_ts: Timestamp,
    expires_at_ms: u64,
    stage: Stage,
    /// Something was asked that commits it, and whose answer is not known.
    may_have_committed: bool,
    /// Why it can't commit.
    reason: Option<Box<Rejection>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waiting for the end of fences: nothing is held meanwhile.
    Clearing,
    /// One group is asked to do it all.
    OnePhase,
    /// Keys are being locked; nothing has been asked that could commit.
    Preparing,
    /// The primary is being committed.
    Committing,
    /// The primary is being rolled back.
    RollingBack,
    /// The other keys follow the primary.
    Following,
}

impl Transact {
    pub(super) fn new(txn: TxnId, mut mutations: Vec<Mutation>) -> Transact {
        mutations.sort_by_key(|mutation| mutation.key != txn.primary);
        let participant = |mutation: &Mutation| Participant { key: mutation.key.clone(), progress: Progress::Unsent };
        let participants = mutations.iter().map(participant).collect();
        Transact {
            txn,
            mutations,
            participants,
            commit_ts: Timestamp::ZERO,
            rollback_ts: Timestamp::ZERO,
            expires_at_ms: 0,
            stage: Stage::Clearing,
            may_have_committed: false,
            reason: None,
        }
    }

    fn start(&mut self, means: &mut Means<'_, '_>) -> Moves {
        self.commit_ts = means.stamp_above(self.txn.start_ts);
        self.rollback_ts = self.commit_ts;
        let keys = self.mutations.iter().map(|mutation| &mutation.key).collect();
        if by_group(means.desk.routes(), keys).len() > 1 {
            return self.prepare(means);
        }
        self.stage = Stage::OnePhase;
        let action = TxnAction::OnePhase { mutations: self.mutations.clone() };
        Moves::ask(self.part(self.commit_ts, action, Stamp::Replaceable))
    }

    fn prepare(&mut self, means: &Means<'_, '_>) -> Moves {
        self.stage = Stage::Preparing;
        self.expires_at_ms = means.desk.now.wall.get().saturating_add(TXN_TTL_MS);
        self.go_on()
    }

    fn part(&self, commit_ts: Timestamp, action: TxnAction, stamp: Stamp) -> Question {
        let gives_way = matches!(action, TxnAction::Prepare { .. });
        Question::Txn(TxnPart { txn: self.txn.clone(), commit_ts, action, stamp, gives_way })
    }

    /// What may be asked next, as one question: it falls into parts by the groups that own the keys.
    fn go_on(&mut self) -> Moves {
        let steps = next_steps(&self.participants, Gates::all());
        let Some((_, step)) = steps.first().copied() else { return Moves::none() };
        let indices = steps.into_iter().map(|(index, _)| index);
        let action = match step {
            TxnStep::Prepare => {
                let mutations = indices.map(|index| self.mutations[index].clone()).collect();
                TxnAction::Prepare { mutations, expires_at_ms: self.expires_at_ms }
            }
            TxnStep::Commit => TxnAction::Commit { keys: self.keys(indices) },
            TxnStep::Abort => TxnAction::Abort { keys: self.keys(indices) },
        };
        let mut commit_ts = self.commit_ts;
        if self.stage != Stage::Following {
            match step {
                TxnStep::Prepare => {}
                TxnStep::Commit => {
                    self.stage = Stage::Committing;
                    self.may_have_committed = true;
                }
                TxnStep::Abort => {
                    self.stage = Stage::RollingBack;
                    commit_ts = self.rollback_ts;
                }
            }
        }
        Moves::ask(self.part(commit_ts, action, Stamp::Fixed))
    }

    fn keys(&self, indices: impl Iterator<Item = usize>) -> Vec<RawKey> {
        indices.map(|index| self.participants[index].key.clone()).collect()
    }

    fn mark(&mut self, part: &TxnPart, progress: Progress) {
        let keys: BTreeSet<&RawKey> = keys_of(&part.action).into_iter().collect();
        for participant in self.participants.iter_mut().filter(|one| keys.contains(&one.key)) {
            participant.progress = progress;
        }
    }

    /// The primary has ended; the client is told, and the other keys follow.
    fn decided(&mut self, primary: Progress, reply: Result<ClientResponse, NodeError>) -> Moves {
        self.participants[0].progress = primary;
        self.stage = Stage::Following;
        let ask = self.go_on().ask;
        Moves::reply_and_ask(reply, ask)
    }

    fn committed(&mut self, commit_ts: Timestamp) -> Moves {
        self.commit_ts = commit_ts;
        self.decided(Progress::Committed, Ok(ClientResponse::Committed { commit_ts }))
    }

    fn rolled_back(&mut self) -> Moves {
        let reply = Err(NodeError::Rejected(self.reason()));
        self.decided(Progress::Aborted, reply)
    }

    fn reason(&self) -> Box<Rejection> {
        self.reason.clone().unwrap_or_else(|| Box::new(Rejection::TxnRolledBack))
    }

    /// It can't commit: the primary is rolled back before anything else, and whatever else is under way is left.
    fn give_up(&mut self, failure: Failure) -> Moves {
        if let Failure::Rejected(rejection) = failure {
            self.reason.get_or_insert(rejection);
        }
        self.participants[0].progress = Progress::Refused;
        Moves { drops_others: true, ..self.go_on() }
    }

    fn one_phase_ended(&mut self, means: &mut Means<'_, '_>, end: End, in_doubt: bool) -> Moves {
        match end {
            End::Done(Answer::Applied(Outcome::Committed { commit_ts })) => {
                means.lead.ease();
                Moves::reply(Ok(ClientResponse::Committed { commit_ts }))
            }
            // Another group has got some of the keys meanwhile. The record tells if the first group has done it (X2).
            End::Divided => {
                self.may_have_committed |= in_doubt;
                self.prepare(means)
            }
            End::Failed(failure) if !in_doubt && !is_of_another_attempt(&failure) => {
                Moves::reply(Err(refused(failure)))
            }
            end @ (End::Done(_) | End::Failed(_)) => {
                self.may_have_committed |= in_doubt;
                self.give_up(failure(end))
            }
        }
    }

    fn prepare_ended(&mut self, means: &mut Means<'_, '_>, part: &TxnPart, end: End, open: usize) -> Moves {
        match end {
            End::Done(_) => {
                self.mark(part, Progress::Prepared);
                if open > 0 {
                    return Moves::none();
                }
                means.lead.ease();
                self.go_on()
            }
            // Asked for again: the first answer is the answer.
            End::Failed(Failure::Rejected(rejection)) if committed_at(&rejection).is_some() => {
                self.committed(committed_at(&rejection).expect("looked at in the guard"))
            }
            end @ (End::Failed(_) | End::Divided) => {
                let failure = failure(end);
                if is_too_low(&failure) {
                    means.lead.raise();
                }
                self.give_up(failure)
            }
        }
    }

    fn commit_ended(&mut self, end: End) -> Moves {
        match end {
            End::Done(Answer::Applied(Outcome::Committed { commit_ts })) => self.committed(commit_ts),
            End::Failed(Failure::Rejected(rejection)) if committed_at(&rejection).is_some() => {
                self.committed(committed_at(&rejection).expect("looked at in the guard"))
            }
            End::Failed(Failure::Rejected(rejection)) if *rejection == Rejection::TxnRolledBack => self.rolled_back(),
            end @ (End::Done(_) | End::Failed(_) | End::Divided) => self.give_up(failure(end)),
        }
    }

    fn rollback_ended(&mut self, end: End) -> Moves {
        let refusal = match end {
            End::Done(_) => return self.rolled_back(),
            End::Failed(Failure::Rejected(rejection)) => *rejection,
            end @ (End::Failed(_) | End::Divided) => return Moves::reply(Err(failure(end).into())),
        };
        if let Some(commit_ts) = committed_at(&refusal) {
            return self.committed(commit_ts);
        }
        if let Rejection::CommitTimestampChanged { prepared } = refusal
            && prepared != self.rollback_ts
        {
            self.rollback_ts = prepared;
            return self.go_on();
        }
        let reason = self.reason();
        Moves::reply(Err(if self.may_have_committed {
            NodeError::Unknown { why: format!("{reason}; and then: {refusal}") }
        } else {
            // Nothing was asked that could commit it: its locks, if it has any, are left to resolvers.
            undecided(&reason)
        }))
    }

    /// Another key has followed, or can't: then its lock is a resolver's.
    fn followed(&mut self, part: &TxnPart, open: usize) -> Moves {
        let primary = self.participants[0].progress;
        self.mark(part, primary);
        if open > 0 { Moves::none() } else { self.go_on() }
    }
}

impl Plan for Transact {
    fn begin(&mut self, _means: &mut Means<'_, '_>) -> Moves {
        Moves::ask(Question::Unfenced { keys: self.mutations.iter().map(|mutation| mutation.key.clone()).collect() })
    }

    fn ended(&mut self, means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        let Ended { question, end, in_doubt, open } = ended;
        let Question::Txn(part) = question else {
            return match end {
                End::Done(_) => self.start(means),
                end @ (End::Failed(_) | End::Divided) => Moves::reply(Err(refused(failure(end)))),
            };
        };
        match self.stage {
            Stage::Clearing => Moves::none(),
            Stage::OnePhase => self.one_phase_ended(means, end, in_doubt),
            Stage::Preparing => self.prepare_ended(means, &part, end, open),
            Stage::Committing => self.commit_ended(end),
            Stage::RollingBack => self.rollback_ended(end),
            Stage::Following => self.followed(&part, open),
        }
    }

    /// What is held is not left behind: it is given back, or brought to the end that it may have had.
    fn expired(&mut self, _means: &mut Means<'_, '_>, expiry: Expiry) -> Moves {
        let in_doubt = self.may_have_committed || (self.stage == Stage::OnePhase && expiry.in_doubt);
        let error = Expiry { in_doubt, ..expiry }.error();
        let moves = match self.stage {
            Stage::Clearing | Stage::OnePhase | Stage::Following => Moves::none(),
            Stage::Preparing => self.give_up(Failure::Rejected(self.reason())),
            Stage::Committing | Stage::RollingBack => self.go_on(),
        };
        Moves::reply_and_ask(Err(error), moves.ask)
    }
}

/// What a client is told when a transaction that holds nothing was refused.
///
/// It may have asked before, and that attempt may still be under way: only what is refused for ever is a rejection.
fn refused(failure: Failure) -> NodeError {
    match failure {
        Failure::Rejected(rejection) if !is_for_ever(&rejection) => undecided(&rejection),
        failure @ (Failure::Rejected(_) | Failure::CatalogRejected(_) | Failure::Unknown(_)) => failure.into(),
    }
}

fn undecided(rejection: &Rejection) -> NodeError {
    NodeError::Unavailable { what: rejection.to_string(), retry_after_ms: RETRY_AFTER_MS }
}

/// Whether no attempt at the transaction can commit any more, or ever could.
fn is_for_ever(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::WriteConflict { .. }
            | Rejection::TxnRolledBack
            | Rejection::CommitBeforeStart { .. }
            | Rejection::PrimaryMissing { .. }
            | Rejection::ControlNamespace { .. }
            | Rejection::TimestampTooHigh { .. }
    )
}

fn committed_at(rejection: &Rejection) -> Option<Timestamp> {
    if let Rejection::TxnCommitted { commit_ts } = rejection { Some(*commit_ts) } else { None }
}

fn is_too_low(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(rejection) if matches!(**rejection, Rejection::TimestampTooLow { .. }))
}

/// Locks of an earlier attempt at the same transaction stand: it must be decided before its client is told anything.
fn is_of_another_attempt(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(rejection) if matches!(**rejection, Rejection::CommitTimestampChanged { .. }))
}

/// After so long others may settle the locks of a transaction whose coordinator has died, in milliseconds.
const TXN_TTL_MS: u64 = 5_000;
