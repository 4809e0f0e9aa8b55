//! Spans of time, as the configuration writes them.

use std::time::Duration;

/// Units, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads `30` (seconds, the product page's form), `250ms`, `30s`, `5m`, `2h` or `7d`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match &text[digits..] {
        "" => 1000,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// The span in the largest unit that divides it.
pub fn format_span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) =
        UNITS.iter().find(|(_, size)| millis.is_multiple_of(*size) && millis >= *size).unwrap_or(&UNITS[3]);
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_number_is_seconds() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_span(text), expected.map(Duration::from_millis), "{text}");
        };
        check("60", Some(60_000));
        check("250ms", Some(250));
        check("5m", Some(300_000));
        check("7d", Some(604_800_000));
        for text in ["", "m", "-5s", "5 s", "5w", "1.5h", "99999999999999999999s"] {
            check(text, None);
        }
    }

    #[test]
    fn a_span_prints_in_its_largest_unit() {
        for text in ["7d", "2h", "90s", "250ms", "0s"] {
            assert_eq!(format_span(parse_span(text).unwrap()), text);
        }
    }
}
