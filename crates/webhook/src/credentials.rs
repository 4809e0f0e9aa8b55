//! Who the sender says it is, in the `Authorization` header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cause::Secrets;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// What an endpoint wants to be shown.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// RFC 7617. Either half may be empty, as the old settings allow (contract 6.1).
    Basic { username: String, password: SecretString },
    /// RFC 6750: a token, as it is.
    Bearer(SecretString),
}

/// Credentials that no header can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("the user name contains `:`, which a user name cannot have here")]
    Username,
    #[error("the token is empty or has characters other than visible ASCII")]
    Token,
}

impl Credentials {
    /// The header's value.
    pub(crate) fn header(&self) -> Result<HeaderValue, CredentialsError> {
        let text = match self {
            Self::Basic { username, .. } if username.contains(':') => return Err(CredentialsError::Username),
            Self::Basic { username, password } => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose_secret())))
            }
            Self::Bearer(token) => {
                let token = token.expose_secret();
                if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(CredentialsError::Token);
                }
                format!("Bearer {token}")
            }
        };
        let mut header = HeaderValue::from_str(&text).expect("base64 and visible ASCII fit a header");
        header.set_sensitive(true);
        Ok(header)
    }

    pub(crate) fn add_to(&self, secrets: &mut Secrets) {
        match self {
            Self::Basic { username, password } => secrets.add_credentials(username, password.expose_secret()),
            Self::Bearer(token) => secrets.add(token.expose_secret()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.to_owned(), password: password.into() }
    }

    #[test]
    fn credentials_become_a_header_that_does_not_print() {
        let check = |credentials: Credentials, expected: &str| {
            let header = credentials.header().unwrap();
            assert_eq!(header, expected);
            assert!(header.is_sensitive() && !format!("{credentials:?}").contains("secret-1"));
        };
        check(basic("user", "secret-1"), "Basic dXNlcjpzZWNyZXQtMQ==");
        check(basic("", "secret-1"), "Basic OnNlY3JldC0x");
        check(basic("user", ""), "Basic dXNlcjo=");
        check(Credentials::Bearer("secret-1".into()), "Bearer secret-1");
    }

    #[test]
    fn what_no_header_can_carry_is_refused() {
        assert_eq!(basic("a:b", "c").header(), Err(CredentialsError::Username));
        for token in ["", "a b", "a\r\nX: y", "é"] {
            assert_eq!(Credentials::Bearer(token.into()).header(), Err(CredentialsError::Token), "{token}");
        }
    }
}
