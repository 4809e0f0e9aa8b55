//! A token, as a registry's token service issues it.

use std::time::Duration;

use event::Timestamp;
use serde_json::Value;

/// Longest token that is taken, in bytes: it travels in a header.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Life of a token that does not say (distribution's token specification).
const LIFE_DEFAULT: Duration = Duration::from_mins(1);
const LIFE_MAX: Duration = Duration::from_hours(24);
/// A token is not used in the last of its life, so that it does not expire on its way.
const MARGIN: Duration = Duration::from_secs(10);

pub(crate) struct Token {
    pub(crate) text: String,
    /// When it must be replaced.
    pub(crate) expires_at: Timestamp,
}

impl Token {
    /// # Errors
    /// What the body is instead, as a fragment.
    pub(crate) fn parse(body: &[u8], now: Timestamp) -> Result<Self, &'static str> {
        let Ok(Value::Object(answer)) = serde_json::from_slice(body) else { return Err("no JSON object") };
        // The specification has both names for one thing.
        let text = ["token", "access_token"].into_iter().find_map(|name| answer.get(name)?.as_str());
        let text = text.filter(|text| !text.is_empty()).ok_or("JSON without a `token`")?;
        if text.len() > TOKEN_BYTES_MAX {
            return Err("a token too large to be sent");
        }
        let life = answer.get("expires_in").and_then(Value::as_u64).map_or(LIFE_DEFAULT, Duration::from_secs);
        let life = life.min(LIFE_MAX).saturating_sub(MARGIN);
        Ok(Self { text: text.to_owned(), expires_at: now.plus(life) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<(&str, &str), &str>) {
        let now = "2018-06-30T00:00:00Z".parse().unwrap();
        let token = Token::parse(body.as_bytes(), now).map(|token| (token.text, token.expires_at.to_string()));
        let expected = expected.map(|(text, at)| (text.to_owned(), at.to_owned()));
        assert_eq!(token, expected, "{body}");
    }

    #[test]
    fn a_token_is_used_until_shortly_before_it_expires() {
        check(r#"{"token":"t","expires_in":300}"#, Ok(("t", "2018-06-30T00:04:50Z")));
        check(r#"{"access_token":"t"}"#, Ok(("t", "2018-06-30T00:00:50Z")));
        check(r#"{"token":"t","expires_in":99999999999}"#, Ok(("t", "2018-06-30T23:59:50Z")));
        check(r#"{"token":"t","expires_in":5}"#, Ok(("t", "2018-06-30T00:00:00Z")));
    }

    #[test]
    fn what_is_no_token_is_called_what_it_is() {
        check("<html>", Err("no JSON object"));
        check(r#"{"token":""}"#, Err("JSON without a `token`"));
        check(&format!(r#"{{"token":"{}"}}"#, "t".repeat(20_000)), Err("a token too large to be sent"));
    }
}
