//! How long a registry is left alone because it said so, or because it refuses for want of rest.

use std::time::Duration;

use event::Timestamp;
use http::HeaderMap;

use crate::jitter::random_fraction;
use outbound::RETRY_AFTER_MAX;

/// A registry that wants fewer requests, and names no time, is left alone for this long; each further time for twice as
/// long.
const REST: Duration = Duration::from_mins(1);
const REST_MAX: Duration = Duration::from_hours(1);
/// What chance adds to a rest, as a part of it: several processes must not come back together.
const JITTER: f64 = 0.2;
/// Seconds beyond this are no span but a time, since 1970 (GitLab's `RateLimit-Reset`).
const EPOCH_LEAST: u64 = 1_000_000_000;

/// What one registry has said about being asked.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    held_until: Option<Timestamp>,
    /// Times in a row that it wanted fewer requests.
    refusals: u32,
}

impl Patience {
    /// Until when nothing may be asked, if that is later than `now`.
    pub(crate) fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held_until.filter(|until| *until > now)
    }

    /// Nothing may be asked before `until`.
    pub(crate) fn hold(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// The registry wants fewer requests, and perhaps names a time.
    pub(crate) fn refused(&mut self, retry_at: Option<Timestamp>, now: Timestamp) {
        let rest = REST.saturating_mul(1 << self.refusals.min(8)).min(REST_MAX);
        let rest = rest.mul_f64(1.0 + JITTER * random_fraction());
        self.hold(retry_at.unwrap_or_else(|| now.plus(rest)));
        self.refusals = self.refusals.saturating_add(1);
    }

    /// The registry answered as it should. `headers` may say that this was the last time for now.
    pub(crate) fn answered(&mut self, headers: &HeaderMap, now: Timestamp) {
        self.refusals = 0;
        if let Some(until) = exhausted_until(headers, now) {
            self.hold(until);
        }
    }
}

/// When a registry whose headers say that no request is left takes the next one: `RateLimit-Remaining` with
/// `RateLimit-Reset` (the IETF's draft, to its sixth edition), `X-RateLimit-...`, `RateLimit: "a";r=0;t=30` (later
/// editions), or Docker Hub's `ratelimit-remaining: 0;w=21600`.
fn exhausted_until(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let first = |names: [&str; 2]| names.into_iter().find_map(text);
    if let Some(combined) = text("ratelimit") {
        let (remaining, reset) = (parameter(combined, "r")?, parameter(combined, "t")?);
        return (remaining == 0).then(|| reset_at(reset, now));
    }
    let remaining = first(["ratelimit-remaining", "x-ratelimit-remaining"])?;
    if number(remaining)? > 0 {
        return None;
    }
    if let Some(reset) = first(["ratelimit-reset", "x-ratelimit-reset"]).and_then(number) {
        return Some(reset_at(reset, now));
    }
    // Without a time: that in which one request comes back, on average.
    let limit = first(["ratelimit-limit", "x-ratelimit-limit"]).and_then(number).filter(|limit| *limit > 0)?;
    let window = parameter(remaining, "w")?;
    Some(reset_at(window.div_ceil(limit), now))
}

fn reset_at(seconds: u64, now: Timestamp) -> Timestamp {
    let latest = now.plus(RETRY_AFTER_MAX);
    if seconds < EPOCH_LEAST {
        return now.plus(Duration::from_secs(seconds)).min(latest);
    }
    let micros = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    micros.and_then(Timestamp::from_micros).map_or(latest, |at| at.clamp(now, latest))
}

/// The number that a value begins with.
fn number(value: &str) -> Option<u64> {
    let value = value.trim();
    let end = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    value[..end].parse().ok()
}

/// `;name=7` in a value.
fn parameter(value: &str, name: &str) -> Option<u64> {
    let mut parameters = value.split([';', ',']).filter_map(|part| part.split_once('='));
    parameters.find(|(known, _)| known.trim() == name).and_then(|(_, value)| number(value))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn now() -> Timestamp {
        "2018-06-30T00:00:00Z".parse().unwrap()
    }

    fn check(headers: &[(&'static str, &str)], expected: Option<&str>) {
        let map = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        let until = exhausted_until(&map, now()).map(|until| until.to_string());
        assert_eq!(until.as_deref(), expected, "{headers:?}");
    }

    #[test]
    fn a_registry_that_counts_down_is_left_alone_at_none() {
        check(&[("ratelimit-remaining", "1"), ("ratelimit-reset", "30")], None);
        check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")], Some("2018-06-30T00:00:30Z"));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1530316860")], Some("2018-06-30T00:01:00Z"));
        check(&[("ratelimit", r#""default";r=0;t=5"#)], Some("2018-06-30T00:00:05Z"));
        check(&[("ratelimit", r#""default";r=7;t=5"#)], None);
        check(
            &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "0;w=21600")],
            Some("2018-06-30T00:03:36Z"),
        );
        check(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")], None);
        check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "99999999")], Some("2018-07-01T00:00:00Z"));
        check(&[("ratelimit-remaining", "0")], None);
        check(&[("ratelimit-remaining", "none")], None);
        check(&[], None);
    }

    #[test]
    fn a_rest_without_a_time_grows_and_ends_with_an_answer() {
        let mut patience = Patience::default();
        let mut rest = || {
            patience.held_until = None;
            patience.refused(None, now());
            let until = patience.held_until(now()).unwrap();
            Duration::from_micros(u64::try_from(until.as_micros() - now().as_micros()).unwrap())
        };
        let rests: Vec<Duration> = (0..10).map(|_| rest()).collect();
        for (rest, least) in rests.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]) {
            let least = Duration::from_mins(least);
            assert!((least..least.mul_f64(1.0 + JITTER + 0.01)).contains(rest), "{rests:?}");
        }
        patience.answered(&HeaderMap::new(), now());
        assert_eq!(patience.refusals, 0);
        patience.held_until = None;
        patience.refused(Some(now().plus(Duration::from_secs(5))), now());
        assert_eq!(patience.held_until(now()).unwrap().to_string(), "2018-06-30T00:00:05Z");
        assert_eq!(patience.held_until(now().plus(Duration::from_secs(5))), None);
    }
}
