//! The catalog as records under its keys.

use super::job::JobRecord;
use super::key::CatalogKey;
use super::route::RouteRecord;
use super::scalar::{decode_scalar, encode_scalar};
use crate::convert::{ascending, node_from_message, node_message, present};
use crate::entry::{unversioned, versioned};
use crate::error::WireError;
use crate::proto::splitjob as pb;
use splitjob_core::catalog::{CatalogLimits, CatalogState, NodeReport, Route, Routes};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, NodeId, RouteId};
use splitjob_core::job::SplitJob;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The records of the catalog, by raw key.
pub fn catalog_records(state: &CatalogState) -> BTreeMap<Vec<u8>, Vec<u8>> {
    catalog_records_over(state, &BTreeMap::new())
}

/// The records of the catalog that take the place of others: what only other binaries read or write in those is kept.
///
/// `previous` are records that were decoded before; one that can't be decoded has nothing to keep.
pub fn catalog_records_over(state: &CatalogState, previous: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut records = BTreeMap::new();
    let mut put = |key: CatalogKey, record: Vec<u8>| records.insert(key.encode(), record);
    put(CatalogKey::Version, encode_scalar(state.routes.version.0));
    put(CatalogKey::NextRouteId, encode_scalar(state.next_route_id.0));
    put(CatalogKey::NextJobId, encode_scalar(state.next_job_id.0));
    put(CatalogKey::Settings, versioned(SETTINGS_VERSION, &settings_message(state)));
    for route in state.routes.iter() {
        put(CatalogKey::Route(route.id), route_record(route, previous).encode());
        if route.min_read_ts != Timestamp::ZERO {
            put(CatalogKey::Horizon(route.id), encode_scalar(route.min_read_ts.raw()));
        }
    }
    for job in &state.live {
        put(CatalogKey::Job(job.id), job_record(job, previous).encode());
    }
    for job in &state.history {
        put(history_key(job), job_record(job, previous).encode());
    }
    records
}

