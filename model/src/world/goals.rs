//! Which of the situations that must be reachable a state shows.

use super::World;
use super::component::{Message, Site};
use super::data_group::DataGroup;
use super::judge::is_live;
use super::memo::Worker;
use super::property::Goal;
use super::state::{ModelGroup, State, slot};
use splitjob_core::catalog::{Catalog, CatalogCommand};
use splitjob_core::group::{GroupCommand, JobGuards};
use splitjob_core::id::JobId;
use splitjob_core::job::{Phase, PhaseName, SplitJob};
use splitjob_core::key::{RawInterval, RawKey, TxnKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader};

impl World {
    /// The goals that the state reaches, as a set of bits.
    pub(super) fn reached(&self, worker: &mut Worker, state: &State) -> u64 {
        let (catalog, history) = (state[slot::CATALOG], state[slot::HISTORY]);
        let mut goals = *worker.goals_of_catalog.entry(catalog).or_insert_with(|| self.goals_of_catalog(catalog));
        let told = worker.goals_of_history.entry((catalog, history));
        goals |= *told.or_insert_with(|| self.goals_of_history(catalog, history));
        if goals & LIVE != 0 {
            let heads = self.bounds.groups().map(|group| self.site(state, group).head);
            let mut key = [catalog, 0, 0, 0];
            for (place, head) in key[1..].iter_mut().zip(heads) {
                *place = head;
            }
            goals |= *worker.goals_of_jobs.entry(key).or_insert_with(|| self.goals_of_jobs(state));
        }
        if self.bounds.holds > 0 {
            let late = (catalog, state[slot::NETWORK]);
            let bits = worker.goals_of_late.entry(late).or_insert_with(|| self.goals_of_late(late));
            goals |= *bits;
        }
        if goals & CUT_OVER != 0 {
            for group in self.bounds.groups() {
                let key = (catalog, state[slot::site(group)]);
                let bits = worker.goals_of_site.entry(key);
                goals |= *bits.or_insert_with(|| self.goals_of_site(catalog, group, self.site(state, group)));
            }
        }
        goals & !(CUT_OVER | LIVE)
    }

    fn goals_of_site(&self, catalog: u32, group: DataGroup, site: Site) -> u64 {
        let routes = self.tables.catalogs.at(catalog).routes();
        let is_elsewhere = |range: &KeyRange| routes.intersecting(range).any(|route| route.group != group.id());
        let open = self.tables.open_reads.at(site.open);
        let run = self.tables.runs.at(site.run);
        let across = open.iter().any(|read| is_elsewhere(&read.part));
        let serves_what_moved = |group: &ModelGroup| {
            let all = KeyRange::all();
            let mut owned = group.ownership().within(&all);
            owned.any(|(range, ownership)| ownership.is_here() && is_elsewhere(&range))
        };
        let mut behind = run.voters.iter().filter(|voter| !voter.is_current());
        let stale = behind.any(|voter| serves_what_moved(self.tables.groups.at(voter.state)));
        bit_if(Goal::ReadAcrossCutover, across) | bit_if(Goal::StaleVoter, stale)
    }

    fn goals_of_late(&self, (catalog, network): (u32, u32)) -> u64 {
        let catalog = self.tables.catalogs.at(catalog);
        let late = &self.tables.networks.at(network).late;
        let has_ended = |job: JobId| !is_live(catalog, job);
        let is_over = late.iter().any(|late| job_of(&late.message).is_none_or(has_ended));
        let of_ended = late.iter().any(|late| job_of(&late.message).is_some_and(has_ended));
        let is_idle = catalog.live_jobs().next().is_none();
        bit_if(Goal::LateAfterEnd, is_idle && is_over) | bit_if(Goal::LateInNextJob, !is_idle && of_ended)
    }

    fn goals_of_catalog(&self, catalog: u32) -> u64 {
        let catalog = self.tables.catalogs.at(catalog);
        let live = catalog.live_jobs().count();
        let newest = catalog.live_jobs().chain(catalog.history()).map(|job| job.id).max();
        let oldest_live = catalog.live_jobs().map(|job| job.id).next();
        let newest_ended = catalog.history().map(|job| job.id).last();
        let is_last = newest.is_some_and(|newest| newest.0 == self.bounds.moves.len() as u64);
        let mut goals = bit_if(Goal::Ended, live == 0)
            | bit_if(Goal::EveryMoveMade, live == 0 && is_last)
            | bit_if(Goal::TwoLive, live > 1)
            | bit_if(Goal::YoungerEndedFirst, oldest_live.is_some() && oldest_live < newest_ended)
            | bit_if(Goal::Lacking, live > 0 && catalog.lacking(0).is_some());
        goals |= if live > 0 { LIVE } else { 0 };
        for job in catalog.live_jobs().chain(catalog.history()) {
            let is_handed_over = catalog.routes().covering(job.range.start()).group != job.source;
            goals |= if is_handed_over { CUT_OVER } else { 0 };
            goals |= match &job.phase {
                Phase::Abandoned(abandoned) => given_up_in(abandoned.from),
                Phase::Failed(_) => Goal::Failed.bit(),
                Phase::Backfill(backfill) => {
                    bit_if(Goal::CatchingUp, backfill.round.0 > 1 && !backfill.was_fenced)
                        | bit_if(Goal::GivenBack, backfill.was_fenced)
                }
                Phase::Planned(_)
                | Phase::Fence(_)
                | Phase::DeltaCopy(_)
                | Phase::Cutover(_)
                | Phase::Cleanup(_)
                | Phase::Done(_)
                | Phase::Abandoning(_) => 0,
            };
        }
        goals
    }

