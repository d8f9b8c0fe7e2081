//! What source and target hold of a moving range, as sums that grow with the copy (§ verification in `specs/digests.md`).
//!
//! A leader's sum is that of a snapshot of its rows, made beside the node's thread, and of every row that was added or
//! removed since that very snapshot, which the store counts as it happens. So the comparison before the cutover costs
//! nothing that grows with the range.

use super::serve::{Served, busy};
use super::{Caller, Replica};
use crate::work::Work;
use splitjob_core::group::Role;
use splitjob_core::id::JobId;
use splitjob_core::range::KeyRange;
use splitjob_core::store::Keyspace;
use splitjob_core::timestamp::Timestamp;
use splitjob_store::BracketSum;
use splitjob_wire::peer::{Answer, BracketDigest, CallError, DigestCall};
use std::collections::BTreeMap;

/// The sums that this replica keeps while it leads.
#[derive(Default)]
pub(super) struct Digests {
    by_job: BTreeMap<JobId, Kept>,
    last_work: u64,
}

struct Kept {
    range: KeyRange,
    side: Keyspace,
    /// Names the snapshot, so that a late result of another one isn't taken for it.
    work: u64,
    base: Option<BTreeMap<u64, BracketSum>>,
}

impl Replica {
    /// Begins the sums of jobs that this leader takes part in, long before they are asked for; forgets those of others.
    pub(crate) fn tend_digests(&mut self, served: &mut Served) {
        let Some(group) = self.machine.data() else { return };
        let kept = &self.digests.by_job;
        let ended: Vec<JobId> = kept.keys().filter(|job| !group.jobs().contains_key(*job)).copied().collect();
        let begun = group.jobs().iter().filter(|(job, _)| !kept.contains_key(*job));
        let begun: Vec<(JobId, KeyRange, Keyspace)> =
            begun.map(|(job, guards)| (*job, guards.range.clone(), side_of(&guards.role))).collect();
        for job in ended {
            self.digests.by_job.remove(&job);
            self.machine.store_mut().unwatch(job.0);
        }
        if self.serves_as_leader() {
            begun.into_iter().for_each(|(job, range, side)| self.begin_digest(job, &range, side, served));
        }
    }

    fn begin_digest(&mut self, job: JobId, range: &KeyRange, side: Keyspace, served: &mut Served) {
        // Between two turns nothing is applied and not stored: the view and the counting begin at one position.
        let view = match self.machine.store().view() {
            Ok(view) => view,
            Err(error) => return self.stop(error.to_string()),
        };
        self.machine.store_mut().watch(job.0, range.clone(), side);
        self.digests.last_work += 1;
        let work = self.digests.last_work;
        self.digests.by_job.insert(job, Kept { range: range.clone(), side, work, base: None });
        let range = range.clone();
        let work = Work::Digest { view, job, work, range, side, through: Timestamp::MAX };
        served.work.push((self.group, Caller::Nobody, work));
    }

    /// The sum of the snapshot is there.
    pub(crate) fn digest_base(&mut self, job: JobId, work: u64, base: BTreeMap<u64, BracketSum>) {
        if let Some(kept) = self.digests.by_job.get_mut(&job).filter(|kept| kept.work == work) {
            kept.base = Some(base);
        }
    }

    /// What the group holds of the range, if it has been counted.
    pub(super) fn digest(&self, call: &DigestCall) -> Result<Answer, CallError> {
        let side = if call.staged { Keyspace::Staged } else { Keyspace::Live };
        let kept = self.digests.by_job.get(&call.job).filter(|kept| kept.range == call.range && kept.side == side);
        let Some(base) = kept.and_then(|kept| kept.base.as_ref()) else {
            return Err(busy("the rows are being counted"));
        };
        let mut sums = base.clone();
        for (bracket, added) in self.machine.store().digest(call.job.0) {
            sums.entry(bracket).or_default().add(&added);
        }
        let digests = sums
            .into_iter()
            .filter(|(_, sum)| !sum.is_zero())
            .map(|(bracket, sum)| (bracket, BracketDigest { rows: sum.rows, sum: sum.sum }));
        Ok(Answer::Digests(digests.collect()))
    }

    pub(super) fn stop_digests(&mut self) {
        for job in std::mem::take(&mut self.digests.by_job).into_keys() {
            self.machine.store_mut().unwatch(job.0);
        }
    }
}

/// The keyspace in which a group holds what a job moves.
fn side_of(role: &Role) -> Keyspace {
    match role {
        Role::Source(_) => Keyspace::Live,
        Role::Target(_) => Keyspace::Staged,
    }
}
