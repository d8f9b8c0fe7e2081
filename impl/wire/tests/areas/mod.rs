//! One row of each area of records.

pub(crate) mod catalog;
pub(crate) mod job;
pub(crate) mod route;
pub(crate) mod txn;

use crate::vectors::{Number, Row, bytes};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Compares what was decoded with `{"error": true}`, or with `{"error": null, …}` or `{…}` field by field.
///
/// `told` has every field that a row may name; a row names those that it is about.
pub(crate) fn expect_decoded<E: std::fmt::Display>(row: &Row, decoded: Result<Map<String, Value>, E>) {
    let expected: Map<String, Value> = row.expected();
    let must_fail = expected.get("error").is_some_and(|error| *error == Value::Bool(true));
    let told = match decoded {
        Err(error) => return assert!(must_fail, "{row}: {error}"),
        Ok(told) => told,
    };
    assert!(!must_fail, "{row}: must be refused, and was {told:?}");
    for (field, value) in expected.iter().filter(|(field, _)| *field != "error") {
        let told = told.get(field).unwrap_or_else(|| panic!("{row}: unknown field {field}"));
        assert_eq!(normal(told), normal(value), "{row}: {field}");
    }
}

/// Numbers come as numbers or as decimal strings.
fn normal(value: &Value) -> Value {
    Number::deserialize(value).map_or_else(|_| value.clone(), |number| Value::from(number.0))
}

pub(crate) fn hex(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// A key or value in hexadecimal digits; absent: empty.
pub(crate) fn optional_bytes(hex: Option<&String>) -> Vec<u8> {
    hex.map(|hex| bytes(hex)).unwrap_or_default()
}

pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
