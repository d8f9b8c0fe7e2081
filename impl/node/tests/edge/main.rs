//! A server over real sockets: every call through the client and in the raw, and everything that must be refused.

mod calls;
mod cluster;
mod harness;
mod http;
mod jobs;
mod refusals;
mod standard;
mod tls;
mod transactions;
