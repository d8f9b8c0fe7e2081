//! `splitjob`: check, explain, explore and replay the split job protocol.

mod artifacts;
mod bench;
mod check;
mod demo;
mod explore;
mod gaps;
mod job;
mod kv;
mod matrix;
mod names;
mod out;
mod progress;
mod replay;
mod rules;
mod scenarios;
mod serve;
mod table;
mod tell;
mod why;
mod witnesses;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Check, explain and explore the split job protocol; run a cluster that follows it.
///
/// Exit codes: 0 everything holds or is done, 1 something is violated or refused, 2 it could not be run to the end.
#[derive(Parser)]
#[command(name = "splitjob", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Subcommand)]
enum Command {
    /// Explore scenarios exhaustively, and say whether every property holds.
    Check(check::Arguments),
    /// Show that each gate is needed: without it, a named property breaks.
    Gaps(gaps::Arguments),
    /// Tell why a gate exists: the shortest disaster without it.
    Why(why::Arguments),
    /// Walk through a scenario in a browser.
    Explore(explore::Arguments),
    /// Run a trace file again in the model.
    Replay(replay::Arguments),
    /// Find a trace to the situation that puts each safety property to the test.
    Witnesses(witnesses::Arguments),
    /// List where each rule of the protocol is implemented, checked and broken.
    TraceRules(rules::Arguments),
    /// Measure.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// List the scenarios, their bounds, and what they are for.
    Scenarios,
    /// Run a cluster on this machine and move a hot range of it live.
    Demo(demo::Arguments),
    /// Run a node.
    Serve(Box<serve::Arguments>),
    /// Read a key of a cluster.
    Get(kv::Get),
    /// Write a key of a cluster.
    Put(kv::Put),
    /// Delete a key of a cluster, or everything under a prefix.
    Delete(kv::Delete),
    /// Read rows of a cluster.
    Scan(kv::Scan),
    /// Start, follow, explain and end split jobs.
    #[command(subcommand)]
    Job(job::Job),
    /// Look at the routes of a cluster, or split one.
    Routes(job::Routes),
    /// Look at a cluster's nodes and groups, or change who has a vote.
    Cluster(job::Cluster),
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Conclusion {
    /// Everything holds.
    Holds,
    /// It could not be run to the end.
    Incomplete,
    /// Something is violated.
    Violated,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(Conclusion::Holds) => ExitCode::SUCCESS,
        Ok(Conclusion::Violated) => ExitCode::from(1),
        Ok(Conclusion::Incomplete) => ExitCode::from(2),
        Err(error) if is_closed_pipe(&error) => ExitCode::from(2),
        Err(error) => {
            out::complain(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<Conclusion> {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Gaps(arguments) => gaps::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Explore(arguments) => explore::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Witnesses(arguments) => witnesses::run(&arguments),
        Command::TraceRules(arguments) => rules::run(&arguments),
        Command::Bench(what) => bench::run(&what),
        Command::Scenarios => scenarios::run(),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Get(arguments) => kv::get(arguments),
        Command::Put(arguments) => kv::put(arguments),
        Command::Delete(arguments) => kv::delete(arguments),
        Command::Scan(arguments) => kv::scan(arguments),
        Command::Job(what) => job::run(what),
        Command::Routes(arguments) => job::routes(&arguments),
        Command::Cluster(arguments) => job::cluster(&arguments),
    }
}

/// Whoever read our output has gone; there is nobody to complain to.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
