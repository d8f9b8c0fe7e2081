//! Records of routes.

use super::{expect_decoded, hex, object};
use crate::vectors::{Number, Row, bytes};
use serde::Deserialize;
use serde_json::{Map, Value};
use splitjob_wire::record::{RecordedState, RouteRecord};

/// A route as the vectors write it down, valid or not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    route_id: Number,
    group_id: Number,
    state: u8,
    parent_route_id: Number,
    start: String,
    end: Option<String>,
    #[serde(default)]
    split_at_hlc: Number,
    #[serde(default)]
    staged_visibility_active: bool,
    #[serde(default)]
    migration_job_id: Number,
    #[serde(default)]
    min_write_ts_exclusive: Number,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Record(String),
    Route(Route),
}

/// A record is read, or a route written; one that may not be is refused by the reader.
pub(crate) fn run(row: &Row) {
    match row.input() {
        Input::Record(record) => expect_decoded(row, RouteRecord::decode(&bytes(&record)).map(|route| told(&route))),
        Input::Route(route) if row.expected.is_object() => {
            expect_decoded(row, RouteRecord::decode(&written(&route)).map(|route| told(&route)));
        }
        Input::Route(route) => {
            assert_eq!(written(&route), row.expected_bytes(), "{row}: the test writes otherwise");
            let record = RouteRecord::decode(&row.expected_bytes()).unwrap_or_else(|error| panic!("{row}: {error}"));
            assert_eq!(record.encode(), row.expected_bytes(), "{row}");
        }
    }
}

/// The bytes of a route, valid or not, by the table of formats.
fn written(route: &Route) -> Vec<u8> {
    let has_tail =
        route.staged_visibility_active || route.migration_job_id.0 != 0 || route.min_write_ts_exclusive.0 != 0;
    let mut record = vec![if has_tail { 3 } else { 2 }];
    let mut put = |bytes: &[u8]| record.extend(bytes);
    let with_length = |text: &str| [&(text.len() as u64 / 2).to_be_bytes()[..], &bytes(text)].concat();
    put(&route.route_id.0.to_be_bytes());
    put(&route.group_id.0.to_be_bytes());
    put(&[route.state]);
    put(&route.parent_route_id.0.to_be_bytes());
    put(&with_length(&route.start));
    put(&[u8::from(route.end.is_some())]);
    route.end.iter().for_each(|end| put(&with_length(end)));
    put(&route.split_at_hlc.0.to_be_bytes());
    if has_tail {
        put(&[u8::from(route.staged_visibility_active)]);
        put(&route.migration_job_id.0.to_be_bytes());
        put(&route.min_write_ts_exclusive.0.to_be_bytes());
    }
    record
}

fn told(route: &RouteRecord) -> Map<String, Value> {
    let state = match route.state {
        RecordedState::Active => 0,
        RecordedState::WriteFenced => 1,
        RecordedState::MigratingSource => 2,
        RecordedState::MigratingTarget => 3,
    };
    object([
        ("route_id", route.id.0.into()),
        ("group_id", route.group.0.into()),
        ("state", state.into()),
        ("parent_route_id", route.parent.0.into()),
        ("start", hex(route.range.start().as_bytes())),
        ("end", route.range.end().map_or(Value::Null, |end| hex(end.as_bytes()))),
        ("split_at_hlc", route.split_at_hlc.into()),
        ("staged_visibility_active", route.is_staged.into()),
        ("migration_job_id", route.job.0.into()),
        ("min_write_ts_exclusive", route.min_write_ts_exclusive.raw().into()),
    ])
}
