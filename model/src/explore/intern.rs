//! Hash-consing: equal values share one id.

use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A table of distinct values, growing only. Ids are dense and start from zero.
///
/// Any thread may intern and look up at any time. Looking up an id takes no lock. Which of two new values gets the
/// smaller id depends on which thread comes first: ids name values, they do not order them.
pub struct Interner<T> {
    shards: Vec<Mutex<FxHashMap<Arc<T>, u32>>>,
    /// Bucket `b` has room for `FIRST << b` values, so that no value ever moves.
    buckets: [Bucket<T>; BUCKETS],
    next: AtomicU32,
}

/// Places for values, each filled once; made when the first of them is needed.
type Bucket<T> = OnceLock<Box<[OnceLock<Arc<T>>]>>;

impl<T: Eq + Hash> Interner<T> {
    /// An empty table.
    pub fn new() -> Self {
        Interner {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            buckets: [const { OnceLock::new() }; BUCKETS],
            next: AtomicU32::new(0),
        }
    }

    /// The id of `value`, a new one if no equal value has been interned.
    pub fn intern(&self, value: T) -> u32 {
        // A panic while a shard is locked can only come from `T`'s own `eq` or `hash`, before the map changes.
        let shard = &self.shards[self.shard_of(&value)];
        let mut ids = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = ids.get(&value) {
            return *id;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(id < CAPACITY, "more than {CAPACITY} distinct values");
        let value = Arc::new(value);
        // Readable before anybody can learn the id from the map.
        let fresh = self.place(id).set(Arc::clone(&value)).is_ok();
        assert!(fresh, "id {id} was given twice");
        ids.insert(value, id);
        id
    }

    /// The id of a value that was interned before, if it was.
    pub fn find(&self, value: &T) -> Option<u32> {
        let shard = &self.shards[self.shard_of(value)];
        shard.lock().unwrap_or_else(PoisonError::into_inner).get(value).copied()
    }

    /// The value with this id.
    ///
    /// # Panics
    ///
    /// If [`intern`](Self::intern) has not returned this id.
    pub fn get(&self, id: u32) -> &Arc<T> {
        let (bucket, offset) = position(id);
        let value = self.buckets[bucket].get().and_then(|values| values[offset].get());
        value.unwrap_or_else(|| panic!("id {id} of {} was never given", self.len()))
    }

    /// How many distinct values there are. While other threads intern, some may not be readable yet.
    pub fn len(&self) -> usize {
        self.next.load(Ordering::Relaxed) as usize
    }

    /// Whether nothing has been interned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&self, id: u32) -> &OnceLock<Arc<T>> {
        let (bucket, offset) = position(id);
        &self.buckets[bucket].get_or_init(|| (0..FIRST << bucket).map(|_| OnceLock::new()).collect())[offset]
    }

    /// The high bits choose the shard: the map inside uses the others.
    fn shard_of(&self, value: &T) -> usize {
        (FxBuildHasher.hash_one(value) >> SHARD_SHIFT) as usize % SHARDS
    }
}

impl<T: Eq + Hash> Default for Interner<T> {
    fn default() -> Self {
        Interner::new()
    }
}

/// Bucket and offset of an id: bucket `b` starts at id `FIRST * (2^b - 1)`.
fn position(id: u32) -> (usize, usize) {
    let shifted = id as usize / FIRST + 1;
    let bucket = shifted.ilog2() as usize;
    (bucket, id as usize + FIRST - (FIRST << bucket))
}

const SHARDS: usize = 32;

/// The hash map takes its control bits from the top seven, and its place from the bottom.
const SHARD_SHIFT: u32 = 40;

/// Values in the first bucket.
const FIRST: usize = 1 << 10;

const BUCKETS: usize = 20;

/// Ids that fit into the buckets: a thousand million.
const CAPACITY: u32 = (FIRST * ((1 << BUCKETS) - 1)) as u32;

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn equal_values_share_an_id_and_different_ones_do_not() {
        let words = Interner::new();
        let ids: Vec<u32> = ["route", "fence", "route", "drain", "fence"].map(|word| words.intern(word)).to_vec();
        assert_eq!(ids, [0, 1, 0, 2, 1]);
        assert_eq!(words.len(), 3);
        assert_eq!(**words.get(2), "drain");
        assert_eq!((words.find(&"fence"), words.find(&"promote")), (Some(1), None));
    }

    #[test]
    fn ids_stay_dense_over_many_buckets() {
        let numbers = Interner::new();
        for number in 0..10_000u64 {
            assert_eq!(numbers.intern(number * 7), number as u32);
        }
        assert!((0..10_000).all(|id| **numbers.get(id) == u64::from(id) * 7));
    }

    #[test]
    fn every_id_falls_into_one_place() {
        let mut expected = (0, 0);
        for id in 0..100_000 {
            assert_eq!(position(id), expected);
            let (bucket, offset) = expected;
            expected = if offset + 1 == FIRST << bucket { (bucket + 1, 0) } else { (bucket, offset + 1) };
        }
        assert_eq!(position(CAPACITY - 1).0, BUCKETS - 1);
        assert_eq!(position(CAPACITY - 1).1, (FIRST << (BUCKETS - 1)) - 1);
    }

    #[test]
    fn racing_threads_agree_on_the_ids() {
        let numbers = Interner::new();
        let agreed: Vec<Vec<u32>> = thread::scope(|scope| {
            let race = |_| scope.spawn(|| (0..20_000u32).map(|number| numbers.intern(number / 2)).collect());
            let threads: Vec<_> = (0..4).map(race).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(agreed.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(numbers.len(), 10_000);
        assert!((0..20_000u32).all(|number| **numbers.get(agreed[0][number as usize]) == number / 2));
    }

    #[test]
    #[should_panic(expected = "was never given")]
    fn an_unknown_id_is_refused() {
        Interner::<u8>::new().get(0);
    }
}
