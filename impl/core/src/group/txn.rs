//! Transactions, as a group's log applies them (X1–X6).

use super::admission::Claim;
use super::command::{Mutation, Outcome, TxnAction, TxnCommand};
use super::guards::JobGuards;
use super::ownership::Purpose;
use super::read::LatestRequest;
use super::rejection::Rejection;
use super::write::Origin;
use super::{ApplyContext, Group};
use crate::gate::{Gate, Gates};
use crate::id::CatalogVersion;
use crate::key::{RawKey, RoutingKey, TxnKey, protected_namespace, route_key};
use crate::range::KeyRange;
use crate::store::{Keyspace, VersionStore};
use crate::timestamp::Timestamp;
use crate::txn::{Lock, TxnId, TxnStatus};
use crate::version::{Content, Version};

/// What a group's rows tell of a transaction's end on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Committed(Timestamp),
    RolledBack,
}

impl<S: VersionStore> Group<S> {
    pub(super) fn txn(&mut self, command: &TxnCommand, context: &ApplyContext<'_>) -> Result<Outcome, Rejection> {
        let start_ts = command.txn.start_ts;
        if command.commit_ts <= start_ts {
            return Err(Rejection::CommitBeforeStart { start_ts });
        }
        match &command.action {
            TxnAction::OnePhase { mutations } => self.one_phase(command, mutations, context),
            TxnAction::Prepare { mutations, expires_at_ms } => {
                self.prepare(command, mutations, *expires_at_ms, context)
            }
            TxnAction::Commit { keys } => self.commit(command, keys, context.gates),
            TxnAction::Abort { keys } => self.abort(command, keys, context),
        }
    }

    /// What became of the transaction, by the group of its primary (X2).
    ///
    /// # Errors
    /// As a read of the primary.
    pub fn txn_status(
        &self,
        txn: &TxnId,
        routed_by: Option<CatalogVersion>,
        gates: Gates,
    ) -> Result<TxnStatus, Rejection> {
        self.check_current(&LatestRequest { key: txn.primary.clone(), routed_by }, gates)?;
        Ok(match self.record(txn, gates) {
            Some(Proof::Committed(commit_ts)) => TxnStatus::Committed { commit_ts },
            Some(Proof::RolledBack) => TxnStatus::RolledBack,
            None => match self.store.lock(&txn.primary).filter(|lock| lock.txn == *txn) {
                Some(Lock { commit_ts, expires_at_ms, .. }) => TxnStatus::Prepared { commit_ts, expires_at_ms },
                None => TxnStatus::Unknown,
            },
        })
    }

