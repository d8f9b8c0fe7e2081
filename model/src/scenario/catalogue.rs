//! Every scenario.

use super::requests;
use super::{Class, Pinned, Scenario, wider};
use crate::world::{
    Bounds, ClientRead, Collection, DataGroup, Goal, Key, Liveness, Start, deleted, deletes, put, reads, scans, ts,
    writes,
};
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::RoutingKey;
use splitjob_core::store::Direction;

/// Every scenario, in the order in which a job meets their subjects.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "happy-path",
        purpose: "A job from PLANNED to DONE among a few requests: every phase, and nothing that goes wrong but delay.",
        class: Class::Quick,
        bounds: happy_path,
        goals: &[
            Goal::Ended,
            Goal::Fenced,
            Goal::HandingOver,
            Goal::ServedWhileStaged,
            Goal::TargetWrote,
            Goal::ReadServed,
        ],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 184_886, steps: 902_056, depth: 36 },
    },
    Scenario {
        name: "write-fence",
        purpose: "Writes at timestamps below and above the snapshot, through stale coordinators, until the range is \
                  handed over; old versions are collected meanwhile.",
        class: Class::Quick,
        bounds: write_fence,
        goals: &[Goal::Fenced, Goal::HandingOver, Goal::TrackedBelowSnapshot],
        liveness: &[],
        pinned: Pinned { states: 4_826_233, steps: 31_155_777, depth: 38 },
    },
    Scenario {
        name: "read-fence",
        purpose: "Reads through stale coordinators and lagging voters while the range is handed over and the target \
                  takes its first writes; a scan over both sides goes in parts.",
        class: Class::Quick,
        bounds: read_fence,
        goals: &[Goal::HandingOver, Goal::ReadServed, Goal::ReadInParts, Goal::TargetWrote, Goal::StaleVoter],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 469_320, steps: 3_544_401, depth: 28 },
    },
    Scenario {
        name: "import-disorder",
        purpose: "Imports are held back, doubled and sent ahead of their answers: batches arrive twice, late, and out of \
                  order.",
        class: Class::Quick,
        bounds: import_disorder,
        goals: &[Goal::Ended, Goal::LateAfterEnd],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 102_714, steps: 253_739, depth: 31 },
    },
    Scenario {
        name: "foreign-rows",
        purpose: "Rows that route elsewhere lie in the brackets that are exported, and an export looks at one row at a time.",
        class: Class::Quick,
        bounds: wider::foreign_rows,
        goals: &[Goal::Ended, Goal::TargetWrote, Goal::ReadServed],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 243_050, steps: 680_323, depth: 38 },
    },
    Scenario {
        name: "staged-merge",
        purpose: "The target serves a range whose history, deletions included, is still staged and promoted row by row, \
                  and takes new writes: points and scans at every timestamp.",
        class: Class::Quick,
        bounds: staged_merge,
        goals: &[Goal::ServedWhileStaged, Goal::HalfPromoted, Goal::TargetWrote, Goal::Ended],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 28_805, steps: 124_457, depth: 29 },
    },
    Scenario {
        name: "cleanup",
        purpose: "The source deletes what has moved while a paginated read of it is running on a voter, internal rows \
                  included, and stale coordinators still ask.",
        class: Class::Quick,
        bounds: cleanup,
        goals: &[Goal::Ended, Goal::ReadAcrossCutover, Goal::StaleVoter],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 679_229, steps: 3_868_925, depth: 27 },
    },
    Scenario {
        name: "lagging-voter",
        purpose: "Three voters on the source, one of them far behind with a paginated read under way, when the others \
                  would be enough for a majority.",
        class: Class::Quick,
        bounds: lagging_voter,
        goals: &[Goal::Ended, Goal::ReadAcrossCutover, Goal::StaleVoter],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 14_238, steps: 70_414, depth: 25 },
    },
    Scenario {
        name: "two-migrators",
        purpose: "A migrator takes the job over, the old one's messages still arrive, and the catalog moves under the \
                  cutover.",
        class: Class::Quick,
        bounds: two_migrators,
        goals: &[Goal::Ended, Goal::Rearmed, Goal::TakenOver, Goal::LateAfterEnd],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 2_621_052, steps: 8_095_060, depth: 33 },
    },
    Scenario {
        name: "torn-observation",
        purpose: "A migrator sees the catalog, either group and their voters at different moments, while clients, voters and its own late messages go on in between.",
        class: Class::Quick,
        bounds: wider::torn_observation,
        goals: &[Goal::Ended, Goal::HandingOver, Goal::ReadAcrossCutover, Goal::TargetWrote],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 213_237, steps: 736_083, depth: 36 },
    },
    Scenario {
        name: "torn-takeover",
        purpose: "A migrator that has seen a part of what it decides by is replaced before it sees the rest, and the catalog moves under the cutover.",
        class: Class::Quick,
        bounds: wider::torn_takeover,
        goals: &[Goal::Ended, Goal::Rearmed, Goal::TakenOver, Goal::ReadAcrossCutover],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 407_431, steps: 1_380_616, depth: 28 },
    },
    Scenario {
        name: "scan-across",
        purpose: "Scans over both sides of the split, forwards in pages and backwards, while the range is handed over: whole by old routes, in parts by new ones.",
        class: Class::Quick,
        bounds: wider::scan_across,
        goals: &[Goal::ReadInParts, Goal::ReadAcrossCutover, Goal::TargetWrote, Goal::Ended],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 48_238, steps: 256_689, depth: 26 },
    },
    Scenario {
        name: "moving-on",
        purpose: "A range that has just moved moves on, a part of it, to a third group, among clients with old routes.",
        class: Class::Quick,
        bounds: wider::moving_on,
        goals: &[Goal::EveryMoveMade, Goal::TargetWrote, Goal::ReadInParts],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 147_725, steps: 684_070, depth: 42 },
    },
    Scenario {
        name: "there-and-back",
        purpose: "A part of what has moved moves back, while a message of the first job is still under way and a coordinator still has the first routes.",
        class: Class::Quick,
        bounds: wider::there_and_back,
        goals: &[Goal::EveryMoveMade, Goal::LateInNextJob, Goal::TargetWrote],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 586_299, steps: 1_805_139, depth: 54 },
    },
    Scenario {
        name: "two-jobs",
        purpose: "Two jobs with one source live at once, and either may end first.",
        class: Class::Quick,
        bounds: wider::two_jobs,
        goals: &[Goal::TwoLive, Goal::YoungerEndedFirst, Goal::EveryMoveMade],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 1_184_157, steps: 3_450_212, depth: 43 },
    },
    Scenario {
        name: "membership",
        purpose: "A voter is added and a follower removed at any moment of a job, so at every barrier, with a paginated read on any of them.",
        class: Class::Quick,
        bounds: wider::membership,
        goals: &[Goal::Ended, Goal::StaleVoter, Goal::ReadAcrossCutover],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 226_201, steps: 849_381, depth: 37 },
    },
    Scenario {
        name: "membership-drain",
        purpose: "Voters come and go while the range is handed over and the source waits for its reads.",
        class: Class::Quick,
        bounds: wider::membership_drain,
        goals: &[Goal::Ended, Goal::StaleVoter, Goal::ReadAcrossCutover],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 560_145, steps: 3_060_037, depth: 26 },
    },
    Scenario {
        name: "crash-everywhere",
        purpose: "Migrators die, leaders change, voters restart and answers get lost, from PLANNED to DONE.",
        class: Class::Quick,
        bounds: wider::crash_everywhere,
        goals: &[Goal::Ended, Goal::TakenOver, Goal::ReadAcrossCutover, Goal::StaleVoter],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 509_562, steps: 2_783_566, depth: 39 },
    },
    Scenario {
        name: "expiry-and-compaction",
        purpose: "Versions that expire move, and old versions are collected on either side.",
        class: Class::Quick,
        bounds: wider::expiry_and_compaction,
        goals: &[Goal::Ended, Goal::TargetWrote, Goal::HalfPromoted],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 104_958, steps: 314_262, depth: 36 },
    },
    Scenario {
        name: "straddling",
        purpose: "A transaction whose primary moves and whose other key stays, while its client may give up, lose answers, or find its messages held back, and resolvers settle what it leaves.",
        class: Class::Quick,
        bounds: requests::straddling,
        goals: &[
            Goal::Ended,
            Goal::TxnCommitted,
            Goal::TxnRolledBack,
            Goal::TxnAcross,
            Goal::LockUnderFence,
            Goal::ProofStaged,
        ],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 1_316_480, steps: 8_357_283, depth: 35 },
    },
    Scenario {
        name: "straddling-back",
        purpose: "A transaction whose primary stays and whose other key is an internal row that moves, with two of its messages late.",
        class: Class::Quick,
        bounds: requests::straddling_back,
        goals: &[
            Goal::Ended,
            Goal::TxnCommitted,
            Goal::TxnRolledBack,
            Goal::TxnAcross,
            Goal::LockUnderFence,
            Goal::ProofStaged,
        ],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 331_620, steps: 1_213_498, depth: 34 },
    },
    Scenario {
        name: "low-transactions",
        purpose: "Transactions that commit below the snapshot of the copy, prepared before it was chosen, beside it and after it, in two phases and in one.",
        class: Class::Quick,
        bounds: requests::low_transactions,
        goals: &[Goal::Ended, Goal::TxnCommitted, Goal::TrackedBelowSnapshot, Goal::LockUnderFence],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 30_230, steps: 86_898, depth: 32 },
    },
    Scenario {
        name: "rivals",
        purpose: "Two transactions and a plain write want the same key while it is fenced, handed over and promoted.",
        class: Class::Quick,
        bounds: requests::rivals,
        goals: &[Goal::Ended, Goal::TxnCommitted, Goal::TxnRolledBack, Goal::ProofStaged],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 34_568, steps: 155_786, depth: 26 },
    },
    Scenario {
        name: "drain",
        purpose: "A client locks and releases a key of the range for ever, while the range is fenced and drained.",
        class: Class::Quick,
        bounds: requests::drain,
        goals: &[Goal::Ended, Goal::LockUnderFence],
        liveness: &[Liveness::JobEnds, Liveness::DrainEnds, Liveness::JobCanEnd],
        pinned: Pinned { states: 79, steps: 161, depth: 22 },
    },
    Scenario {
        name: "prefix-deletes",
        purpose: "Everything is deleted at once, in parts where the routes say so, below and above the snapshot, while rows are copied, staged and promoted.",
        class: Class::Quick,
        bounds: requests::prefix_deletes,
        goals: &[Goal::Ended, Goal::ServedWhileStaged, Goal::HalfPromoted, Goal::TargetWrote],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 48_774, steps: 167_856, depth: 39 },
    },
    Scenario {
        name: "prefix-and-locks",
        purpose: "Everything is deleted while a transaction holds locks on both sides.",
        class: Class::Quick,
        bounds: requests::prefix_and_locks,
        goals: &[Goal::Ended, Goal::TxnCommitted, Goal::ProofStaged],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 41_974, steps: 162_525, depth: 28 },
    },
    Scenario {
        name: "abandon-everywhere",
        purpose: "The job is given up in every phase in which it can be, FAILED included, with a straggler under way and a voter that lags.",
        class: Class::Quick,
        bounds: requests::abandon_everywhere,
        goals: &[
            Goal::AbandonedPlanned,
            Goal::AbandonedBackfill,
            Goal::AbandonedFence,
            Goal::AbandonedDeltaCopy,
            Goal::AbandonedCutover,
            Goal::AbandonedFailed,
            Goal::GivenBack,
            Goal::Ended,
        ],
        liveness: &[Liveness::JobEnds, Liveness::WritesSettle, Liveness::JobCanEnd],
        pinned: Pinned { states: 1_125_405, steps: 5_545_013, depth: 32 },
    },
    Scenario {
        name: "bounded-pause",
        purpose: "The fence outlives its budget twice, the range is given back and fenced anew, the job fails and is retried, with a straggler under way.",
        class: Class::Quick,
        bounds: requests::bounded_pause,
        goals: &[Goal::GivenBack, Goal::Failed, Goal::Ended, Goal::TargetWrote],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 1_673_126, steps: 3_892_980, depth: 64 },
    },
    Scenario {
        name: "catch-up",
        purpose: "Passes are added while writes go on below and above their snapshots, until there are too many, and the job is retried.",
        class: Class::Quick,
        bounds: requests::catch_up,
        goals: &[Goal::CatchingUp, Goal::Failed, Goal::Ended, Goal::TrackedBelowSnapshot],
        liveness: JOB_ENDS,
        pinned: Pinned { states: 32_793, steps: 68_657, depth: 39 },
    },
    Scenario {
        name: "mixed-versions",
        purpose: "A node loses the capability to run the protocol and gets it back, at any moment, twice.",
        class: Class::Quick,
        bounds: requests::mixed_versions,
        goals: &[Goal::Lacking, Goal::Ended, Goal::AbandonedFence],
        liveness: &[Liveness::WritesSettle, Liveness::JobCanEnd],
        pinned: Pinned { states: 40_795, steps: 147_499, depth: 33 },
    },
    Scenario {
        name: "late-adoption",
        purpose: "Leaders hear of the routes late and propose any of them at any moment, while a range is fenced, given back and given up.",
        class: Class::Quick,
        bounds: wider::late_adoption,
        goals: &[Goal::Ended, Goal::GivenBack, Goal::TargetWrote, Goal::StaleVoter],
        liveness: &[Liveness::JobEnds, Liveness::WritesSettle, Liveness::JobCanEnd],
        pinned: Pinned { states: 485_226, steps: 3_233_998, depth: 26 },
    },
    Scenario {
        name: "issued-timestamps",
        purpose: "Leaders issue the timestamps of writes, by clocks that are behind what was read and what came with the range.",
        class: Class::Quick,
        bounds: wider::issued_timestamps,
        goals: &[Goal::Ended, Goal::TargetWrote, Goal::ReadServed],
        liveness: &[Liveness::JobEnds, Liveness::WritesSettle, Liveness::JobCanEnd],
        pinned: Pinned { states: 3_614, steps: 11_064, depth: 20 },
    },
    Scenario {
        name: "far-future",
        purpose: "A read at the end of time and a write years ahead meet requests of today.",
        class: Class::Quick,
        bounds: requests::far_future,
        goals: &[Goal::Ended, Goal::ReadServed, Goal::TargetWrote],
        liveness: &[Liveness::JobEnds, Liveness::WritesSettle, Liveness::JobCanEnd],
        pinned: Pinned { states: 1_408, steps: 3_222, depth: 28 },
    },
    Scenario {
        name: "happy-path-wide",
        purpose: "The happy path with a voter that lags on either side, a deletion below the snapshot, and answers that get \
                  lost.",
        class: Class::Standard,
        bounds: happy_path_wide,
        goals: &[Goal::Ended, Goal::TargetWrote, Goal::TrackedBelowSnapshot, Goal::StaleVoter],
        liveness: &[],
        pinned: Pinned { states: 24_414_152, steps: 198_638_137, depth: 44 },
    },
    Scenario {
        name: "read-fence-wide",
        purpose: "The read fence with one read more.",
        class: Class::Standard,
        bounds: read_fence_wide,
        goals: &[Goal::HandingOver, Goal::ReadServed, Goal::ReadInParts, Goal::TargetWrote, Goal::StaleVoter],
        liveness: &[],
        pinned: Pinned { states: 1_551_894, steps: 12_854_977, depth: 29 },
    },
    Scenario {
        name: "cleanup-wide",
        purpose: "Cleanup with two stragglers under way at a time.",
        class: Class::Standard,
        bounds: cleanup_wide,
        goals: &[Goal::Ended, Goal::ReadAcrossCutover, Goal::StaleVoter, Goal::LateAfterEnd],
        liveness: &[],
        pinned: Pinned { states: 5_220_965, steps: 30_335_173, depth: 28 },
    },
    Scenario {
        name: "two-migrators-wide",
        purpose: "Two migrators with two stragglers under way at a time.",
        class: Class::Standard,
        bounds: two_migrators_wide,
        goals: &[Goal::Ended, Goal::Rearmed, Goal::TakenOver, Goal::LateAfterEnd],
        liveness: &[],
        pinned: Pinned { states: 48_183_556, steps: 150_438_648, depth: 35 },
    },
    Scenario {
        name: "torn-observation-wide",
        purpose: "Torn observations with late messages, a takeover and a new arming together.",
        class: Class::Standard,
        bounds: wider::torn_observation_wide,
        goals: &[Goal::Ended, Goal::Rearmed, Goal::TakenOver, Goal::ReadAcrossCutover],
        liveness: &[],
        pinned: Pinned { states: 21_674_286, steps: 71_443_144, depth: 35 },
    },
    Scenario {
        name: "two-jobs-wide",
        purpose: "Two jobs with one source, from the start of the first.",
        class: Class::Standard,
        bounds: wider::two_jobs_wide,
        goals: &[Goal::TwoLive, Goal::YoungerEndedFirst, Goal::EveryMoveMade],
        liveness: &[],
        pinned: Pinned { states: 5_018_409, steps: 14_460_123, depth: 53 },
    },
    Scenario {
        name: "straddling-wide",
        purpose: "The straddling transaction with two of its own messages late and one of the migrator's.",
        class: Class::Standard,
        bounds: requests::straddling_wide,
        goals: &[Goal::Ended, Goal::TxnCommitted, Goal::TxnRolledBack, Goal::TxnAcross, Goal::ProofStaged],
        liveness: &[],
        pinned: Pinned { states: 10_449_728, steps: 42_219_155, depth: 35 },
    },
    Scenario {
        name: "straddling-deep",
        purpose: "The straddling transaction with two coordinators, two of its own messages late and one of the migrator's.",
        class: Class::Deep,
        bounds: requests::straddling_deep,
        goals: &[Goal::Ended, Goal::TxnCommitted, Goal::TxnRolledBack, Goal::TxnAcross, Goal::ProofStaged],
        liveness: &[],
        pinned: Pinned { states: 26_543_254, steps: 147_715_596, depth: 36 },
    },
];

