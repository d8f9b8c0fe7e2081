//! What is refused, and as what.

use prost::Message;
use splitjob_core::catalog::Routes;
use splitjob_core::group::{Adoption, GroupCommand, Mutation, WriteRequest};
use splitjob_core::id::{CatalogVersion, GroupId, JobId, RouteId};
use splitjob_core::key::RawKey;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use splitjob_wire::entry::{decode_catalog_command, decode_group_command, encode_group_command};
use splitjob_wire::peer::PeerMessage;
use splitjob_wire::proto::splitjob as pb;
use splitjob_wire::proto::{ErrorKind, JobPhase, SplitJob, job_phase};
use splitjob_wire::record::{
    CatalogKey, JobRecord, RouteRecord, catalog_from_records, decode_configuration, decode_cursor, decode_group_state,
    decode_job, decode_scalar, encode_scalar,
};
use splitjob_wire::rpc::{detail_of, status_of, status_of_kind};
use splitjob_wire::{MAX_KEY_BYTES, MAX_MESSAGE_BYTES, MAX_VALUE_BYTES, WireError};
use tonic::Code;

fn versioned(message: &impl Message) -> Vec<u8> {
    [vec![1], message.encode_to_vec()].concat()
}

fn entry(command: pb::group_command::Command) -> Vec<u8> {
    versioned(&pb::GroupCommand { command: Some(command) })
}

fn write(key: Vec<u8>, content: Content) -> Vec<u8> {
    let mutations = vec![Mutation { key: RawKey::from(key), content }];
    encode_group_command(&GroupCommand::Write(WriteRequest {
        mutations,
        commit_ts: Timestamp::from_raw(1),
        routed_by: None,
    }))
}

fn put(bytes: usize) -> Content {
    Content::Put { value: vec![0; bytes], expire_at: Timestamp::ZERO }
}

fn route(id: u64, start: &str, end: Option<&str>) -> pb::Route {
    let range = pb::KeyRange { start: start.into(), end: end.map(Into::into) };
    pb::Route { id, range: Some(range), group: 1, ..pb::Route::default() }
}

fn adoption(routes: Vec<pb::Route>) -> Vec<u8> {
    entry(pb::group_command::Command::Adopt(pb::Adoption { version: 1, routes }))
}

// V2
#[test]
fn an_entry_of_another_version_is_refused_as_such() {
    let mut bytes = write(b"k".to_vec(), put(1));
    bytes[0] = 2;
    assert_eq!(decode_group_command(&bytes), Err(WireError::UnknownVersion { what: "a group's entry", version: 2 }));
    assert_eq!(decode_group_command(&[]), Err(WireError::Truncated { what: "a group's entry" }));
}

// V2
#[test]
fn an_entry_with_a_command_of_an_unknown_kind_is_refused() {
    // Field 99, an empty message.
    assert_eq!(decode_group_command(&[1, 0x9a, 0x06, 0x00]), Err(WireError::NotCanonical { what: "a group's entry" }));
    assert_eq!(decode_group_command(&[1]), Err(WireError::Missing { what: "a group's command" }));
    assert_eq!(decode_catalog_command(&[1]), Err(WireError::Missing { what: "a command of the catalog" }));
}

// V2
#[test]
fn an_entry_with_an_unknown_field_in_a_known_command_is_refused() {
    let mut request = pb::WriteRequest { commit_ts: 1, ..pb::WriteRequest::default() }.encode_to_vec();
    request.extend([0x98, 0x06, 0x01]);
    let bytes = [vec![1, 0x0a, u8::try_from(request.len()).expect("it is short")], request].concat();
    assert_eq!(decode_group_command(&bytes), Err(WireError::NotCanonical { what: "a group's entry" }));
}

#[test]
fn a_message_of_an_unknown_kind_is_refused() {
    let missing = WireError::Missing { what: "a message of a node" };
    assert_eq!(PeerMessage::decode(&[0x9a, 0x06, 0x00]), Err(missing.clone()));
    assert_eq!(PeerMessage::decode(&[]), Err(missing));
}

#[test]
fn keys_values_and_messages_have_limits() {
    let too_long = |what, limit| WireError::TooLong { what, bytes: limit + 1, limit };
    let longest = write(vec![0; MAX_KEY_BYTES], put(MAX_VALUE_BYTES));
    assert!(decode_group_command(&longest).is_ok());
    assert_eq!(decode_group_command(&write(vec![0; MAX_KEY_BYTES + 1], put(0))), Err(too_long("a key", MAX_KEY_BYTES)));
    assert_eq!(
        decode_group_command(&write(Vec::new(), put(MAX_VALUE_BYTES + 1))),
        Err(too_long("a value", MAX_VALUE_BYTES))
    );
    let message = vec![0; MAX_MESSAGE_BYTES + 1];
    assert_eq!(PeerMessage::decode(&message), Err(too_long("a message of a node", MAX_MESSAGE_BYTES)));
}

