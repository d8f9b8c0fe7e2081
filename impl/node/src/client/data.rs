//! Reads and writes over `RawKV`.

use super::connection::Connection;
use super::failure::Failure;
use crate::api::ClientResponse;
use crate::convert::{expire_at_ms, raw_ts, raw_version, some_ts};
use splitjob_core::group::{Mutation, ReadAnswer, SeenRow};
use splitjob_core::id::CatalogVersion;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use splitjob_wire::proto;

impl Connection {
    pub(super) async fn get(
        &self,
        key: &RawKey,
        read_ts: Option<Timestamp>,
        routed_by: Option<CatalogVersion>,
    ) -> Result<ClientResponse, Failure> {
        let message = proto::RawGetRequest {
            key: key.as_bytes().to_vec(),
            ts: raw_ts(read_ts),
            group_id: 0,
            read_route_version: raw_version(routed_by),
        };
        let response = self.raw_kv().raw_get(message).await?.into_inner();
        let commit_ts = Timestamp::from_raw(response.commit_ts);
        let row = response.exists.then(|| SeenRow { key: key.clone(), commit_ts, value: response.value });
        let answer = ReadAnswer { rows: row.into_iter().collect(), next: None };
        Ok(ClientResponse::Rows { answer, read_ts: Timestamp::from_raw(response.read_ts) })
    }

    pub(super) async fn scan(
        &self,
        interval: &RawInterval,
        direction: Direction,
        limit: u64,
        read_ts: Option<Timestamp>,
        routed_by: Option<CatalogVersion>,
    ) -> Result<ClientResponse, Failure> {
        let message = proto::RawScanAtRequest {
            start_key: interval.start.as_bytes().to_vec(),
            end_key: interval.end.as_ref().map_or_else(Vec::new, |end| end.as_bytes().to_vec()),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            ts: raw_ts(read_ts),
            reverse: match direction {
                Direction::Forward => false,
                Direction::Reverse => true,
            },
            read_route_version: raw_version(routed_by),
            ..proto::RawScanAtRequest::default()
        };
        let response = self.raw_kv().raw_scan_at(message).await?.into_inner();
        let row = |pair: proto::RawKvPair| SeenRow {
            key: RawKey::from(pair.key),
            commit_ts: Timestamp::from_raw(pair.commit_ts),
            value: pair.value,
        };
        let answer =
            ReadAnswer { rows: response.kv.into_iter().map(row).collect(), next: response.next_key.map(RawKey::from) };
        Ok(ClientResponse::Rows { answer, read_ts: Timestamp::from_raw(response.read_ts) })
    }

    pub(super) async fn latest(
        &self,
        key: &RawKey,
        routed_by: Option<CatalogVersion>,
    ) -> Result<ClientResponse, Failure> {
        let message = proto::RawLatestCommitTsRequest {
            key: key.as_bytes().to_vec(),
            read_route_version: raw_version(routed_by),
        };
        let response = self.raw_kv().raw_latest_commit_ts(message).await?.into_inner();
        Ok(ClientResponse::Newest(some_ts(response.ts).filter(|_| response.exists)))
    }

    pub(super) async fn write(
        &self,
        mutation: &Mutation,
        commit_ts: Option<Timestamp>,
    ) -> Result<ClientResponse, Failure> {
        let key = mutation.key.as_bytes().to_vec();
        let commit_ts = raw_ts(commit_ts);
        let written = match &mutation.content {
            Content::Put { value, expire_at } => {
                let expire_at_ms = expire_at_ms(*expire_at)?;
                let message = proto::RawPutRequest { key, value: value.clone(), expire_at_ms, commit_ts };
                self.raw_kv().raw_put(message).await?.into_inner().commit_ts
            }
            Content::Tombstone => {
                let message = proto::RawDeleteRequest { key, commit_ts };
                self.raw_kv().raw_delete(message).await?.into_inner().commit_ts
            }
        };
        Ok(ClientResponse::Written { commit_ts: Timestamp::from_raw(written) })
    }

    pub(super) async fn delete_prefix(&self, prefix: &RawKey) -> Result<ClientResponse, Failure> {
        let message = proto::RawDeletePrefixRequest { prefix: prefix.as_bytes().to_vec() };
        let response = self.raw_kv().raw_delete_prefix(message).await?.into_inner();
        Ok(ClientResponse::PrefixDeleted { rows: response.rows })
    }
}
