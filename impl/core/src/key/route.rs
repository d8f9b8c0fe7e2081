//! Where a row belongs: from raw keys to routing keys.

use super::encoding::{END_SEG00, END_SEG01, decode_len32, decode_segment, split_segment};
use super::{KeyFamily, RawKey, RoutingKey, txn};

/// The routing key of a row stored under `raw`: where it belongs (K1).
///
/// Total: what isn't a well-formed key of a known family routes as itself, byte for byte. A transaction row routes as
/// the key it is about, unwrapped once. Not idempotent: a routing key may look like a raw key of some family.
#[must_use]
pub fn route_key(raw: &RawKey) -> RoutingKey {
    let raw = raw.as_bytes();
    let key = txn::embedded_key(raw).unwrap_or(raw);
    RoutingKey(owner(key).unwrap_or_else(|| key.to_vec()))
}

/// The key at which a route may be split so that no owner's rows are torn apart, for a boundary asked for as `raw`.
///
/// The routing key of `raw`; one that reaches into a file's chunks is cut to the file.
#[must_use]
pub fn split_boundary(raw: &RawKey) -> RoutingKey {
    let mut boundary = route_key(raw);
    if boundary.as_bytes().starts_with(FS_CHUNK_ROUTE) {
        boundary.0.truncate(FS_CHUNK_ROUTE.len() + FS_FILE_LEN);
    }
    boundary
}

/// The routing key that owns the row stored under `key`, or `None` if the row owns itself.
fn owner(key: &[u8]) -> Option<Vec<u8>> {
    let family = KeyFamily::of_bytes(key);
    let rest = &key[family.prefix().len()..];
    match family {
        KeyFamily::User
        | KeyFamily::TxnLock
        | KeyFamily::TxnIntent
        | KeyFamily::TxnCommit
        | KeyFamily::TxnRollback
        | KeyFamily::TxnSuccess
        | KeyFamily::Catalog
        | KeyFamily::MigrationStage
        | KeyFamily::MigrationWrite
        | KeyFamily::MigrationFence => None,

        KeyFamily::ListMeta => Some(rest.to_vec()),
        KeyFamily::ListItem => rest.len().checked_sub(SEQUENCE_LEN).map(|len| rest[..len].to_vec()),
        // The meta row of a list named `d|…` looks like a delta. Only a full delta is one; the others route as themselves.
        KeyFamily::ListDelta => {
            decode_len32(rest).ok().filter(|(_, tail)| tail.len() >= DELTA_TAIL_LEN).map(|(user, _)| user.to_vec())
        }

        KeyFamily::ListClaim
        | KeyFamily::HashMeta
        | KeyFamily::HashDelta
        | KeyFamily::HashField
        | KeyFamily::SetMeta
        | KeyFamily::SetDelta
        | KeyFamily::SetMember
        | KeyFamily::SortedSetMeta
        | KeyFamily::SortedSetDelta
        | KeyFamily::SortedSetMember
        | KeyFamily::SortedSetScore
        | KeyFamily::StreamMeta
        | KeyFamily::StreamEntry => decode_len32(rest).ok().map(|(user, _)| user.to_vec()),

        KeyFamily::Redis => split_bar(rest).map(|(_, user)| user.to_vec()),

        KeyFamily::DynamoTable | KeyFamily::DynamoGeneration => dynamo_table(rest),
        KeyFamily::DynamoItem | KeyFamily::DynamoIndex => split_bar(rest).and_then(|(table, _)| dynamo_table(table)),

        KeyFamily::S3Head
        | KeyFamily::S3Upload
        | KeyFamily::S3UploadPart
        | KeyFamily::S3Blob
        | KeyFamily::S3ChunkRef
        | KeyFamily::S3Collect => s3_object(rest),

        KeyFamily::SqsQueueMeta
        | KeyFamily::SqsQueueGeneration
        | KeyFamily::SqsQueueSequence
        | KeyFamily::SqsQueueTombstone
        | KeyFamily::SqsMessage
        | KeyFamily::SqsVisibility
        | KeyFamily::SqsDedup
        | KeyFamily::SqsGroup
        | KeyFamily::SqsByAge => Some(SQS_ROUTE.to_vec()),

        KeyFamily::FsChunk => {
            (rest.len() >= FS_FILE_LEN + FS_CHUNK_INDEX_LEN).then(|| [FS_CHUNK_ROUTE, &rest[..FS_FILE_LEN]].concat())
        }
        KeyFamily::FsUsage => decode_segment(rest, END_SEG00)
            .ok()
            .filter(|(route, tail)| !route.is_empty() && tail.is_empty())
            .map(|(route, _)| route),
    }
}

