//! The same answers, worked out as plainly as possible.

use splitjob_model::explore::{Exploration, Reachability, Sighting, Space, Successor, Trace, Verdict};
use std::collections::HashMap;
use std::hash::Hash;

/// A breadth-first search with one queue and one map.
pub(crate) struct Plain<S> {
    pub(crate) states: Vec<S>,
    pub(crate) depths: Vec<u32>,
    pub(crate) traces: Vec<Option<(usize, u32)>>,
    pub(crate) steps: Vec<Vec<(u32, u32)>>,
    pub(crate) generated: u64,
    pub(crate) violations: Vec<u64>,
    pub(crate) goals: Vec<u64>,
}

pub(crate) fn plain<P: Space>(space: &P) -> Plain<P::State>
where
    P::State: Hash,
{
    let mut worker = space.worker();
    let mut known = HashMap::new();
    let mut found = Plain {
        states: Vec::new(),
        depths: Vec::new(),
        traces: Vec::new(),
        steps: Vec::new(),
        generated: 0,
        violations: Vec::new(),
        goals: Vec::new(),
    };
    for state in space.initial() {
        found.generated += 1;
        found.meet(&mut known, state, None);
    }
    while let Some(state) = found.states.get(found.steps.len()).copied() {
        let from = found.steps.len();
        found.violations.push(space.violations(&mut worker, &state));
        found.goals.push(space.goals(&mut worker, &state));
        let mut successors = Vec::new();
        space.successors(&mut worker, &state, &mut successors);
        found.generated += successors.len() as u64;
        let steps = successors
            .iter()
            .map(|step| (step.label, found.meet(&mut known, step.state, Some((from, step.label)))))
            .collect();
        found.steps.push(steps);
    }
    found
}

impl<S: Copy + Eq + Hash> Plain<S> {
    fn meet(&mut self, known: &mut HashMap<S, u32>, state: S, trace: Option<(usize, u32)>) -> u32 {
        *known.entry(state).or_insert_with(|| {
            self.states.push(state);
            self.depths.push(trace.map_or(0, |(from, _)| self.depths[from] + 1));
            self.traces.push(trace);
            self.states.len() as u32 - 1
        })
    }

    pub(crate) fn trace_to(&self, state: usize) -> Trace<S> {
        let (mut at, mut steps) = (state, Vec::new());
        while let Some((from, label)) = self.traces[at] {
            steps.push(Successor { label, state: self.states[at] });
            at = from;
        }
        steps.reverse();
        Trace { initial: Some(self.states[at]), steps }
    }

    fn first(&self, masks: &[u64], bit: u32) -> Option<Sighting> {
        let state = masks.iter().position(|mask| mask >> bit & 1 == 1)?;
        Some(Sighting { state: state as u32, depth: self.depths[state] })
    }

    pub(crate) fn verdict(&self, bit: u32) -> Verdict {
        self.first(&self.violations, bit).map_or(Verdict::Holds, Verdict::Violated)
    }

    pub(crate) fn reachability(&self, bit: u32) -> Reachability {
        self.first(&self.goals, bit).map_or(Reachability::Unreachable, Reachability::Reached)
    }
}

/// Asserts that a complete exploration says of everything what the plain search says; `to` maps its states.
pub(crate) fn assert_same<P: Space, S: Copy + Eq + Hash + std::fmt::Debug>(
    found: &Exploration<P::State>,
    space: &P,
    plain: &Plain<S>,
    to: impl Fn(&P::State) -> S,
) {
    assert_eq!(found.states().map(&to).collect::<Vec<S>>(), plain.states);
    assert_eq!(found.generated(), plain.generated);
    assert_eq!(found.expanded(), found.unique());
    assert_eq!(found.depth(), plain.depths.last().copied().unwrap_or(0));
    assert_eq!(found.level_sizes().iter().sum::<usize>(), plain.states.len());
    assert!(plain.depths.iter().zip(0..).all(|(depth, state)| found.depth_of(state) == *depth));
    let terminals: Vec<usize> = (0..plain.steps.len()).filter(|state| plain.steps[*state].is_empty()).collect();
    assert_eq!(found.terminals(), terminals.len() as u64);
    assert_eq!(found.first_terminal().map(|first| first.state as usize), terminals.first().copied());
    for bit in 0..3 {
        assert_eq!(found.verdict(bit), plain.verdict(bit));
        assert_eq!(found.reachability(bit), plain.reachability(bit));
    }
    for state in (0..plain.states.len()).step_by(plain.states.len() / 7 + 1) {
        let trace = found.trace_to(space, state as u32).expect("the space is repeatable");
        let steps = trace.steps.iter().map(|step| Successor { label: step.label, state: to(&step.state) }).collect();
        assert_eq!(Trace { initial: trace.initial.as_ref().map(&to), steps }, plain.trace_to(state));
    }
    if let Ok(graph) = found.graph() {
        assert!((0..).zip(&plain.steps).all(|(from, steps)| graph.steps(from).eq(steps.iter().copied())));
    }
}
