//! The digests of both sides: counted before the range is fenced, compared before the cutover is armed.

use super::fence;
use super::round::GRACE_MS;
use super::turn::Turn;
use crate::desk::{CallId, Destination, Owner};
use splitjob_core::group::Window;
use splitjob_core::id::{GroupId, JobEpoch};
use splitjob_core::job::{Phase, SplitJob};
use splitjob_core::key::KeyFamily;
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::peer::{Answer, BracketDigest, Call, CallError, DigestCall};
use std::collections::BTreeMap;

/// By bracket.
type Digests = BTreeMap<u64, BracketDigest>;

/// The digests of both sides, on their way.
///
/// Before the fence they are only wanted to be there: a side that hasn't counted the range yet would do so while writers
/// wait. Under the fence they are compared, and hold for the attempt and the `fence_ts` that they were asked for. What was
/// staged by passes before, also in an
/// attempt that was given back, lies at or below `fence_ts`: each row was a version of the source when it was exported,
/// the source's `last_commit_ts` was at or above it then, never falls, and is `fence_ts` by now. So all that is staged
/// counts on the target; and by the pin (G2) all of it is still on the source.
#[derive(Debug)]
pub(super) struct Comparison {
    purpose: Purpose,
    source: Question,
    target: Question,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    BeforeFence { until_ms: u64 },
    BeforeCutover { epoch: JobEpoch, fence_ts: Timestamp },
}

/// What a comparison has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// Before the fence: both have counted, or take longer than can be waited for.
    Counted,
    Equal,
    /// They differ in this bracket.
    Different(String),
    /// Not both are there.
    Going,
}

impl Comparison {
    /// Asks both sides whether they have counted what is there.
    pub(super) fn before_fence(turn: &mut Turn<'_, '_>, job: &SplitJob) -> Comparison {
        let until_ms = turn.now_ms() + turn.settings.count_patience_ms;
        let through = job.copy_window().map_or(Timestamp::ZERO, |window| window.through);
        Comparison::begin(turn, job, through, Purpose::BeforeFence { until_ms })
    }

    /// Asks both sides for what they hold under the fence.
    pub(super) fn before_cutover(turn: &mut Turn<'_, '_>, job: &SplitJob, fence_ts: Timestamp) -> Comparison {
        Comparison::begin(turn, job, fence_ts, Purpose::BeforeCutover { epoch: job.epoch, fence_ts })
    }

    fn begin(turn: &mut Turn<'_, '_>, job: &SplitJob, through: Timestamp, purpose: Purpose) -> Comparison {
        let mut ask = |group, staged| Question::ask(turn, job, Half { group, staged, through });
        let (source, target) = (ask(job.source, false), ask(job.target, true));
        Comparison { purpose, source, target }
    }

    /// Whether it is of this phase, attempt and fence.
    pub(super) fn is_of(&self, job: &SplitJob) -> bool {
        match (self.purpose, &job.phase) {
            (Purpose::BeforeFence { .. }, Phase::Backfill(_)) => true,
            (Purpose::BeforeCutover { epoch, fence_ts }, Phase::DeltaCopy(phase)) => {
                (epoch, fence_ts) == (job.epoch, phase.fence_ts)
            }
            (Purpose::BeforeFence { .. } | Purpose::BeforeCutover { .. }, _) => false,
        }
    }

    pub(super) fn owns(&self, call: CallId) -> bool {
        self.source.owns(call) || self.target.owns(call)
    }

    /// Takes an answer in.
    pub(super) fn answered(&mut self, now_ms: u64, call: CallId, answer: Result<Answer, CallError>) {
        let question = if self.source.owns(call) { &mut self.source } else { &mut self.target };
        question.answered(now_ms, answer);
    }

    /// Asks again where that is due, and says what has come out.
    pub(super) fn turn(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) -> Compared {
        self.source.turn(turn, job);
        self.target.turn(turn, job);
        match (self.purpose, &self.source.state, &self.target.state) {
            (Purpose::BeforeCutover { .. }, State::Here(source), State::Here(target)) => compare(source, target),
            (Purpose::BeforeFence { .. }, State::Here(_), State::Here(_)) => Compared::Counted,
            (Purpose::BeforeFence { until_ms }, _, _) if until_ms <= turn.now_ms() => Compared::Counted,
            (Purpose::BeforeFence { .. } | Purpose::BeforeCutover { .. }, _, _) => Compared::Going,
        }
    }

    pub(super) fn next_wake(&self) -> Option<u64> {
        self.source.next_wake().into_iter().chain(self.target.next_wake()).min()
    }

    /// The groups whose digest is not there yet.
    pub(super) fn missing(&self) -> impl Iterator<Item = GroupId> {
        let is_missing = |question: &&Question| !matches!(question.state, State::Here(_));
        [&self.source, &self.target].into_iter().filter(is_missing).map(|question| question.half.group)
    }
}

/// The source's own count of the range, asked for while the first pass runs: how much there is to copy.
#[derive(Debug)]
pub(super) struct Count {
    question: Question,
    window: Window,
}

impl Count {
    pub(super) fn begin(turn: &mut Turn<'_, '_>, job: &SplitJob, window: Window) -> Count {
        let half = Half { group: job.source, staged: false, through: window.through };
        Count { question: Question::ask(turn, job, half), window }
    }

