//! Small worlds.

use splitjob_model::explore::{Interner, PackedState, Space, Successor};

/// Five leaders that count to a limit, each with a follower that never overtakes it.
pub(crate) struct Followers {
    pub(crate) limit: u32,
}

impl Space for Followers {
    type State = [u32; 10];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 10]> {
        vec![[0; 10]]
    }

    fn successors(&self, (): &mut (), state: &[u32; 10], out: &mut Vec<Successor<[u32; 10]>>) {
        for place in 0..10 {
            let most = if place % 2 == 0 { self.limit } else { state[place - 1] };
            if state[place] < most {
                let mut next = *state;
                next[place] += 1;
                out.push(Successor { label: place as u32, state: next });
            }
        }
    }

    /// 0: somebody counted too far. 1: all leaders are done while no follower has begun.
    fn violations(&self, (): &mut (), state: &[u32; 10]) -> u64 {
        let leaders = state.iter().step_by(2).all(|count| *count == self.limit);
        let followers = state.iter().skip(1).step_by(2).all(|count| *count == 0);
        u64::from(state.iter().any(|count| *count > self.limit)) | u64::from(leaders && followers) << 1
    }

    /// 0: all are done. 1: never.
    fn goals(&self, (): &mut (), state: &[u32; 10]) -> u64 {
        u64::from(state.iter().all(|count| *count == self.limit))
    }
}

/// Eight tiles on a board of three by three: every position that can be reached, 181,440 of them.
pub(crate) struct Puzzle;

impl Space for Puzzle {
    type State = [u32; 9];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 9]> {
        vec![[1, 4, 2, 3, 5, 8, 6, 7, 0]]
    }

    fn successors(&self, (): &mut (), state: &[u32; 9], out: &mut Vec<Successor<[u32; 9]>>) {
        let hole = state.iter().position(|tile| *tile == 0).expect("there is a hole");
        let moves = [
            (hole >= 3, hole.wrapping_sub(3)),
            (hole < 6, hole + 3),
            (hole % 3 > 0, hole.wrapping_sub(1)),
            (hole % 3 < 2, hole + 1),
        ];
        for (label, (_, from)) in moves.into_iter().enumerate().filter(|(_, (possible, _))| *possible) {
            let mut next = *state;
            next.swap(hole, from);
            out.push(Successor { label: label as u32, state: next });
        }
    }

    /// 0: the first row is upside down in order, a position far away.
    fn violations(&self, (): &mut (), state: &[u32; 9]) -> u64 {
        u64::from(state.starts_with(&[8, 7, 6]))
    }

    /// 0: solved. 1: solved but for two tiles, which no number of moves can do.
    fn goals(&self, (): &mut (), state: &[u32; 9]) -> u64 {
        u64::from(*state == [0, 1, 2, 3, 4, 5, 6, 7, 8]) | u64::from(*state == [0, 2, 1, 3, 4, 5, 6, 7, 8]) << 1
    }
}

/// Peterson's mutual exclusion of two processes; without giving way, both can be inside.
pub(crate) struct Peterson {
    pub(crate) gives_way: bool,
}

/// Where a process is.
pub(crate) const IDLE: u32 = 0;
pub(crate) const WANTS: u32 = 1;
pub(crate) const WAITS: u32 = 2;
pub(crate) const INSIDE: u32 = 3;

impl Space for Peterson {
    /// Where each process is, and whose turn it is.
    type State = [u32; 3];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 3]> {
        vec![[IDLE, IDLE, 0], [IDLE, IDLE, 1]]
    }

    /// Labels: process, plus two for each place that the process leaves.
    fn successors(&self, (): &mut (), state: &[u32; 3], out: &mut Vec<Successor<[u32; 3]>>) {
        for process in 0..2 {
            let (other, mut next) = (1 - process, *state);
            match state[process] {
                IDLE => next[process] = WANTS,
                WANTS => (next[process], next[2]) = (WAITS, other as u32),
                WAITS if state[other] == IDLE || state[2] == process as u32 || !self.gives_way => {
                    next[process] = INSIDE;
                }
                INSIDE => next[process] = IDLE,
                _ => continue,
            }
            out.push(Successor { label: process as u32 + 2 * state[process], state: next });
        }
    }

    /// 0: both are inside.
    fn violations(&self, (): &mut (), state: &[u32; 3]) -> u64 {
        u64::from(state[0] == INSIDE && state[1] == INSIDE)
    }

    /// 0 and 1: that process is inside.
    fn goals(&self, (): &mut (), state: &[u32; 3]) -> u64 {
        u64::from(state[0] == INSIDE) | u64::from(state[1] == INSIDE) << 1
    }
}

