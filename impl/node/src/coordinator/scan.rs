//! Scans: one page of one timestamp, from every group that owns a part.

use super::errand::End;
use super::lead::Means;
use super::plan::{Ended, Moves, Plan, misfit};
use super::question::{Question, ReadAt, is_plain, scan_footprint};
use crate::api::{ClientResponse, NodeError};
use splitjob_core::group::{ReadAnswer, ReadShape, SeenRow};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_wire::peer::Answer;

/// The plan of a scan.
///
/// Without a timestamp of the client's, the first part in the direction of the walk is asked for the latest; the others
/// are then asked at the timestamp that it was answered at.
#[derive(Debug)]
pub(super) struct Scan {
    interval: RawInterval,
    direction: Direction,
    limit: u64,
    at: ReadAt,
    pinned: Option<CatalogVersion>,
    later: Vec<Question>,
    pages: Vec<ReadAnswer>,
}

impl Scan {
    pub(super) fn new(
        interval: RawInterval,
        direction: Direction,
        limit: u64,
        read_ts: Option<Timestamp>,
        pinned: Option<CatalogVersion>,
    ) -> Scan {
        let at = read_ts.map_or(ReadAt::Latest, ReadAt::Callers);
        Scan { interval, direction, limit, at, pinned, later: Vec::new(), pages: Vec::new() }
    }

    fn served(&mut self, page: ReadAnswer, read_ts: Timestamp, open: usize) -> Moves {
        let is_first = self.at == ReadAt::Latest;
        // The parts of a plain interval are in the order of its keys: a full first page needs no other.
        let is_enough = is_first && page.next.is_some() && is_plain(&self.interval);
        self.pages.push(page);
        if is_first {
            self.at = ReadAt::Parts(read_ts);
        }
        if is_first && !is_enough && !self.later.is_empty() {
            let ask = std::mem::take(&mut self.later).into_iter().map(|part| asked_at(part, self.at)).collect();
            return Moves { ask, ..Moves::default() };
        }
        if open > 0 {
            return Moves::none();
        }
        let answer = merged(std::mem::take(&mut self.pages), self.direction, self.limit);
        Moves::reply(Ok(ClientResponse::Rows { answer, read_ts }))
    }
}

impl Plan for Scan {
    fn begin(&mut self, means: &mut Means<'_, '_>) -> Moves {
        let Some(range) = scan_footprint(&self.interval) else {
            let read_ts = match self.at {
                ReadAt::Latest => means.desk.next_ts(),
                ReadAt::Callers(read_ts) | ReadAt::Parts(read_ts) => read_ts,
            };
            return Moves::reply(Ok(ClientResponse::Rows { answer: ReadAnswer::default(), read_ts }));
        };
        let (interval, direction, limit) = (self.interval.clone(), self.direction, self.limit);
        let shape = ReadShape::Scan { interval, range, direction, limit };
        Moves::ask(Question::Read { shape, at: self.at, pinned: self.pinned })
    }

    fn parted(&mut self, _means: &mut Means<'_, '_>, mut parts: Vec<Question>) -> Vec<Question> {
        if self.at != ReadAt::Latest {
            return parts;
        }
        if self.direction == Direction::Reverse {
            parts.reverse();
        }
        let later = parts.split_off(1);
        self.later.extend(later);
        parts
    }

    fn ended(&mut self, _means: &mut Means<'_, '_>, ended: Ended) -> Moves {
        match ended.end {
            End::Done(Answer::Rows { answer, read_ts }) => self.served(answer, read_ts, ended.open),
            End::Done(_) | End::Divided => Moves::reply(Err(misfit())),
            End::Failed(failure) => Moves::reply(Err(NodeError::from(failure))),
        }
    }
}

fn asked_at(mut question: Question, wanted: ReadAt) -> Question {
    if let Question::Read { at, .. } = &mut question {
        *at = wanted;
    }
    question
}

/// The pages of disjoint parts as one page: nothing is shown beyond the first key that some page doesn't reach.
fn merged(pages: Vec<ReadAnswer>, direction: Direction, limit: u64) -> ReadAnswer {
    let is_before = |left: &RawKey, right: &RawKey| match direction {
        Direction::Forward => left < right,
        Direction::Reverse => left > right,
    };
    let nearer = |left: RawKey, right: RawKey| if is_before(&left, &right) { left } else { right };
    let end = pages.iter().filter_map(|page| page.next.clone()).reduce(nearer);
    let rows = pages.into_iter().flat_map(|page| page.rows);
    let mut rows: Vec<SeenRow> = rows.filter(|row| end.as_ref().is_none_or(|end| is_before(&row.key, end))).collect();
    rows.sort_by(|left, right| match direction {
        Direction::Forward => left.key.cmp(&right.key),
        Direction::Reverse => right.key.cmp(&left.key),
    });
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.get(limit).map(|row| row.key.clone()).or(end);
    rows.truncate(limit);
    ReadAnswer { rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(keys: &[&str], next: Option<&str>) -> ReadAnswer {
        let row =
            |key: &&str| SeenRow { key: RawKey::from(*key), commit_ts: Timestamp::from_raw(1), value: Vec::new() };
        ReadAnswer { rows: keys.iter().map(row).collect(), next: next.map(RawKey::from) }
    }

    #[test]
    fn pages_that_interleave_are_shown_up_to_the_first_key_that_one_of_them_lacks() {
        let pages = vec![page(&["a", "d"], Some("e")), page(&["b", "z"], None)];
        assert_eq!(merged(pages, Direction::Forward, 9), page(&["a", "b", "d"], Some("e")));
    }

    #[test]
    fn a_page_that_is_cut_goes_on_at_the_first_row_that_was_cut() {
        let pages = vec![page(&["a", "c"], Some("e")), page(&["b", "d"], None)];
        assert_eq!(merged(pages, Direction::Forward, 2), page(&["a", "b"], Some("c")));
    }

    #[test]
    fn a_reverse_page_is_shown_down_to_the_greatest_key_that_is_lacking() {
        let pages = vec![page(&["d", "c"], Some("b")), page(&["e", "a"], None)];
        assert_eq!(merged(pages, Direction::Reverse, 9), page(&["e", "d", "c"], Some("b")));
    }
}
