//! Work on a snapshot of the rows that would hold up a node's thread, done beside it.

use splitjob_core::gate::Gates;
use splitjob_core::group::{BracketBatch, next_import};
use splitjob_core::id::JobId;
use splitjob_core::range::KeyRange;
use splitjob_core::store::Keyspace;
use splitjob_core::timestamp::Timestamp;
use splitjob_store::{BracketSum, StoreView};
use splitjob_wire::peer::ExportCall;
use std::collections::BTreeMap;

/// What is to be done.
pub enum Work {
    /// The next batches of a pass.
    Export {
        /// The source's rows.
        view: StoreView,
        /// Which.
        call: Box<ExportCall>,
    },
    /// The sums of a range.
    Digest {
        /// The rows.
        view: StoreView,
        /// The job.
        job: JobId,
        /// The replica's own number for it.
        work: u64,
        /// The range.
        range: KeyRange,
        /// The keyspace.
        side: Keyspace,
        /// The versions that count.
        through: Timestamp,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Worked {
    /// The batches.
    Batches(Vec<BracketBatch>),
    /// The sums.
    Digest {
        /// The job.
        job: JobId,
        /// The replica's own number for it.
        work: u64,
        /// By bracket.
        sums: BTreeMap<u64, BracketSum>,
    },
    /// The rows can't be read.
    Failed(String),
}

impl Work {
    /// Does it: a function of the snapshot.
    pub fn run(self) -> Worked {
        match self {
            Work::Export { view, call } => {
                let (window, progress) = (call.window, &call.progress);
                let batches = next_import(&view, &call.range, window, progress, &call.options, Gates::all());
                match view.fault() {
                    Some(fault) => Worked::Failed(fault.to_string()),
                    None => Worked::Batches(batches),
                }
            }
            Work::Digest { view, job, work, range, side, through } => match view.digest(&range, side, through) {
                Ok(sums) => Worked::Digest { job, work, sums },
                Err(error) => Worked::Failed(error.to_string()),
            },
        }
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Work::Export { call, .. } => f.debug_tuple("Export").field(&call.range).finish(),
            Work::Digest { range, .. } => f.debug_tuple("Digest").field(range).finish(),
        }
    }
}
