//! Why a node didn't do what it was asked.

use crate::api::NodeError;
use crate::convert::{Told, told};
use crate::edge::tls::causes;
use tonic::{ConnectError, Status};

/// Why there is no answer that was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request was not sent.
    NotSent(String),
    /// The request may have been sent, and wasn't answered.
    Lost(String),
    /// The node answered so, or the request can't be sent at all.
    Told(NodeError),
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Failure::Told(error)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        match told(&status) {
            Told::Error(error) => Failure::Told(error),
            Told::Nothing if is_unconnected(&status) => Failure::NotSent(causes(&status)),
            Told::Nothing => Failure::Lost(causes(&status)),
        }
    }
}

/// Whether there was no connection to send anything by.
fn is_unconnected(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
