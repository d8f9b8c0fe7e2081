//! The situations that put the properties to the test: a property that is never tested holds of everything.

use super::counterexample::way_to;
use super::{CheckError, Options, Search, explored};
use crate::scenario::Scenario;
use crate::story::{End, Story};
use crate::world::view::{GroupScene, Scene};
use crate::world::{Action, DataGroup, Goal, Journey, Look, Property, Situation, State, Worker, World};
use splitjob_core::job::PhaseName;
use splitjob_core::key::{RawInterval, RawKey};
use splitjob_core::store::{Direction, Keyspace, Row, VersionReader};
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use std::collections::BTreeSet;

/// The situation that puts a property to the test.
#[derive(Clone, Copy, Debug)]
pub struct Antecedent {
    /// The situation, as one sentence.
    pub says: &'static str,
    /// The scenario in which a trace to it is kept; absent while no scenario can get there.
    pub scenario: Option<&'static str>,
    /// The states that are in it.
    pub situation: Situation,
}

impl Antecedent {
    /// The situation that puts this property to the test.
    pub fn of(property: Property) -> Antecedent {
        match property {
            Property::NothingLost => Antecedent {
                says: "A write into the range was acknowledged; the target stores it, and the source has deleted it.",
                scenario: Some("happy-path"),
                situation: Situation::Where(|world, _, state| has_moved_write(world, &world.scene(state))),
            },
            Property::ReadsNewest => Antecedent {
                says: "A read returned a version that is live on the target, over one of the same key that is still staged.",
                scenario: Some("staged-merge"),
                situation: Situation::Where(|world, _, state| has_merged_read(&world.scene(state))),
            },
            Property::ReadsStayTrue => Antecedent {
                says: "A key was read, and the target alone stores a version of it above the read's timestamp.",
                scenario: Some("happy-path"),
                situation: Situation::Where(|world, _, state| has_read_below_write(world, &world.scene(state))),
            },
            Property::OneOwner => Antecedent {
                says: Goal::StaleVoter.says(),
                scenario: Some("read-fence"),
                situation: Situation::Goal(Goal::StaleVoter),
            },
            Property::VotersAgree => Antecedent {
                says: "Every voter of the source has applied guards of the job and the write of a client.",
                scenario: Some("happy-path"),
                situation: Situation::Where(|world, _, state| has_replicated_guards(&world.scene(state))),
            },
            Property::TxnsAtomic => Antecedent {
                says: "A transaction committed, and the catalog gives its keys to more than one group.",
                scenario: Some("straddling-back"),
                situation: Situation::Where(|world, _, state| has_straddling_txn(world, &world.scene(state))),
            },
            Property::DeletedStaysDeleted => Antecedent {
                says: "A deletion is live on the target, and the version that it hides is still staged there.",
                scenario: Some("staged-merge"),
                situation: Situation::Where(|world, _, state| has_hidden_staged_row(&world.scene(state))),
            },
            Property::RoutesPartition => Antecedent {
                says: "Another route was split while the job handed its range over.",
                scenario: Some("two-migrators"),
                situation: Situation::Where(|world, _, state| has_split_under_cutover(world, &world.scene(state))),
            },
            Property::NothingLeft => Antecedent {
                says: Goal::Ended.says(),
                scenario: Some("cleanup"),
                situation: Situation::Goal(Goal::Ended),
            },
            Property::LateMessagesIdle => Antecedent {
                says: Goal::LateAfterEnd.says(),
                scenario: Some("import-disorder"),
                situation: Situation::Goal(Goal::LateAfterEnd),
            },
            Property::OthersUndisturbed => Antecedent {
                says: "While the range is fenced, a client has written a key outside it.",
                scenario: Some("read-fence"),
                situation: Situation::Where(|world, _, state| has_outside_write(world, &world.scene(state))),
            },
            Property::TimestampsAscend => Antecedent {
                says: Goal::TargetWrote.says(),
                scenario: Some("happy-path"),
                situation: Situation::Goal(Goal::TargetWrote),
            },
        }
    }
}

/// A shortest trace to the situation that puts a property to the test.
pub struct Witness {
    /// The property.
    pub property: Property,
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Its world.
    pub world: World,
    /// The steps from the scenario's first state on.
    pub steps: Vec<(Action, State)>,
    /// For each step, its index among the steps that were enabled.
    pub choices: Vec<usize>,
}

impl Witness {
    /// The trace, told.
    pub fn story(&self) -> Story {
        Story::of(&self.world, &self.steps, &End::Witness(self.property))
    }
}

/// Looks for the situation that puts the property to the test; nothing if there is no scenario for it, or it never gets
/// there.
///
/// # Errors
/// If the model panics, or contradicts itself.
pub fn witness(property: Property, options: &Options<'_>) -> Result<Option<Witness>, CheckError> {
    let antecedent = Antecedent::of(property);
    let Some(scenario) = antecedent.scenario.and_then(Scenario::by_name) else { return Ok(None) };
    let world = scenario.world(&[]);
    let found = explored(scenario, &world, Search::for_violations(), options)?;
    let mut worker = Worker::default();
    // States come in the order of their distance, so the first is the nearest.
    let nearest = found.states().position(|state| world.is_in(&mut worker, state, antecedent.situation));
    let Some(nearest) = nearest else { return Ok(None) };
    let (steps, choices) = way_to(scenario, &world, &found, nearest as u32)?;
    Ok(Some(Witness { property, scenario, world, steps, choices }))
}

