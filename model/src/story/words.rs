//! How things are called when they are told.

use super::names::Names;
use crate::world::view::{GroupScene, Letter, Scene};
use crate::world::{Bounds, ClientRead, ClientWrite, DataGroup, Look};
use splitjob_core::catalog::{Advance, AdvanceJob, CatalogCommand, RouteState, Routes};
use splitjob_core::group::{
    BracketBatch, GroupCommand, JobAction, JobCommand, Mutation, TxnAction, TxnCommand, Window,
};
use splitjob_core::id::CopyRound;
use splitjob_core::job::{FailReason, JobOptions, Phase};
use splitjob_core::key::{RawKey, TxnKey, text};
use splitjob_core::range::KeyRange;
use splitjob_core::store::Direction;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::txn::Progress;
use splitjob_core::version::Content;

/// A range of keys: `[m..t)`.
pub(super) fn range(range: &KeyRange) -> String {
    let end = range.end().map_or_else(String::new, ToString::to_string);
    format!("[{}..{end})", range.start())
}

/// A voter of a group: `source voter 2`, or just `target` where there is only one.
pub(super) fn voter(names: Names, of: DataGroup, voter: u8, group: &GroupScene) -> String {
    let name = names.group(of);
    if group.voters.len() == 1 { name.to_owned() } else { format!("{name} voter {}", voter + 1) }
}

/// A version without what it says: `m@4`.
pub(super) fn stamp(key: &RawKey, commit_ts: Timestamp) -> String {
    format!("{key}@{commit_ts}")
}

/// A version: `m@4 = m4`, `m@5 deleted`.
pub(super) fn version(key: &RawKey, commit_ts: Timestamp, content: &Content) -> String {
    if let Some(record) = record(key) {
        return format!("{record} at {commit_ts}");
    }
    match content {
        Content::Put { value, expire_at } if *expire_at == Timestamp::ZERO => {
            format!("{} = {}", stamp(key, commit_ts), text::encode(value))
        }
        Content::Put { value, expire_at } => {
            format!("{} = {} until {expire_at}", stamp(key, commit_ts), text::encode(value))
        }
        Content::Tombstone => format!("{} deleted", stamp(key, commit_ts)),
    }
}

/// What a row of a transaction is, if the key is one's: `commit record of m from 1`.
fn record(key: &RawKey) -> Option<String> {
    Some(match TxnKey::parse(key)? {
        TxnKey::Commit { primary, start_ts } => format!("commit record of {primary} from {start_ts}"),
        TxnKey::Rollback { primary, start_ts } => format!("rollback record of {primary} from {start_ts}"),
        TxnKey::SuccessMarker { key, primary, start_ts, .. } => {
            format!("marker that {key} was written by {primary} from {start_ts}")
        }
        TxnKey::Lock { .. } | TxnKey::Intent { .. } => return None,
    })
}

/// Rows that a read shows, without values.
pub(super) fn rows(rows: &[(RawKey, Timestamp)]) -> String {
    if rows.is_empty() {
        return "nothing".to_owned();
    }
    rows.iter().map(|(key, ts)| stamp(key, *ts)).collect::<Vec<_>>().join(", ")
}

/// What a client asks to be written: `m = m4 at 4`.
pub(super) fn client_write(write: &ClientWrite, commit_ts: Timestamp) -> String {
    let issued = if write.is_issued { ", which the leader's clock issues" } else { "" };
    format!("{}{issued}", change(&write.key, &write.content, commit_ts))
}

fn change(key: &RawKey, content: &Content, commit_ts: Timestamp) -> String {
    match content {
        Content::Put { value, expire_at } if *expire_at == Timestamp::ZERO => {
            format!("writes {key} = {} at {commit_ts}", text::encode(value))
        }
        Content::Put { value, expire_at } => {
            format!("writes {key} = {} until {expire_at} at {commit_ts}", text::encode(value))
        }
        Content::Tombstone => format!("deletes {key} at {commit_ts}"),
    }
}