#[test]
fn a_tombstone_has_no_value() {
    let mutation = pb::Mutation { tombstone: true, value: b"v".to_vec(), ..pb::Mutation::default() };
    let request = pb::WriteRequest { mutations: vec![mutation], ..pb::WriteRequest::default() };
    let refused = decode_group_command(&entry(pb::group_command::Command::Write(request)));
    assert!(matches!(refused, Err(WireError::Invalid { what: "a version", .. })), "{refused:?}");
}

#[test]
fn a_ceiling_is_in_milliseconds() {
    let refused = decode_group_command(&entry(pb::group_command::Command::RaiseCeiling(1 << 48)));
    assert!(matches!(refused, Err(WireError::Physical(_))), "{refused:?}");
}

// C1
#[test]
fn routes_that_are_no_partition_are_not_adopted() {
    let whole = decode_group_command(&adoption(vec![route(1, "", Some("m")), route(2, "m", None)]));
    assert!(matches!(whole, Ok(GroupCommand::Adopt(Adoption { version: CatalogVersion(1), .. }))), "{whole:?}");
    let broken = [
        vec![],
        vec![route(1, "", Some("m"))],
        vec![route(1, "", Some("m")), route(2, "n", None)],
        vec![route(1, "", Some("m")), route(2, "l", None)],
        vec![route(1, "a", None)],
    ];
    for routes in broken {
        let refused = decode_group_command(&adoption(routes));
        assert!(matches!(refused, Err(WireError::Partition(_))), "{refused:?}");
    }
    let empty = decode_group_command(&adoption(vec![route(1, "m", Some("m"))]));
    assert!(matches!(empty, Err(WireError::Range(_))), "{empty:?}");
}

fn segment(start: &str, job: u64) -> pb::OwnershipSegment {
    let ownership = pb::ownership_segment::Ownership::Incoming(job);
    pb::OwnershipSegment { start: start.into(), ownership: Some(ownership) }
}

// O1
#[test]
fn segments_that_are_no_ownership_map_are_refused() {
    let state = |ownership| versioned(&pb::GroupState { ownership, ..pb::GroupState::default() });
    assert!(decode_group_state(&state(vec![segment("", 1), segment("m", 2)])).is_ok());
    for ownership in [vec![], vec![segment("a", 1)], vec![segment("", 1), segment("m", 2), segment("m", 3)]] {
        let refused = decode_group_state(&state(ownership));
        assert!(matches!(refused, Err(WireError::Segments(_))), "{refused:?}");
    }
    let joined = decode_group_state(&state(vec![segment("", 1), segment("m", 1)]));
    assert!(matches!(joined, Err(WireError::NotCanonical { .. })), "{joined:?}");
}

// G10
#[test]
fn closed_jobs_are_those_that_the_mark_does_not_cover() {
    let state = |closed_below, closed: &[u64]| {
        let ownership = vec![segment("", 1)];
        versioned(&pb::GroupState { ownership, closed_below, closed: closed.to_vec(), ..pb::GroupState::default() })
    };
    let read = decode_group_state(&state(4, &[4, 6])).expect("these are closed jobs").closed;
    assert!(read.contains(JobId(3)) && read.contains(JobId(6)) && !read.contains(JobId(5)), "{read:?}");
    let covered = decode_group_state(&state(4, &[3]));
    assert!(matches!(covered, Err(WireError::Invalid { what: "closed jobs", .. })), "{covered:?}");
    for closed in [&[6, 4][..], &[4, 4]] {
        assert_eq!(decode_group_state(&state(4, closed)), Err(WireError::NotAscending { what: "closed jobs" }));
    }
}

#[test]
fn voters_ascend() {
    let configuration = pb::Configuration { voters: vec![2, 1], ..pb::Configuration::default() };
    let refused = decode_configuration(&versioned(&configuration));
    assert_eq!(refused, Err(WireError::NotAscending { what: "voters" }));
}

fn planned() -> SplitJob {
    let state = Some(JobPhase { phase: Some(job_phase::Phase::Planned(Default::default())) });
    let ids = SplitJob { job_id: 1, source_route_id: 2, target_group_id: 3, phase: 1, ..SplitJob::default() };
    SplitJob { options: Some(Default::default()), state, ..ids }
}

#[test]
fn a_record_of_a_job_keeps_its_rules() {
    let refused = |change: &dyn Fn(&mut SplitJob)| {
        let mut message = planned();
        change(&mut message);
        let read = JobRecord::decode(&JobRecord::from(message).encode());
        assert!(read.is_err(), "{read:?}");
    };
    assert!(decode_job(&JobRecord::from(planned()).encode()).is_ok());
    refused(&|job| job.job_id = 0);
    refused(&|job| job.source_route_id = 0);
    refused(&|job| job.target_group_id = 0);
    refused(&|job| job.phase = 0);
    refused(&|job| job.phase = 11);
    refused(&|job| job.retry_phase = 2);
    refused(&|job| job.abandon_from_phase = 2);
    refused(&|job| (job.phase, job.retry_phase) = (8, 0));
    refused(&|job| (job.phase, job.retry_phase) = (8, 1));
    refused(&|job| (job.phase, job.retry_phase) = (8, 7));
    refused(&|job| (job.phase, job.abandon_from_phase) = (9, 1));
    refused(&|job| (job.phase, job.abandon_from_phase) = (9, 5));
    refused(&|job| job.cutover_read_fence_state = 4);
    refused(&|job| job.target_staged_readiness_state = -1);
}

