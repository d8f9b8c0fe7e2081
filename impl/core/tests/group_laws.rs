//! Laws that hold for every sequence of commands of a data group, however senseless.

use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_core::catalog::Routes;
use splitjob_core::gate::Gates;
use splitjob_core::group::{
    Adoption, ApplyContext, BindRead, BracketBatch, DeletePrefix, Group, GroupCommand, JobAction, JobCommand, Mutation,
    ReadRequest, ReadShape, Rejection, RowPosition, TxnAction, TxnCommand, WriteRequest,
};
use splitjob_core::id::{BatchSeq, CatalogVersion, CopyRound, GroupId, JobEpoch, JobId, Token};
use splitjob_core::key::{BracketId, RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, MemoryStore, Row};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::txn::TxnId;
use splitjob_core::version::{Content, Version};

const KEYS: [&str; 5] = ["a", "m", "n", "!redis|str|p", "!dist|route|x"];

fn key() -> impl Strategy<Value = RawKey> {
    (0..KEYS.len()).prop_map(|index| RawKey::from(KEYS[index]))
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![8 => (0u64..12).prop_map(Timestamp::from_raw), 1 => Just(Timestamp::MAX)]
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        2 => (any::<u8>(), timestamp()).prop_map(|(byte, expire_at)| Content::Put { value: vec![byte], expire_at }),
        1 => Just(Content::Tombstone),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    (key(), timestamp(), content())
        .prop_map(|(key, commit_ts, content)| Row { key, version: Version { commit_ts, content } })
}

fn moving() -> KeyRange {
    KeyRange::new(RoutingKey::from("m"), None).expect("a range without an end is not empty")
}

fn version() -> impl Strategy<Value = CatalogVersion> {
    (0u64..6).prop_map(CatalogVersion)
}

fn batch() -> impl Strategy<Value = BracketBatch> {
    (0u64..3, 0u64..4, vec(row(), 0..3), any::<bool>()).prop_map(|(bracket, seq, rows, done)| BracketBatch {
        bracket: BracketId(bracket),
        seq: BatchSeq(seq),
        rows,
        cursor: None,
        done,
    })
}

fn position() -> impl Strategy<Value = RowPosition> {
    (key(), timestamp()).prop_map(|(key, commit_ts)| RowPosition { key, commit_ts })
}

fn action() -> impl Strategy<Value = JobAction> {
    prop_oneof![
        (1u64..4).prop_map(|round| JobAction::ArmTracker { round: CopyRound(round) }),
        Just(JobAction::Unfence),
        (prop::option::of(position()), 0u64..3).prop_map(|(from, limit)| JobAction::DiscardStaged { from, limit }),
        Just(JobAction::ArmWriteFence),
        version().prop_map(|expected_cutover_version| JobAction::ArmReadFence { expected_cutover_version }),
        (position(), 0u64..3).prop_map(|(from, limit)| JobAction::DeleteMoved { from, limit }),
        (0u64..3, vec(batch(), 0..3))
            .prop_map(|(round, batches)| JobAction::Import { round: CopyRound(round), batches }),
        timestamp().prop_map(|floor| JobAction::ArmReadiness { floor }),
        (prop::option::of(position()), prop_oneof![0u64..3, Just(u64::MAX)])
            .prop_map(|(after, limit)| JobAction::Promote { after, limit }),
        (1u64..4).prop_map(|job| JobAction::Close { oldest_live_job: JobId(job) }),
    ]
}

