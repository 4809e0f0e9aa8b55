//! When a patrol does what.

use std::time::Duration;

use event::Timestamp;
use oci_registry::random_fraction;
use tokio::time::Instant;

/// What chance adds to a cycle or takes from it, as a part of it: watches must not fall into step.
const JITTER: f64 = 0.05;
/// When the tags are listed again of which a registry has told that some are gone.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Far enough to be never, near enough to be a time.
const NEVER: Duration = Duration::from_hours(24 * 365);

#[derive(Debug)]
pub(super) struct Schedule {
    /// When the tags are listed next, or the one tag is looked up.
    list_at: Instant,
    /// When the tags are listed once more, because the first time may have been too early.
    list_again_at: Option<Instant>,
    /// When every tag is looked up next.
    sweep_at: Instant,
    /// When tags may be looked up again; `None`: not before a listing has worked.
    lookups_at: Option<Instant>,
    /// When the sweep under way began.
    pub(super) sweeping_since: Option<Timestamp>,
}

impl Default for Schedule {
    fn default() -> Self {
        let now = Instant::now();
        Self { list_at: now, list_again_at: None, sweep_at: now, lookups_at: None, sweeping_since: None }
    }
}

impl Schedule {
    pub(super) fn begin(&mut self, delay: Duration) {
        self.list_at = Instant::now() + delay;
    }

    pub(super) fn is_listing_due(&self, now: Instant) -> bool {
        now >= self.list_at
    }

    pub(super) fn list_now(&mut self) {
        self.list_at = Instant::now();
    }

    /// A registry tells that something is gone, perhaps a moment before it is.
    pub(super) fn list_now_and_again(&mut self) {
        self.list_now();
        self.list_again_at = Some(self.list_at + AGAIN_AFTER);
    }

    /// The next listing comes after about `interval`.
    pub(super) fn list_after(&mut self, interval: Duration) {
        let next = Instant::now() + jittered(interval);
        self.list_at = self.list_again_at.take().map_or(next, |again| again.min(next));
    }

    /// The next sweep comes one `interval` after the last, which was at `swept_at`.
    pub(super) fn remember_sweep(&mut self, swept_at: Option<Timestamp>, now: Timestamp, interval: Duration) {
        let age = swept_at.map_or(interval, |swept_at| now.since(swept_at));
        self.sweep_at = Instant::now() + interval.saturating_sub(age);
    }

    /// Whether it is time for a sweep; then the next one comes after about `interval`.
    pub(super) fn begin_sweep(&mut self, now: Instant, interval: Duration) -> bool {
        // A sweep that takes longer than its interval goes on and is followed by the next.
        let begins = now >= self.sweep_at && self.sweeping_since.is_none() && self.may_look_up(now);
        if begins {
            self.sweep_at = now + jittered(interval);
        }
        begins
    }

    pub(super) fn may_look_up(&self, now: Instant) -> bool {
        self.lookups_at.is_some_and(|at| now >= at)
    }

    pub(super) fn resume_lookups(&mut self) {
        self.lookups_at = Some(Instant::now());
    }

    /// No lookups for `wait`; `None`: until a listing has worked.
    pub(super) fn pause_lookups(&mut self, wait: Option<Duration>) {
        self.lookups_at = wait.map(|wait| Instant::now() + wait);
    }

    /// When there is something to do, unless somebody comes first.
    pub(super) fn wakes_at(&self, has_lookups: bool) -> Instant {
        let lookups_at = self.lookups_at.unwrap_or_else(|| Instant::now() + NEVER);
        let next = if has_lookups { lookups_at } else { self.sweep_at.max(lookups_at) };
        self.list_at.min(next)
    }
}

fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * random_fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_was_made_before_a_restart_counts() {
        let hour = Duration::from_hours(1);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |swept_at: Option<&str>, expected_minutes: u64| {
            let mut schedule = Schedule::default();
            schedule.remember_sweep(swept_at.map(at), at("2018-06-30T12:00:00Z"), hour);
            let wait = schedule.sweep_at.saturating_duration_since(Instant::now());
            assert_eq!((wait.as_secs() + 30) / 60, expected_minutes, "{swept_at:?}");
        };
        check(None, 0);
        check(Some("2018-06-30T11:45:00Z"), 45);
        check(Some("2018-06-29T11:45:00Z"), 0);
    }

    #[test]
    fn a_cycle_is_jittered_by_a_little() {
        for _ in 0..100 {
            let cycle = jittered(Duration::from_secs(100));
            assert!((Duration::from_secs(95)..=Duration::from_secs(105)).contains(&cycle), "{cycle:?}");
        }
    }
}
