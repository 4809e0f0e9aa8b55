//! How an endpoint is doing: when it is paused, probed and resumed. Rules only; the table is elsewhere.

use std::time::Duration;

use event::Timestamp;

/// Failures one after the other until an endpoint is paused.
pub const FAILURES_UNTIL_PAUSED: u64 = 5;
/// When a paused endpoint is first probed; the wait then doubles.
const PROBE_DELAY: Duration = Duration::from_secs(5);
const PROBE_DELAY_MAX: Duration = Duration::from_mins(5);
/// Longest that a receiver may hold up everything by one answer.
const HOLD_MAX: Duration = Duration::from_hours(1);
/// How often it is told that deliveries to one endpoint were given up; those in between are told together.
const GIVEN_UP_CYCLE: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It takes what it is sent.
    Ok,
    /// The last attempt failed.
    Failing,
    /// It kept failing: it is only probed.
    Paused,
    /// It said that it is gone.
    Stopped,
}

impl Condition {
    pub const ALL: [Self; 4] = [Self::Ok, Self::Failing, Self::Paused, Self::Stopped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// How an endpoint is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    pub condition: Condition,
    /// What an event has told of it last.
    pub told: Condition,
    /// Since the last success.
    pub failures: u64,
    pub failing_since: Option<Timestamp>,
    /// Probes since it was paused.
    pub probes: u32,
    pub next_probe_at: Option<Timestamp>,
    /// What waited when it came back is sent in order, up to this position.
    pub drain_to: Option<i64>,
    /// Nothing is sent before, because the receiver asked for it.
    pub held_until: Option<Timestamp>,
    /// Why the last attempt failed.
    pub trouble: Option<Trouble>,
    /// Deliveries given up that no event has told of yet, and when one did.
    pub given_up: u64,
    pub given_up_told_at: Option<Timestamp>,
}

/// Why an attempt failed, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trouble {
    /// A [`cause::CauseCode`].
    pub code: String,
    pub reason: String,
    pub hint: String,
    /// Of the answer, if there was one.
    pub status: Option<u16>,
}

/// What a failed attempt says about the endpoint.
#[derive(Debug, Clone)]
pub struct Failure {
    pub trouble: Trouble,
    /// The endpoint does not take this one request, and may well take another.
    pub is_about_this_one: bool,
    /// 410.
    pub is_gone: bool,
    pub retry_after: Option<Duration>,
}

impl Default for EndpointState {
    fn default() -> Self {
        Self {
            condition: Condition::Ok,
            told: Condition::Ok,
            failures: 0,
            failing_since: None,
            probes: 0,
            next_probe_at: None,
            drain_to: None,
            held_until: None,
            trouble: None,
            given_up: 0,
            given_up_told_at: None,
        }
    }
}

impl EndpointState {
    /// An attempt was taken. `last_position`: of what waits. Returns whether this ended a pause.
    pub fn succeeded(&mut self, last_position: i64) -> bool {
        let was_held_up = self.is_held_up();
        *self = Self {
            condition: Condition::Ok,
            told: self.told,
            drain_to: if was_held_up { Some(last_position) } else { self.drain_to },
            given_up: self.given_up,
            given_up_told_at: self.given_up_told_at,
            ..Self::default()
        };
        was_held_up
    }

    /// An attempt failed. `is_probe`: it was made because the pause was over.
    pub fn failed(&mut self, failure: &Failure, is_probe: bool, now: Timestamp) {
        self.failures += 1;
        self.failing_since.get_or_insert(now);
        self.trouble = Some(failure.trouble.clone());
        if let Some(retry_after) = failure.retry_after {
            self.held_until = self.held_until.max(Some(now.plus(retry_after.min(HOLD_MAX))));
        }
        if failure.is_gone {
            self.condition = Condition::Stopped;
            self.next_probe_at = None;
            return;
        }
        match self.condition {
            Condition::Paused if is_probe => {
                self.probes += 1;
                self.next_probe_at = Some(now.plus(self.probe_delay()));
            }
            Condition::Paused | Condition::Stopped => {}
            Condition::Ok | Condition::Failing => {
                let breaks_off = self.drain_to.is_some() && !failure.is_about_this_one;
                if self.failures >= FAILURES_UNTIL_PAUSED || breaks_off {
                    self.condition = Condition::Paused;
                    self.probes = 0;
                    self.next_probe_at = Some(now.plus(self.probe_delay()));
                } else {
                    self.condition = Condition::Failing;
                }
            }
        }
    }

