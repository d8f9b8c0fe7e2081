//! What is asked of one group at a time: where it goes, what it carries, and what a refusal of it means.
//!
//! A question knows nothing of routes until it is asked. So it can be asked again by newer ones, and falls into parts
//! where they say so.

use super::lead::Means;
use super::txn_part::{Stamp, TxnPart};
use crate::desk::{DEFAULT_GROUP, Desk, Destination};
use splitjob_core::catalog::{CatalogCommand, RouteState};
use splitjob_core::coordinator::{Retry, Routed, after_refusal, route_point, route_prefix, route_range};
use splitjob_core::group::{
    DeletePrefix, GroupCommand, LatestRequest, Mutation, ReadRequest, ReadShape, Rejection, TxnCommand, WriteRequest,
};
use splitjob_core::id::{CatalogVersion, GroupId};
use splitjob_core::key::{RawInterval, RawKey, route_key};
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_wire::peer::Call;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A write; without a timestamp the leader chooses one.
    Write { mutation: Mutation, commit_ts: Option<Timestamp> },
    /// A prefix delete; without a part it is not divided yet.
    DeletePrefix { prefix: RawKey, part: Option<KeyRange>, commit_ts: Timestamp },
    /// A read; a pinned version is the client's own stamp.
    Read { shape: ReadShape, at: ReadAt, pinned: Option<CatalogVersion> },
    /// The newest commit timestamp of a key.
    Latest { key: RawKey, pinned: Option<CatalogVersion> },
    /// A step of a transaction.
    Txn(TxnPart),
    /// What became of a transaction.
    Status { txn: TxnId },
    /// A command of the catalog.
    Catalog(CatalogCommand),
    /// Anything else that a group's leader is asked once.
    Order { group: GroupId, call: Call },
    /// Whether no job has fenced a key, by the routes that this node knows.
    Unfenced { keys: Vec<RawKey> },
    /// Whether this node knows routes of this version; refused when the time is over.
    Version { at_least: CatalogVersion, until_ms: u64 },
    /// Nothing but time.
    Pause { until_ms: u64 },
}

/// The timestamp of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadAt {
    /// The group's leader chooses.
    Latest,
    /// The client chose.
    Callers(Timestamp),
    /// Another part of the same request was read at it.
    Parts(Timestamp),
}

/// Where a question goes by the routes that the node knows.
#[derive(Debug)]
pub(super) enum Way {
    /// To one group.
    Call(Destination, Call),
    /// To several: these are asked instead.
    Parts(Vec<Question>),
    /// Several groups own what only one can be asked.
    Divided,
    /// The node itself can tell: it holds.
    Holds,
    /// The node itself can tell: refused as a group would.
    Refused(Rejection),
    /// The node itself can tell, later.
    Later { until_ms: u64, at_least: Option<CatalogVersion> },
    /// The routes have not come in time.
    TooLate,
}

impl Question {
    /// Where the question goes now.
    pub(super) fn way(&self, desk: &mut Desk<'_>) -> Way {
        match self {
            Question::Write { mutation, commit_ts } => write_way(mutation, *commit_ts, desk),
            Question::DeletePrefix { prefix, part: None, .. } => match route_prefix(desk.routes(), prefix) {
                Ok(parts) => Way::Parts(parts.into_iter().map(|part| self.within(part.footprint)).collect()),
                Err(rejection) => Way::Refused(rejection),
            },
            Question::DeletePrefix { prefix, part: Some(part), commit_ts } => {
                self.one_or_parts(part, desk, |routed| prefix_call(prefix, *commit_ts, routed))
            }
            Question::Read { shape, at, pinned } => self.read_way(shape, *at, *pinned, desk),
            Question::Latest { key, pinned } => {
                let Routed { group, routed_by, .. } = route_point(desk.routes(), key);
                let request = LatestRequest { key: key.clone(), routed_by: pinned.or(Some(routed_by)) };
                Way::Call(Destination::Leader(group), Call::Latest { group, request })
            }
            Question::Txn(part) => part.way(desk.routes()),
            Question::Status { txn } => {
                let Routed { group, routed_by, .. } = route_point(desk.routes(), &txn.primary);
                let call = Call::TxnStatus { group, txn: txn.clone(), routed_by: Some(routed_by) };
                Way::Call(Destination::Leader(group), call)
            }
            Question::Catalog(command) => {
                Way::Call(Destination::Leader(DEFAULT_GROUP), Call::ProposeCatalog { command: command.clone() })
            }
            Question::Order { group, call } => Way::Call(Destination::Leader(*group), call.clone()),
            Question::Unfenced { .. } | Question::Version { .. } | Question::Pause { .. } => self.own_way(desk),
        }
    }