/// Routes that a catalog could have: one group or the other has the right part, at rest or not.
fn adoption() -> impl Strategy<Value = Adoption> {
    (version(), any::<bool>(), prop::option::of(1u64..3), timestamp()).prop_map(|(version, is_moved, job, floor)| {
        let mut routes = Adoption::of(&Routes::one(GroupId(1)));
        let whole = routes.routes[0].clone();
        let (left, right) = whole.range.split_at(&RoutingKey::from("m")).expect("m lies inside the key space");
        let mut moved = whole.clone();
        moved.range = right;
        moved.group = if is_moved { GroupId(2) } else { GroupId(1) };
        moved.staged_for = job.map(JobId);
        moved.min_write_ts_exclusive = floor;
        routes.version = version;
        routes.routes = vec![splitjob_core::catalog::Route { range: left, ..whole }, moved];
        routes
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    (key(), content()).prop_map(|(key, content)| Mutation { key, content })
}

fn txn() -> impl Strategy<Value = GroupCommand> {
    let action = prop_oneof![
        1 => vec(mutation(), 0..3).prop_map(|mutations| TxnAction::OnePhase { mutations }),
        3 => vec(mutation(), 0..3).prop_map(|mutations| TxnAction::Prepare { mutations, expires_at_ms: 0 }),
        2 => vec(key(), 0..3).prop_map(|keys| TxnAction::Commit { keys }),
        1 => vec(key(), 0..3).prop_map(|keys| TxnAction::Abort { keys }),
    ];
    (key(), 0u64..4, timestamp(), prop::option::of(version()), action).prop_map(
        |(primary, start_ts, commit_ts, routed_by, action)| {
            let txn = TxnId { primary, start_ts: Timestamp::from_raw(start_ts) };
            GroupCommand::Txn(TxnCommand { txn, commit_ts, routed_by, action })
        },
    )
}

fn prefix_delete() -> impl Strategy<Value = GroupCommand> {
    let prefix = prop::sample::select(vec!["", "!", "!txn|", "!redis|", "a", "m", "!dist|"]);
    let part = prop_oneof![Just(moving()), Just(KeyRange::all())];
    (prefix, part, timestamp(), prop::option::of(version())).prop_map(|(prefix, part, commit_ts, routed_by)| {
        GroupCommand::DeletePrefix(DeletePrefix { prefix: RawKey::from(prefix), part, commit_ts, routed_by })
    })
}

fn command() -> impl Strategy<Value = GroupCommand> {
    let write = (vec((key(), content()), 0..3), timestamp()).prop_map(|(mutations, commit_ts)| {
        let mutations = mutations.into_iter().map(|(key, content)| Mutation { key, content }).collect();
        GroupCommand::Write(WriteRequest { mutations, commit_ts, routed_by: None })
    });
    let bind = (timestamp(), prop::option::of(version()))
        .prop_map(|(read_ts, routed_by)| GroupCommand::BindRead(BindRead { footprint: moving(), read_ts, routed_by }));
    let job = (1u64..3, 0u64..3, action()).prop_map(|(job, epoch, action)| {
        let token = Token { job: JobId(job), epoch: JobEpoch(epoch) };
        GroupCommand::Job(JobCommand { token, range: moving(), action })
    });
    prop_oneof![
        4 => write,
        6 => txn(),
        1 => prefix_delete(),
        1 => (0u64..3).prop_map(|ms| GroupCommand::RaiseCeiling {
            ceiling: PhysicalMs::new(ms).expect("a small number of milliseconds"),
        }),
        2 => bind,
        2 => adoption().prop_map(GroupCommand::Adopt),
        1 => timestamp().prop_map(|through| GroupCommand::Collect { through, from: RawKey::default(), limit: u64::MAX }),
        8 => job,
    ]
}

fn group(id: u64) -> Group<MemoryStore> {
    Group::new(GroupId(id), MemoryStore::default(), &Routes::one(GroupId(1)))
}

fn scan(read_ts: Timestamp, direction: Direction) -> ReadRequest {
    let shape = ReadShape::Scan { interval: RawInterval::all(), range: moving(), direction, limit: 100 };
    ReadRequest { shape, read_ts, routed_by: Some(CatalogVersion(9)) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_refused_command_changes_nothing(id in 1u64..3, commands in vec(command(), 0..40)) {
        let context = ApplyContext::production();
        let mut group = group(id);
        for command in &commands {
            let before = group.clone();
            if group.apply(command, &context).is_err() {
                prop_assert_eq!(&group, &before);
            }
        }
    }

    // S5
    #[test]
    fn two_voters_with_the_same_log_are_equal(id in 1u64..3, commands in vec(command(), 0..40)) {
        let context = ApplyContext::production();
        let (mut one, mut other) = (group(id), group(id));
        for command in &commands {
            prop_assert_eq!(one.apply(command, &context), other.apply(command, &context));
        }
        prop_assert_eq!(one, other);
    }

    // G6, G8, S10
    #[test]
    fn a_command_repeated_at_once_changes_nothing_further(id in 1u64..3, commands in vec(command(), 0..40)) {
        let context = ApplyContext::production();
        let mut group = group(id);
        for command in &commands {
            let first = group.apply(command, &context);
            let after = group.clone();
            let _ = group.apply(command, &context);
            prop_assert!(first.is_err() || group == after, "{:?} acted twice", command);
        }
    }

    // T4, G7
    #[test]
    fn a_clock_that_has_observed_the_floor_issues_timestamps_that_no_floor_refuses(
        id in 1u64..3,
        commands in vec(command(), 0..40),
    ) {
        let mut group = group(id);
        for command in &commands {
            let _ = group.apply(command, &ApplyContext::production());
        }
        let Some(commit_ts) = group.clock_floor().successor() else { return Ok(()) };
        for key in ["a", "m"] {
            let mutations = vec![Mutation { key: RawKey::from(key), content: Content::Tombstone }];
            let written = group.apply(
                &GroupCommand::Write(WriteRequest { mutations, commit_ts, routed_by: None }),
                &ApplyContext::production(),
            );
            prop_assert!(!matches!(written, Err(Rejection::TimestampTooLow { .. })), "{:?}", written);
        }
    }

    // P6
    #[test]
    fn scans_see_the_same_rows_in_both_directions(id in 1u64..3, commands in vec(command(), 0..40), at in timestamp()) {
        let mut group = group(id);
        for command in &commands {
            let _ = group.apply(command, &ApplyContext::production());
        }
        let mut backwards = group.read_admitted(&scan(at, Direction::Reverse), Gates::all()).rows;
        backwards.reverse();
        prop_assert_eq!(group.read_admitted(&scan(at, Direction::Forward), Gates::all()).rows, backwards);
    }

    // T5, S3
    #[test]
    fn what_a_served_read_saw_no_later_command_changes(
        commands in vec(command(), 0..30),
        later in vec(command(), 0..30),
        at in (0u64..12).prop_map(Timestamp::from_raw),
    ) {
        let context = ApplyContext::production();
        let mut group = group(1);
        for command in &commands {
            let _ = group.apply(command, &context);
        }
        let read = scan(at, Direction::Forward);
        let _ = group.apply(&GroupCommand::BindRead(read.bind()), &context);
        let Ok(first) = group.read(&read, Gates::all()) else { return Ok(()) };
        for command in later.iter().filter(|command| !matches!(command, GroupCommand::Adopt(_) | GroupCommand::Job(_))) {
            let _ = group.apply(command, &context);
        }
        if let Ok(again) = group.read(&read, Gates::all()) {
            prop_assert_eq!(first, again);
        }
    }
}
