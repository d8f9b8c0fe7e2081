//! What one scenario lets happen, and how often: budgets inside the state, never cut-offs.

use super::data_group::DataGroup;
use splitjob_core::id::CatalogVersion;
use splitjob_core::job::{JobOptions, PhaseName};
use splitjob_core::key::{RawInterval, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Row};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_core::version::{Content, Version};

/// The size of a world, and the budgets of its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The keys that exist, each with the routing key that it has by hand, not by the core's word.
    pub keys: Vec<Key>,
    /// Where routes are split before anything else happens.
    pub splits: Vec<RoutingKey>,
    /// What is moved: the first job has been started when the world starts, each further one whenever the catalog takes
    /// it, in this order.
    pub moves: Vec<Move>,
    /// Jobs that may be live at once (J5).
    pub live_jobs: u64,
    /// Versions that group 1 holds from the start, acknowledged long ago.
    pub stored: Vec<Row>,
    /// Voters of each data group, from group 1 on; voter 0 leads.
    pub voters: Vec<u8>,
    /// Coordinators, each with its own copy of the routes.
    pub coordinators: u8,
    /// Whether coordinators learn newer routes.
    pub coordinators_watch: bool,
    /// Whether group leaders adopt newer routes by themselves.
    pub groups_watch: bool,
    /// Whether what they adopt by themselves may be older than the routes that stand: as old as a coordinator's copy.
    pub groups_hear_late: bool,
    /// Whether writes carry the version of the routes that led them to their group.
    pub writes_are_stamped: bool,
    /// Migrators that may take a job up, one after the other; each serves every live job.
    pub migrators: u8,
    /// How often one may take a job over from another, all jobs together.
    pub takeovers: u8,
    /// How many messages of migrators are held back or doubled, to arrive at any later moment.
    pub holds: u8,
    /// How often a migrator sees catalog, groups and voters at different moments.
    pub looks: u8,
    /// Whether an import is sent without waiting for the one before.
    pub pipelined_imports: bool,
    /// What migrators' clocks may show when the snapshot is chosen; empty: just above the source's last commit.
    pub clocks: Vec<Timestamp>,
    /// Writes that clients make, in any order, each once unless its answer gets lost.
    pub writes: Vec<ClientWrite>,
    /// Reads that clients make, each once, in any order; in parts where the routes say so.
    pub reads: Vec<ClientRead>,
    /// Transactions that clients make, each once; a client may stop at any moment.
    pub txns: Vec<ClientTxn>,
    /// Whether a client may give a transaction up while it prepares.
    pub txns_are_given_up: bool,
    /// A key that a client locks and releases for ever, for transactions that it never commits: a steady stream of them.
    pub stream: Option<RawKey>,
    /// Whether resolvers settle the locks that they find: every lock may have expired.
    pub resolvers: bool,
    /// How many messages of clients' transactions and of resolvers are held back or doubled.
    pub txn_holds: u8,
    /// Prefix deletes that clients make, in parts where the routes say so, each part once.
    pub prefix_deletes: Vec<ClientPrefixDelete>,
    /// Questions for the newest version of a key, each once.
    pub latest: Vec<RawKey>,
    /// How often the operator gives a job up.
    pub abandons: u8,
    /// How often the operator retries a job that has failed.
    pub retries: u8,
    /// How often a migrator finds the fence's budget spent.
    pub overdue: u8,
    /// How often a node loses the capability to run the protocol; it gets it back at any later moment.
    pub downgrades: u8,
    /// How often a route is split on its own group while the job runs.
    pub splits_elsewhere: u8,
    /// Where the left route is split.
    pub elsewhere: Option<RoutingKey>,
    /// Where the moving range's route is split, if the catalog lets it be.
    pub inside: Option<RoutingKey>,
    /// Whether the answer to a write may get lost; the client may then ask for the same again.
    pub answers_get_lost: bool,
    /// Which groups may collect old versions, and up to where; each once.
    pub collections: Vec<Collection>,
    /// How often another voter of a group becomes its leader, all groups together.
    pub leader_changes: u8,
    /// How often a voter restarts, all groups together.
    pub restarts: u8,
    /// How often a group gets a voter more, or one that was removed again, all groups together.
    pub additions: u8,
    /// How often a follower is removed from its group, all groups together.
    pub removals: u8,
    /// How the jobs copy.
    pub options: JobOptions,
    /// How far the first job has come when the world starts.
    pub start: Start,
}

