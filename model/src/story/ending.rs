//! How the last state violates a property, with the values that show it.

use super::{StepView, words};
use crate::world::view::{Misdeed, ReadRecord, Scene};
use crate::world::{Property, Side, World};
use splitjob_core::group::Group;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionStore};
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
        Property::RoutesPartition => Some(partition(scene)),
        Property::NothingLeft => Some(leftovers(world, scene)),
        Property::OneOwner | Property::LateMessagesIdle | Property::OthersUndisturbed | Property::TimestampsAscend => {
            scene.record.misdeeds.iter().find_map(|misdeed| misdeed_told(misdeed, property, scene, last))
        }
    };
    told.unwrap_or_else(|| property.says().to_owned())
}

fn lost(world: &World, scene: &Scene) -> Option<String> {
    let record = &scene.record;
    let is_acked = |version: &(RawKey, Timestamp)| record.written.get(version).copied().unwrap_or(true);
    let is_collected = |(key, commit_ts): &(RawKey, Timestamp)| {
        let newer =
            |(other, ts): &(RawKey, Timestamp)| other == key && ts > commit_ts && *ts <= record.collected_through;
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
    let name = words::side(owner);
    let other = match owner {
        Side::Source => Side::Target,
        Side::Target => Side::Source,
    };
    let elsewhere = if holds(&scene.group(other).head, key, commit_ts) {
        format!("only the {}, which nobody asks for it, has it", words::side(other))
    } else {
        "it is nowhere".to_owned()
    };
    let told = words::version(key, commit_ts, content);
    Some(format!(
        "The write {told} was acknowledged and is lost: the catalog gives {key} to the {name}, the {name} stores {}, and \
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
    let asked = words::client_read(&world.bounds().reads[usize::from(read.read)]);
    match &read.from {
        Some(from) => format!("{asked}, in its page from {from},"),
        None => asked,
    }
}

fn partition(scene: &Scene) -> String {
    format!("The routes don't cover every key exactly once: {}.", words::routes(scene.catalog.routes()))
}

fn leftovers(world: &World, scene: &Scene) -> String {
    let mut left = Vec::new();
    for side in [Side::Source, Side::Target] {
        let (group, name) = (&scene.group(side).head, words::side(side));
        if !group.jobs().is_empty() {
            left.push(format!("the {name} still keeps guards of the job"));
        }
        let staged: Vec<String> = stamps(group, Keyspace::Staged, |_| true);
        if !staged.is_empty() {
            left.push(format!("the {name} still has staged {}", staged.join(", ")));
        }
    }
    let moving = world.bounds().moving();
    let moved = |key: &RawKey| moving.contains(&world.bounds().key(key).routes_as);
    let kept = stamps(&scene.source.head, Keyspace::Live, moved);
    if !kept.is_empty() {
        left.push(format!("the source still stores {}", kept.join(", ")));
    }
    if scene.catalog.routes().iter().any(|route| route.staged_for.is_some()) {
        left.push(format!("a route still counts on staged rows: {}", words::routes(scene.catalog.routes())));
    }
    format!("The job is DONE, but {}.", left.join(", and "))
}

fn stamps(group: &Group<MemoryStore>, space: Keyspace, is_counted: impl Fn(&RawKey) -> bool) -> Vec<String> {
    let rows = group.store().walk(space, &RawInterval::all(), Direction::Forward);
    rows.filter(|row| is_counted(&row.key)).map(|row| words::stamp(&row.key, row.version.commit_ts)).collect()
}

fn misdeed_told(misdeed: &Misdeed, property: Property, scene: &Scene, last: Option<&StepView>) -> Option<String> {
    let step = last.map_or_else(String::new, |step| format!(" ({})", step.text));
    match (misdeed, property) {
        (Misdeed::AdmittedByNonOwner { key, side }, Property::OneOwner) => {
            let (name, other) = match side {
                Side::Source => ("source", "target"),
                Side::Target => ("target", "source"),
            };
            Some(format!("The {name} admitted a write of {key} while the catalog gave {key} to the {other}."))
        }
        (Misdeed::LateMessageActed { side }, Property::LateMessagesIdle) => Some(format!(
            "A message that had arrived before, or whose attempt was over, changed the {}{step}.",
            words::side(*side)
        )),
        (Misdeed::RefusedOutside { key }, Property::OthersUndisturbed) => {
            Some(format!("A request for {key}, which doesn't move, was refused because of the job{step}."))
        }
        (Misdeed::AdmittedBelowFence { key, commit_ts }, Property::TimestampsAscend) => {
            let fenced = scene.record.fenced_through.map_or_else(String::new, |ts| format!(" up to {ts}"));
            Some(format!(
                "The target admitted {}, although the source had fenced everything{fenced}.",
                words::stamp(key, *commit_ts)
            ))
        }
        (
            Misdeed::AdmittedByNonOwner { .. }
            | Misdeed::LateMessageActed { .. }
            | Misdeed::RefusedOutside { .. }
            | Misdeed::AdmittedBelowFence { .. },
            _,
        ) => None,
    }
}
