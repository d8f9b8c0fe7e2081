//! Work on the store that would hold up a node's thread, done beside it on a snapshot.

/// What is to be done.
#[derive(Debug)]
pub enum Work {}

/// What came of it.
#[derive(Debug)]
pub enum Worked {}
