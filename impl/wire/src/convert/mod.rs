//! Between core values and the messages that carry them.
//!
//! A value becomes a message without fail; a message becomes a value only if it says all of it and nothing else.

mod catalog;
mod command;
mod copy;
mod job;
mod refusal;
mod route;
mod shown;
mod state;
mod value;

pub(crate) use catalog::{node_from_message, node_message};
pub(crate) use job::{phase_from_number, phase_number};
pub(crate) use state::{
    configuration_from_message, configuration_message, guards_from_message, guards_message, voters,
};
pub(crate) use value::{routing_key, row_key, user_key, value};

use crate::error::WireError;
use crate::limits::{MAX_MESSAGE_BYTES, check_len};
use prost::Message;

/// A core value, and the message that carries it.
pub(crate) trait Wire: Sized {
    /// The message.
    type Message;

    /// The message that carries the value.
    fn to_message(&self) -> Self::Message;

    /// The value that the message carries.
    fn from_message(message: Self::Message) -> Result<Self, WireError>;
}

/// A value that must be there.
pub(crate) fn required<T: Wire>(message: Option<T::Message>, what: &'static str) -> Result<T, WireError> {
    T::from_message(present(message, what)?)
}

/// A value that may be absent.
pub(crate) fn optional<T: Wire>(message: Option<T::Message>) -> Result<Option<T>, WireError> {
    message.map(T::from_message).transpose()
}

/// A part that must be there, and of a known kind: what a newer binary has added to a `oneof` reads as absent.
pub(crate) fn present<T>(part: Option<T>, what: &'static str) -> Result<T, WireError> {
    part.ok_or(WireError::Missing { what })
}

pub(crate) fn messages<'a, T: Wire + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<T::Message> {
    values.into_iter().map(T::to_message).collect()
}

pub(crate) fn values<T: Wire>(messages: Vec<T::Message>) -> Result<Vec<T>, WireError> {
    messages.into_iter().map(T::from_message).collect()
}

/// The elements as a set or map, if their keys ascend strictly: a set has one encoding.
pub(crate) fn ascending<T, K: Ord, C: FromIterator<T>>(
    elements: Vec<T>,
    key: impl Fn(&T) -> K,
    what: &'static str,
) -> Result<C, WireError> {
    if elements.windows(2).any(|pair| key(&pair[0]) >= key(&pair[1])) {
        return Err(WireError::NotAscending { what });
    }
    Ok(elements.into_iter().collect())
}

/// The message in the bytes; unknown fields are passed over.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8], what: &'static str) -> Result<M, WireError> {
    check_len(what, bytes, MAX_MESSAGE_BYTES)?;
    Ok(M::decode(bytes)?)
}

/// The message in the bytes, if they say nothing that is not understood here (V2).
///
/// Whatever was passed over, or would be written shorter, shows in the length.
pub(crate) fn decode_strictly<M: Message + Default>(bytes: &[u8], what: &'static str) -> Result<M, WireError> {
    let message: M = decode(bytes, what)?;
    if message.encoded_len() != bytes.len() {
        return Err(WireError::NotCanonical { what });
    }
    Ok(message)
}
