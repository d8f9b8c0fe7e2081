//! The golden vectors as files, and the areas that this crate implements: `splitjob-wire` runs them beside its own.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use splitjob_core::clock::{ClockError, HybridClock};
use splitjob_core::key::{RawKey, TxnKey, is_txn_internal, route_key, split_boundary};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::{Version, collectable, keep_index, newest_at, visible_at};

/// Runs one row of an area and panics if it disagrees or has an unknown shape.
pub(crate) type Run = fn(&Row);

/// What the core implements.
pub(crate) const CORE_AREAS: [(&str, Run); 6] = [
    ("hlc", hlc),
    ("mvcc_compaction", mvcc_compaction),
    ("mvcc_visibility", mvcc_visibility),
    ("route_key", route_key_row),
    ("split_boundary", split_boundary_row),
    ("txn_keys", txn_keys),
];

fn route_key_row(row: &Row) {
    assert_eq!(route_key(&row.input_key()).as_bytes(), row.expected_bytes(), "{row}");
}

fn split_boundary_row(row: &Row) {
    assert_eq!(split_boundary(&row.input_key()).as_bytes(), row.expected_bytes(), "{row}");
}

fn txn_keys(row: &Row) {
    if let Value::Bool(internal) = row.expected {
        return assert_eq!(is_txn_internal(&row.input_key()), internal, "{row}");
    }
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Input {
        Row { user_key: String },
        Marker { key: String, primary: String, start_ts: Number, commit_ts: Number },
        Record { primary: String, start_ts: Number },
    }
    // Two kinds of keys share a shape; the name tells them apart.
    let kind = row.name.split('_').next().unwrap_or_default();
    let key = match (kind, row.input()) {
        ("lock", Input::Row { user_key }) => TxnKey::Lock { key: key(&user_key) },
        ("intent", Input::Row { user_key }) => TxnKey::Intent { key: key(&user_key) },
        ("commit", Input::Record { primary, start_ts }) => {
            TxnKey::Commit { primary: key(&primary), start_ts: start_ts.timestamp() }
        }
        ("rollback", Input::Record { primary, start_ts }) => {
            TxnKey::Rollback { primary: key(&primary), start_ts: start_ts.timestamp() }
        }
        ("success", Input::Marker { key: written, primary, start_ts, commit_ts }) => TxnKey::SuccessMarker {
            key: key(&written),
            primary: key(&primary),
            start_ts: start_ts.timestamp(),
            commit_ts: commit_ts.timestamp(),
        },
        (_, Input::Row { .. } | Input::Record { .. } | Input::Marker { .. }) => panic!("{row}: unknown shape"),
    };
    assert_eq!(key.to_raw().as_bytes(), row.expected_bytes(), "{row}");
    assert_eq!(TxnKey::parse(&key.to_raw()), Some(key), "{row}");
}

fn mvcc_visibility(row: &Row) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Input {
        versions: Vec<VersionRow>,
        read_ts: Number,
    }
    let input: Input = row.input();
    let versions: Vec<Version> = input.versions.iter().map(VersionRow::version).collect();
    row.expect_read(&versions, input.read_ts.timestamp());
}

fn mvcc_compaction(row: &Row) {
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Input {
        KeepIndex { versions: Vec<Number>, min_ts: Number },
        AfterCompaction { versions: Vec<VersionRow>, compact_min_ts: Number, read_ts: Number },
    }
    match row.input() {
        Input::KeepIndex { versions, min_ts } => {
            let timestamps: Vec<Timestamp> = versions.iter().map(Number::timestamp).collect();
            let keep = keep_index(&timestamps, min_ts.timestamp());
            let keep = keep.map_or(-1, |index| i64::try_from(index).expect("a vector has few versions"));
            assert_eq!(keep, row.expected::<i64>(), "{row}");
        }
        Input::AfterCompaction { versions, compact_min_ts, read_ts } => {
            let mut versions: Vec<Version> = versions.iter().map(VersionRow::version).collect();
            versions.drain(..collectable(&versions, compact_min_ts.timestamp()).len());
            row.expect_read(&versions, read_ts.timestamp());
        }
    }
}

