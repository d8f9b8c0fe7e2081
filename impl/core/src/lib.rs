//! The live shard migration protocol as pure state machines and decisions.
//!
//! Everything is a value with two verbs. [`catalog::Catalog::apply`] and [`group::Group::apply`] change replicated
//! state by one command of a log; [`job::decide`] says what a migrator does next, from the durable job and from what
//! the groups answer. [`coordinator`] routes, stamps and retries requests; [`txn`] drives transactions and settles
//! those that were left behind. Nothing here knows a clock, a wire, a disk,
//! a thread, a random source or a log.
//!
//! Rule ids such as `G3` refer to `specs/protocol.md`.

pub mod barrier;
pub mod catalog;
pub mod clock;
pub mod coordinator;
pub mod gate;
pub mod group;
pub mod id;
pub mod job;
pub mod key;
pub mod persistent;
pub mod range;
pub mod store;
pub mod timestamp;
pub mod txn;
pub mod version;
