//! Points in time, to the microsecond, and the two ways people write them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc};

/// A point in time in UTC, with microsecond precision, between the years 1 and 9999.
///
/// The precision is the contract's (1.1): it has six fraction digits. Finer digits of an input are cut off, as the old
/// system did, and the interfaces say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time, expected ISO 8601 such as `2018-06-30T03:56:27Z` or `2018-06-30` (years 1 to 9999)")]
pub struct TimestampError(String);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// From microseconds since 1970-01-01T00:00:00Z; `None` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970-01-01T00:00:00Z; negative before.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).expect("years 1 to 9999 are within chrono's range")
    }

    /// The time `earlier` before this one; the earliest time there is when that would be before the year 1.
    #[must_use]
    pub fn minus(self, earlier: std::time::Duration) -> Self {
        let micros = i64::try_from(earlier.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros)).unwrap_or(Self::MIN)
    }

    /// The time `later` after this one; the latest time there is when that would be after the year 9999.
    #[must_use]
    pub fn plus(self, later: std::time::Duration) -> Self {
        let micros = i64::try_from(later.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros)).unwrap_or(Self::MAX)
    }

    /// The time that has passed since `earlier`; none when it is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads `text` as a time, or as a span before `now`: `90s`, `30m`, `2h`, `7d`, `1w`.
    ///
    /// # Errors
    /// [`TimestampError`] when it is neither.
    pub fn parse_relative(text: &str, now: Self) -> Result<Self, TimestampError> {
        match relative_span(text.trim()) {
            Some(span) => Ok(now.minus(span)),
            None => text.parse(),
        }
    }

    fn in_range(time: DateTime<Utc>) -> Option<Self> {
        Self::from_micros(time.timestamp_micros())
    }
}

/// The nearest time in the years 1 to 9999: a machine's clock is never refused.
impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros().clamp(Self::MIN.0, Self::MAX.0))
    }
}

/// The contract's text (1.1): six fraction digits, none for a whole second, and a `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.rem_euclid(1_000_000) == 0;
        let digits = if whole { SecondsFormat::Secs } else { SecondsFormat::Micros };
        f.pad(&self.to_datetime().to_rfc3339_opts(digits, true))
    }
}

/// Reads what a lenient date parser takes (contract 3.2): `T`, `t` or a blank between date and time, any fraction, an
/// offset or none (then UTC), a date alone (midnight), and the common forms with a month's name.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        parse_iso(text)
            .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|time| time.to_utc()))
            .or_else(|| parse_written_out(text))
            .and_then(Self::in_range)
            .ok_or_else(|| TimestampError(text.chars().take(64).collect()))
    }
}

fn parse_iso(text: &str) -> Option<DateTime<Utc>> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim_start()),
        None => (text, ""),
    };
    let date = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"].iter().find_map(|form| {
        // chrono takes fewer digits than four for a year; "18-06-30" would be the year 18.
        let year_is_whole = date.bytes().take(4).filter(u8::is_ascii_digit).count() == 4;
        NaiveDate::parse_from_str(date, form).ok().filter(|_| year_is_whole)
    })?;
    let (time, offset) = split_offset(rest)?;
    let time = if time.is_empty() { Some(NaiveTime::MIN) } else { parse_time(time) }?;
    offset.from_local_datetime(&date.and_time(time)).single().map(|time| time.to_utc())
}

fn parse_time(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S%.f", "%H:%M", "%H%M%S", "%H"].iter().find_map(|form| {
        let text = if *form == "%H" { format!("{text}:00") } else { text.to_owned() };
        let form = if *form == "%H" { "%H:%M" } else { form };
        NaiveTime::parse_from_str(&text, form).ok()
    })
}

/// Splits `10:11:12.5+02:00` into its time and its offset; no offset is UTC.
fn split_offset(text: &str) -> Option<(&str, FixedOffset)> {
    let utc = FixedOffset::east_opt(0)?;
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time.trim_end(), utc));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, utc)) };
    let digits: String = text[at + 1..].chars().filter(|&c| c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    let seconds = hours * 3600 + minutes * 60;
    let offset = FixedOffset::east_opt(if text[at..].starts_with('-') { -seconds } else { seconds })?;
    (minutes < 60).then_some((text[..at].trim_end(), offset))
}

fn parse_written_out(text: &str) -> Option<DateTime<Utc>> {
    const DATES: [&str; 4] = ["%d %b %Y", "%b %d %Y", "%b %d, %Y", "%a %b %d %Y"];
    DATES.iter().find_map(|date| {
        NaiveDate::parse_from_str(text, date)
            .map(|date| date.and_time(NaiveTime::MIN))
            .or_else(|_| NaiveDateTime::parse_from_str(text, &format!("{date} %H:%M:%S%.f")))
            .or_else(|_| NaiveDateTime::parse_from_str(text, &format!("{date} %H:%M")))
            .map(|time| time.and_utc())
            .ok()
    })
}

fn relative_span(text: &str) -> Option<std::time::Duration> {
    let unit = text.chars().last()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|number| *number >= 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    Duration::try_seconds(number.checked_mul(seconds)?)?.to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let read = input.parse::<Timestamp>().map_or_else(|_| "refused".to_owned(), |time| time.to_string());
        assert_eq!(read, expected, "{input}");
    }

    #[test]
    fn reads_what_clients_send() {
        check("2018-06-30T03:56:27.711071Z", "2018-06-30T03:56:27.711071Z");
        check("2018-06-30T03:56:27.711071", "2018-06-30T03:56:27.711071Z");
        check("2018-06-30T03:56:27.711071+00:00", "2018-06-30T03:56:27.711071Z");
        check("2018-06-30T03:56:27-0230", "2018-06-30T06:26:27Z");
        check("2018-06-29 10:00:00.123456", "2018-06-29T10:00:00.123456Z");
        check("2018-06-29", "2018-06-29T00:00:00Z");
        check("2018-06-29T10:11", "2018-06-29T10:11:00Z");
        check("20180629", "2018-06-29T00:00:00Z");
        check("Sat, 30 Jun 2018 03:56:27 +0000", "2018-06-30T03:56:27Z");
        check("Jun 30, 2018 03:56", "2018-06-30T03:56:00Z");
        check("2018-06-30T03:56:27.1234567Z", "2018-06-30T03:56:27.123456Z");
        check("0001-01-01", "0001-01-01T00:00:00Z");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for input in
            ["", "yesterday", "2018-13-01", "2018-02-30", "18-06-30", "2018-06-30T25:00", "10000-01-01", "0000-01-01"]
        {
            check(input, "refused");
        }
        check("2018-06-30T00:00:00+99:99", "refused");
    }

    #[test]
    fn whole_seconds_have_no_fraction() {
        check("2018-06-29T00:00:00.000000Z", "2018-06-29T00:00:00Z");
        check("2018-06-29T10:11:13.5Z", "2018-06-29T10:11:13.500000Z");
        check("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z");
    }

    #[test]
    fn a_span_is_before_now() {
        let now: Timestamp = "2018-06-30T12:00:00Z".parse().unwrap();
        let check = |text: &str, expected: &str| {
            assert_eq!(Timestamp::parse_relative(text, now).unwrap().to_string(), expected, "{text}");
        };
        check("2h", "2018-06-30T10:00:00Z");
        check("90s", "2018-06-30T11:58:30Z");
        check("1w", "2018-06-23T12:00:00Z");
        check("2018-06-01", "2018-06-01T00:00:00Z");
        assert!(Timestamp::parse_relative("-2h", now).is_err());
        assert!(Timestamp::parse_relative("é", now).is_err());
    }
}
