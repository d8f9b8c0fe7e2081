//! Batches, cursors and progress of a copy.

use super::{Wire, ascending, messages, optional, row_key, values};
use crate::error::WireError;
use crate::proto::CopyWindow;
use crate::proto::splitjob as pb;
use splitjob_core::group::{BracketBatch, BracketProgress, Cursor, CursorTag, ImportProgress, Window};
use splitjob_core::id::{BatchSeq, CopyRound};
use splitjob_core::key::BracketId;
use splitjob_core::timestamp::Timestamp;

impl Wire for Window {
    type Message = CopyWindow;

    fn to_message(&self) -> CopyWindow {
        CopyWindow { after: self.after.raw(), through: self.through.raw() }
    }

    fn from_message(message: CopyWindow) -> Result<Window, WireError> {
        Ok(Window { after: Timestamp::from_raw(message.after), through: Timestamp::from_raw(message.through) })
    }
}

impl Wire for Cursor {
    type Message = pb::Cursor;

    fn to_message(&self) -> pb::Cursor {
        let scanned = match self.tag {
            CursorTag::Emitted => false,
            CursorTag::Scanned => true,
        };
        pb::Cursor { key: self.key.as_bytes().to_vec(), commit_ts: self.commit_ts.raw(), scanned }
    }

    fn from_message(message: pb::Cursor) -> Result<Cursor, WireError> {
        let tag = if message.scanned { CursorTag::Scanned } else { CursorTag::Emitted };
        Ok(Cursor { key: row_key(message.key)?, commit_ts: Timestamp::from_raw(message.commit_ts), tag })
    }
}

impl Wire for BracketBatch {
    type Message = pb::BracketBatch;

    fn to_message(&self) -> pb::BracketBatch {
        pb::BracketBatch {
            bracket: self.bracket.0,
            seq: self.seq.0,
            rows: messages(&self.rows),
            cursor: self.cursor.as_ref().map(Cursor::to_message),
            done: self.done,
        }
    }

    fn from_message(message: pb::BracketBatch) -> Result<BracketBatch, WireError> {
        Ok(BracketBatch {
            bracket: BracketId(message.bracket),
            seq: BatchSeq(message.seq),
            rows: values(message.rows)?,
            cursor: optional(message.cursor)?,
            done: message.done,
        })
    }
}

impl Wire for ImportProgress {
    type Message = pb::ImportProgress;

    fn to_message(&self) -> pb::ImportProgress {
        let bracket = |(id, at): (&BracketId, &BracketProgress)| pb::BracketProgress {
            bracket: id.0,
            high: at.high.0,
            cursor: at.cursor.as_ref().map(Cursor::to_message),
            done: at.done,
        };
        pb::ImportProgress {
            round: self.round.0,
            rows: self.rows,
            brackets: self.brackets.iter().map(bracket).collect(),
        }
    }

    fn from_message(message: pb::ImportProgress) -> Result<ImportProgress, WireError> {
        let bracket = |at: pb::BracketProgress| {
            let progress = BracketProgress { high: BatchSeq(at.high), cursor: optional(at.cursor)?, done: at.done };
            Ok((BracketId(at.bracket), progress))
        };
        let brackets: Vec<_> = message.brackets.into_iter().map(bracket).collect::<Result<_, WireError>>()?;
        Ok(ImportProgress {
            round: CopyRound(message.round),
            rows: message.rows,
            brackets: ascending(brackets, |(id, _)| *id, "the brackets of a copy")?,
        })
    }
}