/// Dijkstra's ring: from any start, sooner or later exactly one node has the privilege. All states are initial but for
/// those with one privilege.
pub(crate) struct Ring {
    pub(crate) values: u32,
}

impl Ring {
    fn privileges(state: &[u32; 5]) -> impl Iterator<Item = usize> {
        (0..5).filter(|node| if *node == 0 { state[0] == state[4] } else { state[*node] != state[*node - 1] })
    }
}

impl Space for Ring {
    type State = [u32; 5];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 5]> {
        let all = (0..self.values.pow(5))
            .map(|code| std::array::from_fn(|node| code / self.values.pow(node as u32) % self.values));
        all.filter(|state| Ring::privileges(state).count() > 1).collect()
    }

    fn successors(&self, (): &mut (), state: &[u32; 5], out: &mut Vec<Successor<[u32; 5]>>) {
        for node in Ring::privileges(state) {
            let mut next = *state;
            next[node] = if node == 0 { (state[0] + 1) % self.values } else { state[node - 1] };
            out.push(Successor { label: node as u32, state: next });
        }
    }

    /// 0: nobody has the privilege.
    fn violations(&self, (): &mut (), state: &[u32; 5]) -> u64 {
        u64::from(Ring::privileges(state).next().is_none())
    }

    /// 0: exactly one has it.
    fn goals(&self, (): &mut (), state: &[u32; 5]) -> u64 {
        u64::from(Ring::privileges(state).count() == 1)
    }
}

/// A graph as it is drawn: for each state its steps as label and end. State 0 is initial, and so are those listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) steps: Vec<Vec<(u32, u32)>>,
    pub(crate) initial: Vec<u32>,
    pub(crate) violations: Vec<u64>,
    pub(crate) goals: Vec<u64>,
}

impl Drawn {
    /// Steps as from, label, end; state 0 initial.
    pub(crate) fn of(states: usize, steps: &[(u32, u32, u32)]) -> Self {
        let mut drawn = Drawn { steps: vec![Vec::new(); states], initial: vec![0], ..Drawn::default() };
        steps.iter().for_each(|(from, label, end)| drawn.steps[*from as usize].push((*label, *end)));
        drawn
    }
}

impl Space for Drawn {
    type State = [u32; 1];
    type Worker = ();

    fn worker(&self) {}

    fn initial(&self) -> Vec<[u32; 1]> {
        self.initial.iter().map(|state| [*state]).collect()
    }

    fn successors(&self, (): &mut (), [state]: &[u32; 1], out: &mut Vec<Successor<[u32; 1]>>) {
        let steps = self.steps[*state as usize].iter();
        out.extend(steps.map(|(label, end)| Successor { label: *label, state: [*end] }));
    }

    fn violations(&self, (): &mut (), [state]: &[u32; 1]) -> u64 {
        self.violations.get(*state as usize).copied().unwrap_or(0)
    }

    fn goals(&self, (): &mut (), [state]: &[u32; 1]) -> u64 {
        self.goals.get(*state as usize).copied().unwrap_or(0)
    }
}

/// A space whose states nearly all have the same hash.
pub(crate) struct Clashing<P>(pub(crate) P);

/// A state with a useless hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clash<S>(pub(crate) S);

impl<S: PackedState> PackedState for Clash<S> {
    const WORDS: usize = S::WORDS;

    fn hash64(&self) -> u64 {
        self.0.hash64() >> 62 << 62
    }

    fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }

    fn word(&self, place: usize) -> u32 {
        self.0.word(place)
    }

    fn of_words(word: impl FnMut(usize) -> u32) -> Self {
        Clash(S::of_words(word))
    }
}

impl<P: Space> Space for Clashing<P> {
    type State = Clash<P::State>;
    type Worker = P::Worker;

