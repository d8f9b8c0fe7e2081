//! Transactions as values: what a lock holds, what a transaction's primary says, and what follows (X1–X4).
//!
//! A transaction is named by its primary key and its start. Its commit timestamp is fixed when it is prepared and stands
//! in every lock; the record under its primary decides it. The functions here are those of a client that drives its own
//! transaction and of a resolver that settles the locks of another's; both hold no opinion of their own.

use crate::gate::{Gate, Gates};
use crate::key::RawKey;
use crate::timestamp::Timestamp;
use crate::version::Content;
use serde::{Deserialize, Serialize};

/// The name of a transaction: no two have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxnId {
    /// The raw key whose group decides what became of the transaction (X2).
    pub primary: RawKey,
    /// The timestamp that the transaction reads at: it sees nothing newer.
    pub start_ts: Timestamp,
}

/// What a prepared transaction holds on a key: nobody else writes it, and nobody reads past it (X1, X5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lock {
    /// The transaction.
    pub txn: TxnId,
    /// The timestamp that the version will have if the transaction commits; it never changes (X1).
    pub commit_ts: Timestamp,
    /// From then on, in Unix milliseconds, others may settle the transaction; no rule of safety looks at it (A4).
    pub expires_at_ms: u64,
    /// What will be written: the intent.
    pub content: Content,
}

/// What the group of its primary says of a transaction (X2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TxnStatus {
    /// It has committed.
    Committed {
        /// At this timestamp.
        commit_ts: Timestamp,
    },
    /// It has been rolled back, and can't commit any more.
    RolledBack,
    /// Its primary is locked: it may still commit.
    Prepared {
        /// At this timestamp, if it does.
        commit_ts: Timestamp,
        /// When others may settle it, in Unix milliseconds.
        expires_at_ms: u64,
    },
    /// There is neither a record nor a lock: its primary may still be prepared.
    Unknown,
}

/// What a resolver does about a lock that it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResolveStep {
    /// Commit the locked key, at the timestamp that its lock has.
    Commit,
    /// Release the lock.
    Abort,
    /// Roll the transaction back at its primary; then look again.
    RollBackPrimary,
    /// Leave it to its client.
    Wait,
}

/// What to do about a lock, given what the transaction's primary says (X2).
///
/// `is_expired` says that the lock's time is over by the resolver's clock.
pub fn resolve(primary: &TxnStatus, is_expired: bool, gates: Gates) -> ResolveStep {
    if !gates.stands(Gate::PrimaryDecides) && is_expired {
        return ResolveStep::Abort;
    }
    match primary {
        TxnStatus::Committed { .. } => ResolveStep::Commit,
        TxnStatus::RolledBack => ResolveStep::Abort,
        TxnStatus::Prepared { .. } | TxnStatus::Unknown if is_expired => ResolveStep::RollBackPrimary,
        TxnStatus::Prepared { .. } | TxnStatus::Unknown => ResolveStep::Wait,
    }
}

/// A key of a transaction, as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Participant {
    /// The raw key.
    pub key: RawKey,
    /// How far the transaction has come there, by the answers that the client got.
    pub progress: Progress,
}

/// How far a transaction has come on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Progress {
    /// Nothing was answered yet.
    Unsent,
    /// The key is locked.
    Prepared,
    /// The key can't be locked: another transaction was first, or its time is over.
    Refused,
    /// The version is written.
    Committed,
    /// The lock is released.
    Aborted,
}

/// What a client asks next for one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TxnStep {
    /// Lock the key.
    Prepare,
    /// Write the version.
    Commit,
    /// Release the lock.
    Abort,
}

/// What a client may ask next, for each of its keys: prepare all; then commit the primary, which decides; then the
/// others. One refusal, and the primary is rolled back before the others (X2).
///
/// The primary is the first participant.
pub fn next_steps(participants: &[Participant], gates: Gates) -> Vec<(usize, TxnStep)> {
    let Some(primary) = participants.first() else { return Vec::new() };
    let any = |progress: Progress| participants.iter().any(|one| one.progress == progress);
    let open = |progress: &Progress| matches!(progress, Progress::Unsent | Progress::Prepared | Progress::Refused);
    let each = |wanted: &dyn Fn(&Progress) -> bool, step: TxnStep| {
        let wanted = participants.iter().enumerate().filter(|(_, one)| wanted(&one.progress));
        wanted.map(|(index, _)| (index, step)).collect::<Vec<_>>()
    };
    if primary.progress == Progress::Committed {
        return each(&open, TxnStep::Commit);
    }
    if primary.progress == Progress::Aborted {
        return each(&open, TxnStep::Abort);
    }
    if any(Progress::Refused) {
        return vec![(0, TxnStep::Abort)];
    }
    if any(Progress::Unsent) {
        return each(&|progress| *progress == Progress::Unsent, TxnStep::Prepare);
    }
    if gates.stands(Gate::PrimaryDecides) {
        return vec![(0, TxnStep::Commit)];
    }
    each(&open, TxnStep::Commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(progress: [Progress; 2]) -> Vec<Participant> {
        let keys = ["p", "s"].map(RawKey::from);
        keys.into_iter().zip(progress).map(|(key, progress)| Participant { key, progress }).collect()
    }

    #[test]
    fn the_primary_is_committed_before_the_others() {
        let next = |progress| next_steps(&at(progress), Gates::all());
        let (unsent, prepared, committed) = (Progress::Unsent, Progress::Prepared, Progress::Committed);
        assert_eq!(next([unsent, unsent]), [(0, TxnStep::Prepare), (1, TxnStep::Prepare)]);
        assert_eq!(next([prepared, unsent]), [(1, TxnStep::Prepare)]);
        assert_eq!(next([prepared, prepared]), [(0, TxnStep::Commit)]);
        assert_eq!(next([committed, prepared]), [(1, TxnStep::Commit)]);
        assert_eq!(next([committed, committed]), []);
    }

    #[test]
    fn one_refusal_rolls_the_primary_back_first() {
        let next = |progress| next_steps(&at(progress), Gates::all());
        assert_eq!(next([Progress::Prepared, Progress::Refused]), [(0, TxnStep::Abort)]);
        assert_eq!(next([Progress::Aborted, Progress::Prepared]), [(1, TxnStep::Abort)]);
        assert_eq!(next([Progress::Aborted, Progress::Aborted]), []);
    }

    #[test]
    fn a_resolver_waits_for_a_client_that_may_still_be_there() {
        let prepared = TxnStatus::Prepared { commit_ts: Timestamp::from_raw(2), expires_at_ms: 9 };
        assert_eq!(resolve(&prepared, false, Gates::all()), ResolveStep::Wait);
        assert_eq!(resolve(&TxnStatus::Unknown, true, Gates::all()), ResolveStep::RollBackPrimary);
        let committed = TxnStatus::Committed { commit_ts: Timestamp::from_raw(2) };
        assert_eq!(resolve(&committed, false, Gates::all()), ResolveStep::Commit);
    }
}
