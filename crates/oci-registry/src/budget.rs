//! How many requests a registry gets: never more than so many in any minute, whatever the answers are.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event::{Clock, Timestamp};

/// Requests to one registry in any minute, unless configured: two a second list a hundred repositories every minute,
/// and are well below what registries call abuse.
pub const REQUESTS_PER_MINUTE: NonZeroU16 = NonZeroU16::new(120).expect("more than none");
/// The largest budget.
pub const REQUESTS_PER_MINUTE_MAX: u16 = 6000;

const MINUTE: Duration = Duration::from_mins(1);
/// How often a request that waits looks at the clock, which may be set.
const LOOK: Duration = Duration::from_millis(50);

/// The requests of the last minute.
pub(crate) struct Budget {
    per_minute: NonZeroU16,
    /// When each was sent, the oldest first.
    sent: Mutex<VecDeque<Timestamp>>,
    /// Held by the one that waits next; the others queue here in their order.
    queue: tokio::sync::Mutex<()>,
}

impl Budget {
    pub(crate) fn new(per_minute: NonZeroU16) -> Self {
        Self { per_minute, sent: Mutex::default(), queue: tokio::sync::Mutex::default() }
    }

    /// Waits until a request may be sent, and counts it.
    pub(crate) async fn spend(&self, clock: &dyn Clock) {
        let _first = self.queue.lock().await;
        while let Err(free_at) = self.try_spend(clock.now()) {
            wait_until(free_at, clock).await;
        }
    }

    /// Waits until a request may be sent. Another may be sent first.
    pub(crate) async fn room(&self, clock: &dyn Clock) {
        while let Some(free_at) = self.full_until(clock.now()) {
            wait_until(free_at, clock).await;
        }
    }

    fn full_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        // A time to come is left from before the clock was set back.
        sent.retain(|at| *at <= now && at.plus(MINUTE) > now);
        let is_full = sent.len() >= usize::from(self.per_minute.get());
        sent.front().filter(|_| is_full).map(|oldest| oldest.plus(MINUTE))
    }

    /// Counts a request, or says when there is room for one.
    fn try_spend(&self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(free_at) = self.full_until(now) {
            return Err(free_at);
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push_back(now);
        Ok(())
    }
}

/// Until `until`, or until it is time to look at the clock again.
async fn wait_until(until: Timestamp, clock: &dyn Clock) {
    tokio::time::sleep(until.since(clock.now()).min(LOOK)).await;
}

#[cfg(test)]
mod tests {
    use event::ManualClock;

    use super::*;

    #[test]
    fn no_minute_has_more_requests_than_the_budget() {
        let clock = ManualClock::at("2018-06-30T00:00:00Z".parse().unwrap());
        let budget = Budget::new(NonZeroU16::new(10).unwrap());
        let mut spent = Vec::new();
        for _ in 0..1200 {
            for _ in 0..7 {
                if budget.try_spend(clock.now()).is_ok() {
                    spent.push(clock.now());
                }
            }
            clock.advance(Duration::from_millis(500));
        }
        assert_eq!(spent.len(), 100, "ten minutes, each used up");
        for (index, at) in spent.iter().enumerate() {
            let within = spent[index..].iter().filter(|other| **other < at.plus(MINUTE));
            assert!(within.count() <= 10);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nobody() {
        let clock = ManualClock::at("2018-06-30T12:00:00Z".parse().unwrap());
        let budget = Budget::new(NonZeroU16::MIN);
        assert_eq!(budget.try_spend(clock.now()), Ok(()));
        assert_eq!(budget.try_spend(clock.now()), Err("2018-06-30T12:01:00Z".parse().unwrap()));
        clock.set("2018-06-30T11:00:00Z".parse().unwrap());
        assert_eq!(budget.try_spend(clock.now()), Ok(()));
    }
}
