//! When a peer wants to be asked again: the `Retry-After` header (RFC 9110, 10.2.3).

use std::time::Duration;

use event::Timestamp;

/// Longest time a peer may ask for: a wrong header must not silence anybody for good.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The time that `header` means: seconds from now, or a date; at most [`RETRY_AFTER_MAX`] away.
pub fn retry_at(header: &str, now: Timestamp) -> Option<Timestamp> {
    let header = header.trim();
    let latest = now.plus(RETRY_AFTER_MAX);
    match header.parse() {
        Ok(seconds) => Some(now.plus(Duration::from_secs(seconds)).min(latest)),
        Err(_) => header.parse::<Timestamp>().ok().map(|at| at.clamp(now, latest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<&str>) {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        assert_eq!(retry_at(header, now).map(|at| at.to_string()).as_deref(), expected, "{header}");
    }

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        check("120", Some("2018-06-30T00:02:00Z"));
        check(" 0 ", Some("2018-06-30T00:00:00Z"));
        check("Sat, 30 Jun 2018 01:00:00 GMT", Some("2018-06-30T01:00:00Z"));
        check("Fri, 29 Jun 2018 01:00:00 GMT", Some("2018-06-30T00:00:00Z"));
        check("Fri, 29 Jun 2068 01:00:00 GMT", Some("2018-07-01T00:00:00Z"));
        check("18446744073709551615", Some("2018-07-01T00:00:00Z"));
        check("soon", None);
        check("-5", None);
    }
}
