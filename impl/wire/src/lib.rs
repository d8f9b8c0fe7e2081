//! Protobuf messages, gRPC services and durable codecs of the split job protocol.
//!
//! [`peer`] is what nodes say to one another, [`entry`] what stands in their logs, [`record`] what stands on their disks,
//! [`proto`] what clients call, and [`rpc`] how a refusal becomes a status and back. What is decoded is checked: whoever
//! holds a value needs to check it no more.

mod convert;
pub mod entry;
mod error;
mod limits;
pub mod peer;
pub mod proto;
pub mod record;
pub mod rpc;

pub use error::WireError;
pub use limits::{MAX_KEY_BYTES, MAX_MESSAGE_BYTES, MAX_ROW_KEY_BYTES, MAX_VALUE_BYTES};

/// The descriptors of every file in `proto/`, as the reflection service wants them.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
