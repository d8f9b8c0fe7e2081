//! How the last state violates a property, with the values that show it.

use super::names::Names;
use super::{StepView, words};
use crate::world::view::{Misdeed, ReadRecord, Scene};
use crate::world::{Leftover, Property, World};
use splitjob_core::group::Group;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;

/// How the scene violates the property, as one or two sentences.
pub(super) fn violation(world: &World, scene: &Scene, property: Property, last: Option<&StepView>) -> String {
    let told = match property {
        Property::NothingLost => lost(world, scene),
        Property::ReadsNewest => wrong_read(world, scene),
        Property::ReadsStayTrue => unstable_read(world, scene),
        Property::DeletedStaysDeleted => resurrected(world, scene),
        Property::VotersAgree => last.and_then(|step| step.changes.last()).map(|line| format!("The {line}.")),
        Property::RoutesPartition => Some(partition(world, scene)),
        Property::NothingLeft => Some(leftovers(world, scene)),
        Property::TxnsAtomic => torn(world, scene),
        Property::OneOwner | Property::LateMessagesIdle | Property::OthersUndisturbed | Property::TimestampsAscend => {
            scene.record.misdeeds.iter().find_map(|misdeed| misdeed_told(world, misdeed, property, scene, last))
        }
    };
    told.unwrap_or_else(|| property.says().to_owned())
}

fn lost(world: &World, scene: &Scene) -> Option<String> {
    let record = &scene.record;
    let is_acked = |version: &(RawKey, Timestamp)| record.written.get(version).copied().unwrap_or(true);
    let is_collected = |(key, commit_ts): &(RawKey, Timestamp)| {
        let horizon = record.collected.get(key).copied().unwrap_or(Timestamp::ZERO);
        let newer = |(other, ts): &(RawKey, Timestamp)| other == key && ts > commit_ts && *ts <= horizon;
        record.versions.keys().any(newer)
    };
    let acked = record.versions.iter().filter(|(version, _)| is_acked(version));
    let mut lost = acked.filter_map(|(version, content)| {
        let (key, commit_ts) = version;
        let owner = world.owner_in(scene, key);
        let store = scene.group(owner).head.store();
        let is_stored = [Keyspace::Live, Keyspace::Staged]
            .into_iter()
            .any(|space| store.version_at(space, key, *commit_ts).is_some());
        (!is_stored && !is_collected(version)).then_some((key, *commit_ts, content, owner))
    });
    let (key, commit_ts, content, owner) = lost.next()?;
    let names = Names::of(world.bounds());
    let name = names.the(owner);
    let mut others = scene.groups.iter().filter(|(_, other)| holds(&other.head, key, commit_ts));
    let elsewhere = match others.next() {
        Some((other, _)) => format!("only {}, which nobody asks for it, has it", names.the(*other)),
        None => "it is nowhere".to_owned(),
    };
    let told = words::version(key, commit_ts, content);
    Some(format!(
        "The write {told} was acknowledged and is lost: the catalog gives {key} to {name}, {name} stores {}, and \
         {elsewhere}.",
        versions_of(&scene.group(owner).head, key)
    ))
}

fn holds(group: &Group<MemoryStore>, key: &RawKey, commit_ts: Timestamp) -> bool {
    [Keyspace::Live, Keyspace::Staged]
        .into_iter()
        .any(|space| group.store().version_at(space, key, commit_ts).is_some())
}

fn versions_of(group: &Group<MemoryStore>, key: &RawKey) -> String {
    let mut found = Vec::new();
    for (space, name) in [(Keyspace::Live, ""), (Keyspace::Staged, "staged ")] {
        let rows = group.store().walk(space, &RawInterval::all(), Direction::Forward).filter(|row| row.key == *key);
        found.extend(rows.map(|row| format!("{name}{}", words::stamp(&row.key, row.version.commit_ts))));
    }
    if found.is_empty() { "no version of it".to_owned() } else { format!("only {}", found.join(", ")) }
}

fn wrong_read(world: &World, scene: &Scene) -> Option<String> {
    let read = scene.record.reads.iter().find(|read| read.returned != read.expected)?;
    Some(format!(
        "The read of {} returned {}, but by every version decided before it should have returned {}.",
        asked(world, read),
        words::rows(&read.returned),
        words::rows(&read.expected)
    ))
}

fn unstable_read(world: &World, scene: &Scene) -> Option<String> {
    let read = scene.record.reads.iter().find(|read| read.expected_since != read.expected)?;
    let late = read.expected_since.iter().find(|row| !read.expected.contains(row));
    let late = late.map_or_else(
        || "a version was decided".to_owned(),
        |(key, ts)| format!("{} was decided", words::stamp(key, *ts)),
    );
    Some(format!(
        "The read of {} was answered with {}; afterwards {late} at or below the read's timestamp, so the same read must \
         return {} from then on.",
        asked(world, read),
        words::rows(&read.returned),
        words::rows(&read.expected_since)
    ))
}

