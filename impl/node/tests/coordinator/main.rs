//! The coordinator among real groups and a real catalog: what it asks is applied by the core, answered, lost or delayed.

mod admin;
mod cluster;
mod movement;
mod properties;
mod reads;
mod transactions;
mod writes;