/// A wall clock that is behind everything; rows of this area don't name one.
const WALL: PhysicalMs = PhysicalMs::ZERO;

/// The one text by which the existing system refuses for want of room under the ceiling.
const CEILING_TEXT: &str = "hlc: physical/logical ceiling exhausted; refusing to issue persistence timestamp";

fn hlc(row: &Row) {
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Input {
        UnderCeiling { ceiling_ms: Number, observe: Number },
        Batch { n: u32, observe: Number },
        Calls { calls: usize, observe: Number },
        Ceiling { set: i64 },
        Observations { observe: Vec<Number> },
    }
    let mut clock = HybridClock::new();
    match row.input() {
        Input::UnderCeiling { ceiling_ms, observe } => {
            clock.set_physical_ceiling(PhysicalMs::new(ceiling_ms.0).expect("a ceiling in milliseconds"));
            observe_all(&mut clock, &[observe]);
            fenced(row, &mut clock);
        }
        Input::Batch { n, observe } => {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Expected {
                base: Number,
                current: Number,
                err: Option<String>,
            }
            let expected: Expected = row.expected();
            observe_all(&mut clock, &[observe]);
            let first = clock.next_batch(n, WALL).map(|batch| batch.first());
            assert_eq!(told(first), (expected.base.0, expected.err), "{row}");
            assert_eq!(clock.last().raw(), expected.current.0, "{row}");
        }
        Input::Calls { calls, observe } => {
            observe_all(&mut clock, &[observe]);
            let issued: Vec<u64> = (0..calls).map(|_| told(clock.next(WALL)).0).collect();
            let expected: Vec<u64> = row.expected::<Vec<Number>>().iter().map(|number| number.0).collect();
            assert_eq!(issued, expected, "{row}");
        }
        Input::Ceiling { set } => {
            // Milliseconds before the epoch have no type here, so that they can't reach the clock.
            if let Ok(ceiling) = PhysicalMs::try_from(set) {
                clock.set_physical_ceiling(ceiling);
            }
            let ceiling = clock.physical_ceiling().map_or(0, PhysicalMs::get);
            assert_eq!(ceiling, row.expected::<Number>().0, "{row}");
        }
        Input::Observations { observe } => {
            observe_all(&mut clock, &observe);
            assert_eq!(clock.last().raw(), row.expected::<Number>().0, "{row}");
        }
    }
}

/// What may be persisted under a ceiling that is nearly used up.
fn fenced(row: &Row, clock: &mut HybridClock) {
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Expected {
        Batches { batch1: Number, err1: Option<String>, batch2: Number, err2: Option<String> },
        Single { next_fenced: String, next_unfenced: Number, next_fenced_after: String, rejections: Number },
    }
    match row.expected() {
        Expected::Batches { batch1, err1, batch2, err2 } => {
            for (batch, error) in [(batch1, err1), (batch2, err2)] {
                let first = clock.next_batch_fenced(1, WALL).map(|batch| batch.first());
                assert_eq!(told(first), (batch.0, error), "{row}");
            }
        }
        Expected::Single { next_fenced, next_unfenced, next_fenced_after, rejections } => {
            let answers = [clock.next_fenced(WALL), clock.next(WALL), clock.next_fenced(WALL)];
            let refused = answers.iter().filter(|answer| answer.is_err()).count();
            let expected = [(0, Some(next_fenced)), (next_unfenced.0, None), (0, Some(next_fenced_after))];
            assert_eq!(answers.map(told), expected, "{row}");
            assert_eq!(refused as u64, rejections.0, "{row}");
        }
    }
}

fn observe_all(clock: &mut HybridClock, timestamps: &[Number]) {
    for ts in timestamps {
        clock.observe(ts.timestamp()).expect("an observable timestamp");
    }
}

