//! One step in words: who, to whom, and what.

use super::names::Names;
use super::{Lane, words};
use crate::world::happening::{Happening, SeenPart, Sender, Via};
use crate::world::view::{Letter, OpenPage, Scene};
use crate::world::{Bounds, DataGroup, Delivery, TxnDelivery};
use splitjob_core::catalog::CatalogCommand;
use splitjob_core::group::{GroupCommand, ReadAnswer, Rejection};
use splitjob_core::key::RawKey;
use splitjob_core::range::KeyRange;
use splitjob_core::timestamp::Timestamp;
use std::sync::Arc;

/// A step in words.
pub(super) struct Told {
    pub(super) from: Lane,
    pub(super) via: Option<Lane>,
    pub(super) to: Lane,
    pub(super) label: String,
    pub(super) text: String,
    pub(super) is_lost: bool,
}

impl Told {
    fn new(from: Lane, to: Lane, label: String, text: String) -> Told {
        Told { from, via: None, to, label, text, is_lost: false }
    }

    fn note(at: Lane, label: String, text: String) -> Told {
        Told::new(at, at, label, text)
    }
}

/// Tells what happened between two scenes. `seats` says for each place of a coordinator who sits there.
pub(super) fn told(bounds: &Bounds, before: &Scene, after: &Scene, seats: &[u8], happening: &Happening) -> Told {
    let stage = Stage { bounds, names: Names::of(bounds), before, after, seats };
    match happening {
        Happening::Sent { migrator, letter, delivery, earlier } => {
            stage.seen_earlier(earlier, stage.sent(*migrator, letter, *delivery))
        }
        Happening::Looked { migrator, job } => stage.looked(*migrator, job.0),
        Happening::SentAhead { migrator, group } => stage.sent_ahead(*migrator, *group),
        Happening::Arrived { letter, is_repeated } => stage.arrived(letter, *is_repeated),
        Happening::Applied { group, voter, commands, .. } => stage.applied(*group, *voter, commands),
        Happening::Led { group, voter } => stage.led(*group, *voter),
        Happening::Restarted { group, voter } => stage.restarted(*group, *voter),
        Happening::Added { group, voter, is_again } => stage.added(*group, *voter, *is_again),
        Happening::Removed { group, voter } => stage.removed(*group, *voter),
        Happening::Watched { coordinator, to, .. } => stage.watched(*coordinator, to.0),
        Happening::Adopted { group, version } => stage.adopted(*group, version.0),
        Happening::Wrote { write, commit_ts, is_retry, via, is_answered, refusal } => {
            stage.wrote((*write, *commit_ts), *is_retry, *via, *is_answered, refusal.as_ref())
        }
        Happening::Bound { read, part, via } => stage.bound(*read, part, *via),
        Happening::Read { read, part, via, voter, answer } => stage.read((*read, part), *via, *voter, answer),
        Happening::Paged { page, answer } => stage.paged(page, answer),
        Happening::Commanded { by, via, command, delivery, refusal } => {
            stage.commanded(*by, *via, command, *delivery, refusal.as_ref())
        }
        Happening::GaveUp { txn } => stage.gave_up(*txn),
        Happening::AskedLatest { key, via, answer } => stage.asked_latest(key, *via, *answer),
        Happening::Operated { command } => stage.operated(command),
        Happening::Split { at, is_inside } => stage.split(&at.to_string(), *is_inside),
        Happening::Started { job, from, target } => stage.started(job.0, &from.to_string(), *target),
        Happening::Collected { group, through } => stage.collected(*group, through.raw()),
    }
}

struct Stage<'a> {
    bounds: &'a Bounds,
    names: Names,
    before: &'a Scene,
    after: &'a Scene,
    seats: &'a [u8],
}

