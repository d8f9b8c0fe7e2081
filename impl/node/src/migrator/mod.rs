//! The migrator: drives the split jobs of the catalog, on whichever node leads the default group.
//!
//! A loop without time, wire or disk around `splitjob_core::job::decide`: look at the record and ask the groups, take the
//! one step, look again. It has no opinion, and what it remembers only bounds its patience. A new leader begins with
//! nothing, takes the job over, and goes on where the last one stood (J1, J4).
//!
//! Why an observation whose parts were read at different moments may be decided by is argued in `specs/observation.md`.

mod deed;
mod digests;
mod drive;
mod event;
mod explain;
mod fence;
mod patience;
mod pipeline;
mod progress;
mod reports;
mod round;
mod settings;
mod step;
mod turn;
mod words;

pub use event::{MigratorEvent, MigratorEventKind};
pub use settings::MigratorSettings;

use crate::api::{Explanation, JobProgress};
use crate::desk::{CallId, Desk};
use drive::Drive;
use event::Diary;
use splitjob_core::id::{JobId, NodeId};
use splitjob_core::job::{Phase, PhaseName, SplitJob};
use splitjob_wire::peer::{Answer, CallError};
use std::collections::BTreeMap;
use turn::{Reads, Shared};

/// Drives the live jobs while its node leads the default group.
#[derive(Debug)]
pub struct Migrator {
    is_leading: bool,
    drives: BTreeMap<JobId, Drive>,
    shared: Shared,
    /// When it was last lent the desk, in milliseconds since the process began.
    now_ms: u64,
}

impl Migrator {
    /// A migrator that doesn't lead.
    pub fn new(settings: MigratorSettings) -> Migrator {
        Migrator {
            is_leading: false,
            drives: BTreeMap::new(),
            shared: Shared { settings, reads: Reads::default(), diary: Diary::default() },
            now_ms: 0,
        }
    }

    /// This node leads the default group and has applied its term's first entry, or doesn't any more.
    pub fn lead(&mut self, desk: &mut Desk<'_>, leads: bool) {
        if self.is_leading && !leads {
            self.drives.clear();
            self.shared.reads.take();
        }
        self.is_leading = leads;
        self.woken(desk);
    }

    /// The answer to a call; one that nobody waits for any more is passed over.
    pub fn answered(&mut self, desk: &mut Desk<'_>, call: CallId, answer: Result<Answer, CallError>) {
        self.now_ms = desk.now.elapsed_ms;
        if let Some(drive) = self.drives.values_mut().find(|drive| drive.owns(call)) {
            drive.answered(&mut self.shared.turn(desk), call, answer);
        }
        self.follow(desk);
    }

    /// Time has passed, or the catalog has changed.
    pub fn woken(&mut self, desk: &mut Desk<'_>) {
        self.now_ms = desk.now.elapsed_ms;
        self.follow(desk);
        for drive in self.drives.values_mut() {
            drive.woken(&mut self.shared.turn(desk));
        }
    }

    /// When it wants to be woken at the latest, in milliseconds since the process began; absent if only an answer or the
    /// catalog can move it.
    pub fn next_wake(&self) -> Option<u64> {
        let patience = self.shared.settings.report_patience_ms;
        self.drives.values().filter_map(|drive| drive.next_wake(patience, self.now_ms)).min()
    }

    /// A linearizable read is done: the desk's catalog is at least as new as the moment of its asking.
    pub fn catalog_read(&mut self, desk: &mut Desk<'_>, read: u64) {
        self.now_ms = desk.now.elapsed_ms;
        for drive in self.drives.values_mut() {
            drive.catalog_read(&mut self.shared.turn(desk), read);
        }
        self.follow(desk);
    }

    /// The numbers of the linearizable reads of the catalog that the node is to do by Raft's read index, each told once.
    pub fn wants_catalog_reads(&mut self) -> Vec<u64> {
        self.shared.reads.take()
    }

    /// What a job does and waits for; absent if the catalog knows no such job.
    ///
    /// `heard` has for each node when it was last heard, in milliseconds since the process began. A node that doesn't
    /// lead the default group tells what the record says.
    pub fn explain(&self, desk: &Desk<'_>, job: JobId, heard: &BTreeMap<NodeId, u64>) -> Option<Explanation> {
        let record = record(desk, job)?;
        Some(explain::explain(desk.now, record, self.drives.get(&job), self.progress(job), heard))
    }

    /// What this migrator has counted of the job; zero if it doesn't drive it.
    pub fn progress(&self, job: JobId) -> JobProgress {
        self.drives.get(&job).map(|drive| drive.progress(self.now_ms)).unwrap_or_default()
    }

    /// What has happened since the last call, oldest first; only so many events are kept.
    pub fn events(&mut self) -> Vec<MigratorEvent> {
        self.shared.diary.take()
    }

    /// Whether it drives a job that an operator isn't asked about.
    pub fn is_busy(&self) -> bool {
        self.drives.values().any(|drive| drive.phase != PhaseName::Failed)
    }

    /// Takes up the live jobs, and lets those go that have ended.
    fn follow(&mut self, desk: &mut Desk<'_>) {
        let catalog = desk.catalog;
        let ended: Vec<JobId> = self.drives.keys().copied().filter(|job| catalog.job(*job).is_none()).collect();
        for job in ended {
            let drive = self.drives.remove(&job).expect("the key was read from the map");
            let to = record(desk, job).map(|record| record.phase.name());
            if let Some(to) = to.filter(|to| *to != drive.phase) {
                let kind = MigratorEventKind::PhaseChanged { from: drive.phase, to };
                self.shared.diary.note(desk.now.wall.get(), job, kind);
            }
        }
        if !self.is_leading {
            return;
        }
        for job in catalog.live_jobs().filter(|job| !matches!(job.phase, Phase::Failed(_))) {
            if !self.drives.contains_key(&job.id) {
                let mut drive = Drive::new(job, desk.now.elapsed_ms);
                drive.woken(&mut self.shared.turn(desk));
                self.drives.insert(job.id, drive);
            }
        }
    }
}

fn record<'d>(desk: &Desk<'d>, job: JobId) -> Option<&'d SplitJob> {
    let catalog = desk.catalog;
    catalog.job(job).or_else(|| catalog.history().find(|ended| ended.id == job))
}
