//! The migrator among groups of the real core, in a world without time, network or disk.

mod chance;
mod clients;
mod cluster;
mod ends;
mod groups;
mod process;
mod stories;
mod storms;
