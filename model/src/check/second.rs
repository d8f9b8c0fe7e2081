//! A second opinion: stateright's breadth-first search on the same world, in the same run.

use super::{CheckError, Options, Search, explored, is_complete};
use crate::explore::StaterightAdapter;
use crate::scenario::Scenario;
use serde::Serialize;
use stateright::{Checker, Model};
use std::time::{Duration, Instant};

/// How fast our explorer is on some scenarios together, and beside stateright on one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SecondOpinion {
    /// Worker threads, of each.
    pub threads: usize,
    /// Unique states a second, of our explorer: all states of all scenarios by all the time that they took.
    pub states_per_second: f64,
    /// So many times as fast as stateright on the scenario that both have explored; absent if there is none.
    pub ratio_to_stateright: Option<f64>,
    /// Bytes a state, of our explorer's tables: all bytes by all states.
    pub bytes_per_state: f64,
    /// The scenario that both have explored: the largest that stateright has finished in its time.
    pub compared: Option<&'static str>,
    /// Whether both have counted the same there, and ours has explored every scenario to the end.
    pub agrees: bool,
    /// Our explorer, on each scenario.
    pub ours: Vec<Count>,
    /// stateright's breadth-first search, on each that it was tried on, those that it was stopped at included.
    pub stateright: Vec<Count>,
}

/// What one of them has counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The scenario.
    pub scenario: &'static str,
    /// Unique states.
    pub states: usize,
    /// Steps between them, those to states known before included.
    pub steps: u64,
    /// Whether nothing was left to explore.
    pub is_complete: bool,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl Count {
    /// Unique states a second.
    pub fn states_per_second(&self) -> f64 {
        self.states as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Explores the scenarios, each in a world of its own, and the largest that stateright finishes within `bound` once more
/// with stateright.
///
/// stateright is spared the properties and the goals, which our explorer checks on the way. With one thread it can't be
/// stopped, and takes the time that it takes.
///
/// # Errors
/// If the model panics.
pub fn second_opinion(
    scenarios: &[&'static Scenario],
    bound: Duration,
    options: &Options<'_>,
) -> Result<SecondOpinion, CheckError> {
    let (mut ours, mut bytes) = (Vec::new(), 0);
    for scenario in scenarios {
        let world = scenario.world(&[]);
        let found = explored(scenario, &world, Search::for_violations(), options)?;
        bytes += found.memory().total();
        ours.push(Count {
            scenario: scenario.name,
            states: found.unique(),
            steps: found.generated(),
            is_complete: is_complete(&found),
            seconds: found.seconds(),
        });
    }
    let stateright = by_stateright(scenarios, &ours, bound, options.threads);
    let finished = stateright.last().filter(|theirs| theirs.is_complete);
    let pair = finished.and_then(|theirs| Some((ours.iter().find(|ours| ours.scenario == theirs.scenario)?, theirs)));
    let counted = |count: &Count| (count.states, count.steps, count.is_complete);
    let states = ours.iter().map(|count| count.states).sum::<usize>();
    let seconds = ours.iter().map(|count| count.seconds).sum::<f64>();
    Ok(SecondOpinion {
        threads: options.threads,
        states_per_second: states as f64 / seconds.max(f64::MIN_POSITIVE),
        ratio_to_stateright: pair.map(|(ours, theirs)| ours.states_per_second() / theirs.states_per_second()),
        bytes_per_state: bytes as f64 / states.max(1) as f64,
        compared: pair.map(|(ours, _)| ours.scenario),
        agrees: ours.iter().all(|count| count.is_complete)
            && pair.is_some_and(|(ours, theirs)| counted(ours) == counted(theirs)),
        ours,
        stateright,
    })
}

/// Tries stateright on the scenarios, the largest first, until it finishes one.
fn by_stateright(scenarios: &[&'static Scenario], ours: &[Count], bound: Duration, threads: usize) -> Vec<Count> {
    let mut by_size: Vec<(&Scenario, &Count)> = scenarios.iter().copied().zip(ours).collect();
    by_size.sort_by_key(|(_, count)| std::cmp::Reverse(count.states));
    let mut tried: Vec<Count> = Vec::new();
    for (scenario, ours) in by_size {
        // What it has done of a larger one says whether this one is worth trying.
        let hopeless = |tried: &Count| ours.states as f64 > tried.states_per_second() * bound.as_secs_f64() * SURPRISE;
        if tried.last().is_some_and(hopeless) {
            continue;
        }
        tried.push(by_stateright_within(scenario, bound, threads));
        if tried.last().is_some_and(|count| count.is_complete) {
            break;
        }
    }
    tried
}

fn by_stateright_within(scenario: &Scenario, bound: Duration, threads: usize) -> Count {
    let started = Instant::now();
    let adapter = StaterightAdapter::new(scenario.world(&[]), &[], &[]);
    let checker = adapter.checker().threads(threads.max(1)).timeout(bound).spawn_bfs().join();
    let elapsed = started.elapsed();
    Count {
        scenario: scenario.name,
        states: checker.unique_state_count(),
        steps: checker.state_count() as u64,
        // A search that has run out of time says that it is done, too.
        is_complete: checker.is_done() && (elapsed < bound || threads <= 1),
        seconds: elapsed.as_secs_f64(),
    }
}

/// stateright is taken to be up to so many times as fast on a smaller scenario as on a larger one.
const SURPRISE: f64 = 2.0;