/// What a client asks to see: `m at 5`.
pub(super) fn client_read(read: &ClientRead) -> String {
    let unstamped = if read.is_stamped { "" } else { ", without a catalog version" };
    match &read.look {
        Look::Point(key) => format!("{key} at {}{unstamped}", read.read_ts),
        Look::Scan { interval, direction, page, .. } => {
            let end = interval.end.as_ref().map_or_else(String::new, ToString::to_string);
            let backwards = match direction {
                Direction::Forward => "",
                Direction::Reverse => " backwards",
            };
            let pages = if *page < WHOLE { format!(", {page} a page") } else { String::new() };
            format!("[{}..{end}){backwards} at {}{pages}{unstamped}", interval.start, read.read_ts)
        }
    }
}

/// A part of what a client asks to see: `the part [m..) of [a..) at 5`.
pub(super) fn client_part(bounds: &Bounds, read: u8, part: &KeyRange) -> String {
    let read = &bounds.reads[usize::from(read)];
    let whole = client_read(read);
    if *part == read.footprint(bounds) { whole } else { format!("the part {} of {whole}", range(part)) }
}

/// The routes: `[..m) source, [m..) source WRITE-FENCED`.
pub(super) fn routes(names: Names, routes: &Routes) -> String {
    let route = |route: &splitjob_core::catalog::Route| {
        let mut words = format!("{} {}", range(&route.range), names.id(route.group));
        if route.state == RouteState::WriteFenced {
            words.push_str(" WRITE-FENCED");
        }
        if route.staged_for.is_some() {
            words.push_str(" with staged rows");
        }
        if route.min_write_ts_exclusive > Timestamp::ZERO {
            words.push_str(&format!(", writes above {}", route.min_write_ts_exclusive));
        }
        if route.min_read_ts > Timestamp::ZERO {
            words.push_str(&format!(", reads from {}", route.min_read_ts));
        }
        words
    };
    routes.iter().map(route).collect::<Vec<_>>().join("; ")
}

/// What a migrator's message asks for.
pub(super) fn letter(names: Names, letter: &Letter, after: Option<&Scene>) -> String {
    match letter {
        Letter::Catalog(command) => catalog_command(names, command, after),
        Letter::Group(_, command) => group_command(command),
    }
}

/// The attempt that a message belongs to: `job 1, epoch 2`.
pub(super) fn token(letter: &Letter) -> Option<String> {
    match letter {
        Letter::Group(_, GroupCommand::Job(JobCommand { token, .. })) => {
            Some(format!("job {}, epoch {}", token.job, token.epoch))
        }
        Letter::Catalog(_)
        | Letter::Group(
            _,
            GroupCommand::Write(_)
            | GroupCommand::DeletePrefix(_)
            | GroupCommand::Txn(_)
            | GroupCommand::BindRead(_)
            | GroupCommand::Adopt(_)
            | GroupCommand::Collect { .. }
            | GroupCommand::RaiseCeiling { .. },
        ) => None,
    }
}

fn catalog_command(names: Names, command: &CatalogCommand, after: Option<&Scene>) -> String {
    match command {
        CatalogCommand::SplitRange { at, .. } => format!("split the route at {at}"),
        CatalogCommand::StartJob(request) => format!("start a job that moves the range from {} on", request.split_key),
        CatalogCommand::AdvanceJob(request) => format!("job {}: {}", request.job, advance(names, request, after)),
        CatalogCommand::ReportNodes { nodes } if nodes.values().all(|node| node.is_capable) => {
            "every node can run the protocol".to_owned()
        }
        CatalogCommand::ReportNodes { .. } => "a node can't run the protocol any more".to_owned(),
        CatalogCommand::SweepHistory { .. } => "forget jobs that ended long ago".to_owned(),
    }
}

