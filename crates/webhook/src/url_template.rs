//! Where an endpoint is: a URL in which the account and the type are filled in (contract 5.3).
//!
//! URLs are read by many programs, and each forgives other mistakes: `http://0x7f.1`, `http:\\host`, `http://a@b`. So
//! what is taken here is spelt the one plain way in which it cannot be misread, and says how when it is not.

use std::fmt;
use std::str::FromStr;

use event::AccountName;
use outbound::{AddressRefusal, Url, Vetting};

use crate::NotificationType;

/// Longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

const ACCOUNT: &str = "<userId>";
const NOTIFICATION_TYPE: &str = "<notification_type>";

/// A URL with `<userId>` and `<notification_type>` in its path or query; they are replaced as plain text.
///
/// Path and query may be what gives a right to write, so debug and display show neither.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    text: String,
    origin: String,
}

/// A text that is no URL for webhooks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlTemplateError {
    #[error("{0} bytes, expected at most {URL_BYTES_MAX}")]
    TooLong(usize),
    #[error("contains {0:?}, expected visible ASCII without `\\`: other characters are percent-encoded")]
    Character(char),
    #[error("expected a URL that begins with `https://` or `http://`")]
    Scheme,
    #[error("no host after `://`")]
    NoHost,
    #[error("has credentials before `@`, which belong into settings of their own")]
    Credentials,
    #[error("`{ACCOUNT}` and `{NOTIFICATION_TYPE}` may stand in the path and the query only")]
    PlaceholderInHost,
    #[error("unknown placeholder, expected `{ACCOUNT}` or `{NOTIFICATION_TYPE}`")]
    UnknownPlaceholder,
    #[error("no URL: {0}")]
    Malformed(String),
    #[error("`{given}` is another spelling of `{meant}`, expected that one if it is meant")]
    Spelling { given: String, meant: String },
    #[error("the host ends in a full stop, expected none")]
    TrailingDot,
    #[error("has a part after `#`, which is never sent")]
    Fragment,
    #[error("no server can be reached at port 0")]
    PortZero,
    #[error("leads to `{0}` for this account")]
    OtherOrigin(String),
}

impl UrlTemplate {
    /// The URL for `account`, at the origin of the template.
    pub fn expand(&self, account: &AccountName, kind: NotificationType) -> Result<Url, UrlTemplateError> {
        let url = parse(&filled(&self.text, account.as_str(), kind.as_str()))?;
        let origin = url.origin().ascii_serialization();
        if origin == self.origin { Ok(url) } else { Err(UrlTemplateError::OtherOrigin(origin)) }
    }

    /// Whether its host may be connected to, as far as it tells by itself; a name is judged when a connection is made.
    pub fn check(&self, vetting: &Vetting) -> Result<(), AddressRefusal> {
        let url = self.origin.parse().expect("an origin is a URL");
        vetting.check_url(&url)
    }

    /// The whole text. It may be a secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: no secret.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl FromStr for UrlTemplate {
    type Err = UrlTemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlTemplateError::TooLong(text.len()));
        }
        if let Some(character) = text.chars().find(|character| !character.is_ascii_graphic() || *character == '\\') {
            return Err(UrlTemplateError::Character(character));
        }
        check_authority(authority(text)?)?;
        let example = filled(text, "account", NotificationType::EventLog.as_str());
        if example.contains(['<', '>']) {
            return Err(UrlTemplateError::UnknownPlaceholder);
        }
        let url = parse(&example)?;
        check_spelling(authority(text)?, &url)?;
        Ok(Self { text: text.to_owned(), origin: url.origin().ascii_serialization() })
    }
}

/// The origin, and that there is more.
impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/...", self.origin)
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlTemplate({self})")
    }
}

fn filled(text: &str, account: &str, kind: &str) -> String {
    text.replace(ACCOUNT, account).replace(NOTIFICATION_TYPE, kind)
}

fn parse(text: &str) -> Result<Url, UrlTemplateError> {
    text.parse().map_err(|error: <Url as FromStr>::Err| UrlTemplateError::Malformed(error.to_string()))
}

/// What stands between the scheme and the path, as it was written.
fn authority(text: &str) -> Result<&str, UrlTemplateError> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlTemplateError::Scheme)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(UrlTemplateError::Scheme);
    }
    Ok(&rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())])
}

