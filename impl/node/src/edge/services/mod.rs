//! The gRPC services: each converts a message to a request, asks the node, and converts the answer back.

mod admin;
mod distribution;
mod internal;
mod raw_kv;
mod transactional_kv;

pub(super) use admin::AdminService;
pub(super) use distribution::DistributionService;
pub(super) use internal::{Doorman, InternalService};
pub(super) use raw_kv::RawKvService;
pub(super) use transactional_kv::TransactionalKvService;

use crate::api::NodeError;
use crate::convert::status_of;
use splitjob_wire::proto::ErrorKind;
use splitjob_wire::rpc::status_of_kind;
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};

/// Who may give orders.
#[derive(Clone)]
pub(super) struct Operators {
    token: Option<Arc<str>>,
}

impl Operators {
    /// Whoever sends the token; whoever gets in, without one.
    pub(super) fn new(token: Option<&str>) -> Operators {
        Operators { token: token.map(Arc::from) }
    }

    /// Refuses who is no operator.
    fn check(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let Some(token) = &self.token else { return Ok(()) };
        let sent = metadata.get("authorization").and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        match sent {
            Some(sent) if are_equal(sent, token.as_bytes()) => Ok(()),
            Some(_) => Err(unauthenticated("the admin token is another one")),
            None => Err(unauthenticated("this needs the admin token: send it as `authorization: Bearer …`")),
        }
    }
}

/// Takes the same time wherever two strings of one length differ: a token can't be guessed byte by byte.
fn are_equal(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |bits, (left, right)| bits | (left ^ right));
    left.len() == right.len() && std::hint::black_box(differing) == 0
}

fn unauthenticated(what: &str) -> Status {
    status_of_kind(ErrorKind::Unauthenticated, what, 0)
}

/// Whether another node has forwarded the request.
fn was_forwarded(metadata: &MetadataMap) -> bool {
    metadata.contains_key(FORWARDED)
}

/// An answer, or the status that an error becomes.
fn answer<T>(result: Result<T, NodeError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| status_of(&error))
}

/// The metadata that marks a request of one node to another.
pub(crate) const FORWARDED: &str = "splitjob-forwarded";

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(authorization: &'static str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", authorization.parse().expect("it is ASCII"));
        metadata
    }

    #[test]
    fn only_the_whole_token_makes_an_operator() {
        let operators = Operators::new(Some("secret"));
        let may = |authorization| operators.check(&metadata(authorization)).is_ok();
        assert!(may("Bearer secret"));
        assert!(!may("Bearer secre") && !may("Bearer secrets") && !may("Bearer Secret") && !may("secret"));
        assert!(operators.check(&MetadataMap::new()).is_err());
        assert!(Operators::new(None).check(&MetadataMap::new()).is_ok());
    }
}
