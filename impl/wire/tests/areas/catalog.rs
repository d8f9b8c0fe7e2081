//! Keys and scalars of the catalog.

use super::{expect_decoded, object};
use crate::vectors::{Number, Row, bytes};
use serde::Deserialize;
use serde_json::{Map, Value};
use splitjob_core::id::{CatalogVersion, JobId, RouteId};
use splitjob_wire::record::{CatalogKey, decode_scalar, encode_scalar};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Input {
    Raw(String),
    Route { route_id: Number },
    History { job_id: Number, terminal_at_ms: Number },
    Job { job_id: Number },
    NextRoute { next_route_id: Number },
    NextJob { next_job_id: Number },
    Version { version: Number },
    Nothing,
}

/// Keys are built and parsed, records written and read; the name of a row tells which.
pub(crate) fn run(row: &Row) {
    let is_key = row.name.starts_with("key_");
    match row.input() {
        Input::Nothing if is_key => expect_key(row, named(row)),
        Input::Route { route_id } if is_key => expect_key(row, CatalogKey::Route(RouteId(route_id.0))),
        Input::Job { job_id } if is_key => expect_key(row, CatalogKey::Job(JobId(job_id.0))),
        Input::History { job_id, terminal_at_ms } if is_key => {
            expect_key(row, CatalogKey::JobHistory { terminal_at_ms: terminal_at_ms.0, job: JobId(job_id.0) });
        }
        Input::Version { version } if is_key => expect_key(row, CatalogKey::Delta(CatalogVersion(version.0))),
        Input::Version { version: number }
        | Input::NextRoute { next_route_id: number }
        | Input::NextJob { next_job_id: number } => {
            assert_eq!(encode_scalar(number.0), row.expected_bytes(), "{row}");
            assert_eq!(decode_scalar(&row.expected_bytes()), Ok(number.0), "{row}");
        }
        Input::Raw(raw) => parse(row, &bytes(&raw)),
        Input::Nothing | Input::Route { .. } | Input::Job { .. } | Input::History { .. } => {
            panic!("{row}: unknown shape")
        }
    }
}

fn expect_key(row: &Row, key: CatalogKey) {
    assert_eq!(key.encode(), row.expected_bytes(), "{row}");
    assert_eq!(CatalogKey::parse(&row.expected_bytes()), Some(key), "{row}");
}

fn named(row: &Row) -> CatalogKey {
    match row.name.as_str() {
        "key_version" => CatalogKey::Version,
        "key_next_route_id" => CatalogKey::NextRouteId,
        "key_next_job_id" => CatalogKey::NextJobId,
        _ => panic!("{row}: unknown key"),
    }
}

/// Keys that are not of the wanted kind are told with zeros.
fn parse(row: &Row, raw: &[u8]) {
    let is_about = |part: &str| row.name.contains(part);
    if is_about("record") || row.expected.get("error").is_some() {
        let told = |number: u64| ["version", "next_route_id", "next_job_id"].map(|name| (name, Value::from(number)));
        return expect_decoded(row, decode_scalar(raw).map(|number| object(told(number))));
    }
    let parsed = CatalogKey::parse(raw);
    let told: Map<String, Value> = match parsed {
        Some(CatalogKey::Route(id)) if is_about("route") => object([("id", id.0.into()), ("ok", true.into())]),
        Some(CatalogKey::Job(id)) if is_about("job") => {
            object([("id", id.0.into()), ("job_id", id.0.into()), ("ok", true.into())])
        }
        Some(CatalogKey::JobHistory { terminal_at_ms, job }) if is_about("jobhist") => {
            object([("job_id", job.0.into()), ("terminal_at_ms", terminal_at_ms.into()), ("ok", true.into())])
        }
        Some(CatalogKey::Delta(version)) if is_about("delta") => {
            object([("version", version.0.into()), ("ok", true.into())])
        }
        Some(_) | None => {
            let zeros = ["id", "job_id", "terminal_at_ms", "version"].map(|name| (name, Value::from(0)));
            let mut told = object(zeros);
            told.insert("ok".to_owned(), false.into());
            told
        }
    };
    expect_decoded(row, Ok::<_, String>(told));
}
