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
        let ClientResponse::Begun { start_ts } = self.front.ask(ClientRequest::Begin).await? else {
            return Err(misfit());
        };
        Ok(BeginResponse { start_ts: start_ts.raw() })
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadResponse, NodeError> {
        let read_ts = the_ts("start_ts", request.start_ts)?;
        let request = ClientRequest::Get { key: RawKey::from(request.key), read_ts: Some(read_ts), routed_by: None };
        let ClientResponse::Rows { answer, .. } = self.front.ask(request).await? else { return Err(misfit()) };
        let row = answer.rows.into_iter().next();
        Ok(ReadResponse {
            exists: row.is_some(),
            commit_ts: row.as_ref().map_or(0, |row| row.commit_ts.raw()),
            value: row.map(|row| row.value).unwrap_or_default(),
        })
    }

    async fn prepare(&self, request: PrepareRequest) -> Result<PrepareResponse, NodeError> {
        let request = ClientRequest::Prepare {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: some_ts(request.commit_ts),
            mutations: mutations(request.mutations)?,
            ttl_ms: if request.ttl_ms == 0 { USUAL_TTL_MS } else { request.ttl_ms },
        };
        let ClientResponse::Prepared { commit_ts } = self.front.ask(request).await? else { return Err(misfit()) };
        Ok(PrepareResponse { commit_ts: commit_ts.raw() })
    }

    async fn commit(&self, request: CommitRequest) -> Result<CommitResponse, NodeError> {
        let request = ClientRequest::Commit {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: the_ts("commit_ts", request.commit_ts)?,
            keys: keys(request.keys),
        };
        let commit_ts = committed(&self.front.ask(request).await?)?;
        Ok(CommitResponse { commit_ts: commit_ts.raw() })
    }

    async fn abort(&self, request: AbortRequest) -> Result<AbortResponse, NodeError> {
        let request = ClientRequest::Abort {
            txn: txn(request.primary, request.start_ts)?,
            commit_ts: the_ts("commit_ts", request.commit_ts)?,
            keys: keys(request.keys),
        };
        let ClientResponse::Aborted = self.front.ask(request).await? else { return Err(misfit()) };
        Ok(AbortResponse {})
    }

    async fn commit_all(&self, request: CommitAllRequest) -> Result<CommitAllResponse, NodeError> {
        let request = ClientRequest::Transact {
            txn: txn(request.primary, request.start_ts)?,
            mutations: mutations(request.mutations)?,
        };
        let commit_ts = committed(&self.front.ask(request).await?)?;
        Ok(CommitAllResponse { commit_ts: commit_ts.raw() })
    }

    async fn status(&self, request: TxnStatusRequest) -> Result<TxnStatusResponse, NodeError> {
        let request = ClientRequest::TxnStatus { txn: txn(request.primary, request.start_ts)? };
        let ClientResponse::Txn(status) = self.front.ask(request).await? else { return Err(misfit()) };
        Ok(txn_state_message(&status))
    }
}

fn txn(primary: Vec<u8>, start_ts: u64) -> Result<TxnId, NodeError> {
    Ok(TxnId { primary: RawKey::from(primary), start_ts: the_ts("start_ts", start_ts)? })
}

fn keys(keys: Vec<Vec<u8>>) -> Vec<RawKey> {
    keys.into_iter().map(RawKey::from).collect()
}

fn committed(response: &ClientResponse) -> Result<Timestamp, NodeError> {
    let ClientResponse::Committed { commit_ts } = response else { return Err(misfit()) };
    Ok(*commit_ts)
}

/// Others may settle the locks of a client that didn't say otherwise after so many milliseconds.
const USUAL_TTL_MS: u64 = 5_000;
