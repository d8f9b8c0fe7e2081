//! The one table of key families: their durable numbers, their prefixes, and what a move does with their rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RawKey;

/// What a split job does with the rows of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handling {
    /// Exported, imported and cleaned up, in a bracket of their own (K3).
    Moved,
    /// Waited for until there are none in the range, in no bracket (K3).
    Drained,
    /// Never touched by a job or a user's mutation (K4, K5).
    Control,
}

macro_rules! families {
    ($($(#[doc = $doc:literal])* $family:ident = $number:literal, $handling:ident, $prefix:literal;)*) => {
        /// A kind of row, told by the longest known prefix of its raw key.
        ///
        /// The numbers are durable: they are bracket ids and stand in job records and on the wire. Families are added,
        /// never renumbered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u32)]
        pub enum KeyFamily {
            $($(#[doc = $doc])* $family = $number,)*
        }

        impl KeyFamily {
            /// All families, by number.
            pub const ALL: &[Self] = &[$(Self::$family),*];

            /// What every raw key of the family begins with; empty for [`KeyFamily::User`].
            #[must_use]
            pub const fn prefix(self) -> &'static [u8] {
                match self {
                    $(Self::$family => $prefix,)*
                }
            }

            /// What a split job does with its rows.
            #[must_use]
            pub const fn handling(self) -> Handling {
                match self {
                    $(Self::$family => Handling::$handling,)*
                }
            }

            /// The family with this durable number.
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$family),)*
                    _ => None,
                }
            }
        }
    };
}

families! {
    /// Rows stored under their own key: everything that no other family claims (K1).
    User = 1, Moved, b"";

    /// Locks of prepared transactions.
    TxnLock = 10, Drained, b"!txn|lock|";
    /// Values that prepared transactions will write.
    TxnIntent = 11, Drained, b"!txn|int|";
    /// Commit records, which decide their transactions (X2).
    TxnCommit = 12, Moved, b"!txn|cmt|";
    /// Rollback records, which decide their transactions (X2).
    TxnRollback = 13, Moved, b"!txn|rb|";
    /// Success markers, by which a secondary proves its commit (X2).
    TxnSuccess = 14, Moved, b"!txn|ok|";

    /// Lists: length and bounds.
    ListMeta = 20, Moved, b"!lst|meta|";
    /// Lists: changes of length and bounds, not yet folded in.
    ListDelta = 21, Moved, b"!lst|meta|d|";
    /// Lists: items.
    ListItem = 22, Moved, b"!lst|itm|";
    /// Lists: claimed items.
    ListClaim = 23, Moved, b"!lst|claim|";

    /// Hashes: sizes.
    HashMeta = 30, Moved, b"!hs|meta|";
    /// Hashes: changes of size.
    HashDelta = 31, Moved, b"!hs|meta|d|";
    /// Hashes: fields.
    HashField = 32, Moved, b"!hs|fld|";

    /// Sets: sizes.
    SetMeta = 40, Moved, b"!st|meta|";
    /// Sets: changes of size.
    SetDelta = 41, Moved, b"!st|meta|d|";
    /// Sets: members.
    SetMember = 42, Moved, b"!st|mem|";

    /// Sorted sets: sizes.
    SortedSetMeta = 50, Moved, b"!zs|meta|";
    /// Sorted sets: changes of size.
    SortedSetDelta = 51, Moved, b"!zs|meta|d|";
    /// Sorted sets: members.
    SortedSetMember = 52, Moved, b"!zs|mem|";
    /// Sorted sets: members by score.
    SortedSetScore = 53, Moved, b"!zs|scr|";

    /// Streams: lengths and last ids.
    StreamMeta = 60, Moved, b"!stream|meta|";
    /// Streams: entries.
    StreamEntry = 61, Moved, b"!stream|entry|";

    /// Redis values that are one row each, of any kind.
    Redis = 70, Moved, b"!redis|";

    /// DynamoDB-shaped tables: descriptions.
    DynamoTable = 80, Moved, b"!ddb|meta|table|";
    /// DynamoDB-shaped tables: generations.
    DynamoGeneration = 81, Moved, b"!ddb|meta|gen|";
    /// DynamoDB-shaped tables: items.
    DynamoItem = 82, Moved, b"!ddb|item|";
    /// DynamoDB-shaped tables: secondary index entries.
    DynamoIndex = 83, Moved, b"!ddb|gsi|";

    /// S3-shaped objects: heads.
    S3Head = 90, Moved, b"!s3|obj|head|";
    /// S3-shaped objects: multipart uploads.
    S3Upload = 91, Moved, b"!s3|upload|meta|";
    /// S3-shaped objects: parts of uploads.
    S3UploadPart = 92, Moved, b"!s3|upload|part|";
    /// S3-shaped objects: blobs.
    S3Blob = 93, Moved, b"!s3|blob|";
    /// S3-shaped objects: references to chunks.
    S3ChunkRef = 94, Moved, b"!s3|chunkref|";
    /// S3-shaped objects: uploads to be collected.
    S3Collect = 95, Moved, b"!s3|gc|upload|";

    /// SQS-shaped queues: descriptions.
    SqsQueueMeta = 100, Moved, b"!sqs|queue|meta|";
    /// SQS-shaped queues: generations.
    SqsQueueGeneration = 101, Moved, b"!sqs|queue|gen|";
    /// SQS-shaped queues: sequence numbers.
    SqsQueueSequence = 102, Moved, b"!sqs|queue|seq|";
    /// SQS-shaped queues: deleted queues.
    SqsQueueTombstone = 103, Moved, b"!sqs|queue|tombstone|";
    /// SQS-shaped messages: bodies.
    SqsMessage = 104, Moved, b"!sqs|msg|data|";
    /// SQS-shaped messages: by the time they become visible.
    SqsVisibility = 105, Moved, b"!sqs|msg|vis|";
    /// SQS-shaped messages: deduplication ids.
    SqsDedup = 106, Moved, b"!sqs|msg|dedup|";
    /// SQS-shaped messages: group locks.
    SqsGroup = 107, Moved, b"!sqs|msg|group|";
    /// SQS-shaped messages: by age.
    SqsByAge = 108, Moved, b"!sqs|msg|byage|";

    /// Filesystem: chunks of files.
    FsChunk = 120, Moved, b"!fs|chk|";
    /// Filesystem: usage counters of routes.
    FsUsage = 121, Moved, b"!fs|usage|route|";

    /// The catalog, the jobs and their history, and the staged rows.
    Catalog = 200, Control, b"!dist|";
    /// What a target remembers of imports.
    MigrationStage = 201, Control, b"!migstage|";
    /// What a source tracks of writes.
    MigrationWrite = 202, Control, b"!migwrite|";
    /// What a group holds of fences.
    MigrationFence = 203, Control, b"!migfence|";
}

