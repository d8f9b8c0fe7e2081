//! Which states are known: open addressing on the hash, exact comparison on the state.

/// A part of the visited set, chosen by the low bits of the hash, so that different threads can own different parts.
///
/// A slot holds the high half of the hash and the id of the state. The high half also says where the slot should be, so
/// that growing never looks at a state, and keeps the order of the slots, so that it walks memory once from front to
/// back.
pub(super) struct Shard {
    slots: Vec<u64>,
    len: usize,
}

/// What became of a state that was entered.
pub(super) enum Entered {
    /// It was there, under this id.
    Known(u32),
    /// It was not, and is there from here on, in this slot.
    Fresh(u32),
}

impl Shard {
    pub(super) fn new() -> Self {
        Shard { slots: Vec::new(), len: 0 }
    }

    /// Makes room for `additional` states, so that [`enter`](Self::enter) moves no slot.
    pub(super) fn reserve(&mut self, additional: usize) {
        let needed = (self.len + additional) * FULL_DENOMINATOR / FULL_NUMERATOR + 1;
        if needed > self.slots.len() {
            let capacity = needed.max(self.slots.len() * GROWTH_PERCENT / 100);
            let slots = std::mem::replace(&mut self.slots, vec![EMPTY; capacity]);
            for slot in slots.into_iter().filter(|slot| *slot != EMPTY) {
                let mut place = self.home(slot);
                while self.slots[place] != EMPTY {
                    place = self.after(place);
                }
                self.slots[place] = slot;
            }
        }
    }

    /// The id in the first slot that `hash` leads to, if the hash may be that state's.
    ///
    /// Brings the slot into the cache: called for a handful of states before any of them is entered.
    #[inline]
    pub(super) fn peek(&self, hash: u64) -> Option<u32> {
        let slot = self.slots[self.home(hash)];
        (slot != EMPTY && tag(slot) == tag(hash)).then(|| id(slot))
    }

    /// The id of the state with this hash, `is_it` comparing it to the state with some id. Room must have been made before.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut place = self.home(hash);
        loop {
            let slot = self.slots[place];
            if slot != EMPTY && tag(slot) == tag(hash) && is_it(id(slot)) {
                return Some(id(slot));
            }
            if slot == EMPTY {
                return None;
            }
            place = self.after(place);
        }
    }

    /// Looks up the state with this hash, `is_it` comparing it to the state with some id, and enters it under `fresh`
    /// if it is new.
    #[inline]
    pub(super) fn enter(&mut self, hash: u64, fresh: u32, is_it: impl Fn(u32) -> bool) -> Entered {
        let mut place = self.home(hash);
        loop {
            let slot = self.slots[place];
            if slot == EMPTY {
                self.slots[place] = pack(hash, fresh);
                self.len += 1;
                return Entered::Fresh(place as u32);
            }
            if tag(slot) == tag(hash) && is_it(id(slot)) {
                return Entered::Known(id(slot));
            }
            place = self.after(place);
        }
    }

    /// Gives the state in `place` its final id.
    #[inline]
    pub(super) fn rename(&mut self, place: u32, id: u32) {
        let slot = &mut self.slots[place as usize];
        *slot = pack(*slot, id);
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 == self.slots.len() { 0 } else { place + 1 }
    }
}

/// The shard that a hash belongs to.
#[inline]
pub(super) fn shard_of(hash: u64) -> usize {
    hash as usize % SHARDS
}

#[inline]
fn pack(hash: u64, id: u32) -> u64 {
    hash >> 32 << 32 | u64::from(id + 1)
}

#[inline]
fn tag(slot: u64) -> u64 {
    slot >> 32
}

#[inline]
fn id(slot: u64) -> u32 {
    slot as u32 - 1
}

/// How many shards there are: many, so that growing one at a time needs little memory on top.
pub(super) const SHARDS: usize = 16;

/// The largest id that a slot can hold.
pub(super) const LAST_ID: u32 = u32::MAX - 1;

const EMPTY: u64 = 0;

/// A shard is at most seven tenths full: an absent state then takes six adjacent slots to rule out.
const FULL_NUMERATOR: usize = 7;
const FULL_DENOMINATOR: usize = 10;

const GROWTH_PERCENT: usize = 140;

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(shard: &mut Shard, hash: u64, fresh: u32) -> Option<u32> {
        match shard.enter(hash, fresh, |id| id == fresh) {
            Entered::Known(id) => Some(id),
            Entered::Fresh(_) => None,
        }
    }

    /// Hashes spread evenly, as tags that ascend with the number.
    fn spread(number: u32) -> u64 {
        u64::from(number) << 50
    }

    #[test]
    fn what_was_entered_is_found_after_growing() {
        let mut shard = Shard::new();
        for number in 0..10_000 {
            shard.reserve(1);
            assert_eq!(enter(&mut shard, spread(number), number), None);
        }
        for number in 0..10_000 {
            assert_eq!(enter(&mut shard, spread(number), number), Some(number));
        }
        assert_eq!(shard.len, 10_000);
    }

    #[test]
    fn equal_hashes_get_slots_of_their_own() {
        let mut shard = Shard::new();
        shard.reserve(1_000);
        let last = u64::MAX;
        assert!((0..1_000).all(|number| enter(&mut shard, last, number).is_none()));
        assert!((0..1_000).all(|number| enter(&mut shard, last, number) == Some(number)));
        assert_eq!(shard.peek(last), Some(0));
    }

    #[test]
    fn a_slot_can_be_renamed_until_the_shard_grows() {
        let mut shard = Shard::new();
        shard.reserve(2);
        let Entered::Fresh(place) = shard.enter(spread(3), 70, |_| false) else { panic!("the shard was empty") };
        shard.rename(place, 7);
        shard.reserve(1_000);
        assert_eq!(enter(&mut shard, spread(3), 7), Some(7));
        assert_eq!(shard.peek(spread(3)), Some(7));
    }

    #[test]
    fn a_shard_is_never_fuller_than_it_may_be() {
        let mut shard = Shard::new();
        for number in 0..1_000 {
            shard.reserve(1);
            enter(&mut shard, spread(number), number);
            assert!(shard.len * FULL_DENOMINATOR <= shard.slots.len() * FULL_NUMERATOR);
        }
    }

    #[test]
    fn the_last_id_fits_beside_the_mark_of_an_empty_slot() {
        let slot = pack(0, LAST_ID);
        assert_ne!(slot, EMPTY);
        assert_eq!(id(slot), LAST_ID);
    }
}