/// An answer of the clock as the vectors write it down.
fn told(issued: Result<Timestamp, ClockError>) -> (u64, Option<String>) {
    match issued {
        Ok(ts) => (ts.raw(), None),
        Err(ClockError::CeilingExceeded { .. } | ClockError::CeilingExpired { .. }) => {
            (0, Some(CEILING_TEXT.to_owned()))
        }
        Err(
            error @ (ClockError::NoCeiling
            | ClockError::Exhausted
            | ClockError::Unfollowable
            | ClockError::BatchSize { .. }),
        ) => (0, Some(error.to_string())),
    }
}

/// One golden vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) area: String,
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) expected: Value,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} (input {}, expected {})", self.area, self.name, self.input, self.expected)
    }
}

impl Row {
    pub(crate) fn input<'de, T: Deserialize<'de>>(&'de self) -> T {
        T::deserialize(&self.input).unwrap_or_else(|error| panic!("{self}: unknown shape of input: {error}"))
    }

    pub(crate) fn expected<'de, T: Deserialize<'de>>(&'de self) -> T {
        T::deserialize(&self.expected).unwrap_or_else(|error| panic!("{self}: unknown shape of expected: {error}"))
    }

    fn input_key(&self) -> RawKey {
        key(self.input())
    }

    pub(crate) fn expected_bytes(&self) -> Vec<u8> {
        bytes(self.expected())
    }

    /// Compares a read with `{"error": null, "value": …}` or, if the key is absent, `{"error": true}`.
    fn expect_read(&self, versions: &[Version], read_ts: Timestamp) {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Expected {
            error: Option<bool>,
            value: Option<String>,
        }
        let expected = match self.expected() {
            Expected { error: Some(true), value: None } => None,
            Expected { error: None, value: Some(value) } => Some(bytes(&value)),
            Expected { .. } => panic!("{self}: unknown shape"),
        };
        assert_eq!(visible_at(newest_at(versions, read_ts), read_ts), expected.as_deref(), "{self}");
    }
}

/// A version as the vectors write it down: `put` or `tombstone`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionRow {
    ts: Number,
    put: Option<String>,
    expire_at: Option<Number>,
    #[serde(default)]
    tombstone: bool,
}

impl VersionRow {
    fn version(&self) -> Version {
        let expire_at = self.expire_at.as_ref().map_or(Timestamp::ZERO, Number::timestamp);
        match (&self.put, self.tombstone) {
            (Some(value), false) => Version::put_until(self.ts.timestamp(), bytes(value), expire_at),
            (None, true) => Version::tombstone(self.ts.timestamp()),
            (Some(_), true) | (None, false) => panic!("a version is either a put or a tombstone"),
        }
    }
}

/// A number, which the vectors write as a decimal string if it is large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Number(pub(crate) u64);

impl Number {
    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::from_raw(self.0)
    }
}

impl TryFrom<Value> for Number {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = value.as_u64().or_else(|| value.as_str().and_then(|digits| digits.parse().ok()));
        number.map(Self).ok_or_else(|| format!("{value} is no unsigned number"))
    }
}

fn key(hex: &str) -> RawKey {
    bytes(hex).into()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "{hex:?} has an odd number of hexadecimal digits");
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_else(|| panic!("{hex:?} isn't hexadecimal"));
    pairs.iter().map(|[high, low]| (digit(*high) * 16 + digit(*low)) as u8).collect()
}

/// The rows of the repository's own vectors, and of the folder that `SPLITJOB_VECTORS` names.
#[allow(clippy::disallowed_methods, reason = "the core reads nothing, but its vectors are files")]
pub(crate) fn all_rows() -> Vec<Row> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let folders = [Some(own), std::env::var_os("SPLITJOB_VECTORS").filter(|path| !path.is_empty()).map(PathBuf::from)];
    let mut files = Vec::new();
    for folder in folders.iter().flatten() {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        files.extend(
            entries.map(|entry| entry.expect("a folder that opens can be listed").path()).filter(|path| path.is_file()),
        );
    }
    files.sort();
    let rows = |path: &PathBuf| -> Vec<Row> {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: not a list of vectors: {error}", path.display()))
    };
    files.iter().flat_map(rows).collect()
}
