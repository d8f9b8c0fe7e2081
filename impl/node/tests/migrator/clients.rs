//! Clients that write and run transactions meanwhile, and what must be there in the end.

use crate::chance::Chance;
use crate::cluster::WALL_MS;
use crate::groups::DataGroup;
use splitjob_core::catalog::Catalog;
use splitjob_core::group::{GroupCommand, Mutation, TxnAction, TxnCommand, WriteRequest};
use splitjob_core::id::GroupId;
use splitjob_core::key::{RawKey, route_key};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::txn::TxnId;
use splitjob_core::version::Content;
use std::collections::BTreeMap;

/// What clients do, and what they were told.
#[derive(Default)]
pub(crate) struct Clients {
    /// Every version that was acknowledged.
    pub(crate) acknowledged: BTreeMap<(RawKey, Timestamp), Content>,
    open: Vec<(TxnId, Timestamp, Mutation)>,
    written: u64,
}

impl Clients {
    /// One write, or one step of a transaction, at the owner of its key. Clocks differ: some timestamps lie back.
    pub(crate) fn act(
        &mut self,
        chance: &mut Chance,
        now_ms: u64,
        catalog: &Catalog,
        groups: &mut BTreeMap<GroupId, DataGroup>,
    ) {
        self.written += 1;
        let letter = char::from(b'a' + u8::try_from(chance.between(0, 25)).expect("a letter"));
        let key = RawKey::from(format!("{letter}{}", chance.between(0, 3)).as_str());
        let physical = PhysicalMs::new(WALL_MS + now_ms - chance.between(0, 40).min(now_ms)).expect("48 bits");
        let commit_ts = Timestamp::from_parts(physical, u16::try_from(self.written % 60_000).expect("below 2^16"));
        let content = match chance.percent(15) {
            true => Content::Tombstone,
            false => Content::Put { value: format!("{key}@{commit_ts}").into_bytes(), expire_at: Timestamp::ZERO },
        };
        let mutation = Mutation { key, content };
        if chance.percent(60) {
            self.write(commit_ts, mutation, catalog, groups);
        } else if chance.percent(50) && self.open.len() < 3 {
            self.prepare(commit_ts, mutation, catalog, groups);
        } else if !self.open.is_empty() {
            self.end(chance.percent(70), catalog, groups);
        }
    }

    /// Ends every transaction.
    pub(crate) fn settle(&mut self, catalog: &Catalog, groups: &mut BTreeMap<GroupId, DataGroup>) {
        while !self.open.is_empty() {
            self.end(true, catalog, groups);
        }
    }

    pub(crate) fn write(
        &mut self,
        commit_ts: Timestamp,
        mutation: Mutation,
        catalog: &Catalog,
        groups: &mut BTreeMap<GroupId, DataGroup>,
    ) -> bool {
        let request = WriteRequest { mutations: vec![mutation.clone()], commit_ts, routed_by: None };
        let is_done = owner(&mutation.key, catalog, groups).apply(&GroupCommand::Write(request)).is_ok();
        if is_done {
            self.acknowledged.insert((mutation.key, commit_ts), mutation.content);
        }
        is_done
    }

    fn prepare(
        &mut self,
        commit_ts: Timestamp,
        mutation: Mutation,
        catalog: &Catalog,
        groups: &mut BTreeMap<GroupId, DataGroup>,
    ) {
        let txn = TxnId { primary: mutation.key.clone(), start_ts: commit_ts.saturating_predecessor() };
        let action = TxnAction::Prepare { mutations: vec![mutation.clone()], expires_at_ms: 0 };
        let command = TxnCommand { txn: txn.clone(), commit_ts, routed_by: None, action };
        if owner(&mutation.key, catalog, groups).apply(&GroupCommand::Txn(command)).is_ok() {
            self.open.push((txn, commit_ts, mutation));
        }
    }

    fn end(&mut self, commits: bool, catalog: &Catalog, groups: &mut BTreeMap<GroupId, DataGroup>) {
        let (txn, commit_ts, mutation) = self.open.remove(0);
        let keys = vec![mutation.key.clone()];
        let action = if commits { TxnAction::Commit { keys } } else { TxnAction::Abort { keys } };
        let command = TxnCommand { txn, commit_ts, routed_by: None, action };
        let ended = owner(&mutation.key, catalog, groups).apply(&GroupCommand::Txn(command));
        assert!(ended.is_ok(), "a lock that stands is refused its end: {ended:?}");
        if commits {
            self.acknowledged.insert((mutation.key, commit_ts), mutation.content);
        }
    }
}

fn owner<'g>(key: &RawKey, catalog: &Catalog, groups: &'g mut BTreeMap<GroupId, DataGroup>) -> &'g mut DataGroup {
    let group = catalog.routes().covering(&route_key(key)).group;
    groups.get_mut(&group).expect("a route names a group that there is")
}
