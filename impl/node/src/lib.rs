//! A server: Raft groups, coordinator, migrator, and the edge that connects them to sockets and disks.
//!
//! [`node::Node`] is everything that decides, without a socket, a thread or a clock; [`edge`] puts it on this machine, and
//! [`simulator`] puts a whole cluster of it into one thread. `specs/server.md` says how it works.

pub mod api;
mod calls;
pub mod client;
pub mod config;
mod convert;
pub mod coordinator;
pub mod desk;
pub mod edge;
pub mod io;
pub mod migrator;
pub mod node;
mod raft;
mod replica;
pub mod simulator;
pub mod work;
