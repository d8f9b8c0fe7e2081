//! A step of a transaction, on keys that one group or several own.

use super::question::{Question, Way, txn_call};
use splitjob_core::catalog::Routes;
use splitjob_core::coordinator::route_point;
use splitjob_core::group::{Mutation, Rejection, TxnAction};
use splitjob_core::id::GroupId;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use std::collections::{BTreeMap, BTreeSet};

/// A step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TxnPart {
    /// The transaction.
    pub(super) txn: TxnId,
    /// The timestamp of its versions.
    pub(super) commit_ts: Timestamp,
    /// What is to be done.
    pub(super) action: TxnAction,
    /// Whether a greater timestamp would do.
    pub(super) stamp: Stamp,
    /// Other keys of the transaction may be locked meanwhile: it gives way rather than wait long.
    pub(super) gives_way: bool,
}

/// Whether a commit timestamp can be replaced by a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// The client chose it.
    Callers,
    /// It stands in locks, or may (X1).
    Fixed,
    /// It was chosen here, and nothing is held at it.
    Replaceable,
}

impl TxnPart {
    /// Where the step goes: keys of one group are one call.
    pub(super) fn way(&self, routes: &Routes) -> Way {
        let groups = by_group(routes, keys_of(&self.action));
        if groups.len() > 1 && is_one_phase(&self.action) {
            return Way::Divided;
        }
        if groups.len() > 1 {
            return Way::Parts(groups.into_values().map(|keys| Question::Txn(self.of_keys(&keys))).collect());
        }
        let (group, _) = groups.into_iter().next().expect("a transaction has keys");
        txn_call(self, group, routes.version)
    }

    /// The same step on some of its keys; what is done in several places must be done at one timestamp (X1).
    pub(super) fn of_keys(&self, keys: &BTreeSet<RawKey>) -> TxnPart {
        let some = |mutations: &[Mutation]| -> Vec<Mutation> {
            mutations.iter().filter(|mutation| keys.contains(&mutation.key)).cloned().collect()
        };
        let named = |all: &[RawKey]| -> Vec<RawKey> { all.iter().filter(|key| keys.contains(key)).cloned().collect() };
        let action = match &self.action {
            TxnAction::OnePhase { mutations } => TxnAction::OnePhase { mutations: some(mutations) },
            TxnAction::Prepare { mutations, expires_at_ms } => {
                TxnAction::Prepare { mutations: some(mutations), expires_at_ms: *expires_at_ms }
            }
            TxnAction::Commit { keys } => TxnAction::Commit { keys: named(keys) },
            TxnAction::Abort { keys } => TxnAction::Abort { keys: named(keys) },
        };
        let stamp = match self.stamp {
            Stamp::Replaceable => Stamp::Fixed,
            Stamp::Callers | Stamp::Fixed => self.stamp,
        };
        TxnPart { action, stamp, ..self.clone() }
    }

    /// Whether the refusal ends the step, although waiting might help.
    pub(super) fn surfaces(&self, rejection: &Rejection, attempt: u32) -> bool {
        match rejection {
            // No timestamp that it can commit at will be usable soon.
            Rejection::TimestampTooHigh { ceiling } => self.txn.start_ts.physical() > *ceiling,
            // What it holds elsewhere would keep others waiting as long, and the timestamp would be too low by then.
            Rejection::RouteWriteFenced | Rejection::TimestampTooLow { .. } => self.gives_way,
            // Two that wait for one another would wait for ever: the younger gives way first.
            Rejection::KeyLocked { lock, .. } => {
                let is_younger = (self.txn.start_ts, &self.txn.primary) > (lock.txn.start_ts, &lock.txn.primary);
                self.gives_way && attempt >= if is_younger { YOUNGER_ATTEMPTS } else { OLDER_ATTEMPTS }
            }
            Rejection::RouteMoved { .. }
            | Rejection::CutoverPending { .. }
            | Rejection::OwnershipUnknown
            | Rejection::RoutedTooEarly { .. }
            | Rejection::WriteConflict { .. }
            | Rejection::TxnRolledBack
            | Rejection::TxnCommitted { .. }
            | Rejection::CommitTimestampChanged { .. }
            | Rejection::NoProof { .. }
            | Rejection::CommitBeforeStart { .. }
            | Rejection::PrimaryMissing { .. }
            | Rejection::StagedRowsLeft
            | Rejection::TimestampTaken
            | Rejection::ReadNotBound { .. }
            | Rejection::ReadTooOld { .. }
            | Rejection::NotStamped
            | Rejection::ControlNamespace { .. }
            | Rejection::StaleCatalog { .. }
            | Rejection::StaleEpoch { .. }
            | Rejection::JobClosed { .. }
            | Rejection::ConflictingGuard
            | Rejection::ImportBatchGap { .. }
            | Rejection::ForeignRow { .. }
            | Rejection::WrongOwnership => false,
        }
    }
}

/// The raw keys that the step is about.
pub(super) fn keys_of(action: &TxnAction) -> Vec<&RawKey> {
    match action {
        TxnAction::OnePhase { mutations } | TxnAction::Prepare { mutations, .. } => {
            mutations.iter().map(|mutation| &mutation.key).collect()
        }
        TxnAction::Commit { keys } | TxnAction::Abort { keys } => keys.iter().collect(),
    }
}

/// The keys by the group that owns them.
pub(super) fn by_group(routes: &Routes, keys: Vec<&RawKey>) -> BTreeMap<GroupId, BTreeSet<RawKey>> {
    let mut groups: BTreeMap<GroupId, BTreeSet<RawKey>> = BTreeMap::new();
    for key in keys {
        groups.entry(route_point(routes, key).group).or_default().insert(key.clone());
    }
    groups
}

/// Whether the action decides the transaction in one entry.
fn is_one_phase(action: &TxnAction) -> bool {
    match action {
        TxnAction::OnePhase { .. } => true,
        TxnAction::Prepare { .. } | TxnAction::Commit { .. } | TxnAction::Abort { .. } => false,
    }
}

/// Refusals after which a transaction gives way to an older one: about half a second.
const YOUNGER_ATTEMPTS: u32 = 8;
/// Refusals after which a transaction gives way to a younger one: about four seconds.
const OLDER_ATTEMPTS: u32 = 24;
