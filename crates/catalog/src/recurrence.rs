//! Which failures are news.
//!
//! A condition that lasts is one event and a reminder now and then, not one per cycle: a registry that is away for a
//! weekend must not bury everything else (contract section 7, #147 and #219). What was reported is kept in the database,
//! so that a restart repeats nothing.

use std::time::Duration;

use cause::{Cause, CauseCode};
use event::Timestamp;

/// What makes two failures the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) code: CauseCode,
    pub(crate) http_status: Option<u16>,
}

/// A run of failures without a success in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failing {
    pub(crate) signature: Signature,
    /// Of the last one.
    pub(crate) summary: String,
    /// Of the last one.
    pub(crate) hint: String,
    pub(crate) since: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) failures: u64,
    /// `None` until the present signature has become an event.
    pub(crate) reported_at: Option<Timestamp>,
}

/// What fails in one respect, since it last worked.
#[derive(Debug, Default)]
pub(crate) struct Recurrence {
    failing: Option<Failing>,
    has_worked: bool,
}

/// What a success is to someone who reads the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Success {
    First,
    Again(Failing),
    Still,
}

impl Recurrence {
    /// From what was kept.
    pub(crate) fn remembered(failing: Failing) -> Self {
        Self { failing: Some(failing), has_worked: false }
    }

    pub(crate) fn failing(&self) -> Option<&Failing> {
        self.failing.as_ref()
    }

    /// Counts a failure. Returns the run it belongs to.
    pub(crate) fn failed(&mut self, cause: &Cause, http_status: Option<u16>, now: Timestamp) -> &Failing {
        let signature = Signature { code: cause.code(), http_status };
        let before = self.failing.take();
        let (since, failures) = before.as_ref().map_or((now, 0), |before| (before.since, before.failures));
        let reported_at = before.filter(|before| before.signature == signature).and_then(|before| before.reported_at);
        self.failing.insert(Failing {
            signature,
            summary: cause.summary(),
            hint: cause.hint(),
            since,
            last_at: now,
            failures: failures + 1,
            reported_at,
        })
    }

    /// Notes that the failure became an event. Without this it stays news, so what could not be told is told by the next
    /// cycle.
    pub(crate) fn reported(&mut self, now: Timestamp) {
        if let Some(failing) = &mut self.failing {
            failing.reported_at = Some(now);
        }
    }

    pub(crate) fn succeeded(&mut self) -> Success {
        let had_worked = std::mem::replace(&mut self.has_worked, true);
        match self.failing.take() {
            Some(failing) => Success::Again(failing),
            None if had_worked => Success::Still,
            None => Success::First,
        }
    }
}

impl Failing {
    /// Whether it must be reported: never yet, or not for a whole `reminder_interval`.
    pub(crate) fn is_news(&self, reminder_interval: Duration) -> bool {
        self.reported_at.is_none_or(|at| self.last_at >= at.plus(reminder_interval))
    }
}

#[cfg(test)]
mod tests {
    use event::{Clock, ManualClock};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// Fails once, and reports it where it is news. Returns whether it was.
    fn fail(recurrence: &mut Recurrence, code: CauseCode, http_status: Option<u16>, clock: &dyn Clock) -> bool {
        let cause = Cause::new(code, "s", "h");
        let is_news = recurrence.failed(&cause, http_status, clock.now()).is_news(24 * HOUR);
        if is_news {
            recurrence.reported(clock.now());
        }
        is_news
    }

    fn clock() -> ManualClock {
        ManualClock::at("2018-06-30T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_lasting_failure_is_news_once_and_then_by_the_reminder() {
        let clock = clock();
        let mut recurrence = Recurrence::default();
        let mut news = 0;
        for _ in 0..=48 {
            news += u32::from(fail(&mut recurrence, CauseCode::Connect, None, &clock));
            clock.advance(HOUR);
        }
        assert_eq!(news, 3);
    }

    #[test]
    fn another_code_or_another_status_is_news() {
        let clock = clock();
        let mut recurrence = Recurrence::default();
        let mut check = |code, http_status, expected: bool| {
            assert_eq!(fail(&mut recurrence, code, http_status, &clock), expected, "{code} {http_status:?}");
        };
        check(CauseCode::Unavailable, Some(500), true);
        check(CauseCode::Unavailable, Some(500), false);
        check(CauseCode::Unavailable, Some(503), true);
        check(CauseCode::Connect, None, true);
        check(CauseCode::Connect, None, false);
    }

    #[test]
    fn what_was_not_told_stays_news() {
        let now = clock().now();
        let mut recurrence = Recurrence::default();
        let cause = Cause::new(CauseCode::Connect, "s", "h");
        assert!(recurrence.failed(&cause, None, now).is_news(HOUR));
        assert!(recurrence.failed(&cause, None, now).is_news(HOUR));
        recurrence.reported(now);
        let failing = recurrence.failed(&cause, None, now);
        assert!(!failing.is_news(HOUR));
        assert_eq!((failing.failures, failing.since), (3, now));
    }

    #[test]
    fn what_was_kept_is_no_news_after_a_restart() {
        let clock = clock();
        let mut before = Recurrence::default();
        assert!(fail(&mut before, CauseCode::Connect, None, &clock));
        let mut after = Recurrence::remembered(before.failing().unwrap().clone());
        assert!(!fail(&mut after, CauseCode::Connect, None, &clock));
        assert_eq!(after.failing().unwrap().failures, 2);
    }

    #[test]
    fn after_a_success_the_next_failure_is_new() {
        let clock = clock();
        let mut recurrence = Recurrence::default();
        assert_eq!(recurrence.succeeded(), Success::First);
        assert_eq!(recurrence.succeeded(), Success::Still);
        assert!(fail(&mut recurrence, CauseCode::Connect, None, &clock));
        assert!(matches!(recurrence.succeeded(), Success::Again(failing) if failing.failures == 1));
        assert!(fail(&mut recurrence, CauseCode::Connect, None, &clock));
    }
}