    fn goals_of_history(&self, catalog: u32, history: u32) -> u64 {
        let (catalog, history) = (self.tables.catalogs.at(catalog), self.tables.histories.at(history));
        let mut goals = bit_if(Goal::ReadServed, !history.reads.is_empty())
            | bit_if(Goal::ReadInParts, history.has_read_in_parts(&self.bounds));
        for job in catalog.live_jobs().chain(catalog.history()) {
            let target = DataGroup::of(job.target);
            let is_of_target = |key: &RawKey| job.range.contains(self.routes_as(key));
            let mut decided = history.decided.iter();
            let wrote = decided.any(|((key, _), decided)| decided.group == target && is_of_target(key));
            goals |= bit_if(Goal::TargetWrote, wrote);
        }
        for (txn, fate) in &history.txns {
            let keys = self.bounds.txns[usize::from(*txn)].mutations.iter().map(|(key, _)| self.routes_as(key));
            let mut owners = keys.map(|at| catalog.routes().covering(at).group);
            let first = owners.next();
            let is_across = owners.any(|owner| Some(owner) != first);
            goals |= bit_if(Goal::TxnCommitted, fate.committed)
                | bit_if(Goal::TxnRolledBack, fate.rolled_back)
                | bit_if(Goal::TxnAcross, fate.committed && is_across);
        }
        goals
    }

    fn goals_of_jobs(&self, state: &State) -> u64 {
        let catalog = self.tables.catalogs.at(state[slot::CATALOG]);
        catalog.live_jobs().fold(0, |goals, job| goals | self.goals_of_job(state, catalog, job))
    }

    fn goals_of_job(&self, state: &State, catalog: &Catalog, job: &SplitJob) -> u64 {
        let [source, target] = [job.source, job.target].map(|group| self.head(state, DataGroup::of(group)));
        let owns = catalog.routes().covering(job.range.start()).group == job.target;
        let is_of_job = |key: &RawKey| job.range.contains(self.routes_as(key));
        let holds = |space| {
            let mut rows = target.store().walk(space, &RawInterval::all(), Direction::Forward);
            rows.any(|row| is_of_job(&row.key))
        };
        let (staged, promoted) = (owns && holds(Keyspace::Staged), owns && holds(Keyspace::Live));
        let has_proof = |row: &Row| TxnKey::parse(&row.key).is_some() && is_of_job(&row.key);
        let mut staged_rows = target.store().walk(Keyspace::Staged, &RawInterval::all(), Direction::Forward);
        let proof_staged = owns && staged_rows.any(|row| has_proof(&row));
        let is_locked = source.store().locks(&RawInterval::all()).any(|(key, _)| is_of_job(&key));
        let knows = target.ownership().at(job.range.start()).is_here();
        let tracker = source.jobs().get(&job.id).and_then(JobGuards::source).and_then(|s| s.tracker.as_ref());
        let snapshot = job.copy_window().map(|window| window.through);
        let least = tracker.and_then(|tracker| tracker.least);
        let is_backfill = matches!(job.phase, Phase::Backfill(_));
        let is_cutover = matches!(job.phase, Phase::Cutover(_));
        let is_later_attempt = job.epoch.0 > 1;
        bit_if(Goal::Fenced, matches!(job.phase, Phase::Fence(_)))
            | bit_if(Goal::LockUnderFence, matches!(job.phase, Phase::Fence(_)) && is_locked)
            | bit_if(Goal::ProofStaged, proof_staged && knows)
            | bit_if(Goal::HandingOver, is_cutover)
            | bit_if(Goal::ServedWhileStaged, staged && knows)
            | bit_if(Goal::HalfPromoted, staged && promoted)
            | bit_if(Goal::TrackedBelowSnapshot, is_backfill && least.is_some() && least <= snapshot)
            | bit_if(Goal::Rearmed, is_cutover && is_later_attempt)
            | bit_if(Goal::TakenOver, is_later_attempt)
    }
}

/// A bit that no goal has: the catalog gives the range of some job to another group than its source.
const CUT_OVER: u64 = 1 << 63;

fn bit_if(goal: Goal, is_reached: bool) -> u64 {
    if is_reached { goal.bit() } else { 0 }
}

/// A bit that no goal has: some job is live.
const LIVE: u64 = 1 << 62;

fn given_up_in(phase: PhaseName) -> u64 {
    match phase {
        PhaseName::Planned => Goal::AbandonedPlanned.bit(),
        PhaseName::Backfill => Goal::AbandonedBackfill.bit(),
        PhaseName::Fence => Goal::AbandonedFence.bit(),
        PhaseName::DeltaCopy => Goal::AbandonedDeltaCopy.bit(),
        PhaseName::Cutover => Goal::AbandonedCutover.bit(),
        PhaseName::Failed => Goal::AbandonedFailed.bit(),
        PhaseName::Cleanup | PhaseName::Done | PhaseName::Abandoning | PhaseName::Abandoned => 0,
    }
}

/// The job that a message of a migrator is about; routes are about none.
fn job_of(message: &Message) -> Option<JobId> {
    match message {
        Message::Catalog(CatalogCommand::AdvanceJob(request)) => Some(request.job),
        Message::Group(_, GroupCommand::Job(command)) => Some(command.token.job),
        Message::Catalog(_) | Message::Group(..) => None,
    }
}
