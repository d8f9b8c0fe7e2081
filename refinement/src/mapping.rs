//! From a state of the model to the state of the ideal service.
//!
//! The versions of a key are those that the group has stored to which the catalog gives the key, promoted or not. Copies
//! elsewhere, guards, logs, voters, messages, and jobs are nothing that a user could tell.

use crate::ideal::{Answer, Ideal, Says};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, VersionReader};
use splitjob_core::version::Content;
use splitjob_model::world::view::{ReadRecord, Scene};
use splitjob_model::world::{Bounds, Look, State, World};
use std::collections::BTreeMap;

/// The ideal state of a state of the model.
pub fn ideal(world: &World, state: &State) -> Ideal {
    let scene = world.scene(state);
    let mut chains = BTreeMap::new();
    for key in &world.bounds().keys {
        let chain = chain(world, &scene, &key.raw);
        if !chain.is_empty() {
            chains.insert(key.raw.as_bytes().to_vec(), chain);
        }
    }
    let answers = scene.record.reads.iter().map(|read| answer(world.bounds(), read)).collect();
    let horizons = scene.record.collected.iter().map(|(key, at)| (key.as_bytes().to_vec(), at.raw()));
    Ideal { chains, answers, horizons: horizons.collect() }
}

fn chain(world: &World, scene: &Scene, key: &RawKey) -> BTreeMap<u64, Says> {
    let store = scene.group(world.owner_in(scene, key)).head.store();
    let at_key = RawInterval::of_prefix(key.as_bytes());
    let rows = [Keyspace::Staged, Keyspace::Live]
        .into_iter()
        .flat_map(|space| store.walk(space, &at_key, Direction::Forward))
        .filter(|row| row.key == *key);
    rows.map(|row| (row.version.commit_ts.raw(), says(row.version.content))).collect()
}

fn says(content: Content) -> Says {
    match content {
        Content::Put { value, expire_at } => Says::Value(value, expire_at.raw()),
        Content::Tombstone => Says::Nothing,
    }
}

fn answer(bounds: &Bounds, read: &ReadRecord) -> Answer {
    let request = &bounds.reads[usize::from(read.read)];
    let (keys, places) = match &request.look {
        Look::Point(key) => (vec![key.clone()], 1),
        Look::Scan { interval, direction, page, .. } => {
            let keys = keys_of_scan(bounds, interval, *direction, read);
            (keys, usize::try_from(*page).unwrap_or(usize::MAX))
        }
    };
    let returned = read.returned.iter().map(|(key, at)| (key.as_bytes().to_vec(), at.raw())).collect();
    let keys = keys.into_iter().map(RawKey::into_bytes).collect();
    Answer { at: request.read_ts.raw(), keys, places, returned }
}

/// The keys of the part, or of the page of it, that was answered, in the order of the scan.
fn keys_of_scan(bounds: &Bounds, interval: &RawInterval, direction: Direction, read: &ReadRecord) -> Vec<RawKey> {
    let from = read.from.as_ref();
    let keys = bounds.keys.iter().filter(|key| read.part.contains(&key.routes_as));
    let mut keys: Vec<RawKey> = keys.map(|key| key.raw.clone()).collect();
    keys.retain(|key| interval.contains(key));
    keys.sort();
    match direction {
        Direction::Forward => keys.retain(|key| from.is_none_or(|from| key >= from)),
        Direction::Reverse => {
            keys.retain(|key| from.is_none_or(|from| key <= from));
            keys.reverse();
        }
    }
    keys
}
