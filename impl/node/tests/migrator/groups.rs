//! Data groups of the real core: a leader that is always at the head of the log, and voters that lag behind.

use splitjob_core::gate::Gates;
use splitjob_core::group::{ApplyContext, Group, GroupCommand, Outcome, Rejection, next_import};
use splitjob_core::id::{GroupId, JobId, VoterId};
use splitjob_core::key::{RawInterval, RawKey, export_plan, route_key};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionReader, VersionStore};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};
use splitjob_core::version::Content;
use splitjob_wire::peer::{Answer, BracketDigest, Call, CallError, DigestCall, ExportCall, LeaderView};
use std::collections::{BTreeMap, BTreeSet};

/// A group and its voters.
pub(crate) struct DataGroup {
    pub(crate) head: Group<MemoryStore>,
    log: Vec<GroupCommand>,
    pub(crate) voters: BTreeMap<VoterId, Voter>,
}

/// What a voter has applied.
pub(crate) struct Voter {
    applied: usize,
    state: Group<MemoryStore>,
    /// It answers nobody and applies nothing.
    pub(crate) is_silent: bool,
    /// A read that was admitted early runs until then.
    pub(crate) reads_until_ms: u64,
}

impl DataGroup {
    pub(crate) fn new(id: GroupId, mut head: Group<MemoryStore>) -> DataGroup {
        let raise = GroupCommand::RaiseCeiling { ceiling: PhysicalMs::MAX };
        head.apply(&raise, &ApplyContext::production()).expect("a ceiling can always be raised");
        let voter = |number| {
            let voter = Voter { applied: 0, state: head.clone(), is_silent: false, reads_until_ms: 0 };
            (VoterId(number), voter)
        };
        let voters = (1..=3).map(voter).collect();
        assert_eq!(head.id(), id);
        DataGroup { log: Vec::new(), voters, head }
    }

    pub(crate) fn apply(&mut self, command: &GroupCommand) -> Result<Outcome, Rejection> {
        let applied = self.head.apply(command, &ApplyContext::production());
        if applied.is_ok() {
            self.log.push(command.clone());
        }
        applied
    }

    /// The voter applies so many more entries.
    pub(crate) fn catch_up(&mut self, voter: VoterId, entries: u64) {
        let voter = self.voters.get_mut(&voter).expect("the test names a voter");
        if voter.is_silent {
            return;
        }
        for _ in 0..entries {
            let Some(command) = self.log.get(voter.applied) else { return };
            let applied = voter.state.apply(command, &ApplyContext::production());
            assert!(applied.is_ok(), "what the leader applied is refused by a voter: {applied:?}");
            voter.applied += 1;
        }
    }

    /// The leader's answer, at this very moment.
    pub(crate) fn answer(&mut self, now_ms: u64, call: &Call) -> Result<Answer, CallError> {
        match call {
            Call::Propose { command, .. } => Ok(Answer::Applied(self.apply(command)?)),
            Call::Observe { job, range, .. } => Ok(Answer::Observed(Box::new(self.view(now_ms, *job, range)))),
            Call::Export(export) => Ok(Answer::Batches(self.export(export))),
            Call::Digest(digest) => Ok(Answer::Digests(self.digests(digest))),
            Call::ProposeCatalog { .. }
            | Call::Read { .. }
            | Call::Latest { .. }
            | Call::TxnStatus { .. }
            | Call::Report { .. }
            | Call::ChangeVoters { .. }
            | Call::TransferLeader { .. } => panic!("a migrator doesn't ask a leader this: {call:?}"),
        }
    }

    /// The voter's answer, if it gives one.
    pub(crate) fn report(&self, now_ms: u64, voter: VoterId, job: JobId, range: &KeyRange) -> Option<Answer> {
        let voter = self.voters.get(&voter).filter(|voter| !voter.is_silent)?;
        let running = u64::from(voter.reads_until_ms > now_ms);
        Some(Answer::Report(voter.state.report(job, range, running)))
    }

    fn view(&self, now_ms: u64, job: JobId, range: &KeyRange) -> LeaderView {
        let running = u64::from(self.voters[&VoterId(1)].reads_until_ms > now_ms);
        LeaderView {
            status: self.head.status(job, range, Gates::all()),
            report: self.head.report(job, range, running),
            configuration: self.voters.keys().copied().collect::<BTreeSet<VoterId>>(),
        }
    }

    fn export(&self, call: &ExportCall) -> Vec<splitjob_core::group::BracketBatch> {
        next_import(self.head.store(), &call.range, call.window, &call.progress, &call.options, Gates::all())
    }

    fn digests(&self, call: &DigestCall) -> BTreeMap<u64, BracketDigest> {
        let plan = export_plan(&call.range);
        let mut digests: BTreeMap<u64, BracketDigest> = BTreeMap::new();
        let space = if call.staged { Keyspace::Staged } else { Keyspace::Live };
        for row in self.head.store().walk(space, &RawInterval::all(), Direction::Forward) {
            let Some(bracket) = plan.iter().find(|bracket| bracket.contains(&row.key)) else { continue };
            if call.range.contains(&route_key(&row.key)) && row.version.commit_ts <= call.through {
                let digest = digests.entry(bracket.id.0).or_default();
                digest.rows += 1;
                let sum = u64::from_le_bytes(digest.sum[..8].try_into().expect("eight of 32 bytes"));
                let sum = sum.wrapping_add(hash(format!("{row:?}").as_bytes()));
                digest.sum[..8].copy_from_slice(&sum.to_le_bytes());
            }
        }
        digests
    }

    /// Removes a staged row behind everybody's back.
    pub(crate) fn lose_staged_row(&mut self) -> bool {
        let store = self.head.store_mut();
        let row = store.walk(Keyspace::Staged, &RawInterval::all(), Direction::Forward).next();
        row.is_some_and(|row| store.remove(Keyspace::Staged, &row.key, row.version.commit_ts))
    }

    /// The rows of a keyspace, those of transactions left out.
    pub(crate) fn rows(&self, space: Keyspace) -> BTreeMap<(RawKey, Timestamp), Content> {
        let rows = self.head.store().walk(space, &RawInterval::all(), Direction::Forward);
        let users = rows.filter(|row| !row.key.as_bytes().starts_with(b"!txn|"));
        users.map(|row| ((row.key, row.version.commit_ts), row.version.content)).collect()
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
