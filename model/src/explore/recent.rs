//! What a thread has found out lately.

use super::memo::hash;

/// Values of the keys that were asked for lately, each in the one place that its key leads to; an older one makes way.
///
/// For what is worth asking again but not worth keeping: it never grows, and stays in the second-level cache.
pub struct Recent<const WORDS: usize, V> {
    places: Vec<Option<([u64; WORDS], V)>>,
}

impl<const WORDS: usize, V: Copy> Recent<WORDS, V> {
    /// The value under this key, computed unless it was asked for lately.
    #[inline]
    pub fn get_or(&mut self, key: [u64; WORDS], compute: impl FnOnce() -> V) -> V {
        let place = (hash(key) >> (u64::BITS - PLACE_BITS)) as usize;
        match self.places[place] {
            Some((other, value)) if other == key => value,
            Some(_) | None => {
                let value = compute();
                self.places[place] = Some((key, value));
                value
            }
        }
    }
}

impl<const WORDS: usize, V: Copy> Default for Recent<WORDS, V> {
    fn default() -> Self {
        Recent { places: vec![None; 1 << PLACE_BITS] }
    }
}

const PLACE_BITS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_asked_again_is_not_computed_again() {
        let mut recent = Recent::<2, u64>::default();
        assert_eq!(recent.get_or([1, 2], || 3), 3);
        assert_eq!(recent.get_or([1, 2], || panic!("it is known")), 3);
    }

    #[test]
    fn whoever_makes_way_is_computed_again_and_nobody_is_taken_for_another() {
        let mut recent = Recent::<2, u64>::default();
        let keys = || (0..1 << (PLACE_BITS + 1)).map(|number| [number, number / 3]);
        for _ in 0..2 {
            assert!(keys().all(|key| recent.get_or(key, || key[0] * 7) == key[0] * 7));
        }
        let mut computed = 0;
        keys().for_each(|key| {
            recent.get_or(key, || {
                computed += 1;
                key[0] * 7
            });
        });
        assert!(computed >= 1 << PLACE_BITS, "twice as many keys as places");
    }
}
