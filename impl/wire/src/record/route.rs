//! Records of routes: versions 1 to 3.

use super::reader::{Reader, put_bytes};
use crate::error::WireError;
use crate::limits::MAX_ROW_KEY_BYTES;
use splitjob_core::catalog::{Route, RouteState};
use splitjob_core::id::{GroupId, JobId, RouteId};
use splitjob_core::key::RoutingKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;

/// The record of a route, field by field.
///
/// Existing readers of version 2 take a version 3 record and silently ignore its tail; so a job moves nothing before every
/// node can read the tail (V1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    /// Its identifier, not zero.
    pub id: RouteId,
    /// The routing keys that it covers.
    pub range: KeyRange,
    /// The group that owns them, not zero.
    pub group: GroupId,
    /// Its state.
    pub state: RecordedState,
    /// The route that it was split off; zero: none.
    pub parent: RouteId,
    /// When it was split off: the existing system's own, zero where this one wrote it.
    pub split_at_hlc: u64,
    /// A reader must merge staged rows.
    pub is_staged: bool,
    /// The job that they belong to; zero: none.
    pub job: JobId,
    /// No commit timestamp at or below it is admitted.
    pub min_write_ts_exclusive: Timestamp,
}

/// The state of a route in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedState {
    /// Reads and writes.
    Active,
    /// Reads only.
    WriteFenced,
    /// A state that only the existing system has.
    MigratingSource,
    /// A state that only the existing system has.
    MigratingTarget,
}

impl RouteRecord {
    /// The record of the route, without its horizon, which has a record of its own.
    pub fn of(route: &Route) -> RouteRecord {
        RouteRecord {
            id: route.id,
            range: route.range.clone(),
            group: route.group,
            state: match route.state {
                RouteState::Active => RecordedState::Active,
                RouteState::WriteFenced => RecordedState::WriteFenced,
            },
            parent: route.parent.unwrap_or_default(),
            split_at_hlc: 0,
            is_staged: route.staged_for.is_some(),
            job: route.staged_for.unwrap_or_default(),
            min_write_ts_exclusive: route.min_write_ts_exclusive,
        }
    }

    /// The route, whose least readable timestamp stands elsewhere.
    ///
    /// # Errors
    /// [`WireError::Invalid`] if the record is in a state that this system never leaves a route in.
    pub fn route(&self, min_read_ts: Timestamp) -> Result<Route, WireError> {
        let state = match self.state {
            RecordedState::Active => RouteState::Active,
            RecordedState::WriteFenced => RouteState::WriteFenced,
            RecordedState::MigratingSource | RecordedState::MigratingTarget => {
                return Err(WireError::invalid(
                    ROUTE,
                    format!("route {} is in a state that no job here knows", self.id),
                ));
            }
        };
        let has_job = self.job != JobId(0);
        if self.is_staged != has_job {
            return Err(WireError::invalid(
                ROUTE,
                format!("route {} has staged rows if and only if a job has", self.id),
            ));
        }
        Ok(Route {
            id: self.id,
            range: self.range.clone(),
            group: self.group,
            state,
            parent: Some(self.parent).filter(|parent| *parent != RouteId(0)),
            staged_for: has_job.then_some(self.job),
            min_write_ts_exclusive: self.min_write_ts_exclusive,
            min_read_ts,
        })
    }

    /// The record's bytes: version 2 while the fields of version 3 are zero, else version 3 (V3).
    pub fn encode(&self) -> Vec<u8> {
        let has_tail = self.is_staged || self.job != JobId(0) || self.min_write_ts_exclusive != Timestamp::ZERO;
        let mut record = vec![if has_tail { 3 } else { 2 }];
        record.extend(self.id.0.to_be_bytes());
        record.extend(self.group.0.to_be_bytes());
        record.push(state_number(self.state));
        record.extend(self.parent.0.to_be_bytes());
        put_bytes(self.range.start().as_bytes(), &mut record);
        record.push(u8::from(self.range.end().is_some()));
        if let Some(end) = self.range.end() {
            put_bytes(end.as_bytes(), &mut record);
        }
        record.extend(self.split_at_hlc.to_be_bytes());
        if has_tail {
            record.push(u8::from(self.is_staged));
            record.extend(self.job.0.to_be_bytes());
            record.extend(self.min_write_ts_exclusive.raw().to_be_bytes());
        }
        record
    }

    /// The record in the bytes.
    ///
    /// # Errors
    /// A [`WireError`] if they are of a newer version, too short or too long, or no route.
    pub fn decode(bytes: &[u8]) -> Result<RouteRecord, WireError> {
        let mut reader = Reader::new(ROUTE, bytes);
        let version = reader.take_u8()?;
        if !(1..=3).contains(&version) {
            return Err(WireError::UnknownVersion { what: ROUTE, version });
        }
        let id = RouteId(reader.take_u64()?);
        let group = GroupId(reader.take_u64()?);
        let state = state(reader.take_u8()?)?;
        let parent = RouteId(reader.take_u64()?);
        let start = reader.take_bytes(MAX_ROW_KEY_BYTES)?;
        let end = if reader.take_flag()? { Some(reader.take_bytes(MAX_ROW_KEY_BYTES)?) } else { None };
        let split_at_hlc = if version >= 2 { reader.take_u64()? } else { 0 };
        let (is_staged, job, floor) =
            if version >= 3 { (reader.take_flag()?, reader.take_u64()?, reader.take_u64()?) } else { (false, 0, 0) };
        reader.end()?;
        if id == RouteId(0) || group == GroupId(0) {
            return Err(WireError::invalid(ROUTE, "neither its id nor its group may be zero"));
        }
        Ok(RouteRecord {
            id,
            range: range(start, end)?,
            group,
            state,
            parent,
            split_at_hlc,
            is_staged,
            job: JobId(job),
            min_write_ts_exclusive: Timestamp::from_raw(floor),
        })
    }
}

/// The range of two bounds; an end that is there is not empty.
fn range(start: Vec<u8>, end: Option<Vec<u8>>) -> Result<KeyRange, WireError> {
    if end.as_ref().is_some_and(Vec::is_empty) {
        return Err(WireError::invalid(ROUTE, "its end is empty; leave it out for +∞"));
    }
    Ok(KeyRange::new(RoutingKey::from(start), end.map(RoutingKey::from))?)
}

fn state_number(state: RecordedState) -> u8 {
    match state {
        RecordedState::Active => 0,
        RecordedState::WriteFenced => 1,
        RecordedState::MigratingSource => 2,
        RecordedState::MigratingTarget => 3,
    }
}

fn state(number: u8) -> Result<RecordedState, WireError> {
    match number {
        0 => Ok(RecordedState::Active),
        1 => Ok(RecordedState::WriteFenced),
        2 => Ok(RecordedState::MigratingSource),
        3 => Ok(RecordedState::MigratingTarget),
        other => Err(WireError::UnknownNumber { what: "the state of a route", number: i64::from(other) }),
    }
}

const ROUTE: &str = "a route record";
