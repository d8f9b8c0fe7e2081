//! The multi-version store on disk, and the logs of Raft groups.