    // X2: what the record says is the answer for ever, at the timestamp that it says.
    fn one_phase(
        &mut self,
        command: &TxnCommand,
        mutations: &[Mutation],
        context: &ApplyContext<'_>,
    ) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        let primary = &command.txn.primary;
        if !mutations.iter().any(|mutation| mutation.key == *primary) {
            return Err(Rejection::PrimaryMissing { primary: primary.clone() });
        }
        self.check_here(primary, gates)?;
        match self.record(&command.txn, gates) {
            Some(Proof::Committed(commit_ts)) => return Ok(Outcome::Committed { commit_ts }),
            Some(Proof::RolledBack) => return Err(Rejection::TxnRolledBack),
            None => {}
        }
        for mutation in mutations {
            self.held_lock(command, &mutation.key)?;
        }
        self.check_mutations(command, mutations, context)?;
        for mutation in mutations {
            self.store.remove_lock(&mutation.key);
            self.decide_key(command, &mutation.key, mutation.content.clone(), gates);
        }
        Ok(Outcome::Committed { commit_ts: command.commit_ts })
    }

    fn prepare(
        &mut self,
        command: &TxnCommand,
        mutations: &[Mutation],
        expires_at_ms: u64,
        context: &ApplyContext<'_>,
    ) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        for mutation in mutations {
            self.check_here(&mutation.key, gates)?;
            match self.proof(command, &mutation.key, gates) {
                Some(Proof::Committed(commit_ts)) => return Err(Rejection::TxnCommitted { commit_ts }),
                Some(Proof::RolledBack) if gates.stands(Gate::OneRecord) => return Err(Rejection::TxnRolledBack),
                Some(Proof::RolledBack) | None => {}
            }
        }
        let mut are_held = true;
        for mutation in mutations {
            are_held &= self.held_lock(command, &mutation.key)?.is_some();
        }
        if are_held {
            return Ok(Outcome::Prepared);
        }
        self.check_mutations(command, mutations, context)?;
        for Mutation { key, content } in mutations {
            let lock = Lock {
                txn: command.txn.clone(),
                commit_ts: command.commit_ts,
                expires_at_ms,
                content: content.clone(),
            };
            self.store.put_lock(key, &lock);
        }
        Ok(Outcome::Prepared)
    }

    // K5, O2, G3, floors, X5, X6
    fn check_mutations(
        &self,
        command: &TxnCommand,
        mutations: &[Mutation],
        context: &ApplyContext<'_>,
    ) -> Result<(), Rejection> {
        let gates = context.gates;
        for mutation in mutations {
            let footprint = KeyRange::point(&self.check_key(&mutation.key, Some(&command.txn), gates)?);
            let claim = Claim { footprint: &footprint, commit_ts: command.commit_ts, routed_by: command.routed_by };
            self.admit(&claim, context)?;
            self.check_first(command, &mutation.key, gates)?;
            self.check_taken(mutation, command.commit_ts)?;
        }
        Ok(())
    }

    // X6
    fn check_first(&self, command: &TxnCommand, key: &RawKey, gates: Gates) -> Result<(), Rejection> {
        let newest = match gates.stands(Gate::ConflictsSeeStaged) {
            true => self.candidate(key, Timestamp::MAX, gates),
            false => self.store.newest_at(Keyspace::Live, key, Timestamp::MAX),
        };
        match newest.map(|version| version.commit_ts) {
            Some(newest) if newest > command.txn.start_ts && gates.stands(Gate::FirstCommitterWins) => {
                Err(Rejection::WriteConflict { key: key.clone(), newest })
            }
            Some(_) | None => Ok(()),
        }
    }

    // X3: the lock is what allows it; without one only a record that names the transaction can prove it.
    fn commit(&mut self, command: &TxnCommand, keys: &[RawKey], gates: Gates) -> Result<Outcome, Rejection> {
        let mut held = Vec::new();
        for key in keys {
            self.check_here(key, gates)?;
            if !gates.stands(Gate::LocksEndUnderFence) {
                self.check_write_fence(&KeyRange::point(&route_key(key)), gates)?;
            }
            match self.held_lock(command, key)? {
                Some(lock) => {
                    if *key == command.txn.primary
                        && gates.stands(Gate::OneRecord)
                        && self.record(&command.txn, gates) == Some(Proof::RolledBack)
                    {
                        return Err(Rejection::TxnRolledBack);
                    }
                    held.push((key, lock.content));
                }
                None => self.check_proven(command, key, gates)?,
            }
        }
        for (key, content) in held {
            self.store.remove_lock(key);
            self.decide_key(command, key, content, gates);
        }
        if !gates.stands(Gate::CommitNeedsLock) && keys.contains(&command.txn.primary) {
            self.put_record(
                command,
                &TxnKey::Commit { primary: command.txn.primary.clone(), start_ts: command.txn.start_ts },
                Origin::Primary,
                gates,
            );
        }
        Ok(Outcome::Committed { commit_ts: command.commit_ts })
    }

    fn check_proven(&self, command: &TxnCommand, key: &RawKey, gates: Gates) -> Result<(), Rejection> {
        let has_version =
            || self.candidate(key, command.commit_ts, gates).is_some_and(|v| v.commit_ts == command.commit_ts);
        match self.proof(command, key, gates) {
            _ if !gates.stands(Gate::ProofNamesTransaction) && has_version() => Ok(()),
            Some(Proof::Committed(commit_ts)) if commit_ts == command.commit_ts => Ok(()),
            Some(Proof::Committed(commit_ts)) => Err(Rejection::TxnCommitted { commit_ts }),
            Some(Proof::RolledBack) if gates.stands(Gate::RollbackIsNoProof) => Err(Rejection::TxnRolledBack),
            Some(Proof::RolledBack) => Ok(()),
            None if !gates.stands(Gate::CommitNeedsLock) => Ok(()),
            None => Err(self.denial(key, gates)),
        }
    }

    /// That nothing tells of the transaction is an answer only from a group that nobody can have written past: behind a
    /// read fence the range may belong to another group, and the transaction may have ended there (G4).
    fn denial(&self, key: &RawKey, gates: Gates) -> Rejection {
        let at = route_key(key);
        let met = self.jobs.values().filter(|guards| guards.range.contains(&at)).filter_map(JobGuards::source);
        match met.filter_map(|source| source.read_fence.as_ref()).next() {
            Some(fence) if gates.stands(Gate::NoDenialUnderReadFence) => {
                Rejection::CutoverPending { expected: fence.expected_cutover_version }
            }
            Some(_) | None => Rejection::NoProof { key: key.clone() },
        }
    }

    /// Aborts always release locks; a rollback record where nothing was locked is a write (X3).
    fn abort(
        &mut self,
        command: &TxnCommand,
        keys: &[RawKey],
        context: &ApplyContext<'_>,
    ) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        for key in keys {
            self.check_here(key, gates)?;
            let is_held = self.held_lock(command, key)?.is_some();
            if *key != command.txn.primary {
                continue;
            }
            match self.record(&command.txn, gates) {
                Some(Proof::Committed(commit_ts)) if gates.stands(Gate::OneRecord) => {
                    return Err(Rejection::TxnCommitted { commit_ts });
                }
                Some(Proof::RolledBack) => {}
                Some(Proof::Committed(_)) | None if !is_held && gates.stands(Gate::RollbackIsAWrite) => {
                    let footprint = KeyRange::point(&self.user_key(key)?);
                    let claim =
                        Claim { footprint: &footprint, commit_ts: command.commit_ts, routed_by: command.routed_by };
                    self.admit_anywhere(&claim, context)?;
                    self.check_ceiling(command.commit_ts, gates)?;
                }
                Some(Proof::Committed(_)) | None => {}
            }
        }
        for key in keys {
            if self.store.lock(key).is_some_and(|lock| lock.txn == command.txn) {
                self.store.remove_lock(key);
            }
        }
        let TxnId { primary, start_ts } = command.txn.clone();
        if keys.contains(&primary) && self.record(&command.txn, gates) != Some(Proof::RolledBack) {
            self.put_record(command, &TxnKey::Rollback { primary, start_ts }, Origin::Primary, gates);
        }
        Ok(Outcome::Aborted)
    }

    /// Writes the version, and what proves it: the marker, and for the primary the record that decides (X2).
    fn decide_key(&mut self, command: &TxnCommand, key: &RawKey, content: Content, gates: Gates) {
        let TxnId { primary, start_ts } = command.txn.clone();
        let is_primary = *key == primary;
        let origin = if is_primary { Origin::Primary } else { Origin::Secondary };
        let commit_ts = command.commit_ts;
        self.put_version(key, &Version { commit_ts, content }, origin, gates);
        if gates.stands(Gate::SuccessMarkers) {
            let marker = TxnKey::SuccessMarker { key: key.clone(), primary: primary.clone(), start_ts, commit_ts };
            self.put_record(command, &marker, origin, gates);
        }
        if is_primary {
            self.put_record(command, &TxnKey::Commit { primary, start_ts }, origin, gates);
        }
    }

    fn put_record(&mut self, command: &TxnCommand, key: &TxnKey, origin: Origin, gates: Gates) {
        let value = record_value(command.commit_ts);
        let content = Content::Put { value, expire_at: Timestamp::ZERO };
        let version = Version { commit_ts: command.commit_ts, content };
        self.put_version(&key.to_raw(), &version, origin, gates);
    }

    /// The transaction's lock on the key, at the timestamp that the request names (X1).
    fn held_lock(&self, command: &TxnCommand, key: &RawKey) -> Result<Option<Lock>, Rejection> {
        let lock = self.store.lock(key).filter(|lock| lock.txn == command.txn);
        match &lock {
            Some(held) if held.commit_ts != command.commit_ts => {
                Err(Rejection::CommitTimestampChanged { prepared: held.commit_ts })
            }
            Some(_) | None => Ok(lock),
        }
    }

    /// What the rows tell of the transaction's end on this key: the record where it is the primary, else the marker.
    fn proof(&self, command: &TxnCommand, key: &RawKey, gates: Gates) -> Option<Proof> {
        let TxnId { primary, start_ts } = command.txn.clone();
        let is_primary = *key == primary;
        let marker = TxnKey::SuccessMarker { key: key.clone(), primary, start_ts, commit_ts: command.commit_ts };
        if self.find_record(&marker, gates).is_some() {
            return Some(Proof::Committed(command.commit_ts));
        }
        if is_primary { self.record(&command.txn, gates) } else { None }
    }

    /// The record that decides the transaction (X2).
    fn record(&self, txn: &TxnId, gates: Gates) -> Option<Proof> {
        let TxnId { primary, start_ts } = txn.clone();
        if let Some(version) = self.find_record(&TxnKey::Commit { primary: primary.clone(), start_ts }, gates) {
            return Some(Proof::Committed(version.commit_ts));
        }
        self.find_record(&TxnKey::Rollback { primary, start_ts }, gates).map(|_| Proof::RolledBack)
    }

    // P6
    fn find_record(&self, key: &TxnKey, gates: Gates) -> Option<Version> {
        let raw = key.to_raw();
        let newest = match gates.stands(Gate::ProofsSeeStaged) {
            true => self.candidate(&raw, Timestamp::MAX, gates),
            false => self.store.newest_at(Keyspace::Live, &raw, Timestamp::MAX),
        };
        newest.filter(|version| !version.is_tombstone())
    }

    /// The key's rows are here and complete, fenced or not: what may end a transaction that was prepared here (X3).
    fn check_here(&self, key: &RawKey, gates: Gates) -> Result<(), Rejection> {
        let at = self.user_key(key)?;
        let floors = self.ownership.at(&at).check(Purpose::Read)?;
        let is_complete = floors.staged_for.is_none_or(|job| self.is_ready(job));
        if gates.passes(Gate::StagedReadiness, is_complete) { Ok(()) } else { Err(Rejection::OwnershipUnknown) }
    }

    fn user_key(&self, key: &RawKey) -> Result<RoutingKey, Rejection> {
        match protected_namespace(key) {
            Some(_) => Err(Rejection::ControlNamespace { key: key.clone() }),
            None => Ok(route_key(key)),
        }
    }
}

/// The value of a record: its format's number, then the commit timestamp, big-endian.
fn record_value(commit_ts: Timestamp) -> Vec<u8> {
    let mut value = vec![1];
    value.extend(commit_ts.raw().to_be_bytes());
    value
}
