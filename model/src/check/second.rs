//! A second opinion: stateright's breadth-first search on the same world, in the same run.

use super::{CheckError, Options, Search, explored, is_complete};
use crate::explore::StaterightAdapter;
use crate::scenario::Scenario;
use serde::Serialize;
use stateright::{Checker, Model};
use std::time::Instant;

/// What both have counted, and how fast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecondOpinion {
    /// The scenario.
    pub scenario: &'static str,
    /// Worker threads, of each.
    pub threads: usize,
    /// Unique states a second, of our explorer.
    pub states_per_second: f64,
    /// So many times as fast as stateright.
    pub ratio_to_stateright: f64,
    /// Bytes a state, of our explorer's tables.
    pub bytes_per_state: f64,
    /// Whether the counts are the same, and both complete.
    pub agrees: bool,
    /// Our explorer.
    pub ours: Count,
    /// stateright's breadth-first search.
    pub stateright: Count,
}

/// What one of them has counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Count {
    /// Unique states.
    pub states: usize,
    /// Steps between them, those to states known before included.
    pub steps: u64,
    /// Whether nothing was left to explore.
    pub is_complete: bool,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Explores the scenario twice, in worlds of their own.
///
/// stateright is spared the properties and the goals, which our explorer checks on the way.
///
/// # Errors
/// If the model panics.
pub fn second_opinion(scenario: &'static Scenario, options: &Options<'_>) -> Result<SecondOpinion, CheckError> {
    let world = scenario.world(&[]);
    let found = explored(scenario, &world, Search::for_violations(), options)?;
    let ours = Count {
        states: found.unique(),
        steps: found.generated(),
        is_complete: is_complete(&found),
        seconds: found.seconds(),
    };
    let (states_per_second, bytes_per_state) = (found.states_per_second(), found.bytes_per_state());
    drop((found, world));
    let stateright = by_stateright(scenario, options.threads);
    let theirs_per_second = stateright.states as f64 / stateright.seconds.max(f64::MIN_POSITIVE);
    let counted = |count: &Count| (count.states, count.steps, count.is_complete);
    Ok(SecondOpinion {
        scenario: scenario.name,
        threads: options.threads,
        states_per_second,
        ratio_to_stateright: states_per_second / theirs_per_second.max(f64::MIN_POSITIVE),
        bytes_per_state,
        agrees: ours.is_complete && counted(&ours) == counted(&stateright),
        ours,
        stateright,
    })
}

fn by_stateright(scenario: &Scenario, threads: usize) -> Count {
    let started = Instant::now();
    let adapter = StaterightAdapter::new(scenario.world(&[]), &[], &[]);
    let checker = adapter.checker().threads(threads.max(1)).spawn_bfs().join();
    Count {
        states: checker.unique_state_count(),
        steps: checker.state_count() as u64,
        is_complete: checker.is_done(),
        seconds: started.elapsed().as_secs_f64(),
    }
}