    /// What only time and the node's own routes answer.
    fn own_way(&self, desk: &Desk<'_>) -> Way {
        let now_ms = desk.now.elapsed_ms;
        match self {
            Question::Unfenced { keys } => {
                let is_fenced = |key: &RawKey| desk.routes().covering(&route_key(key)).state == RouteState::WriteFenced;
                if keys.iter().any(is_fenced) { Way::Refused(Rejection::RouteWriteFenced) } else { Way::Holds }
            }
            Question::Version { at_least, .. } if desk.routes().version >= *at_least => Way::Holds,
            Question::Version { until_ms, .. } if now_ms >= *until_ms => Way::TooLate,
            Question::Version { at_least, until_ms } => Way::Later { until_ms: *until_ms, at_least: Some(*at_least) },
            Question::Pause { until_ms } if now_ms < *until_ms => Way::Later { until_ms: *until_ms, at_least: None },
            Question::Pause { .. }
            | Question::Write { .. }
            | Question::DeletePrefix { .. }
            | Question::Read { .. }
            | Question::Latest { .. }
            | Question::Txn(_)
            | Question::Status { .. }
            | Question::Catalog(_)
            | Question::Order { .. } => Way::Holds,
        }
    }

    fn read_way(&self, shape: &ReadShape, at: ReadAt, pinned: Option<CatalogVersion>, desk: &mut Desk<'_>) -> Way {
        // A leader that chooses may take what this node has seen as the least.
        let read_ts = match at {
            ReadAt::Latest => desk.next_ts(),
            ReadAt::Callers(read_ts) | ReadAt::Parts(read_ts) => read_ts,
        };
        let call = |routed: Routed, shape: ReadShape| {
            let request = ReadRequest { shape, read_ts, routed_by: pinned.or(Some(routed.routed_by)) };
            Call::Read { group: routed.group, request, latest: at == ReadAt::Latest }
        };
        match shape {
            ReadShape::Point { key } => {
                let routed = route_point(desk.routes(), key);
                Way::Call(Destination::Leader(routed.group), call(routed, shape.clone()))
            }
            ReadShape::Scan { interval, range, direction, limit } => self.one_or_parts(range, desk, |routed| {
                let (range, interval) = (routed.footprint.clone(), clipped(interval, &routed.footprint));
                call(routed, ReadShape::Scan { interval, range, direction: *direction, limit: *limit })
            }),
        }
    }

    fn one_or_parts(&self, range: &KeyRange, desk: &Desk<'_>, call: impl FnOnce(Routed) -> Call) -> Way {
        let mut parts = route_range(desk.routes(), range);
        if parts.len() > 1 {
            return Way::Parts(parts.into_iter().map(|part| self.within(part.footprint)).collect());
        }
        let routed = parts.pop().expect("C1: a range that is not empty meets a route");
        Way::Call(Destination::Leader(routed.group), call(routed))
    }

    /// The same question of a part of its range.
    fn within(&self, part: KeyRange) -> Question {
        let mut question = self.clone();
        if let Question::DeletePrefix { part: whole, .. } = &mut question {
            *whole = Some(part);
        } else if let Question::Read { shape: ReadShape::Scan { range, .. }, .. } = &mut question {
            *range = part;
        }
        question
    }

    /// What follows the `attempt`-th refusal in a row.
    pub(super) fn retry(&self, rejection: &Rejection, attempt: u32) -> Retry {
        if self.surfaces(rejection, attempt) {
            return Retry::Surface;
        }
        if let (Rejection::TimestampTaken, Some(floor)) = (rejection, self.replaceable_ts()) {
            return Retry::Observe { floor };
        }
        after_refusal(rejection, attempt, self.is_bound_to_its_ts(rejection))
    }

    fn surfaces(&self, rejection: &Rejection, attempt: u32) -> bool {
        match self {
            // Its own routing was wrong: routing anew on its behalf would hide that.
            Question::Read { pinned, .. } | Question::Latest { pinned, .. } => {
                pinned.is_some() && is_about_routes(rejection)
            }
            Question::Txn(part) => part.surfaces(rejection, attempt),
            Question::Write { .. }
            | Question::DeletePrefix { .. }
            | Question::Status { .. }
            | Question::Catalog(_)
            | Question::Order { .. }
            | Question::Unfenced { .. }
            | Question::Version { .. }
            | Question::Pause { .. } => false,
        }
    }

    /// The timestamp that was chosen here and that a greater one can replace.
    fn replaceable_ts(&self) -> Option<Timestamp> {
        match self {
            Question::DeletePrefix { commit_ts, .. } => Some(*commit_ts),
            Question::Txn(part) if part.stamp == Stamp::Replaceable => Some(part.commit_ts),
            Question::Txn(_)
            | Question::Write { .. }
            | Question::Read { .. }
            | Question::Latest { .. }
            | Question::Status { .. }
            | Question::Catalog(_)
            | Question::Order { .. }
            | Question::Unfenced { .. }
            | Question::Version { .. }
            | Question::Pause { .. } => None,
        }
    }

