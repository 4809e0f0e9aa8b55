//! Chance that can be repeated.

use std::hash::{BuildHasher, RandomState};

/// Set to a seed that a test has printed, it makes the test take the same turns again.
const SEED_VARIABLE: &str = "ACCEPTANCE_SEED";

/// `SplitMix64`.
pub struct Random(u64);

impl Random {
    /// Prints its seed, which a failing test shows.
    pub fn new() -> Self {
        let given = std::env::var_os(SEED_VARIABLE).and_then(|seed| seed.to_str()?.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("{SEED_VARIABLE}={seed}");
        Self(seed)
    }

    /// From 0, below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).expect("an index");
            items.swap(last, other);
        }
    }
}
