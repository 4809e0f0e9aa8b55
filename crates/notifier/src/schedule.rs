//! When what was not taken is sent again.

use std::time::Duration;

use event::Timestamp;

/// The jitter that is added, as a part of the delay.
const JITTER_MAX: f64 = 0.25;

/// Delays that double, with jitter added, over a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How long a delivery is tried.
    pub span: Duration,
    pub first_delay: Duration,
    pub delay_max: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            span: Duration::from_hours(24),
            first_delay: Duration::from_secs(10),
            delay_max: Duration::from_hours(1),
        }
    }
}

impl Schedule {
    /// The wait after the `attempt`th attempt. `jitter`: 0 to 1, chosen by chance.
    pub fn delay(&self, attempt: u32, jitter: f64) -> Duration {
        let doubled =
            2_u32.checked_pow(attempt.saturating_sub(1)).and_then(|times| self.first_delay.checked_mul(times));
        let delay = doubled.map_or(self.delay_max, |delay| delay.min(self.delay_max));
        delay.mul_f64(1.0 + JITTER_MAX * jitter.clamp(0.0, 1.0))
    }

    /// When to send again after the `attempt`th attempt failed at `now`, not before `retry_after`; the last time is just
    /// when the delivery expires. `None`: give up.
    pub fn next(
        &self,
        attempt: u32,
        now: Timestamp,
        expires_at: Timestamp,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Timestamp> {
        let delay = self.delay(attempt, jitter).max(retry_after.unwrap_or_default());
        (now < expires_at).then(|| now.plus(delay).min(expires_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_with_jitter_added() {
        let schedule = Schedule::default();
        let check = |attempt, jitter, seconds| {
            assert_eq!(schedule.delay(attempt, jitter), Duration::from_secs_f64(seconds), "{attempt} {jitter}");
        };
        check(1, 0.0, 10.0);
        check(2, 0.0, 20.0);
        check(2, 1.0, 25.0);
        check(9, 0.0, 2560.0);
        check(10, 0.0, 3600.0);
        check(1000, 0.5, 4050.0);
    }

    #[test]
    fn the_last_attempt_is_when_the_delivery_expires() {
        let now: Timestamp = "2018-06-30T00:00:00Z".parse().unwrap();
        let at = |seconds| now.plus(Duration::from_secs(seconds));
        let check = |expires_at, retry_after: Option<u64>, expected| {
            let next = Schedule::default().next(1, now, expires_at, retry_after.map(Duration::from_secs), 0.0);
            assert_eq!(next, expected);
        };
        check(at(86_400), None, Some(at(10)));
        check(at(86_400), Some(5), Some(at(10)));
        check(at(86_400), Some(120), Some(at(120)));
        check(at(60), Some(120), Some(at(60)));
        check(now, None, None);
    }
}
