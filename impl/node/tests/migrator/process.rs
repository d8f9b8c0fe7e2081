//! A node that may lead the default group: a migrator, and the catalog as far as it has applied it.

use splitjob_core::catalog::Catalog;
use splitjob_core::clock::HybridClock;
use splitjob_core::group::{GroupCommand, JobAction};
use splitjob_core::id::{BatchSeq, CopyRound, NodeId, Token};
use splitjob_core::key::BracketId;
use splitjob_node::desk::{Asked, CallId, Desk};
use splitjob_node::io::Now;
use splitjob_node::migrator::{Migrator, MigratorEvent, MigratorSettings};
use splitjob_wire::peer::{Answer, Call, CallError};
use std::collections::BTreeMap;

/// A node with a migrator.
pub(crate) struct Process {
    pub(crate) node: NodeId,
    pub(crate) migrator: Migrator,
    clock: HybridClock,
    last_call: u64,
    /// The version of the catalog's log that it has applied.
    pub(crate) applied: usize,
    /// Its calls that have had no answer.
    pub(crate) open: BTreeMap<CallId, Call>,
    /// Everything that its migrator has told.
    pub(crate) told: Vec<MigratorEvent>,
    /// The last batch that was sent of each bracket, by attempt and pass.
    last_sent: BTreeMap<(Token, CopyRound, BracketId), BatchSeq>,
    /// Exported chunks that have not been imported yet, by what it was given and what it has sent.
    exported: usize,
    /// The most chunks that it ever held.
    pub(crate) most_held: usize,
}

/// An import of a pipeline, by which its order can be told.
type Batches = Vec<(BracketId, BatchSeq)>;

impl Process {
    pub(crate) fn new(node: NodeId, settings: MigratorSettings) -> Process {
        Process {
            node,
            migrator: Migrator::new(settings),
            clock: HybridClock::new(),
            last_call: 0,
            applied: 0,
            open: BTreeMap::new(),
            told: Vec::new(),
            last_sent: BTreeMap::new(),
            exported: 0,
            most_held: 0,
        }
    }

    /// Lends the migrator its desk; what it asks comes back.
    pub(crate) fn lend(
        &mut self,
        now: Now,
        catalogs: &[Catalog],
        act: impl FnOnce(&mut Migrator, &mut Desk<'_>),
    ) -> Vec<Asked> {
        let mut asked = Vec::new();
        let catalog = &catalogs[self.applied];
        let (clock, last_call) = (&mut self.clock, &mut self.last_call);
        let mut desk = Desk { now, node: self.node, catalog, clock, asked: &mut asked, last_call };
        act(&mut self.migrator, &mut desk);
        self.told.extend(self.migrator.events());
        for asked in &asked {
            self.check_order(&asked.call);
            self.open.insert(asked.id, asked.call.clone());
            if is_import(&asked.call) {
                self.exported = self.exported.saturating_sub(1);
            }
        }
        self.most_held = self.most_held.max(self.held());
        asked
    }

    /// Notes the first answer to a call; false if it had one.
    pub(crate) fn takes(&mut self, call: CallId, answer: &Result<Answer, CallError>) -> bool {
        let Some(question) = self.open.remove(&call) else { return false };
        if matches!(question, Call::Export(_)) {
            // What was exported for a pipeline that has ended is thrown away, and so is what waits for its turn then.
            self.exported = usize::from(matches!(answer, Ok(Answer::Batches(batches)) if !batches.is_empty()));
        }
        true
    }

    fn held(&self) -> usize {
        self.imports().count() + self.exported
    }

    fn imports(&self) -> impl Iterator<Item = (Token, CopyRound, Batches)> {
        self.open.values().filter_map(import_of)
    }

    /// While imports of its attempt and pass are under way, an import goes on where the last one ended.
    fn check_order(&mut self, call: &Call) {
        let Some((token, round, batches)) = import_of(call) else { return };
        let is_alone = !self.imports().any(|(other, pass, _)| (other, pass) == (token, round));
        for (bracket, seq) in batches {
            let last = self.last_sent.insert((token, round, bracket), seq);
            let follows = last.is_none_or(|last| seq == last.successor());
            assert!(follows || is_alone, "batch {seq} of {bracket:?} doesn't follow {last:?}");
        }
    }
}

/// Whether the call carries rows to a target.
pub(crate) fn is_import(call: &Call) -> bool {
    import_of(call).is_some()
}

fn import_of(call: &Call) -> Option<(Token, CopyRound, Batches)> {
    let Call::Propose { command: GroupCommand::Job(command), .. } = call else { return None };
    let JobAction::Import { round, batches } = &command.action else { return None };
    let batches = batches.iter().map(|batch| (batch.bracket, batch.seq)).collect();
    Some((command.token, *round, batches))
}