fn has_moved_write(world: &World, scene: &Scene) -> bool {
    let acked = scene.record.written.iter().filter(|(_, is_acked)| **is_acked);
    let was_fenced = |commit_ts: &Timestamp| scene.record.fenced_through.values().any(|through| commit_ts <= through);
    acked
        .into_iter()
        .any(|((key, commit_ts), _)| was_fenced(commit_ts) && is_only_on_target(world, scene, key, *commit_ts))
}

fn has_merged_read(scene: &Scene) -> bool {
    let mut returned = scene.record.reads.iter().flat_map(|read| &read.returned);
    returned.any(|(key, ts)| {
        scene.groups.values().any(|group| {
            let is_live = group.head.store().version_at(Keyspace::Live, key, *ts).is_some();
            is_live && rows(group, Keyspace::Staged).any(|row| row.key == *key && row.version.commit_ts < *ts)
        })
    })
}

fn has_read_below_write(world: &World, scene: &Scene) -> bool {
    scene.record.reads.iter().any(|answered| {
        let read = &world.bounds().reads[usize::from(answered.read)];
        let Look::Point(key) = &read.look else { return false };
        let mut written = scene.record.written.keys().filter(|(other, ts)| other == key && *ts > read.read_ts);
        written.any(|(key, ts)| is_only_on_target(world, scene, key, *ts))
    })
}

fn has_replicated_guards(scene: &Scene) -> bool {
    scene.groups.values().any(|group| {
        let has_write = scene.record.written.keys().any(|(key, ts)| stores(group, key, *ts));
        let is_even = group.voters.len() > 1 && group.voters.iter().all(|voter| voter.ahead.is_empty());
        has_write && is_even && !group.head.jobs().is_empty()
    })
}

fn has_straddling_txn(world: &World, scene: &Scene) -> bool {
    let committed = scene.record.txns.iter().filter(|(_, fate)| fate.committed);
    committed.into_iter().any(|(txn, _)| {
        let mutations = &world.bounds().txns[usize::from(*txn)].mutations;
        let owners: BTreeSet<DataGroup> = mutations.iter().map(|(key, _)| world.owner_in(scene, key)).collect();
        owners.len() > 1
    })
}

fn has_hidden_staged_row(scene: &Scene) -> bool {
    scene.groups.values().any(|group| {
        let mut deletions = rows(group, Keyspace::Live).filter(|row| row.version.content == Content::Tombstone);
        deletions.any(|deletion| {
            rows(group, Keyspace::Staged).any(|row| {
                row.key == deletion.key
                    && row.version.commit_ts < deletion.version.commit_ts
                    && row.version.content != Content::Tombstone
            })
        })
    })
}

fn has_split_under_cutover(world: &World, scene: &Scene) -> bool {
    let is_handing_over = scene.catalog.live_jobs().any(|job| job.phase.name() == PhaseName::Cutover);
    let planned = 1 + world.bounds().splits.len() + world.bounds().moves.len();
    is_handing_over && scene.catalog.routes().iter().count() > planned
}

fn has_outside_write(world: &World, scene: &Scene) -> bool {
    let fenced = [PhaseName::Fence, PhaseName::DeltaCopy, PhaseName::Cutover];
    let is_fenced = scene.catalog.live_jobs().any(|job| fenced.contains(&job.phase.name()));
    is_fenced && scene.record.written.keys().any(|(key, _)| journey(world, key).is_none())
}

/// Whether the version has moved: the target of its key's move stores it, and the source doesn't.
fn is_only_on_target(world: &World, scene: &Scene, key: &RawKey, commit_ts: Timestamp) -> bool {
    let journey = journey(world, key);
    journey.is_some_and(|journey| {
        let stores = |group| stores(scene.group(group), key, commit_ts);
        stores(journey.target) && !stores(journey.source)
    })
}

/// The first move of a range that the key is in.
fn journey(world: &World, key: &RawKey) -> Option<Journey> {
    let routes_as = &world.bounds().key(key).routes_as;
    world.bounds().journeys().into_iter().find(|journey| journey.range.contains(routes_as))
}

fn stores(group: &GroupScene, key: &RawKey, commit_ts: Timestamp) -> bool {
    [Keyspace::Live, Keyspace::Staged]
        .into_iter()
        .any(|space| group.head.store().version_at(space, key, commit_ts).is_some())
}

/// Every version of a keyspace.
fn rows(group: &GroupScene, space: Keyspace) -> impl Iterator<Item = Row> {
    group.head.store().walk(space, &RawInterval::all(), Direction::Forward)
}