fn check_authority(authority: &str) -> Result<(), UrlTemplateError> {
    if authority.is_empty() {
        return Err(UrlTemplateError::NoHost);
    }
    if authority.contains('<') {
        return Err(UrlTemplateError::PlaceholderInHost);
    }
    if authority.contains('@') { Err(UrlTemplateError::Credentials) } else { Ok(()) }
}

/// Compares what was written with what was understood.
fn check_spelling(authority: &str, url: &Url) -> Result<(), UrlTemplateError> {
    let host = url.host_str().ok_or(UrlTemplateError::NoHost)?;
    let port = url.port_or_known_default().ok_or(UrlTemplateError::NoHost)?;
    let given = authority.to_ascii_lowercase();
    if given != host && given != format!("{host}:{port}") {
        let meant = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        return Err(UrlTemplateError::Spelling { given: authority.to_owned(), meant });
    }
    if host.ends_with('.') {
        return Err(UrlTemplateError::TrailingDot);
    }
    if url.fragment().is_some() {
        return Err(UrlTemplateError::Fragment);
    }
    if port == 0 { Err(UrlTemplateError::PortZero) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(template: &str) -> String {
        let template: UrlTemplate = template.parse().unwrap();
        template.expand(&"a+b@c.d".parse().unwrap(), NotificationType::EventLog).unwrap().to_string()
    }

    #[test]
    fn placeholders_are_replaced_as_plain_text() {
        let url = "http://hooks.example.com/general/<notification_type>/<userId>";
        assert_eq!(expanded(url), "http://hooks.example.com/general/event_log/a+b@c.d");
        let url = "https://h:8443/?u=<userId>&v=<userId>&t=<notification_type>";
        assert_eq!(expanded(url), "https://h:8443/?u=a+b@c.d&v=a+b@c.d&t=event_log");
        assert_eq!(expanded("http://h"), "http://h/");
    }

    fn check(text: &str, expected: Option<&str>) {
        let refusal = text.parse::<UrlTemplate>().err().map(|error| error.to_string());
        let is_expected = match (&refusal, expected) {
            (Some(refusal), Some(expected)) => refusal.contains(expected),
            (refusal, expected) => refusal.is_none() && expected.is_none(),
        };
        assert!(is_expected, "{text}: {refusal:?}, expected {expected:?}");
    }

    #[test]
    fn only_the_plain_spelling_is_taken() {
        for text in ["HTTPS://Hooks.Example.com:443/x", "http://1.2.3.4:80", "http://[::1]:8080/", "http://a_b.c-d/?q"]
        {
            check(text, None);
        }
        check("http://0x7f.1/", Some("another spelling of `127.0.0.1`"));
        check("http://1.2.3.04/", Some("another spelling of `1.2.3.4`"));
        check("http://[0:0::1]:80/", Some("another spelling of `[::1]`"));
        check("http://h%6Fst/", Some("another spelling of `host`"));
        check("http://h:/", Some("another spelling of `h`"));
        check("http://h:0080/", Some("another spelling of `h`"));
        check("http://h./", Some("ends in a full stop"));
        check("http://user@h/", Some("credentials before `@`"));
        check("http:///h/", Some("no host"));
        check("http:/h/", Some("begins with `https://`"));
        check("ftp://h/", Some("begins with `https://`"));
        check(" http://h/", Some("contains ' '"));
        check("http://h\t/", Some("contains '\\t'"));
        check("http://h\\x", Some("without `\\`"));
        check("http://１２７.0.0.1/", Some("visible ASCII"));
        check("http://h/#x", Some("never sent"));
        check("http://h:0/", Some("port 0"));
        check("http://<userId>.example.com/", Some("in the path and the query only"));
        check("http://h/<user>", Some("unknown placeholder"));
        check("http://[::1%25eth0]/", Some("no URL: invalid IPv6"));
        check("http://a..b:99999/", Some("no URL: invalid port"));
        check("", Some("begins with `https://`"));
        check(&format!("http://h/{}", "a".repeat(URL_BYTES_MAX)), Some("expected at most 2048"));
    }

    #[test]
    fn the_path_does_not_print() {
        let template: UrlTemplate = "https://hooks.slack.com/services/T0/B0/secret".parse().unwrap();
        assert_eq!(
            format!("{template} {template:?}"),
            "https://hooks.slack.com/... UrlTemplate(https://hooks.slack.com/...)"
        );
    }
}
