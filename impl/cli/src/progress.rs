//! The line that moves while a command runs, for whoever watches.

use crate::out;
use indicatif::{ProgressBar, ProgressStyle};
use splitjob_model::check::{
    CheckError, Counterexample, GapReport, Options, RedundantReport, Report, SecondOpinion, run, run_gap,
    run_redundant, second_opinion,
};
use splitjob_model::explore::Progress;
use splitjob_model::explorer::SplitJob;
use splitjob_model::scenario::{Gap, Redundant, Scenario};
use splitjob_model::world::Fairness;
use std::time::Duration;

/// Limits of a run, as the caller gave them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
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
}

impl Limits {
    /// No limits but the threads; by default as many as there are cores.
    pub(crate) fn threads(threads: Option<usize>) -> Limits {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            threads: threads.unwrap_or_else(cores),
            max_states: None,
            max_time: None,
            no_liveness: false,
            unfair: None,
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

    /// Explores a scenario with our explorer and with stateright's, telling how far ours is.
    ///
    /// # Errors
    /// As [`second_opinion`].
    pub(crate) fn second_opinion(self, scenario: &'static Scenario) -> Result<SecondOpinion, CheckError> {
        let line = Line::new(scenario.name);
        let tell = |progress: &Progress| line.tell(progress);
        let ran = second_opinion(scenario, &self.options(&tell));
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

    fn options<'a>(self, tell: &'a (dyn Fn(&Progress) + Sync)) -> Options<'a> {
        Options {
            threads: self.threads,
            max_states: self.max_states,
            max_time: self.max_time,
            no_liveness: self.no_liveness,
            unfair: self.unfair,
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
            let rate = progress.unique as f64 / progress.seconds.max(f64::MIN_POSITIVE) / 1e6;
            let megabytes = progress.bytes / 1_000_000;
            bar.set_message(format!(
                "{} states, depth {}, {rate:.2} M states/s, {megabytes} MB, {:.0} s",
                crate::table::grouped(progress.unique as u64),
                progress.depth,
                progress.seconds
            ));
            bar.tick();
        }
    }

    fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
