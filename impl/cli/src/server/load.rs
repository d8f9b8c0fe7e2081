//! The load of a demonstration: clients that read, write, scan and transact around the boundary of a range that moves.

use super::cluster::Cluster;
use super::recorder::{Done, Recorder, RecordingClient};
use splitjob_node::client::{Client, ClientOptions};
use splitjob_node::edge::TlsError;
use splitjob_node::simulator::Random;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Keys are `key` and a number of eight digits.
pub fn key(number: u64) -> Vec<u8> {
    format!("key{number:08}").into_bytes()
}

/// What all keys begin with.
pub const PREFIX: &[u8] = b"key";

/// Puts keys `0..rows`, each of about 100 bytes, through all nodes.
///
/// # Errors
/// A sentence about the first row that can't be put.
pub async fn fill(cluster: &Cluster, recorder: &Recorder, rows: u64) -> Result<(), String> {
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for worker in 0..FILLERS {
        let client = pinned(cluster, worker)?;
        let client = recorder.client(FIRST_FILLER + worker, client);
        let next = Arc::clone(&next);
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rows {
                    return Ok(());
                }
                let value = format!("{number:0100}").into_bytes();
                let mut done = client.put(&key(number), value.clone()).await;
                // A cluster that has just begun may lose an answer: the same row is put again.
                for _ in 0..PUT_AGAIN {
                    if done.error.is_none() {
                        break;
                    }
                    done = client.put(&key(number), value.clone()).await;
                }
                if let Some(error) = done.error {
                    return Err(format!("row {number} can't be put: {error}"));
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

fn pinned(cluster: &Cluster, worker: u64) -> Result<Client, String> {
    let endpoints = cluster.endpoints();
    let first = usize::try_from(worker).unwrap_or(0) % endpoints.len();
    // Another node is asked when this one is gone.
    let order = endpoints.iter().cycle().skip(first).take(endpoints.len()).cloned();
    Client::connect(order, &ClientOptions::default()).map_err(|error: TlsError| error.to_string())
}

/// Clients at work until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    seen: Arc<Mutex<Seen>>,
}

/// What clients have met.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Writes of the moving range that were done: when each was told, and how long it took.
    pub moved_writes: Vec<(Instant, Duration)>,
    /// Other writes that were done, and transactions.
    pub other_writes: Vec<(Instant, Duration)>,
    /// Reads that were done.
    pub reads: Vec<(Instant, Duration)>,
    /// Requests that were refused for good, or whose outcome is unknown.
    pub refused: u64,
    /// The first of the reasons.
    pub why: Option<String>,
}

impl Load {
    /// Starts `clients` clients on keys `0..rows`; those from `boundary` on are the hot ones.
    ///
    /// # Errors
    /// A sentence about an address that is none.
    pub fn start(
        cluster: &Cluster,
        recorder: &Recorder,
        clients: u64,
        rows: u64,
        boundary: u64,
    ) -> Result<Load, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let client = recorder.client(number, pinned(cluster, number)?);
            let worker =
                Worker { client, random: Random::new(number + 1), rows, boundary, seen: Arc::clone(&seen), written: 0 };
            tasks.spawn(worker.work(Arc::clone(&stop)));
        }
        Ok(Load { stop, tasks, seen })
    }

    /// What was met so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("no client panics while it notes").clone()
    }

    /// How much of each was done so far: writes and reads.
    pub fn counts(&self) -> (usize, usize) {
        let seen = self.seen.lock().expect("no client panics while it notes");
        (seen.moved_writes.len() + seen.other_writes.len(), seen.reads.len())
    }

    /// Lets every client end what it does, and stops.
    pub async fn stop(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.seen()
    }
}

struct Worker {
    client: RecordingClient,
    random: Random,
    rows: u64,
    boundary: u64,
    seen: Arc<Mutex<Seen>>,
    written: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    MovedWrite,
    OtherWrite,
    Read,
}

impl Worker {
    async fn work(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let (kind, done) = self.one().await;
            let was_refused = done.error.is_some();
            self.note(kind, &done);
            if was_refused {
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }

    async fn one(&mut self) -> (Kind, Done) {
        let number = self.number();
        let kind = if number >= self.boundary { Kind::MovedWrite } else { Kind::OtherWrite };
        match self.random.below(100) {
            0..45 => {
                let value = self.value();
                (kind, self.client.put(&key(number), value).await)
            }
            45..48 => (kind, self.client.delete(&key(number)).await),
            48..54 => {
                // One key on each side of the boundary.
                let left = self.random.below(self.boundary.max(1));
                let right = self.boundary + self.random.below((self.rows - self.boundary).max(1));
                let value = String::from_utf8(self.value()).expect("a value is text");
                (Kind::OtherWrite, self.client.transact(&[key(left), key(right)], &value).await)
            }
            54..58 => {
                // Across the boundary, in both directions.
                let first = self.boundary.saturating_sub(self.random.below(20));
                let is_reverse = self.random.one_in(2);
                (Kind::Read, self.client.scan(&key(first), &key(first + 40), 50, is_reverse).await)
            }
            _ => (Kind::Read, self.client.get(&key(number)).await),
        }
    }

    /// Four of five on the hot half, and there mostly few keys.
    fn number(&mut self) -> u64 {
        let hot = (self.rows - self.boundary).max(1);
        match self.random.below(10) {
            0..2 => self.random.below(self.boundary.max(1)),
            2..6 => self.boundary + self.random.below(hot.min(HOT_KEYS)),
            _ => self.boundary + self.random.below(hot),
        }
    }

    /// A value that nobody else writes.
    fn value(&mut self) -> Vec<u8> {
        self.written += 1;
        format!("client {} write {} {:060}", self.client.number, self.written, 0).into_bytes()
    }

    fn note(&self, kind: Kind, done: &Done) {
        let mut seen = self.seen.lock().expect("no client panics while it notes");
        if let Some(error) = &done.error {
            // A transaction that meets another one is refused, and that is its right.
            if !matches!(error, splitjob_node::api::NodeError::Rejected(_)) {
                seen.refused += 1;
                seen.why.get_or_insert_with(|| error.to_string());
            }
            return;
        }
        let entry = (done.at + done.took, done.took);
        match kind {
            Kind::MovedWrite => seen.moved_writes.push(entry),
            Kind::OtherWrite => seen.other_writes.push(entry),
            Kind::Read => seen.reads.push(entry),
        }
    }
}

/// The `percent`-th percentile of how long things took, in milliseconds.
pub fn percentile_ms(entries: &[(Instant, Duration)], percent: usize) -> f64 {
    let mut took: Vec<Duration> = entries.iter().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
    took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
}

/// The largest time between two writes of the moving range that were told one after the other, within a stretch.
pub fn pause(entries: &[(Instant, Duration)], from: Instant, to: Instant) -> Duration {
    let mut told: Vec<Instant> = entries.iter().map(|(at, _)| *at).filter(|at| (from..=to).contains(at)).collect();
    told.push(from);
    told.push(to);
    told.sort_unstable();
    told.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

const FILLERS: u64 = 192;
const FIRST_FILLER: u64 = 1_000_000;
const PUT_AGAIN: usize = 20;
const HOT_KEYS: u64 = 1_000;
const AFTER_REFUSAL: Duration = Duration::from_millis(20);
