//! Transactions over any keys (X1 to X6).

use super::answer;
use crate::api::{ClientRequest, ClientResponse, NodeError};
use crate::convert::{mutations, some_ts, the_ts, txn_state_message};
use crate::edge::front::{Front, misfit};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_wire::proto::transactional_kv_server::TransactionalKv;
use splitjob_wire::proto::{
    AbortRequest, AbortResponse, BeginRequest, BeginResponse, CommitAllRequest, CommitAllResponse, CommitRequest,
    CommitResponse, PrepareRequest, PrepareResponse, ReadRequest, ReadResponse, TxnStatusRequest, TxnStatusResponse,
};
use tonic::{Request, Response, Status};

/// The service.
pub(crate) struct TransactionalKvService {
    front: Front,
}

#[tonic::async_trait]
impl TransactionalKv for TransactionalKvService {
    async fn begin(&self, _: Request<BeginRequest>) -> Result<Response<BeginResponse>, Status> {
        answer(self.begin().await)
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        answer(self.read(request.into_inner()).await)
    }

    async fn prepare(&self, request: Request<PrepareRequest>) -> Result<Response<PrepareResponse>, Status> {
        answer(self.prepare(request.into_inner()).await)
    }

    async fn commit(&self, request: Request<CommitRequest>) -> Result<Response<CommitResponse>, Status> {
        answer(self.commit(request.into_inner()).await)
    }

    async fn abort(&self, request: Request<AbortRequest>) -> Result<Response<AbortResponse>, Status> {
        answer(self.abort(request.into_inner()).await)
    }

    async fn commit_all(&self, request: Request<CommitAllRequest>) -> Result<Response<CommitAllResponse>, Status> {
        answer(self.commit_all(request.into_inner()).await)
    }

    async fn status(&self, request: Request<TxnStatusRequest>) -> Result<Response<TxnStatusResponse>, Status> {
        answer(self.status(request.into_inner()).await)
    }
}

impl TransactionalKvService {
    /// The service of a node.
    pub(crate) fn new(front: Front) -> TransactionalKvService {
        TransactionalKvService { front }
    }

    async fn begin(&self) -> Result<BeginResponse, NodeError> {
        match self.front.ask(ClientRequest::Begin).await? {
            ClientResponse::Begun { start_ts } => Ok(BeginResponse { start_ts: start_ts.raw() }),
            other => Err(misfit(&other)),
        }
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadResponse, NodeError> {
        let read_ts = the_ts("start_ts", request.start_ts)?;
        let request = ClientRequest::Get { key: RawKey::from(request.key), read_ts: Some(read_ts), routed_by: None };
        match self.front.ask(request).await? {
            ClientResponse::Rows { answer, .. } => {
                let row = answer.rows.into_iter().next();
                Ok(ReadResponse {
                    exists: row.is_some(),
                    commit_ts: row.as_ref().map_or(0, |row| row.commit_ts.raw()),
                    value: row.map(|row| row.value).unwrap_or_default(),
                })
            }
            other => Err(misfit(&other)),
        }
    }

    async fn prepare(&self, request: PrepareRequest) -> Result<PrepareResponse, NodeError> {
        let request = ClientRequest::Prepare {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: some_ts(request.commit_ts),
            mutations: mutations(request.mutations)?,
            ttl_ms: if request.ttl_ms == 0 { USUAL_TTL_MS } else { request.ttl_ms },
        };
        match self.front.ask(request).await? {
            ClientResponse::Prepared { commit_ts } => Ok(PrepareResponse { commit_ts: commit_ts.raw() }),
            other => Err(misfit(&other)),
        }
    }

    async fn commit(&self, request: CommitRequest) -> Result<CommitResponse, NodeError> {
        let request = ClientRequest::Commit {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: the_ts("commit_ts", request.commit_ts)?,
            keys: keys(request.keys),
        };
        let commit_ts = committed(self.front.ask(request).await?)?;
        Ok(CommitResponse { commit_ts: commit_ts.raw() })
    }

    async fn abort(&self, request: AbortRequest) -> Result<AbortResponse, NodeError> {
        let request = ClientRequest::Abort {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: the_ts("commit_ts", request.commit_ts)?,
            keys: keys(request.keys),
        };
        match self.front.ask(request).await? {
            ClientResponse::Aborted => Ok(AbortResponse {}),
            other => Err(misfit(&other)),
        }
    }

    async fn commit_all(&self, request: CommitAllRequest) -> Result<CommitAllResponse, NodeError> {
        let request = ClientRequest::Transact {
            txn: txn(request.primary, request.start_ts)?,
            mutations: mutations(request.mutations)?,
        };
        let commit_ts = committed(self.front.ask(request).await?)?;
        Ok(CommitAllResponse { commit_ts: commit_ts.raw() })
    }

    async fn status(&self, request: TxnStatusRequest) -> Result<TxnStatusResponse, NodeError> {
        let request = ClientRequest::TxnStatus { txn: txn(request.primary, request.start_ts)? };
        match self.front.ask(request).await? {
            ClientResponse::Txn(status) => Ok(txn_state_message(&status)),
            other => Err(misfit(&other)),
        }
    }
}

fn txn(primary: Vec<u8>, start_ts: u64) -> Result<TxnId, NodeError> {
    Ok(TxnId { primary: RawKey::from(primary), start_ts: the_ts("start_ts", start_ts)? })
}

fn keys(keys: Vec<Vec<u8>>) -> Vec<RawKey> {
    keys.into_iter().map(RawKey::from).collect()
}

fn committed(response: ClientResponse) -> Result<Timestamp, NodeError> {
    match response {
        ClientResponse::Committed { commit_ts } => Ok(commit_ts),
        other => Err(misfit(&other)),
    }
}

/// Others may settle the locks of a client that didn't say otherwise after so many milliseconds.
const USUAL_TTL_MS: u64 = 5_000;