    /// Whether deliveries were given up of which no event has told, and none did not long ago.
    pub fn has_given_up_to_tell(&self, now: Timestamp) -> bool {
        self.given_up > 0 && self.given_up_told_at.is_none_or(|told_at| now.since(told_at) >= GIVEN_UP_CYCLE)
    }

    /// Whether nothing is sent to it but probes.
    pub fn is_held_up(&self) -> bool {
        matches!(self.condition, Condition::Paused | Condition::Stopped)
    }

    fn probe_delay(&self) -> Duration {
        let doubled = 2_u32.checked_pow(self.probes).and_then(|times| PROBE_DELAY.checked_mul(times));
        doubled.map_or(PROBE_DELAY_MAX, |delay| delay.min(PROBE_DELAY_MAX))
    }

    /// What an event has to tell, if anything. After an attempt to send an event that is itself about an endpoint only a
    /// recovery is told: so each such event goes back to one about something else, and none can lead to another for
    /// ever, whatever endpoints make of them.
    pub fn news(&self, was_about_an_endpoint: bool) -> Option<Condition> {
        let is_news = self.condition != self.told;
        (is_news && (self.condition == Condition::Ok || !was_about_an_endpoint)).then_some(self.condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Failure {
        let trouble =
            Trouble { code: "timeout".to_owned(), reason: "r".to_owned(), hint: "h".to_owned(), status: None };
        Failure { trouble, is_about_this_one: false, is_gone: false, retry_after: None }
    }

    fn now() -> Timestamp {
        "2018-06-30T00:00:00Z".parse().unwrap()
    }

    fn after(seconds: u64) -> Timestamp {
        now().plus(Duration::from_secs(seconds))
    }

    fn paused() -> EndpointState {
        let mut state = EndpointState::default();
        for _ in 0..FAILURES_UNTIL_PAUSED {
            state.failed(&failure(), false, now());
        }
        state
    }

    #[test]
    fn an_endpoint_that_keeps_failing_is_paused_and_probed_ever_later() {
        let mut state = EndpointState::default();
        state.failed(&failure(), false, now());
        assert_eq!((state.condition, state.failing_since), (Condition::Failing, Some(now())));
        let mut state = paused();
        assert_eq!((state.condition, state.next_probe_at), (Condition::Paused, Some(after(5))));
        state.failed(&failure(), false, now());
        assert_eq!(state.next_probe_at, Some(after(5)), "what was under way is no probe");
        for delay in [10, 20, 40, 80, 160, 300, 300] {
            state.failed(&failure(), true, now());
            assert_eq!(state.next_probe_at, Some(after(delay)));
        }
    }

    #[test]
    fn a_pause_ends_with_a_drain_in_order() {
        let mut state = paused();
        assert!(state.succeeded(7));
        assert_eq!((state.condition, state.drain_to, state.failures), (Condition::Ok, Some(7), 0));
        let mut refused = state.clone();
        refused.failed(&Failure { is_about_this_one: true, ..failure() }, false, now());
        assert_eq!(refused.condition, Condition::Failing, "one that it does not take holds nothing up");
        state.failed(&failure(), false, now());
        assert_eq!(state.condition, Condition::Paused, "down again in the middle");
    }

    #[test]
    fn gone_is_stopped_until_it_takes_something() {
        let mut state = EndpointState::default();
        state.failed(&Failure { is_gone: true, ..failure() }, false, now());
        assert_eq!((state.condition, state.next_probe_at), (Condition::Stopped, None));
        state.failed(&failure(), true, now());
        assert_eq!(state.condition, Condition::Stopped);
        assert!(state.succeeded(0));
    }

    #[test]
    fn a_receiver_may_hold_everything_up_but_not_for_ever() {
        let mut state = EndpointState::default();
        let asks = |seconds| Failure { retry_after: Some(Duration::from_secs(seconds)), ..failure() };
        state.failed(&asks(60), false, now());
        assert_eq!(state.held_until, Some(after(60)));
        state.failed(&asks(1_000_000), false, now());
        assert_eq!(state.held_until, Some(after(3600)));
        state.failed(&asks(1), false, now());
        assert_eq!(state.held_until, Some(after(3600)));
    }

    #[test]
    fn trouble_with_events_about_endpoints_is_not_told_by_more_of_them() {
        let mut state = paused();
        assert_eq!(state.news(false), Some(Condition::Paused));
        assert_eq!(state.news(true), None);
        state.told = Condition::Paused;
        assert_eq!(state.news(false), None);
        state.succeeded(0);
        assert_eq!(state.news(true), Some(Condition::Ok));
    }
}
