//! Bytes that nobody wrote: each decoder answers, and with an error or with a value that it would write.

use crate::strategy as a;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use splitjob_wire::entry::{
    decode_catalog_command, decode_group_command, encode_catalog_command, encode_group_command,
};
use splitjob_wire::peer::PeerMessage;
use splitjob_wire::record::{
    CatalogKey, IntentRecord, JobRecord, LockRecord, RouteRecord, TxnMeta, catalog_from_records, catalog_records,
    decode_commit_record, decode_configuration, decode_cursor, decode_group_state, decode_job, decode_rollback_record,
    decode_scalar, encode_configuration, encode_cursor, encode_group_state, encode_job,
};
use splitjob_wire::rpc::detail_of;

#[test]
fn malformed_bytes_never_panic() {
    let mut runner = runner();
    for _ in 0..VALUES {
        for seed in seeds(&mut runner) {
            for _ in 0..DAMAGES {
                decode_all(&draw(&mut runner, &damaged(&seed)));
            }
        }
        decode_all(&draw(&mut runner, &proptest::collection::vec(any::<u8>(), 0..64)));
    }
}

#[test]
fn every_beginning_of_an_encoding_is_answered() {
    let mut runner = runner();
    for _ in 0..VALUES / 10 {
        for seed in seeds(&mut runner) {
            (0..seed.len()).for_each(|end| decode_all(&seed[..end]));
        }
    }
}

#[test]
fn a_record_of_the_catalog_that_is_damaged_is_refused_or_read_as_another() {
    let mut runner = runner();
    for _ in 0..VALUES {
        let mut records = catalog_records(&draw(&mut runner, &a::catalog_state()));
        let index = draw(&mut runner, &any::<prop::sample::Index>()).index(records.len());
        let record = records.values_mut().nth(index).expect("the index is below the number");
        *record = draw(&mut runner, &damaged(record));
        if let Ok(state) = catalog_from_records(&records) {
            assert_eq!(catalog_from_records(&catalog_records(&state)), Ok(state));
        }
    }
}

/// Nested messages that claim to be long, and lists that claim to be longer than what is there.
#[test]
fn a_length_that_is_a_lie_allocates_nothing() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    for tag in [0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32] {
        decode_all(&[&[tag][..], &huge].concat());
        decode_all(&[&[1, tag][..], &huge].concat());
        decode_all(&[&[tag, 10, tag][..], &huge].concat());
    }
    decode_all(&[&[1][..], &[0xff; 64]].concat());
    decode_all(&[&[2][..], &[0xff; 64]].concat());
}

/// Messages within messages, deeper than any that is written.
#[test]
fn nesting_has_an_end() {
    let nested = (0..5_000).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut outer = vec![0x0a];
        splitjob_core::key::encode_uvarint(inner.len() as u64, &mut outer);
        outer.extend(inner);
        outer
    });
    decode_all(&nested);
    decode_all(&[vec![1], nested].concat());
    let groups = vec![0x0b; 100_000];
    decode_all(&groups);
    decode_all(&[vec![1], groups].concat());
}

/// Calls every decoder; what one of them reads, it also writes, and reads again as the same.
fn decode_all(bytes: &[u8]) {
    if let Ok(message) = PeerMessage::decode(bytes) {
        assert_eq!(PeerMessage::decode(&message.encode()), Ok(message));
    }
    if let Ok(command) = decode_group_command(bytes) {
        assert_eq!(decode_group_command(&encode_group_command(&command)), Ok(command));
    }
    if let Ok(command) = decode_catalog_command(bytes) {
        assert_eq!(decode_catalog_command(&encode_catalog_command(&command)), Ok(command));
    }
    if let Ok(state) = decode_group_state(bytes) {
        assert_eq!(decode_group_state(&encode_group_state(&state)), Ok(state));
    }
    if let Ok(configuration) = decode_configuration(bytes) {
        assert_eq!(decode_configuration(&encode_configuration(&configuration)), Ok(configuration));
    }
    if let Ok(record) = JobRecord::decode(bytes) {
        assert_eq!(JobRecord::decode(&record.encode()), Ok(record));
    }
    if let Ok(job) = decode_job(bytes) {
        assert_eq!(decode_job(&encode_job(&job)), Ok(job));
    }
    if let Ok(route) = RouteRecord::decode(bytes) {
        assert_eq!(RouteRecord::decode(&route.encode()), Ok(route));
    }
    if let Ok(cursor) = decode_cursor(bytes) {
        assert_eq!(encode_cursor(cursor.as_ref()), bytes);
    }
    if let Some(key) = CatalogKey::parse(bytes) {
        assert_eq!(key.encode(), bytes);
    }
    if let Ok(lock) = LockRecord::decode(bytes) {
        assert_eq!(LockRecord::decode(&lock.encode()), Ok(lock));
    }
    if let Ok(intent) = IntentRecord::decode(bytes) {
        assert_eq!(IntentRecord::decode(&intent.encode()), Ok(intent));
    }
    if let Ok(meta) = TxnMeta::decode(bytes) {
        assert_eq!(TxnMeta::decode(&meta.encode()), Ok(meta));
    }
    let _ = (decode_scalar(bytes), decode_commit_record(bytes), decode_rollback_record(bytes));
    let _ = detail_of(&tonic::Status::with_details(tonic::Code::Aborted, "", bytes.to_vec().into()));
}

/// One valid encoding of each kind.
fn seeds(runner: &mut TestRunner) -> Vec<Vec<u8>> {
    let route = |routes: splitjob_core::catalog::Routes| {
        RouteRecord::of(routes.iter().next().expect("there is a route")).encode()
    };
    vec![
        draw(runner, &a::peer_message()).encode(),
        encode_group_command(&draw(runner, &a::group_command())),
        encode_catalog_command(&draw(runner, &a::catalog_command())),
        encode_group_state(&draw(runner, &a::group_state())),
        encode_configuration(&draw(runner, &a::configuration())),
        encode_job(&draw(runner, &a::split_job())),
        route(draw(runner, &a::routes())),
        encode_cursor(Some(&draw(runner, &a::cursor()))),
        splitjob_wire::rpc::status_of(&draw(runner, &a::rejection())).details().to_vec(),
    ]
}

/// The bytes with some of them flipped, cut, doubled or put in.
fn damaged(bytes: &[u8]) -> BoxedStrategy<Vec<u8>> {
    let bytes = bytes.to_vec();
    let damage = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    proptest::collection::vec(damage, 1..4)
        .prop_map(move |damages| {
            let mut bytes = bytes.clone();
            for (index, byte, kind) in damages {
                let at = index.index(bytes.len() + 1);
                match kind {
                    0 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
                    1 => bytes.truncate(at),
                    2 => bytes.extend_from_within(at..),
                    _ => bytes.insert(at, byte),
                }
            }
            bytes
        })
        .boxed()
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).expect("the strategies filter little").current()
}

/// The same bytes in every run.
fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

const VALUES: usize = 1_000;
const DAMAGES: usize = 12;
