//! What is sent to a registry so that it knows who asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Timestamp;
use http::HeaderValue;
use secrecy::ExposeSecret;

use crate::Credentials;

/// A header that a registry took, or may take.
#[derive(Debug, Clone)]
pub(crate) enum Authorization {
    Basic(HeaderValue),
    Bearer { header: HeaderValue, expires_at: Timestamp },
}

impl Authorization {
    pub(crate) fn basic(credentials: &Credentials) -> Self {
        Self::Basic(basic(credentials))
    }

    /// `None` when the token has characters that no header can carry.
    pub(crate) fn bearer(token: &str, expires_at: Timestamp) -> Option<Self> {
        let header = sensitive(HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
        Some(Self::Bearer { header, expires_at })
    }

    /// The header, unless it has expired.
    pub(crate) fn header(&self, now: Timestamp) -> Option<HeaderValue> {
        match self {
            Self::Basic(header) => Some(header.clone()),
            Self::Bearer { header, expires_at } => (*expires_at > now).then(|| header.clone()),
        }
    }
}

/// RFC 7617.
pub(crate) fn basic(credentials: &Credentials) -> HeaderValue {
    let pair = format!("{}:{}", credentials.username, credentials.password.expose_secret());
    let header = format!("Basic {}", STANDARD.encode(pair));
    sensitive(HeaderValue::from_str(&header).expect("base64 is visible ASCII"))
}

/// Keeps the value out of debug output.
fn sensitive(mut header: HeaderValue) -> HeaderValue {
    header.set_sensitive(true);
    header
}
