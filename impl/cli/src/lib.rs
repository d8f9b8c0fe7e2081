//! What the command line and the end-to-end tests share: clusters of real processes, and clients that remember.

pub mod server;
