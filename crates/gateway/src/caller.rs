//! What of a request is handed on to the service that checks it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, header};
use service::client_address::{CLIENT_HEADER, PeerAddress};
use tonic::Request;
use tonic::metadata::MetadataMap;

/// Names the account to act for (contract 3.1).
pub const ACCOUNT_HEADER: &str = "x-anchore-account";
/// Longest texts by which clients and programs are told from others, in bytes.
const CLIENT_BYTES_MAX: usize = 64;
const PROGRAM_BYTES_MAX: usize = 512;

/// Who sends a request: credentials, the account to act for and the address, unread.
#[derive(Debug, Clone)]
pub struct Caller {
    metadata: HeaderMap,
    client: String,
    program: String,
}

impl Caller {
    /// A call in the name of this caller.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.clone());
        request
    }

    /// The same caller, for itself.
    #[must_use]
    pub fn for_own_account(mut self) -> Self {
        self.metadata.remove(ACCOUNT_HEADER);
        self
    }

    /// Where the client is. This tells walks over numbered pages apart and grants nothing, so what proxies say is taken as
    /// it comes.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Which program it says it is.
    pub fn program(&self) -> &str {
        &self.program
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let mut metadata = HeaderMap::new();
        for name in ["authorization", ACCOUNT_HEADER] {
            if let Some(value) = parts.headers.get(name) {
                metadata.insert(name, value.clone());
            }
        }
        metadata.extend(client_header(&parts.extensions));
        let text = |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let hops = text("x-forwarded-for").unwrap_or_default();
        let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip().to_string()).unwrap_or_default();
        let client = match hops.split(',').next().map(str::trim) {
            None | Some("") => &peer,
            Some(first) => first,
        };
        Ok(Self {
            client: cut(client, CLIENT_BYTES_MAX).to_owned(),
            program: cut(&text("user-agent").unwrap_or_default(), PROGRAM_BYTES_MAX).to_owned(),
            metadata,
        })
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The address that a request came from, for the services behind the gateway. It takes the place of what a client says
/// there.
pub fn client_header(extensions: &Extensions) -> Option<(header::HeaderName, HeaderValue)> {
    let peer = extensions.get::<PeerAddress>()?;
    let value = HeaderValue::from_str(&peer.0.ip().to_string()).ok()?;
    Some((header::HeaderName::from_static(CLIENT_HEADER), value))
}
