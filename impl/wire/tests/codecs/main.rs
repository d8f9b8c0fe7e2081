//! Every codec: what it writes it reads, what is wrong it refuses, and nothing makes it panic.

mod malformed;
mod refusals;
mod round_trips;
mod strategy;
