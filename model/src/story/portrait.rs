//! A whole state in a few lines, one for each of its components.

use super::names::Names;
use super::{changes, words};
use crate::world::view::{GroupScene, Scene};
use crate::world::{Bounds, DataGroup};
use splitjob_core::group::{Group, JobGuards};
use splitjob_core::key::RawInterval;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, VersionReader};
use splitjob_core::timestamp::Timestamp;

/// The state, a line for each component. `seats` says for each place of a coordinator who sits there.
pub fn portrait(bounds: &Bounds, scene: &Scene, seats: &[u8]) -> Vec<String> {
    let (names, routes) = (Names::of(bounds), scene.catalog.routes());
    let mut lines = vec![format!("catalog v{}: {}", routes.version, words::routes(names, routes))];
    jobs(scene, &mut lines);
    for (name, at) in &scene.groups {
        group(names, *name, at, &mut lines);
    }
    let mut coordinators: Vec<(u8, u64)> =
        seats.iter().zip(&scene.coordinators).map(|(who, version)| (*who, version.0)).collect();
    coordinators.sort_unstable();
    let routes = coordinators.iter().map(|(who, version)| format!("{} has routes v{version}", who + 1));
    lines.push(format!("coordinators: {}", routes.collect::<Vec<_>>().join(", ")));
    network(names, scene, &mut lines);
    history(bounds, scene, &mut lines);
    lines
}

fn jobs(scene: &Scene, lines: &mut Vec<String>) {
    for job in scene.catalog.history() {
        lines.push(format!("job {}: {}", job.id, job.phase.name()));
    }
    for job in scene.catalog.live_jobs() {
        let holder = scene.holders.get(&job.id).filter(|(_, epoch)| *epoch == job.epoch);
        let holder = holder.map_or_else(|| "nobody".to_owned(), |(migrator, _)| format!("migrator {}", migrator + 1));
        lines.push(format!(
            "job {}: {}{}, epoch {}, held by {holder}",
            job.id,
            job.phase.name(),
            changes::phase_fields(&job.phase),
            job.epoch
        ));
    }
}

fn group(names: Names, group: DataGroup, scene: &GroupScene, lines: &mut Vec<String>) {
    let (name, group) = (names.group(group), &scene.head);
    lines.push(format!(
        "{name}: {}; follows catalog v{}; reads bound up to {}",
        changes::ownership(names, group, None),
        group.applied_catalog_version(),
        group.read_bound()
    ));
    lines.push(format!("  stores {}", stored(group)));
    for (job, guards) in group.jobs() {
        lines.push(format!("  job {job}, epoch {}: {}", guards.epoch, self::guards(guards)));
    }
    for (voter, at) in scene.voters.iter().enumerate() {
        if voter == usize::from(scene.leader) || scene.voters.len() == 1 {
            continue;
        }
        let entries = at.ahead.iter().map(|command| words::group_command(command)).collect::<Vec<_>>().join("; ");
        let ahead = if at.is_removed {
            "was removed and doesn't know it".to_owned()
        } else if at.is_new {
            "is new and has nothing yet".to_owned()
        } else if entries.is_empty() {
            "has applied everything".to_owned()
        } else {
            format!("has still to apply: {entries}")
        };
        lines.push(format!("  voter {} {ahead}", voter + 1));
    }
}

fn stored(group: &Group<MemoryStore>) -> String {
    let rows = |space| {
        let rows = group.store().walk(space, &RawInterval::all(), Direction::Forward);
        let told = rows.map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content));
        told.collect::<Vec<_>>().join(", ")
    };
    match (rows(Keyspace::Live), rows(Keyspace::Staged)) {
        (live, staged) if live.is_empty() && staged.is_empty() => "nothing".to_owned(),
        (live, staged) if staged.is_empty() => live,
        (live, staged) if live.is_empty() => format!("staged {staged}"),
        (live, staged) => format!("{live}; staged {staged}"),
    }
}

fn guards(guards: &JobGuards) -> String {
    let mut standing = Vec::new();
    if let Some(source) = guards.source() {
        if let Some(tracker) = &source.tracker {
            let least = tracker.least.map_or_else(|| "nothing".to_owned(), |ts| ts.to_string());
            standing.push(format!("write tracker (least admitted: {least}) and retention pin"));
        }
        if source.write_fence {
            standing.push("write fence".to_owned());
        }
        if let Some(fence) = &source.read_fence {
            standing.push(format!("read fence for catalog v{}", fence.expected_cutover_version));
        }
    }
    if let Some(target) = guards.target() {
        if target.max_imported_ts > Timestamp::ZERO {
            standing.push(format!("{} staged up to {}", words::round(target.imported.round), target.max_imported_ts));
        }
        if let Some(ready) = &target.readiness {
            standing.push(format!("ready, writes above {}", ready.floor));
        }
        if target.promotion.done {
            standing.push("promotion done".to_owned());
        }
    }
    if standing.is_empty() { "no guard".to_owned() } else { standing.join(", ") }
}

fn network(names: Names, scene: &Scene, lines: &mut Vec<String>) {
    for (letter, is_repeated) in &scene.late {
        let again = if *is_repeated { " (a repetition)" } else { "" };
        lines.push(format!("under way{again}: {}", words::letter(names, letter, None)));
    }
    for page in &scene.open_reads {
        let place = words::voter(names, page.group, page.voter, scene.group(page.group));
        lines.push(format!("read running on {place}: next page from {}", page.next));
    }
}

fn history(bounds: &Bounds, scene: &Scene, lines: &mut Vec<String>) {
    for ((key, commit_ts), is_acked) in &scene.record.written {
        let stamp = words::stamp(key, *commit_ts);
        lines.push(if *is_acked { format!("acked: {stamp}") } else { format!("decided, unanswered: {stamp}") });
    }
    for read in &scene.record.reads {
        let asked = words::client_part(bounds, read.read, &read.part);
        let wrong = if read.returned == read.expected && read.expected == read.expected_since {
            String::new()
        } else {
            format!(", should be {}", words::rows(&read.expected_since))
        };
        lines.push(format!("read of {asked}: {}{wrong}", words::rows(&read.returned)));
    }
}
