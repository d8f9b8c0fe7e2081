//! A data group: its replicated state, and the one function that changes it.
//!
//! Everything that decides about a request or a job command is in this state: ownership, guards, floors, versions. A
//! voter that has applied a prefix of the log knows all that prefix knows, and nothing else (A6).

mod admission;
mod command;
mod copy;
mod guards;
mod ownership;
mod prefix;
mod read;
mod rejection;
mod state;
mod status;
mod sweep;
mod txn;
mod write;

pub use command::{
    BindRead, DeletePrefix, GroupCommand, JobAction, JobCommand, Mutation, Outcome, RowPosition, TxnAction, TxnCommand,
    WriteRequest,
};
pub use copy::{BracketBatch, BracketProgress, Cursor, CursorTag, ImportProgress, Window, next_import};
pub use guards::{
    ClosedJobs, JobGuards, Promotion, ReadFence, Readiness, Role, SourceGuards, TargetGuards, WriteTracker,
};
pub use ownership::{Adoption, Floors, Ownership, OwnershipMap, Purpose, SegmentsError};
pub use read::{LatestRequest, ReadAnswer, ReadRequest, ReadShape, SeenRow};
pub use rejection::Rejection;
pub use state::GroupState;
pub use status::{GroupStatus, VoterReport};

use crate::catalog::Routes;
use crate::gate::{Gate, Gates};
use crate::id::{CatalogVersion, GroupId, JobId, Token};
use crate::range::KeyRange;
use crate::store::VersionStore;
use crate::timestamp::{PhysicalMs, Timestamp};
use std::collections::BTreeMap;

/// The replicated state of a data group over a store `S`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group<S> {
    id: GroupId,
    store: S,
    ownership: OwnershipMap,
    applied_catalog_version: CatalogVersion,
    last_commit_ts: Timestamp,
    read_bound: Timestamp,
    collected_through: Timestamp,
    ceiling: PhysicalMs,
    jobs: BTreeMap<JobId, JobGuards>,
    closed: ClosedJobs,
}

/// What apply may look at besides the state and the command.
#[derive(Clone, Copy, Debug)]
pub struct ApplyContext<'a> {
    gates: Gates,
    node_routes: Option<&'a Routes>,
}

impl<'a> ApplyContext<'a> {
    /// Every gate stands, and nothing of the node is looked at (A6).
    pub const fn production() -> ApplyContext<'static> {
        ApplyContext { gates: Gates::all(), node_routes: None }
    }

    /// For the model: some gates may be missing; the node's routes are looked at only without
    /// [`Gate::ReplicatedOwnership`].
    pub const fn of_model(gates: Gates, node_routes: Option<&'a Routes>) -> ApplyContext<'a> {
        ApplyContext { gates, node_routes }
    }
}

impl<S: VersionStore> Group<S> {
    /// A group that follows the given routes and has applied nothing else.
    pub fn new(id: GroupId, store: S, routes: &Routes) -> Group<S> {
        let mut group = Group {
            id,
            store,
            ownership: OwnershipMap::uniform(Ownership::Foreign),
            applied_catalog_version: CatalogVersion(0),
            last_commit_ts: Timestamp::ZERO,
            read_bound: Timestamp::ZERO,
            collected_through: Timestamp::ZERO,
            ceiling: PhysicalMs::ZERO,
            jobs: BTreeMap::new(),
            closed: ClosedJobs::default(),
        };
        group.adopt(&Adoption::of(routes));
        group
    }

    /// The group's identifier.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// The versions that the group stores.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What the group may do with which keys (O1).
    pub fn ownership(&self) -> &OwnershipMap {
        &self.ownership
    }

    /// The catalog version that the group follows (O1).
    pub fn applied_catalog_version(&self) -> CatalogVersion {
        self.applied_catalog_version
    }

    /// The greatest commit timestamp that was written here.
    pub fn last_commit_ts(&self) -> Timestamp {
        self.last_commit_ts
    }

    /// Reads at or below it are served by every voter that has applied it; nothing at or below it is admitted (T5).
    pub fn read_bound(&self) -> Timestamp {
        self.read_bound
    }

    /// Timestamps up to this millisecond can be written and bound (T3).
    pub fn ceiling(&self) -> PhysicalMs {
        self.ceiling
    }

    /// Versions that only reads below it could see may be gone (G2).
    pub fn collected_through(&self) -> Timestamp {
        self.collected_through
    }

