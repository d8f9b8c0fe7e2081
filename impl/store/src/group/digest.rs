//! What a range holds, as sums that don't depend on the order of its rows.

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

const LIMB: usize = 8;
