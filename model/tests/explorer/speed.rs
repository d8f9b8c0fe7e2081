//! How fast it is, and what it costs beside stateright:
//! `cargo test --release -p splitjob-model --test explorer speed -- --ignored --nocapture`.

use crate::toys::Followers;
use splitjob_model::explore::{Completeness, Options, StateSet, StaterightAdapter, explore};
use stateright::{Checker, Model};
use std::time::Instant;

#[test]
#[ignore = "a benchmark"]
fn speed_of_exploring() {
    for (threads, edges) in [(1, false), (2, false), (1, true), (2, true)] {
        let found =
            explore(&Followers { limit: 6 }, &Options { threads, edges, ..Options::default() }).expect("no panic");
        assert_eq!(found.completeness(), Completeness::Complete);
        say(&format!(
            "{threads} threads, edges {edges}: {} states, {} generated, depth {}, {:.2} s, {:.2} M states/s, \
             {:.1} M transitions/s, {:.1} bytes/state, {:?}",
            found.unique(),
            found.generated(),
            found.depth(),
            found.seconds(),
            found.states_per_second() / 1e6,
            found.generated() as f64 / found.seconds() / 1e6,
            found.bytes_per_state(),
            found.memory(),
        ));
    }
}

#[test]
#[ignore = "a benchmark"]
fn speed_beside_stateright() {
    for threads in [1, 2] {
        let found = explore(&Followers { limit: 5 }, &Options { threads, ..Options::default() }).expect("no panic");
        let started = Instant::now();
        let adapter = StaterightAdapter::new(Followers { limit: 5 }, &[], &[]);
        let checker = adapter.checker().threads(threads).spawn_bfs().join();
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!((checker.unique_state_count(), checker.state_count() as u64), (found.unique(), found.generated()));
        say(&format!(
            "{threads} threads, {} states: ours {:.2} s, stateright {seconds:.2} s, {:.1} times as long",
            found.unique(),
            found.seconds(),
            seconds / found.seconds(),
        ));
    }
}

#[test]
#[ignore = "a benchmark"]
fn speed_of_liveness() {
    let space = Followers { limit: 5 };
    let found = explore(&space, &Options { threads: 2, edges: true, ..Options::default() }).expect("no panic");
    let graph = found.graph().expect("complete");
    let all = StateSet::empty(graph.states()).complement();
    let done = found.select_goals(&space, 2, 1).expect("no panic");
    let started = Instant::now();
    let answer = graph.leads_to(&all, &done, |label| 1 << label);
    let leads_to = started.elapsed().as_secs_f64();
    let traps = graph.cannot_reach(&done).count();
    let cannot_reach = started.elapsed().as_secs_f64() - leads_to;
    say(&format!(
        "{} states, {} transitions: leads-to {leads_to:.2} s ({answer:?}), cannot-reach {cannot_reach:.2} s ({traps} traps)",
        found.unique(),
        found.transitions_kept(),
    ));
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn say(line: &str) {
    println!("{line}");
}