    /// The timestamp that a voter's clock must have observed before it issues one or admits a write: the full value,
    /// logical half included (T4).
    pub fn clock_floor(&self) -> Timestamp {
        let everything = KeyRange::all();
        let of_ranges = self.ownership.within(&everything).map(|(_, ownership)| match ownership {
            Ownership::Owned(floors) | Ownership::WriteFenced(floors) => floors.min_write_ts_exclusive,
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => Timestamp::ZERO,
        });
        let of_ranges = of_ranges.fold(Timestamp::ZERO, Ord::max);
        let targets = self.jobs.values().filter_map(JobGuards::target);
        let of_jobs = targets.map(|target| {
            let armed = target.readiness.as_ref().map_or(Timestamp::ZERO, |ready| ready.floor);
            armed.max(target.max_imported_ts)
        });
        let committed = self.last_commit_ts.max(self.read_bound).max(self.collected_through);
        of_jobs.fold(committed.max(of_ranges), Ord::max)
    }

    /// The guards of the jobs that the group takes part in.
    pub fn jobs(&self) -> &BTreeMap<JobId, JobGuards> {
        &self.jobs
    }

    /// The jobs that have ended here (G10).
    pub fn closed(&self) -> &ClosedJobs {
        &self.closed
    }

    /// Applies one command of the log.
    ///
    /// # Errors
    /// A [`Rejection`]; the state is then as it was.
    pub fn apply(&mut self, command: &GroupCommand, context: &ApplyContext<'_>) -> Result<Outcome, Rejection> {
        match command {
            GroupCommand::Write(request) => self.write(request, context),
            GroupCommand::DeletePrefix(request) => self.delete_prefix(request, context),
            GroupCommand::Txn(command) => self.txn(command, context),
            GroupCommand::BindRead(request) => self.bind_read(request, context.gates),
            GroupCommand::Adopt(adoption) => self.check_adoption(adoption, context.gates),
            GroupCommand::Collect { through, from, limit } => self.collect(*through, from, *limit, context.gates),
            GroupCommand::RaiseCeiling { ceiling } => Ok(self.raise_ceiling(*ceiling)),
            GroupCommand::Job(command) => self.apply_job(command, context.gates),
        }
    }

    // T3: it only grows; the clock of the leader that asked for it has stayed below.
    fn raise_ceiling(&mut self, ceiling: PhysicalMs) -> Outcome {
        if ceiling <= self.ceiling {
            return Outcome::Unchanged;
        }
        self.ceiling = ceiling;
        Outcome::CeilingRaised { ceiling }
    }

    // O1: the version never goes back.
    fn check_adoption(&mut self, adoption: &Adoption, gates: Gates) -> Result<Outcome, Rejection> {
        let applied = self.applied_catalog_version;
        if adoption.version == applied {
            return Ok(Outcome::Unchanged);
        }
        if gates.stands(Gate::AdoptionNeverGoesBack) && adoption.version < applied {
            return Err(Rejection::StaleCatalog { applied });
        }
        self.adopt(adoption);
        Ok(Outcome::Adopted { version: adoption.version })
    }

    fn adopt(&mut self, adoption: &Adoption) {
        let group = self.id;
        for route in &adoption.routes {
            let change = |current: &Ownership| ownership::adopted(current, route, adoption.version, group);
            self.ownership.assign(&route.range, change);
        }
        self.applied_catalog_version = adoption.version;
    }

    fn apply_job(&mut self, command: &JobCommand, gates: Gates) -> Result<Outcome, Rejection> {
        self.check_token(command.token, gates)?;
        match &command.action {
            JobAction::ArmTracker { round } => self.arm_source(command, |guards, horizon, _| {
                guards.tracker.get_or_insert_with(|| WriteTracker::new(*round, horizon)).begin(*round);
                Ok(())
            }),
            JobAction::ArmWriteFence => self.arm_source(command, |guards, _, _| {
                guards.write_fence = true;
                Ok(())
            }),
            JobAction::ArmReadFence { expected_cutover_version } => {
                self.arm_read_fence(command, *expected_cutover_version)
            }
            JobAction::Unfence => self.arm_source(command, |guards, _, _| {
                guards.write_fence = false;
                guards.read_fence = None;
                Ok(())
            }),
            JobAction::DeleteMoved { from, limit } => self.delete_moved(command, from, *limit, gates),
            JobAction::Import { round, batches } => self.import(command, *round, batches, gates),
            JobAction::ArmReadiness { floor } => self.arm_target(command, |guards| {
                let raised = guards.readiness.as_ref().map_or(*floor, |ready| ready.floor.max(*floor));
                guards.readiness = Some(Readiness { floor: raised });
            }),
            JobAction::Promote { after, limit } => self.promote(command, after.as_ref(), *limit, gates),
            JobAction::DiscardStaged { from, limit } => self.discard_staged(command, from.as_ref(), *limit, gates),
            JobAction::Close { oldest_live_job } => self.close(command, *oldest_live_job, gates),
        }
    }