fn advance(names: Names, request: &AdvanceJob, after: Option<&Scene>) -> String {
    let job = after.and_then(|scene| scene.catalog.job(request.job));
    let made = after.map_or_else(String::new, |scene| format!(" (catalog v{})", scene.catalog.routes().version));
    match &request.advance {
        Advance::TakeOver => match job {
            Some(job) if job.epoch.0 == 1 => "taken up, epoch 1".to_owned(),
            Some(job) => format!("taken over, epoch {}", job.epoch),
            None => "take it over".to_owned(),
        },
        Advance::BeginBackfill => "PLANNED → BACKFILL".to_owned(),
        Advance::ChooseWindow { window } => format!("the pass carries versions{}", self::window(window)),
        Advance::NextRound => "another pass follows".to_owned(),
        Advance::Unfence => format!("the range takes writes again, and copying goes on{made}"),
        Advance::Fail { reason } => format!("BACKFILL → FAILED: {}", fail_reason(reason)),
        Advance::Retry => "FAILED → BACKFILL: go on".to_owned(),
        Advance::Abandon => format!("→ ABANDONING{made}"),
        Advance::FinishAbandon => "ABANDONING → ABANDONED".to_owned(),
        Advance::BeginFence => format!("BACKFILL → FENCE: the range becomes a write-fenced route{made}"),
        Advance::BeginDeltaCopy { delta_floor, fence_ts } if delta_floor >= fence_ts => {
            format!("FENCE → DELTA_COPY: nothing is left to copy above {delta_floor}")
        }
        Advance::BeginDeltaCopy { delta_floor, fence_ts } => {
            format!("FENCE → DELTA_COPY: the delta carries versions above {delta_floor} up to {fence_ts}")
        }
        Advance::ArmCutover => match job.map(|job| &job.phase) {
            Some(Phase::Cutover(cutover)) => {
                format!("CUTOVER, which is to make catalog v{}", cutover.expected_cutover_version)
            }
            Some(_) | None => "CUTOVER: name the catalog version that it will make".to_owned(),
        },
        Advance::CommitCutover { min_write_ts_exclusive, min_read_ts } => {
            let horizon =
                if *min_read_ts > Timestamp::ZERO { format!(" and reads from {min_read_ts}") } else { String::new() };
            let target = job.map_or_else(|| "the target".to_owned(), |job| names.the(DataGroup::of(job.target)));
            format!(
                "CUTOVER → CLEANUP: the range belongs to {target}, with writes above \
                 {min_write_ts_exclusive}{horizon}{made}"
            )
        }
        Advance::ClearStaged => format!("the range has no staged rows any more{made}"),
        Advance::Finish => "CLEANUP → DONE".to_owned(),
    }
}

/// What an entry of a group's log asks for.
pub(super) fn group_command(command: &GroupCommand) -> String {
    match command {
        GroupCommand::Write(request) => {
            let word = |mutation: &Mutation| change(&mutation.key, &mutation.content, request.commit_ts);
            request
                .mutations
                .iter()
                .map(word)
                .collect::<Vec<_>>()
                .join(", ")
                .replacen("writes", "write", 1)
                .replacen("deletes", "delete", 1)
        }
        GroupCommand::DeletePrefix(request) => {
            format!("delete everything under {} at {}", request.prefix, request.commit_ts)
        }
        GroupCommand::Txn(command) => txn_command(command),
        GroupCommand::RaiseCeiling { ceiling } => format!("take timestamps up to {ceiling} ms"),
        GroupCommand::BindRead(request) => format!("bind reads at {}", request.read_ts),
        GroupCommand::Adopt(adoption) => format!("follow catalog v{}", adoption.version),
        GroupCommand::Collect { through, .. } => format!("collect old versions up to {through}"),
        GroupCommand::Job(command) => job_action(command),
    }
}

fn job_action(command: &JobCommand) -> String {
    let moving = range(&command.range);
    match &command.action {
        JobAction::ArmTracker { round } if round.0 == 1 => "arm write tracker and retention pin".to_owned(),
        JobAction::ArmTracker { round } => format!("track writes for pass {round}"),
        JobAction::Unfence => "take writes and reads again".to_owned(),
        JobAction::DiscardStaged { from: None, .. } => "discard no staged row; know the attempt".to_owned(),
        JobAction::DiscardStaged { limit, .. } => format!("discard staged rows{}", at_most(*limit)),
        JobAction::ArmWriteFence => "arm write fence".to_owned(),
        JobAction::ArmReadFence { expected_cutover_version } => {
            format!("arm read fence for catalog v{expected_cutover_version}")
        }
        JobAction::DeleteMoved { limit, .. } => format!("delete rows of {moving}{}", at_most(*limit)),
        JobAction::Import { round, batches } => format!("import {}", import(*round, batches)),
        JobAction::ArmReadiness { floor } => format!("be ready to serve {moving}, with writes above {floor}"),
        JobAction::Promote { limit, .. } => format!("promote staged rows{}", at_most(*limit)),
        JobAction::Close { .. } => format!("forget job {}", command.token.job),
    }
}

