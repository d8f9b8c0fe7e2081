//! The data of a Raft log entry: a version byte, then protobuf.
//!
//! Every voter must read an entry alike or not at all: one that meets what it can't read in full stops (V2). So unknown
//! versions, unknown kinds and unknown fields are all refused.

use crate::convert::{Wire, decode_strictly};
use crate::error::WireError;
use prost::Message;
use splitjob_core::catalog::CatalogCommand;
use splitjob_core::group::GroupCommand;

/// The entry of a data group's log that holds the command.
pub fn encode_group_command(command: &GroupCommand) -> Vec<u8> {
    versioned(ENTRY_VERSION, &command.to_message())
}

/// The command in an entry of a data group's log.
///
/// # Errors
/// A [`WireError`] if this binary can't read all of it (V2).
pub fn decode_group_command(entry: &[u8]) -> Result<GroupCommand, WireError> {
    GroupCommand::from_message(unversioned(entry, ENTRY_VERSION, "a group's entry")?)
}

/// The entry of the default group's log that holds the command.
pub fn encode_catalog_command(command: &CatalogCommand) -> Vec<u8> {
    versioned(ENTRY_VERSION, &command.to_message())
}

/// The command in an entry of the default group's log.
///
/// # Errors
/// A [`WireError`] if this binary can't read all of it (V2).
pub fn decode_catalog_command(entry: &[u8]) -> Result<CatalogCommand, WireError> {
    CatalogCommand::from_message(unversioned(entry, ENTRY_VERSION, "an entry of the catalog")?)
}

/// A version byte, then the message.
pub(crate) fn versioned(version: u8, message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(version);
    message.encode(&mut bytes).expect("a vector grows as it is written to");
    bytes
}

/// The message behind the version byte, if it is this version and nothing in it is unknown.
pub(crate) fn unversioned<M: Message + Default>(bytes: &[u8], version: u8, what: &'static str) -> Result<M, WireError> {
    match bytes.split_first() {
        Some((first, message)) if *first == version => decode_strictly(message, what),
        Some((first, _)) => Err(WireError::UnknownVersion { what, version: *first }),
        None => Err(WireError::Truncated { what }),
    }
}

const ENTRY_VERSION: u8 = 1;