/// What is asked of every job, wherever all edges of the graph can be kept: fewer than ten million.
const JOB_ENDS: &[Liveness] = &[Liveness::JobEnds, Liveness::JobCanEnd];

fn happy_path_wide() -> Bounds {
    Bounds {
        voters: vec![2, 2],
        writes: vec![writes("m", 4, "m4"), deletes("m", 2), writes("a", 3, "a3")],
        answers_get_lost: true,
        ..happy_path()
    }
}

fn cleanup_wide() -> Bounds {
    Bounds { holds: 2, ..cleanup() }
}

fn two_migrators_wide() -> Bounds {
    Bounds { holds: 2, ..two_migrators() }
}

fn happy_path() -> Bounds {
    Bounds {
        voters: vec![2, 1],
        coordinators: 2,
        writes: vec![writes("m", 4, "m4"), writes("m", 2, "m2"), writes("a", 3, "a3")],
        reads: vec![reads("m", 3), reads("m", 5)],
        ..Bounds::calm()
    }
}

fn write_fence() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::internal("!redis|str|n", "n")],
        stored: vec![put("m", 1, "m1"), put("m", 2, "m2"), put("!redis|str|n", 2, "n2")],
        voters: vec![2, 1],
        groups_watch: true,
        clocks: vec![ts(3), ts(6)],
        writes: vec![writes("m", 4, "m4"), deletes("m", 5), writes("!redis|str|n", 4, "n4")],
        reads: vec![reads("m", 1), reads("m", 7)],
        collections: vec![Collection { group: DataGroup::ONE, through: ts(2) }],
        ..Bounds::calm()
    }
}

