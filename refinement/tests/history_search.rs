//! The search for an order against two others: every permutation, and stateright's tester.

use splitjob_refinement::history::search::{ABSENT, Deed, KeyOperation, Stuck, linearize};
use stateright::semantics::register::{Register, RegisterOp, RegisterRet};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester};

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What operations of clients on one key might look like, right or wrong.
fn operations(
    random: &mut Random,
    clients: u64,
    each: u64,
    any_deed: fn(&mut Random) -> Deed,
) -> Vec<Vec<KeyOperation>> {
    let mut operation = |at: &mut u64| {
        let called_at = *at + 1 + random.below(6);
        let returned_at = called_at + random.below(12);
        *at = returned_at;
        let deed = any_deed(random);
        let is_read = matches!(deed, Deed::See { .. } | Deed::SeeVersion { .. });
        let is_lost = !is_read && random.below(5) == 0;
        KeyOperation { called_at, returned_at: (!is_lost).then_some(returned_at), deed }
    };
    (0..clients).map(|_| (0..each).scan(0, |at, _| Some(operation(at))).collect()).collect()
}

fn plain_deed(random: &mut Random) -> Deed {
    let value = random.below(3) as u32;
    if random.below(2) == 0 { Deed::Write { value, at: None } } else { Deed::See { value, at: None } }
}

fn rarely_equal_deed(random: &mut Random) -> Deed {
    let value = random.below(7) as u32;
    if random.below(2) == 0 { Deed::Write { value, at: None } } else { Deed::See { value: value / 2, at: None } }
}

fn any_deed(random: &mut Random) -> Deed {
    let (value, at) = (random.below(3) as u32, 1 + random.below(5));
    match random.below(7) {
        0 => Deed::Write { value, at: Some(at) },
        1 => Deed::Write { value, at: None },
        2 => Deed::WriteAt { value, at },
        3 => Deed::Clear { at: Some(at) },
        4 => Deed::SeeVersion { at, may_be_unknown: random.below(2) == 0 },
        _ => Deed::See { value, at: None },
    }
}

type Newest = (u32, Option<u64>);

/// The newest versions that may be there after a deed; none if it is a read that sees another.
fn after(deed: Deed, newest: Newest) -> Vec<Newest> {
    let (value, at) = newest;
    let seen = |is_seen: bool| if is_seen { vec![newest] } else { Vec::new() };
    match deed {
        Deed::Write { value, at } => vec![(value, at)],
        Deed::WriteAt { value, at: own } => match at {
            None => vec![newest, (value, Some(own))],
            Some(at) if at > own => vec![newest],
            Some(_) => vec![(value, Some(own))],
        },
        Deed::Clear { at: own } if value == ABSENT => vec![newest, (ABSENT, own)],
        Deed::Clear { at: own } => vec![(ABSENT, own)],
        Deed::See { value: own, at: told } => seen(value == own && (told.is_none() || told == at)),
        Deed::SeeVersion { at: told, may_be_unknown } => seen(at.map_or(may_be_unknown, |at| at == told)),
    }
}

/// Tries every order, of every choice of those that never returned.
fn has_order(left: &mut Vec<KeyOperation>, newest: Newest) -> bool {
    if left.iter().all(|operation| operation.returned_at.is_none()) {
        return true;
    }
    for place in 0..left.len() {
        let returned_before = |other: &KeyOperation| other.returned_at.is_some_and(|at| at < left[place].called_at);
        if left.iter().any(returned_before) {
            continue;
        }
        let operation = left.remove(place);
        let found = after(operation.deed, newest).into_iter().any(|newest| has_order(left, newest));
        left.insert(place, operation);
        if found {
            return true;
        }
    }
    false
}

#[test]
fn the_search_agrees_with_trying_every_order() {
    let (mut ordered, mut others) = (0, 0);
    for seed in 0..90_000 {
        let mut random = Random(seed);
        let deed = [plain_deed, any_deed, rarely_equal_deed][seed as usize % 3];
        let mut operations = operations(&mut random, 3, 2, deed).concat();
        let found = linearize(&operations);
        let is_ordered = has_order(&mut operations, (ABSENT, Some(0)));
        assert_eq!(found.is_ok(), is_ordered, "seed {seed}: {operations:?}");
        assert_ne!(found, Err(Stuck::TooMany));
        *(if is_ordered { &mut ordered } else { &mut others }) += 1;
    }
    assert!(ordered > 10_000 && others > 10_000, "{ordered} with an order, {others} without");
}

/// The same history, told to stateright's tester.
fn tester(threads: &[Vec<KeyOperation>]) -> LinearizabilityTester<usize, Register<u32>> {
    let mut events = Vec::new();
    for (thread, operations) in threads.iter().enumerate() {
        for operation in operations {
            events.push((operation.called_at, false, thread, operation.deed));
            events.extend(operation.returned_at.map(|at| (at, true, thread, operation.deed)));
        }
    }
    events.sort_by_key(|(at, is_return, thread, _)| (*at, *is_return, *thread));
    let mut tester = LinearizabilityTester::new(Register(ABSENT));
    for (_, is_return, thread, deed) in events {
        let told = match (deed, is_return) {
            (Deed::Write { value, .. }, false) => tester.on_invoke(thread, RegisterOp::Write(value)).map(|_| ()),
            (Deed::See { .. }, false) => tester.on_invoke(thread, RegisterOp::Read).map(|_| ()),
            (Deed::Write { .. }, true) => tester.on_return(thread, RegisterRet::WriteOk).map(|_| ()),
            (Deed::See { value, .. }, true) => tester.on_return(thread, RegisterRet::ReadOk(value)).map(|_| ()),
            (Deed::WriteAt { .. } | Deed::Clear { .. } | Deed::SeeVersion { .. }, _) => {
                panic!("a register has plain reads and writes only")
            }
        };
        told.expect("a thread does one thing after the other");
    }
    tester
}

#[test]
fn the_search_agrees_with_stateright() {
    let (mut ordered, mut others) = (0, 0);
    for seed in 0..4_000 {
        let mut random = Random(seed);
        let deed = [plain_deed, rarely_equal_deed][seed as usize % 2];
        let mut threads = operations(&mut random, 4, 3, deed);
        // A thread of the tester ends with what never returns; a call at the time of a return is after it there.
        for thread in &mut threads {
            let end = thread.iter().position(|operation| operation.returned_at.is_none());
            thread.truncate(end.map_or(thread.len(), |end| end + 1));
        }
        let found = linearize(&threads.concat()).is_ok();
        assert_eq!(found, tester(&threads).is_consistent(), "seed {seed}: {threads:?}");
        *(if found { &mut ordered } else { &mut others }) += 1;
    }
    assert!(ordered > 500 && others > 500, "{ordered} with an order, {others} without");
}
