//! What nodes say to one another.

use super::catalog::{options, window};
use super::group::{batch, guards, position};
use super::{
    bytes, catalog_command, catalog_outcome, catalog_rejection, group_command, import_progress, job_id, number, option,
    outcome, range, raw_key, rejection, timestamp, txn, version,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use splitjob_core::group::{GroupStatus, LatestRequest, ReadAnswer, ReadRequest, ReadShape, SeenRow, VoterReport};
use splitjob_core::id::{CopyRound, GroupId, JobEpoch, NodeId, VoterId};
use splitjob_core::key::RawInterval;
use splitjob_core::store::Direction;
use splitjob_core::txn::TxnStatus;
use splitjob_wire::peer::{
    Answer, BracketDigest, Call, CallError, Configuration, DigestCall, ExportCall, LeaderView, LogEntry, PeerMessage,
    RaftMessage, SnapshotAck, SnapshotEnd, SnapshotMeta, SnapshotOutcome, SnapshotPart, VoterChange,
};

pub(crate) fn peer_message() -> BoxedStrategy<PeerMessage> {
    prop_oneof![
        1 => (group(), raft_message()).prop_map(|(group, message)| PeerMessage::Raft { group, message }),
        1 => snapshot_part().prop_map(PeerMessage::SnapshotPart),
        1 => snapshot_ack().prop_map(PeerMessage::SnapshotAck),
        4 => (number(), call()).prop_map(|(id, call)| PeerMessage::Call { id, call }),
        4 => (number(), answer()).prop_map(|(id, answer)| PeerMessage::Answer { id, answer }),
        1 => any::<bool>().prop_map(|is_capable| PeerMessage::Heartbeat { is_capable }),
    ]
    .boxed()
}

fn group() -> BoxedStrategy<GroupId> {
    number().prop_map(GroupId).boxed()
}

pub(crate) fn configuration() -> BoxedStrategy<Configuration> {
    let voters = || btree_set(number().prop_map(VoterId), 0..3);
    (voters(), voters(), voters(), voters(), any::<bool>())
        .prop_map(|(voters, learners, voters_outgoing, learners_next, auto_leave)| Configuration {
            voters,
            learners,
            voters_outgoing,
            learners_next,
            auto_leave,
        })
        .boxed()
}

fn raft_message() -> BoxedStrategy<RaftMessage> {
    let entry = (any::<u32>(), number(), number(), bytes(), bytes())
        .prop_map(|(kind, term, index, data, context)| LogEntry { kind, term, index, data, context });
    let snapshot = (number(), number(), configuration()).prop_map(|(index, term, configuration)| SnapshotMeta {
        index,
        term,
        configuration,
    });
    let numbers = (number(), number(), number(), number(), number(), number(), number(), number(), number());
    let rest = (any::<u32>(), vec(entry, 0..3), option(snapshot), any::<bool>(), bytes(), any::<i64>());
    (numbers, rest)
        .prop_map(|((to, from, term, log_term, index, commit, commit_term, request_snapshot, reject_hint), rest)| {
            let (kind, entries, snapshot, reject, context, priority) = rest;
            let (to, from) = (VoterId(to), VoterId(from));
            RaftMessage {
                kind,
                to,
                from,
                term,
                log_term,
                index,
                entries,
                commit,
                commit_term,
                snapshot,
                request_snapshot,
                reject,
                reject_hint,
                context,
                priority,
            }
        })
        .boxed()
}

fn snapshot_part() -> BoxedStrategy<SnapshotPart> {
    let end = (bytes(), raft_message()).prop_map(|(state, message)| SnapshotEnd { state, message });
    (group(), number(), number(), number(), bytes(), option(end))
        .prop_map(|(group, index, term, seq, rows, last)| SnapshotPart { group, index, term, seq, rows, last })
        .boxed()
}

fn snapshot_ack() -> BoxedStrategy<SnapshotAck> {
    let outcome =
        prop::sample::select(vec![SnapshotOutcome::Going, SnapshotOutcome::Complete, SnapshotOutcome::Failed]);
    (group(), number(), number(), outcome)
        .prop_map(|(group, index, next_seq, outcome)| SnapshotAck { group, index, next_seq, outcome })
        .boxed()
}

fn call() -> BoxedStrategy<Call> {
    let about_job = || (group(), job_id(), range());
    prop_oneof![
        (group(), group_command(), any::<bool>()).prop_map(|(group, command, stamped)| Call::Propose {
            group,
            command,
            stamped
        }),
        catalog_command().prop_map(|command| Call::ProposeCatalog { command }),
        (group(), read_request(), any::<bool>()).prop_map(|(group, request, latest)| Call::Read {
            group,
            request,
            latest
        }),
        (group(), raw_key(), option(version()))
            .prop_map(|(group, key, routed_by)| Call::Latest { group, request: LatestRequest { key, routed_by } }),
        (group(), txn(), option(version())).prop_map(|(group, txn, routed_by)| Call::TxnStatus {
            group,
            txn,
            routed_by
        }),
        about_job().prop_map(|(group, job, range)| Call::Observe { group, job, range }),
        about_job().prop_map(|(group, job, range)| Call::Report { group, job, range }),
        (group(), range(), window(), import_progress(), options()).prop_map(
            |(group, range, window, progress, options)| {
                Call::Export(ExportCall { group, range, window, progress, options })
            }
        ),
        (about_job(), timestamp(), any::<bool>()).prop_map(|((group, job, range), through, staged)| {
            Call::Digest(DigestCall { group, job, range, through, staged })
        }),
        prop_oneof![
            (group(), voter_change()).prop_map(|(group, change)| Call::ChangeVoters { group, change }),
            (group(), number()).prop_map(|(group, to)| Call::TransferLeader { group, to: VoterId(to) }),
        ],
    ]
    .boxed()
}

fn voter_change() -> BoxedStrategy<VoterChange> {
    (0..3_usize, number().prop_map(VoterId))
        .prop_map(|(kind, voter)| {
            [VoterChange::AddLearner(voter), VoterChange::AddVoter(voter), VoterChange::Remove(voter)][kind]
        })
        .boxed()
}

fn read_request() -> BoxedStrategy<ReadRequest> {
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Reverse)];
    let interval = (raw_key(), option(raw_key())).prop_map(|(start, end)| RawInterval { start, end });
    let shape = prop_oneof![
        raw_key().prop_map(|key| ReadShape::Point { key }),
        (interval, range(), direction, number()).prop_map(|(interval, range, direction, limit)| ReadShape::Scan {
            interval,
            range,
            direction,
            limit
        }),
    ];
    (shape, timestamp(), option(version()))
        .prop_map(|(shape, read_ts, routed_by)| ReadRequest { shape, read_ts, routed_by })
        .boxed()
}

