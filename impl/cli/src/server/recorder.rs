//! Clients that remember what they asked and what they were told, so that it can be judged.

use splitjob_core::group::{Mutation, ReadAnswer};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_core::version::Content;
use splitjob_node::api::{ClientRequest, ClientResponse, NodeError};
use splitjob_node::client::Client;
use splitjob_refinement::history::{
    Answer, Call, Closing, History, Operation, Outcome, Row, Seen, TransactionRead, TransactionWrite,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where the operations of all clients are kept.
#[derive(Clone, Debug)]
pub struct Recorder {
    began: Instant,
    kept: Arc<Mutex<Vec<Operation>>>,
}

/// One client, which does one thing at a time.
#[derive(Clone)]
pub struct RecordingClient {
    /// Its number.
    pub number: u64,
    client: Client,
    recorder: Recorder,
}

/// What became of one operation.
#[derive(Clone, Debug)]
pub struct Done {
    /// When it was asked.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// Why it was not done, or may not have been.
    pub error: Option<NodeError>,
}

impl Recorder {
    /// An empty one.
    pub fn new() -> Recorder {
        Recorder { began: Instant::now(), kept: Arc::default() }
    }

    /// A client that records here.
    pub fn client(&self, number: u64, client: Client) -> RecordingClient {
        RecordingClient { number, client, recorder: self.clone() }
    }

    /// Everything that was recorded.
    pub fn history(&self) -> History {
        let mut history = History::default();
        for operation in self.kept.lock().expect("no client panics while it records").iter() {
            history.push(operation.clone()).expect("what a client records is well-formed");
        }
        history
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder::new()
    }
}

impl RecordingClient {
    /// Puts a value.
    pub async fn put(&self, key: &[u8], value: Vec<u8>) -> Done {
        let content = Content::Put { value: value.clone(), expire_at: Timestamp::ZERO };
        let call = Call::Put { key: key.to_vec(), value, commit_ts: None };
        self.write(key, content, call).await
    }

    /// Deletes a key.
    pub async fn delete(&self, key: &[u8]) -> Done {
        self.write(key, Content::Tombstone, Call::Delete { key: key.to_vec(), commit_ts: None }).await
    }

    async fn write(&self, key: &[u8], content: Content, call: Call) -> Done {
        let mutation = Mutation { key: RawKey::from(key), content };
        self.record(ClientRequest::Write { mutation, commit_ts: None }, call, |response| {
            let ClientResponse::Written { commit_ts } = response else { return None };
            Some(Answer::Written { commit_ts: Some(commit_ts.raw()) })
        })
        .await
    }

    /// Reads the newest value of a key.
    pub async fn get(&self, key: &[u8]) -> Done {
        let request = ClientRequest::Get { key: RawKey::from(key), read_ts: None, routed_by: None };
        self.record(request, Call::Get { key: key.to_vec(), read_ts: None }, |response| {
            let ClientResponse::Rows { answer, read_ts } = response else { return None };
            let seen = answer.rows.into_iter().next();
            let seen = seen.map(|row| Seen { value: row.value, commit_ts: Some(row.commit_ts.raw()) });
            Some(Answer::Value { seen, read_ts: Some(read_ts.raw()) })
        })
        .await
    }

    /// Reads a page of an interval.
    pub async fn scan(&self, start: &[u8], end: &[u8], limit: u64, reverse: bool) -> Done {
        let request = scan_request(start, Some(end), limit, reverse, None);
        let call = Call::Scan { start: start.to_vec(), end: Some(end.to_vec()), limit, reverse, read_ts: None };
        self.record(request, call, |response| {
            let ClientResponse::Rows { answer, read_ts } = response else { return None };
            Some(Answer::Rows { rows: rows_of(answer), read_ts: Some(read_ts.raw()), next: None })
        })
        .await
    }

    /// Reads some keys at one timestamp and writes them anew, all or none.
    pub async fn transact(&self, keys: &[Vec<u8>], value: &str) -> Done {
        let at = Instant::now();
        let start_ts = match self.client.ask(ClientRequest::Begin).await {
            Ok(ClientResponse::Begun { start_ts }) => start_ts,
            Ok(_) | Err(_) => return Done { at, took: at.elapsed(), error: Some(unanswered()) },
        };
        let mut reads = Vec::new();
        for key in keys {
            let request = ClientRequest::Get { key: RawKey::from(&key[..]), read_ts: Some(start_ts), routed_by: None };
            match self.client.ask(request).await {
                Ok(ClientResponse::Rows { answer, .. }) => {
                    let seen = answer.rows.into_iter().next();
                    let seen = seen.map(|row| Seen { value: row.value, commit_ts: Some(row.commit_ts.raw()) });
                    reads.push(TransactionRead { key: key.clone(), seen });
                }
                Ok(_) | Err(_) => return Done { at, took: at.elapsed(), error: Some(unanswered()) },
            }
        }
        let value = value.as_bytes().to_vec();
        let mutations = keys.iter().map(|key| Mutation {
            key: RawKey::from(&key[..]),
            content: Content::Put { value: value.clone(), expire_at: Timestamp::ZERO },
        });
        let txn = TxnId { primary: RawKey::from(&keys[0][..]), start_ts };
        let request = ClientRequest::Transact { txn, mutations: mutations.collect() };
        let writes = keys.iter().map(|key| TransactionWrite { key: key.clone(), value: Some(value.clone()) });
        let call = Call::Transaction { start_ts: start_ts.raw(), reads, writes: writes.collect() };
        self.record(request, call, |response| {
            let ClientResponse::Committed { commit_ts } = response else { return None };
            Some(Answer::Written { commit_ts: Some(commit_ts.raw()) })
        })
        .await
    }

    async fn record(
        &self,
        request: ClientRequest,
        call: Call,
        told: impl FnOnce(ClientResponse) -> Option<Answer>,
    ) -> Done {
        let (at, called_at) = (Instant::now(), self.recorder.now());
        let response = self.client.ask(request).await;
        let (took, returned_at) = (at.elapsed(), self.recorder.now());
        let (outcome, error) = match response {
            Ok(response) => match told(response) {
                Some(answer) => (Outcome::Ok(answer), None),
                None => (Outcome::Unknown, Some(unanswered())),
            },
            Err(error @ NodeError::Unknown { .. }) => (Outcome::Unknown, Some(error)),
            Err(error) => (Outcome::Refused, Some(error)),
        };
        let returned_at = (outcome != Outcome::Unknown).then_some(returned_at);
        let operation = Operation { client: self.number, called_at, returned_at, call, outcome };
        self.recorder.kept.lock().expect("no client panics while it records").push(operation);
        Done { at, took, error }
    }
}

fn unanswered() -> NodeError {
    NodeError::Unavailable { what: "no answer that fits the question".to_owned(), retry_after_ms: 0 }
}

fn scan_request(
    start: &[u8],
    end: Option<&[u8]>,
    limit: u64,
    reverse: bool,
    read_ts: Option<Timestamp>,
) -> ClientRequest {
    ClientRequest::Scan {
        interval: RawInterval { start: RawKey::from(start), end: end.map(RawKey::from) },
        direction: if reverse { Direction::Reverse } else { Direction::Forward },
        limit,
        read_ts,
        routed_by: None,
    }
}

fn rows_of(answer: ReadAnswer) -> Vec<Row> {
    let row = |row: splitjob_core::group::SeenRow| Row {
        key: row.key.into_bytes(),
        value: row.value,
        commit_ts: Some(row.commit_ts.raw()),
    };
    answer.rows.into_iter().map(row).collect()
}

/// Everything that is there, read at one timestamp above all that was written.
///
/// # Errors
/// A page can't be read.
pub async fn closing(client: &Client, prefix: &[u8], above: u64) -> Result<Closing, NodeError> {
    let end = end_of(prefix);
    let mut start = prefix.to_vec();
    let mut at = None;
    let mut rows = Vec::new();
    loop {
        let request = scan_request(&start, Some(&end), splitjob_node::api::MAX_PAGE_ROWS, false, at);
        let response = client.ask(request).await?;
        let ClientResponse::Rows { answer, read_ts } = response else {
            return Err(NodeError::Invalid { what: format!("a scan was answered with {response:?}") });
        };
        if at.is_none() && read_ts.raw() <= above {
            // The first part's group hasn't seen the newest write of the other one: a little later it has.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        at = Some(read_ts);
        let next = answer.next.clone();
        rows.extend(rows_of(answer));
        match next {
            Some(next) => start = next.into_bytes(),
            None => return Ok(Closing { at: read_ts.raw(), rows }),
        }
    }
}

/// The greatest commit timestamp that any client was told.
pub fn newest_told(history: &History) -> u64 {
    let told = history.operations().iter().filter_map(|operation| match &operation.outcome {
        Outcome::Ok(Answer::Written { commit_ts }) => *commit_ts,
        Outcome::Ok(Answer::Value { .. } | Answer::Rows { .. } | Answer::Newest(_))
        | Outcome::Refused
        | Outcome::Unknown => None,
    });
    told.max().unwrap_or(0)
}

/// The first key after all that begin so.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}
