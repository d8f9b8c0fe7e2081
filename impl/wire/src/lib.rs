//! Protobuf messages, gRPC services and durable codecs of the split job protocol.

pub mod peer;
pub mod proto;

/// The descriptors of every file in `proto/`, as the reflection service wants them.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
