//! What a drive is lent for one step.

use super::event::{Diary, MigratorEventKind};
use super::settings::MigratorSettings;
use crate::desk::Desk;
use splitjob_core::id::JobId;

/// The desk, and what all jobs share.
pub(super) struct Turn<'t, 'd> {
    pub(super) desk: &'t mut Desk<'d>,
    pub(super) settings: &'t MigratorSettings,
    pub(super) reads: &'t mut Reads,
    pub(super) diary: &'t mut Diary,
}

/// What all jobs of a migrator share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: MigratorSettings,
    pub(super) reads: Reads,
    pub(super) diary: Diary,
}

impl Shared {
    pub(super) fn turn<'t, 'd>(&'t mut self, desk: &'t mut Desk<'d>) -> Turn<'t, 'd> {
        Turn { desk, settings: &self.settings, reads: &mut self.reads, diary: &mut self.diary }
    }
}

impl Turn<'_, '_> {
    /// Milliseconds since the process began.
    pub(super) fn now_ms(&self) -> u64 {
        self.desk.now.elapsed_ms
    }

    /// Unix milliseconds.
    pub(super) fn wall_ms(&self) -> u64 {
        self.desk.now.wall.get()
    }

    pub(super) fn note(&mut self, job: JobId, kind: MigratorEventKind) {
        let at_ms = self.wall_ms();
        self.diary.note(at_ms, job, kind);
    }
}

/// Linearizable reads of the catalog that the node is to do.
#[derive(Debug, Default)]
pub(super) struct Reads {
    last: u64,
    wanted: Vec<u64>,
}

impl Reads {
    /// One more; its number is never used twice.
    pub(super) fn want(&mut self) -> u64 {
        self.last += 1;
        self.wanted.push(self.last);
        self.last
    }

    pub(super) fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.wanted)
    }
}
