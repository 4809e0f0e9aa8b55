//! How fast an answer arrives. A peer that sends a byte now and then is never silent, and never done.

use std::time::{Duration, Instant};

/// The least rate at which the body of an answer must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateMin {
    pub bytes_per_second: u64,
    /// The rate is that of each stretch of at least this length, so that a pause is forgiven and a drip is not.
    pub stretch: Duration,
}

/// The rate of the stretch that an answer is in.
#[derive(Debug)]
pub(crate) struct Pace {
    least: RateMin,
    stretch_began: Instant,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(least: RateMin, now: Instant) -> Self {
        Self { least, stretch_began: now, bytes: 0 }
    }

    /// Counts what has arrived.
    ///
    /// # Errors
    /// The bytes per second of a stretch that was too slow.
    pub(crate) fn took(&mut self, bytes: usize, now: Instant) -> Result<(), u64> {
        self.bytes += bytes as u64;
        let elapsed = now.saturating_duration_since(self.stretch_began);
        if elapsed < self.least.stretch {
            return Ok(());
        }
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = self.bytes.saturating_mul(1000) / millis;
        if rate < self.least.bytes_per_second {
            return Err(rate);
        }
        (self.stretch_began, self.bytes) = (now, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_is_found_out_and_a_pause_is_forgiven() {
        let least = RateMin { bytes_per_second: 1000, stretch: Duration::from_secs(30) };
        let check = |arrivals: &[(u64, usize)], expected: Result<(), u64>| {
            let begin = Instant::now();
            let mut pace = Pace::new(least, begin);
            let mut results =
                arrivals.iter().map(|(second, bytes)| pace.took(*bytes, begin + Duration::from_secs(*second)));
            let result = results.find(Result::is_err).unwrap_or(Ok(()));
            assert_eq!(result, expected, "{arrivals:?}");
        };
        check(&[(1, 1), (29, 1)], Ok(()));
        check(&[(1, 1), (30, 1)], Err(0));
        check(&[(1, 15_000), (30, 0)], Err(500));
        check(&[(1, 40_000), (30, 1), (59, 1)], Ok(()));
        check(&[(1, 40_000), (30, 1), (60, 29_000)], Err(966));
    }
}