/// A step of a transaction.
pub(super) fn txn_command(command: &TxnCommand) -> String {
    let keys = |keys: &[RawKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let written = |mutations: &[Mutation]| {
        let words = mutations.iter().map(|one| change(&one.key, &one.content, command.commit_ts));
        words.collect::<Vec<_>>().join(", ")
    };
    let of = format!("the transaction of {} from {}", command.txn.primary, command.txn.start_ts);
    match &command.action {
        TxnAction::OnePhase { mutations } => format!("{of}, in one phase: {}", written(mutations)),
        TxnAction::Prepare { mutations, .. } => format!("{of} locks: {}", written(mutations)),
        TxnAction::Commit { keys: committed } => format!("{of} commits {} at {}", keys(committed), command.commit_ts),
        TxnAction::Abort { keys: aborted } => format!("{of} aborts {}", keys(aborted)),
    }
}

/// What a client knows of its transaction on a key.
pub(super) fn progress(progress: Progress) -> &'static str {
    match progress {
        Progress::Unsent => "not asked for",
        Progress::Prepared => "locked",
        Progress::Refused => "not to be had",
        Progress::Committed => "written",
        Progress::Aborted => "released",
    }
}

/// The versions that a pass carries.
pub(super) fn window(window: &Window) -> String {
    match window.after {
        Timestamp::ZERO => format!(" up to {}", window.through),
        after if after >= window.through => format!(" above {after}: none"),
        after => format!(" above {after} up to {}", window.through),
    }
}

/// Why a job has failed.
pub(super) fn fail_reason(reason: &FailReason) -> String {
    match reason {
        FailReason::NotConverging => "every pass leaves too much to the next".to_owned(),
        FailReason::FenceAttemptsExhausted => "the range was fenced as often as it may be".to_owned(),
        FailReason::Refused { message } => message.clone(),
    }
}

fn at_most(limit: u64) -> String {
    if limit >= JobOptions::default().sweep_rows { String::new() } else { format!(", at most {limit}") }
}

/// Which pass over the range.
pub(super) fn round(round: CopyRound) -> String {
    match round.0 {
        1 => "backfill".to_owned(),
        2 => "delta".to_owned(),
        other => format!("round {other}"),
    }
}

fn import(of: CopyRound, batches: &[BracketBatch]) -> String {
    let mut parts = Vec::new();
    for batch in batches.iter().filter(|batch| !batch.rows.is_empty()) {
        let rows = batch.rows.iter().map(|row| version(&row.key, row.version.commit_ts, &row.version.content));
        parts.push(format!("batch {}: {}", batch.seq, rows.collect::<Vec<_>>().join(", ")));
    }
    let is_last = batches.iter().all(|batch| batch.done);
    let last = if is_last { ", the last" } else { "" };
    if parts.is_empty() {
        return format!("empty batches of the {}{last}", round(of));
    }
    format!("{} {}{last}", round(of), parts.join("; "))
}

/// The keys of the world that lie in a range, for a first sentence.
pub(super) fn keys_of(bounds: &Bounds, moving: &KeyRange) -> String {
    let keys = bounds.keys.iter().filter(|key| moving.contains(&key.routes_as)).map(|key| {
        let routed = key.routes_as.to_string();
        let raw = key.raw.to_string();
        if raw == routed { raw } else { format!("{raw} (routes as {routed})") }
    });
    keys.collect::<Vec<_>>().join(", ")
}

/// The words with a capital letter at first.
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A count and its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Pages larger than this are told as one whole answer.
const WHOLE: u64 = 9;
