//! The numbers that bound a migrator.

/// How patient and how busy a migrator is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigratorSettings {
    /// Rest between two exports in BACKFILL, in milliseconds: what clients get of the source's disk. Under the fence
    /// there is none.
    pub pace_ms: u64,
    /// Imports that may be under way at once, from 1 on. One chunk more than these is held at most.
    pub imports_in_flight: usize,
    /// How long a linearizable read of the catalog, or the view of a leader, is waited for, in milliseconds.
    pub observe_patience_ms: u64,
    /// How long voters are waited for once their leader has answered, in milliseconds; then the wait is told.
    pub report_patience_ms: u64,
    /// How long a proposal is waited for, in milliseconds; under the fence no longer than its budget lasts.
    pub propose_patience_ms: u64,
    /// How long one export is waited for, in milliseconds.
    pub export_patience_ms: u64,
    /// How long a digest is waited for before it is asked for again, in milliseconds; under the fence no longer than a
    /// quarter of its budget.
    pub digest_patience_ms: u64,
    /// How long the fence is put off while the source still counts the range for its digest, in milliseconds.
    pub count_patience_ms: u64,
}

impl Default for MigratorSettings {
    fn default() -> Self {
        MigratorSettings {
            pace_ms: 5,
            imports_in_flight: 2,
            observe_patience_ms: 300,
            report_patience_ms: 50,
            propose_patience_ms: 2_000,
            export_patience_ms: 2_000,
            digest_patience_ms: 1_000,
            count_patience_ms: 30_000,
        }
    }
}
