//! The sources, read for where they cite rules and where they ask gates.

use super::id::RuleId;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    /// The file, from the root of the repository.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What a line has to do with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It does what the rule says.
    Implements,
    /// It shows whether that is so: a property, the ideal service, or a test.
    Checks,
}

/// A line that cites a rule or asks a gate.
#[derive(Clone, Debug)]
pub(crate) struct Citation {
    pub(crate) place: Place,
    pub(crate) role: Role,
    pub(crate) subject: Subject,
}

/// What is cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A rule.
    Rule(RuleId),
    /// A gate, by its name.
    Gate(String),
}

/// Every citation in the sources below the root, in order.
pub(crate) fn citations(root: &Path) -> Result<Vec<Citation>> {
    let mut files = Vec::new();
    for dir in DIRS {
        collect(&root.join(dir), &mut files)?;
    }
    files.sort_unstable();
    let mut citations = Vec::new();
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        citations.extend(of_file(&name, &text));
    }
    Ok(citations)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("can't list {}", dir.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("can't list {}", dir.display()))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn of_file(name: &str, text: &str) -> Vec<Citation> {
    let is_test_file = name.contains("/tests/") || name.ends_with("/tests.rs");
    let role_of_file = ROLES.iter().find(|(start, _)| name.starts_with(start)).and_then(|(_, role)| *role);
    if name.starts_with(TOOLS) {
        return Vec::new();
    }
    let mut is_test = is_test_file;
    let mut citations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // By the house's order of a file, nothing but tests follows.
        is_test |= line.trim() == "#[cfg(test)]";
        let Some(role) = (if is_test { Some(Role::Checks) } else { role_of_file }) else { continue };
        let place = Place { file: name.to_owned(), line: index + 1 };
        let cite = |subject| Citation { place: place.clone(), role, subject };
        let (code, comment) = split(line);
        citations.extend(RuleId::cited(comment).into_iter().map(|id| cite(Subject::Rule(id))));
        match defined(code) {
            // A gate's definition says which rule it stands for; the rule is implemented where the gate is asked.
            Some(_) if role == Role::Implements => {}
            Some(id) => citations.push(cite(Subject::Rule(id))),
            None => citations.extend(gates(code).map(|gate| cite(Subject::Gate(gate)))),
        }
    }
    citations
}

/// The line before and behind the marks of a comment.
fn split(line: &str) -> (&str, &str) {
    let starts = line.match_indices("//").map(|(at, _)| at);
    let start = starts.into_iter().find(|at| line[..*at].matches('"').count().is_multiple_of(2));
    start.map_or((line, ""), |at| line.split_at(at))
}

/// The rule of `Name = "S1";`, a line of a table of gates or properties.
fn defined(code: &str) -> Option<RuleId> {
    let (name, id) = code.trim().strip_suffix("\";")?.split_once(" = \"")?;
    name.chars().all(char::is_alphanumeric).then(|| id.parse().ok())?
}

/// The names behind `Gate::`.
fn gates(code: &str) -> impl Iterator<Item = String> {
    code.split("Gate::").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect())
}

/// Where sources are.
const DIRS: [&str; 4] = ["impl", "model", "refinement", "tests"];

/// Sources that speak of rules without having to do with them.
const TOOLS: &str = "impl/cli/";

/// What sources that are no tests have to do with the rules that they cite: the first that fits counts.
const ROLES: [(&str, Option<Role>); 5] = [
    ("impl/", Some(Role::Implements)),
    ("model/src/world/property.rs", Some(Role::Checks)),
    ("model/src/world/liveness.rs", Some(Role::Checks)),
    ("refinement/", Some(Role::Checks)),
    ("tests/", Some(Role::Checks)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<(usize, Role, Subject)> {
        of_file(name, text).into_iter().map(|one| (one.place.line, one.role, one.subject)).collect()
    }

    fn rule(id: &str) -> Subject {
        Subject::Rule(id.parse().expect("it is a rule"))
    }

    #[test]
    fn comments_cite_rules_and_strings_do_not() {
        let text = "// G3: refused\nlet url = \"http://S1\"; // C2\nlet name = \"J3\";\n";
        let expected = [(1, Role::Implements, rule("G3")), (2, Role::Implements, rule("C2"))];
        assert_eq!(found("impl/core/src/x.rs", text), expected);
    }

    #[test]
    fn what_follows_the_mark_of_tests_checks() {
        let text = "/// B1\nfn a() {}\n#[cfg(test)]\nmod tests {\n    // B2\n}\n";
        assert_eq!(
            found("impl/core/src/x.rs", text),
            [(1, Role::Implements, rule("B1")), (5, Role::Checks, rule("B2"))]
        );
    }

    #[test]
    fn a_gate_is_cited_where_it_is_asked_and_not_where_it_is_defined() {
        let text = "    WriteFence = \"G3\";\nif gates.stands(Gate::WriteFence) {\n";
        assert_eq!(found("impl/core/src/x.rs", text), [(2, Role::Implements, Subject::Gate("WriteFence".to_owned()))]);
    }

    #[test]
    fn a_property_is_checked_where_it_is_defined() {
        let text = "    NothingLost = \"S1\";\n";
        assert_eq!(found("model/src/world/property.rs", text), [(1, Role::Checks, rule("S1"))]);
    }

    #[test]
    fn the_rendering_of_the_world_neither_implements_nor_checks() {
        assert_eq!(found("model/src/world/migrator.rs", "// S10: late\n"), []);
    }
}
