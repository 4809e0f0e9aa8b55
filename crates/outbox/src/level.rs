//! Whether a log comes near one of its bounds. Pure; time is an argument.

use bus::Fill;
use event::Timestamp;

/// From this part of a bound on, in percent, people are told.
const CROWDED_PERCENT: u64 = 80;
/// Below this part of every bound it is over. Well below the other one, so that a level between does not tell again and
/// again.
const RELIEVED_PERCENT: u64 = 60;

/// How near a log is to its bounds, in percent of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub bytes_percent: u64,
    pub age_percent: u64,
}

impl Level {
    pub fn of(fill: &Fill, now: Timestamp) -> Self {
        let age = fill.oldest_at.map_or(0, |at| now.since(at).as_secs());
        Self { bytes_percent: percent(fill.bytes, fill.bytes_max), age_percent: percent(age, fill.age_max.as_secs()) }
    }

    fn highest(self) -> u64 {
        self.bytes_percent.max(self.age_percent)
    }

    /// Whether it is crowded, where it `was` so before or not.
    pub fn is_crowded(self, was: bool) -> bool {
        self.highest() >= if was { RELIEVED_PERCENT } else { CROWDED_PERCENT }
    }
}

fn percent(part: u64, of: u64) -> u64 {
    part.saturating_mul(100).checked_div(of).unwrap_or(100)
}

/// How full it is and who is behind, in a line for people.
pub fn describe(fill: &Fill, now: Timestamp) -> String {
    let mut parts = vec![format!("it holds {} of {} MiB", fill.bytes >> 20, fill.bytes_max >> 20)];
    if let Some(oldest_at) = fill.oldest_at {
        let (age, age_max) = (now.since(oldest_at).as_secs() / 3600, fill.age_max.as_secs() / 3600);
        parts.push(format!("its oldest message waits since {oldest_at} ({age} of {age_max} h)"));
    }
    let behind = fill.consumers.iter().filter(|consumer| consumer.behind > 0);
    if let Some(slowest) = behind.max_by_key(|consumer| consumer.behind) {
        parts.push(format!("the consumer `{}` is {} messages behind", slowest.name, slowest.behind));
    }
    if fill.put_aside > 0 {
        parts.push(format!("{} messages are put aside", fill.put_aside));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bus::ConsumerFill;

    use super::*;

    fn fill(bytes: u64, hours: u64) -> (Fill, Timestamp) {
        let now: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let oldest_at = (hours > 0).then(|| now.minus(Duration::from_hours(hours)));
        let consumers = vec![ConsumerFill { name: "forwarder".to_owned(), behind: 7, is_absent: false }];
        let (bytes_max, age_max) = (100 << 20, Duration::from_hours(100));
        (Fill { bytes: bytes << 20, bytes_max, messages: 7, oldest_at, age_max, put_aside: 0, consumers }, now)
    }

    #[test]
    fn a_level_between_the_marks_stays_what_it_was() {
        let check = |mebibytes, hours, expected: (bool, bool)| {
            let (fill, now) = fill(mebibytes, hours);
            let level = Level::of(&fill, now);
            assert_eq!((level.is_crowded(false), level.is_crowded(true)), expected, "{level:?}");
        };
        check(10, 0, (false, false));
        check(70, 0, (false, true));
        check(80, 0, (true, true));
        check(0, 59, (false, false));
        check(0, 79, (false, true));
        check(0, 80, (true, true));
        check(0, 1000, (true, true));
    }

    #[test]
    fn people_are_told_how_full_it_is_and_who_is_behind() {
        let (fill, now) = fill(85, 3);
        let expected = "it holds 85 of 100 MiB, its oldest message waits since 2026-11-01T09:00:00Z (3 of 100 h), the \
                        consumer `forwarder` is 7 messages behind";
        assert_eq!(describe(&fill, now), expected);
    }
}
