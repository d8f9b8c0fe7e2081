//! How a refusal becomes a gRPC status, and back.
//!
//! The status carries an [`ErrorDetail`] in `grpc-status-details-bin`, inside the message that gRPC tools expect there.
//! Trailers are small: long texts are cut, and a refusal that is too large is told by its plain fields alone.

mod detail;
mod kind;

pub use detail::Detailed;
pub use kind::code_of;

use crate::convert::optional;
use crate::error::WireError;
use crate::proto::error_detail::Cause;
use crate::proto::{ErrorDetail, ErrorKind, StatusDetails};
use prost::Message;
use prost_types::Any;
use splitjob_core::catalog::CatalogRejection;
use splitjob_core::group::Rejection;
use tonic::Status;

/// The status that tells of the error.
pub fn status_of(error: &impl Detailed) -> Status {
    status_with(&error.detail())
}

/// The status for an error that nobody refused: the request is invalid, names nothing, or can't be done now.
pub fn status_of_kind(kind: ErrorKind, message: &str, retry_after_ms: u64) -> Status {
    let message = message.to_owned();
    status_with(&ErrorDetail { kind: kind.into(), message, retry_after_ms, ..ErrorDetail::default() })
}

/// The status that carries the detail; the code follows from its kind.
pub fn status_with(detail: &ErrorDetail) -> Status {
    let detail = fitting(detail.clone());
    let code = code_of(detail.kind());
    let any = Any { type_url: TYPE_URL.to_owned(), value: detail.encode_to_vec() };
    let details = StatusDetails { code: code.into(), message: detail.message.clone(), details: vec![any] };
    Status::with_details(code, detail.message, details.encode_to_vec().into())
}

/// The detail that a status carries; none if it is not one of ours.
pub fn detail_of(status: &Status) -> Option<ErrorDetail> {
    let details = StatusDetails::decode(status.details()).ok()?;
    let ours = details.details.iter().find(|any| any.type_url == TYPE_URL)?;
    ErrorDetail::decode(ours.value.as_slice()).ok()
}

/// The exact refusal of a group that a detail tells of, if it is there.
///
/// # Errors
/// A [`WireError`] if this binary doesn't know it.
pub fn rejection_of(detail: ErrorDetail) -> Result<Option<Rejection>, WireError> {
    optional(match detail.cause {
        Some(Cause::Rejection(rejection)) => Some(rejection),
        Some(Cause::CatalogRejection(_)) | None => None,
    })
}

/// The exact refusal of the catalog that a detail tells of, if it is there.
///
/// # Errors
/// A [`WireError`] if this binary doesn't know it.
pub fn catalog_rejection_of(detail: ErrorDetail) -> Result<Option<CatalogRejection>, WireError> {
    optional(match detail.cause {
        Some(Cause::CatalogRejection(rejection)) => Some(rejection),
        Some(Cause::Rejection(_)) | None => None,
    })
}

/// The detail, cut to what a trailer holds.
fn fitting(mut detail: ErrorDetail) -> ErrorDetail {
    let mut end = detail.message.len().min(MAX_TEXT_BYTES);
    while !detail.message.is_char_boundary(end) {
        end -= 1;
    }
    detail.message.truncate(end);
    let too_long = |key: &Vec<u8>| key.len() > MAX_TEXT_BYTES;
    detail.key = detail.key.filter(|key| !too_long(key));
    detail.txn_primary = detail.txn_primary.filter(|key| !too_long(key));
    let cause_bytes = match &detail.cause {
        Some(Cause::Rejection(rejection)) => rejection.encoded_len(),
        Some(Cause::CatalogRejection(rejection)) => rejection.encoded_len(),
        None => 0,
    };
    if cause_bytes > MAX_TEXT_BYTES {
        detail.cause = None;
    }
    detail
}

const TYPE_URL: &str = "type.googleapis.com/ErrorDetail";
/// The most bytes of a text, a key or an exact refusal in a trailer: all of them together must stay below 8 KiB.
const MAX_TEXT_BYTES: usize = 1024;
