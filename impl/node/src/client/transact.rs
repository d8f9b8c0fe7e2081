//! Transactions over `TransactionalKV`.

use super::connection::Connection;
use super::failure::Failure;
use crate::api::{ClientResponse, NodeError};
use crate::convert::{mutation_message, raw_ts, txn_state};
use splitjob_core::group::Mutation;
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::TxnId;
use splitjob_wire::proto;

impl Connection {
    pub(super) async fn begin(&self) -> Result<ClientResponse, Failure> {
        let response = self.transactional_kv().begin(proto::BeginRequest {}).await?.into_inner();
        Ok(ClientResponse::Begun { start_ts: Timestamp::from_raw(response.start_ts) })
    }

    pub(super) async fn transact(&self, txn: &TxnId, mutations: &[Mutation]) -> Result<ClientResponse, Failure> {
        let message = proto::CommitAllRequest {
            primary: txn.primary.as_bytes().to_vec(),
            start_ts: txn.start_ts.raw(),
            mutations: messages(mutations)?,
        };
        let response = self.transactional_kv().commit_all(message).await?.into_inner();
        Ok(ClientResponse::Committed { commit_ts: Timestamp::from_raw(response.commit_ts) })
    }

    pub(super) async fn prepare(
        &self,
        txn: &TxnId,
        commit_ts: Option<Timestamp>,
        mutations: &[Mutation],
        ttl_ms: u64,
    ) -> Result<ClientResponse, Failure> {
        let message = proto::PrepareRequest {
            primary: txn.primary.as_bytes().to_vec(),
            start_ts: txn.start_ts.raw(),
            commit_ts: raw_ts(commit_ts),
            mutations: messages(mutations)?,
            ttl_ms,
        };
        let response = self.transactional_kv().prepare(message).await?.into_inner();
        Ok(ClientResponse::Prepared { commit_ts: Timestamp::from_raw(response.commit_ts) })
    }

    pub(super) async fn commit(
        &self,
        txn: &TxnId,
        commit_ts: Timestamp,
        keys: &[RawKey],
    ) -> Result<ClientResponse, Failure> {
        let message = proto::CommitRequest {
            primary: txn.primary.as_bytes().to_vec(),
            start_ts: txn.start_ts.raw(),
            commit_ts: commit_ts.raw(),
            keys: bytes(keys),
        };
        let response = self.transactional_kv().commit(message).await?.into_inner();
        Ok(ClientResponse::Committed { commit_ts: Timestamp::from_raw(response.commit_ts) })
    }

    pub(super) async fn abort(
        &self,
        txn: &TxnId,
        commit_ts: Timestamp,
        keys: &[RawKey],
    ) -> Result<ClientResponse, Failure> {
        let message = proto::AbortRequest {
            primary: txn.primary.as_bytes().to_vec(),
            start_ts: txn.start_ts.raw(),
            commit_ts: commit_ts.raw(),
            keys: bytes(keys),
        };
        let proto::AbortResponse {} = self.transactional_kv().abort(message).await?.into_inner();
        Ok(ClientResponse::Aborted)
    }

    pub(super) async fn txn_status(&self, txn: &TxnId) -> Result<ClientResponse, Failure> {
        let message =
            proto::TxnStatusRequest { primary: txn.primary.as_bytes().to_vec(), start_ts: txn.start_ts.raw() };
        let response = self.transactional_kv().status(message).await?.into_inner();
        Ok(ClientResponse::Txn(txn_state(&response)?))
    }
}

fn messages(mutations: &[Mutation]) -> Result<Vec<proto::KeyMutation>, NodeError> {
    mutations.iter().map(mutation_message).collect()
}

fn bytes(keys: &[RawKey]) -> Vec<Vec<u8>> {
    keys.iter().map(|key| key.as_bytes().to_vec()).collect()
}
