//! Reads and writes of single keys and of ranges.

use super::answer;
use crate::api::{ClientRequest, ClientResponse, NodeError};
use crate::convert::{invalid, put, some_ts, some_version};
use crate::edge::front::{Front, misfit};
use splitjob_core::group::{Mutation, ReadAnswer};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use splitjob_wire::proto::raw_kv_server::RawKv;
use splitjob_wire::proto::{
    RawDeletePrefixRequest, RawDeletePrefixResponse, RawDeleteRequest, RawDeleteResponse, RawGetRequest,
    RawGetResponse, RawKvPair, RawLatestCommitTsRequest, RawLatestCommitTsResponse, RawPutRequest, RawPutResponse,
    RawScanAtRequest, RawScanAtResponse,
};
use tonic::{Request, Response, Status};

/// The service.
pub(crate) struct RawKvService {
    front: Front,
}

#[tonic::async_trait]
impl RawKv for RawKvService {
    async fn raw_put(&self, request: Request<RawPutRequest>) -> Result<Response<RawPutResponse>, Status> {
        answer(self.put(request.into_inner()).await)
    }

    async fn raw_delete(&self, request: Request<RawDeleteRequest>) -> Result<Response<RawDeleteResponse>, Status> {
        answer(self.delete(request.into_inner()).await)
    }

    async fn raw_delete_prefix(
        &self,
        request: Request<RawDeletePrefixRequest>,
    ) -> Result<Response<RawDeletePrefixResponse>, Status> {
        answer(self.delete_prefix(request.into_inner()).await)
    }

    async fn raw_get(&self, request: Request<RawGetRequest>) -> Result<Response<RawGetResponse>, Status> {
        answer(self.get(request.into_inner()).await)
    }

    async fn raw_scan_at(&self, request: Request<RawScanAtRequest>) -> Result<Response<RawScanAtResponse>, Status> {
        answer(self.scan(request.into_inner()).await)
    }

    async fn raw_latest_commit_ts(
        &self,
        request: Request<RawLatestCommitTsRequest>,
    ) -> Result<Response<RawLatestCommitTsResponse>, Status> {
        answer(self.latest(request.into_inner()).await)
    }
}

impl RawKvService {
    /// The service of a node.
    pub(crate) fn new(front: Front) -> RawKvService {
        RawKvService { front }
    }

    async fn put(&self, request: RawPutRequest) -> Result<RawPutResponse, NodeError> {
        let content = put(request.value, request.expire_at_ms)?;
        let commit_ts = self.write(request.key, content, request.commit_ts).await?;
        Ok(RawPutResponse { commit_index: 0, success: true, commit_ts: commit_ts.raw() })
    }

    async fn delete(&self, request: RawDeleteRequest) -> Result<RawDeleteResponse, NodeError> {
        let commit_ts = self.write(request.key, Content::Tombstone, request.commit_ts).await?;
        Ok(RawDeleteResponse { commit_index: 0, success: true, commit_ts: commit_ts.raw() })
    }

    async fn write(&self, key: Vec<u8>, content: Content, commit_ts: u64) -> Result<Timestamp, NodeError> {
        let mutation = Mutation { key: RawKey::from(key), content };
        let request = ClientRequest::Write { mutation, commit_ts: some_ts(commit_ts) };
        let ClientResponse::Written { commit_ts } = self.front.ask(request).await? else { return Err(misfit()) };
        Ok(commit_ts)
    }

    async fn delete_prefix(&self, request: RawDeletePrefixRequest) -> Result<RawDeletePrefixResponse, NodeError> {
        // A field that was forgotten is empty too, and would empty every group.
        if request.prefix.is_empty() {
            return Err(invalid("an empty prefix would delete every key: name at least one byte"));
        }
        let request = ClientRequest::DeletePrefix { prefix: RawKey::from(request.prefix) };
        let ClientResponse::PrefixDeleted { rows } = self.front.ask(request).await? else { return Err(misfit()) };
        Ok(RawDeletePrefixResponse { rows })
    }

    async fn get(&self, request: RawGetRequest) -> Result<RawGetResponse, NodeError> {
        no_group(request.group_id)?;
        let request = ClientRequest::Get {
            key: RawKey::from(request.key),
            read_ts: some_ts(request.ts),
            routed_by: some_version(request.read_route_version),
        };
        let (answer, read_ts) = self.read(request).await?;
        let row = answer.rows.into_iter().next();
        Ok(RawGetResponse {
            read_at_index: 0,
            exists: row.is_some(),
            read_ts: read_ts.raw(),
            commit_ts: row.as_ref().map_or(0, |row| row.commit_ts.raw()),
            value: row.map(|row| row.value).unwrap_or_default(),
        })
    }

    async fn scan(&self, request: RawScanAtRequest) -> Result<RawScanAtResponse, NodeError> {
        no_group(request.group_id)?;
        if request.route_start.is_some() || request.route_end.is_some() {
            return Err(invalid("a scan is bounded by raw keys here: leave route_start and route_end out"));
        }
        let limit = u64::try_from(request.limit)
            .map_err(|_| invalid(format!("a page of {} rows: ask for 1 or more", request.limit)))?;
        let keys_only = request.keys_only;
        let end = (!request.end_key.is_empty()).then(|| RawKey::from(request.end_key));
        let request = ClientRequest::Scan {
            interval: RawInterval { start: RawKey::from(request.start_key), end },
            direction: if request.reverse { Direction::Reverse } else { Direction::Forward },
            limit,
            read_ts: some_ts(request.ts),
            routed_by: some_version(request.read_route_version),
        };
        let (answer, read_ts) = self.read(request).await?;
        let pair = |row: splitjob_core::group::SeenRow| RawKvPair {
            key: row.key.into_bytes(),
            value: if keys_only { Vec::new() } else { row.value },
            commit_ts: row.commit_ts.raw(),
        };
        Ok(RawScanAtResponse {
            kv: answer.rows.into_iter().map(pair).collect(),
            next_key: answer.next.map(RawKey::into_bytes),
            read_ts: read_ts.raw(),
        })
    }

    async fn latest(&self, request: RawLatestCommitTsRequest) -> Result<RawLatestCommitTsResponse, NodeError> {
        let routed_by = some_version(request.read_route_version);
        let ClientResponse::Newest(ts) =
            self.front.ask(ClientRequest::Latest { key: RawKey::from(request.key), routed_by }).await?
        else {
            return Err(misfit());
        };
        Ok(RawLatestCommitTsResponse { ts: ts.map_or(0, Timestamp::raw), exists: ts.is_some() })
    }

    async fn read(&self, request: ClientRequest) -> Result<(ReadAnswer, Timestamp), NodeError> {
        let ClientResponse::Rows { answer, read_ts } = self.front.ask(request).await? else { return Err(misfit()) };
        Ok((answer, read_ts))
    }
}

/// Every key has a route here, so that a group for keys without one can't be meant.
fn no_group(group_id: u64) -> Result<(), NodeError> {
    match group_id {
        0 => Ok(()),
        group => Err(invalid(format!("every key has a route: leave group_id {group} out"))),
    }
}