    fn worker(&self) -> P::Worker {
        self.0.worker()
    }

    fn initial(&self) -> Vec<Clash<P::State>> {
        self.0.initial().into_iter().map(Clash).collect()
    }

    fn successors(&self, worker: &mut P::Worker, state: &Clash<P::State>, out: &mut Vec<Successor<Clash<P::State>>>) {
        let mut inner = Vec::new();
        self.0.successors(worker, &state.0, &mut inner);
        out.extend(inner.into_iter().map(|step| Successor { label: step.label, state: Clash(step.state) }));
    }

    fn violations(&self, worker: &mut P::Worker, state: &Clash<P::State>) -> u64 {
        self.0.violations(worker, &state.0)
    }

    fn goals(&self, worker: &mut P::Worker, state: &Clash<P::State>) -> u64 {
        self.0.goals(worker, &state.0)
    }
}

/// A space whose numbers are given anew, in every place by itself, as they come: each process and each race gives others.
pub(crate) struct Renumbered<P: Space> {
    pub(crate) space: P,
    numbers: Vec<Interner<u32>>,
}

impl<P: Space> Renumbered<P> {
    /// The first numbers go to values that nobody has.
    pub(crate) fn after(idle: u32, space: P) -> Self {
        let numbers: Vec<Interner<u32>> = (0..P::State::WORDS).map(|_| Interner::new()).collect();
        for (place, numbers) in (0..).zip(&numbers) {
            (0..idle + place % 3).for_each(|value| {
                numbers.intern(u32::MAX - value);
            });
        }
        Renumbered { space, numbers }
    }

    pub(crate) fn meant(&self, state: &P::State) -> P::State {
        P::State::of_words(|place| **self.numbers[place].get(state.word(place)))
    }

    fn numbered(&self, state: &P::State) -> P::State {
        P::State::of_words(|place| self.numbers[place].intern(state.word(place)))
    }
}

impl<P: Space> Space for Renumbered<P> {
    type State = P::State;
    type Worker = P::Worker;

    fn worker(&self) -> P::Worker {
        self.space.worker()
    }

    fn initial(&self) -> Vec<P::State> {
        self.space.initial().iter().map(|state| self.numbered(state)).collect()
    }

    fn successors(&self, worker: &mut P::Worker, state: &P::State, out: &mut Vec<Successor<P::State>>) {
        self.space.successors(worker, &self.meant(state), out);
        out.iter_mut().for_each(|successor| successor.state = self.numbered(&successor.state));
    }

    fn violations(&self, worker: &mut P::Worker, state: &P::State) -> u64 {
        self.space.violations(worker, &self.meant(state))
    }

    fn goals(&self, worker: &mut P::Worker, state: &P::State) -> u64 {
        self.space.goals(worker, &self.meant(state))
    }

    fn kind(&self, label: u32) -> usize {
        label as usize % 3
    }
}

/// A space whose states are interned as they come, so that ids depend on which thread is first.
pub(crate) struct Interned<P: Space> {
    pub(crate) space: P,
    pub(crate) values: Interner<P::State>,
}

impl<P: Space> Space for Interned<P>
where
    P::State: std::hash::Hash,
{
    type State = [u32; 2];
    type Worker = P::Worker;

    fn worker(&self) -> P::Worker {
        self.space.worker()
    }

    fn initial(&self) -> Vec<[u32; 2]> {
        self.space.initial().into_iter().map(|state| [7, self.values.intern(state)]).collect()
    }

    fn successors(&self, worker: &mut P::Worker, [_, id]: &[u32; 2], out: &mut Vec<Successor<[u32; 2]>>) {
        let mut inner = Vec::new();
        self.space.successors(worker, self.values.get(*id), &mut inner);
        out.extend(
            inner.into_iter().map(|step| Successor { label: step.label, state: [7, self.values.intern(step.state)] }),
        );
    }

    fn violations(&self, worker: &mut P::Worker, [_, id]: &[u32; 2]) -> u64 {
        self.space.violations(worker, self.values.get(*id))
    }

    fn goals(&self, worker: &mut P::Worker, [_, id]: &[u32; 2]) -> u64 {
        self.space.goals(worker, self.values.get(*id))
    }
}
