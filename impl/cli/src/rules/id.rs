//! Identifiers of rules, and where a text cites them.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The identifier of a rule: a letter for its kind and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RuleId {
    /// The place of the letter in [`KINDS`].
    kind: usize,
    number: u32,
}

impl RuleId {
    /// The letter.
    pub(crate) fn kind(self) -> char {
        KINDS[self.kind]
    }

    /// Every rule that the text cites, in order: alone, in lists, and as ranges such as `X1–X4`.
    pub(crate) fn cited(text: &str) -> Vec<RuleId> {
        let mut cited: Vec<RuleId> = Vec::new();
        let mut end_of_last = None;
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let letter = rest.chars().next().expect("the rest is not empty");
            let digits = rest[letter.len_utf8()..].chars().take_while(char::is_ascii_digit).count();
            let end = at + letter.len_utf8() + digits;
            let is_word = |side: Option<char>| side.is_some_and(|side| side.is_alphanumeric() || side == '_');
            let stands_alone = !is_word(text[..at].chars().next_back()) && !is_word(text[end..].chars().next());
            match text[at..end].parse::<RuleId>() {
                Ok(id) if stands_alone => {
                    let is_range = end_of_last.is_some_and(|last: usize| RANGE.contains(&&text[last..at]));
                    let from = cited.last().filter(|from| is_range && from.kind == id.kind && from.number < id.number);
                    let first = from.map_or(id.number, |from| from.number + 1);
                    cited.extend((first..=id.number).map(|number| RuleId { number, ..id }));
                    end_of_last = Some(end);
                    at = end;
                }
                Ok(_) | Err(_) => at += letter.len_utf8(),
            }
        }
        cited
    }
}

/// The text is no identifier of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a letter of {KINDS:?} and a number")]
pub(crate) struct NoRule;

impl FromStr for RuleId {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<RuleId, NoRule> {
        let letter = text.chars().next().ok_or(NoRule)?;
        let kind = KINDS.iter().position(|kind| *kind == letter).ok_or(NoRule)?;
        let digits = &text[letter.len_utf8()..];
        let is_plain =
            digits.len() <= LONGEST && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_plain).ok_or(NoRule)?;
        Ok(RuleId { kind, number })
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind(), self.number)
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The kinds of rules, in the order of `specs/protocol.md`.
const KINDS: [char; 14] = ['A', 'T', 'K', 'C', 'O', 'J', 'G', 'B', 'P', 'X', 'D', 'V', 'S', 'L'];
/// Digits of the greatest number.
const LONGEST: usize = 2;
/// What stands between the ends of a range.
const RANGE: [&str; 3] = ["–", "-", " to "];

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(text: &str) -> String {
        RuleId::cited(text).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rules_are_cited_alone_in_lists_and_as_ranges() {
        assert_eq!(cited("G3: the fence (C2, J3), G1+G2, X1–X4 and L1/L4"), "G3 C2 J3 G1 G2 X1 X2 X3 X4 L1 L4");
    }

    #[test]
    fn what_only_looks_like_a_rule_is_none() {
        assert_eq!(cited("m1 S_1 aG3 G3b G03 G123 H4 §5 2^16 utf8 G"), "");
    }

    #[test]
    fn a_range_needs_two_rules_of_one_kind_in_order() {
        assert_eq!(cited("G1–B4, G5-G2"), "G1 B4 G5 G2");
    }
}
