//! How much waits for each endpoint, as dispatch needs to know it. What was dispatched is known without asking; the table
//! is counted only where that does not tell, because some of it may have been sent meanwhile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::endpoint_key::EndpointKey;

/// How many times as long as its count took an endpoint that was found full is taken to be full still. A count goes through
/// all that waits for the endpoint, and what is dispatched to the others waits for the count.
const REST: u32 = 20;

/// Backlogs by endpoint.
#[derive(Default)]
pub struct Backlogs(HashMap<EndpointKey, Backlog>);

struct Backlog {
    /// At most so many wait.
    waiting: u64,
    /// No need to count again before.
    rests_until: Instant,
}

impl Backlogs {
    /// Whether only a count can tell if `owed` more may wait where `max` may.
    pub fn needs_count(&self, endpoint: &EndpointKey, owed: u64, max: u64, now: Instant) -> bool {
        self.0.get(endpoint).is_none_or(|known| known.waiting + owed > max && now >= known.rests_until)
    }

    /// `waiting` were counted, up to `max`; that took from `begun` until `now`.
    pub fn note_count(&mut self, endpoint: &EndpointKey, waiting: u64, max: u64, begun: Instant, now: Instant) {
        let rest = if waiting < max { Duration::ZERO } else { REST * now.duration_since(begun) };
        self.0.insert(endpoint.clone(), Backlog { waiting, rests_until: now + rest });
    }

    /// How many of `owed` more may wait. They count as waiting from now on.
    pub fn admit(&mut self, endpoint: &EndpointKey, owed: u64, max: u64) -> u64 {
        let Some(known) = self.0.get_mut(endpoint) else { return 0 };
        let admitted = owed.min(max.saturating_sub(known.waiting));
        known.waiting += admitted;
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_counted_again() {
        let (endpoint, now) = (EndpointKey::new(None, "ops"), Instant::now());
        let mut backlogs = Backlogs::default();
        assert!(backlogs.needs_count(&endpoint, 1, 10, now), "nothing is known");
        backlogs.note_count(&endpoint, 4, 10, now, now);
        assert!(!backlogs.needs_count(&endpoint, 6, 10, now));
        assert_eq!(backlogs.admit(&endpoint, 6, 10), 6);
        assert!(backlogs.needs_count(&endpoint, 1, 10, now), "some of them may have been sent");
        backlogs.note_count(&endpoint, 8, 10, now, now);
        assert_eq!(backlogs.admit(&endpoint, 3, 10), 2);
    }

    #[test]
    fn a_full_one_is_not_counted_all_the_time() {
        let (endpoint, begun) = (EndpointKey::new(None, "ops"), Instant::now());
        let after = |millis| begun + Duration::from_millis(millis);
        let mut backlogs = Backlogs::default();
        backlogs.note_count(&endpoint, 10, 10, begun, after(10));
        assert_eq!(backlogs.admit(&endpoint, 1, 10), 0);
        assert!(!backlogs.needs_count(&endpoint, 1, 10, after(209)));
        assert!(backlogs.needs_count(&endpoint, 1, 10, after(210)));
    }
}
