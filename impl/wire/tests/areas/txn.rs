//! Values of transaction rows.

use super::{expect_decoded, hex, object};
use crate::vectors::{Number, Row, bytes};
use serde::Deserialize;
use serde_json::{Map, Value};
use splitjob_wire::WireError;
use splitjob_wire::record::{
    IntentRecord, LockRecord, TxnMeta, decode_commit_record, decode_rollback_record, encode_commit_record,
    encode_rollback_record,
};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Input {
    Raw(String),
    Lock { is_primary: bool, primary_key: String, start_ts: Number, ttl_expire_at: Number },
    Intent { op: u8, start_ts: Number, value: String },
    Commit { commit_ts: Number },
    Meta(Meta),
    Nothing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    primary_key: String,
    #[serde(default)]
    lock_ttl_ms: Number,
    #[serde(default)]
    commit_ts: Number,
    #[serde(default)]
    prev_commit_ts: Number,
}

/// A row's value is read or written; the beginning of the name tells of which kind it is.
pub(crate) fn run(row: &Row) {
    match row.input() {
        Input::Raw(raw) => expect_decoded(row, decoded(row, &bytes(&raw))),
        Input::Lock { is_primary, primary_key, start_ts, ttl_expire_at } => {
            let lock = LockRecord {
                start_ts: start_ts.timestamp(),
                ttl_expire_at: ttl_expire_at.timestamp(),
                is_primary,
                primary: bytes(&primary_key).into(),
            };
            expect(row, &lock.encode(), LockRecord::decode(&lock.encode()) == Ok(lock.clone()));
        }
        Input::Intent { op, start_ts, value } => {
            let value = (op == 0).then(|| bytes(&value));
            let intent = IntentRecord { start_ts: start_ts.timestamp(), value };
            expect(row, &intent.encode(), IntentRecord::decode(&intent.encode()) == Ok(intent.clone()));
        }
        Input::Commit { commit_ts } => {
            let record = encode_commit_record(commit_ts.timestamp());
            expect(row, &record, decode_commit_record(&record) == Ok(commit_ts.timestamp()));
        }
        Input::Meta(meta) => {
            let meta = TxnMeta {
                primary: bytes(&meta.primary_key).into(),
                lock_ttl_ms: meta.lock_ttl_ms.0,
                commit_ts: meta.commit_ts.timestamp(),
                prev_commit_ts: meta.prev_commit_ts.timestamp(),
            };
            // Some rows want the newer version where the older would do.
            let record = if row.name.ends_with("forced") { meta.encode_v2() } else { meta.encode() };
            expect(row, &record, TxnMeta::decode(&record) == Ok(meta));
        }
        Input::Nothing if row.name.starts_with("rollback") => {
            let record = encode_rollback_record();
            expect(row, &record, decode_rollback_record(&record) == Ok(()));
        }
        Input::Nothing => panic!("{row}: unknown shape"),
    }
}

fn expect(row: &Row, record: &[u8], reads_back: bool) {
    assert_eq!(record, row.expected_bytes(), "{row}");
    assert!(reads_back, "{row}: it must read back as it was written");
}

fn decoded(row: &Row, raw: &[u8]) -> Result<Map<String, Value>, WireError> {
    let kind = row.name.split('_').next().unwrap_or_default();
    Ok(match kind {
        "lock" => {
            let lock = LockRecord::decode(raw)?;
            object([
                ("is_primary", lock.is_primary.into()),
                ("primary_key", hex(lock.primary.as_bytes())),
                ("start_ts", lock.start_ts.raw().into()),
                ("ttl_expire_at", lock.ttl_expire_at.raw().into()),
            ])
        }
        "intent" => {
            let intent = IntentRecord::decode(raw)?;
            object([
                ("op", u8::from(intent.value.is_none()).into()),
                ("start_ts", intent.start_ts.raw().into()),
                ("value", hex(intent.value.as_deref().unwrap_or_default())),
            ])
        }
        "commit" => object([("commit_ts", decode_commit_record(raw)?.raw().into())]),
        "rollback" => {
            decode_rollback_record(raw)?;
            Map::new()
        }
        "meta" => {
            let meta = TxnMeta::decode(raw)?;
            object([
                ("primary_key", hex(meta.primary.as_bytes())),
                ("lock_ttl_ms", meta.lock_ttl_ms.into()),
                ("commit_ts", meta.commit_ts.raw().into()),
                ("prev_commit_ts", meta.prev_commit_ts.raw().into()),
            ])
        }
        _ => panic!("{row}: unknown kind"),
    })
}
