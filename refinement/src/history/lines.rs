//! Histories as files: one JSON object a line. `specs/history.md` has the schema.

use super::operation::{Closing, History, Malformed, Operation, Row};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};
use thiserror::Error;

/// Why a file is no history.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It can't be read.
    #[error("line {line} can't be read: {why}")]
    Io {
        /// The line, from 1.
        line: usize,
        /// Why.
        why: io::Error,
    },
    /// A line isn't of the schema.
    #[error("line {line} is no line of a history: {why}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: serde_json::Error,
    },
    /// An operation contradicts itself.
    #[error("line {line} is no operation: {why}")]
    Operation {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: Malformed,
    },
    /// The first line names something else, or another version.
    #[error("line 1 is not the head of a {FORMAT} of version {VERSION}")]
    OtherFormat,
    /// A line where none of its kind belongs.
    #[error("line {line} is out of place: {why}")]
    OutOfPlace {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// Rows are missing: the file was cut short.
    #[error("the closing state has {there} rows and should have {promised}")]
    CutShort {
        /// Rows that are there.
        there: usize,
        /// Rows that its head promises.
        promised: usize,
    },
}

/// Writes a history, an operation at a time: what is written of a run that dies can be read.
#[derive(Debug)]
pub struct Writer<W: Write> {
    to: W,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn new(to: W) -> io::Result<Writer<W>> {
        let mut writer = Writer { to };
        writer.line(&Line::Head { format: FORMAT.to_owned(), version: VERSION })?;
        Ok(writer)
    }

    /// Writes an operation.
    ///
    /// # Errors
    /// Those of the file.
    pub fn operation(&mut self, operation: &Operation) -> io::Result<()> {
        self.line(&LineRef::Operation(operation))
    }

    /// Writes the closing state, after all operations, and gives the file back.
    ///
    /// # Errors
    /// Those of the file.
    pub fn close(mut self, closing: Option<&Closing>) -> io::Result<W> {
        if let Some(closing) = closing {
            self.line(&Line::Closing { at: closing.at, rows: closing.rows.len() })?;
            closing.rows.iter().try_for_each(|row| self.line(&LineRef::Row(row)))?;
        }
        self.to.flush()?;
        Ok(self.to)
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, line)?;
        self.to.write_all(b"\n")
    }
}

/// Writes a whole history.
///
/// # Errors
/// Those of the file.
pub fn write(to: impl Write, history: &History, closing: Option<&Closing>) -> io::Result<()> {
    let mut writer = Writer::new(to)?;
    history.operations().iter().try_for_each(|operation| writer.operation(operation))?;
    writer.close(closing).map(|_| ())
}

/// Reads a history, and the closing state if the file has one.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(from: impl BufRead) -> Result<(History, Option<Closing>), ReadError> {
    let mut reader = Reader { history: History::default(), closing: None };
    let mut lines = 0;
    for (index, written) in from.lines().enumerate() {
        let line = index + 1;
        let written = written.map_err(|why| ReadError::Io { line, why })?;
        let parsed: Line = serde_json::from_str(&written).map_err(|why| ReadError::Line { line, why })?;
        reader.take(line, parsed)?;
        lines = line;
    }
    if lines == 0 {
        return Err(ReadError::OtherFormat);
    }
    reader.finish()
}

struct Reader {
    history: History,
    /// With the number of rows that it should have.
    closing: Option<(Closing, usize)>,
}

impl Reader {
    fn take(&mut self, line: usize, parsed: Line) -> Result<(), ReadError> {
        if line == 1 {
            let is_head = matches!(&parsed, Line::Head { format, version } if format == FORMAT && *version == VERSION);
            return if is_head { Ok(()) } else { Err(ReadError::OtherFormat) };
        }
        let out_of_place = |why| Err(ReadError::OutOfPlace { line, why });
        match (parsed, &mut self.closing) {
            (Line::Head { .. }, _) => out_of_place("a second head"),
            (Line::Operation(operation), None) => {
                self.history.push(*operation).map_err(|why| ReadError::Operation { line, why })
            }
            (Line::Operation(_), Some(_)) => out_of_place("an operation after the closing state"),
            (Line::Closing { at, rows }, None) => {
                self.closing = Some((Closing { at, rows: Vec::new() }, rows));
                Ok(())
            }
            (Line::Closing { .. }, Some(_)) => out_of_place("a second closing state"),
            (Line::Row(_), None) => out_of_place("a row before the closing state"),
            (Line::Row(row), Some((closing, _))) => {
                closing.rows.push(row);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(History, Option<Closing>), ReadError> {
        let Some((closing, promised)) = self.closing else { return Ok((self.history, None)) };
        let there = closing.rows.len();
        if there == promised { Ok((self.history, Some(closing))) } else { Err(ReadError::CutShort { there, promised }) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Head { format: String, version: u32 },
    Operation(Box<Operation>),
    Closing { at: u64, rows: usize },
    Row(Row),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum LineRef<'l> {
    Operation(&'l Operation),
    Row(&'l Row),
}

const FORMAT: &str = "splitjob-history";
const VERSION: u32 = 1;
