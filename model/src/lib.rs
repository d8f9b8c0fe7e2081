//! The split job core in a hostile world, explored exhaustively.

pub mod check;
pub mod explore;
pub mod explorer;
pub mod near;
pub mod scenario;
pub mod story;
pub mod trace;
pub mod world;
