//! Which addresses may be connected to, where somebody else says what to connect to.
//!
//! A name is resolved once for a connection, every address of the answer is judged, and the connection goes to one of
//! the addresses that were judged: a name that means another address a moment later gains nothing by it. One address
//! that is refused refuses the whole answer, or a list of a public and a private one would get by half of the time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use cause::{Cause, CauseCode};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::special_addresses::Special;
use crate::{Networks, Resolver, SystemResolver};

/// Lets through what is public, and the networks that the configuration names.
#[derive(Debug, Clone)]
pub struct Vetting {
    allowed: Networks,
    setting: &'static str,
    resolver: Arc<dyn Resolver>,
}

/// An address to which nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, to which nothing is sent unless {setting} holds it", self.what())]
pub struct AddressRefusal {
    host: String,
    address: IpAddr,
    special: Special,
    setting: &'static str,
}

impl Vetting {
    /// `setting` is where `allowed` was read from, for refusals: `services.notifier.allow_private_networks`.
    pub fn new(allowed: Networks, setting: &'static str) -> Self {
        Self { allowed, setting, resolver: Arc::new(SystemResolver) }
    }

    /// With another resolver than the machine's.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Judges what `url` tells by itself: an address, or a name that always means this host. Any other name is judged
    /// by its addresses, when a connection is made.
    pub fn check_url(&self, url: &Url) -> Result<(), AddressRefusal> {
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        match literal {
            Ok(address) => self.check_address(host, address),
            Err(_) if is_localhost(host) => {
                let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                let is_allowed = loopback.iter().any(|address| self.allowed.hold(*address));
                if is_allowed { Ok(()) } else { self.check_address(host, loopback[0]) }
            }
            Err(_) => Ok(()),
        }
    }

    /// Judges one address of `host`.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), AddressRefusal> {
        if self.allowed.hold(address) {
            return Ok(());
        }
        match Special::of(address) {
            None => Ok(()),
            Some(special) => Err(AddressRefusal { host: host.to_owned(), address, special, setting: self.setting }),
        }
    }
}

/// RFC 6761, 6.3.
fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> Resolving {
        let vetting = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let addresses = vetting.resolver.resolve(host).await?;
            if addresses.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            for address in &addresses {
                vetting.check_address(host, *address)?;
            }
            // The port of the URL takes the place of 0.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl AddressRefusal {
    pub fn address(&self) -> IpAddr {
        self.address
    }

    fn what(&self) -> String {
        let Self { host, address, special, .. } = self;
        if host.trim_matches(['[', ']']) == address.to_string() {
            format!("`{address}` is {special}")
        } else {
            format!("`{host}` is at `{address}`, which is {special}")
        }
    }
}

impl From<AddressRefusal> for Cause {
    fn from(refusal: AddressRefusal) -> Self {
        let hint = format!(
            "If this is the receiver that is meant, name its network in {}: `{}`, or a larger one. If it is not, \
             correct the address, and ask who made this name point here.",
            refusal.setting, refusal.address
        );
        Self::new(CauseCode::NotAllowed, refusal.to_string(), hint)
            .with_evidence("host", refusal.host)
            .with_evidence("address", refusal.address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &str, url: &str, expected: Option<&str>) {
        let vetting = Vetting::new(allowed.parse().unwrap(), "`allow`");
        let refusal = vetting.check_url(&url.parse().unwrap()).map_err(|refusal| refusal.to_string());
        assert_eq!(refusal.err().as_deref(), expected, "{url}");
    }

    #[test]
    fn what_a_url_tells_by_itself_is_judged() {
        check("", "https://hooks.example.com/", None);
        check("", "https://8.8.8.8/", None);
        check(
            "",
            "http://10.0.0.7:8080/x",
            Some("`10.0.0.7` is a private address (RFC 1918), to which nothing is sent unless `allow` holds it"),
        );
        check("10.0.0.0/24", "http://10.0.0.7:8080/x", None);
        check(
            "10.0.0.0/24",
            "http://[::1]/",
            Some(
                "`::1` is a loopback address, which means this host, to which nothing is sent unless `allow` holds it",
            ),
        );
        check(
            "",
            "http://a.LOCALHOST./",
            Some(
                "`a.localhost.` is at `127.0.0.1`, which is a loopback address, which means this host, to which \
                 nothing is sent unless `allow` holds it",
            ),
        );
        check("::1", "http://localhost/", None);
        check("127.0.0.0/8", "http://localhost/", None);
    }
}
