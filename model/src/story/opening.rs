//! What a reader must know before the first step.

use super::words;
use crate::world::view::Scene;
use crate::world::{Action, Bounds, Start, State, World};
use splitjob_core::group::Group;
use splitjob_core::key::RawInterval;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionStore};

/// Who is there, and what moves: one sentence or two.
pub(super) fn cast(bounds: &Bounds) -> String {
    let stored: Vec<String> =
        bounds.stored.iter().map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content)).collect();
    let stored = if stored.is_empty() { "nothing".to_owned() } else { stored.join(", ") };
    format!(
        "A job moves {} ({}) from the source ({}) to the target ({}). The source starts with {stored}; m@4 means: the \
         version of key m with commit timestamp 4.",
        words::range(&bounds.moving()),
        words::moving_keys(bounds),
        words::count(bounds.source_voters.into(), "voter", "voters"),
        words::count(bounds.target_voters.into(), "voter", "voters"),
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
    format!(
        "In {steps} that nothing disturbed, the job {reached}. Catalog v{}: {}. The source holds {}; the target {}.",
        scene.catalog.routes().version,
        words::routes(scene.catalog.routes()),
        held(&scene.source.head, Keyspace::Live),
        target_holds(&scene.target.head),
    )
}

fn target_holds(target: &Group<MemoryStore>) -> String {
    let live = rows(target, Keyspace::Live);
    let staged = rows(target, Keyspace::Staged);
    match (live.is_empty(), staged.is_empty()) {
        (true, true) => "holds nothing".to_owned(),
        (false, true) => format!("holds {}", live.join(", ")),
        (true, false) => format!("has staged {}", staged.join(", ")),
        (false, false) => format!("holds {} and has staged {}", live.join(", "), staged.join(", ")),
    }
}

fn held(group: &Group<MemoryStore>, space: Keyspace) -> String {
    let rows = rows(group, space);
    if rows.is_empty() { "nothing".to_owned() } else { rows.join(", ") }
}

fn rows(group: &Group<MemoryStore>, space: Keyspace) -> Vec<String> {
    let rows = group.store().walk(space, &RawInterval::all(), Direction::Forward);
    rows.map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content)).collect()
}

/// The bounds of a scenario in one line: who is there, what may happen, how often.
pub fn bounds(bounds: &Bounds) -> String {
    let mut parts = vec![
        format!("source {}", words::count(bounds.source_voters.into(), "voter", "voters")),
        format!("target {}", words::count(bounds.target_voters.into(), "voter", "voters")),
        words::count(bounds.coordinators.into(), "coordinator", "coordinators"),
        words::count(bounds.migrators.into(), "migrator", "migrators"),
        words::count(bounds.keys.len(), "key", "keys"),
        words::count(bounds.stored.len(), "version stored", "versions stored"),
        words::count(bounds.writes.len(), "write", "writes"),
        words::count(bounds.reads.len(), "read", "reads"),
    ];
    let budgets = [
        (bounds.holds, "message held back or doubled", "messages held back or doubled"),
        (if bounds.migrators > 1 { bounds.takeovers } else { 0 }, "takeover", "takeovers"),
        (bounds.splits_elsewhere, "split on the same group", "splits on the same group"),
        (bounds.leader_changes, "leader change", "leader changes"),
        (bounds.restarts, "restart", "restarts"),
        (bounds.collections.len() as u8, "collection of old versions", "collections of old versions"),
    ];
    let spent = budgets.iter().filter(|(budget, ..)| *budget > 0);
    parts.extend(spent.map(|(budget, one, many)| words::count((*budget).into(), one, many)));
    let flags = [
        (bounds.pipelined_imports, "imports sent ahead"),
        (bounds.answers_get_lost, "answers that get lost"),
        (bounds.groups_watch, "groups that follow the catalog by themselves"),
    ];
    parts.extend(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, words)| (*words).to_owned()));
    parts.join(", ")
}