fn read_fence_wide() -> Bounds {
    let mut bounds = read_fence();
    bounds.reads.push(reads("m", 5));
    bounds
}

fn read_fence() -> Bounds {
    Bounds {
        keys: vec![Key::plain("a"), Key::plain("m")],
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1")],
        voters: vec![2, 2],
        coordinators: 2,
        writes: vec![writes("m", 4, "m4"), writes("a", 3, "a3")],
        reads: vec![scans("a", Direction::Forward, 9, 5), ClientRead { is_stamped: false, ..reads("m", 6) }],
        leader_changes: 1,
        start: Start::At(PhaseName::Cutover),
        ..Bounds::calm()
    }
}

fn import_disorder() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("m", 2, "m2"), put("n", 1, "n1")],
        holds: 2,
        pipelined_imports: true,
        reads: vec![reads("m", 3), reads("n", 3)],
        options: JobOptions { chunk_rows: 1, sweep_rows: 2, ..JobOptions::default() },
        start: Start::At(PhaseName::Backfill),
        ..Bounds::calm()
    }
}

fn staged_merge() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), deleted("m", 3), put("n", 1, "n1"), put("n", 2, "n2")],
        writes: vec![deletes("n", 5), writes("m", 5, "m5")],
        reads: vec![
            reads("m", 2),
            reads("n", 1),
            reads("n", 6),
            scans("m", Direction::Forward, 9, 6),
            scans("m", Direction::Reverse, 1, 2),
        ],
        options: JobOptions { sweep_rows: 1, ..JobOptions::default() },
        start: Start::At(PhaseName::Cutover),
        ..Bounds::calm()
    }
}

