//! A job, driven by the core's decisions.

use crate::cluster::Cluster;
use splitjob_core::catalog::{AdvanceJob, CatalogCommand, StartJob};
use splitjob_core::gate::Gates;
use splitjob_core::group::{Adoption, GroupCommand, JobAction, JobCommand, JobGuards, next_import};
use splitjob_core::id::{GroupId, JobEpoch, VoterId};
use splitjob_core::job::{CopyOrder, JobOptions, Observed, ObservedGroup, PhaseName, SplitJob, Step, decide};
use splitjob_core::key::RoutingKey;
use std::collections::{BTreeMap, BTreeSet};

impl Cluster {
    pub(crate) fn start_job(&mut self, split_key: &str, target: GroupId) {
        let split_key = RoutingKey::from(split_key);
        let start = StartJob {
            expected_version: self.catalog.routes().version,
            route: self.catalog.routes().covering(&split_key).id,
            split_key,
            target,
            options: JobOptions::default(),
            now_ms: self.wall(0).get(),
        };
        self.catalog.apply(&CatalogCommand::StartJob(start), Gates::all()).expect("the range is at rest");
    }

    fn job(&self) -> Option<&SplitJob> {
        self.catalog.live_jobs().next()
    }

    pub(crate) fn phase(&self) -> Option<PhaseName> {
        self.job().map(|job| job.phase.name())
    }

    pub(crate) fn run_job_to(&mut self, phase: PhaseName) {
        for _ in 0..MOST_STEPS {
            if self.phase() == Some(phase) {
                self.wake();
                return;
            }
            assert!(self.step_job(), "the job waits in {:?}", self.phase());
        }
        panic!("the job doesn't come to {phase}");
    }

    pub(crate) fn finish_job(&mut self) {
        while self.job().is_some() {
            assert!(self.step_job(), "the job waits in {:?}", self.phase());
        }
        self.wake();
    }

    /// Does the job's next step; false if it waits, or there is none.
    pub(crate) fn step_job(&mut self) -> bool {
        let Some(job) = self.job().cloned() else { return false };
        let holder = Some(job.epoch).filter(|epoch| *epoch > JobEpoch(0));
        let step = decide(&job, holder, &self.observed(&job), Gates::all());
        match step {
            Step::Advance(advance) => {
                let command = CatalogCommand::AdvanceJob(AdvanceJob {
                    job: job.id,
                    expected_revision: job.revision,
                    expected_version: self.catalog.routes().version,
                    now_ms: self.wall(0).get(),
                    advance,
                });
                self.catalog.apply(&command, Gates::all()).expect("nobody else changes the record");
            }
            Step::Command { group, action } => self.apply_action(&job, group, action),
            Step::Adopt { group } => {
                let adoption = Adoption::of(self.catalog.routes());
                self.apply(group, &GroupCommand::Adopt(adoption)).expect("newer routes are always adopted");
            }
            Step::Copy(order) => self.copy(&job, order),
            Step::Wait(_) | Step::StandDown => return false,
        }
        true
    }

    fn apply_action(&mut self, job: &SplitJob, group: GroupId, action: JobAction) {
        let command = JobCommand { token: job.token(), range: job.range.clone(), action };
        self.apply(group, &GroupCommand::Job(command)).expect("the attempt is the newest");
    }

    fn copy(&mut self, job: &SplitJob, order: CopyOrder) {
        let target = self.groups[&job.target].jobs().get(&job.id).and_then(JobGuards::target);
        let progress = target.map(|target| target.imported.clone()).unwrap_or_default().within(order.round);
        let source = &self.groups[&job.source];
        let batches = next_import(source.store(), &job.range, order.window, &progress, &job.options, Gates::all());
        self.apply_action(job, job.target, JobAction::Import { round: order.round, batches });
    }

    fn observed(&mut self, job: &SplitJob) -> Observed<'_> {
        let clock = self.leader_ts(job.source);
        let group = |id: GroupId| {
            let leader = self.groups[&id].report(job.id, &job.range, 0);
            ObservedGroup {
                group: id,
                status: self.groups[&id].status(job.id, &job.range, Gates::all()),
                leader: leader.clone(),
                configuration: BTreeSet::from([VoterId(1)]),
                reports: BTreeMap::from([(VoterId(1), leader)]),
            }
        };
        Observed {
            routes: self.catalog.routes(),
            oldest_live_job: self.catalog.oldest_live_job(),
            lacking: None,
            clock,
            now_ms: self.wall(0).get(),
            source: Some(group(job.source)),
            target: Some(group(job.target)),
        }
    }
}

/// More steps than any job of a few rows takes.
const MOST_STEPS: usize = 400;