impl Stage<'_> {
    fn leader(&self, group: DataGroup) -> Lane {
        Lane::Voter(group, self.before.group(group).leader)
    }

    fn coordinator(&self, place: u8) -> Lane {
        Lane::Coordinator(self.seats[usize::from(place)])
    }

    fn title(&self, lane: Lane) -> String {
        lane.title(self.bounds)
    }

    /// The lane's name within a sentence: with an article where it has no number.
    fn named(&self, lane: Lane) -> String {
        let title = self.title(lane);
        if title.ends_with(|last: char| last.is_ascii_digit()) { title } else { format!("the {title}") }
    }

    fn reached(&self, letter: &Letter) -> (Lane, &'static str) {
        match letter {
            Letter::Catalog(_) => (Lane::Catalog, "catalog"),
            Letter::Group(group, _) => (self.leader(*group), self.names.group(*group)),
        }
    }

    fn sent(&self, migrator: u8, letter: &Letter, delivery: Delivery) -> Told {
        let from = Lane::Migrator(migrator);
        let (reached, name) = self.reached(letter);
        let arrives = match delivery {
            Delivery::AtOnce | Delivery::Doubled => Some(self.after),
            Delivery::Held => None,
        };
        let what = words::letter(self.names, letter, arrives);
        let token = words::token(letter).map_or_else(String::new, |token| format!(" ({token})"));
        let text = format!("{} → {name}: {what}{token}", self.title(from));
        match delivery {
            Delivery::AtOnce => Told::new(from, reached, what, text),
            Delivery::Doubled => {
                let doubled = "; a copy of the message stays under way";
                Told::new(from, reached, format!("{what} (sent twice)"), format!("{text}{doubled}"))
            }
            Delivery::Held => {
                let held =
                    format!("{} sends, and the network holds it back: → {name}: {what}{token}", self.title(from));
                Told { is_lost: true, ..Told::new(from, Lane::Network, format!("→ {name}: {what}"), held) }
            }
        }
    }

    fn looked(&self, migrator: u8, job: u64) -> Told {
        let at = Lane::Migrator(migrator);
        let what = format!("begins to look at job {job}: not everything that it sees will be of one moment");
        Told::note(at, "begins to look".to_owned(), format!("{} {what}", self.title(at)))
    }

    fn seen_earlier(&self, earlier: &[SeenPart], told: Told) -> Told {
        if earlier.is_empty() {
            return told;
        }
        let part = |part: &SeenPart| match part {
            SeenPart::Catalog => "the catalog".to_owned(),
            SeenPart::Leader(group) => format!("the {}'s leader", self.names.group(*group)),
            SeenPart::Voters(group) => format!("the {}'s other voters", self.names.group(*group)),
        };
        let parts = earlier.iter().map(part).collect::<Vec<_>>().join(", ");
        let text = format!("{}; it saw {parts} when it began to look, and the rest only now", told.text);
        Told { label: format!("{} (by an old look at {parts})", told.label), text, ..told }
    }

    fn sent_ahead(&self, migrator: u8, group: DataGroup) -> Told {
        let from = Lane::Migrator(migrator);
        let what = "import the next batch, without waiting for the one before".to_owned();
        let text = format!("{} → {}: {what}", self.title(from), self.names.group(group));
        Told::new(from, self.leader(group), what, text)
    }

    fn arrived(&self, letter: &Letter, is_repeated: bool) -> Told {
        let (reached, name) = self.reached(letter);
        let what = words::letter(self.names, letter, Some(self.after));
        let token = words::token(letter).map_or_else(String::new, |token| format!(" ({token})"));
        let (late, label) = if is_repeated { ("arrives again", "again: ") } else { ("arrives late", "late: ") };
        let text = format!("a message {late} → {name}: {what}{token}");
        Told::new(Lane::Network, reached, format!("{label}{what}"), text)
    }

    fn applied(&self, group: DataGroup, voter: u8, commands: &[Arc<GroupCommand>]) -> Told {
        let at = Lane::Voter(group, voter);
        if commands.is_empty() {
            let what = "installs the snapshot of what the leader had applied when it was added";
            let label = format!("voter {} installs its snapshot", voter + 1);
            return Told::note(at, label, format!("{} {what}", self.title(at)));
        }
        let entries: Vec<String> = commands.iter().map(|command| words::group_command(command)).collect();
        let entries = entries.join("; ");
        let text = match commands {
            [_] => format!("{} applies: {entries}", self.title(at)),
            _ => format!("{} applies {} entries: {entries}", self.title(at), commands.len()),
        };
        let who =
            if self.before.group(group).voters.len() > 1 { format!("voter {} ", voter + 1) } else { String::new() };
        Told::note(at, format!("{who}applies: {entries}"), text)
    }

    fn led(&self, group: DataGroup, voter: u8) -> Told {
        let at = Lane::Voter(group, voter);
        let text = format!("{} applies the rest of the log and becomes leader", self.title(at));
        Told::note(at, format!("voter {} becomes leader", voter + 1), text)
    }

    fn restarted(&self, group: DataGroup, voter: u8) -> Told {
        let at = Lane::Voter(group, voter);
        let text = format!("{} restarts and forgets the reads that it was running", self.title(at));
        Told::note(at, format!("voter {} restarts", voter + 1), text)
    }

    fn added(&self, group: DataGroup, voter: u8, is_again: bool) -> Told {
        let how = if is_again { "again under its old number" } else { "and has nothing yet" };
        let what = format!("voter {} is added {how}", voter + 1);
        Told::note(Lane::Voter(group, voter), what.clone(), format!("{} {what}", self.names.group(group)))
    }

    fn removed(&self, group: DataGroup, voter: u8) -> Told {
        let what = format!("voter {} is removed, and doesn't learn it", voter + 1);
        Told::note(Lane::Voter(group, voter), what.clone(), format!("{} {what}", self.names.group(group)))
    }

    fn watched(&self, coordinator: u8, to: u64) -> Told {
        let reached = self.coordinator(coordinator);
        let what = format!("learns the routes of catalog v{to}");
        let text = format!("{} {what}", self.named(reached));
        Told::new(Lane::Catalog, reached, format!("routes v{to}"), text)
    }

    fn adopted(&self, group: DataGroup, version: u64) -> Told {
        let text = format!("{} learns catalog v{version} and follows it", self.names.the(group));
        Told::new(Lane::Catalog, self.leader(group), format!("follow catalog v{version}"), text)
    }

    fn wrote(
        &self,
        (write, commit_ts): (u8, Timestamp),
        is_retry: bool,
        via: Via,
        is_answered: bool,
        refusal: Option<&Rejection>,
    ) -> Told {
        let asked = words::client_write(&self.bounds.writes[usize::from(write)], commit_ts);
        let asked = if is_retry { format!("again {asked}") } else { asked };
        let through = self.through(via);
        let outcome = match refusal {
            Some(refusal) => format!("refuses: {refusal}"),
            None if is_answered => "accepts".to_owned(),
            None => "accepts, and the answer gets lost".to_owned(),
        };
        let text = format!("client {asked} {through}; {} {outcome}", self.names.the(via.group));
        self.request(via, self.leader(via.group), &format!("{asked}; {outcome}"), text, refusal.is_some())
    }

    fn bound(&self, read: u8, part: &KeyRange, via: Via) -> Told {
        let asked = words::client_part(self.bounds, read, part);
        let name = self.names.the(via.group);
        let read_ts = self.bounds.reads[usize::from(read)].read_ts;
        let text = format!(
            "client is about to read {asked} {}; {name} binds it: no version at or below {read_ts} will be admitted",
            self.through(via)
        );
        self.request(via, self.leader(via.group), &format!("bind reads at {read_ts}"), text, false)
    }

    fn read(&self, (read, part): (u8, &KeyRange), via: Via, voter: u8, answer: &Result<ReadAnswer, Rejection>) -> Told {
        let asked = words::client_part(self.bounds, read, part);
        let at = Lane::Voter(via.group, voter);
        let outcome = match answer {
            Ok(answer) => format!("returns {}", self.seen(answer)),
            Err(refusal) => format!("refuses: {refusal}"),
        };
        let label = format!("reads {asked}; {outcome}");
        let text = format!("client reads {asked} {}; {} {outcome}", self.through(via), self.named(at));
        self.request(via, at, &label, text, answer.is_err())
    }

    fn paged(&self, page: &OpenPage, answer: &ReadAnswer) -> Told {
        let asked = words::client_part(self.bounds, page.read, &page.part);
        let at = Lane::Voter(page.group, page.voter);
        let seen = self.seen(answer);
        let text =
            format!("client reads on from {} (its read of {asked}); {} returns {seen}", page.next, self.named(at));
        Told::new(Lane::Client, at, format!("next page from {}; returns {seen}", page.next), text)
    }

    fn split(&self, at: &str, is_inside: bool) -> Told {
        let which = if is_inside { "the moving range's route" } else { "a route that doesn't move" };
        let version = self.after.catalog.routes().version;
        let what = format!("{which} is split at {at} on its own group (catalog v{version})");
        Told::note(Lane::Catalog, what.clone(), format!("an operator splits: {what}"))
    }

    fn commanded(
        &self,
        by: Sender,
        via: Via,
        command: &GroupCommand,
        delivery: TxnDelivery,
        refusal: Option<&Rejection>,
    ) -> Told {
        let asked = words::group_command(command);
        let outcome = match (refusal, delivery) {
            (_, TxnDelivery::Held) => "the network holds it back".to_owned(),
            (Some(refusal), _) => format!("refuses: {refusal}"),
            (None, TxnDelivery::Answered) => "accepts".to_owned(),
            (None, TxnDelivery::Unanswered) => "accepts, and the answer gets lost".to_owned(),
        };
        let who = match by {
            Sender::Client => "client",
            Sender::Resolver => "a resolver",
        };
        let (to, name) = match delivery {
            TxnDelivery::Held => (Lane::Network, String::new()),
            TxnDelivery::Answered | TxnDelivery::Unanswered => {
                (self.leader(via.group), format!("{} ", self.names.the(via.group)))
            }
        };
        let text = format!("{who} {}: {asked}; {name}{outcome}", self.through(via));
        let is_lost = refusal.is_some() || delivery == TxnDelivery::Held;
        self.request(via, to, &format!("{asked}; {outcome}"), text, is_lost)
    }

    fn gave_up(&self, txn: u8) -> Told {
        let id = self.bounds.txns[usize::from(txn)].id();
        let what = format!("gives up its transaction of {} from {}", id.primary, id.start_ts);
        Told::note(Lane::Client, what.clone(), format!("client {what}"))
    }

    fn asked_latest(&self, key: &RawKey, via: Via, answer: Option<Timestamp>) -> Told {
        let name = self.names.the(via.group);
        let outcome = answer.map_or_else(|| "that there is none".to_owned(), |ts| format!("{ts}"));
        let text = format!("client asks for the newest version of {key} {}; {name} says {outcome}", self.through(via));
        let label = format!("newest version of {key}? {outcome}");
        self.request(via, self.leader(via.group), &label, text, false)
    }

    fn operated(&self, command: &CatalogCommand) -> Told {
        let what = words::letter(self.names, &Letter::Catalog(command.clone()), Some(self.after));
        Told::note(Lane::Catalog, what.clone(), format!("an operator: {what}"))
    }

    fn started(&self, job: u64, from: &str, target: DataGroup) -> Told {
        let what = format!("starts job {job}, which moves the range from {from} on to {}", self.names.the(target));
        Told::note(Lane::Catalog, what.clone(), format!("an operator {what}"))
    }

    fn collected(&self, group: DataGroup, through: u64) -> Told {
        let text = format!("{} collects versions that no read from {through} on can see", self.names.the(group));
        Told::note(self.leader(group), format!("collects old versions up to {through}"), text)
    }

    fn request(&self, via: Via, to: Lane, label: &str, text: String, is_lost: bool) -> Told {
        let label = format!("{label} (routes v{})", via.routed_by);
        let coordinator = self.coordinator(via.coordinator);
        Told { from: Lane::Client, via: Some(coordinator), to, label, text, is_lost }
    }

    fn through(&self, via: Via) -> String {
        format!("through {} (routes v{})", self.named(self.coordinator(via.coordinator)), via.routed_by)
    }

    fn seen(&self, answer: &ReadAnswer) -> String {
        if answer.rows.is_empty() {
            return "nothing".to_owned();
        }
        let row = |row: &splitjob_core::group::SeenRow| {
            let value = splitjob_core::key::text::encode(&row.value);
            format!("{} = {value}", words::stamp(&row.key, row.commit_ts))
        };
        answer.rows.iter().map(row).collect::<Vec<_>>().join(", ")
    }
}
