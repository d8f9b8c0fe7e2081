//! When a guard counts as applied (B1, B2).

use crate::gate::{Gate, Gates};
use crate::group::VoterReport;
use crate::id::VoterId;
use std::collections::{BTreeMap, BTreeSet};

/// The voters of the configuration that have not applied what `applied` looks for, in order; empty when the barrier
/// is met (B1, B4).
///
/// Only voters of the configuration count: the word of a removed voter is worth nothing, and a new voter that has not
/// spoken is pending (B2). Without the gate a majority is enough.
pub fn pending(
    configuration: &BTreeSet<VoterId>,
    reports: &BTreeMap<VoterId, VoterReport>,
    applied: impl Fn(&VoterReport) -> bool,
    gates: Gates,
) -> Vec<VoterId> {
    let has_applied = |voter: &&VoterId| reports.get(voter).is_some_and(&applied);
    let pending: Vec<VoterId> = configuration.iter().filter(|voter| !has_applied(voter)).copied().collect();
    let is_majority = (configuration.len() - pending.len()) * 2 > configuration.len();
    match gates.stands(Gate::EveryVoter) {
        _ if gates.is_jammed(Gate::EveryVoter) => configuration.iter().copied().collect(),
        false if is_majority => Vec::new(),
        true | false => pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(ids: &[u64]) -> BTreeSet<VoterId> {
        ids.iter().copied().map(VoterId).collect()
    }

    fn fenced(ids: &[u64]) -> BTreeMap<VoterId, VoterReport> {
        let report = VoterReport { write_fence: true, ..VoterReport::default() };
        ids.iter().map(|id| (VoterId(*id), report.clone())).collect()
    }

    // B1; B4: the voter that is waited for is named
    #[test]
    fn a_majority_is_not_enough() {
        let waiting = pending(&voters(&[1, 2, 3]), &fenced(&[1, 2]), |report| report.write_fence, Gates::all());
        assert_eq!(waiting, [VoterId(3)]);
    }

    // B2
    #[test]
    fn an_ack_of_a_removed_voter_does_not_count() {
        let waiting = pending(&voters(&[1, 4]), &fenced(&[1, 2, 3]), |report| report.write_fence, Gates::all());
        assert_eq!(waiting, [VoterId(4)]);
    }
}
