//! Headers that an endpoint wants beside ours.

use cause::Secrets;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Most headers of one endpoint.
pub const HEADERS_MAX: usize = 32;
/// Longest name, and longest value, in bytes.
const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4096;

/// Those of the request itself, which would change what it says or where it ends.
const RESERVED: [HeaderName; 10] =
    [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
/// Families that mean what we sign, and what a CloudEvent is.
const RESERVED_PREFIXES: [&str; 4] = ["webhook-", "ce-", "proxy-", "keep-alive"];

/// Checked headers. The values count as secrets: they often are.
#[derive(Debug, Clone, Default)]
pub struct OwnHeaders(HeaderMap);

/// A header that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnHeadersError {
    #[error("`{0}` is no name of a header, expected one such as `X-Api-Key`")]
    Name(String),
    #[error("the header `{0}` is set by the sender itself and cannot be given")]
    Reserved(String),
    #[error("the header `{0}` is given twice")]
    Twice(String),
    #[error("the value of the header `{0}` has other characters than visible ASCII and blanks, or too many")]
    Value(String),
    #[error("more than {HEADERS_MAX} headers")]
    TooMany,
}

impl OwnHeaders {
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), OwnHeadersError> {
        let shown = || name.chars().take(64).collect::<String>();
        let known = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| name.as_str().len() <= NAME_BYTES_MAX);
        let known = known.ok_or_else(|| OwnHeadersError::Name(shown()))?;
        if RESERVED.contains(&known) || RESERVED_PREFIXES.iter().any(|prefix| known.as_str().starts_with(prefix)) {
            return Err(OwnHeadersError::Reserved(shown()));
        }
        let is_plain =
            value.len() <= VALUE_BYTES_MAX && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let value = HeaderValue::from_str(value).ok().filter(|_| is_plain);
        let mut value = value.ok_or_else(|| OwnHeadersError::Value(shown()))?;
        value.set_sensitive(true);
        if self.0.contains_key(&known) {
            return Err(OwnHeadersError::Twice(shown()));
        }
        if self.0.len() == HEADERS_MAX {
            return Err(OwnHeadersError::TooMany);
        }
        self.0.insert(known, value);
        Ok(())
    }

    pub(crate) fn has_authorization(&self) -> bool {
        self.0.contains_key(AUTHORIZATION)
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0
    }

    pub(crate) fn add_to(&self, secrets: &mut Secrets) {
        // A short one is more likely `1` or `true`, and would only tear holes into texts.
        let values = self.0.values().filter_map(|value| value.to_str().ok());
        values.filter(|value| value.len() >= 6).for_each(|value| secrets.add(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: Option<fn(String) -> OwnHeadersError>) {
        let expected = expected.map(|refusal| refusal(name.to_owned()));
        assert_eq!(OwnHeaders::default().add(name, value).err(), expected);
    }

    #[test]
    fn headers_that_would_change_the_request_are_refused() {
        check("X-Api-Key", "k 1", None);
        check("Authorization", "Splunk abc", None);
        check("User-Agent", "ours", None);
        for name in ["Content-Type", "host", "Transfer-Encoding", "WEBHOOK-ID", "ce-id", "Proxy-Authorization"] {
            check(name, "x", Some(OwnHeadersError::Reserved));
        }
        check("a b", "x", Some(OwnHeadersError::Name));
        check("", "x", Some(OwnHeadersError::Name));
        check("X-A", "a\r\nX-B: c", Some(OwnHeadersError::Value));
        check("X-A", &"a".repeat(4097), Some(OwnHeadersError::Value));
    }

    #[test]
    fn headers_are_few_and_each_given_once() {
        let mut headers = OwnHeaders::default();
        for number in 0..HEADERS_MAX {
            headers.add(&format!("x-{number}"), "secret-1").unwrap();
        }
        assert_eq!(headers.add("X-0", "2"), Err(OwnHeadersError::Twice("X-0".to_owned())));
        assert_eq!(headers.add("x-more", "2"), Err(OwnHeadersError::TooMany));
        assert!(!format!("{headers:?}").contains("secret-1"));
    }
}
