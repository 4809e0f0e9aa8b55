//! Spans of time, as people write and read them.

use std::time::Duration;

/// Units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads `30` (seconds), `250ms`, `30s`, `5m`, `2h` or `7d`.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match &text[digits..] {
        "" => Some(1000),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size),
    };
    let millis = text[..digits].parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    millis.map(Duration::from_millis).ok_or_else(|| format!("`{text}` is no duration, expected such as `30s` or `2h`"))
}

/// In its two largest units: `2h 5m`, `40s`; less than 10 seconds with a digit more: `1.5s`, `12ms`.
pub fn show_span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if millis < 1000 {
        return format!("{millis}ms");
    }
    if millis < 10_000 {
        return format!("{}.{}s", millis / 1000, millis % 1000 / 100);
    }
    let mut rest = millis;
    let mut parts = Vec::new();
    for (unit, size) in &UNITS[..4] {
        let count = rest / size;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count}{unit}"));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_the_units_of_the_configuration() {
        let check = |text: &str, millis: Option<u64>| {
            assert_eq!(parse_span(text).ok(), millis.map(Duration::from_millis), "{text}");
        };
        check("60", Some(60_000));
        check("250ms", Some(250));
        check("1d", Some(86_400_000));
        for text in ["", "s", "1w", "-1s", "é"] {
            check(text, None);
        }
    }

    #[test]
    fn spans_are_shown_as_people_say_them() {
        let check = |millis: u64, expected: &str| assert_eq!(show_span(Duration::from_millis(millis)), expected);
        check(12, "12ms");
        check(1549, "1.5s");
        check(40_000, "40s");
        check(125_000, "2m 5s");
        check(7_500_000, "2h 5m");
        check(86_400_000, "1d");
        check(86_405_000, "1d");
    }
}
