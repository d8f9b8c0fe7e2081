//! Protobuf messages, gRPC services and durable codecs of the split job protocol.

pub mod peer;
