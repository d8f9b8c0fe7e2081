//! The rows of a group: what was committed, and what was put since.

mod checkpoint;
mod digest;
mod key;
mod overlay;
mod read;
mod recent;
mod snapshot;
mod store;
mod transfer;
mod view;
mod write;

pub use checkpoint::Checkpoint;
pub use digest::BracketSum;
pub use recent::RECENT_ENTRIES;
pub use store::{Durability, GroupStore, Record};
pub use transfer::{SnapshotChunks, SnapshotWriter};
pub use view::StoreView;
