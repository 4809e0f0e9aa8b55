//! Which texts a YAML 1.1 reader would take for something else than a text: these are quoted.
//!
//! The patterns are those of `PyYAML`'s `resolver.py`. They differ from the specification in places (`1e5` is a text,
//! `1.e+5` a number), and so do we.

/// Whether `text`, written without quotes, would be read as a boolean, number, time, null, or one of the special keys.
pub fn reads_as_other(text: &str) -> bool {
    is_word(text) || is_integer(text) || is_float(text) || is_time(text)
}

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", "~", "null", "Null", "NULL", "<<", "=",
    "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE",
    "on", "On", "ON", "off", "Off", "OFF",
    ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN",
];

fn is_word(text: &str) -> bool {
    WORDS.contains(&text)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

/// Whether `text` is not empty and each of its bytes is `allowed`.
fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_digit_or_underscore(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

/// `[0-9][0-9_]*`
fn is_grouped(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && all(text, is_digit_or_underscore)
}

/// `[0-5]?[0-9]`, a part of a sexagesimal number.
fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [ones] => ones.is_ascii_digit(),
        [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let digits = unsigned(text);
    if digits == "0" {
        return true;
    }
    if let Some(rest) = digits.strip_prefix('0') {
        return rest.strip_prefix('b').is_some_and(|bits| all(bits, |byte| b"01_".contains(&byte)))
            || rest.strip_prefix('x').is_some_and(|hex| all(hex, |byte| byte.is_ascii_hexdigit() || byte == b'_'))
            || all(rest, |byte| (b'0'..=b'7').contains(&byte) || byte == b'_');
    }
    let mut parts = digits.split(':');
    parts.next().is_some_and(is_grouped) && parts.all(is_sixtieth)
}

fn is_float(text: &str) -> bool {
    let digits = unsigned(text);
    let Some((whole, fraction)) = digits.split_once('.') else { return false };
    if whole.is_empty() {
        // Without a whole part PyYAML expects no sign.
        let (fraction, exponent) = split_exponent(fraction);
        return digits.len() == text.len() && is_grouped(fraction) && exponent.is_none_or(is_exponent);
    }
    if let Some((degrees, rest)) = whole.split_once(':') {
        return is_grouped(degrees)
            && rest.split(':').all(is_sixtieth)
            && (fraction.is_empty() || all(fraction, is_digit_or_underscore));
    }
    let (fraction, exponent) = split_exponent(fraction);
    is_grouped(whole)
        && (fraction.is_empty() || all(fraction, is_digit_or_underscore))
        && exponent.is_none_or(is_exponent)
}

fn split_exponent(text: &str) -> (&str, Option<&str>) {
    match text.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (text, None),
    }
}

/// `[-+][0-9]+`: the sign is needed.
fn is_exponent(text: &str) -> bool {
    text.strip_prefix(['+', '-']).is_some_and(|digits| all(digits, |byte| byte.is_ascii_digit()))
}

fn is_time(text: &str) -> bool {
    let mut reader = Reader(text.as_bytes());
    let Some((4, 1..=2, 1..=2)) = reader.date() else { return false };
    if reader.0.is_empty() {
        // A date alone needs both digits of month and day.
        return text.len() == "2018-06-30".len();
    }
    let separated = reader.one_of(b"Tt") || reader.blanks() > 0;
    let has_clock = separated
        && matches!(reader.digits(), 1..=2)
        && reader.one_of(b":")
        && reader.digits() == 2
        && reader.one_of(b":")
        && reader.digits() == 2;
    if !has_clock {
        return false;
    }
    if reader.one_of(b".") {
        reader.digits();
    }
    reader.0.is_empty() || {
        reader.blanks();
        reader.one_of(b"Z") || reader.offset()
    } && reader.0.is_empty()
}

/// Takes what a pattern asks for off the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> usize {
        let count = self.0.iter().take_while(|byte| wanted(**byte)).count();
        self.0 = &self.0[count..];
        count
    }

    fn digits(&mut self) -> usize {
        self.take(|byte| byte.is_ascii_digit())
    }

    fn blanks(&mut self) -> usize {
        self.take(|byte| byte == b' ' || byte == b'\t')
    }

    fn one_of(&mut self, wanted: &[u8]) -> bool {
        let found = self.0.first().is_some_and(|byte| wanted.contains(byte));
        self.0 = &self.0[usize::from(found)..];
        found
    }

    /// How many digits year, month and day have.
    fn date(&mut self) -> Option<(usize, usize, usize)> {
        let year = self.digits();
        let month = self.one_of(b"-").then(|| self.digits())?;
        let day = self.one_of(b"-").then(|| self.digits())?;
        Some((year, month, day))
    }

    /// `[-+][0-9][0-9]?(:[0-9][0-9])?`
    fn offset(&mut self) -> bool {
        self.one_of(b"+-") && matches!(self.digits(), 1..=2) && (!self.one_of(b":") || self.digits() == 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: bool) {
        for text in texts {
            assert_eq!(reads_as_other(text), expected, "{text}");
        }
    }

    #[test]
    fn what_yaml_takes_for_something_else_is_recognized() {
        check(&["", "~", "null", "yes", "Off", "=", "<<", ".inf", "-.INF", ".NaN"], true);
        check(
            &["0", "-17", "1_000", "0b1_0", "0o".trim_end_matches('o'), "017", "0x1F", "190:20:30", "+1", "0_"],
            true,
        );
        check(&["1.5", "1.", "-1.5e+3", ".5", "1_0.5_", "190:20:30.15", "1.e-1"], true);
        check(&["2018-06-30", "2018-6-3T1:02:03", "2018-06-30 03:56:27.7 +02:00", "2018-06-30T03:56:27Z"], true);
        check(&["2018-06-30t03:56:27.711071-5"], true);
    }

    #[test]
    fn what_pyyaml_takes_for_a_text_stays_one() {
        check(&["nO", "tRue", "nulL", "y", "n", "- 1", "==", "<", "-.nan", "+"], false);
        check(&["08", "0x", "0b", "1e5", "1.5e3", "-.5", "1:60", "1:2:", "_1", "0b12", "0:30", "1,000"], false);
        check(&["2018-6-3", "2018-06-30T03:56", "18-06-30", "2018-06-30T03:56:27ZZ", "2018-06-30 "], false);
    }
}