    fn is_bound_to_its_ts(&self, rejection: &Rejection) -> bool {
        match self {
            Question::Write { commit_ts, .. } => commit_ts.is_some(),
            Question::Read { at, .. } => matches!(at, ReadAt::Callers(_)),
            Question::Txn(part) => match part.stamp {
                Stamp::Callers => true,
                // The ceiling rises by itself; a floor doesn't fall.
                Stamp::Fixed => !matches!(rejection, Rejection::TimestampTooHigh { .. }),
                Stamp::Replaceable => false,
            },
            Question::DeletePrefix { .. }
            | Question::Latest { .. }
            | Question::Status { .. }
            | Question::Catalog(_)
            | Question::Order { .. }
            | Question::Unfenced { .. }
            | Question::Version { .. }
            | Question::Pause { .. } => false,
        }
    }

    /// Takes a greater timestamp, where the one it has may be replaced.
    pub(super) fn restamp(&mut self, means: &mut Means<'_, '_>) {
        if let Question::DeletePrefix { commit_ts, .. } = self {
            *commit_ts = means.desk.next_ts();
        } else if let Question::Txn(part) = self
            && part.stamp == Stamp::Replaceable
        {
            means.lead.raise();
            part.commit_ts = means.stamp_above(part.txn.start_ts);
        }
    }

    /// Whether asking twice does no more than asking once: what may be asked again when an answer is lost (X2).
    pub(super) fn is_repeatable(&self) -> bool {
        match self {
            Question::Read { .. }
            | Question::Latest { .. }
            | Question::Status { .. }
            | Question::Txn(_)
            | Question::Unfenced { .. }
            | Question::Version { .. }
            | Question::Pause { .. } => true,
            Question::Write { .. } | Question::DeletePrefix { .. } | Question::Catalog(_) | Question::Order { .. } => {
                false
            }
        }
    }

    /// Whether it changes what others see.
    pub(super) fn is_a_change(&self) -> bool {
        !self.is_repeatable() || matches!(self, Question::Txn(_))
    }
}

fn write_way(mutation: &Mutation, commit_ts: Option<Timestamp>, desk: &Desk<'_>) -> Way {
    let Routed { group, routed_by, .. } = route_point(desk.routes(), &mutation.key);
    let request = WriteRequest {
        mutations: vec![mutation.clone()],
        commit_ts: commit_ts.unwrap_or(Timestamp::ZERO),
        routed_by: Some(routed_by),
    };
    let call = Call::Propose { group, command: GroupCommand::Write(request), stamped: commit_ts.is_some() };
    Way::Call(Destination::Leader(group), call)
}

fn prefix_call(prefix: &RawKey, commit_ts: Timestamp, routed: Routed) -> Call {
    let Routed { group, footprint, routed_by } = routed;
    let request = DeletePrefix { prefix: prefix.clone(), part: footprint, commit_ts, routed_by: Some(routed_by) };
    Call::Propose { group, command: GroupCommand::DeletePrefix(request), stamped: true }
}

/// A proposal of a step of a transaction.
pub(super) fn txn_call(part: &TxnPart, group: GroupId, routed_by: CatalogVersion) -> Way {
    let command = TxnCommand {
        txn: part.txn.clone(),
        commit_ts: part.commit_ts,
        routed_by: Some(routed_by),
        action: part.action.clone(),
    };
    let call = Call::Propose { group, command: GroupCommand::Txn(command), stamped: true };
    Way::Call(Destination::Leader(group), call)
}

/// Whether no internal row can lie in the interval: its keys route as they are written, in the same order.
pub(super) fn is_plain(interval: &RawInterval) -> bool {
    !interval.meets(&RawInterval::of_prefix(INTERNAL))
}

/// The routing keys that rows of the interval can have; absent where no row can lie in it.
pub(super) fn scan_footprint(interval: &RawInterval) -> Option<KeyRange> {
    if interval.is_empty() {
        return None;
    }
    if !is_plain(interval) {
        return Some(KeyRange::all());
    }
    let end = interval.end.as_ref().map(|end| end.as_bytes().into());
    Some(KeyRange::new(interval.start.as_bytes().into(), end).expect("the interval is not empty"))
}

/// What of a plain interval can route into the part, so that a group doesn't walk what isn't asked of it.
fn clipped(interval: &RawInterval, part: &KeyRange) -> RawInterval {
    if !is_plain(interval) {
        return interval.clone();
    }
    let start = interval.start.clone().max(part.start().as_bytes().into());
    let end = part.end().map(|end| RawKey::from(end.as_bytes()));
    let end = match (interval.end.clone(), end) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    };
    RawInterval { start, end }
}

fn is_about_routes(rejection: &Rejection) -> bool {
    let is_elsewhere = matches!(rejection, Rejection::OwnershipUnknown | Rejection::RoutedTooEarly { .. });
    is_elsewhere || rejection.is_caused_by_a_job()
}

/// What every internal prefix begins with.
const INTERNAL: &[u8] = b"!";
