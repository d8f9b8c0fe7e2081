//! Generated code: the messages and services of `proto/`.
//!
//! Services and what clients see have no package and stand in the module itself; [`splitjob`] has what only nodes of this
//! system read and write.

#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from proto/, which has the comments")]
#![allow(clippy::wildcard_enum_match_arm, clippy::needless_pass_by_value, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/all.rs"));