/// A range to be moved: the right part of the route that the key is inside of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The first key of the range.
    pub split_key: RoutingKey,
    /// The group that it moves to.
    pub target: DataGroup,
}

/// A collection of old versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Whose.
    pub group: DataGroup,
    /// Reads below it are refused afterwards.
    pub through: Timestamp,
}

/// How far a job has come, undisturbed, before the environment is let loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The job has just been planned.
    Planned,
    /// The job has just entered the phase.
    At(PhaseName),
    /// The cutover has been committed and the target follows it.
    TargetServes,
    /// The target has forgotten the job; the source has not yet deleted anything.
    TargetDone,
    /// The job has ended.
    Ended,
}

/// A key of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where its rows are stored.
    pub raw: RawKey,
    /// Where they belong.
    pub routes_as: RoutingKey,
}

/// A write of one key, at a timestamp that the caller chose or the leader issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientWrite {
    /// The raw key.
    pub key: RawKey,
    /// The commit timestamp.
    pub commit_ts: Timestamp,
    /// What is written.
    pub content: Content,
    /// The group's leader issues the timestamp, and its clock shows `commit_ts`, if it has observed nothing greater.
    pub is_issued: bool,
}

/// A transaction at timestamps that its client chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTxn {
    /// When it begins.
    pub start_ts: Timestamp,
    /// When it commits, if it does (X1).
    pub commit_ts: Timestamp,
    /// What it writes; the first key is the primary.
    pub mutations: Vec<(RawKey, Content)>,
    /// Whether it asks one group for everything in one phase.
    pub is_one_phase: bool,
}

impl ClientTxn {
    /// A transaction that writes a value of its own to each of the keys, the primary first.
    pub fn of(keys: &[&str], start_ts: u64, commit_ts: u64) -> ClientTxn {
        let value = |key: &str| Version::put(ts(commit_ts), format!("{key}{commit_ts}").into_bytes()).content;
        ClientTxn {
            start_ts: ts(start_ts),
            commit_ts: ts(commit_ts),
            mutations: keys.iter().map(|key| (RawKey::from(*key), value(key))).collect(),
            is_one_phase: false,
        }
    }

    /// Its name.
    pub fn id(&self) -> TxnId {
        TxnId { primary: self.mutations[0].0.clone(), start_ts: self.start_ts }
    }
}

/// A prefix delete at a timestamp that the caller chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPrefixDelete {
    /// The raw prefix.
    pub prefix: RawKey,
    /// The commit timestamp.
    pub commit_ts: Timestamp,
}

/// A read at a timestamp that the caller chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRead {
    /// What it looks at.
    pub look: Look,
    /// The timestamp.
    pub read_ts: Timestamp,
    /// Whether the coordinator stamps the version of its routes on it, as it must.
    pub is_stamped: bool,
}

impl ClientRead {
    /// The routing keys that it covers.
    pub fn footprint(&self, bounds: &Bounds) -> KeyRange {
        match &self.look {
            Look::Point(key) => KeyRange::point(&bounds.key(key).routes_as),
            Look::Scan { range, .. } => range.clone(),
        }
    }
}

/// What a client's read looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// One key.
    Point(RawKey),
    /// All keys of an interval.
    Scan {
        /// The raw keys.
        interval: RawInterval,
        /// The routing keys.
        range: KeyRange,
        /// The order.
        direction: Direction,
        /// Rows a page; every page but the last is followed by another on the same voter.
        page: u64,
    },
}

impl Bounds {
    /// One key that stays and one that moves, one voter a group, one coordinator that follows the routes, one migrator,
    /// and nothing that goes wrong: what every scenario starts from.
    pub fn calm() -> Bounds {
        Bounds {
            keys: vec![Key::plain("a"), Key::plain("m")],
            splits: Vec::new(),
            moves: vec![Move::of("m", DataGroup::TWO)],
            live_jobs: 1,
            stored: vec![put("m", 1, "m1")],
            voters: vec![1, 1],
            coordinators: 1,
            coordinators_watch: true,
            groups_watch: false,
            groups_hear_late: false,
            writes_are_stamped: false,
            migrators: 1,
            takeovers: 1,
            holds: 0,
            looks: 0,
            pipelined_imports: false,
            clocks: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            txns: Vec::new(),
            txns_are_given_up: false,
            stream: None,
            resolvers: false,
            txn_holds: 0,
            prefix_deletes: Vec::new(),
            latest: Vec::new(),
            abandons: 0,
            retries: 0,
            overdue: 0,
            downgrades: 0,
            splits_elsewhere: 0,
            elsewhere: None,
            inside: None,
            answers_get_lost: false,
            collections: Vec::new(),
            leader_changes: 0,
            restarts: 0,
            additions: 0,
            removals: 0,
            options: JobOptions::default(),
            start: Start::Planned,
        }
    }

