//! Prefix deletes: range writes that leave a tombstone on every visible row under a raw prefix (§11, K5).

use super::admission::Claim;
use super::command::{DeletePrefix, Mutation, Outcome};
use super::rejection::Rejection;
use super::write::Origin;
use super::{ApplyContext, Group};
use crate::gate::{Gate, Gates};
use crate::key::{RawInterval, RawKey, clip_control_rows, clip_prefix_delete, prefix_footprint, route_key};
use crate::range::KeyRange;
use crate::store::{Direction, Keyspace, Row, VersionStore};
use crate::version::{Content, Version, visible_at};
use std::collections::BTreeSet;

impl<S: VersionStore> Group<S> {
    pub(super) fn delete_prefix(
        &mut self,
        request: &DeletePrefix,
        context: &ApplyContext<'_>,
    ) -> Result<Outcome, Rejection> {
        let gates = context.gates;
        let clipped = match gates.stands(Gate::PrefixSparesTransactions) {
            true => clip_prefix_delete(&request.prefix),
            false => clip_control_rows(&request.prefix),
        };
        if clipped.is_empty() {
            return Err(Rejection::ControlNamespace { key: request.prefix.clone() });
        }
        // What the prefix can't reach is no reason to refuse it.
        let Some(reached) = prefix_footprint(&request.prefix).intersection(&request.part) else {
            return Ok(Outcome::PrefixDeleted { rows: 0 });
        };
        let first = KeyRange::point(reached.start());
        let footprint = if gates.stands(Gate::PrefixIsARange) { &reached } else { &first };
        let claim = Claim { footprint, commit_ts: request.commit_ts, routed_by: request.routed_by };
        self.admit(&claim, context)?;
        let keys = self.visible_keys(&clipped, &reached, request, gates)?;
        for key in &keys {
            let tombstone = Version { commit_ts: request.commit_ts, content: Content::Tombstone };
            self.put_version(key, &tombstone, Origin::Prefix, gates);
        }
        Ok(Outcome::PrefixDeleted { rows: keys.len() as u64 })
    }

    /// The keys that the deletion hides, each free to be written.
    fn visible_keys(
        &self,
        clipped: &[RawInterval],
        reached: &KeyRange,
        request: &DeletePrefix,
        gates: Gates,
    ) -> Result<Vec<RawKey>, Rejection> {
        let mut hidden = Vec::new();
        for key in self.keys_under(clipped, reached, gates) {
            let candidate = self.candidate(&key, request.commit_ts, gates);
            if visible_at(candidate.as_ref(), request.commit_ts).is_none() {
                continue;
            }
            let tombstone = Mutation { key: key.clone(), content: Content::Tombstone };
            self.check_taken(&tombstone, request.commit_ts)?;
            hidden.push(key);
        }
        for interval in clipped {
            let locked = self.store.locks(interval).find(|(key, _)| reached.contains(&route_key(key)));
            if let Some((key, _)) = locked {
                self.check_unlocked(&key, None, gates)?;
            }
        }
        Ok(hidden)
    }

    fn keys_under(&self, clipped: &[RawInterval], reached: &KeyRange, gates: Gates) -> BTreeSet<RawKey> {
        let staged = if gates.stands(Gate::PrefixSeesStaged) { Some(Keyspace::Staged) } else { None };
        let spaces = [Some(Keyspace::Live), staged].into_iter().flatten();
        let rows = spaces.flat_map(|space| {
            clipped.iter().flat_map(move |interval| self.store.walk(space, interval, Direction::Forward))
        });
        rows.filter(|row: &Row| reached.contains(&route_key(&row.key))).map(|row| row.key).collect()
    }
}
