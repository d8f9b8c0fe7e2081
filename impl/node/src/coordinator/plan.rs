//! What a request needs: a plan asks questions, hears how they ended, asks further ones, and answers its client.

use super::errand::{End, Failure};
use super::lead::Means;
use super::question::Question;
use crate::api::{ClientResponse, NodeError};
use splitjob_wire::peer::Answer;
use std::fmt;

/// How one request, or one thing that is done beside requests, is brought to its end.
///
/// The plan never waits: its questions do. It is dropped when none of them is left.
pub(super) trait Plan: fmt::Debug + Send {
    /// The first questions.
    fn begin(&mut self, means: &mut Means<'_, '_>) -> Moves;

    /// A question falls into parts; those that are returned are asked instead, in this place.
    fn parted(&mut self, _means: &mut Means<'_, '_>, parts: Vec<Question>) -> Vec<Question> {
        parts
    }

    /// A question has ended.
    fn ended(&mut self, means: &mut Means<'_, '_>, ended: Ended) -> Moves;

    /// The client's patience is over, and all its questions have been dropped.
    fn expired(&mut self, _means: &mut Means<'_, '_>, expiry: Expiry) -> Moves {
        Moves::reply(Err(expiry.error()))
    }
}

/// What a plan wants done.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// These are asked; what only the node itself answers stands alone.
    pub(super) ask: Vec<Question>,
    /// The questions that are still open don't matter any more.
    pub(super) drops_others: bool,
    /// The client's answer.
    pub(super) reply: Option<Result<ClientResponse, NodeError>>,
}

/// How a question ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The question, as it was asked last.
    pub(super) question: Question,
    /// Its end.
    pub(super) end: End,
    /// An earlier time of asking may have been answered, or may yet be.
    pub(super) in_doubt: bool,
    /// How many other questions of the plan are open.
    pub(super) open: usize,
}

/// What is known when a client's patience is over.
#[derive(Debug)]
pub(super) struct Expiry {
    /// Something may have been changed, or may yet be.
    pub(super) in_doubt: bool,
    /// What was met last.
    pub(super) trouble: String,
}

impl Moves {
    pub(super) fn none() -> Moves {
        Moves::default()
    }

    pub(super) fn ask(question: Question) -> Moves {
        Moves { ask: vec![question], ..Moves::default() }
    }

    pub(super) fn reply(reply: Result<ClientResponse, NodeError>) -> Moves {
        Moves { drops_others: true, reply: Some(reply), ..Moves::default() }
    }

    /// The client is answered, and something is left to do.
    pub(super) fn reply_and_ask(reply: Result<ClientResponse, NodeError>, ask: Vec<Question>) -> Moves {
        Moves { ask, drops_others: true, reply: Some(reply) }
    }
}

impl Expiry {
    pub(super) fn error(self) -> NodeError {
        if self.in_doubt {
            NodeError::Unknown { why: self.trouble }
        } else {
            NodeError::Unavailable { what: self.trouble, retry_after_ms: RETRY_AFTER_MS }
        }
    }
}

/// The plan of a request that is one question.
#[derive(Debug)]
pub(super) struct Single {
    first: Option<Question>,
    response: fn(Answer) -> Option<ClientResponse>,
}

impl Single {
    /// A plan whose answer becomes this response; absent where the answer is to another question.
    pub(super) fn new(question: Question, response: fn(Answer) -> Option<ClientResponse>) -> Single {
        Single { first: Some(question), response }
    }
}

impl Plan for Single {
    fn begin(&mut self, _means: &mut Means<'_, '_>) -> Moves {
        Moves { ask: self.first.take().into_iter().collect(), ..Moves::default() }
    }

    fn ended(&mut self, _means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        Moves::reply(match ended.end {
            End::Done(answer) => (self.response)(answer).ok_or_else(misfit),
            End::Failed(failure) => Err(failure.into()),
            End::Divided => Err(misfit()),
        })
    }
}

/// An answer of a kind that its question doesn't have: of a peer that speaks another version.
pub(super) fn misfit() -> NodeError {
    NodeError::Unknown { why: "the answer is to another question".to_owned() }
}

/// The failure of a question that ended without an answer.
pub(super) fn failure(end: End) -> Failure {
    match end {
        End::Failed(failure) => failure,
        End::Done(_) | End::Divided => Failure::Unknown("the answer is to another question".to_owned()),
    }
}

/// When a client may ask again, in milliseconds.
pub(super) const RETRY_AFTER_MS: u64 = 200;