#[test]
fn a_record_of_a_job_whose_halves_disagree_is_refused() {
    let message = SplitJob { phase: 2, ..planned() };
    let refused = decode_job(&JobRecord::from(message).encode());
    assert!(matches!(refused, Err(WireError::Invalid { .. })), "{refused:?}");
}

#[test]
fn a_record_of_another_system_is_read_and_is_no_job_of_this_one() {
    let message = SplitJob { state: None, options: None, cursor: b"c".to_vec(), ..planned() };
    let record = JobRecord::decode(&JobRecord::from(message.clone()).encode()).expect("it keeps the rules");
    assert_eq!(record.message, message);
    assert!(matches!(record.job(), Err(WireError::Missing { .. })));
}

#[test]
fn records_are_read_whole() {
    let route = RouteRecord::of(Routes::one(GroupId(1)).iter().next().expect("there is one")).encode();
    assert!(RouteRecord::decode(&route).is_ok());
    for record in [&route[..route.len() - 1], &[&route[..], &[0]].concat(), &[&[4], &route[1..]].concat()] {
        assert!(RouteRecord::decode(record).is_err(), "{record:?}");
    }
    assert!(decode_scalar(&encode_scalar(1)[..8]).is_err());
    assert!(decode_scalar(&[encode_scalar(1), vec![0]].concat()).is_err());
    assert!(decode_cursor(&[1, b'k', 5, 0]).is_ok_and(|cursor| cursor.is_some()));
    for cursor in [&[1][..], &[1, b'k'], &[1, b'k', 5], &[1, b'k', 5, 2], &[1, b'k', 5, 0, 0], &[0x81, 0, b'k', 5, 0]] {
        assert!(decode_cursor(cursor).is_err(), "{cursor:?}");
    }
}

#[test]
fn records_of_the_catalog_hold_together() {
    use splitjob_core::catalog::{Catalog, CatalogLimits};
    let catalog = Catalog::new(GroupId(1), [GroupId(1)].into(), CatalogLimits::default());
    let records = splitjob_wire::record::catalog_records(&catalog.state());
    assert_eq!(catalog_from_records(&records), Ok(catalog.state()));
    for key in records.keys() {
        let mut without = records.clone();
        without.remove(key);
        assert!(catalog_from_records(&without).is_err(), "nothing misses {}", RawKey::from(key.as_slice()));
    }
    let refused = |key: Vec<u8>, record: Vec<u8>| {
        let mut with = records.clone();
        with.insert(key.clone(), record);
        assert!(catalog_from_records(&with).is_err(), "{} is taken", RawKey::from(key));
    };
    refused(b"!dist|other".to_vec(), encode_scalar(1));
    refused(CatalogKey::Delta(CatalogVersion(1)).encode(), encode_scalar(1));
    refused(CatalogKey::NextRouteId.encode(), encode_scalar(0));
    refused(CatalogKey::NextRouteId.encode(), encode_scalar(1));
    refused(CatalogKey::Route(RouteId(9)).encode(), records[&CatalogKey::Route(RouteId(1)).encode()].clone());
    refused(CatalogKey::Horizon(RouteId(9)).encode(), encode_scalar(1));
    refused(CatalogKey::Job(JobId(1)).encode(), JobRecord::from(planned()).encode());
}

#[test]
fn a_status_says_what_a_client_can_act_on() {
    use splitjob_core::group::Rejection;
    let moved = Rejection::RouteMoved { version: CatalogVersion(7), to: GroupId(2) };
    let status = status_of(&moved);
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, moved.to_string().as_str()));
    let detail = detail_of(&status).expect("it has a detail");
    assert_eq!((detail.kind(), detail.version, detail.group), (ErrorKind::RouteMoved, 7, 2));
    assert_eq!(status_of(&Rejection::RouteWriteFenced).code(), Code::Aborted);
    assert_eq!(detail_of(&tonic::Status::internal("of somebody else")), None);
}

#[test]
fn a_status_stays_small_whatever_it_tells_of() {
    let key = RawKey::from(vec![0xff; MAX_KEY_BYTES]);
    let status = status_of(&splitjob_core::group::Rejection::ForeignRow { key });
    assert!(status.details().len() + status.message().len() < 8 << 10, "{} bytes", status.details().len());
    assert_eq!(detail_of(&status).map(|detail| detail.kind()), Some(ErrorKind::ForeignRow));
    let text = status_of_kind(ErrorKind::Invalid, &"ä".repeat(5_000), 0);
    assert_eq!((text.code(), text.message().len()), (Code::InvalidArgument, 1024));
}
