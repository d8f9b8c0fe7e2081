//! For each rule: where it is implemented, checked and broken, and what is missing.

use super::id::RuleId;
use super::protocol::{Exception, Rule};
use super::sources::{Citation, Place, Role, Subject};
use serde::Serialize;
use splitjob_core::gate::Gate;
use splitjob_model::scenario::GAPS;

/// What there is of a rule.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Traced {
    pub(crate) id: RuleId,
    /// Where it is written.
    pub(crate) written: Place,
    #[serde(skip)]
    pub(crate) text: String,
    /// Where it is implemented: code that cites it or asks a gate that stands for it.
    pub(crate) implemented: Vec<Place>,
    /// Where it is checked: properties, the ideal service, and tests that cite it.
    pub(crate) checked: Vec<Place>,
    /// The gaps that break it.
    pub(crate) broken: Vec<String>,
    /// What it should have and doesn't.
    pub(crate) lacks: Vec<&'static str>,
    /// Why that is so, if it may be so.
    pub(crate) exception: Option<String>,
}

/// What is known beside the rules themselves.
pub(crate) struct Evidence<'a> {
    pub(crate) citations: &'a [Citation],
    pub(crate) exceptions: &'a [Exception],
    /// The text of `specs/assumptions.md`.
    pub(crate) assumptions: &'a str,
    /// For each property, the gaps that break it by the pinned matrix.
    pub(crate) matrix: &'a [(String, String)],
}

impl Traced {
    /// Whether something is missing without a written reason.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.lacks.is_empty() && self.exception.is_none()
    }

    /// Whether it has a reason to lack something, and lacks nothing.
    pub(crate) fn is_excused_for_nothing(&self) -> bool {
        self.lacks.is_empty() && self.exception.is_some()
    }
}

/// What there is of each rule.
pub(crate) fn trace(rules: &[Rule], evidence: &Evidence<'_>) -> Vec<Traced> {
    rules.iter().map(|rule| of(rule, evidence)).collect()
}

fn of(rule: &Rule, evidence: &Evidence<'_>) -> Traced {
    let ids = stands_for(rule);
    // What must be true is checked and broken; nothing implements it by itself.
    let is_property = ['S', 'L'].contains(&rule.id.kind());
    let implemented = if is_property { Vec::new() } else { places(&ids, Role::Implements, evidence) };
    let checked = places(&ids, Role::Checks, evidence);
    let broken = breaking(&ids, rule, evidence);
    let lacks = match rule.id.kind() {
        'A' => {
            let has_place = RuleId::cited(evidence.assumptions).contains(&rule.id);
            if has_place { Vec::new() } else { vec!["a place in specs/assumptions.md"] }
        }
        _ if is_property => lacking([("a property", checked.is_empty()), ("a gap", broken.is_empty())]),
        _ => lacking([
            ("code", implemented.is_empty()),
            ("a property, a test or a gap", checked.is_empty() && broken.is_empty()),
        ]),
    };
    let exception = evidence.exceptions.iter().find(|exception| exception.id == rule.id);
    Traced {
        id: rule.id,
        written: Place { file: super::PROTOCOL.to_owned(), line: rule.line },
        text: rule.text.clone(),
        implemented,
        checked,
        broken,
        lacks,
        exception: exception.map(|exception| exception.reason.clone()),
    }
}

fn lacking<const N: usize>(wanted: [(&'static str, bool); N]) -> Vec<&'static str> {
    wanted.into_iter().filter(|(_, is_missing)| *is_missing).map(|(what, _)| what).collect()
}

/// The rule; with a departure, the rules that it has changed.
fn stands_for(rule: &Rule) -> Vec<RuleId> {
    let mut ids = vec![rule.id];
    if rule.id.kind() == 'D' {
        ids.extend(RuleId::cited(&rule.text).into_iter().filter(|id| !['A', 'D', 'S', 'L'].contains(&id.kind())));
    }
    ids
}

fn places(ids: &[RuleId], role: Role, evidence: &Evidence<'_>) -> Vec<Place> {
    let is_about = |subject: &Subject| match subject {
        Subject::Rule(id) => ids.contains(id),
        Subject::Gate(name) => Gate::by_name(name).is_some_and(|gate| is_of(gate, ids)),
    };
    let of_role = evidence.citations.iter().filter(|citation| citation.role == role && is_about(&citation.subject));
    let mut places: Vec<Place> = of_role.map(|citation| citation.place.clone()).collect();
    places.dedup();
    places
}

/// The gaps that break the rule: that have a gate of it, are registered to break it, break it by the matrix, are named in
/// its words or cite it.
fn breaking(ids: &[RuleId], rule: &Rule, evidence: &Evidence<'_>) -> Vec<String> {
    let by_matrix = |gap: &str| {
        let mut entries = evidence.matrix.iter().filter(|(_, breaks)| breaks == gap);
        entries.any(|(property, _)| property.parse().is_ok_and(|id| ids.contains(&id)))
    };
    let breaks = |gap: &&splitjob_model::scenario::Gap| {
        gap.gates().any(|gate| is_of(gate, ids))
            || gap.breaks.id().parse().is_ok_and(|id| ids.contains(&id))
            || rule.text.contains(&format!("`{}`", gap.name))
            || RuleId::cited(gap.moral).iter().any(|id| ids.contains(id))
            || by_matrix(gap.name)
    };
    GAPS.iter().filter(breaks).map(|gap| gap.name.to_owned()).collect()
}

fn is_of(gate: Gate, ids: &[RuleId]) -> bool {
    gate.rule().parse().is_ok_and(|id| ids.contains(&id))
}
