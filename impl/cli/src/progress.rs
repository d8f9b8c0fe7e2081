//! The line that moves while a command runs, for whoever watches.

use crate::{out, table};
use indicatif::{ProgressBar, ProgressStyle};
use splitjob_model::check::{
    CheckError, Counterexample, GapReport, Options, RedundantReport, Report, run, run_gap, run_redundant,
};
use splitjob_model::explore::Progress;
use splitjob_model::explorer::SplitJob;
use splitjob_model::scenario::{Gap, Redundant, Scenario};
use splitjob_model::world::Fairness;
use std::path::Path;
use std::time::Duration;

/// Limits of a run, as the caller gave them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'a> {
    /// Worker threads.
    pub(crate) threads: usize,
    /// Unique states.
    pub(crate) max_states: Option<usize>,
    /// Time.
    pub(crate) max_time: Option<Duration>,
    /// Whether no liveness property is asked.
    pub(crate) no_liveness: bool,
    /// A fairness that is not assumed.
    pub(crate) unfair: Option<Fairness>,
    /// Where to keep what was explored, and how often.
    pub(crate) checkpoint: Option<(&'a Path, Duration)>,
}

impl<'a> Limits<'a> {
    /// No limits but the threads; by default as many as there are cores.
    pub(crate) fn threads(threads: Option<usize>) -> Limits<'a> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            threads: threads.unwrap_or_else(cores),
            max_states: None,
            max_time: None,
            no_liveness: false,
            unfair: None,
            checkpoint: None,
        }
    }

    /// Runs something under a name, telling how far it is.
    pub(crate) fn watched<T>(self, name: &str, run: impl FnOnce(&Options<'_>) -> T) -> T {
        let line = Line::new(name);
        let tell = |progress: &Progress| line.tell(progress);
        let ran = run(&self.options(&tell));
        line.end();
        ran
    }

    /// Runs a scenario, telling how far it is.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) fn run(
        self,
        scenario: &'static Scenario,
        gap: Option<&'static Gap>,
    ) -> Result<(Report, Option<Counterexample>), CheckError> {
        let line = Line::new(scenario.name);
        let tell = |progress: &Progress| line.tell(progress);
        let ran = run(scenario, gap, &self.options(&tell));
        line.end();
        ran
    }

    /// Runs a gap, telling how far it is.
    ///
    /// # Errors
    /// As [`run_gap`].
    pub(crate) fn run_gap(self, gap: &'static Gap) -> Result<(GapReport, Option<Counterexample>), CheckError> {
        let line = Line::new(gap.name);
        let tell = |progress: &Progress| line.tell(progress);
        let ran = run_gap(gap, &self.options(&tell));
        line.end();
        ran
    }

    /// Runs a gap's scenario without one gate, telling how far it is.
    ///
    /// # Errors
    /// As [`run_redundant`].
    pub(crate) fn run_redundant(self, redundant: &Redundant) -> Result<RedundantReport, CheckError> {
        let line = Line::new(redundant.gate.name());
        let tell = |progress: &Progress| line.tell(progress);
        let ran = run_redundant(redundant, &self.options(&tell));
        line.end();
        ran
    }

    /// Explores a scenario to be walked through, telling how far it is.
    ///
    /// # Errors
    /// As [`SplitJob::explore`].
    pub(crate) fn explore(
        self,
        scenario: &'static Scenario,
        gap: Option<&'static Gap>,
    ) -> Result<SplitJob, CheckError> {
        let line = Line::new(scenario.name);
        let tell = |progress: &Progress| line.tell(progress);
        let explored = SplitJob::explore(scenario, gap, &self.options(&tell));
        line.end();
        explored
    }

    fn options<'b>(self, tell: &'b (dyn Fn(&Progress) + Sync)) -> Options<'b>
    where
        'a: 'b,
    {
        Options {
            threads: self.threads,
            max_states: self.max_states,
            max_time: self.max_time,
            no_liveness: self.no_liveness,
            unfair: self.unfair,
            checkpoint: self.checkpoint,
            progress: Some(tell),
        }
    }
}

/// One line on standard error, gone when the run has ended.
struct Line(Option<ProgressBar>);

impl Line {
    fn new(name: &str) -> Line {
        if !out::is_watched() {
            return Line(None);
        }
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {prefix}: {msg}").expect("the template is well formed");
        bar.set_style(style);
        bar.set_prefix(name.to_owned());
        Line(Some(bar))
    }

    fn tell(&self, progress: &Progress) {
        if let Some(bar) = &self.0 {
            bar.set_message(told(progress));
            bar.tick();
        }
    }

    fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// How far an exploration is, in one line.
fn told(progress: &Progress) -> String {
    let [known, frontier] = [progress.unique, progress.frontier].map(|states| table::grouped(states as u64));
    let rate = progress.states_per_second / 1e6;
    let megabytes = progress.bytes / 1_000_000;
    let seconds = duration(progress.seconds);
    let left = progress.seconds_left.map_or_else(String::new, |left| format!(", about {} left", duration(left)));
    format!(
        "{known} states, {frontier} of them to expand, depth {}, {rate:.2} M states/s, {megabytes} MB, {seconds}{left}",
        progress.depth
    )
}

/// A duration as people say it: nobody cares for the seconds of hours.
fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{whole} s"),
        (0, _) => format!("{minutes} min {:02} s", whole % 60),
        (_, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: Progress = Progress {
        depth: 20,
        unique: 45_141_188,
        expanded: 43_937_188,
        frontier: 1_204_000,
        generated: 140_504_589,
        seconds: 38.2,
        states_per_second: 1.18e6,
        seconds_left: None,
        bytes: 2_876_000_000,
    };

    #[test]
    fn an_end_that_cannot_be_told_is_not_told() {
        let line = "45,141,188 states, 1,204,000 of them to expand, depth 20, 1.18 M states/s, 2876 MB, 38 s";
        assert_eq!(told(&PROGRESS), line);
    }

    #[test]
    fn an_estimate_is_called_one() {
        let line = told(&Progress { seconds_left: Some(754.0), ..PROGRESS });
        assert!(line.ends_with(", 38 s, about 12 min 34 s left"), "{line}");
    }

    #[test]
    fn durations_are_as_long_as_they_need_to_be() {
        let said = [0.4, 59.4, 60.0, 3599.0, 3600.0, 90_061.0].map(duration);
        assert_eq!(said, ["0 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "25 h 01 min"]);
    }
}
