//! What a migrator tells about its jobs, for logs and metrics.

use splitjob_core::id::JobId;
use splitjob_core::job::PhaseName;
use std::collections::VecDeque;

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigratorEvent {
    /// When, in Unix milliseconds of this node's clock.
    pub at_ms: u64,
    /// The job.
    pub job: JobId,
    /// What.
    pub kind: MigratorEventKind,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MigratorEventKind {
    /// The record is in another phase.
    PhaseChanged {
        /// The phase before.
        from: PhaseName,
        /// The phase that it is in.
        to: PhaseName,
    },
    /// A step was taken.
    StepTaken {
        /// Which, as a sentence.
        text: String,
    },
    /// Something else is waited for than before.
    Waiting {
        /// What, as a sentence.
        text: String,
    },
    /// The job can't go on as it is: its range is given back, and the job fails.
    Condemned {
        /// Why, as the record will have it.
        why: String,
    },
}

/// Events that nobody has taken yet; the oldest are forgotten first.
#[derive(Debug, Default)]
pub(super) struct Diary {
    events: VecDeque<MigratorEvent>,
}

impl Diary {
    pub(super) fn note(&mut self, at_ms: u64, job: JobId, kind: MigratorEventKind) {
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(MigratorEvent { at_ms, job, kind });
    }

    pub(super) fn take(&mut self) -> Vec<MigratorEvent> {
        self.events.drain(..).collect()
    }
}

/// Events that are kept for whoever asks for them seldom.
const MOST_EVENTS: usize = 1024;
