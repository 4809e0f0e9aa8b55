//! Chance that can be repeated.

use std::time::Duration;

/// `SplitMix64`.
pub struct Random(u64);

impl Random {
    /// One stream of numbers for each purpose, so that a change to how one is used leaves the others as they were.
    pub fn of(seed: u64, purpose: &str) -> Self {
        // FNV-1a, which is stable across releases of Rust, unlike the standard library's hash.
        let hash = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut random = Self(seed ^ hash);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0, below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn one_in(&mut self, turns: u64) -> bool {
        self.below(turns) == 0
    }

    pub fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let span = longest.saturating_sub(shortest).as_millis();
        shortest + Duration::from_millis(self.below(u64::try_from(span).unwrap_or(u64::MAX - 1) + 1))
    }

    /// # Panics
    /// When there is nothing to pick from.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_give_the_same_numbers_again() {
        let numbers = |seed, purpose| {
            let mut random = Random::of(seed, purpose);
            [random.below(1000), random.below(1000), random.below(1000)]
        };
        assert_eq!(numbers(1, "faults"), numbers(1, "faults"));
        assert_ne!(numbers(1, "faults"), numbers(2, "faults"));
        assert_ne!(numbers(1, "faults"), numbers(1, "sources"));
    }
}
