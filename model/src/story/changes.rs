//! What a step changed, and nothing else.

use super::names::Names;
use super::words;
use crate::world::view::{GroupScene, Misdeed, Record, Scene};
use crate::world::{Bounds, DataGroup};
use splitjob_core::group::{BracketProgress, Floors, Group, JobGuards, Ownership, Role, SourceGuards, TargetGuards};
use splitjob_core::job::{Phase, SplitJob};
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::{Direction, Keyspace, MemoryStore, Row, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Lock;

/// The differences between two scenes, one line each. `seats` says for each place of a coordinator who sits there.
pub(super) fn between(bounds: &Bounds, before: (&Scene, &[u8]), after: (&Scene, &[u8])) -> Vec<String> {
    let mut lines = Vec::new();
    let names = Names::of(bounds);
    catalog(names, before.0, after.0, &mut lines);
    for name in bounds.groups() {
        group(names, name, before.0.group(name), after.0.group(name), &mut lines);
    }
    people(bounds, before, after, &mut lines);
    progress(bounds, before.0, after.0, &mut lines);
    network(names, before.0, after.0, &mut lines);
    record(bounds, before.0, after.0, &mut lines);
    lines
}

/// The differences between two states of one group, one line each, without its name.
pub(super) fn of_group(names: Names, before: &Group<MemoryStore>, after: &Group<MemoryStore>) -> Vec<String> {
    let mut lines = Vec::new();
    state_of_group(names, before, after, &mut lines);
    lines
}

fn catalog(names: Names, before: &Scene, after: &Scene, lines: &mut Vec<String>) {
    let (old, new) = (before.catalog.routes(), after.catalog.routes());
    if old != new {
        lines.push(format!("catalog v{} → v{}: {}", old.version, new.version, words::routes(names, new)));
    }
    match (before.catalog.lacking(0), after.catalog.lacking(0)) {
        (None, Some(node)) => lines.push(format!("node {node} can't run the protocol")),
        (Some(node), None) => lines.push(format!("node {node} can run the protocol")),
        (None, None) | (Some(_), Some(_)) => {}
    }
    for old in before.catalog.live_jobs() {
        match after.catalog.job(old.id) {
            Some(new) => job(old, new, lines),
            None => {
                let ended = after.catalog.history().find(|job| job.id == old.id).map(|job| job.phase.name());
                let ended = ended.map_or_else(|| "ended".to_owned(), |phase| phase.to_string());
                lines.push(format!("job {}: {} → {ended}", old.id, old.phase.name()));
            }
        }
    }
    for new in after.catalog.live_jobs().filter(|new| before.catalog.job(new.id).is_none()) {
        lines.push(format!("job {}: {}", new.id, new.phase.name()));
    }
}

fn job(old: &SplitJob, new: &SplitJob, lines: &mut Vec<String>) {
    if old.epoch != new.epoch {
        lines.push(format!("job {}: epoch {} → {}", new.id, old.epoch, new.epoch));
    }
    if old.phase == new.phase {
        return;
    }
    let from = if old.phase.name() == new.phase.name() { String::new() } else { format!("{} → ", old.phase.name()) };
    lines.push(format!("job {}: {from}{}{}", new.id, new.phase.name(), phase_fields(&new.phase)));
}

pub(super) fn phase_fields(phase: &Phase) -> String {
    match phase {
        Phase::Planned(_) | Phase::Done(_) | Phase::Abandoning(_) | Phase::Abandoned(_) => String::new(),
        Phase::Backfill(at) => {
            let pass = if at.round.0 > 1 { format!(", pass {}", at.round) } else { String::new() };
            let window = at.window.map_or_else(String::new, |window| words::window(&window));
            format!("{pass}{window}")
        }
        Phase::Failed(at) => format!(", {}", words::fail_reason(&at.reason)),
        Phase::Fence(at) => format!(", staged up to {}", at.way_back.staged_through),
        Phase::DeltaCopy(at) if at.delta_floor >= at.fence_ts => format!(", nothing above {}", at.delta_floor),
        Phase::DeltaCopy(at) => format!(", delta above {} up to {}", at.delta_floor, at.fence_ts),
        Phase::Cutover(at) => format!(", to make catalog v{}", at.expected_cutover_version),
        Phase::Cleanup(at) => match at.cleared_version {
            Some(cleared) => format!(", no staged rows since catalog v{cleared}"),
            None => format!(", cut over in catalog v{}", at.cutover_version),
        },
    }
}

fn group(names: Names, group: DataGroup, before: &GroupScene, after: &GroupScene, lines: &mut Vec<String>) {
    let name = names.group(group);
    if before.leader != after.leader {
        lines.push(format!("{name}: voter {} leads", after.leader + 1));
    }
    added_voters(name, before, after, lines);
    lines.extend(of_group(names, &before.head, &after.head).into_iter().map(|line| format!("{name}: {line}")));
    for (voter, (old, new)) in before.voters.iter().zip(&after.voters).enumerate() {
        let place = format!("{name} voter {}", voter + 1);
        if new.is_removed && !old.is_removed {
            lines.push(format!("{place} gets no further entry"));
        }
        if old.is_new && !new.is_new {
            lines.push(format!("{place} has what the leader had when it was added"));
        }
        if old.is_removed && !new.is_removed {
            lines.push(format!("{place} counts again, and has nothing yet"));
        }
        let (old, new) = (old.ahead.len(), if new.is_removed { old.ahead.len() } else { new.ahead.len() });
        if old == new {
            continue;
        }
        lines.push(match new {
            0 => format!("{place} has caught up"),
            1 => format!("{place} is 1 entry behind"),
            _ => format!("{place} is {new} entries behind"),
        });
    }
}

fn added_voters(name: &str, before: &GroupScene, after: &GroupScene, lines: &mut Vec<String>) {
    if after.voters.len() > before.voters.len() {
        let count = after.voters.iter().filter(|voter| !voter.is_removed).count();
        lines.push(format!("{name} has {}", words::count(count, "voter", "voters")));
    }
}

fn state_of_group(names: Names, before: &Group<MemoryStore>, after: &Group<MemoryStore>, lines: &mut Vec<String>) {
    if before.ownership() != after.ownership() {
        lines.push(ownership(names, after, Some(before)));
    }
    if before.applied_catalog_version() != after.applied_catalog_version() {
        lines.push(format!("follows catalog v{}", after.applied_catalog_version()));
    }
    if before.read_bound() != after.read_bound() {
        lines.push(format!("reads are bound up to {}", after.read_bound()));
    }
    for (job, new) in after.jobs() {
        guards(before.jobs().get(job), new, lines);
    }
    for job in before.jobs().keys().filter(|job| !after.jobs().contains_key(job)) {
        lines.push(format!("job {job} is forgotten, its guards with it"));
    }
    changed_locks(before, after, lines);
    for (space, name) in [(Keyspace::Live, ""), (Keyspace::Staged, "staged ")] {
        let (old, new) = (rows(before, space), rows(after, space));
        changed_rows(&old, &new, "−", name, lines);
        changed_rows(&new, &old, "+", name, lines);
    }
}

/// What the group may do with which ranges; only those where `unlike` differs, if it is given.
pub(super) fn ownership(names: Names, group: &Group<MemoryStore>, unlike: Option<&Group<MemoryStore>>) -> String {
    let all = KeyRange::all();
    let is_told = |(part, ownership): &(KeyRange, &Ownership)| {
        unlike.is_none_or(|unlike| unlike.ownership().within(part).any(|(_, other)| other != *ownership))
    };
    let part = |(part, ownership): (KeyRange, &Ownership)| {
        format!("{} {}", words::range(&part), ownership_word(names, ownership))
    };
    group.ownership().within(&all).filter(is_told).map(part).collect::<Vec<_>>().join("; ")
}

fn ownership_word(names: Names, ownership: &Ownership) -> String {
    match ownership {
        Ownership::Owned(floors) => format!("owned{}", floors_words(floors)),
        Ownership::WriteFenced(floors) => format!("owned, write-fenced{}", floors_words(floors)),
        Ownership::Incoming { .. } => "incoming".to_owned(),
        Ownership::Moved { to, .. } => format!("moved to {}", names.id(*to)),
        Ownership::Foreign => "not owned".to_owned(),
    }
}

fn floors_words(floors: &Floors) -> String {
    let mut words = String::new();
    if floors.staged_for.is_some() {
        words.push_str(" with staged rows");
    }
    if floors.min_write_ts_exclusive > Timestamp::ZERO {
        words.push_str(&format!(", writes above {}", floors.min_write_ts_exclusive));
    }
    if floors.min_read_ts > Timestamp::ZERO {
        words.push_str(&format!(", reads from {}", floors.min_read_ts));
    }
    words
}

fn guards(old: Option<&JobGuards>, new: &JobGuards, lines: &mut Vec<String>) {
    if let Some(old) = old.filter(|old| old.epoch != new.epoch) {
        lines.push(format!("newest epoch of the job {} → {}", old.epoch, new.epoch));
    }
    match &new.role {
        Role::Source(guards) => source_guards(old.and_then(JobGuards::source), guards, lines),
        Role::Target(guards) => target_guards(old.and_then(JobGuards::target), guards, lines),
    }
}

fn source_guards(old: Option<&SourceGuards>, new: &SourceGuards, lines: &mut Vec<String>) {
    let none = SourceGuards::default();
    let old = old.unwrap_or(&none);
    match (&old.tracker, &new.tracker) {
        (None, Some(_)) => lines.push("write tracker and retention pin stand".to_owned()),
        (Some(old), Some(new)) if old.least != new.least => {
            let least = new.least.map_or_else(|| "nothing".to_owned(), |ts| ts.to_string());
            lines.push(format!("write tracker: least admitted {least}"));
        }
        (Some(_), None) => lines.push("write tracker and retention pin are gone".to_owned()),
        (Some(_) | None, _) => {}
    }
    if old.write_fence != new.write_fence {
        lines.push(format!("write fence {}", if new.write_fence { "stands" } else { "is gone" }));
    }
    if old.read_fence != new.read_fence {
        lines.push(match &new.read_fence {
            Some(fence) => format!("read fence stands for catalog v{}", fence.expected_cutover_version),
            None => "read fence is gone".to_owned(),
        });
    }
}

fn target_guards(old: Option<&TargetGuards>, new: &TargetGuards, lines: &mut Vec<String>) {
    let none = TargetGuards::default();
    let old = old.unwrap_or(&none);
    if old.imported != new.imported {
        lines.push(imported(old, new));
    }
    if old.readiness != new.readiness {
        lines.push(match &new.readiness {
            Some(ready) => format!("ready to serve the range, writes above {}", ready.floor),
            None => "not ready to serve the range any more".to_owned(),
        });
    }
    if old.promotion.done != new.promotion.done {
        lines.push("promotion is done".to_owned());
    }
}

fn imported(old: &TargetGuards, new: &TargetGuards) -> String {
    let before = old.imported.within(new.imported.round);
    let changed = new.imported.brackets.iter().filter(|(bracket, at)| before.brackets.get(bracket) != Some(at));
    let progress: Vec<&BracketProgress> = changed.map(|(_, at)| at).collect();
    let round = words::round(new.imported.round);
    let high = progress.iter().map(|at| at.high).max().unwrap_or_default();
    match progress.iter().all(|at| at.done) {
        true => format!("{round} has batch {high}, the last"),
        false => format!("{round} has batch {high}"),
    }
}

fn changed_locks(before: &Group<MemoryStore>, after: &Group<MemoryStore>, lines: &mut Vec<String>) {
    let locks =
        |group: &Group<MemoryStore>| -> Vec<(RawKey, Lock)> { group.store().locks(&RawInterval::all()).collect() };
    let (old, new) = (locks(before), locks(after));
    let gone = old.iter().filter(|held| !new.contains(held));
    lines.extend(gone.map(|(key, _)| format!("{key} is not locked any more")));
    let taken = new.iter().filter(|held| !old.contains(held));
    lines.extend(taken.map(|(key, lock)| {
        let of = format!("the transaction of {} from {}", lock.txn.primary, lock.txn.start_ts);
        format!("{key} is locked for {of}, which commits at {}", lock.commit_ts)
    }));
}

fn rows(group: &Group<MemoryStore>, space: Keyspace) -> Vec<Row> {
    group.store().walk(space, &RawInterval::all(), Direction::Forward).collect()
}

fn changed_rows(from: &[Row], without: &[Row], sign: &str, space: &str, lines: &mut Vec<String>) {
    let gone = from.iter().filter(|row| !without.contains(row));
    let gone: Vec<String> =
        gone.map(|row| words::version(&row.key, row.version.commit_ts, &row.version.content)).collect();
    if !gone.is_empty() {
        lines.push(format!("{sign} {space}{}", gone.join(", ")));
    }
}

fn people(
    bounds: &Bounds,
    (before, seats_before): (&Scene, &[u8]),
    (after, seats_after): (&Scene, &[u8]),
    lines: &mut Vec<String>,
) {
    for who in 0..seats_before.len() as u8 {
        let version = |scene: &Scene, seats: &[u8]| {
            let seat = seats.iter().position(|sitting| *sitting == who);
            seat.map(|seat| scene.coordinators[seat])
        };
        let (old, new) = (version(before, seats_before), version(after, seats_after));
        if let (Some(old), Some(new)) = (old, new)
            && old != new
        {
            let name =
                if seats_before.len() == 1 { "coordinator".to_owned() } else { format!("coordinator {}", who + 1) };
            lines.push(format!("{name}: routes v{old} → v{new}"));
        }
    }
    for (job, (migrator, epoch)) in &after.holders {
        if before.holders.get(job) == Some(&(*migrator, *epoch)) {
            continue;
        }
        let name = if bounds.migrators == 1 { "migrator".to_owned() } else { format!("migrator {}", migrator + 1) };
        let of_job = if bounds.moves.len() == 1 { String::new() } else { format!(" of job {job}") };
        lines.push(format!("{name} holds epoch {epoch}{of_job}"));
    }
}

/// What clients learn about their transactions, key by key.
fn progress(bounds: &Bounds, before: &Scene, after: &Scene, lines: &mut Vec<String>) {
    for (txn, (old, new)) in bounds.txns.iter().zip(before.progress.iter().zip(&after.progress)) {
        for ((key, _), (old, new)) in txn.mutations.iter().zip(old.iter().zip(new)) {
            if old != new {
                let id = txn.id();
                let word = words::progress(*new);
                lines.push(format!("the client of {} from {} knows {key} as {word}", id.primary, id.start_ts));
            }
        }
    }
}

fn network(names: Names, before: &Scene, after: &Scene, lines: &mut Vec<String>) {
    let held = after.late.len().saturating_sub(before.late.len());
    if held > 0 {
        lines.push(format!("{} under way", words::count(after.late.len(), "message is", "messages are")));
    }
    for page in after.open_reads.iter().filter(|page| !before.open_reads.contains(page)) {
        let place = words::voter(names, page.group, page.voter, after.group(page.group));
        lines.push(format!("a read is running on {place}: its next page starts at {}", page.next));
    }
    let ended = before.open_reads.len().saturating_sub(after.open_reads.len());
    if ended > 0 {
        lines.push("the read has ended".to_owned());
    }
}

fn record(bounds: &Bounds, before: &Scene, after: &Scene, lines: &mut Vec<String>) {
    for ((key, commit_ts), is_acked) in &after.record.written {
        if before.record.written.contains_key(&(key.clone(), *commit_ts)) {
            continue;
        }
        let stamp = words::stamp(key, *commit_ts);
        lines.push(if *is_acked { format!("acked {stamp}") } else { format!("decided {stamp}, and nobody told") });
    }
    let names = Names::of(bounds);
    for (key, horizon) in &after.record.collected {
        if before.record.collected.get(key) != Some(horizon) {
            lines.push(format!("reads of {key} below {horizon} are refused"));
        }
    }
    for (job, fenced) in &after.record.fenced_through {
        if !before.record.fenced_through.contains_key(job)
            && let Some(job) = after.catalog.job(*job)
        {
            let source = names.the(DataGroup::of(job.source));
            lines.push(format!("{source} has fenced everything up to {fenced}"));
        }
    }
    reads(bounds, &before.record, &after.record, lines);
    for misdeed in after.record.misdeeds.iter().filter(|misdeed| !before.record.misdeeds.contains(misdeed)) {
        lines.push(misdeed_line(names, misdeed));
    }
}

fn reads(bounds: &Bounds, before: &Record, after: &Record, lines: &mut Vec<String>) {
    for read in &after.reads {
        let is_known = |known: &&crate::world::view::ReadRecord| {
            (known.read, &known.part, &known.from) == (read.read, &read.part, &read.from)
        };
        let asked = words::client_part(bounds, read.read, &read.part);
        match before.reads.iter().find(is_known) {
            None if read.returned == read.expected => {
                lines.push(format!("read of {asked} returned {}", words::rows(&read.returned)));
            }
            None => lines.push(format!(
                "read of {asked} returned {}, should be {}",
                words::rows(&read.returned),
                words::rows(&read.expected)
            )),
            Some(known) if known.expected_since != read.expected_since && read.expected_since != read.expected => {
                lines.push(format!(
                    "read of {asked} had returned {}; the same read must return {} from here on",
                    words::rows(&read.returned),
                    words::rows(&read.expected_since)
                ));
            }
            Some(_) => {}
        }
    }
}

fn misdeed_line(names: Names, misdeed: &Misdeed) -> String {
    match misdeed {
        Misdeed::AdmittedByNonOwner { key, group } => {
            format!("{} admitted a write of {key}, which it doesn't own", names.the(*group))
        }
        Misdeed::StaleLatest { key, group } => {
            format!("{} told an older version of {key} as the newest", names.the(*group))
        }
        Misdeed::LateMessageActed { group } => format!("a message that was over changed {}", names.the(*group)),
        Misdeed::RefusedOutside { footprint } => {
            format!("a request for {}, which doesn't move, was refused", words::range(footprint))
        }
        Misdeed::AdmittedBelowFence { key, commit_ts, group } => {
            format!("{} admitted {}, which the source had fenced", names.the(*group), words::stamp(key, *commit_ts))
        }
    }
}
