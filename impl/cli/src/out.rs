//! The one place that writes to the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, StdoutLock, Write};

/// Standard output, locked, with colours only on a terminal.
pub(crate) struct Out {
    stdout: StdoutLock<'static>,
    is_coloured: bool,
}

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A heading.
    Strong,
    /// Less important than its surroundings.
    Faint,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Neither.
    Unsure,
}

impl Out {
    /// Locks standard output.
    pub(crate) fn new() -> Out {
        let is_coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Out { stdout: io::stdout().lock(), is_coloured }
    }

    /// Whether colours are wanted.
    pub(crate) fn is_coloured(&self) -> bool {
        self.is_coloured
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Those of standard output, a closed pipe among them.
    pub(crate) fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.stdout, "{line}")
    }

    /// Sends on what was written.
    ///
    /// # Errors
    /// Those of standard output.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }

    /// Writes a paragraph, wrapped, every line indented.
    ///
    /// # Errors
    /// Those of standard output.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.hanging(&" ".repeat(indent), indent, text, None)
    }

    /// Writes a paragraph whose first line starts with `head`, the others with `indent` spaces.
    ///
    /// # Errors
    /// Those of standard output.
    pub(crate) fn hanging(&mut self, head: &str, indent: usize, text: &str, style: Option<Style>) -> io::Result<()> {
        for (index, line) in wrap(text, WIDTH - indent).iter().enumerate() {
            let line = style.map_or_else(|| line.clone(), |style| self.paint(style, line));
            if index == 0 {
                self.line(format_args!("{head}{line}"))?;
            } else {
                self.line(format_args!("{:indent$}{line}", ""))?;
            }
        }
        Ok(())
    }

    /// The text in a style, if colours are wanted.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.is_coloured {
            return text.to_owned();
        }
        let code = match style {
            Style::Strong => "1",
            Style::Faint => "2",
            Style::Good => "32",
            Style::Bad => "31;1",
            Style::Unsure => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Writes a line to standard error; a closed one can't be told.
pub(crate) fn complain(line: impl Display) {
    let _unheard = writeln!(io::stderr().lock(), "{line}");
}

/// Whether somebody sits before standard error and watches the progress.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Breaks the text into lines of at most `width` characters, between words where that is possible.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        let is_first = line.is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !is_first {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Columns of a text.
const WIDTH: usize = 110;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole() {
        assert_eq!(wrap("a immeasurable b", 5), ["a", "immeasurable", "b"]);
    }
}
