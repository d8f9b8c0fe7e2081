//! How the history grows, and what a read should have returned: all of it from versions and answers alone.

use super::bounds::{Bounds, Look, Side};
use super::component::{Answered, Decided, History, Wrong};
use splitjob_core::key::RawKey;
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use std::collections::BTreeMap;

/// Something that the history remembers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    /// A log accepted a client's write.
    Accepted { write: u8, side: Side, is_acked: bool, owner: Side },
    /// A client got the answer to a read, or to a page of it.
    Answered { read: u8, from: Option<RawKey>, returned: Vec<(RawKey, Timestamp)> },
    /// A request was refused because of the job.
    Refused { key: RawKey },
    /// A message that was late or repeated changed a group.
    LateMessageActed { side: Side },
    /// The job entered DELTA_COPY.
    Fenced,
    /// The source collected old versions.
    Collected { through: Timestamp },
}

impl History {
    /// The history after the event.
    pub(super) fn after(&self, event: &Event, bounds: &Bounds) -> History {
        let mut history = self.clone();
        match event {
            Event::Accepted { write, side, is_acked, owner } => {
                history.accept(*write, *side, *is_acked, *owner, bounds);
            }
            Event::Answered { read, from, returned } => {
                let expected = self.expected(*read, from.as_ref(), bounds);
                let answered = Answered { read: *read, from: from.clone(), returned: returned.clone(), expected };
                history.reads.insert(answered);
            }
            Event::Refused { key } => {
                history.wrongs.insert(Wrong::RefusedOutside { key: key.clone() });
            }
            Event::LateMessageActed { side } => {
                history.wrongs.insert(Wrong::LateMessageActed { side: *side });
            }
            Event::Fenced => history.fenced_through = Some(self.greatest_on_source(bounds)),
            Event::Collected { through } => history.collected_through = *through,
        }
        history
    }

    fn accept(&mut self, write: u8, side: Side, is_acked: bool, owner: Side, bounds: &Bounds) {
        let request = &bounds.writes[usize::from(write)];
        let (key, commit_ts) = (request.key.clone(), request.commit_ts);
        if side != owner {
            self.wrongs.insert(Wrong::AdmittedByNonOwner { key: key.clone(), side });
        }
        if side == Side::Target && self.fenced_through.is_some_and(|fenced| commit_ts <= fenced) {
            self.wrongs.insert(Wrong::AdmittedBelowFence { key: key.clone(), commit_ts });
        }
        let decided = Decided { content: request.content.clone(), side, is_acked };
        self.decided.insert((key, commit_ts), decided);
    }

    fn greatest_on_source(&self, bounds: &Bounds) -> Timestamp {
        let stored = bounds.stored.iter().map(|row| row.version.commit_ts);
        let of_source = self.decided.iter().filter(|(_, decided)| decided.side == Side::Source);
        let decided = of_source.map(|((_, commit_ts), _)| *commit_ts);
        stored.chain(decided).max().unwrap_or(Timestamp::ZERO)
    }

    /// Every version that was ever decided, those stored from the start included.
    pub(super) fn versions(&self, bounds: &Bounds) -> BTreeMap<(RawKey, Timestamp), Content> {
        let stored = bounds.stored.iter().map(|row| (&row.key, row.version.commit_ts, &row.version.content));
        let decided = self.decided.iter().map(|((key, commit_ts), decided)| (key, *commit_ts, &decided.content));
        stored.chain(decided).map(|(key, ts, content)| ((key.clone(), ts), content.clone())).collect()
    }

    /// What a read, or its page from a key on, returns in an ideal service that knows every decided version.
    pub(super) fn expected(&self, read: u8, from: Option<&RawKey>, bounds: &Bounds) -> Vec<(RawKey, Timestamp)> {
        let request = &bounds.reads[usize::from(read)];
        let versions = self.versions(bounds);
        let visible = |key: &RawKey| visible(&versions, key, request.read_ts).map(|ts| (key.clone(), ts));
        match &request.look {
            Look::Point(key) => visible(key).into_iter().collect(),
            Look::Scan { interval, direction, page, .. } => {
                let mut keys: Vec<&RawKey> = bounds.keys.iter().map(|key| &key.raw).collect();
                keys.sort();
                if *direction == Direction::Reverse {
                    keys.reverse();
                }
                let is_on_page = |key: &&RawKey| match direction {
                    Direction::Forward => from.is_none_or(|from| *key >= from),
                    Direction::Reverse => from.is_none_or(|from| *key <= from),
                };
                let found = keys.into_iter().filter(|key| interval.contains(key)).filter(is_on_page);
                found.filter_map(visible).take(usize::try_from(*page).unwrap_or(usize::MAX)).collect()
            }
        }
    }

    /// Whether the version was told to a client, or stored from the start.
    pub(super) fn is_acked(&self, key: &RawKey, commit_ts: Timestamp) -> bool {
        self.decided.get(&(key.clone(), commit_ts)).is_none_or(|decided| decided.is_acked)
    }
}

/// The commit timestamp of the version that a key shows, in the words of §1: the newest at or below, unless it is a
/// deletion or has expired.
fn visible(versions: &BTreeMap<(RawKey, Timestamp), Content>, key: &RawKey, read_ts: Timestamp) -> Option<Timestamp> {
    let of_key = (key.clone(), Timestamp::ZERO)..=(key.clone(), read_ts);
    let ((_, commit_ts), content) = versions.range(of_key).next_back()?;
    match content {
        Content::Tombstone => None,
        Content::Put { expire_at, .. } if *expire_at != Timestamp::ZERO && *expire_at <= read_ts => None,
        Content::Put { .. } => Some(*commit_ts),
    }
}
