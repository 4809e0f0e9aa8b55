//! Which failures of a repository are news.
//!
//! A condition that lasts is one event and a reminder now and then, not one per cycle: a registry that is away for a
//! weekend must not bury everything else (contract section 7, #147 and #219).

use std::time::Duration;

use cause::CauseCode;
use event::Timestamp;
use outbound::later;

/// What makes two failures the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) code: CauseCode,
    pub(crate) http_status: Option<u16>,
}

/// The failures of one repository since it last worked.
#[derive(Debug)]
pub(crate) struct Recurrence {
    reminder_interval: Duration,
    failing: Option<Failing>,
    has_worked: bool,
}

/// A run of failures without a success in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failing {
    pub(crate) signature: Signature,
    pub(crate) since: Timestamp,
    pub(crate) failures: u64,
    /// `None` until the present signature has become an event.
    reported_at: Option<Timestamp>,
}

/// What a success is to someone who reads the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Success {
    First,
    Again(Failing),
    Still,
}

impl Recurrence {
    pub(crate) fn new(reminder_interval: Duration) -> Self {
        Self { reminder_interval, failing: None, has_worked: false }
    }

    /// Counts a failure. Returns the run it belongs to, and whether it must be reported.
    pub(crate) fn failed(&mut self, signature: Signature, now: Timestamp) -> (Failing, bool) {
        let new = Failing { signature, since: now, failures: 0, reported_at: None };
        let failing = self.failing.get_or_insert(new);
        if failing.signature != signature {
            *failing = Failing { signature, reported_at: None, ..*failing };
        }
        failing.failures += 1;
        let is_news = failing.reported_at.is_none_or(|at| now >= later(at, self.reminder_interval));
        (*failing, is_news)
    }

    /// Notes that the failure became an event. Without this it stays news, so what could not be emitted is reported by
    /// the next cycle.
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

#[cfg(test)]
mod tests {
    use event::{Clock, ManualClock};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn signature(code: CauseCode, http_status: Option<u16>) -> Signature {
        Signature { code, http_status }
    }

    #[test]
    fn a_lasting_failure_is_news_once_and_then_by_the_reminder() {
        let clock = ManualClock::at("2018-06-30T00:00:00Z".parse().unwrap());
        let mut recurrence = Recurrence::new(24 * HOUR);
        let refused = signature(CauseCode::Connect, None);
        let mut news = 0;
        for _ in 0..=48 {
            let (_, is_news) = recurrence.failed(refused, clock.now());
            if is_news {
                news += 1;
                recurrence.reported(clock.now());
            }
            clock.advance(HOUR);
        }
        assert_eq!(news, 3);
    }

    #[test]
    fn another_code_or_another_status_is_news() {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let mut recurrence = Recurrence::new(HOUR);
        let mut check = |signature, expected: bool| {
            let (_, is_news) = recurrence.failed(signature, now);
            recurrence.reported(now);
            assert_eq!(is_news, expected, "{signature:?}");
        };
        check(signature(CauseCode::Unavailable, Some(500)), true);
        check(signature(CauseCode::Unavailable, Some(500)), false);
        check(signature(CauseCode::Unavailable, Some(503)), true);
        check(signature(CauseCode::Connect, None), true);
        check(signature(CauseCode::Connect, None), false);
    }

    #[test]
    fn what_was_not_emitted_stays_news() {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let mut recurrence = Recurrence::new(HOUR);
        let refused = signature(CauseCode::Connect, None);
        assert!(recurrence.failed(refused, now).1);
        assert!(recurrence.failed(refused, now).1);
        recurrence.reported(now);
        let (failing, is_news) = recurrence.failed(refused, now);
        assert!(!is_news);
        assert_eq!((failing.failures, failing.since), (3, now));
    }

    #[test]
    fn after_a_success_the_next_failure_is_new() {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let mut recurrence = Recurrence::new(HOUR);
        let refused = signature(CauseCode::Connect, None);
        assert_eq!(recurrence.succeeded(), Success::First);
        assert_eq!(recurrence.succeeded(), Success::Still);
        let (_, is_news) = recurrence.failed(refused, now);
        assert!(is_news);
        recurrence.reported(now);
        assert!(matches!(recurrence.succeeded(), Success::Again(failing) if failing.failures == 1));
        assert!(recurrence.failed(refused, now).1);
    }
}
