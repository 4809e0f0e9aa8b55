//! Secrets that can be known by where they stand, whoever they belong to: credentials in URLs, signed queries, headers.
//!
//! What is taken out is rather too much than too little. Each rule looks at one position of a text and says where a
//! secret stands if something that announces one begins there; a position is looked at once, so that a hostile body of
//! some megabytes costs no more than its length.

use std::ops::Range;

/// Stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// How far a `user:password@` may reach when the password has characters that belong encoded.
const USER_INFO_BYTES_MAX: usize = 512;

/// Names of parameters and headers whose values are secret. A name that ends in one of [`SECRET_ENDINGS`] is another.
const SECRET_NAMES: [&str; 17] = [
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "auth",
    "authorization",
    "awsaccesskeyid",
    "cookie",
    "hmac",
    "jwt",
    "key-pair-id",
    "pass",
    "pwd",
    "session",
    "sessionid",
    "sig",
    "x-registry-auth",
];
const SECRET_ENDINGS: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "signature",
    "credential",
    "authorization",
    "cookie",
    "api-key",
    "apikey",
];

/// Headers whose value goes on to the end of the line.
const WHOLE_LINE_NAMES: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Words after a scheme's name in a sentence about it, as in "Bearer token required".
const PLAIN_WORDS: [&str; 7] =
    ["token", "auth", "authentication", "authorization", "challenge", "credentials", "scheme"];

/// `text` with [`REDACTED`] in place of every secret that can be known by where it stands.
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rules = [user_info, named_value, scheme_value, web_token];
        if let Some(secret) = rules.iter().find_map(|rule| rule(text, at)) {
            redacted.push_str(&text[at..secret.start]);
            redacted.push_str(REDACTED);
            at = secret.end;
        } else {
            redacted.push(character);
            at += character.len_utf8();
        }
    }
    redacted
}

/// `://user:password@`.
fn user_info(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at + text[at..].strip_prefix("://").map(|_| 3)?;
    let authority_end = end_of(text, start, |byte| b"/?#\"'<>\\".contains(&byte) || byte.is_ascii_whitespace());
    let authority = &text[start..authority_end];
    if let Some(length) = authority.rfind('@') {
        return (length > 0).then_some(start..start + length);
    }
    // What follows the colon is no port, so it may be a password with a `/` in it.
    let without_brackets = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (_, port) = without_brackets.map_or(authority, |(_, rest)| rest).split_once(':')?;
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let end = end_of(text, start, |byte| b"\"'<>\\".contains(&byte) || byte.is_ascii_whitespace());
    let end = end.min(start + USER_INFO_BYTES_MAX);
    let length = text.as_bytes()[start..end].iter().rposition(|&byte| byte == b'@')?;
    Some(start..start + length)
}

/// `token=...`, `"password": "..."`, `Authorization: ...`.
fn named_value(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name_end = word_end(text, at)?;
    let name = text[at..name_end].to_ascii_lowercase();
    if !SECRET_NAMES.contains(&name.as_str()) && !SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    let quote_end = end_of(text, name_end, |byte| !b"\\\"'".contains(&byte));
    let separator = end_of(text, quote_end, |byte| byte != b' ');
    let separator_byte = *bytes.get(separator)?;
    // "The token: it has expired" names no token.
    let is_prose = separator_byte == b':' && quote_end == name_end && name.ends_with("token");
    if !matches!(separator_byte, b'=' | b':') || is_prose {
        return None;
    }
    let value = end_of(text, separator + 1, |byte| byte != b' ');
    let start = end_of(text, value, |byte| !b"\\\"'".contains(&byte));
    let quote = start.checked_sub(1).filter(|_| start > value).map(|last| bytes[last]);
    let end = match quote {
        Some(quote) => end_of_quoted(bytes, start, quote),
        None if WHOLE_LINE_NAMES.contains(&name.as_str()) => end_of(text, start, |byte| b"\r\n\"".contains(&byte)),
        None => end_of(text, start, |byte| b"&#\"'<>,;)]}\\".contains(&byte) || byte.is_ascii_whitespace()),
    };
    // A literal secret may have been taken out already.
    (end > start && !text[start..].starts_with(REDACTED)).then_some(start..end)
}

/// `Bearer ...` and `Basic ...`, wherever they stand.
fn scheme_value(text: &str, at: usize) -> Option<Range<usize>> {
    let scheme_end = word_end(text, at)?;
    let is_scheme = ["bearer", "basic"].iter().any(|scheme| text[at..scheme_end].eq_ignore_ascii_case(scheme));
    let start = end_of(text, scheme_end, |byte| byte != b' ');
    if !is_scheme || start == scheme_end {
        return None;
    }
    let end = end_of(text, start, |byte| !(byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)));
    let value = &text[start..end];
    // `Bearer realm="..."` is a challenge: it asks for a secret and holds none.
    let is_parameter = value.ends_with('=') && text[end..].starts_with(['"', '\\']);
    let is_plain =
        value.is_empty() || PLAIN_WORDS.iter().any(|word| value.trim_end_matches('.').eq_ignore_ascii_case(word));
    (!is_parameter && !is_plain).then_some(start..end)
}