    pub(super) fn owns(&self, call: CallId) -> bool {
        self.question.owns(call)
    }

    pub(super) fn answered(&mut self, now_ms: u64, answer: Result<Answer, CallError>) {
        self.question.answered(now_ms, answer);
    }

    pub(super) fn turn(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        self.question.turn(turn, job);
    }

    pub(super) fn next_wake(&self) -> Option<u64> {
        self.question.next_wake()
    }

    /// The rows that a pass from the beginning carries.
    pub(super) fn rows(&self, window: Window) -> Option<u64> {
        match &self.question.state {
            State::Here(digests) if window == self.window && window.after == Timestamp::ZERO => {
                Some(digests.values().map(|digest| digest.rows).sum())
            }
            State::Here(_) | State::Asked { .. } | State::Again { .. } => None,
        }
    }
}

/// One side's digest, asked for until it is there.
#[derive(Debug)]
struct Question {
    half: Half,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct Half {
    group: GroupId,
    staged: bool,
    through: Timestamp,
}

#[derive(Debug)]
enum State {
    Asked { call: CallId, give_up_ms: u64 },
    Again { at_ms: u64 },
    Here(Digests),
}

impl Question {
    fn ask(turn: &mut Turn<'_, '_>, job: &SplitJob, half: Half) -> Question {
        let call = Call::Digest(DigestCall {
            group: half.group,
            job: job.id,
            range: job.range.clone(),
            through: half.through,
            staged: half.staged,
        });
        let patience = match fence::stood_ms(job, turn.wall_ms()) {
            Some((_, budget)) => turn.settings.digest_patience_ms.min(budget / 4).max(1),
            None => turn.settings.digest_patience_ms,
        };
        let call = turn.desk.ask(Owner::Migrator, Destination::Leader(half.group), call, patience);
        Question { half, state: State::Asked { call, give_up_ms: turn.now_ms() + patience + GRACE_MS } }
    }

    fn owns(&self, call: CallId) -> bool {
        matches!(self.state, State::Asked { call: asked, .. } if asked == call)
    }

    fn answered(&mut self, now_ms: u64, answer: Result<Answer, CallError>) {
        self.state = match answer {
            Ok(Answer::Digests(digests)) => State::Here(digests),
            Err(CallError::Busy { retry_after_ms, .. }) => {
                State::Again { at_ms: now_ms + retry_after_ms.clamp(1, LONGEST_REST_MS) }
            }
            Ok(_) | Err(_) => State::Again { at_ms: now_ms + REST_MS },
        };
    }

    fn turn(&mut self, turn: &mut Turn<'_, '_>, job: &SplitJob) {
        let now_ms = turn.now_ms();
        let is_due = match &self.state {
            State::Asked { give_up_ms, .. } => *give_up_ms <= now_ms,
            State::Again { at_ms } => *at_ms <= now_ms,
            State::Here(_) => false,
        };
        if is_due {
            *self = Question::ask(turn, job, self.half);
        }
    }

    fn next_wake(&self) -> Option<u64> {
        match &self.state {
            State::Asked { give_up_ms, .. } => Some(*give_up_ms),
            State::Again { at_ms } => Some(*at_ms),
            State::Here(_) => None,
        }
    }
}

fn compare(source: &Digests, target: &Digests) -> Compared {
    let of = |digests: &Digests, bracket: &u64| digests.get(bracket).copied().unwrap_or_default();
    let brackets = source.keys().chain(target.keys());
    let Some(bracket) = brackets.filter(|bracket| of(source, bracket) != of(target, bracket)).min() else {
        return Compared::Equal;
    };
    let (source, target) = (of(source, bracket), of(target, bracket));
    let family = u32::try_from(*bracket).ok().and_then(KeyFamily::from_number);
    let name = family.map_or_else(|| "unknown".to_owned(), |family| family.to_string());
    let (left, right) = (source.rows, target.rows);
    Compared::Different(match left == right {
        true => {
            format!("digests of bracket {bracket} ({name}) differ: source and target have {left} rows, not the same")
        }
        false => format!("digests of bracket {bracket} ({name}) differ: source {left} rows, target {right}"),
    })
}

/// The rest after which a side that gave no digest is asked again, in milliseconds.
const REST_MS: u64 = 20;
/// The longest rest that a busy side can ask for, in milliseconds.
const LONGEST_REST_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(rows: &[(u64, u64)]) -> Digests {
        let digest = |rows| BracketDigest { rows, sum: [0; 32] };
        rows.iter().map(|(bracket, rows)| (*bracket, digest(*rows))).collect()
    }

    #[test]
    fn the_first_bracket_that_differs_is_named_with_both_counts() {
        let compared = compare(&digests(&[(1, 3), (20, 12)]), &digests(&[(1, 3), (20, 11)]));
        let text = "digests of bracket 20 (ListMeta) differ: source 12 rows, target 11";
        assert_eq!(compared, Compared::Different(text.to_owned()));
    }

    #[test]
    fn a_bracket_without_rows_is_equal_to_one_that_is_absent() {
        assert_eq!(compare(&digests(&[(1, 3), (7, 0)]), &digests(&[(1, 3)])), Compared::Equal);
    }
}