/// The catalog in its records.
///
/// # Errors
/// A [`WireError`] if a record is missing, unknown or malformed, or if they contradict one another.
pub fn catalog_from_records(records: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<CatalogState, WireError> {
    let mut parts = Parts::default();
    for (key, record) in records {
        parts.take(key, record)?;
    }
    parts.state()
}

/// When a job ended, its record was written for the last time.
fn history_key(job: &SplitJob) -> CatalogKey {
    CatalogKey::JobHistory { terminal_at_ms: job.updated_at_ms, job: job.id }
}

fn route_record(route: &Route, previous: &BTreeMap<Vec<u8>, Vec<u8>>) -> RouteRecord {
    let before =
        previous.get(&CatalogKey::Route(route.id).encode()).and_then(|record| RouteRecord::decode(record).ok());
    RouteRecord { split_at_hlc: before.map_or(0, |before| before.split_at_hlc), ..RouteRecord::of(route) }
}

/// A job that ends moves from one key to another.
fn job_record(job: &SplitJob, previous: &BTreeMap<Vec<u8>, Vec<u8>>) -> JobRecord {
    let keys = [CatalogKey::Job(job.id), history_key(job)];
    let before = keys.iter().find_map(|key| previous.get(&key.encode()));
    before.and_then(|record| JobRecord::decode(record).ok()).unwrap_or_default().with(job)
}

fn settings_message(state: &CatalogState) -> pb::CatalogSettings {
    pb::CatalogSettings {
        groups: state.groups.iter().map(|group| group.0).collect(),
        nodes: state.nodes.iter().map(node_message).collect(),
        live_jobs: state.limits.live_jobs,
        history_jobs: state.limits.history_jobs,
        history_age_ms: state.limits.history_age_ms,
        heartbeat_ms: state.limits.heartbeat_ms,
    }
}

/// What the catalog knows beyond routes and jobs.
struct Settings {
    groups: BTreeSet<GroupId>,
    nodes: BTreeMap<NodeId, NodeReport>,
    limits: CatalogLimits,
}

impl Settings {
    fn decode(record: &[u8]) -> Result<Settings, WireError> {
        let message: pb::CatalogSettings = unversioned(record, SETTINGS_VERSION, "the settings of the catalog")?;
        let nodes = message.nodes.into_iter().map(node_from_message).collect();
        Ok(Settings {
            groups: ascending(message.groups.into_iter().map(GroupId).collect(), |group| *group, "groups")?,
            nodes: ascending(nodes, |(node, _)| *node, "nodes")?,
            limits: CatalogLimits {
                live_jobs: message.live_jobs,
                history_jobs: message.history_jobs,
                history_age_ms: message.history_age_ms,
                heartbeat_ms: message.heartbeat_ms,
            },
        })
    }
}

/// The records that have been read.
#[derive(Default)]
struct Parts {
    version: Option<u64>,
    next_route_id: Option<u64>,
    next_job_id: Option<u64>,
    settings: Option<Settings>,
    routes: BTreeMap<RouteId, RouteRecord>,
    horizons: BTreeMap<RouteId, Timestamp>,
    live: BTreeMap<JobId, SplitJob>,
    history: BTreeMap<JobId, SplitJob>,
}

impl Parts {
    fn take(&mut self, key: &[u8], record: &[u8]) -> Result<(), WireError> {
        let Some(key) = CatalogKey::parse(key) else {
            return Err(WireError::invalid(CATALOG, format!("{} is no key of it", RawKey::from(key))));
        };
        match key {
            CatalogKey::Version => self.version = Some(decode_scalar(record)?),
            CatalogKey::NextRouteId => self.next_route_id = Some(decode_scalar(record)?),
            CatalogKey::NextJobId => self.next_job_id = Some(decode_scalar(record)?),
            CatalogKey::Settings => self.settings = Some(Settings::decode(record)?),
            CatalogKey::Route(id) => {
                let route = RouteRecord::decode(record)?;
                agree(id == route.id, || format!("route {} stands under the key of route {id}", route.id))?;
                self.routes.insert(id, route);
            }
            CatalogKey::Horizon(route) => {
                self.horizons.insert(route, Timestamp::from_raw(decode_scalar(record)?));
            }
            CatalogKey::Job(id) => {
                let job = JobRecord::decode(record)?.job()?;
                agree(key == CatalogKey::Job(job.id), || format!("job {} stands under the key of job {id}", job.id))?;
                agree(!job.phase.is_terminal(), || format!("job {id} has ended and stands among the live ones"))?;
                self.live.insert(id, job);
            }
            CatalogKey::JobHistory { job: id, .. } => {
                let job = JobRecord::decode(record)?.job()?;
                agree(key == history_key(&job), || format!("job {} stands under the key of another end", job.id))?;
                agree(job.phase.is_terminal(), || format!("job {id} is live and stands among those that have ended"))?;
                agree(self.history.insert(id, job).is_none(), || format!("job {id} has ended twice"))?;
            }
            CatalogKey::Delta(version) => {
                return Err(WireError::invalid(
                    CATALOG,
                    format!("the change of version {version} is another system's"),
                ));
            }
        }
        Ok(())
    }

    fn state(mut self) -> Result<CatalogState, WireError> {
        let next_route_id = RouteId(non_zero(self.next_route_id, "the identifier of the next route")?);
        let next_job_id = JobId(non_zero(self.next_job_id, "the identifier of the next job")?);
        let version = CatalogVersion(present(self.version, "the version of the routes")?);
        let settings = present(self.settings.take(), "the settings of the catalog")?;
        agree(self.routes.keys().all(|route| *route < next_route_id), || "a route has an id to come".to_owned())?;
        let mut ids = self.live.keys().chain(self.history.keys());
        agree(ids.all(|job| *job < next_job_id), || "a job has an id to come".to_owned())?;
        let twice = self.live.keys().find(|job| self.history.contains_key(job));
        agree(twice.is_none(), || "a job is live and has ended".to_owned())?;
        Ok(CatalogState {
            routes: self.routes(version)?,
            groups: settings.groups,
            next_route_id,
            next_job_id,
            live: self.live.into_values().collect(),
            history: self.history.into_values().collect(),
            nodes: settings.nodes,
            limits: settings.limits,
        })
    }

    fn routes(&mut self, version: CatalogVersion) -> Result<Routes, WireError> {
        let mut routes = Vec::new();
        for (id, record) in &self.routes {
            let horizon = self.horizons.remove(id);
            agree(horizon != Some(Timestamp::ZERO), || format!("the horizon of route {id} is zero, and is written"))?;
            routes.push(record.route(horizon.unwrap_or_default())?);
        }
        agree(self.horizons.is_empty(), || "there is a horizon without its route".to_owned())?;
        routes.sort_by(|one, other| one.range.cmp(&other.range));
        Ok(Routes::new(version, routes)?)
    }
}

fn non_zero(number: Option<u64>, what: &'static str) -> Result<u64, WireError> {
    match present(number, what)? {
        0 => Err(WireError::invalid(what, "it can't be zero")),
        number => Ok(number),
    }
}

fn agree(is_so: bool, why: impl FnOnce() -> String) -> Result<(), WireError> {
    if is_so { Ok(()) } else { Err(WireError::invalid(CATALOG, why())) }
}

const CATALOG: &str = "the records of the catalog";
const SETTINGS_VERSION: u8 = 1;
