//! Which failures of a group are news.
//!
//! A condition that lasts is one event and a reminder now and then, not one per cycle (contract section 7, #147 and
//! #219). The cycles themselves are told as ever, with what they could not do. It is kept with the group, so that a
//! restart is no news either.

use std::time::Duration;

use cause::CauseCode;
use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::refusal::SyncFailure;

/// The first pause after a failure that may pass; each further one is twice as long, up to the usual cycle.
const RETRY_FIRST: Duration = Duration::from_mins(5);
/// More doublings than lead to the longest cycle.
const DOUBLINGS_MAX: u64 = 16;

/// A run of failures without a success in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failing {
    pub(crate) code: String,
    http_status: Option<u16>,
    pub(crate) summary: String,
    pub(crate) hint: String,
    since: i64,
    pub(crate) failures: u64,
    reported_at: Option<i64>,
}

impl Failing {
    /// The run that `failure` begins, or goes on with.
    pub(crate) fn after(before: Option<&Self>, failure: &SyncFailure, now: Timestamp) -> Self {
        let code = failure.cause.code().as_str();
        let is_same = |before: &&Self| (before.code.as_str(), before.http_status) == (code, failure.http_status);
        Self {
            code: code.to_owned(),
            http_status: failure.http_status,
            summary: failure.cause.summary(),
            hint: failure.cause.hint(),
            since: before.map_or(now.as_micros(), |before| before.since),
            failures: before.map_or(0, |before| before.failures) + 1,
            // Another reason is news.
            reported_at: before.filter(is_same).and_then(|before| before.reported_at),
        }
    }

    /// Whether it has to be told, for the first time or again.
    pub(crate) fn is_news(&self, reminder_interval: Duration, now: Timestamp) -> bool {
        let reported_at = self.reported_at.and_then(Timestamp::from_micros);
        reported_at.is_none_or(|at| now >= at.plus(reminder_interval))
    }

    pub(crate) fn reported(&mut self, now: Timestamp) {
        self.reported_at = Some(now.as_micros());
    }

    /// The first failure.
    pub(crate) fn since(&self) -> Timestamp {
        Timestamp::from_micros(self.since).unwrap_or(Timestamp::MIN)
    }

    /// The cause's code; a code of another release is the one that says least.
    pub(crate) fn cause_code(&self) -> CauseCode {
        let known = CauseCode::ALL.into_iter().find(|code| code.as_str() == self.code);
        known.unwrap_or(CauseCode::Unavailable)
    }

    /// When to try again, if the usual time is in `interval`.
    pub(crate) fn next_at(&self, failure: &SyncFailure, interval: Duration, now: Timestamp) -> Timestamp {
        let doublings = u32::try_from((self.failures - 1).min(DOUBLINGS_MAX)).unwrap_or_default();
        let pause = if failure.cause.retryable() { RETRY_FIRST * 2_u32.pow(doublings) } else { interval };
        now.plus(pause.min(interval)).max(failure.retry_at.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use cause::Cause;
    use event::{Clock, ManualClock};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn failure(code: CauseCode, http_status: Option<u16>) -> SyncFailure {
        SyncFailure { http_status, ..Cause::new(code, "s", "h").into() }
    }

    #[test]
    fn a_lasting_failure_is_news_once_and_then_by_the_reminder() {
        let clock = ManualClock::at("2018-06-30T00:00:00Z".parse().unwrap());
        let mut failing: Option<Failing> = None;
        let mut news = 0;
        for _ in 0..=48 {
            let mut next = Failing::after(failing.as_ref(), &failure(CauseCode::Connect, None), clock.now());
            if next.is_news(24 * HOUR, clock.now()) {
                news += 1;
                next.reported(clock.now());
            }
            failing = Some(next);
            clock.advance(HOUR);
        }
        let failing = failing.unwrap();
        assert_eq!((news, failing.failures, failing.since().to_string()), (3, 49, "2018-06-30T00:00:00Z".to_owned()));
    }

    #[test]
    fn another_code_or_another_status_is_news() {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let mut failing: Option<Failing> = None;
        let mut check = |code, http_status, expected: bool| {
            let mut next = Failing::after(failing.as_ref(), &failure(code, http_status), now);
            assert_eq!(next.is_news(HOUR, now), expected, "{code} {http_status:?}");
            next.reported(now);
            failing = Some(next);
        };
        check(CauseCode::Unavailable, Some(500), true);
        check(CauseCode::Unavailable, Some(500), false);
        check(CauseCode::Unavailable, Some(503), true);
        check(CauseCode::Connect, None, true);
        check(CauseCode::Connect, None, false);
    }

    #[test]
    fn what_may_pass_is_tried_again_soon_and_then_less_and_less_often() {
        let now: Timestamp = "2018-06-30T00:00:00Z".parse().unwrap();
        let check = |failure: &SyncFailure, failures: u64, interval: Duration, expected: &str| {
            let failing = Failing { failures, ..Failing::after(None, failure, now) };
            assert_eq!(failing.next_at(failure, interval, now).to_string(), expected, "{failures}");
        };
        let connect = failure(CauseCode::Connect, None);
        check(&connect, 1, 6 * HOUR, "2018-06-30T00:05:00Z");
        check(&connect, 4, 6 * HOUR, "2018-06-30T00:40:00Z");
        check(&connect, 100, 6 * HOUR, "2018-06-30T06:00:00Z");
        check(&connect, 1, HOUR / 60, "2018-06-30T00:01:00Z");
        check(&failure(CauseCode::Auth, Some(401)), 1, 6 * HOUR, "2018-06-30T06:00:00Z");
        let held = SyncFailure { retry_at: Some(now.plus(9 * HOUR)), ..failure(CauseCode::RateLimited, Some(429)) };
        check(&held, 1, 6 * HOUR, "2018-06-30T09:00:00Z");
    }
}