    /// The key's entry.
    pub fn key(&self, raw: &RawKey) -> &Key {
        self.keys.iter().find(|key| key.raw == *raw).expect("every key that a scenario uses is in its list")
    }
}

impl Move {
    /// A move of everything from a key to the end of its route.
    pub fn of(split_key: &str, target: DataGroup) -> Move {
        Move { split_key: RoutingKey::from(split_key), target }
    }
}

impl Key {
    /// A user key, which routes as itself.
    pub fn plain(name: &str) -> Key {
        Key { raw: RawKey::from(name), routes_as: RoutingKey::from(name) }
    }

    /// An internal key, which routes elsewhere.
    pub fn internal(raw: &str, routes_as: &str) -> Key {
        Key { raw: RawKey::from(raw), routes_as: RoutingKey::from(routes_as) }
    }
}

/// A stored value.
pub fn put(key: &str, commit_ts: u64, value: &str) -> Row {
    Row { key: RawKey::from(key), version: Version::put(ts(commit_ts), value.as_bytes().to_vec()) }
}

/// A stored value that reads at `expire_at` and later don't see.
pub fn put_until(key: &str, commit_ts: u64, value: &str, expire_at: u64) -> Row {
    let version = Version::put_until(ts(commit_ts), value.as_bytes().to_vec(), ts(expire_at));
    Row { key: RawKey::from(key), version }
}

/// A stored deletion.
pub fn deleted(key: &str, commit_ts: u64) -> Row {
    Row { key: RawKey::from(key), version: Version::tombstone(ts(commit_ts)) }
}

/// A client's write of a value.
pub fn writes(key: &str, commit_ts: u64, value: &str) -> ClientWrite {
    let Row { key, version } = put(key, commit_ts, value);
    ClientWrite { key, commit_ts: version.commit_ts, content: version.content, is_issued: false }
}

/// A client's write of a value at a timestamp that the group's leader issues, by a clock that shows `clock`.
pub fn writes_at_clock(key: &str, clock: u64, value: &str) -> ClientWrite {
    ClientWrite { is_issued: true, ..writes(key, clock, value) }
}

/// A client's write of a value that reads at `expire_at` and later don't see.
pub fn writes_until(key: &str, commit_ts: u64, value: &str, expire_at: u64) -> ClientWrite {
    let Row { key, version } = put_until(key, commit_ts, value, expire_at);
    ClientWrite { key, commit_ts: version.commit_ts, content: version.content, is_issued: false }
}

/// A client's deletion.
pub fn deletes(key: &str, commit_ts: u64) -> ClientWrite {
    let Row { key, version } = deleted(key, commit_ts);
    ClientWrite { key, commit_ts: version.commit_ts, content: version.content, is_issued: false }
}

/// A client's point read.
pub fn reads(key: &str, read_ts: u64) -> ClientRead {
    ClientRead { look: Look::Point(RawKey::from(key)), read_ts: ts(read_ts), is_stamped: true }
}

/// A client's scan over user keys from `start` to the end of the key space.
pub fn scans(start: &str, direction: Direction, page: u64, read_ts: u64) -> ClientRead {
    let interval = RawInterval { start: RawKey::from(start), end: None };
    let range = KeyRange::new(RoutingKey::from(start), None).expect("a range without an end is not empty");
    ClientRead { look: Look::Scan { interval, range, direction, page }, read_ts: ts(read_ts), is_stamped: true }
}

/// A timestamp.
pub fn ts(raw: u64) -> Timestamp {
    Timestamp::from_raw(raw)
}

/// A catalog version, for the routes that a coordinator starts with.
pub(super) const FIRST_VERSION: CatalogVersion = CatalogVersion(1);
