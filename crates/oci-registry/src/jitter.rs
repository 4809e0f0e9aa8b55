//! Chance, as much as a delay needs.

use std::hash::{BuildHasher, RandomState};

/// From 0 to 1. Every hasher of the standard library begins with a random key, which is chance enough for a delay.
pub fn random_fraction() -> f64 {
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).expect("half of a 64-bit number");
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_fraction_is_within_its_bounds_and_varies() {
        let fractions: Vec<f64> = (0..100).map(|_| random_fraction()).collect();
        assert!(fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction)), "{fractions:?}");
        assert!(fractions.iter().any(|fraction| *fraction < 0.5) && fractions.iter().any(|fraction| *fraction > 0.5));
    }
}
