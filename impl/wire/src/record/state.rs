//! A group's state without its rows, and the members of a Raft group: a version byte, then protobuf.

use crate::convert::{Wire, configuration_from_message, configuration_message};
use crate::entry::{unversioned, versioned};
use crate::error::WireError;
use crate::peer::Configuration;
use splitjob_core::group::GroupState;

/// The state as bytes.
pub fn encode_group_state(state: &GroupState) -> Vec<u8> {
    versioned(STATE_VERSION, &state.to_message())
}

/// The state in the bytes.
///
/// # Errors
/// A [`WireError`] if this binary can't read all of it (V2), or if it is no state that a log can make.
pub fn decode_group_state(bytes: &[u8]) -> Result<GroupState, WireError> {
    GroupState::from_message(unversioned(bytes, STATE_VERSION, "the state of a group")?)
}

/// The members of a Raft group as bytes.
pub fn encode_configuration(configuration: &Configuration) -> Vec<u8> {
    versioned(STATE_VERSION, &configuration_message(configuration))
}

/// The members in the bytes.
///
/// # Errors
/// A [`WireError`] if this binary can't read all of it (V2).
pub fn decode_configuration(bytes: &[u8]) -> Result<Configuration, WireError> {
    configuration_from_message(unversioned(bytes, STATE_VERSION, "the configuration of a group")?)
}

const STATE_VERSION: u8 = 1;
