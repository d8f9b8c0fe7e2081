//! The explorer, tested from outside on small worlds whose answers are known.

mod agreement;
mod checkpoints;
mod endings;
mod lassos;
mod liveness;
mod panics;
mod random_graphs;
mod reference;
mod speed;
mod toys;
