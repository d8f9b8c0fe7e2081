//! A server: Raft groups, coordinator, migrator, and the edge that connects them to sockets and disks.

pub mod api;
pub mod coordinator;
pub mod desk;
pub mod io;
pub mod migrator;
pub mod work;
