//! The ideal service, and the check that every step of the model is one of its steps or none.
//!
//! [`ideal`] is the whole service on one page: one chain of versions for each key, no groups, no jobs. It shares no code
//! with the core, so that it can judge it. [`mapping`] reads the ideal state off a state of the model; [`edges`] holds
//! every step that an exploration finds against the ideal.
//!
//! [`history`] judges a running cluster, of this implementation or of another, by what its clients saw.

pub mod edges;
pub mod history;
pub mod ideal;
pub mod mapping;
