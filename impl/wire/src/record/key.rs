//! The keys of the catalog's records.

use splitjob_core::id::{CatalogVersion, JobId, RouteId};

/// The key of a record of the catalog, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CatalogKey {
    /// The version of the routes.
    Version,
    /// The identifier of the next route.
    NextRouteId,
    /// The identifier of the next job.
    NextJobId,
    /// What the catalog knows beyond routes and jobs: ours.
    Settings,
    /// A route.
    Route(RouteId),
    /// The least timestamp that a route can be read at: ours, and absent while it is zero.
    Horizon(RouteId),
    /// A live job.
    Job(JobId),
    /// A terminal job.
    JobHistory {
        /// When it ended, in Unix milliseconds: at most 2^63 − 1.
        terminal_at_ms: u64,
        /// The job.
        job: JobId,
    },
    /// What changed in a version, as the existing system notes it; this one doesn't.
    Delta(CatalogVersion),
}

impl CatalogKey {
    /// The raw key.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            CatalogKey::Version => VERSION.to_vec(),
            CatalogKey::NextRouteId => NEXT_ROUTE_ID.to_vec(),
            CatalogKey::NextJobId => NEXT_JOB_ID.to_vec(),
            CatalogKey::Settings => SETTINGS.to_vec(),
            CatalogKey::Route(route) => numbered(ROUTE, &[route.0]),
            CatalogKey::Horizon(route) => numbered(HORIZON, &[route.0]),
            CatalogKey::Job(job) => numbered(JOB, &[job.0]),
            CatalogKey::JobHistory { terminal_at_ms, job } => numbered(JOB_HISTORY, &[*terminal_at_ms, job.0]),
            CatalogKey::Delta(version) => numbered(DELTA, &[version.0]),
        }
    }

    /// The key, or `None` if the bytes are no well-formed key of the catalog.
    pub fn parse(raw: &[u8]) -> Option<CatalogKey> {
        if let Some((_, key)) = NAMED.iter().find(|(name, _)| *name == raw) {
            return Some(*key);
        }
        let number = |prefix: &[u8]| raw.strip_prefix(prefix).and_then(one_number);
        if let Some(id) = number(ROUTE) {
            return Some(CatalogKey::Route(RouteId(id)));
        }
        if let Some(id) = number(HORIZON) {
            return Some(CatalogKey::Horizon(RouteId(id)));
        }
        if let Some(id) = number(JOB) {
            return Some(CatalogKey::Job(JobId(id)));
        }
        if let Some(version) = number(DELTA) {
            return (version != 0).then_some(CatalogKey::Delta(CatalogVersion(version)));
        }
        let (terminal_at_ms, job) = two_numbers(raw.strip_prefix(JOB_HISTORY)?)?;
        let is_in_range = i64::try_from(terminal_at_ms).is_ok();
        is_in_range.then_some(CatalogKey::JobHistory { terminal_at_ms, job: JobId(job) })
    }
}

fn numbered(prefix: &[u8], numbers: &[u64]) -> Vec<u8> {
    let mut key = prefix.to_vec();
    numbers.iter().for_each(|number| key.extend(number.to_be_bytes()));
    key
}

fn one_number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn two_numbers(bytes: &[u8]) -> Option<(u64, u64)> {
    let (first, second) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*first), one_number(second)?))
}

const VERSION: &[u8] = b"!dist|meta|version";
const NEXT_ROUTE_ID: &[u8] = b"!dist|meta|next_route_id";
const NEXT_JOB_ID: &[u8] = b"!dist|meta|next_job_id";
const SETTINGS: &[u8] = b"!dist|meta|settings";
const ROUTE: &[u8] = b"!dist|route|";
const HORIZON: &[u8] = b"!dist|horizon|";
const JOB: &[u8] = b"!dist|job|";
const JOB_HISTORY: &[u8] = b"!dist|jobhist|";
const DELTA: &[u8] = b"!dist|delta|";

const NAMED: [(&[u8], CatalogKey); 4] = [
    (VERSION, CatalogKey::Version),
    (NEXT_ROUTE_ID, CatalogKey::NextRouteId),
    (NEXT_JOB_ID, CatalogKey::NextJobId),
    (SETTINGS, CatalogKey::Settings),
];
