//! Values of data groups.

use super::{
    content, job_id, lock, mutations, number, option, physical, range, raw_key, routes, routing_key, timestamp, txn,
    version,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use splitjob_core::group::{
    Adoption, BindRead, BracketBatch, BracketProgress, ClosedJobs, Cursor, CursorTag, DeletePrefix, Floors,
    GroupCommand, GroupState, ImportProgress, JobAction, JobCommand, JobGuards, Outcome, Ownership, OwnershipMap,
    Promotion, ReadFence, Readiness, Rejection, Role, RowPosition, SourceGuards, TargetGuards, TxnAction, TxnCommand,
    WriteRequest, WriteTracker,
};
use splitjob_core::id::{BatchSeq, CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, Token};
use splitjob_core::key::{BracketId, RoutingKey};
use splitjob_core::store::Row;
use splitjob_core::version::Version;

pub(crate) fn group_command() -> BoxedStrategy<GroupCommand> {
    let write = (mutations(), timestamp(), option(version()));
    let delete = (raw_key(), range(), timestamp(), option(version()));
    prop_oneof![
        write.prop_map(|(mutations, commit_ts, routed_by)| {
            GroupCommand::Write(WriteRequest { mutations, commit_ts, routed_by })
        }),
        delete.prop_map(|(prefix, part, commit_ts, routed_by)| {
            GroupCommand::DeletePrefix(DeletePrefix { prefix, part, commit_ts, routed_by })
        }),
        txn_command().prop_map(GroupCommand::Txn),
        (range(), timestamp(), option(version())).prop_map(|(footprint, read_ts, routed_by)| {
            GroupCommand::BindRead(BindRead { footprint, read_ts, routed_by })
        }),
        routes().prop_map(|routes| GroupCommand::Adopt(Adoption::of(&routes))),
        (timestamp(), raw_key(), number()).prop_map(|(through, from, limit)| GroupCommand::Collect {
            through,
            from,
            limit
        }),
        physical().prop_map(|ceiling| GroupCommand::RaiseCeiling { ceiling }),
        job_command().prop_map(GroupCommand::Job),
    ]
    .boxed()
}

fn txn_command() -> BoxedStrategy<TxnCommand> {
    let keys = || vec(raw_key(), 0..4);
    let action = prop_oneof![
        mutations().prop_map(|mutations| TxnAction::OnePhase { mutations }),
        (mutations(), number()).prop_map(|(mutations, expires_at_ms)| TxnAction::Prepare { mutations, expires_at_ms }),
        keys().prop_map(|keys| TxnAction::Commit { keys }),
        keys().prop_map(|keys| TxnAction::Abort { keys }),
    ];
    (txn(), timestamp(), option(version()), action)
        .prop_map(|(txn, commit_ts, routed_by, action)| TxnCommand { txn, commit_ts, routed_by, action })
        .boxed()
}

fn job_command() -> BoxedStrategy<JobCommand> {
    (job_id(), number(), range(), job_action())
        .prop_map(|(job, epoch, range, action)| JobCommand {
            token: Token { job, epoch: JobEpoch(epoch) },
            range,
            action,
        })
        .boxed()
}

fn job_action() -> BoxedStrategy<JobAction> {
    let sweep = || (option(position()), number());
    prop_oneof![
        number().prop_map(|round| JobAction::ArmTracker { round: CopyRound(round) }),
        Just(JobAction::ArmWriteFence),
        version().prop_map(|expected_cutover_version| JobAction::ArmReadFence { expected_cutover_version }),
        Just(JobAction::Unfence),
        (position(), number()).prop_map(|(from, limit)| JobAction::DeleteMoved { from, limit }),
        (number(), vec(batch(), 0..3))
            .prop_map(|(round, batches)| JobAction::Import { round: CopyRound(round), batches }),
        timestamp().prop_map(|floor| JobAction::ArmReadiness { floor }),
        sweep().prop_map(|(after, limit)| JobAction::Promote { after, limit }),
        sweep().prop_map(|(from, limit)| JobAction::DiscardStaged { from, limit }),
        job_id().prop_map(|oldest_live_job| JobAction::Close { oldest_live_job }),
    ]
    .boxed()
}

pub(crate) fn position() -> BoxedStrategy<RowPosition> {
    (raw_key(), timestamp()).prop_map(|(key, commit_ts)| RowPosition { key, commit_ts }).boxed()
}

pub(crate) fn batch() -> BoxedStrategy<BracketBatch> {
    let row = (raw_key(), timestamp(), content())
        .prop_map(|(key, commit_ts, content)| Row { key, version: Version { commit_ts, content } });
    (number(), number(), vec(row, 0..4), option(cursor()), any::<bool>())
        .prop_map(|(bracket, seq, rows, cursor, done)| BracketBatch {
            bracket: BracketId(bracket),
            seq: BatchSeq(seq),
            rows,
            cursor,
            done,
        })
        .boxed()
}

pub(crate) fn cursor() -> BoxedStrategy<Cursor> {
    let tag = prop_oneof![Just(CursorTag::Emitted), Just(CursorTag::Scanned)];
    (raw_key(), timestamp(), tag).prop_map(|(key, commit_ts, tag)| Cursor { key, commit_ts, tag }).boxed()
}

pub(crate) fn import_progress() -> BoxedStrategy<ImportProgress> {
    let at = (number(), option(cursor()), any::<bool>()).prop_map(|(high, cursor, done)| BracketProgress {
        high: BatchSeq(high),
        cursor,
        done,
    });
    (number(), number(), btree_map(number().prop_map(BracketId), at, 0..4))
        .prop_map(|(round, rows, brackets)| ImportProgress { round: CopyRound(round), rows, brackets })
        .boxed()
}

pub(crate) fn outcome() -> BoxedStrategy<Outcome> {
    let plain = prop::sample::select(vec![
        Outcome::Unchanged,
        Outcome::Prepared,
        Outcome::Aborted,
        Outcome::Armed,
        Outcome::Closed,
    ]);
    prop_oneof![
        plain,
        timestamp().prop_map(|commit_ts| Outcome::Written { commit_ts }),
        timestamp().prop_map(|commit_ts| Outcome::Committed { commit_ts }),
        number().prop_map(|rows| Outcome::PrefixDeleted { rows }),
        physical().prop_map(|ceiling| Outcome::CeilingRaised { ceiling }),
        timestamp().prop_map(|read_bound| Outcome::Bound { read_bound }),
        version().prop_map(|version| Outcome::Adopted { version }),
        (number(), option(raw_key())).prop_map(|(removed, next)| Outcome::Collected { removed, next }),
        number().prop_map(|rows| Outcome::Imported { rows }),
        number().prop_map(|rows| Outcome::Promoted { rows }),
        number().prop_map(|rows| Outcome::Deleted { rows }),
    ]
    .boxed()
}

pub(crate) fn rejection() -> BoxedStrategy<Rejection> {
    prop_oneof![
        plain_rejection(),
        rejection_with_number(),
        rejection_with_key(),
        (version(), number()).prop_map(|(version, to)| Rejection::RouteMoved { version, to: GroupId(to) }),
        (raw_key(), lock()).prop_map(|(key, lock)| Rejection::KeyLocked { key, lock: Box::new(lock) }),
        (raw_key(), timestamp()).prop_map(|(key, newest)| Rejection::WriteConflict { key, newest }),
        (number(), number(), number()).prop_map(|(bracket, high, seq)| Rejection::ImportBatchGap {
            bracket: BracketId(bracket),
            high: BatchSeq(high),
            seq: BatchSeq(seq),
        }),
    ]
    .boxed()
}

fn plain_rejection() -> BoxedStrategy<Rejection> {
    prop::sample::select(vec![
        Rejection::RouteWriteFenced,
        Rejection::OwnershipUnknown,
        Rejection::TxnRolledBack,
        Rejection::StagedRowsLeft,
        Rejection::TimestampTaken,
        Rejection::NotStamped,
        Rejection::ConflictingGuard,
        Rejection::WrongOwnership,
    ])
    .boxed()
}

fn rejection_with_number() -> BoxedStrategy<Rejection> {
    prop_oneof![
        version().prop_map(|expected| Rejection::CutoverPending { expected }),
        timestamp().prop_map(|floor| Rejection::TimestampTooLow { floor }),
        physical().prop_map(|ceiling| Rejection::TimestampTooHigh { ceiling }),
        version().prop_map(|owned_since| Rejection::RoutedTooEarly { owned_since }),
        timestamp().prop_map(|commit_ts| Rejection::TxnCommitted { commit_ts }),
        timestamp().prop_map(|prepared| Rejection::CommitTimestampChanged { prepared }),
        timestamp().prop_map(|start_ts| Rejection::CommitBeforeStart { start_ts }),
        prop_oneof![
            timestamp().prop_map(|read_bound| Rejection::ReadNotBound { read_bound }),
            timestamp().prop_map(|horizon| Rejection::ReadTooOld { horizon }),
            version().prop_map(|applied| Rejection::StaleCatalog { applied }),
            number().prop_map(|newest| Rejection::StaleEpoch { newest: JobEpoch(newest) }),
            job_id().prop_map(|job| Rejection::JobClosed { job }),
        ],
    ]
    .boxed()
}

fn rejection_with_key() -> BoxedStrategy<Rejection> {
    prop_oneof![
        raw_key().prop_map(|key| Rejection::NoProof { key }),
        raw_key().prop_map(|primary| Rejection::PrimaryMissing { primary }),
        raw_key().prop_map(|key| Rejection::ControlNamespace { key }),
        raw_key().prop_map(|key| Rejection::ForeignRow { key }),
    ]
    .boxed()
}

fn ownership() -> BoxedStrategy<Ownership> {
    let floors = || {
        (timestamp(), timestamp(), option(job_id()), version()).prop_map(
            |(min_write_ts_exclusive, min_read_ts, staged_for, owned_since)| Floors {
                min_write_ts_exclusive,
                min_read_ts,
                staged_for,
                owned_since,
            },
        )
    };
    prop_oneof![
        floors().prop_map(Ownership::Owned),
        floors().prop_map(Ownership::WriteFenced),
        job_id().prop_map(|job| Ownership::Incoming { job }),
        (version(), number()).prop_map(|(version, to)| Ownership::Moved { version, to: GroupId(to) }),
        Just(Ownership::Foreign),
    ]
    .boxed()
}

fn ownership_map() -> BoxedStrategy<OwnershipMap> {
    (ownership(), btree_map(routing_key(), ownership(), 0..4))
        .prop_map(|(first, rest)| {
            let mut segments = vec![(RoutingKey::default(), first)];
            segments.extend(rest.into_iter().filter(|(start, _)| !start.is_empty()));
            OwnershipMap::from_segments(segments).expect("a map ascends")
        })
        .boxed()
}

pub(crate) fn guards() -> BoxedStrategy<JobGuards> {
    let role = prop_oneof![source().prop_map(Role::Source), target().prop_map(Role::Target)];
    (number(), range(), role).prop_map(|(epoch, range, role)| JobGuards { epoch: JobEpoch(epoch), range, role }).boxed()
}

fn source() -> BoxedStrategy<SourceGuards> {
    let tracker = (number(), option(timestamp()), option(timestamp()), timestamp()).prop_map(
        |(round, least, least_before, horizon)| WriteTracker { round: CopyRound(round), least, least_before, horizon },
    );
    let read_fence = (version(), timestamp())
        .prop_map(|(expected_cutover_version, read_bound)| ReadFence { expected_cutover_version, read_bound });
    (option(tracker), any::<bool>(), option(read_fence))
        .prop_map(|(tracker, write_fence, read_fence)| SourceGuards { tracker, write_fence, read_fence })
        .boxed()
}

fn target() -> BoxedStrategy<TargetGuards> {
    let readiness = timestamp().prop_map(|floor| Readiness { floor });
    (import_progress(), timestamp(), option(readiness), option(position()), any::<bool>())
        .prop_map(|(imported, max_imported_ts, readiness, after, done)| TargetGuards {
            imported,
            max_imported_ts,
            readiness,
            promotion: Promotion { after, done },
        })
        .boxed()
}

fn closed_jobs() -> BoxedStrategy<ClosedJobs> {
    (job_id(), btree_set(job_id(), 0..4)).prop_map(|(below, exact)| ClosedJobs::new(below, exact)).boxed()
}

pub(crate) fn group_state() -> BoxedStrategy<GroupState> {
    let numbers = (number(), number(), timestamp(), timestamp(), timestamp(), physical());
    (numbers, ownership_map(), btree_map(number().prop_map(JobId), guards(), 0..3), closed_jobs())
        .prop_map(|(numbers, ownership, jobs, closed)| {
            let (id, applied, last_commit_ts, read_bound, collected_through, ceiling) = numbers;
            let (id, applied_catalog_version) = (GroupId(id), CatalogVersion(applied));
            GroupState {
                id,
                ownership,
                applied_catalog_version,
                last_commit_ts,
                read_bound,
                collected_through,
                ceiling,
                jobs,
                closed,
            }
        })
        .boxed()
}