    // J4, G10
    fn check_token(&self, token: Token, gates: Gates) -> Result<(), Rejection> {
        if gates.stands(Gate::ClosedWatermark) && self.closed.contains(token.job) {
            return Err(Rejection::JobClosed { job: token.job });
        }
        match self.jobs.get(&token.job) {
            Some(guards) if gates.stands(Gate::JobEpoch) && token.epoch < guards.epoch => {
                Err(Rejection::StaleEpoch { newest: guards.epoch })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Changes the guards of a source; the first command of a job makes them.
    fn arm_source(
        &mut self,
        command: &JobCommand,
        change: impl FnOnce(&mut SourceGuards, Timestamp, bool) -> Result<(), Rejection>,
    ) -> Result<Outcome, Rejection> {
        let horizon = self.read_horizon(&command.range);
        let known = self.jobs.get(&command.token.job);
        let is_newer = known.is_some_and(|guards| guards.epoch != command.token.epoch);
        let mut guards = match known.map(|guards| &guards.role) {
            None => SourceGuards::default(),
            Some(Role::Source(guards)) => guards.clone(),
            Some(Role::Target(_)) => return Err(Rejection::ConflictingGuard),
        };
        change(&mut guards, horizon, is_newer)?;
        Ok(self.store_guards(command, Role::Source(guards)))
    }

    /// Changes the guards of a target; the first command of a job makes them.
    fn arm_target(
        &mut self,
        command: &JobCommand,
        change: impl FnOnce(&mut TargetGuards),
    ) -> Result<Outcome, Rejection> {
        let mut guards = self.target_guards(command)?;
        change(&mut guards);
        Ok(self.store_guards(command, Role::Target(guards)))
    }

    fn target_guards(&self, command: &JobCommand) -> Result<TargetGuards, Rejection> {
        match self.jobs.get(&command.token.job).map(|guards| &guards.role) {
            None => Ok(TargetGuards::default()),
            Some(Role::Target(guards)) => Ok(guards.clone()),
            Some(Role::Source(_)) => Err(Rejection::ConflictingGuard),
        }
    }

    fn store_guards(&mut self, command: &JobCommand, role: Role) -> Outcome {
        let guards = JobGuards { epoch: command.token.epoch, range: command.range.clone(), role };
        let before = self.jobs.insert(command.token.job, guards);
        if before.as_ref() == self.jobs.get(&command.token.job) { Outcome::Unchanged } else { Outcome::Armed }
    }

    // G4: within one attempt a conflicting version is refused; a newer attempt replaces it (P5).
    fn arm_read_fence(&mut self, command: &JobCommand, expected: CatalogVersion) -> Result<Outcome, Rejection> {
        let read_bound = self.read_bound;
        self.arm_source(command, |guards, _, is_newer_attempt| match &guards.read_fence {
            Some(fence) if fence.expected_cutover_version == expected => Ok(()),
            Some(_) if !is_newer_attempt => Err(Rejection::ConflictingGuard),
            Some(_) | None => {
                guards.read_fence = Some(ReadFence { expected_cutover_version: expected, read_bound });
                Ok(())
            }
        })
    }

    // G10: what the job left is forgotten in the same entry that remembers its end; J8: not while rows of it are staged.
    fn close(&mut self, command: &JobCommand, oldest_live_job: JobId, gates: Gates) -> Result<Outcome, Rejection> {
        let job = command.token.job;
        if self.closed.contains(job) && !self.jobs.contains_key(&job) {
            return Ok(Outcome::Unchanged);
        }
        let is_target = self.jobs.get(&job).is_some_and(|guards| guards.target().is_some());
        let has_staged = is_target && !self.serves(&command.range) && self.first_staged(&command.range).is_some();
        if !gates.passes(Gate::CloseLeavesNoStagedRow, !has_staged) {
            return Err(Rejection::StagedRowsLeft);
        }
        self.jobs.remove(&job);
        self.closed.close(job, oldest_live_job);
        self.ownership.assign(&command.range, |current| match current {
            Ownership::Incoming { .. } => Ownership::Foreign,
            Ownership::Owned(_) | Ownership::WriteFenced(_) | Ownership::Moved { .. } | Ownership::Foreign => {
                current.clone()
            }
        });
        Ok(Outcome::Closed)
    }

    /// Reads of the range below it are refused: their versions may be gone.
    fn read_horizon(&self, range: &KeyRange) -> Timestamp {
        let of_ranges = self.ownership.within(range).map(|(_, ownership)| match ownership {
            Ownership::Owned(floors) | Ownership::WriteFenced(floors) => floors.min_read_ts,
            Ownership::Incoming { .. } | Ownership::Moved { .. } | Ownership::Foreign => Timestamp::ZERO,
        });
        of_ranges.fold(self.collected_through, Ord::max)
    }
}