fn answer() -> BoxedStrategy<Result<Answer, CallError>> {
    let row = (raw_key(), timestamp(), bytes()).prop_map(|(key, commit_ts, value)| SeenRow { key, commit_ts, value });
    let rows = (vec(row, 0..3), option(raw_key())).prop_map(|(rows, next)| ReadAnswer { rows, next });
    let digest = (number(), any::<[u8; 32]>()).prop_map(|(rows, sum)| BracketDigest { rows, sum });
    prop_oneof![
        call_error().prop_map(Err),
        outcome().prop_map(|outcome| Ok(Answer::Applied(outcome))),
        catalog_outcome().prop_map(|outcome| Ok(Answer::CatalogApplied(outcome))),
        (rows, timestamp()).prop_map(|(answer, read_ts)| Ok(Answer::Rows { answer, read_ts })),
        option(timestamp()).prop_map(|newest| Ok(Answer::Newest(newest))),
        txn_status().prop_map(|status| Ok(Answer::Txn(status))),
        leader_view().prop_map(|view| Ok(Answer::Observed(Box::new(view)))),
        voter_report().prop_map(|report| Ok(Answer::Report(report))),
        prop_oneof![
            vec(batch(), 0..3).prop_map(|batches| Ok(Answer::Batches(batches))),
            btree_map(number(), digest, 0..3).prop_map(|digests| Ok(Answer::Digests(digests))),
            Just(Ok(Answer::Done)),
        ],
    ]
    .boxed()
}

pub(crate) fn call_error() -> BoxedStrategy<CallError> {
    prop_oneof![
        rejection().prop_map(CallError::from),
        catalog_rejection().prop_map(CallError::from),
        option(number()).prop_map(|leader| CallError::NotLeader { leader: leader.map(NodeId) }),
        group().prop_map(|group| CallError::NoReplica { group }),
        (".{0,8}", number()).prop_map(|(what, retry_after_ms)| CallError::Busy { what, retry_after_ms }),
        ".{0,8}".prop_map(|why| CallError::Unknown { why }),
        ".{0,8}".prop_map(|why| CallError::Stopped { why }),
    ]
    .boxed()
}

fn txn_status() -> BoxedStrategy<TxnStatus> {
    prop_oneof![
        timestamp().prop_map(|commit_ts| TxnStatus::Committed { commit_ts }),
        Just(TxnStatus::RolledBack),
        (timestamp(), number()).prop_map(|(commit_ts, expires_at_ms)| TxnStatus::Prepared { commit_ts, expires_at_ms }),
        Just(TxnStatus::Unknown),
    ]
    .boxed()
}

fn leader_view() -> BoxedStrategy<LeaderView> {
    let numbers = (version(), timestamp(), timestamp(), option(timestamp()));
    let flags = any::<(bool, bool, bool)>();
    let rows = (option(position()), option(position()), option(raw_key()));
    let status = (numbers, flags, rows, option(guards())).prop_map(|(numbers, flags, rows, guards)| {
        let (applied_catalog_version, last_commit_ts, read_bound, least_locked) = numbers;
        let (is_closed, serves_range, is_fenced) = flags;
        let (first_row, first_staged, first_locked) = rows;
        GroupStatus {
            applied_catalog_version,
            last_commit_ts,
            read_bound,
            guards,
            is_closed,
            serves_range,
            is_fenced,
            first_row,
            first_staged,
            first_locked,
            least_locked,
        }
    });
    (status, voter_report(), btree_set(number().prop_map(VoterId), 0..4))
        .prop_map(|(status, report, configuration)| LeaderView { status, report, configuration })
        .boxed()
}

fn voter_report() -> BoxedStrategy<VoterReport> {
    let numbers = (version(), option(number()), option(number()), option(version()), number());
    (numbers, any::<(bool, bool, bool, bool)>())
        .prop_map(|(numbers, (write_fence, readiness, serves_range, is_closed))| {
            let (applied_catalog_version, epoch, tracker, read_fence, running_reads) = numbers;
            VoterReport {
                applied_catalog_version,
                epoch: epoch.map(JobEpoch),
                tracker: tracker.map(CopyRound),
                write_fence,
                read_fence,
                readiness,
                serves_range,
                is_closed,
                running_reads,
            }
        })
        .boxed()
}
