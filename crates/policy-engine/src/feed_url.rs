//! Where a feed comes from.

use std::fmt;
use std::str::FromStr;

use outbound::Url;
use secrecy::{ExposeSecret, SecretString};

/// The address of a feed. A user name and a password in it are kept apart; they and the query, which may be a
/// signature, are never printed.
#[derive(Clone)]
pub struct FeedUrl {
    /// Without credentials.
    url: Url,
    user_info: Option<(String, SecretString)>,
}

/// A text that is no address of a feed. The text may hold a password, so it is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}, expected an address such as `https://secdb.alpinelinux.org`")]
pub struct FeedUrlError(&'static str);

impl FeedUrl {
    /// User name and password, if the address has them.
    pub fn user_info(&self) -> Option<(&str, &SecretString)> {
        self.user_info.as_ref().map(|(username, password)| (username.as_str(), password))
    }

    /// The address with `segments` at the end of its path.
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.url.clone();
        // An HTTP address always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The address as it is.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host, port and path: what stays the same when a password or a signature is renewed.
    pub fn place(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }

    /// The values of the query, each of which may be a secret.
    pub fn query_values(&self) -> Vec<String> {
        let values = self.url.query_pairs().map(|(_, value)| value.into_owned());
        values.filter(|value| !value.is_empty()).collect()
    }
}

impl FromStr for FeedUrl {
    type Err = FeedUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut url: Url = text.trim().parse().map_err(|_| FeedUrlError("no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(FeedUrlError("neither http:// nor https://"));
        }
        if url.fragment().is_some() {
            return Err(FeedUrlError("it has a fragment (`#...`), which no server gets to see"));
        }
        let username = percent_decoded(url.username());
        let password = url.password().map(percent_decoded);
        let user_info = match (username.is_empty(), password) {
            (true, None) => None,
            (_, password) => Some((username, password.unwrap_or_default().into())),
        };
        if user_info.as_ref().is_some_and(|(username, _)| username.contains(':')) {
            // RFC 7617, section 2: the first colon ends the name.
            return Err(FeedUrlError("the user name in it contains `:`, which a user name cannot have here"));
        }
        // Neither fails for an HTTP address.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, user_info })
    }
}

impl fmt::Display for FeedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        let query = if self.url.query().is_some() { "?***" } else { "" };
        match (&self.user_info, place.split_once("://")) {
            (Some(_), Some((scheme, rest))) => write!(f, "{scheme}://***@{rest}{query}"),
            _ => write!(f, "{place}{query}"),
        }
    }
}

impl fmt::Debug for FeedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for FeedUrl {
    fn eq(&self, other: &Self) -> bool {
        let user_info = |url: &Self| {
            let user_info = url.user_info.as_ref();
            user_info.map(|(username, password)| (username.clone(), password.expose_secret().to_owned()))
        };
        self.url == other.url && user_info(self) == user_info(other)
    }
}

/// RFC 3986, section 2.1; what is no valid escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%');
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_an_address_are_kept_apart_and_never_printed() {
        let url: FeedUrl = "https://user:p%40ss@feeds.example.com:8443/osv/?sig=abc".parse().unwrap();
        let (username, password) = url.user_info().unwrap();
        assert_eq!((username, password.expose_secret()), ("user", "p@ss"));
        assert_eq!(url.to_string(), "https://***@feeds.example.com:8443/osv/?***");
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!(url.place(), "https://feeds.example.com:8443/osv/");
        assert_eq!(url.query_values(), ["abc"]);
        assert_eq!(
            url.join(["Debian:12", "all.zip"]).as_str(),
            "https://feeds.example.com:8443/osv/Debian:12/all.zip?sig=abc"
        );
    }

    #[test]
    fn segments_are_joined_with_or_without_a_slash_at_the_end() {
        for text in ["https://secdb.alpinelinux.org", "https://secdb.alpinelinux.org/"] {
            let url: FeedUrl = text.parse().unwrap();
            assert_eq!(url.join(["v3.20", "main.json"]).as_str(), "https://secdb.alpinelinux.org/v3.20/main.json");
            assert_eq!(url.join(["GitHub Actions"]).as_str(), "https://secdb.alpinelinux.org/GitHub%20Actions");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in ["", "secret", "ftp://user:secret@host/", "https://user:secret@host/#x", "https://a%3Ab:secret@h/"]
        {
            let error = text.parse::<FeedUrl>().unwrap_err().to_string();
            assert!(error.contains("expected an address") && !error.contains("secret"), "{error}");
        }
    }
}