/// A JSON Web Token (RFC 7519), wherever it stands: it begins with `{"`, encoded.
fn web_token(text: &str, at: usize) -> Option<Range<usize>> {
    let is_inside = at > 0 && text.as_bytes()[at - 1].is_ascii_alphanumeric();
    if is_inside || !text[at..].starts_with("eyJ") {
        return None;
    }
    let end = end_of(text, at, |byte| !(byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
    text[at..end].contains('.').then_some(at..end)
}

/// The end of the word that begins at `at`, if one begins there.
fn word_end(text: &str, at: usize) -> Option<usize> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_inside = at > 0 && is_word(text.as_bytes()[at - 1]);
    let end = end_of(text, at, |byte| !is_word(byte));
    (!is_inside && end > at).then_some(end)
}

/// Where the first byte from `from` on that `stops` stands; the end of the text if there is none. `stops` knows ASCII
/// only or stops at every other byte, so this is never inside of a character.
fn end_of(text: &str, from: usize, stops: impl Fn(u8) -> bool) -> usize {
    let from = from.min(text.len());
    text.as_bytes()[from..].iter().position(|&byte| stops(byte)).map_or(text.len(), |length| from + length)
}

fn end_of_quoted(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != quote {
        at +=
            if bytes[at] == b'\\' && bytes.get(at + 1) == Some(&quote) && quote_is_plain(bytes, from) { 2 } else { 1 };
    }
    // JSON within JSON ends its texts with `\"`: the backslash is no part of the value, and keeping it harms nobody.
    at.min(bytes.len())
}

/// Whether the quote before `from` stands alone; `\"` opens a text that `\"` closes.
fn quote_is_plain(bytes: &[u8], from: usize) -> bool {
    from < 2 || bytes[from - 2] != b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected);
    }

    #[test]
    fn credentials_in_urls_are_taken_out() {
        check("GET https://user:pass@host:5000/v2/ failed", "GET https://[redacted]@host:5000/v2/ failed");
        check("http://token@host", "http://[redacted]@host");
        check("https://u:p/w?@host/x y@z", "https://[redacted]@host/x y@z");
        check("https://host:5000/a@sha256:00", "https://host:5000/a@sha256:00");
        check("https://[::1]:5000/a@b", "https://[::1]:5000/a@b");
        check("https://u:é/é@host", "https://[redacted]@host");
    }

    #[test]
    fn secret_parameters_are_taken_out() {
        check(
            "/x?X-Amz-Signature=0a1b&n=5&access_token=t#f",
            "/x?X-Amz-Signature=[redacted]&n=5&access_token=[redacted]#f",
        );
        check("X-Goog-Credential=a%40b&token=&sig=s", "X-Goog-Credential=[redacted]&token=&sig=[redacted]");
        check(r#"{"token":"a\"b","n":1}"#, r#"{"token":"[redacted]","n":1}"#);
        check(r#"{"access_token": "abc"}"#, r#"{"access_token": "[redacted]"}"#);
        check(r#"{\"password\":\"abc\",\"n\":1}"#, r#"{\"password\":\"[redacted]",\"n\":1}"#);
        check("password: abc def", "password: [redacted] def");
        check("?sig=[redacted]&n=1", "?sig=[redacted]&n=1");
        check(r#""token":"unterminated"#, r#""token":"[redacted]"#);
    }

    #[test]
    fn headers_are_taken_out() {
        check("Authorization: Bearer abc.def\nHost: x", "Authorization: [redacted]\nHost: x");
        check("authorization=Basic dTpw", "authorization=[redacted]");
        check("Set-Cookie: a=b; c=d\r\nX: y", "Set-Cookie: [redacted]\r\nX: y");
        check("sent Bearer abc, got 401", "sent Bearer [redacted], got 401");
        check("basic dTpw==", "basic [redacted]");
        check("the key eyJhbGciOi.eyJzdWIi.sig_1 ends", "the key [redacted] ends");
    }

    #[test]
    fn what_holds_no_secret_stays() {
        for text in [
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
            r#"{\"challenge\":\"Bearer realm=\\\"x\\\"\"}"#,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
            "unauthorized: authentication required",
            "Bearer token required",
            "invalid token: it has expired",
            "https://registry.example.com:5000/v2/team/app/tags/list?n=1000&last=a",
            "12:30 é ☃ https://",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(://|@|:|token|Bearer|=|\"|\\\\|eyJ|\\.| |é|.){0,60}") {
            let redacted = redact(&text);
            prop_assert!(redacted.len() <= text.len() * (REDACTED.len() + 1));
        }

        #[test]
        fn a_password_in_a_url_never_stays(password in "[a-z!$/*+,;é-][a-z0-9!$/:*+,;é-]{6,30}") {
            let redacted = redact(&format!("see https://user:{password}@host/path"));
            prop_assert!(!redacted.contains(&password), "{}", redacted);
        }
    }
}
