//! How fast an exploration goes, and how long it may still take.

use std::collections::VecDeque;
use std::time::Instant;

/// The last seconds of an exploration.
pub(super) struct Pace {
    /// When so many states were expanded, oldest first.
    marks: VecDeque<(Instant, u32)>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace { marks: VecDeque::new() }
    }

    /// Notes how many states are expanded by now.
    pub(super) fn note(&mut self, expanded: u32) {
        let now = Instant::now();
        self.marks.push_back((now, expanded));
        while self.marks.len() > 2 && now.duration_since(self.marks[1].0).as_secs_f64() >= WINDOW_SECONDS {
            self.marks.pop_front();
        }
    }

    /// States expanded a second, of late; zero as long as nothing can be said.
    pub(super) fn states_per_second(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.marks.front(), self.marks.back()) else { return 0.0 };
        let seconds = to.duration_since(*from).as_secs_f64();
        if seconds > 0.0 { f64::from(after - before) / seconds } else { 0.0 }
    }

    /// About how many seconds are left, given where the levels start, how many states are known, and how many there
    /// should be.
    pub(super) fn seconds_left(&self, level_starts: &[u32], known: u32, expected: Option<usize>) -> Option<f64> {
        let expanded = self.marks.back().map_or(0, |(_, expanded)| *expanded);
        let rate = self.states_per_second();
        let states = states_left(level_starts, expanded, known, expected)?;
        (rate > 0.0).then(|| states / rate)
    }
}

/// About how many states are still to be expanded.
///
/// An expectation that is already exceeded is worth nothing. Without one, the levels must be shrinking; that each is
/// smaller than the one before by the same factor is too much rather than too little, since the last ones shrink faster.
fn states_left(level_starts: &[u32], expanded: u32, known: u32, expected: Option<usize>) -> Option<f64> {
    if let Some(expected) = expected.filter(|expected| *expected >= known as usize) {
        return Some(expected as f64 - f64::from(expanded));
    }
    let [.., before, start, end] = level_starts else { return None };
    let (previous, last) = (f64::from(start - before), f64::from(end - start));
    let factor = last / previous;
    (factor < LEAST_SHRINKING).then(|| f64::from(end.saturating_sub(expanded)) + last * factor / (1.0 - factor))
}

/// How long ago the oldest mark may be.
const WINDOW_SECONDS: f64 = 10.0;

/// Levels that shrink by less say nothing about the end.
const LEAST_SHRINKING: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_count_says_what_is_left() {
        assert_eq!(states_left(&[0, 1, 10], 5, 20, Some(100)), Some(95.0));
    }

    #[test]
    fn an_expected_count_that_is_exceeded_says_nothing() {
        assert_eq!(states_left(&[0, 1, 10], 5, 101, Some(100)), None);
    }

    #[test]
    fn levels_that_grow_say_nothing() {
        assert_eq!(states_left(&[0, 1, 3, 7], 5, 7, None), None);
    }

    #[test]
    fn levels_that_halve_leave_as_much_as_the_last() {
        // 100, 50; 10 of the 50 expanded; then 25 + 12.5 + ….
        assert_eq!(states_left(&[0, 100, 150], 110, 160, None), Some(40.0 + 50.0));
    }

    #[test]
    fn an_exploration_without_rounds_has_no_pace() {
        let pace = Pace::new();
        assert_eq!((pace.states_per_second(), pace.seconds_left(&[0, 1], 1, Some(5))), (0.0, None));
    }
}