impl KeyFamily {
    /// The family of a row stored under `key`: the one with the longest matching prefix.
    #[must_use]
    pub fn of(key: &RawKey) -> Self {
        Self::of_bytes(key.as_bytes())
    }

    /// The durable number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Whether its rows are written by transactions alone.
    #[must_use]
    pub const fn is_of_transactions(self) -> bool {
        matches!(self, Self::TxnLock | Self::TxnIntent | Self::TxnCommit | Self::TxnRollback | Self::TxnSuccess)
    }

    pub(super) fn of_bytes(key: &[u8]) -> Self {
        // Every known prefix begins with it, so that a plain key costs one comparison.
        if key.first() != Some(&SIGIL) {
            return Self::User;
        }
        Self::ALL
            .iter()
            .copied()
            .filter(|family| key.starts_with(family.prefix()))
            .max_by_key(|family| family.prefix().len())
            .expect("the empty prefix of User matches every key")
    }
}

impl fmt::Display for KeyFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const SIGIL: u8 = b'!';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_but_user_begins_with_the_sigil_and_claims_its_own_prefix() {
        for family in KeyFamily::ALL.iter().copied().filter(|family| *family != KeyFamily::User) {
            assert_eq!(family.prefix().first(), Some(&SIGIL), "{family}");
            assert_eq!(KeyFamily::of(&family.prefix().into()), family);
        }
        assert_eq!(KeyFamily::of(&"".into()), KeyFamily::User);
    }

    #[test]
    fn numbers_are_unique_and_lead_back_to_their_family() {
        assert!(KeyFamily::ALL.is_sorted_by(|left, right| left.number() < right.number()));
        for family in KeyFamily::ALL.iter().copied() {
            assert_eq!(KeyFamily::from_number(family.number()), Some(family));
        }
        assert_eq!(KeyFamily::from_number(0), None);
    }

    #[test]
    fn a_delta_is_no_meta_row_and_an_unknown_kind_is_a_user_row() {
        assert_eq!(KeyFamily::of(&"!lst|meta|d|x".into()), KeyFamily::ListDelta);
        assert_eq!(KeyFamily::of(&"!lst|meta|e".into()), KeyFamily::ListMeta);
        assert_eq!(KeyFamily::of(&"!lst|zzz|a".into()), KeyFamily::User);
        assert_eq!(KeyFamily::of(&"!txn|meta|a".into()), KeyFamily::User);
    }

    #[test]
    fn only_locks_and_intents_are_drained() {
        let drained: Vec<&KeyFamily> =
            KeyFamily::ALL.iter().filter(|family| family.handling() == Handling::Drained).collect();
        assert_eq!(drained, [&KeyFamily::TxnLock, &KeyFamily::TxnIntent]);
    }
}
