//! Whatever is written reads back as it was.

use crate::strategy as a;
use proptest::prelude::*;
use splitjob_core::catalog::Route;
use splitjob_core::group::Rejection;
use splitjob_core::id::{JobId, RouteId};
use splitjob_core::job::SplitJob;
use splitjob_wire::entry::{
    decode_catalog_command, decode_group_command, encode_catalog_command, encode_group_command,
};
use splitjob_wire::peer::PeerMessage;
use splitjob_wire::proto::{RouteDescriptor, SplitJob as ShownJob};
use splitjob_wire::record::{
    CatalogKey, IntentRecord, JobRecord, LockRecord, RouteRecord, TxnMeta, catalog_from_records, catalog_records,
    catalog_records_over, decode_configuration, decode_cursor, decode_group_state, decode_job, decode_scalar,
    encode_configuration, encode_cursor, encode_group_state, encode_job, encode_scalar,
};
use splitjob_wire::rpc::{catalog_rejection_of, detail_of, rejection_of, status_of};

proptest! {
    #[test]
    fn messages_between_nodes_read_back(message in a::peer_message()) {
        prop_assert_eq!(PeerMessage::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn commands_of_groups_read_back(command in a::group_command()) {
        prop_assert_eq!(decode_group_command(&encode_group_command(&command)), Ok(command));
    }

    #[test]
    fn commands_of_the_catalog_read_back(command in a::catalog_command()) {
        prop_assert_eq!(decode_catalog_command(&encode_catalog_command(&command)), Ok(command));
    }

    #[test]
    fn states_of_groups_read_back(state in a::group_state()) {
        prop_assert_eq!(decode_group_state(&encode_group_state(&state)), Ok(state));
    }

    #[test]
    fn configurations_read_back(configuration in a::configuration()) {
        prop_assert_eq!(decode_configuration(&encode_configuration(&configuration)), Ok(configuration));
    }

    #[test]
    fn jobs_read_back_from_their_records(job in a::split_job()) {
        prop_assert_eq!(decode_job(&encode_job(&job)), Ok(job));
    }

    #[test]
    fn jobs_read_back_as_they_are_shown(job in a::split_job()) {
        prop_assert_eq!(SplitJob::try_from(ShownJob::from(&job)), Ok(job));
    }

    #[test]
    fn catalogs_read_back_from_their_records(state in a::catalog_state()) {
        prop_assert_eq!(catalog_from_records(&catalog_records(&state)), Ok(state));
    }

    #[test]
    fn records_that_take_the_place_of_others_say_the_same(one in a::catalog_state(), other in a::catalog_state()) {
        prop_assert_eq!(catalog_records_over(&one, &catalog_records(&other)), catalog_records(&one));
    }

    #[test]
    fn routes_read_back_from_their_records(routes in a::routes()) {
        for route in routes.iter() {
            let record = RouteRecord::of(route);
            let read = RouteRecord::decode(&record.encode());
            prop_assert_eq!(read.and_then(|read| read.route(route.min_read_ts)), Ok(route.clone()));
            prop_assert_eq!(Route::try_from(RouteDescriptor::from(route)), Ok(route.clone()));
        }
    }

    #[test]
    fn cursors_read_back(cursor in a::option(a::cursor())) {
        prop_assert_eq!(decode_cursor(&encode_cursor(cursor.as_ref())), Ok(cursor));
    }

    #[test]
    fn scalars_and_rows_of_transactions_read_back(
        number in a::number(), txn in a::txn(), value in a::option(a::bytes()), is_primary: bool, ts in a::timestamp(),
    ) {
        prop_assert_eq!(decode_scalar(&encode_scalar(number)), Ok(number));
        let (start_ts, primary) = (txn.start_ts, txn.primary);
        let lock = LockRecord { start_ts, ttl_expire_at: ts, is_primary, primary: primary.clone() };
        prop_assert_eq!(LockRecord::decode(&lock.encode()), Ok(lock));
        let intent = IntentRecord { start_ts, value };
        prop_assert_eq!(IntentRecord::decode(&intent.encode()), Ok(intent));
        let meta = TxnMeta { primary, lock_ttl_ms: number, commit_ts: ts, prev_commit_ts: start_ts };
        prop_assert_eq!(TxnMeta::decode(&meta.encode()), Ok(meta.clone()));
        prop_assert_eq!(TxnMeta::decode(&meta.encode_v2()), Ok(meta));
    }

    #[test]
    fn keys_of_the_catalog_read_back(id in a::number(), terminal_at_ms in 0..=i64::MAX as u64) {
        let keys = [
            CatalogKey::Version,
            CatalogKey::Settings,
            CatalogKey::Route(RouteId(id)),
            CatalogKey::Horizon(RouteId(id)),
            CatalogKey::Job(JobId(id)),
            CatalogKey::JobHistory { terminal_at_ms, job: JobId(id) },
        ];
        for key in keys {
            prop_assert_eq!(CatalogKey::parse(&key.encode()), Some(key));
        }
    }

    #[test]
    fn refusals_of_groups_come_back_out_of_a_status(rejection in a::rejection()) {
        let detail = detail_of(&status_of(&rejection)).expect("the status carries a detail");
        prop_assert_eq!(&detail.message, &rejection.to_string());
        let holds_intent = matches!(rejection, Rejection::KeyLocked { .. });
        prop_assert_eq!(rejection_of(detail), Ok(Some(rejection).filter(|_| !holds_intent)));
    }

    #[test]
    fn refusals_of_the_catalog_come_back_out_of_a_status(rejection in a::catalog_rejection()) {
        let detail = detail_of(&status_of(&rejection)).expect("the status carries a detail");
        prop_assert_eq!(catalog_rejection_of(detail), Ok(Some(rejection)));
    }

    #[test]
    fn unknown_fields_of_a_job_survive_a_change_of_it(job in a::split_job(), later in a::split_job()) {
        // Field 2000, three bytes.
        let unknown = [0x82, 0x7d, 3, b'n', b'e', b'w'];
        let record = [encode_job(&job), unknown.to_vec()].concat();
        let changed = JobRecord::decode(&record).expect("unknown fields are no error").with(&later).encode();
        prop_assert!(changed.ends_with(&unknown), "{changed:?}");
        prop_assert_eq!(decode_job(&changed), Ok(later));
    }
}