fn dynamo_table(table: &[u8]) -> Option<Vec<u8>> {
    (!table.is_empty()).then(|| [DYNAMO_ROUTE, table].concat())
}

/// `seg01(bucket) ‖ u64 generation ‖ seg01(object)`, as it is encoded; what follows belongs to the row alone.
fn s3_object(rest: &[u8]) -> Option<Vec<u8>> {
    let (_bucket, tail) = split_segment(rest, END_SEG01).ok()?;
    let (_generation, tail) = tail.split_at_checked(GENERATION_LEN)?;
    let (_object, tail) = split_segment(tail, END_SEG01).ok()?;
    Some([S3_ROUTE, &rest[..rest.len() - tail.len()]].concat())
}

/// What stands before and after the first `|`.
fn split_bar(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let bar = bytes.iter().position(|byte| *byte == b'|')?;
    Some((&bytes[..bar], &bytes[bar + 1..]))
}

const DYNAMO_ROUTE: &[u8] = b"!ddb|route|table|";
const S3_ROUTE: &[u8] = b"!s3route|";
const SQS_ROUTE: &[u8] = b"!sqs|route|global";
const FS_CHUNK_ROUTE: &[u8] = b"!fs|route|chk|";
/// `u64 home ‖ u64 inode`.
const FS_FILE_LEN: usize = 16;
const FS_CHUNK_INDEX_LEN: usize = 8;
const SEQUENCE_LEN: usize = 8;
/// `u64 commit_ts ‖ u32 seq`.
const DELTA_TAIL_LEN: usize = 12;
const GENERATION_LEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::TxnKey;
    use crate::timestamp::Timestamp;

    fn routes(raw: &[u8]) -> Vec<u8> {
        route_key(&raw.into()).into_bytes()
    }

    #[test]
    fn a_success_marker_routes_as_the_owner_of_its_key() {
        let marker = TxnKey::SuccessMarker {
            key: "!lst|meta|l".into(),
            primary: "p".into(),
            start_ts: Timestamp::from_raw(1),
            commit_ts: Timestamp::from_raw(2),
        };
        assert_eq!(route_key(&marker.to_raw()), "l".into());
    }

    #[test]
    fn rows_of_one_owner_route_together() {
        for raw in [
            &b"!hs|meta|\0\0\0\x01u"[..],
            b"!hs|meta|d|\0\0\0\x01u123456781234",
            b"!hs|fld|\0\0\0\x01ufield",
            b"!st|mem|\0\0\0\x01um",
            b"!zs|scr|\0\0\0\x01u12345678m",
            b"!stream|entry|\0\0\0\x01u1234567812345678",
            b"!lst|claim|\0\0\0\x01u12345678",
            b"!redis|str|u",
            b"!txn|lock|!redis|str|u",
        ] {
            assert_eq!(routes(raw), b"u", "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn concrete_queue_rows_route_together_and_other_queue_keys_are_plain() {
        assert_eq!(routes(b"!sqs|msg|data|cQ|1"), SQS_ROUTE);
        assert_eq!(routes(b"!sqs|queue|tombstone|cQ"), SQS_ROUTE);
        assert_eq!(routes(b"!sqs|msg|other|cQ"), b"!sqs|msg|other|cQ");
        assert_eq!(routes(SQS_ROUTE), SQS_ROUTE);
    }

    #[test]
    fn malformed_keys_route_as_themselves() {
        for raw in [
            &b"!hs|fld|\xff\xff\xff\xffu"[..],
            b"!st|meta|\0\0\0",
            b"!ddb|item||1",
            b"!ddb|gsi|table",
            b"!s3|blob|b\x00\x02",
            b"!fs|chk|1234567812345678",
            b"!fs|usage|route|r\x00\x00x",
            b"!lst|itm|1234567",
            b"!lst|meta|d|\0\0\0\x01u12345678123",
        ] {
            assert_eq!(routes(raw), raw, "{}", raw.escape_ascii());
        }
    }
}
