//! Who is at the other end of a request.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap};

/// By this header the gateway tells the services behind it whom it passes on. It replaces what a client has sent; still
/// only its word counts less than the connection's: whoever reaches a service directly may write anything here.
pub const CLIENT_HEADER: &str = "x-anchore-client";

/// Longest value of [`CLIENT_HEADER`] that is looked at, in bytes: an IPv6 address.
const CLIENT_BYTES_MAX: usize = 45;

/// The other end of the connection; a [`crate::door::Door`] puts it beside every request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Where a request comes from: the address that it came to us from, and the one that it is passed on for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress {
    pub peer: Option<IpAddr>,
    /// As the peer says.
    pub passed_on_for: Option<IpAddr>,
}

impl ClientAddress {
    pub fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let said = headers.get(CLIENT_HEADER).and_then(|value| value.to_str().ok());
        let said = said.filter(|text| text.len() <= CLIENT_BYTES_MAX).and_then(|text| text.parse().ok());
        Self { peer: extensions.get::<PeerAddress>().map(|peer| peer.0.ip()), passed_on_for: said }
    }
}

/// `192.0.2.1`, or `192.0.2.1 by way of 10.0.0.7`.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.passed_on_for, self.peer) {
            (Some(client), Some(peer)) if client != peer => write!(f, "{client} by way of {peer}"),
            (Some(client), _) => client.fmt(f),
            (None, Some(peer)) => peer.fmt(f),
            (None, None) => f.write_str("an unknown address"),
        }
    }
}