fn resurrected(world: &World, scene: &Scene) -> Option<String> {
    let versions = &scene.record.versions;
    scene.record.reads.iter().find_map(|read| {
        let read_ts = world.bounds().reads[usize::from(read.read)].read_ts;
        let wrongly = read.returned.iter().filter(|row| !read.expected.contains(row));
        wrongly.into_iter().find_map(|(key, shown)| {
            let (_, newest) = versions.range((key.clone(), *shown)..=(key.clone(), read_ts)).next_back()?;
            let ((_, at), _) = versions.range((key.clone(), *shown)..=(key.clone(), read_ts)).next_back()?;
            let why = match newest {
                Content::Tombstone => format!("was deleted at {at}"),
                Content::Put { expire_at, .. } => format!("had expired at {expire_at}"),
            };
            let stamp = words::stamp(key, *shown);
            Some(format!(
                "The read of {} returned {stamp}, although {key} {why}: the deleted is back.",
                asked(world, read)
            ))
        })
    })
}

fn asked(world: &World, read: &ReadRecord) -> String {
    let asked = words::client_part(world.bounds(), read.read, &read.part);
    match &read.from {
        Some(from) => format!("{asked}, in its page from {from},"),
        None => asked,
    }
}

fn partition(world: &World, scene: &Scene) -> String {
    let routes = words::routes(Names::of(world.bounds()), scene.catalog.routes());
    format!("The routes don't cover every key exactly once: {routes}.")
}

fn leftovers(world: &World, scene: &Scene) -> String {
    let names = Names::of(world.bounds());
    let mut left: Vec<String> = Vec::new();
    for group in scene.groups.keys() {
        let name = names.the(*group);
        left.extend(world.leftover_in(scene, *group).map(|left| match left {
            Leftover::Guards(job) => format!("{name} still keeps guards of job {job}"),
            Leftover::StagedFor(job) => {
                format!("{name} still waits for staged rows of job {job} before it serves its range")
            }
            Leftover::Lock(key) => format!("{name} still holds a lock on {key}, which isn't its own"),
            Leftover::Staged(key, commit_ts) => format!("{name} still has staged {}", words::stamp(&key, commit_ts)),
            Leftover::Live(key, commit_ts) => format!("{name} still stores {}", words::stamp(&key, commit_ts)),
        }));
    }
    if left.is_empty() {
        left.push(format!("a route still counts on staged rows: {}", words::routes(names, scene.catalog.routes())));
    }
    let is_over = scene.catalog.live_jobs().next().is_none();
    let when = if is_over { "The job has ended, but" } else { "No job that is under way accounts for it:" };
    format!("{when} {}.", left.join(", and "))
}

fn torn(world: &World, scene: &Scene) -> Option<String> {
    let (txn, fate) = scene.record.txns.iter().find(|(_, fate)| fate.is_torn())?;
    let id = world.bounds().txns[usize::from(*txn)].id();
    let all = [
        (fate.committed, "its primary committed"),
        (fate.rolled_back, "it was rolled back"),
        (fate.written && !fate.committed, "one of its keys was written"),
        (fate.overwrote, "it took a key that had been written after it began"),
        (fate.told_committed, "a client was told that it committed"),
        (fate.told_otherwise, "a client was told that it did not"),
    ];
    let facts: Vec<&str> = all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, fact)| fact).collect();
    Some(format!("Of the transaction of {} from {}, {}.", id.primary, id.start_ts, facts.join(", and ")))
}

fn misdeed_told(
    world: &World,
    misdeed: &Misdeed,
    property: Property,
    scene: &Scene,
    last: Option<&StepView>,
) -> Option<String> {
    let names = Names::of(world.bounds());
    let step = last.map_or_else(String::new, |step| format!(" ({})", step.text));
    match (misdeed, property) {
        (Misdeed::AdmittedByNonOwner { key, group }, Property::OneOwner) => {
            let (name, owner) = (words::capital(&names.the(*group)), names.the(world.owner_in(scene, key)));
            Some(format!("{name} admitted a write of {key} while the catalog gave {key} to {owner}."))
        }
        (Misdeed::StaleLatest { key, group }, Property::OneOwner) => {
            Some(format!("{} told an older version of {key} as the newest{step}.", words::capital(&names.the(*group))))
        }
        (Misdeed::LateMessageActed { group }, Property::LateMessagesIdle) => Some(format!(
            "A message that had arrived before, or whose attempt was over, changed {}{step}.",
            names.the(*group)
        )),
        (Misdeed::RefusedOutside { footprint }, Property::OthersUndisturbed) => {
            let range = words::range(footprint);
            Some(format!("A request for {range}, which doesn't move, was refused because of the job{step}."))
        }
        (Misdeed::AdmittedBelowFence { key, commit_ts, group }, Property::TimestampsAscend) => {
            let fenced =
                scene.record.fenced_through.values().max().map_or_else(String::new, |ts| format!(" up to {ts}"));
            Some(format!(
                "{} admitted {}, although the source had fenced everything{fenced}.",
                words::capital(&names.the(*group)),
                words::stamp(key, *commit_ts)
            ))
        }
        (
            Misdeed::AdmittedByNonOwner { .. }
            | Misdeed::StaleLatest { .. }
            | Misdeed::LateMessageActed { .. }
            | Misdeed::RefusedOutside { .. }
            | Misdeed::AdmittedBelowFence { .. },
            _,
        ) => None,
    }
}
