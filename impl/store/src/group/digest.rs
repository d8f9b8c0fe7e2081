//! What a range holds, as sums that don't depend on the order of its rows.

use splitjob_core::key::{KeyFamily, RawKey, RoutingKey};
use splitjob_core::range::KeyRange;
use splitjob_core::store::Keyspace;
use splitjob_core::timestamp::Timestamp;
use splitjob_core::version::Content;
use std::collections::BTreeMap;

/// The rows of one bracket: how many, and the sum of their hashes.
///
/// Differences wrap around, so that the sums of a set that shrinks can be added to the sums that it shrinks from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BracketSum {
    /// How many, modulo 2^64.
    pub rows: u64,
    /// The sum of their hashes modulo 2^256, little-endian.
    pub sum: [u8; 32],
}

impl BracketSum {
    /// Adds the rows of another sum.
    pub fn add(&mut self, other: &BracketSum) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.add_hash(&other.sum);
    }

    /// Takes the rows of another sum away.
    pub fn subtract(&mut self, other: &BracketSum) {
        self.rows = self.rows.wrapping_sub(other.rows);
        self.subtract_hash(&other.sum);
    }

    /// Whether it is the sum of nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == BracketSum::default()
    }

    fn add_hash(&mut self, hash: &[u8; 32]) {
        let mut carry = false;
        for (to, from) in limbs(&mut self.sum).zip(hash.chunks_exact(LIMB)) {
            let (sum, first) = limb(to).overflowing_add(limb(from));
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            to.copy_from_slice(&sum.to_le_bytes());
            carry = first || second;
        }
    }

    fn subtract_hash(&mut self, hash: &[u8; 32]) {
        let mut borrow = false;
        for (to, from) in limbs(&mut self.sum).zip(hash.chunks_exact(LIMB)) {
            let (rest, first) = limb(to).overflowing_sub(limb(from));
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            to.copy_from_slice(&rest.to_le_bytes());
            borrow = first || second;
        }
    }
}

fn limbs(sum: &mut [u8; 32]) -> impl Iterator<Item = &mut [u8]> {
    sum.chunks_exact_mut(LIMB)
}

fn limb(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("chunks are of that size"))
}

/// The sums of a keyspace's rows that route into a range, as they change.
#[derive(Debug)]
pub(super) struct Watch {
    range: KeyRange,
    side: Keyspace,
    sums: BTreeMap<u64, BracketSum>,
}

impl Watch {
    pub(super) fn new(range: KeyRange, side: Keyspace) -> Watch {
        Watch { range, side, sums: BTreeMap::new() }
    }

    /// Whether a row that routes there counts.
    pub(super) fn counts(&self, side: Keyspace, route: &RoutingKey) -> bool {
        self.side == side && self.range.contains(route)
    }

    pub(super) fn side(&self) -> Keyspace {
        self.side
    }

    /// A row has changed.
    pub(super) fn change(&mut self, key: &RawKey, commit_ts: Timestamp, from: Option<&Content>, to: Option<&Content>) {
        if from == to {
            return;
        }
        let bracket = bracket_of(key);
        let sum = self.sums.entry(bracket).or_default();
        if let Some(content) = from {
            sum.subtract(&of_row(key, commit_ts, content));
        }
        if let Some(content) = to {
            sum.add(&of_row(key, commit_ts, content));
        }
        if sum.is_zero() {
            self.sums.remove(&bracket);
        }
    }

    pub(super) fn sums(&self) -> BTreeMap<u64, BracketSum> {
        self.sums.clone()
    }
}

/// The number of the bracket that a row is copied in.
pub(super) fn bracket_of(key: &RawKey) -> u64 {
    u64::from(KeyFamily::of(key).number())
}

/// The sum of one row: the hash of its key, timestamp, kind, value and expiry, each told apart by length.
pub(super) fn of_row(key: &RawKey, commit_ts: Timestamp, content: &Content) -> BracketSum {
    let (is_tombstone, value, expire_at) = match content {
        Content::Put { value, expire_at } => (0u8, value.as_slice(), *expire_at),
        Content::Tombstone => (1u8, &[][..], Timestamp::ZERO),
    };
    let mut hasher = blake3::Hasher::new();
    let mut head = [0; 33];
    head[..8].copy_from_slice(&(key.as_bytes().len() as u64).to_le_bytes());
    head[8..16].copy_from_slice(&(value.len() as u64).to_le_bytes());
    head[16..24].copy_from_slice(&commit_ts.raw().to_le_bytes());
    head[24..32].copy_from_slice(&expire_at.raw().to_le_bytes());
    head[32] = is_tombstone;
    hasher.update(&head).update(key.as_bytes()).update(value);
    BracketSum { rows: 1, sum: *hasher.finalize().as_bytes() }
}

const LIMB: usize = 8;
