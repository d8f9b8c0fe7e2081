//! The resolver: settles the lock of a transaction that its client has left, or leaves it to it (X2).

use super::errand::{End, Failure};
use super::lead::Means;
use super::plan::{Ended, Moves, Plan, RETRY_AFTER_MS};
use super::question::Question;
use super::txn_part::{Stamp, TxnPart};
use crate::api::{ClientResponse, NodeError};
use splitjob_core::gate::Gates;
use splitjob_core::group::{Rejection, TxnAction};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::{Lock, ResolveStep, TxnStatus, resolve};
use splitjob_wire::peer::Answer;

/// The plan of settling one lock. Its answer says whether the lock is gone.
#[derive(Debug)]
pub(super) struct Settle {
    key: RawKey,
    lock: Lock,
    looks: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Looking,
    RollingBack,
    Releasing,
}

impl Settle {
    pub(super) fn new(key: RawKey, lock: Lock) -> Settle {
        Settle { key, lock, looks: 0, stage: Stage::Looking }
    }

    fn look(&mut self) -> Moves {
        if self.looks == MAX_LOOKS {
            return left();
        }
        self.looks += 1;
        self.stage = Stage::Looking;
        Moves::ask(Question::Status { txn: self.lock.txn.clone() })
    }

    fn resolve(&mut self, status: &TxnStatus, now_ms: u64) -> Moves {
        let is_expired = now_ms >= self.lock.expires_at_ms;
        match resolve(status, is_expired, Gates::all()) {
            ResolveStep::Commit => {
                let keys = vec![self.key.clone()];
                self.release(match *status {
                    // A lock of another attempt at the same transaction: this one isn't what has committed (X1).
                    TxnStatus::Committed { commit_ts } if commit_ts != self.lock.commit_ts => TxnAction::Abort { keys },
                    TxnStatus::Committed { .. }
                    | TxnStatus::RolledBack
                    | TxnStatus::Prepared { .. }
                    | TxnStatus::Unknown => TxnAction::Commit { keys },
                })
            }
            ResolveStep::Abort => self.release(TxnAction::Abort { keys: vec![self.key.clone()] }),
            ResolveStep::RollBackPrimary => {
                self.stage = Stage::RollingBack;
                let commit_ts = match *status {
                    TxnStatus::Prepared { commit_ts, .. } => commit_ts,
                    TxnStatus::Committed { .. } | TxnStatus::RolledBack | TxnStatus::Unknown => self.lock.commit_ts,
                };
                self.step(commit_ts, TxnAction::Abort { keys: vec![self.lock.txn.primary.clone()] })
            }
            ResolveStep::Wait => left(),
        }
    }

    fn release(&mut self, action: TxnAction) -> Moves {
        self.stage = Stage::Releasing;
        self.step(self.lock.commit_ts, action)
    }

    fn step(&self, commit_ts: Timestamp, action: TxnAction) -> Moves {
        let (txn, stamp) = (self.lock.txn.clone(), Stamp::Fixed);
        Moves::ask(Question::Txn(TxnPart { txn, commit_ts, action, stamp, gives_way: false }))
    }
}

impl Plan for Settle {
    fn begin(&mut self, _means: &mut Means<'_, '_>) -> Moves {
        self.look()
    }

    fn ended(&mut self, means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        match (self.stage, ended.end) {
            (Stage::Looking, End::Done(Answer::Txn(status))) => self.resolve(&status, means.desk.now.wall.get()),
            (Stage::RollingBack, End::Done(_)) if self.key == self.lock.txn.primary => settled(),
            (Stage::RollingBack, End::Done(_)) => self.look(),
            // Its client, or another resolver, was quicker: what it did is to be seen.
            (Stage::RollingBack, End::Failed(Failure::Rejected(rejection))) if is_of_another(&rejection) => self.look(),
            (Stage::Releasing, End::Done(_)) => settled(),
            (Stage::Looking | Stage::RollingBack | Stage::Releasing, End::Done(_) | End::Failed(_) | End::Divided) => {
                left()
            }
        }
    }
}

fn is_of_another(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::TxnCommitted { .. } | Rejection::CommitTimestampChanged { .. })
}

fn settled() -> Moves {
    Moves::reply(Ok(ClientResponse::Aborted))
}

/// The lock stays for now: whoever waits for it looks again later.
fn left() -> Moves {
    let what = "the transaction that holds the lock may still end by itself".to_owned();
    Moves::reply(Err(NodeError::Unavailable { what, retry_after_ms: RETRY_AFTER_MS }))
}

/// A primary can change under a resolver so often at most before it gives up.
const MAX_LOOKS: u32 = 4;
