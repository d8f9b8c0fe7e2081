//! A server: Raft groups, coordinator, migrator, and the edge that connects them to sockets and disks.
