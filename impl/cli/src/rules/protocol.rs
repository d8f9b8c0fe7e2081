//! The rules of `specs/protocol.md`, and the exceptions of `specs/rules.md`.

use super::id::RuleId;
use anyhow::{Result, bail};

/// A rule, where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: RuleId,
    /// The line of its first word, from 1.
    pub(crate) line: usize,
    /// Its words, as they stand there.
    pub(crate) text: String,
}

/// Every rule, in the order of the text: an item of a list that begins with `**G3**`, or the row of a departure.
///
/// # Errors
/// If there is none, or one is written twice.
pub(crate) fn rules(text: &str) -> Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(id) = begun(line) {
            if let Some(known) = rules.iter().find(|rule| rule.id == id) {
                bail!("{id} is written twice, in line {} and in line {}", known.line, index + 1);
            }
            rules.push(Rule { id, line: index + 1, text: line.trim().to_owned() });
            is_open = !line.starts_with('|');
        } else if is_open && line.starts_with("  ") {
            let rule = rules.last_mut().expect("only a rule can be open");
            rule.text.push(' ');
            rule.text.push_str(line.trim());
        } else if !line.is_empty() {
            is_open = false;
        }
    }
    if rules.is_empty() {
        bail!("it has no rules");
    }
    Ok(rules)
}

fn begun(line: &str) -> Option<RuleId> {
    match line.strip_prefix("- **") {
        Some(item) => item.split(|letter: char| !letter.is_ascii_alphanumeric()).next()?.parse().ok(),
        None => cells(line)?.first()?.parse().ok().filter(|id: &RuleId| id.kind() == 'D'),
    }
}

/// A rule that may lack something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) id: RuleId,
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// The rows whose first cell is a rule.
///
/// # Errors
/// If a row has no reason, or a rule has two rows.
pub(crate) fn exceptions(text: &str) -> Result<Vec<Exception>> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else { continue };
        let Some(Ok(id)) = cells.first().map(|cell| cell.parse()) else { continue };
        let Some(reason) = cells.get(1).filter(|reason| !reason.is_empty()) else {
            bail!("line {}: {id} has no reason", index + 1);
        };
        if exceptions.iter().any(|known| known.id == id) {
            bail!("line {}: {id} has a row already", index + 1);
        }
        exceptions.push(Exception { id, line: index + 1, reason: (*reason).to_owned() });
    }
    Ok(exceptions)
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_an_item_or_a_row_with_all_its_lines() {
        let text = "# 3\n- **T5 Served reads bind.** A group\n  promises.\n\n  *Why.* So.\nText of T1.\n| D1 | a | b |\n| T5 | more |\n";
        let found: Vec<_> =
            rules(text).expect("they are rules").into_iter().map(|rule| (rule.line, rule.text)).collect();
        let first = "- **T5 Served reads bind.** A group promises. *Why.* So.";
        assert_eq!(found, [(2, first.to_owned()), (7, "| D1 | a | b |".to_owned())]);
    }

    #[test]
    fn a_rule_that_is_written_twice_is_refused() {
        let error = rules("- **T1** a\n- **T2** b\n- **T1** c\n").expect_err("T1 is written twice");
        assert_eq!(error.to_string(), "T1 is written twice, in line 1 and in line 3");
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let error = exceptions("| rule | reason |\n|---|---|\n| X1 | |\n").expect_err("X1 has no reason");
        assert_eq!(error.to_string(), "line 3: X1 has no reason");
    }
}