fn cleanup() -> Bounds {
    Bounds {
        keys: vec![Key::plain("a"), Key::plain("m"), Key::plain("n"), Key::internal("!redis|str|p", "p")],
        stored: vec![put("a", 1, "a1"), put("m", 1, "m1"), put("n", 1, "n1"), put("!redis|str|p", 1, "p1")],
        voters: vec![2, 1],
        coordinators: 2,
        groups_watch: true,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![scans("m", Direction::Forward, 1, 2), reads("m", 2)],
        restarts: 1,
        holds: 1,
        options: JobOptions { sweep_rows: 2, ..JobOptions::default() },
        start: Start::At(PhaseName::Cutover),
        ..Bounds::calm()
    }
}

fn lagging_voter() -> Bounds {
    Bounds {
        keys: vec![Key::plain("m"), Key::plain("n")],
        stored: vec![put("m", 1, "m1"), put("n", 1, "n1")],
        voters: vec![3, 1],
        coordinators: 2,
        writes: vec![writes("m", 3, "m3")],
        reads: vec![scans("m", Direction::Forward, 1, 2)],
        leader_changes: 1,
        start: Start::At(PhaseName::Cutover),
        ..Bounds::calm()
    }
}

fn two_migrators() -> Bounds {
    Bounds {
        coordinators: 2,
        migrators: 2,
        takeovers: 1,
        holds: 1,
        writes: vec![writes("m", 4, "m4")],
        reads: vec![reads("m", 5)],
        splits_elsewhere: 1,
        elsewhere: Some(RoutingKey::from("c")),
        inside: Some(RoutingKey::from("t")),
        ..Bounds::calm()
    }
}
