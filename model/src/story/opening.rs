//! What a reader must know before the first step.

use super::names::Names;
use super::words;
use crate::world::view::Scene;
use crate::world::{Action, Bounds, DataGroup, Start, State, World};
use splitjob_core::group::Group;
use splitjob_core::key::RawInterval;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionReader};

/// Who is there, and what moves: one sentence or two.
pub(super) fn cast(bounds: &Bounds) -> String {
    let stored: Vec<String> =
        bounds.stored.iter().map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content)).collect();
    let stored = if stored.is_empty() { "nothing".to_owned() } else { stored.join(", ") };
    let names = Names::of(bounds);
    let mut told: Vec<DataGroup> = Vec::new();
    let mut group = |group: DataGroup| {
        let name = names.the(group);
        if told.contains(&group) {
            return name;
        }
        told.push(group);
        format!("{name} ({})", words::count(bounds.voters_of(group).into(), "voter", "voters"))
    };
    let moves = bounds.journeys().into_iter().enumerate().map(|(index, journey)| {
        let job = if index == 0 { "A job moves" } else { "another moves" };
        let (range, keys) = (words::range(&journey.range), words::keys_of(bounds, &journey.range));
        format!("{job} {range} ({keys}) from {} to {}", group(journey.source), group(journey.target))
    });
    let moves: Vec<String> = moves.collect();
    let first = names.the(DataGroup::ONE);
    format!(
        "{}. {} starts with {stored}; m@4 means: the version of key m with commit timestamp 4.",
        moves.join("; "),
        words::capital(&first)
    )
}

/// How far the job has come undisturbed, in a few words.
pub(super) fn prologue(world: &World, scene: &Scene, way: &[(Action, State)]) -> String {
    if way.is_empty() {
        return "The job has just been planned; nothing else has happened.".to_owned();
    }
    let reached = match world.bounds().start {
        Start::Planned => "has just been planned".to_owned(),
        Start::At(phase) => format!("has just entered {phase}"),
        Start::TargetServes => "is in CLEANUP: the catalog and the target know that the range has moved".to_owned(),
        Start::TargetDone => "is in CLEANUP, and the target has nothing left to do for it".to_owned(),
        Start::Ended => "has ended".to_owned(),
    };
    let steps = words::count(way.len(), "step", "steps");
    let names = Names::of(world.bounds());
    let groups = scene.groups.iter().map(|(group, at)| format!("{} {}", names.the(*group), holds(&at.head)));
    let groups: Vec<String> = groups.collect();
    format!(
        "In {steps} that nothing disturbed, the job {reached}. Catalog v{}: {}. {}.",
        scene.catalog.routes().version,
        words::routes(names, scene.catalog.routes()),
        words::capital(&groups.join("; ")),
    )
}

fn holds(group: &Group<MemoryStore>) -> String {
    let live = rows(group, Keyspace::Live);
    let staged = rows(group, Keyspace::Staged);
    match (live.is_empty(), staged.is_empty()) {
        (true, true) => "holds nothing".to_owned(),
        (false, true) => format!("holds {}", live.join(", ")),
        (true, false) => format!("has staged {}", staged.join(", ")),
        (false, false) => format!("holds {} and has staged {}", live.join(", "), staged.join(", ")),
    }
}

fn rows(group: &Group<MemoryStore>, space: Keyspace) -> Vec<String> {
    let rows = group.store().walk(space, &RawInterval::all(), Direction::Forward);
    rows.map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content)).collect()
}

/// The bounds of a scenario in one line: who is there, what may happen, how often.
pub fn bounds(bounds: &Bounds) -> String {
    let names = Names::of(bounds);
    let group = |group| {
        let voters = words::count(bounds.voters_of(group).into(), "voter", "voters");
        format!("{} {voters}", names.group(group))
    };
    let mut parts: Vec<String> = bounds.groups().map(group).collect();
    parts.extend([
        words::count(bounds.coordinators.into(), "coordinator", "coordinators"),
        words::count(bounds.migrators.into(), "migrator", "migrators"),
        words::count(bounds.keys.len(), "key", "keys"),
        words::count(bounds.stored.len(), "version stored", "versions stored"),
        words::count(bounds.writes.len(), "write", "writes"),
        words::count(bounds.reads.len(), "read", "reads"),
    ]);
    let budgets = [
        (bounds.holds, "message held back or doubled", "messages held back or doubled"),
        (if bounds.migrators > 1 { bounds.takeovers } else { 0 }, "takeover", "takeovers"),
        (bounds.splits_elsewhere, "split on the same group", "splits on the same group"),
        (bounds.leader_changes, "leader change", "leader changes"),
        (bounds.restarts, "restart", "restarts"),
        (bounds.additions, "voter added", "voters added"),
        (bounds.removals, "voter removed", "voters removed"),
        (bounds.moves.len().saturating_sub(1) as u8, "further move", "further moves"),
        (bounds.collections.len() as u8, "collection of old versions", "collections of old versions"),
    ];
    let spent = budgets.iter().filter(|(budget, ..)| *budget > 0);
    parts.extend(spent.map(|(budget, one, many)| words::count((*budget).into(), one, many)));
    if bounds.live_jobs > 1 {
        parts.push(format!("{} jobs live at once", bounds.live_jobs));
    }
    let flags = [
        (bounds.pipelined_imports, "imports sent ahead"),
        (bounds.answers_get_lost, "answers that get lost"),
        (bounds.groups_watch, "groups that follow the catalog by themselves"),
    ];
    parts.extend(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, words)| (*words).to_owned()));
    parts.join(", ")
}
